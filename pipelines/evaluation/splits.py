"""Which images a model was trained on, and which pairs it is measured on.

Two splits of DeepFashion are in use, and most test images of the one are training images of the
other. Names are compared as `canonical_key` spells them.
"""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from models.checkpoint import training_images
from pipelines.runs.plan import Plan, RunError
from workers.data.names import canonical_key, former_key, short
from workers.data.user_tables import read_pairs, read_text
from workers.model import checkpoint
from workers.shards.rows import ScoreKey

LIST = ".lst"


class Split:
    """A list of pairs to score."""

    def __init__(self, url: str):
        listed = read_pairs(url)
        self.url = url
        self.pairs = {
            (canonical_key(source), canonical_key(target)): (source, target)
            for source, target in zip(listed["from"], listed["to"], strict=True)
        }
        if len(self.pairs) < len(listed):
            raise RunError(f"{url}: a pair stands there twice, in two spellings: remove one")

    @cached_property
    def id(self) -> str:
        """Identifies the pairs, in whatever order and spelling: a SHA-256 in hex."""
        lines = sorted(f"{source},{target}" for source, target in self.pairs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Overlap(NamedTuple):
    """Images of the pairs, and how many of them the model was trained on, by their names."""

    trained_on: str  # the SHA-256 of the list of training images
    images: int
    seen: int
    listed: int  # training images
    examples: tuple[str, str]  # one of these, and one of the pairs' images

    @property
    def sentence(self) -> str:
        """What a reader must know of it."""
        if self.seen:
            return (
                f"the model was trained on {self.seen} of the {self.images} images of these pairs "
                f"(training list {self.trained_on[:12]})"
            )
        there, here = map(short, self.examples)
        return (
            f"by name, none of the {self.images} images of these pairs is among the {self.listed} "
            f"that the model was trained on (there such as {there}, here {here}): images that were "
            "renamed in between are not recognised"
        )


def read_images(url: str) -> set[str]:
    """The images of a list, a .lst of a name a line or a table `from,to`, by canonical key."""
    if url.lower().endswith(LIST):
        names: Iterable[str] = map(str.strip, read_text(url).splitlines())
    else:
        pairs = read_pairs(url)
        names = [*pairs["from"], *pairs["to"]]
    if not (images := {canonical_key(name) for name in names if name}):
        raise RunError(f"{url}: the list is empty")
    return images


def overlap(renders: Plan, keys: Iterable[ScoreKey]) -> Overlap | None:
    """What a run of render's model has seen of pairs; None where the model does not say."""
    trained_on = renders.identity["model"].get("trained_on")
    if trained_on is None:
        return None
    model = renders.identity["config"]["model"]
    try:
        known = training_images(checkpoint(model).read, trained_on)
    except ValueError as error:
        raise RunError(
            f"{model}: {error}, so nobody can tell which images the model was trained on; copy "
            "the checkpoint whole again"
        ) from error
    known = {canonical_key(name) for name in known}
    images = {canonical_key(n): n for key in keys for n in (key.source, key.reference) if n}
    seen = [n for key, n in images.items() if key in known or former_key(n) in known]
    examples = min(known), min(images.values())
    return Overlap(trained_on, len(images), len(seen), len(known), examples)
