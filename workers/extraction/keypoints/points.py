"""The numbers that files hold of a person -> the 18 points of OpenPose.

Files differ in which points they have, in their order, and in what they write for a missing one.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from workers.data.errors import BadKeypoints

NECK, SHOULDERS = 1, (2, 5)  # of OpenPose's 18 points
# Where each of the 18 points stands among others. COCO has no neck.
BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
COCO_17 = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
ORDERS = {18: tuple(range(18)), 25: BODY_25, 17: COCO_17}
FRACTION = 2.0  # nobody is as small as 2 pixels: such coordinates are shares of the picture


def points_of(numbers: Iterable[Any] | None) -> np.ndarray:
    """Numbers x, y, confidence of 18, 25 or 17 points -> OpenPose's 18, (18, 3) float64.

    A point is missing, NaN, where its confidence is 0 or less, or a number of it is null or NaN.
    Flat, or a list a point, which may be null. Raises BadKeypoints for anything else.
    """
    flat = _flat(numbers or [])
    if len(flat) not in [3 * count for count in ORDERS]:
        raise BadKeypoints(
            f"{len(flat)} numbers found where 54 (18 points of OpenPose), 75 (its 25 points) or 51 "
            "(17 points of COCO) are wanted: x, y and confidence of each point"
        )
    points = flat.reshape(-1, 3)
    points[~(np.isfinite(points).all(axis=1) & (points[:, 2] > 0))] = np.nan
    return openpose(points)


def openpose(points: np.ndarray) -> np.ndarray:
    """Points (18 | 25 | 17, 3), NaN where missing -> OpenPose's 18.

    The neck that COCO lacks is the middle of the shoulders, and as certain as the less certain one.
    """
    order = ORDERS[len(points)]
    found = np.array([points[at] if at is not None else [np.nan] * 3 for at in order])
    if order[NECK] is None:
        left, right = found[list(SHOULDERS)]
        found[NECK] = [*(left[:2] + right[:2]) / 2, np.minimum(left[2], right[2])]
    return found


def _flat(numbers: Iterable[Any]) -> np.ndarray:
    """Numbers, or lists of three, with null for a missing one, as floats."""
    listed = list(numbers)
    if any(isinstance(one, Sequence) for one in listed):
        listed = list(chain.from_iterable([None] * 3 if one is None else one for one in listed))
    try:
        return np.array([np.nan if one is None else float(one) for one in listed])
    except (TypeError, ValueError) as error:
        raise BadKeypoints(f"keypoints are numbers: {error}") from error


def fractions(people: Sequence[np.ndarray], signed: bool) -> list[np.ndarray] | None:
    """Points (18, 3) that are shares of the picture, made 0..1; None where they are pixels.

    `signed`: a negative share means that all lie in [-1, 1], as OpenPose may write them.
    """
    places = np.concatenate([points[:, :2] for points in people]) if people else np.empty((0, 2))
    if np.isnan(places).all() or np.nanmax(np.abs(places)) > FRACTION:
        return None
    if signed and np.nanmin(places) < 0:
        return [np.column_stack([(p[:, :2] + 1) / 2, p[:, 2]]) for p in people]
    return list(people)
