"""Front and back of the body: which texel of the sheet lies behind which."""

import numpy as np

from models.raster import interpolate, rasterise
from world import bodies
from world.sheet import CHARTS

PIXELS_A_METRE = 500  # of the views from the front and from behind
FAR = 1000.0  # metres to the camera, so that all lines of sight are parallel
MARGIN = 0.05  # metres round the body


def opposite(size: int) -> np.ndarray:
    """Where, on a sheet of size x size texels, the other side of the body is.

    Returns (2, size, size) float32: x and y in texels of the point straight behind a texel of the
    front, or straight before one of the back; NaN off torso, neck, arms and legs. A head's back is
    no face, and a palm is no back of a hand.
    """
    template = bodies.template()
    points, texels = template.canonical.astype(np.float64), _texels(size)
    on = np.flatnonzero(template.sheet.chart == CHARTS["body"])
    face, weights, _ = rasterise(texels, template.sheet.uv_faces[on], size, size)
    known = face >= 0
    here = interpolate(points, template.sheet.faces[on], face[known], weights[known])
    (front, there), (back, behind) = (_seen(points, texels, on, here, way) for way in (-1, 1))
    of_front = here[:, 1] < (front[:, 1] + back[:, 1]) / 2
    other = np.full((size, size, 2), np.nan, np.float32)
    other[known] = np.where(of_front[:, None], behind, there)
    return np.moveaxis(other, 2, 0)


def _texels(size: int) -> np.ndarray:
    """The sheet's texture coordinates as points of a screen, (T, 3)."""
    u, v = bodies.template().sheet.uv.astype(np.float64).T
    return np.stack([u * (size - 1), (1 - v) * (size - 1), np.ones_like(u)], axis=1)


def _seen(
    points: np.ndarray, texels: np.ndarray, on: np.ndarray, here: np.ndarray, way: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a camera before (-1) or behind (1) the body sees in line with points `here` (N, 3).

    Returns the points (N, 3), and where on the sheet they lie (N, 2); NaN where nothing is seen.
    """
    sheet = bodies.template().sheet
    low = points.min(0) - MARGIN
    width, _, height = np.ceil((points.max(0) + MARGIN - low) * PIXELS_A_METRE).astype(int)
    column, row = (points - low)[:, [0, 2]].T * PIXELS_A_METRE
    screen = np.stack([column, row, FAR - way * points[:, 1]], axis=1)
    face, weights, _ = rasterise(screen, sheet.faces[on], int(height), int(width))
    column, row = np.rint((here - low)[:, [0, 2]].T * PIXELS_A_METRE).astype(int)
    face, weights = face[row, column], weights[row, column]
    weights[face < 0] = np.nan
    face = on[face]
    return (
        interpolate(points, sheet.faces, face, weights),
        interpolate(texels, sheet.uv_faces, face, weights)[:, :2],
    )
