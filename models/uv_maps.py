"""UV maps: read between their pixels, and at rest, 16 bits a coordinate, 0 for "no body here"."""

import numpy as np
import torch
from torch import Tensor

LEVELS = 65534  # stored values 1..65535 are 65534 equal steps from -1 to 1
MIDDLE = LEVELS // 2 + 1  # stands for 0, so that a stored value is (value - MIDDLE) / (MIDDLE - 1)
SLACK = 1e-3  # rounding of other tools may leave values this far outside [-1, 1]
# Neighbours whose u or v differ by more show parts of the surface that do not meet. On real maps of
# 256 pixels 95 % of the steps are below 0.025, and most beyond 0.05 are beyond 0.16, too.
JUMP = 0.05
STRIP = 1_000_000  # pixels whose neighbours are held at once


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


def dequantised(stored: Tensor, channels: int = 1) -> Tensor:
    """`dequantise` of batches, on their device, to the same bits.

    uint16, or int16 of the same bits, of which torch can do more; `channels` is the dimension of
    u and v.
    """
    # With its highest bit flipped, a number of 16 bits is itself - 32768, signed: less MIDDLE.
    levels = stored.view(torch.int16) ^ -MIDDLE
    # A tensor, because CUDA multiplies with the rounded reciprocal of a number.
    half = torch.full((), MIDDLE - 1.0, device=stored.device)
    uv = levels.float().div_(half)
    # 0 alone is below -1.
    return uv.masked_fill_((uv < -1).any(dim=channels, keepdim=True), torch.nan)


def resized(uv: np.ndarray, height: int, width: int) -> np.ndarray:
    """A UV map (H, W, 2), NaN off the body, at the centres of other pixels; (height, width, 2)."""
    if uv.shape[:2] == (height, width):
        return uv
    row, column = (
        (np.arange(n, dtype=np.float32) + 0.5) * (pixels / n) - 0.5
        for n, pixels in zip((height, width), uv.shape[:2], strict=True)
    )
    out = np.empty((height, width, 2), uv.dtype)
    strip = max(STRIP // width, 1)
    for top in range(0, height, strip):
        rows, columns = np.meshgrid(row[top : top + strip], column, indexing="ij")
        found = between(uv, rows.ravel(), columns.ravel())
        out[top : top + strip] = found.reshape(*rows.shape, 2)
    return out


def between(uv: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """A UV map (H, W, 2), NaN off the body, at points (N,) between its pixels' centres; (N, 2).

    A mean across a seam, or the body's edge, is no point of the surface. So of the four pixels
    round a point only those are averaged, bilinearly, that belong together (JUMP) and weigh most.
    Seams and edges thus run between the pixels, too. Beyond its border a map goes on.
    """
    high = np.array(uv.shape[:2]) - 1
    row, column = row.clip(0, high[0]), column.clip(0, high[1])
    top, left = row.astype(np.int64), column.astype(np.int64)
    bottom, right = np.minimum(top + 1, high[0]), np.minimum(left + 1, high[1])
    corners = np.stack([uv[top, left], uv[top, right], uv[bottom, left], uv[bottom, right]])
    down, across = (row - top).astype(uv.dtype), (column - left).astype(uv.dtype)
    weights = np.stack(
        [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
    )
    out = np.einsum("kn,knc->nc", weights, corners)
    alike = (corners.max(axis=0) - corners.min(axis=0)).max(axis=-1) <= JUMP  # never with a NaN
    mixed = ~alike & ~np.isnan(corners[..., 0]).all(axis=0)
    out[mixed] = _of_the_heaviest(corners[:, mixed], weights[:, mixed])
    return out


def _of_the_heaviest(corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of the pixels (4, N, 2) round N points, the mean of those that belong together."""
    off = np.isnan(corners[..., 0]) | np.isnan(corners[..., 1])
    values = np.where(off[..., None], 0, corners)
    near = (np.abs(values[:, None] - values) <= JUMP).all(axis=-1) & ~off & ~off[:, None]
    near |= off & off[:, None]
    shares = np.where(near, weights, 0)  # (4, 4, N): of the pixels that belong to each
    best = shares.sum(axis=1).argmax(axis=0)
    chosen = np.take_along_axis(shares, best[None, None], axis=0)[0]
    mean = np.einsum("kn,knc->nc", chosen / chosen.sum(axis=0), values)
    nobody = np.take_along_axis(off, best[None], axis=0)[0]
    return np.where(nobody[:, None], np.nan, mean).astype(corners.dtype)
