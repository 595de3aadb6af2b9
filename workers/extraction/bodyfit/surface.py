"""The surface of a posed body on the screen, and its UV coordinates at any point."""

from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from models.raster import interpolate, rasterise
from workers.extraction.bodyfit import SIDE
from world import bodies

FINE = 4  # samples a pixel and side: where one limb ends before another


class Surface:
    """A z-buffer of the body; the face it finds at a point then gives the point's exact place.

    `screen` (N, 3): pixels x, y of a SIDE x SIDE square and depth of the vertices
    `world.bodies.template().kept`.
    """

    def __init__(self, screen: np.ndarray):
        template = bodies.template()
        self._sheet = template.sheet
        self._screen = np.zeros((len(template.canonical), 3))
        self._screen[template.kept] = screen
        fine = self._screen.copy()
        fine[:, :2] = fine[:, :2] * FINE + (FINE - 1) / 2
        self.face, _, _ = rasterise(fine, self._sheet.faces, SIDE * FINE, SIDE * FINE)
        self.mask = self.face[FINE // 2 :: FINE, FINE // 2 :: FINE] >= 0  # (SIDE, SIDE)

    def hit(self, points: np.ndarray) -> np.ndarray:
        """Which points (N, 2) of the square show the body; bool (N,)."""
        column, row = self._samples(points)
        on = (np.abs(points - (SIDE - 1) / 2) < SIDE / 2).all(1)
        return on & (self.face[row, column] >= 0)

    def uv(self, points: np.ndarray) -> np.ndarray:
        """UV coordinates (N, 2) of points (N, 2); beside the body, those of its nearest edge."""
        if not (self.face >= 0).any():
            return np.full(points.shape, np.nan)
        column, row = self._samples(points)
        face = self.face[row, column]
        beside = face < 0
        if beside.any():
            face[beside] = self._nearest[row[beside], column[beside]]
        weights = self._weights(face, points)
        sheet = interpolate(self._sheet.uv.astype(np.float64), self._sheet.uv_faces, face, weights)
        return sheet * [2, -2] + [-1, 1]

    @cached_property
    def _nearest(self) -> np.ndarray:
        """The face of the nearest sample that has one."""
        row, column, _ = nearest(self.face >= 0)
        return self.face[row, column]

    def _samples(self, points: np.ndarray) -> np.ndarray:
        at = np.rint(points * FINE + (FINE - 1) / 2).astype(int)
        return at.clip(0, SIDE * FINE - 1).T

    def _weights(self, face: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Perspective-correct barycentric coordinates (N, 3), at the face's edge if beside it."""
        corners = self._screen[self._sheet.faces[face]]  # (N, 3, 3)
        off = corners[:, :, :2] - points[:, None]
        after, before = np.roll(off, -1, axis=1), np.roll(off, 1, axis=1)
        areas = after[..., 0] * before[..., 1] - after[..., 1] * before[..., 0]
        total = areas.sum(1, keepdims=True)
        weights = np.where(total == 0, 1, areas / np.where(total == 0, 1, total)).clip(0)
        weights = weights / corners[:, :, 2]
        return weights / weights.sum(1, keepdims=True)


def nearest(there: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pixel of a mask (H, W): row and column of the nearest that is set, and distance."""
    place = np.empty((2, *there.shape), np.int32)
    distance = np.empty(there.shape)
    distance_transform_edt(~there, distances=distance, return_indices=True, indices=place)
    return place[0], place[1], distance
