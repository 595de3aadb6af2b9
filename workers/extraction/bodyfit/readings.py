"""A person's landmarks, read from several copies of the photograph, and where the copies agree.

One reading of a side or back view is wrong one time in ten: left is taken for right, front for
back. Mirrored and shifted copies err apart, so their median is better, and their quarrel tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_closing, label

from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.landmarks import (
    COUNT,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    SWAPPED,
    LandmarkNetwork,
    Landmarks,
)
from workers.extraction.regions import Region

COPIES = (  # whether mirrored, and the region's side and turn (radians) by the detector's
    (False, 1.0, 0.0), (True, 1.0, 0.0), (False, 1.12, 0.06), (True, 1.12, 0.06),
    (False, 0.94, -0.06), (True, 0.94, -0.06),
)  # fmt: skip
CLOSED = 2  # pixels: gaps as narrow as twice this are closed in the mask
CLEAR = 0.05  # of 0..1, by which a pixel is on the mask or off it at least
ISLAND = 0.05  # smaller parts of the mask, by its largest, are no part of the person
QUARREL = 4.0  # pixels of spread, of 256, from which single copies are tried, too
ALONE = 4.0  # the spread of a copy that nothing confirms
LIMBS = slice(11, 25)  # landmarks of shoulders, arms and hips
QUARTER = np.pi / 2
FACINGS = {"front": 0.0, "back": np.pi, "left": -np.pi / 2, "right": np.pi / 2}  # radians of yaw


@dataclass(frozen=True)
class Reading:
    """One opinion of where the landmarks are; points in pixels of the person's square."""

    points: np.ndarray  # (33, 2), integers are pixel centres
    space: np.ndarray  # (33, 3), as `Landmarks.space`
    visible: np.ndarray  # (33,)
    spread: np.ndarray  # (33,) pixels by which the copies differ

    @property
    def yaw(self) -> float:
        """Which way the body faces: 0 to the camera, positive to the picture's right, radians."""
        return yaw(self.space)


@dataclass(frozen=True)
class Sighting:
    """All that is known of a person before the fit."""

    # What the fit sees, at 256 x 256 pixels; turned by quarters so that the person stands in it.
    square: Region
    photograph: np.ndarray  # (4,) its edges there: left, top, right, bottom
    mask: np.ndarray  # (256, 256) bool
    soft: np.ndarray  # (256, 256) float32: how likely
    readings: tuple[Reading, ...]
    yaws: np.ndarray  # (n,) of the copies, radians

    @property
    def level(self) -> np.ndarray:
        """(256, 256) float32: `soft`, but above 0.5 where `mask` is set, and below it elsewhere.

        It tells where between the pixels the mask's outline runs.
        """
        return np.where(self.mask, self.soft.clip(min=0.5 + CLEAR), self.soft.clip(max=0.5 - CLEAR))

    def on_photograph(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of the square -> the photograph's coordinates."""
        return self.square.on_photograph((points + 0.5) / SIDE)


def yaw(space: np.ndarray) -> float:
    """Of landmarks (33, 3): where the line from right to left, at shoulders and hips, points."""
    across = space[LEFT_SHOULDER] - space[RIGHT_SHOULDER] + space[LEFT_HIP] - space[RIGHT_HIP]
    return float(np.arctan2(across[1], across[0]))


def look(photograph: np.ndarray, region: Region, network: LandmarkNetwork) -> list[Landmarks]:
    """The landmarks (in the photograph's coordinates) of each copy in which somebody is found."""
    width = photograph.shape[1]
    mirror = photograph[:, ::-1]
    found = []
    for mirrored, side, turn in COPIES:
        jittered = Region(region.centre, region.side * side, region.angle + turn)
        if not mirrored:
            one = network(photograph, jittered)
        else:
            one = network(mirror, jittered.mirrored(width))
            one = one and _unmirrored(one, jittered, width)
        if one is not None:
            found.append(one)
    return found


def _unmirrored(landmarks: Landmarks, region: Region, width: int) -> Landmarks:
    return Landmarks(
        (landmarks.points * [-1, 1] + [width, 0])[SWAPPED],
        (landmarks.space * [-1, 1, 1])[SWAPPED],
        landmarks.visible[SWAPPED],
        landmarks.mask[:, ::-1],
        region,
    )


def sighting(
    copies: Sequence[Landmarks], height: int, width: int, facing: str | None = None
) -> Sighting:
    """What the copies (one or more) of a photograph say together.

    `facing`, one of FACINGS, overrules them: readings that face elsewhere are turned round.
    """
    square = _square(copies[0].region, height, width)
    centres = square.on_photograph((np.stack(np.meshgrid(*[np.arange(SIDE)] * 2), -1) + 0.5) / SIDE)
    soft = np.mean([copy.mask_at(centres) for copy in copies], axis=0)
    inside = np.all((centres >= 0) & (centres < [width, height]), axis=-1)
    soft = np.where(inside, soft, 0).astype(np.float32)
    corners = np.sort(square.within(np.array([[0, 0], [width, height]])), axis=0) * SIDE - 0.5
    points = np.stack([square.within(copy.points) * SIDE - 0.5 for copy in copies])
    space = np.stack([_turned(copy.space, -square.angle) for copy in copies])
    visible = np.stack([copy.visible for copy in copies])
    return Sighting(
        square,
        corners.ravel(),
        _person(soft > 0.5, inside),
        soft,
        tuple(_readings(points, space, visible, facing)),
        np.array([yaw(s) for s in space]),
    )


def _square(region: Region, height: int, width: int) -> Region:
    """The square round what of the region lies on the photograph."""
    half = region.side / 2
    low = np.maximum(np.array(region.centre) - half, 0)
    high = np.minimum(np.array(region.centre) + half, [width, height])
    side = max(float((high - low).max()), 1.0)
    x, y = ((low + high) / 2).tolist()
    return Region((x, y), side, round(region.angle / QUARTER) * QUARTER)


def _turned(space: np.ndarray, angle: float) -> np.ndarray:
    """Landmarks in space (33, 3), turned clockwise in the picture's plane."""
    x, away, up = space.T
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x + s * up, away, c * up - s * x], axis=1)


