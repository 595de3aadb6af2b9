"""The paper's pairs of face images: which frame of a video is rendered in the pose of which.

Each 120th frame of a video is a source; its targets are the frames at the quartiles of the cosine
between head poses. A pose is here where the face looks, a unit vector. Euler angles would not do:
the cosine between two triples of angles is that of no angle between heads.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """A photograph of a face in a video."""

    image_id: str
    video: str
    subject: str  # whose face it is
    number: int  # in the video, counting all of its frames
    facing: Sequence[float]  # a unit vector


Pair = tuple[str, str]
"""The image ids of source and target."""


def held_out(subjects: Iterable[str], share: float, seed: int) -> set[str]:
    """The subjects to be tested, a share of them, whatever their order."""
    mixed = sorted(set(subjects), key=lambda subject: _mixed(f"{seed} {subject}"))
    return set(mixed[: round(share * len(mixed))])


def source_frames(frames: Iterable[Frame], every: int) -> list[Frame]:
    """The frames that are sources: those whose numbers are multiples of `every`."""
    return [frame for frame in _in_order(frames) if frame.number % every == 0]


def pairs_to_test(
    frames: Iterable[Frame], every: int, quantiles: Sequence[float], itself: bool = False
) -> list[Pair]:
    """Each source with a frame of its video for each quantile of the cosine between the two.

    The target is that frame whose cosine is nearest to the quantile and that is no target of the
    source yet; a short video gives fewer targets. With `itself`, a source may be its own target.
    """
    videos, pairs = _by_video(frames), []
    for source in source_frames(frames, every):
        others = [f for f in videos[source.video] if itself or f.image_id != source.image_id]
        cosines = np.array([np.dot(source.facing, other.facing) for other in others])
        left = np.ones(len(others), bool)
        for quantile in quantiles[: len(others)]:
            off = np.abs(cosines - np.quantile(cosines, quantile))
            best = int(np.where(left, off, np.inf).argmin())
            left[best] = False
            pairs.append((source.image_id, others[best].image_id))
    return pairs


def pairs_to_train(frames: Iterable[Frame], targets: int, seed: int) -> list[Pair]:
    """Each frame with so many others of its video, drawn at random, or all if there are fewer."""
    pairs = []
    for of_video in _by_video(frames).values():
        names = [frame.image_id for frame in of_video]
        for at, name in enumerate(names):
            rng = np.random.default_rng(_mixed(f"{seed} {name}"))
            some = rng.choice(len(names) - 1, min(targets, len(names) - 1), replace=False)
            pairs += [(name, names[i + (i >= at)]) for i in some.tolist()]
    return pairs


def _in_order(frames: Iterable[Frame]) -> list[Frame]:
    return sorted(frames, key=lambda frame: (frame.video, frame.number, frame.image_id))


def _by_video(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    videos = defaultdict(list)
    for frame in _in_order(frames):
        videos[frame.video].append(frame)
    return videos


def _mixed(text: str) -> int:
    """A number that any change of a text changes."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
