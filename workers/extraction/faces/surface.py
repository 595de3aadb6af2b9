"""A face's mesh on a picture: its square, its UV map by z-buffer, and where the face looks."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from models.raster import interpolate, rasterise

FAR = 1e6  # pixels: from so far away, the perspective-correct rasteriser is affine
WHITE = (255, 255, 255)


class Square(NamedTuple):
    """Which part of a photograph becomes the picture of a face.

    Pixel (x, y) of the picture shows the photograph at `corner` + `step` * (x, y); whole numbers
    are pixel centres.
    """

    corner: tuple[float, float]
    step: tuple[float, float]  # pixels of the photograph a pixel of the picture, along x and y
    size: tuple[int, int]  # width and height of the picture

    def within(self, points: np.ndarray) -> np.ndarray:
        """Points (V, 2 or more) of the photograph -> the picture's; depths stay as they are."""
        x, y = ((points[:, i] - self.corner[i]) / self.step[i] for i in (0, 1))
        return np.column_stack([x, y, points[:, 2:]])

    def shows(self, height: int, width: int) -> np.ndarray:
        """Which of the picture's pixels lie on a photograph of height x width; bool (h, w)."""
        inside = [
            abs(self.corner[i] + self.step[i] * np.arange(self.size[i]) - (side - 1) / 2) < side / 2
            for i, side in enumerate((width, height))
        ]
        return inside[1][:, None] & inside[0]

    def cut(self, photograph: np.ndarray) -> np.ndarray:
        """The picture (h, w, 3) of a photograph (H, W, 3) uint8, white beyond its border."""
        low = np.array(self.corner) + 0.5 - np.array(self.step) / 2  # corners, not centres
        high = low + np.array(self.step) * self.size
        left, top = np.minimum(np.floor(low), 0).astype(int)
        right, bottom = np.maximum(np.ceil(high), photograph.shape[1::-1]).astype(int)
        image = Image.fromarray(photograph)
        if (left, top, right, bottom) != (0, 0, image.width, image.height):
            around = Image.new("RGB", (right - left, bottom - top), WHITE)
            around.paste(image, (-left, -top))
            image = around
        box = (low[0] - left, low[1] - top, high[0] - left, high[1] - top)
        return np.asarray(image.resize(self.size, Image.Resampling.LANCZOS, box))


def square_of(points: np.ndarray, size: int | str, margin: int, stretched: bool) -> Square:
    """The picture of a face whose mesh has these points (V, 2 or more) on a photograph.

    Its mesh leaves `margin` pixels free at each side of `size` x `size` pixels; not `stretched`,
    at two sides more. With the size "native" a pixel stays a pixel.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    if isinstance(size, str):
        low = np.floor(low) - margin
        width, height = (np.ceil(high) + margin - low + 1).astype(int).tolist()
        return Square(tuple(low.tolist()), (1.0, 1.0), (width, height))
    step = (high - low) / (size - 2 * margin)  # extremes lie between pixels
    step = step if stretched else np.full(2, step.max())
    corner = (low + high) / 2 - step * (size - 1) / 2
    return Square(tuple(corner.tolist()), tuple(step.tolist()), (size, size))


def surface_map(
    points: np.ndarray, faces: np.ndarray, uv: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The UV map (h, w, 2) float32 of a mesh, NaN beside it: what is nearest at each pixel.

    `points` (V, 3): x, y in pixels, whole numbers are centres, and z, larger is nearer;
    `faces` (F, 3) and `uv` (V, 2) in [-1, 1]; `size` is width and height.
    """
    width, height = size
    screen = np.column_stack([points[:, :2], FAR - points[:, 2]])
    face, weights, _ = rasterise(screen, faces, height, width)
    shown = face >= 0
    out = np.full((height, width, 2), np.nan, np.float32)
    out[shown] = interpolate(uv, faces, face[shown], weights[shown])
    return out


def rotation(points: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that, with scale and shift, brings one mesh nearest to another.

    Both (V, 3), of one handedness; by Kabsch's method, so it is never a reflection.
    """
    moved, still = points - points.mean(axis=0), canonical - canonical.mean(axis=0)
    u, _, vt = np.linalg.svd(moved.T @ still)
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt


def facing(points: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Where a face looks, a unit vector (3,) in the mesh's axes: x right, y down, z to the viewer.

    Euler angles would leave open in which order they turn.
    """
    return rotation(points, canonical)[:, 2]
