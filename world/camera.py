"""The camera: a level pinhole before the person, framed as catalogs frame."""

from dataclasses import dataclass

import numpy as np

DISTANCE = 4.6  # metres from the person's axis
NEAR = 0.5


@dataclass(frozen=True)
class Camera:
    """World (x right, y away from the camera, z up; metres) -> pixels of a `size` square."""

    size: int
    focal: float  # pixels
    centre: tuple[float, float]  # image x and world height of the optical axis' pixel
    eye: float  # height of the camera
    row: float  # image row of the optical axis

    @property
    def position(self) -> np.ndarray:
        """Where the camera stands, (3,) world."""
        return np.array([self.centre[1], -DISTANCE, self.eye])

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) world -> (N, 3): x, y in pixels (integers are centres), depth in metres."""
        depth = np.maximum(DISTANCE + points[:, 1], NEAR)
        x = self.centre[0] + self.focal * (points[:, 0] - self.centre[1]) / depth
        y = self.row - self.focal * (points[:, 2] - self.eye) / depth
        return np.stack([x, y, depth], axis=1)

    def scaled(self, factor: float) -> "Camera":
        """The same view with `factor` times as many pixels a side."""
        half = (factor - 1) / 2
        return Camera(
            round(self.size * factor),
            self.focal * factor,
            (self.centre[0] * factor + half, self.centre[1]),
            self.eye,
            self.row * factor + half,
        )


def frame(points: np.ndarray, size: int, low: float, high: float, fill: float) -> Camera:
    """The camera in which a person (points (N, 3)) fills the share `fill` of the picture's side.

    Shown are the heights `low` to `high`, and more where the person is wider than that.
    """
    seen = points[(points[:, 2] >= low - 0.02) & (points[:, 2] <= high + 0.02)]
    left, right = seen[:, 0].min(), seen[:, 0].max()
    extent = max(high - low, (right - left) * 1.02)
    focal = fill * size * DISTANCE / extent
    middle = size / 2 - 0.5
    eye = 0.5 * (low + high)
    return Camera(size, focal, (middle, 0.5 * (left + right)), eye, middle)


def turned(points: np.ndarray, yaw: float) -> np.ndarray:
    """Points (N, 3) turned about the vertical axis; positive yaw: to the picture's right."""
    c, s = np.cos(yaw), np.sin(yaw)
    x, y = points[:, 0] * c - points[:, 1] * s, points[:, 0] * s + points[:, 1] * c
    return np.stack([x, y, points[:, 2]], axis=1)
