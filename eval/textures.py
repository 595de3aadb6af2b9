"""How good a completed texture is: where it takes its colours from, and how much detail it has."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion

NEAR = 2.0  # pixels
# Source coordinates (of [-1, 1]) of neighbouring texels further apart than this are a seam: colours
# of two places of the photograph side by side.
JUMP = 0.06
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)  # what the Laplacian reads


class CoordinateError(NamedTuple):
    """How far predicted source coordinates lie from the exact ones, in pixels of the photograph.

    The last three are NaN of no texels.
    """

    texels: int
    mean: float
    median: float
    within_2px: float  # the share of texels that are at most 2 pixels off


def coordinate_error(
    predicted: np.ndarray, exact: np.ndarray, which: np.ndarray, size: tuple[int, int]
) -> CoordinateError:
    """The error over some texels, `which` (h, w) bool.

    `predicted` and `exact` are (2, h, w), x and y in [-1, 1], corner-aligned; `size` is the
    photograph's (height, width).
    """
    if not which.any():
        return CoordinateError(0, np.nan, np.nan, np.nan)
    height, width = size
    half = np.array([[width - 1], [height - 1]]) / 2  # pixels a unit
    away = (predicted[:, which].astype(np.float64) - exact[:, which]) * half
    pixels = np.hypot(*away)
    near = float((pixels <= NEAR).mean())
    return CoordinateError(len(pixels), float(pixels.mean()), float(np.median(pixels)), near)


def high_frequency_energy(texture: np.ndarray, which: np.ndarray) -> float:
    """The mean square of a texture's Laplacian over some texels and all channels.

    `texture` is (3, h, w) in [0, 1], `which` (h, w) bool (see `interior`). The Laplacian, four
    times a texel less its four neighbours, is 0 of a gradient and grows with the square of the
    frequency: fine patterns decide. NaN of no texels.
    """
    if not which.any():
        return np.nan
    t = np.nan_to_num(texture.astype(np.float64))
    around = sum(np.roll(t, shift, axis) for axis in (1, 2) for shift in (-1, 1))
    return float(np.square(4 * t - around)[:, which].mean())


def interior(region: np.ndarray) -> np.ndarray:
    """The texels (h, w) of a region whose four neighbours are in it, too: none at its edge."""
    return binary_erosion(region, CROSS)


def continuous(coordinates: np.ndarray) -> np.ndarray:
    """Where a map of source coordinates (2, h, w) has no seam to a neighbour; (h, w) bool."""
    across, down = (np.abs(np.diff(coordinates, axis=k)).max(axis=0) > JUMP for k in (2, 1))
    seam = np.zeros(coordinates.shape[1:], bool)
    seam[:, 1:] |= across
    seam[:, :-1] |= across
    seam[1:] |= down
    seam[:-1] |= down
    return ~seam
