"""3x3 convolution by Winograd's F(4x4, 3x3), for many channels on a CPU.

A 4x4 tile of the output is computed from a 6x6 tile of the input as Y = A' [(B' d B) * U] A
(Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016): 36 products a
channel pair instead of 144. A transform of both axes is one 36x36 matrix (a Kronecker
product), and the products summed over channels are 36 matrix products: all of the work is in
matrix products. Channels come last throughout, so that every copy moves whole pixels.
"""

from math import sqrt

import numpy as np
import torch
from torch import Tensor


def _transforms(points: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B' (6, 6), G (6, 3) and A' (4, 6) of the polynomials' values at five points and infinity."""
    others = [[q for q in points if q != p] for p in points]
    B = [[*np.poly(roots)[::-1], 0] for roots in others] + [list(np.poly(points)[::-1])]
    scale = [np.prod(np.subtract(p, roots)) for p, roots in zip(points, others, strict=True)]
    G = np.vstack([np.vander(points, 3, increasing=True) / np.c_[scale], [0, 0, 1]])
    A = np.c_[np.vander(points, 4, increasing=True).T, [0, 0, 0, 1]]
    return np.array(B), G, A


# These points' rounding errors are a fifth of those of the usual 0, 1, -1, 2, -2.
_INPUT, _KERNEL, _OUTPUT = _transforms([0, sqrt(0.5), -sqrt(0.5), sqrt(2), -sqrt(2)])
_INPUT_2D = torch.from_numpy(np.kron(_INPUT, _INPUT)).float()
_OUTPUT_2D = torch.from_numpy(np.kron(_OUTPUT, _OUTPUT)).float()

# Tiles a step. With more, the transforms (36 numbers a tile and channel) leave the cache; with
# fewer, threads wait for each other more often, which is slow on a busy machine.
BLOCK = 128


def transformed_weights(weights: Tensor) -> Tensor:
    """U of the weights (outputs, inputs, 3, 3), once for all calls: (36, inputs, outputs)."""
    G = torch.from_numpy(_KERNEL)
    u = torch.einsum("ia,jb,kcab->ijck", G, G, weights.double())
    return u.flatten(0, 1).float().contiguous()


def winograd_conv(x: Tensor, U: Tensor, bias: Tensor, border: str = "reflect") -> Tensor:
    """Convolve x (B, C, H, W) with padding ("reflect", "zeros"): (B, K, H, W), channels last.

    U (36, C, K) as of `transformed_weights`; bias (K,). x in channels-last memory is read
    without a copy. Rounding errors are some 1e-5 of the result at most, 1e-6 on average.
    """
    images = x.permute(0, 2, 3, 1).contiguous()
    zeros = border == "zeros"
    return torch.stack([_convolve(image, U, bias, zeros) for image in images]).permute(0, 3, 1, 2)


def _convolve(x: Tensor, U: Tensor, bias: Tensor, zeros: bool) -> Tensor:
    """One image (H, W, C) -> (H, W, K)."""
    height, width, inputs = x.shape
    outputs = U.shape[2]
    down, across = -(-height // 4), -(-width // 4)  # tiles
    rows, columns = _reflected(height, 4 * down), _reflected(width, 4 * across)
    pixels = rows[:, None] * width + columns  # of the padded image, in x
    step = min(max(1, BLOCK // across), down)
    # Fresh memory costs a page fault every 4 KiB: all blocks use the same.
    block = x.new_empty(4 * step + 2, 4 * across + 2, inputs)
    tiles = x.new_empty(6, 6, step, across, inputs)
    transformed = x.new_empty(36, step * across * inputs)
    products = x.new_empty(36, step * across, outputs)
    result = x.new_empty(4, 4, step, across, outputs)
    y = x.new_empty(down, 4, across, 4, outputs)

    s = block.stride()
    overlapping = block.as_strided(tiles.shape, (s[0], s[1], 4 * s[0], 4 * s[1], 1))
    for top in range(0, down, step):
        top = min(top, down - step)  # the last block may overlap the one before
        read = pixels[4 * top : 4 * (top + step) + 2].flatten()
        torch.index_select(x.view(-1, inputs), 0, read, out=block.view(-1, inputs))
        if zeros:
            block[:, 0], block[:, width + 1 :] = 0, 0
            if top == 0:
                block[0] = 0
            block[height + 1 - 4 * top :] = 0
        tiles.copy_(overlapping)
        torch.mm(_INPUT_2D, tiles.view(36, -1), out=transformed)
        torch.bmm(transformed.view(36, -1, inputs), U, out=products)
        torch.mm(_OUTPUT_2D, products.view(36, -1), out=result.view(16, -1))
        torch.add(result.permute(2, 0, 3, 1, 4), bias, out=y[top : top + step])
    return y.view(4 * down, 4 * across, outputs)[:height, :width]


def _reflected(size: int, covered: int) -> Tensor:
    """Where an axis of `size`, padded by reflection, is read: from -1 to `covered`.

    What tiles reach beyond the padding is never used; it reads the last pixel but one.
    """
    i = torch.arange(-1, covered + 1).abs()
    return torch.where(i < size, i, max(size - 2, 0))