def _person(mask: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The mask without gaps and crumbs."""
    padded = np.pad(mask, 2 * CLOSED, mode="edge")
    closed = binary_closing(padded, iterations=CLOSED)[
        2 * CLOSED : -2 * CLOSED, 2 * CLOSED : -2 * CLOSED
    ]
    parts = np.empty(mask.shape, np.int32)
    label(closed & inside, output=parts)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.isin(parts, np.flatnonzero(sizes > ISLAND * sizes.max()))


def _readings(
    points: np.ndarray, space: np.ndarray, visible: np.ndarray, facing: str | None
) -> list[Reading]:
    """The median of the copies that face one way, and where they quarrel the single copies."""
    if facing is not None:
        points, space, visible = _facing(points, space, visible, FACINGS[facing])
    across = points[:, LEFT_SHOULDER, 0] - points[:, RIGHT_SHOULDER, 0]
    across = across + points[:, LEFT_HIP, 0] - points[:, RIGHT_HIP, 0]
    readings = []
    for way in (True, False):
        same = (across >= 0) == way
        if not same.any():
            continue
        p, s, v = points[same], space[same], visible[same]
        spread = p.std(0).max(-1) if len(p) > 1 else np.full(COUNT, ALONE)
        readings.append(Reading(np.median(p, 0), np.median(s, 0), np.median(v, 0), spread))
        if spread[LIMBS].max() > QUARREL and len(p) > 1:
            readings += [Reading(p[i], s[i], v[i], spread) for i in range(len(p))]
    return readings


def _facing(
    points: np.ndarray, space: np.ndarray, visible: np.ndarray, wanted: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The copies that face a way; where none does, all of them, turned round.

    A picture leaves open which side is which, and what is near and what far. So the sides change,
    or the depths, or both: whatever turns the copies most to the way wanted.
    """
    ways = [(points, space, visible)]
    for sides, depth in ((SWAPPED, -1), (np.arange(COUNT), -1), (SWAPPED, 1)):
        ways.append((points[:, sides], (space * [1, depth, 1])[:, sides], visible[:, sides]))
    facing = [np.array([np.cos(yaw(one) - wanted) for one in way[1]]) for way in ways]
    best = 0 if (facing[0] > 0).any() else int(np.argmax([f.mean() for f in facing]))
    points, space, visible = ways[best]
    right = facing[best] > 0
    return points[right], space[right], visible[right]
