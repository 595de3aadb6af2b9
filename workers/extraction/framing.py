"""Crops, scales and pads photographs and UV maps alike."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from configs.extract import ExtractConfig
from models.uv_maps import resized

WHITE = 255


class Box(NamedTuple):
    """Pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int


def person_box(uv: np.ndarray, config: ExtractConfig) -> Box:
    """What to keep of a photograph with UV map `uv` (H, W, 2): all, or the person's box.

    With crop=person, the box around the defined pixels, widened on all sides by the margin, a
    share of its longer side, as far as the photograph goes.
    """
    height, width = uv.shape[:2]
    if config.crop == "none":
        return Box(0, 0, width, height)
    body = ~np.isnan(uv).any(axis=-1)
    rows, columns = np.nonzero(body)
    person = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return kept_box(person, height, width, config)


def kept_box(person: Box, height: int, width: int, config: ExtractConfig) -> Box:
    """What to keep of a photograph of `height` x `width` with a person in the box `person`."""
    if config.crop == "none":
        return Box(0, 0, width, height)
    left, top, right, bottom = person
    margin = round(config.margin * max(bottom - top, right - left))
    return Box(
        max(left - margin, 0),
        max(top - margin, 0),
        min(right + margin, width),
        min(bottom + margin, height),
    )


class Framing(NamedTuple):
    """Where the pixels of a box come to lie in the square picture that `frame` makes of it."""

    box: Box
    side: tuple[int, int]  # height and width of the picture
    size: tuple[int, int]  # of the box's pixels in it
    corner: tuple[int, int]  # and their row and column there

    @classmethod
    def of(cls, box: Box, size: int | str) -> "Framing":
        """The framing of a box at a size of `ExtractConfig`."""
        height, width = box.bottom - box.top, box.right - box.left
        if isinstance(size, str):
            return cls(box, (height, width), (height, width), (0, 0))
        scale = size / max(height, width)
        scaled = max(round(height * scale), 1), max(round(width * scale), 1)
        return cls(box, (size, size), scaled, ((size - scaled[0]) // 2, (size - scaled[1]) // 2))

    @property
    def magnification(self) -> float:
        """Pixels of the picture a pixel of the photograph."""
        left, top, right, bottom = self.box
        return max(self.size) / max(right - left, bottom - top)

    @property
    def _scale(self) -> np.ndarray:
        """Pixels of the photograph a pixel of the picture, along x and y."""
        left, top, right, bottom = self.box
        return np.array([(right - left) / self.size[1], (bottom - top) / self.size[0]])

    def on_photograph(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) x, y of the picture -> the photograph's; pixel centres are at .5."""
        return (points - self.corner[::-1]) * self._scale + self.box[:2]

    def in_picture(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) x, y of the photograph -> the picture's; pixel centres are at .5."""
        return (points - self.box[:2]) / self._scale + self.corner[::-1]


def frame(pixels: np.ndarray, box: Box, size: int | str) -> np.ndarray:
    """Crop to the box, scale its longer side to `size`, and centre it in a square.

    `pixels` is a photograph, (H, W, 3) uint8, or a UV map, (H, W, 2) float32. Photographs are
    scaled with antialiasing and padded with white; UV maps are read between their pixels, but never
    across a seam (`models.uv_maps.between`), and are padded with NaN. With size "native" the box
    keeps its own size and shape.
    """
    cut = pixels[box.top : box.bottom, box.left : box.right]
    if isinstance(size, str):
        return cut
    (height, width), (top, left) = Framing.of(box, size)[2:]
    photograph = cut.dtype == np.uint8
    square = np.full((size, size, cut.shape[2]), WHITE if photograph else np.nan, cut.dtype)
    resize = _antialiased if photograph else resized
    square[top : top + height, left : left + width] = resize(cut, height, width)
    return square


def _antialiased(photograph: np.ndarray, height: int, width: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(photograph))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def frame_labels(labels: np.ndarray, framing: Framing) -> np.ndarray:
    """Labels (H, W) of a photograph at the pixels of its picture, each that of the nearest.

    Padded with 0.
    """
    left, top, right, bottom = framing.box
    (height, width), (down, across) = framing.size, framing.corner
    rows = ((np.arange(height) + 0.5) * ((bottom - top) / height)).astype(np.int64) + top
    columns = ((np.arange(width) + 0.5) * ((right - left) / width)).astype(np.int64) + left
    picture = np.zeros(framing.side, labels.dtype)
    picture[down : down + height, across : across + width] = labels[rows[:, None], columns]
    return picture
