"""The pose of a catalog that is nearest to a skeleton: what a poser has to beat."""

import numpy as np

from workers.data.catalog import Catalog


class NearestPoses:
    """Looks skeletons up in a catalog, moved and scaled to its poses."""

    def __init__(self, url: str):
        self.catalog = Catalog(url)
        self.ids = self.catalog.usable(photographs=False)
        points = np.stack([self.catalog.keypoints(name) for name in self.ids])
        self.points = points[..., :2].astype(np.float64)
        sides = np.array([self.catalog.stored_uv(name).shape[:0:-1] for name in self.ids])
        self.inside = _inside(self.points, sides[:, None])
        self.middle, self.size, self.shape = _normalised(self.points)

    def map_of(self, skeleton: np.ndarray, height: int, width: int) -> np.ndarray:
        """The UV map (H, W, 2) of the nearest pose of a skeleton (18, 2), put in its place.

        Nearest by the mean distance of its points. Only poses whose picture shows all points
        that are in the skeleton's count, where there are such.
        """
        middle, size, shape = _normalised(skeleton[None].astype(np.float64))
        distance = np.linalg.norm(self.shape - shape, axis=-1).mean(axis=1)
        shown = _inside(skeleton, np.array([width, height]))
        covered = self.inside[:, shown].all(axis=1)
        nearest = int(np.where(covered | ~covered.any(), distance, np.inf).argmin())
        uv = self.catalog.uv_map(self.ids[nearest])
        rows, columns = (
            np.rint((np.arange(n) - here) * (self.size[nearest] / size[0]) + there).astype(int)
            for n, here, there in zip(
                (height, width), middle[0, ::-1], self.middle[nearest, ::-1], strict=True
            )
        )
        high, wide = uv.shape[1:]
        found = uv[:, rows.clip(0, high - 1)][:, :, columns.clip(0, wide - 1)]
        inside = ((rows >= 0) & (rows < high))[:, None] & (columns >= 0) & (columns < wide)
        return np.moveaxis(np.where(inside, found, np.nan), 0, -1)


def _inside(points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which points (..., 18, 2) lie in pictures of width and height (..., 2)."""
    return np.all((points > -0.5) & (points < size - 0.5), axis=-1)


def _normalised(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of skeletons (N, 18, 2): middle (N, 2), size (N,), and shape (N, 18, 2) without these."""
    middle = points.mean(axis=1)
    shape = points - middle[:, None]
    size = np.sqrt(np.square(shape).sum(axis=(1, 2)))
    return middle, size, shape / size[:, None, None]
