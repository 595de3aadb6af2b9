"""Finds people on a photograph: MediaPipe's pose detector."""

from typing import NamedTuple

import numpy as np

from workers.extraction.bodyfit.networks import DETECTOR, Network, sigmoid
from workers.extraction.bodyfit.regions import Region, cut

SIDE = 224  # pixels that the network sees
GRIDS = ((28, 2), (14, 2), (7, 6))  # cells a side of its outputs, and anchors a cell
SAME = 0.3  # intersection over union from which boxes are one person's
REACH = 1.25  # the landmark network's region by the circle round the body


class Detection(NamedTuple):
    """A person: the upright square round the body, and which way is up."""

    region: Region  # turned so that the person stands upright in it; as the landmarks want it
    score: float  # 0..1


class Detector:
    """Photographs (H, W, 3) uint8 -> people, best score first."""

    def __init__(self) -> None:
        self._network = Network(DETECTOR)
        self._anchors = _anchors()

    def __call__(self, photograph: np.ndarray, part: Region, least: float) -> list[Detection]:
        """The people on a square part of a photograph whose score is at least `least`."""
        seen = cut(photograph, part, SIDE, repeat_border=False) / 127.5 - 1
        out = self._network(seen)
        score = sigmoid(out[1, len(self._anchors), 1][0, :, 0])
        found = np.flatnonzero(score >= least)
        raw, score = out[1, len(self._anchors), 12][0][found] / SIDE, score[found]
        anchors = self._anchors[found]
        half = raw[:, 2:4] / 2
        boxes = np.concatenate([raw[:, :2] + anchors - half, raw[:, :2] + anchors + half], axis=1)
        points = raw[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
        people = []
        left = np.argsort(-score, kind="stable")
        while len(left):
            best = left[0]
            one = overlap(boxes[best], boxes[left]) > SAME
            same, left = left[one], left[~one]
            mean = np.average(points[same], axis=0, weights=score[same])
            people.append(Detection(_region(part.on_photograph(mean)), float(score[best])))
        return people


def _region(points: np.ndarray) -> Region:
    """Two points of a person -> the landmarks' region: the hips, and one above on the circle."""
    hips, above = points[:2]
    x, y = above - hips
    return Region(
        (float(hips[0]), float(hips[1])),
        2 * REACH * float(np.hypot(x, y)),
        float(np.arctan2(x, -y)),
    )


def _anchors() -> np.ndarray:
    """(2254, 2): where each output looks from, in the unit square."""
    centres = []
    for cells, count in GRIDS:
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(centres)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) x0, y0, x1, y1 with others (N, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / (areas + (box[2:] - box[:2]).prod() - shared)
