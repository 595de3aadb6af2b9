"""Crops, scales and pads photographs and UV maps alike."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from configs.extract import ExtractConfig

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
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    margin = round(config.margin * max(bottom - top, right - left))
    return Box(
        max(int(left) - margin, 0),
        max(int(top) - margin, 0),
        min(int(right) + margin, width),
        min(int(bottom) + margin, height),
    )


def frame(pixels: np.ndarray, box: Box, size: int | str) -> np.ndarray:
    """Crop to the box, scale its longer side to `size`, and centre it in a square.

    `pixels` is a photograph, (H, W, 3) uint8, or a UV map, (H, W, 2) float32. Photographs are
    scaled with antialiasing and padded with white; UV maps take the nearest pixel, because a
    mean across a seam is no surface point, and are padded with NaN. With size "native" the box
    keeps its own size and shape.
    """
    cut = pixels[box.top : box.bottom, box.left : box.right]
    if isinstance(size, str):
        return cut
    scale = size / max(cut.shape[:2])
    height, width = (max(round(side * scale), 1) for side in cut.shape[:2])
    photograph = cut.dtype == np.uint8
    square = np.full((size, size, cut.shape[2]), WHITE if photograph else np.nan, cut.dtype)
    top, left = (size - height) // 2, (size - width) // 2
    resize = _antialiased if photograph else _nearest
    square[top : top + height, left : left + width] = resize(cut, height, width)
    return square


def _antialiased(photograph: np.ndarray, height: int, width: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(photograph))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def _nearest(uv: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixel under each new pixel's centre."""
    rows = (np.arange(height) * 2 + 1) * uv.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * uv.shape[1] // (2 * width)
    return uv[rows[:, None], columns]
