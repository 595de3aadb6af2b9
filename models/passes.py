"""What lies between g's convolutions in float16, in plain torch; `models.fused` has it in Triton.

A convolution's result y goes through InstanceNorm and LeakyReLU, is added, resized or read at the
points of a deformation field, and joined to others with a reflected border. Nothing of this is
kept: y stays as the convolution left it, and each of the next convolution's inputs is made from
such results at once. Values are float16 in channels-last memory; statistics, coordinates and all
arithmetic are float32.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.layers import resize

EPSILON = 1e-5  # of InstanceNorm
SLOPE = 0.01  # of LeakyReLU


class Raw(NamedTuple):
    """A convolution's result, and what InstanceNorm makes of it before LeakyReLU."""

    y: Tensor  # (B, C, H, W) float16, channels last
    scale: Tensor | None = None  # (B, C) float32: y * scale + shift has mean 0 and variance 1
    shift: Tensor | None = None  # without them y is finished


class Read(NamedTuple):
    """One part of a convolution's input: a result, finished, as the input's size wants it."""

    raw: Raw
    plus: Raw | None = None  # added to it, of the same size
    at: Tensor | None = None  # (B, 2, h, w) float32 in [-1, 1]: where it is read


def normed(y: Tensor) -> Raw:
    """The moments of every channel of every sample of y (B, C, H, W)."""
    variance, mean = torch.var_mean(y.float(), dim=(2, 3), correction=0)
    scale = (variance + EPSILON).rsqrt()
    return Raw(y, scale, -mean * scale)


def joined(reads: Sequence[Read], size: Sequence[int], border: int, aligned: bool) -> Tensor:
    """The parts side by side, of (h, w) pixels and a reflected border.

    A part of another size is resized bilinearly; `aligned`: whether its coordinates are
    corner-aligned where it is read at some. Returns (B, sum of C, h + 2 border, w + 2 border).
    """
    x = torch.cat([_made(read, size, aligned) for read in reads], dim=1)
    return F.pad(x, 4 * [border], mode="reflect") if border else x


def laid_out(x: Tensor, border: int, channels: int) -> Tensor:
    """Maps (B, c, H, W) float32 as a convolution's input, with empty channels at their end."""
    x = F.pad(x, 4 * [border], mode="reflect")
    x = F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))
    return x.to(torch.float16, memory_format=torch.channels_last)


def painted(raw: Raw, weight: Tensor, bias: Tensor) -> Tensor:
    """The last layer, a 3x3 convolution and a sigmoid: (B, outputs, H, W) float32 in (0, 1)."""
    x = joined([Read(raw)], raw.y.shape[-2:], 1, True)
    return (F.conv2d(x, weight).float() + bias[:, None, None]).sigmoid()


def finished(raw: Raw) -> Tensor:
    """LeakyReLU of the normed result, (B, C, H, W) float32."""
    y = raw.y.float()
    if raw.scale is None or raw.shift is None:
        return y
    return F.leaky_relu(y * raw.scale[..., None, None] + raw.shift[..., None, None], SLOPE)


def _made(read: Read, size: Sequence[int], aligned: bool) -> Tensor:
    x = finished(read.raw)
    if read.plus is not None:
        x = x + finished(read.plus)
    if read.at is not None:
        x = _sampled(x, read.at, aligned)
    elif x.shape[-2:] != torch.Size(size):
        x = resize(x, size)
    return x.to(read.raw.y.dtype, memory_format=torch.channels_last)


def _sampled(x: Tensor, at: Tensor, aligned: bool) -> Tensor:
    """As `models.coordinates.sample`, by rows of channels: a compiler makes one pass of it."""
    height, width = x.shape[-2:]
    u, v = at.unbind(dim=1)
    if aligned:
        u, v = (u + 1) / 2 * (width - 1), (v + 1) / 2 * (height - 1)
    else:
        u, v = ((u + 1) * width - 1) / 2, ((v + 1) * height - 1) / 2
    rows = x.permute(0, 2, 3, 1)
    sample = torch.arange(len(at), device=at.device)[:, None, None]
    left, top = u.floor(), v.floor()
    total = None
    for dy in (0, 1):
        for dx in (0, 1):
            i, j = top + dy, left + dx
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            weight = (1 - (u - j).abs()) * (1 - (v - i).abs()) * inside
            i, j = i.clamp(0, height - 1).long(), j.clamp(0, width - 1).long()
            tap = rows[sample, i, j] * weight[..., None]
            total = tap if total is None else total + tap
    assert total is not None
    return total.permute(0, 3, 1, 2)
