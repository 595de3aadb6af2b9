"""What of an image a metric sees."""

from typing import Literal

import numpy as np
from PIL import Image

Crop = Literal["full", "176x256", "white", "256"]
WIDTH, CROPPED_WIDTH = 256, 176  # pixels: DeepFashion's square images, and without their borders
SIDE = (WIDTH - CROPPED_WIDTH) // 2
WHITE = 255

CROPS: dict[Crop, str] = {
    "full": "the image as it is",
    "176x256": "the middle 176 columns of 256x256 (DeepFashion without its side borders)",
    "white": "the same 176 columns, padded with white to 256x256 again",
    "256": "the image scaled to 256x256 (Pillow's bicubic filter, 8 bits): for metrics that need "
    "more pixels than it has",
}


def cropped(pixels: np.ndarray, crop: Crop, fill: int | bool = WHITE) -> np.ndarray:
    """What a crop leaves of images or masks (N, H, W, ...), padded with `fill` (crop white).

    Images must be square for crop 256; for the others 256 or, without their borders already, 176
    pixels wide, and 256 high; else ValueError.
    """
    if crop == "full":
        return pixels
    height, width = pixels.shape[1:3]
    if crop == "256":
        if height != width:
            raise ValueError(f"crop 256 is of square images, not {width}x{height}")
        return np.stack([_scaled(image) for image in pixels])
    if height != WIDTH or width not in (WIDTH, CROPPED_WIDTH):
        raise ValueError(
            f"crop {crop} is of images of 256x256 or 176x256 pixels, not {width}x{height}"
        )
    if width == WIDTH:
        pixels = pixels[:, :, SIDE:-SIDE]
    if crop == "176x256":
        return pixels
    borders = [(0, 0)] * pixels.ndim
    borders[2] = (SIDE, SIDE)
    return np.pad(pixels, borders, constant_values=fill)


def boxed(pixels: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """What of images (N, H, W, 3) lies in squares (N, H, W) bool, all of one side."""
    return np.stack(
        [
            image[np.ix_(square.any(1), square.any(0))]
            for image, square in zip(pixels, squares, strict=True)
        ]
    )


def _scaled(pixels: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) uint8 or a mask (H, W) bool at 256x256."""
    mask = pixels.dtype == bool
    kind = Image.Resampling.NEAREST if mask else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize((WIDTH, WIDTH), kind))
