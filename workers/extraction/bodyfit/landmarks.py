"""A region of a photograph -> the landmarks of the person in it: MediaPipe's landmark network."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from workers.extraction.bodyfit.networks import LANDMARKS, read
from workers.extraction.networks import Network, sigmoid
from workers.extraction.regions import Region, cut

SIDE = 256  # pixels that the network sees, and of its mask
COUNT = 33  # landmarks; the network has 6 more, which only MediaPipe's tracking uses
CELLS = 64  # a side of its heat maps
WINDOW = 3  # cells that count on each side of a landmark
PRESENT = 0.5  # from here on there is a person

# BlazePose's numbers: the person's left side has the odd ones from 11 on.
NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR = 0, 2, 5, 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 11, 12, 23, 24
SWAPPED = np.arange(COUNT)  # the landmark on the person's other side
SWAPPED[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] = [4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
SWAPPED[11:] = np.arange(11, COUNT).reshape(-1, 2)[:, ::-1].ravel()


@dataclass(frozen=True)
class Landmarks:
    """What the network says of a person."""

    points: np.ndarray  # (33, 2) x, y on the photograph
    space: np.ndarray  # (33, 3) metres from the hips: x right, y away from the camera, z up
    visible: np.ndarray  # (33,) 0..1
    mask: np.ndarray  # (256, 256) float32: how likely a pixel of the region is the person
    region: Region

    def mask_at(self, points: np.ndarray) -> np.ndarray:
        """The mask at points (..., 2) of the photograph; 0 outside the region."""
        x, y = np.moveaxis(self.region.within(points) * SIDE - 0.5, -1, 0)
        return map_coordinates(self.mask, [y, x], order=1, mode="constant", cval=0)


class LandmarkNetwork:
    """Reads people in regions."""

    def __init__(self) -> None:
        self._network = Network(read(LANDMARKS))

    def __call__(self, photograph: np.ndarray, region: Region) -> Landmarks | None:
        """The landmarks of whoever is in the region; None where nobody is."""
        out = self._network(cut(photograph, region, SIDE, repeat_border=True) / 255)
        if out[1, 1][0, 0] < PRESENT:
            return None
        values = out[1, 195].reshape(-1, 5)[:COUNT]
        points = _refined(values[:, :2] / SIDE, sigmoid(out[1, CELLS, CELLS, 39][0]))
        space = out[1, 117].reshape(-1, 3)[:COUNT].astype(np.float64)
        turn = region.axes / region.side
        across = space[:, :2] @ turn.T
        return Landmarks(
            region.on_photograph(points),
            np.stack([across[:, 0], space[:, 2], -across[:, 1]], axis=1),
            sigmoid(values[:, 3]),
            sigmoid(out[1, SIDE, SIDE, 1][0, ..., 0]).astype(np.float32),
            region,
        )


def _refined(points: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Points (33, 2) of the unit square, moved to the mean of the heat (64, 64, 39) round them.

    Worth 2 pixels in 256. Where the heat is low, the network's own point stands.
    """
    refined = points.astype(np.float64)
    for i, (column, row) in enumerate((points * CELLS).astype(int)):
        if not (0 <= column < CELLS and 0 <= row < CELLS):
            continue
        top, left = max(row - WINDOW, 0), max(column - WINDOW, 0)
        window = heat[top : row + WINDOW + 1, left : column + WINDOW + 1, i]
        if window.max() >= 0.5:
            y, x = np.indices(window.shape)
            centre = np.array([(x * window).sum(), (y * window).sum()]) / window.sum()
            # MediaPipe takes a cell's corner for its place, and was trained so.
            refined[i] = (centre + np.array([left, top])) / CELLS
    return refined
