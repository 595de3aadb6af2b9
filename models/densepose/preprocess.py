"""Photographs as the network sees them: resized, padded and stacked."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.densepose.network import MEAN_BGR, STRIDE


def network_size(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """The size (height, width) at which the network sees a photograph.

    Its shorter side becomes `short` pixels, unless the longer one then exceeds `long`; no side
    vanishes.
    """
    scale = short / min(height, width)
    if height < width:
        new_height, new_width = float(short), scale * width
    else:
        new_height, new_width = scale * height, float(short)
    if max(new_height, new_width) > long:
        scale = long / max(new_height, new_width)
        new_height, new_width = new_height * scale, new_width * scale
    return max(int(new_height + 0.5), 1), max(int(new_width + 0.5), 1)


def padded_size(size: tuple[int, int]) -> tuple[int, int]:
    """Both sides rounded up to what the network takes.

    Photographs of one padded size make a batch: their results are those of each on its own.
    """
    height, width = size
    return -(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE


def resized(photograph: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8, as detectron2 resizes: Pillow's bilinear."""
    image = Image.fromarray(photograph)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def batch(photographs: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Resized photographs, RGB, of one padded size -> (B, 3, H, W) float32 BGR around 0."""
    height, width, _ = photographs[0].shape
    images = torch.zeros(len(photographs), *padded_size((height, width)), 3, device=device)
    mean = torch.tensor(MEAN_BGR, device=device)
    for image, photograph in zip(images, photographs, strict=True):
        height, width, _ = photograph.shape
        pixels = torch.tensor(photograph, device=device)
        torch.sub(pixels.flip(-1), mean, out=image[:height, :width])
    return images.permute(0, 3, 1, 2)
