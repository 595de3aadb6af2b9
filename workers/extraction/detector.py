"""MediaPipe's detectors: a square part of a photograph -> what they look for, people or faces."""

from typing import NamedTuple

import numpy as np

from workers.extraction.networks import Network, sigmoid
from workers.extraction.regions import Region, cut

SAME = 0.3  # intersection over union from which boxes are of one


class Detection(NamedTuple):
    """One that was found; x and y on the photograph."""

    box: np.ndarray  # (2, 2): its corners, before the part was turned
    points: np.ndarray  # (K, 2)
    score: float  # 0..1


class Detector:
    """A network that sees squares of `side` pixels.

    `grids` are the cells a side of its outputs, and the anchors a cell; `points` is how many it
    gives of each that it finds.
    """

    def __init__(self, model: bytes, side: int, grids: tuple[tuple[int, int], ...], points: int):
        self.side, self.points = side, points
        self._network, self._anchors = Network(model), _anchors(grids)

    def __call__(self, photograph: np.ndarray, part: Region, least: float) -> list[Detection]:
        """What is on a part of a photograph (H, W, 3) uint8, best score first, at least `least`."""
        seen = cut(photograph, part, self.side, repeat_border=False) / 127.5 - 1
        out, count = self._network(seen), len(self._anchors)
        score = sigmoid(out[1, count, 1][0, :, 0])
        found = np.flatnonzero(score >= least)
        raw, score = out[1, count, 4 + 2 * self.points][0][found] / self.side, score[found]
        anchors = self._anchors[found]
        half = raw[:, 2:4] / 2
        boxes = np.concatenate([raw[:, :2] + anchors - half, raw[:, :2] + anchors + half], axis=1)
        places = np.concatenate([boxes, raw[:, 4:] + np.tile(anchors, self.points)], axis=1)
        detections = []
        left = np.argsort(-score, kind="stable")
        while len(left):
            best = left[0]
            one = overlap(boxes[best], boxes[left]) > SAME
            same, left = left[one], left[~one]
            mean = np.average(places[same], axis=0, weights=score[same]).reshape(-1, 2)
            on_photograph = part.on_photograph(mean)
            detections.append(Detection(on_photograph[:2], on_photograph[2:], float(score[best])))
        return detections


def _anchors(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(N, 2): where each output looks from, in the unit square."""
    centres = []
    for cells, count in grids:
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(centres)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) x0, y0, x1, y1 with others (N, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / (areas + (box[2:] - box[:2]).prod() - shared)
