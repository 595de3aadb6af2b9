"""Front and back of the body: which texel of the sheet stands in for which."""

from typing import NamedTuple

import numpy as np

from models.raster import interpolate, rasterise
from world import bodies
from world.sheet import CHARTS

PIXELS_A_METRE = 500  # of the views from the front and from behind
FAR = 1000.0  # metres to the camera, so that all lines of sight are parallel
MARGIN = 0.05  # metres round the body
BELOW_CROWN, CROWN_WIDTH = 0.04, 0.4  # metres under the head's outline, and share of its width


class Seen(NamedTuple):
    """What a camera sees at some points; NaN where it sees nothing."""

    points: np.ndarray  # (N, 3) metres
    texels: np.ndarray  # (N, 2)


def opposite(size: int) -> np.ndarray:
    """Where, on a sheet of size x size texels, to look for what an unseen side wears.

    Returns (2, size, size) float32: x and y in texels of the point straight behind a texel of the
    front, or straight before one of the back, on torso, neck, arms and legs. The back of the head
    is no face: there it is the hair above the forehead. NaN elsewhere.
    """
    other = np.full((2, size, size), np.nan, np.float32)
    for chart in ("body", "head"):
        known, here = _places(chart, size)
        front, back = (_View(chart, size, way) for way in (-1, 1))
        before, behind = front(here), back(here)
        of_back = here[:, 1] > (before.points[:, 1] + behind.points[:, 1]) / 2
        if chart == "body":
            texels = np.where(of_back[:, None], before.texels, behind.texels)
        else:
            crown = here * [CROWN_WIDTH, 1, 1]
            crown[:, 2] = front.top(crown) - BELOW_CROWN
            texels = np.where(of_back[:, None], front(crown).texels, np.nan)
        other[:, known] = texels.T
    return other


def _places(chart: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which texels (size, size) a chart covers, and the points (N, 3) of the body there."""
    template = bodies.template()
    on = template.sheet.chart == CHARTS[chart]
    face, weights, _ = rasterise(
        template.sheet.screen(size), template.sheet.uv_faces[on], size, size
    )
    known = face >= 0
    points = template.canonical.astype(np.float64)
    return known, interpolate(points, template.sheet.faces[on], face[known], weights[known])


class _View:
    """A chart of the average adult, from before (-1) or from behind (1)."""

    def __init__(self, chart: str, size: int, way: int):
        template = bodies.template()
        on = template.sheet.chart == CHARTS[chart]
        self._faces, self._uv_faces = template.sheet.faces[on], template.sheet.uv_faces[on]
        self._points, self._sheet = (
            template.canonical.astype(np.float64),
            template.sheet.screen(size),
        )
        self._high = self._points.max(0) + MARGIN
        self._low = self._points.min(0) - MARGIN
        column, row = self._screen(self._points)
        screen = np.stack([column, row, FAR - way * self._points[:, 1]], axis=1)
        width, _, height = np.ceil((self._high - self._low) * PIXELS_A_METRE).astype(int).tolist()
        self._face, self._weights, _ = rasterise(screen, self._faces, height, width)

    def __call__(self, points: np.ndarray) -> Seen:
        """What is seen in line with points (N, 3)."""
        column, row = np.rint(self._screen(points)).astype(int)
        face, weights = self._face[row, column], self._weights[row, column]
        weights[face < 0] = np.nan
        return Seen(
            interpolate(self._points, self._faces, face, weights),
            interpolate(self._sheet, self._uv_faces, face, weights)[:, :2],
        )

    def top(self, points: np.ndarray) -> np.ndarray:
        """The height (N,) of the outline's highest point over or under points (N, 3)."""
        column, _ = np.rint(self._screen(points)).astype(int)
        rows = (self._face >= 0).argmax(axis=0)
        return self._high[2] - rows[column] / PIXELS_A_METRE

    def _screen(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) -> columns and rows (2, N)."""
        across, down = points[:, 0] - self._low[0], self._high[2] - points[:, 2]
        return np.stack([across, down]) * PIXELS_A_METRE
