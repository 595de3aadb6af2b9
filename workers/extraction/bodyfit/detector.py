"""Finds people on a photograph: MediaPipe's pose detector."""

import numpy as np

from workers.extraction.bodyfit.networks import DETECTOR, read
from workers.extraction.detector import Detector
from workers.extraction.regions import Region

SIDE = 224  # pixels that the network sees
GRIDS = ((28, 2), (14, 2), (7, 6))
REACH = 1.25  # the landmark network's region by the circle round the body


def person_detector() -> Detector:
    """Of the four points that it gives, the first two count: the hips, and one on the circle."""
    return Detector(read(DETECTOR), SIDE, GRIDS, points=4)


def landmark_region(points: np.ndarray) -> Region:
    """The upright square round a body, turned so that the person stands in it."""
    hips, above = points[:2]
    x, y = above - hips
    return Region(
        (float(hips[0]), float(hips[1])),
        2 * REACH * float(np.hypot(x, y)),
        float(np.arctan2(x, -y)),
    )
