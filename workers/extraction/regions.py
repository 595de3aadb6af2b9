"""Squares on a photograph, turned or upright, and the pixels in them.

Coordinates on a photograph are x right and y down, with pixel centres at halves: the photograph
spans 0..width and 0..height.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Region:
    """A square; `angle` in radians turns its axes clockwise, as y points down."""

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    @property
    def axes(self) -> np.ndarray:
        """(2, 2): how far one side's length goes, for the square's own x and y, as columns."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.side * np.array([[c, -s], [s, c]])

    def on_photograph(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the unit square -> the photograph's coordinates."""
        return (points - 0.5) @ self.axes.T + self.centre

    def within(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the photograph -> those of the unit square."""
        return (points - np.array(self.centre)) @ np.linalg.inv(self.axes).T + 0.5

    def mirrored(self, width: float) -> "Region":
        """The same square on the mirrored photograph."""
        return Region((width - self.centre[0], self.centre[1]), self.side, -self.angle)


def cut(photograph: np.ndarray, region: Region, size: int, repeat_border: bool) -> np.ndarray:
    """The region's pixels, (size, size, 3) uint8.

    Outside the photograph (H, W, 3) uint8 its border goes on, or everything is black. Reduced by
    whole factors first, so that large photographs do not alias.
    """
    height, width = photograph.shape[:2]
    corners = region.on_photograph(np.array([[0, 0], [1, 0], [0, 1], [1, 1]]))
    low = np.floor(corners.min(0)).astype(int) - 1
    high = np.ceil(corners.max(0)).astype(int) + 1
    left, top = low.clip(0, [width - 1, height - 1])
    right, bottom = high.clip([left + 1, top + 1], [width, height])
    factor = max(int(region.side // size), 1)
    inside = Image.fromarray(np.ascontiguousarray(photograph[top:bottom, left:right]))
    pixels = np.asarray(inside.reduce(factor)) if factor > 1 else np.asarray(inside)
    border = -(-np.maximum([left, top] - low, high - [right, bottom]).clip(0) // factor)
    x, y = (int(n) for n in border)
    padding = ((y, y), (x, x), (0, 0))
    pixels = np.pad(pixels, padding, mode="edge") if repeat_border else np.pad(pixels, padding)
    step = region.axes / size / factor
    origin = (region.on_photograph(np.zeros(2)) - [left, top]) / factor + border
    coefficients = (*step[0], origin[0], *step[1], origin[1])
    return np.asarray(
        Image.fromarray(pixels).transform(
            (size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
        )
    )


def parts(photograph: np.ndarray, depth: int, least: int) -> Iterator[Region]:
    """Where to look for what is small: the whole, or overlapping squares of it.

    Their side is that of the photograph (H, W, 3), halved `depth` times; none has fewer than
    `least` pixels.
    """
    height, width = photograph.shape[:2]
    side = max(height, width) / 2**depth
    if depth and side < least:
        return
    for y in _middles(height, side):
        for x in _middles(width, side):
            yield Region((x, y), side)


def _middles(length: float, side: float) -> list[float]:
    """Where squares stand that cover a length, each half over the next."""
    if length <= side:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return np.linspace(side / 2, length - side / 2, count).tolist()
