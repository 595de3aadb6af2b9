"""The passes of `models.passes` as Triton kernels: each writes a convolution's input in one go."""

# Triton's types do not say how kernels are called.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

from collections.abc import Sequence

import torch
import triton
from torch import Tensor

from models import kernels
from models.passes import EPSILON, SLOPE, Raw, Read

CHANNELS = 256  # at most so many in a program
SAME, RESIZED, AT = 0, 1, 2  # how a part is read
# Pixels and warps of a program, the fastest on an H200.
TUNED = {
    "sums": (4, 2),
    "same": (8, 4),
    "plus": (16, 4),
    "resized": (16, 4),
    "at": (16, 4),
    "products": (128, 4),
}


def normed(y: Tensor) -> Raw:
    """As `models.passes.normed`."""
    y = y.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = y.shape
    pixels = height * width
    at_once, warps = TUNED["sums"]
    chunk = max(128, triton.next_power_of_2(pixels // 128))
    chunks = triton.cdiv(pixels, chunk)
    block = min(CHANNELS, triton.next_power_of_2(channels))
    part = y.new_empty(batch, chunks, 2, channels, dtype=torch.float32)
    kernels.sums[(chunks, triton.cdiv(channels, block), batch)](
        y,
        part,
        pixels,
        channels,
        chunk,
        y.stride(0),
        BLOCK=block,
        PIXELS=at_once,
        num_warps=warps,
    )
    moments = y.new_empty(2, batch, channels, dtype=torch.float32)
    kernels.moments[(batch, triton.cdiv(channels, 32))](
        part,
        moments,
        pixels,
        channels,
        chunk,
        chunks,
        batch * channels,
        EPSILON,
        CHUNKS=triton.next_power_of_2(chunks),
        BLOCK=32,
    )
    return Raw(y, moments[0], moments[1])


def joined(reads: Sequence[Read], size: Sequence[int], border: int, aligned: bool) -> Tensor:
    """As `models.passes.joined`."""
    height, width = size
    batch = len(reads[0].raw.y)
    channels = sum(read.raw.y.shape[1] for read in reads)
    out = torch.empty(
        (batch, channels, height + 2 * border, width + 2 * border),
        dtype=reads[0].raw.y.dtype,
        device=reads[0].raw.y.device,
        memory_format=torch.channels_last,
    )
    first = 0
    for read in reads:
        _write(out, first, read, border, aligned)
        first += read.raw.y.shape[1]
    return out


def _write(out: Tensor, first: int, read: Read, border: int, aligned: bool) -> None:
    y, scale, shift = read.raw
    more, more_scale, more_shift = read.plus or read.raw
    channels, (high, wide) = y.shape[1], out.shape[-2:]
    height, width = high - 2 * border, wide - 2 * border
    how = AT if read.at is not None else SAME if y.shape[2:] == (height, width) else RESIZED
    plus = read.plus is not None
    pixels, warps = TUNED["plus" if plus else ("same", "resized", "at")[how]]
    block = min(CHANNELS, triton.next_power_of_2(channels))
    grid = (triton.cdiv(high * wide, pixels), triton.cdiv(channels, block), len(out))
    kernels.part[grid](
        out,
        y,
        scale,
        shift,
        more,
        more_scale,
        more_shift,
        read.at,
        y.stride(0),
        more.stride(0),
        channels,
        y.shape[2],
        y.shape[3],
        out.stride(0),
        out.shape[1],
        first,
        height,
        width,
        wide,
        high * wide,
        HOW=how,
        PLUS=plus,
        NORMED=scale is not None,
        ALIGNED=aligned,
        BORDER=border,
        BLOCK=block,
        PIXELS=pixels,
        SLOPE=SLOPE,
        num_warps=warps,
    )


def laid_out(x: Tensor, border: int, channels: int) -> Tensor:
    """As `models.passes.laid_out`."""
    batch, given, height, width = x.shape
    x = x.contiguous()
    out = torch.empty(
        (batch, channels, height + 2 * border, width + 2 * border),
        dtype=torch.float16,
        device=x.device,
        memory_format=torch.channels_last,
    )
    pixels = (height + 2 * border) * (width + 2 * border)
    kernels.laid_out[(triton.cdiv(pixels, 64), batch)](
        x,
        out,
        given,
        channels,
        height,
        width,
        width + 2 * border,
        pixels,
        BORDER=border,
        BLOCK=triton.next_power_of_2(channels),
        PIXELS=64,
    )
    return out


def painted(raw: Raw, weight: Tensor, bias: Tensor) -> Tensor:
    """As `models.passes.painted`: the products of every pixel first, then their sums."""
    batch, channels, height, width = raw.y.shape
    outputs, pixels = len(bias), height * width
    rows = weight.permute(2, 3, 0, 1).reshape(-1, channels)  # the kernel's pixels, outputs, inputs
    products = torch.empty((batch, len(rows), pixels), dtype=torch.float32, device=weight.device)
    at_once, warps = TUNED["products"]
    kernels.products[(triton.cdiv(pixels, at_once), batch)](
        raw.y,
        raw.scale,
        raw.shift,
        rows.contiguous(),
        products,
        pixels,
        channels,
        len(rows),
        raw.y.stride(0),
        ROWS=max(16, triton.next_power_of_2(len(rows))),
        BLOCK=64,
        PIXELS=at_once,
        SLOPE=SLOPE,
        num_warps=warps,
    )
    out = torch.empty((batch, outputs, height, width), dtype=torch.float32, device=weight.device)
    kernels.sigmoids[(triton.cdiv(pixels, 256), outputs, batch)](
        products, bias, out, pixels, height, width, outputs, PIXELS=256
    )
    return out
