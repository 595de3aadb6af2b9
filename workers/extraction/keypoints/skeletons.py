"""The key of a pose -> its skeleton, or why it is none that a body can be drawn of."""

import numpy as np

from models.skeleton import POINTS
from workers.data.errors import BadKeypoints, MissingKeypoints, NobodyFound
from workers.extraction.extraction import Pose

TRUNK = (1, 2, 5, 8, 11)  # neck, shoulders, hips
FEWEST, FEWEST_OF_TRUNK = 4, 2  # points; photographs of DeepFashion have as many, or none


def skeleton(pose: Pose) -> tuple[np.ndarray, tuple[int, int]]:
    """Its points, (18, 2) float64 x, y in pixels of its picture, NaN where missing; width, height.

    Raises BadKeypoints, NobodyFound or MissingKeypoints.
    """
    if pose.fault is not None:
        raise BadKeypoints(pose.fault)
    if pose.points is None:
        raise NobodyFound("nobody is there, or nobody whom the settings ask for")
    points = np.array(pose.points.split(), float).reshape(18, 3)[:, :2]
    _refuse_few(points)
    assert pose.canvas is not None
    width, height = (round(float(side)) for side in pose.canvas.split("x"))
    _refuse_outside(points, width, height)
    return points, (width, height)


def _refuse_few(points: np.ndarray) -> None:
    there = np.asarray(~np.isnan(points).any(axis=1))
    if there.sum() >= FEWEST and there[list(TRUNK)].sum() >= FEWEST_OF_TRUNK:
        return
    named = ", ".join(np.array(POINTS)[there])
    found = f"only {named} of 18 points are there" if named else "none of 18 points is there"
    raise MissingKeypoints(
        f"{found}: {FEWEST} are wanted, and among them "
        f"{FEWEST_OF_TRUNK} of neck, shoulders and hips"
    )


def _refuse_outside(points: np.ndarray, width: int, height: int) -> None:
    """Most points off the picture mean that coordinates are those of another."""
    there = points[~np.isnan(points).any(axis=1)]
    outside = ((there < -0.5) | (there >= np.array([width, height]) - 0.5)).any(axis=1).sum()
    if 2 * outside > len(there):
        raise BadKeypoints(
            f"{outside} of {len(there)} points lie off the picture of {width}x{height} pixels: are "
            "coordinates those of another size? keypoints.canvas=WIDTHxHEIGHT names it"
        )
