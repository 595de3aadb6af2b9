"""UV maps at rest: 16 bits a coordinate, half the bytes of float32, with 0 for "no body here"."""

import numpy as np
import torch
from torch import Tensor

LEVELS = 65534  # stored values 1..65535 are 65534 equal steps from -1 to 1
MIDDLE = LEVELS // 2 + 1  # stands for 0, so that a stored value is (value - MIDDLE) / (MIDDLE - 1)
SLACK = 1e-3  # rounding of other tools may leave values this far outside [-1, 1]


def quantise(uv: np.ndarray) -> np.ndarray:
    """Round a UV map to the 16-bit form that the `uv_maps` table stores.

    `uv` is (H, W, 2) float in [-1, 1], NaN off the body; a pixel with one undefined channel
    is undefined. Returns (2, H, W) little-endian uint16: 0 undefined, 1..65535 = -1..1. The
    loss is at most 1/65534, 0.002 texels of a 256-texel texture.
    Raises ValueError on another shape, and on values outside [-1, 1], which no surface
    coordinate has (some files mark undefined pixels so: make them NaN first).
    """
    if uv.ndim != 3 or uv.shape[2] != 2:
        raise ValueError(f"a UV map has shape (H, W, 2), this one {uv.shape}")
    channels = np.moveaxis(uv, 2, 0).astype(np.float64)
    defined = ~np.isnan(channels).any(axis=0)
    largest = np.abs(channels[:, defined]).max(initial=0.0)
    if not largest <= 1 + SLACK:
        raise ValueError(f"UV coordinates lie in [-1, 1], this map has {largest:.4g}")
    levels = np.rint((np.clip(channels, -1, 1) + 1) / 2 * LEVELS) + 1
    return np.where(defined, levels, 0).astype("<u2")


def dequantise(stored: np.ndarray) -> np.ndarray:
    """(2, H, W) uint16 as `quantise` made it -> (2, H, W) float32 in [-1, 1], NaN undefined.

    A pixel with one undefined channel is undefined, as in `quantise`.
    """
    uv = (stored.astype(np.float32) - MIDDLE) / (MIDDLE - 1)
    uv[:, (stored == 0).any(axis=0)] = np.nan
    return uv


def dequantised(stored: Tensor) -> Tensor:
    """`dequantise` of batches (B, 2, H, W), on their device, to the same bits."""
    # With its highest bit flipped, a number of 16 bits is itself - 32768, signed: less MIDDLE.
    levels = stored.view(torch.int16) ^ -MIDDLE
    # A tensor, because CUDA multiplies with the rounded reciprocal of a number.
    half = torch.full((), MIDDLE - 1.0, device=stored.device)
    uv = levels.float().div_(half)
    return uv.masked_fill_((uv < -1).any(dim=1, keepdim=True), torch.nan)  # 0 alone is below -1
