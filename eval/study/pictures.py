"""The pictures of a question, made alike in everything but their pixels."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from eval.study.design import SOURCE

SAME_SHAPE = 0.01  # ratios of sides that differ less are rounding
BLOCKS = 10  # of a damaged picture's shorter side


def equalise(pictures: Mapping[str, np.ndarray], size: int | None = None) -> dict[str, np.ndarray]:
    """Pictures, (H, W, 3) uint8, in one size: the smallest height, and the narrowest shape.

    Wider pictures lose their sides (DeepFashion's 256x256 becomes its 176x256), larger ones their
    detail. `size` bounds the longer side, in pixels. The source, where there is one, takes the
    size of the others.
    """
    others = [p for name, p in pictures.items() if name != SOURCE]
    ratio = min(p.shape[1] / p.shape[0] for p in others)
    height = min(p.shape[0] for p in others)
    height = min(height, round(size / max(1.0, ratio))) if size else height
    shape = (max(1, round(height * ratio)), height)
    return {name: _fitted(pixels, ratio, shape) for name, pixels in pictures.items()}


def _fitted(pixels: np.ndarray, ratio: float, shape: tuple[int, int]) -> np.ndarray:
    """Cut to a ratio of width to height around the middle, and scaled to (width, height)."""
    height, width = pixels.shape[:2]
    if width / height > ratio * (1 + SAME_SHAPE):
        wanted = round(height * ratio)
        pixels = pixels[:, (width - wanted) // 2 :][:, :wanted]
    elif width / height < ratio / (1 + SAME_SHAPE):
        wanted = round(width / ratio)
        pixels = pixels[(height - wanted) // 2 :][:wanted]
    if pixels.shape[1::-1] == shape:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(shape, Image.Resampling.LANCZOS))


def damage(pixels: np.ndarray) -> np.ndarray:
    """A picture, (H, W, 3) uint8, in coarse blocks: nobody who looks would call it the better."""
    image = Image.fromarray(pixels)
    scale = BLOCKS / min(image.size)
    coarse = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(coarse, Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.NEAREST))
