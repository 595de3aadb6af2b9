"""The passes of `models.passes` as Triton kernels: each writes a convolution's input in one go.

A program makes a block of pixels with all their channels, so that what it works out about a pixel
(its reflection, where it is read) serves 256 channels. Sums are made in an order that depends on
an image's size alone: a sample's numbers do not depend on its batch.
"""

# Triton's types do not say how kernels are called.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

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
    _sums[(chunks, triton.cdiv(channels, block), batch)](
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
    _moments[(batch, triton.cdiv(channels, 32))](
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
    _part[grid](
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
    _laid_out[(triton.cdiv(pixels, 64), batch)](
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
    _products[(triton.cdiv(pixels, at_once), batch)](
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
    _sigmoids[(triton.cdiv(pixels, 256), outputs, batch)](
        products, bias, out, pixels, height, width, outputs, PIXELS=256
    )
    return out


@triton.jit
def _sums(y, part, pixels, channels, chunk, y_stride, BLOCK: tl.constexpr, PIXELS: tl.constexpr):
    """The mean of a chunk of pixels, and the sum of the squares of what differs from it."""
    index, b = tl.program_id(0), tl.program_id(2).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    start = index * chunk
    stop = tl.minimum(start + chunk, pixels)
    p = start + tl.arange(0, PIXELS)
    total = tl.zeros((PIXELS, BLOCK), tl.float32)
    squares = tl.zeros((PIXELS, BLOCK), tl.float32)
    y += b * y_stride
    for _ in range(0, chunk, PIXELS):
        there = (p < stop)[:, None] & (c < channels)[None, :]
        v = tl.load(y + p[:, None] * channels + c[None, :], there, 0.0).to(tl.float32)
        total += v
        squares += v * v
        p += PIXELS
    mean = tl.sum(total, axis=0) / (stop - start)
    rest = tl.sum(squares, axis=0) - mean * mean * (stop - start)
    to = part + (b * tl.num_programs(0) + index) * 2 * channels + c
    tl.store(to, mean, c < channels)
    tl.store(to + channels, rest, c < channels)


@triton.jit
def _moments(
    part,
    moments,
    pixels,
    channels,
    chunk,
    chunks,
    apart,
    epsilon,
    CHUNKS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Scale and shift of an image's channels, from its chunks (Chan, Golub, LeVeque 1979)."""
    b = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    i = tl.arange(0, CHUNKS)
    there = (i < chunks)[:, None] & (c < channels)[None, :]
    count = tl.maximum(tl.minimum(chunk, pixels - i * chunk), 0).to(tl.float32)[:, None]
    at = part + (b * chunks + i[:, None]) * 2 * channels + c[None, :]
    means, rests = tl.load(at, there, 0.0), tl.load(at + channels, there, 0.0)
    mean = tl.sum(means * count, axis=0) / pixels
    off = means - mean[None, :]
    variance = tl.sum(tl.where(there, rests + count * off * off, 0.0), axis=0) / pixels
    scale = tl.rsqrt(tl.maximum(variance, 0.0) + epsilon)
    to = moments + b * channels + c
    tl.store(to, scale, c < channels)
    tl.store(to + apart, -mean * scale, c < channels)


@triton.jit
def _tap(y, offset, there, c, scale, shift, NORMED: tl.constexpr, SLOPE: tl.constexpr):
    """Pixels of a result, finished: (pixels, channels) float32."""
    v = tl.load(y + offset[:, None] + c[None, :], there, 0.0).to(tl.float32)
    if NORMED:
        v = v * scale[None, :] + shift[None, :]
        v = tl.where(v > 0, v, v * SLOPE)
    return v


@triton.jit
def _inner(i, size):
    """Pixel i of an axis, reflected into it."""
    i = tl.abs(i)
    return tl.where(i < size, i, 2 * (size - 1) - i)


@triton.jit
def _part(
    out,
    y,
    scale,
    shift,
    more,
    more_scale,
    more_shift,
    at,
    y_stride,
    more_stride,
    channels,
    y_height,
    y_width,
    out_stride,
    out_channels,
    first,
    height,
    width,
    wide,
    pixels,
    HOW: tl.constexpr,
    PLUS: tl.constexpr,
    NORMED: tl.constexpr,
    ALIGNED: tl.constexpr,
    BORDER: tl.constexpr,
    BLOCK: tl.constexpr,
    PIXELS: tl.constexpr,
    SLOPE: tl.constexpr,
):
    """A block of pixels of one part of a convolution's input."""
    b = tl.program_id(2).to(tl.int64)
    p = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    in_c = c < channels
    there = (p < pixels)[:, None] & in_c[None, :]
    i, j = _inner(p // wide - BORDER, height), _inner(p % wide - BORDER, width)
    y += b * y_stride
    s, t = 0.0, 0.0
    if NORMED:
        s = tl.load(scale + b * channels + c, in_c, 0.0)
        t = tl.load(shift + b * channels + c, in_c, 0.0)
    if HOW == 0:
        v = _tap(y, (i * width + j) * channels, there, c, s, t, NORMED, SLOPE)
        if PLUS:
            s = tl.load(more_scale + b * channels + c, in_c, 0.0)
            t = tl.load(more_shift + b * channels + c, in_c, 0.0)
            more += b * more_stride
            v += _tap(more, (i * width + j) * channels, there, c, s, t, NORMED, SLOPE)
    else:
        if HOW == 1:  # as torch's interpolate, pixel areas aligned
            v_at = (i.to(tl.float32) + 0.5) * (y_height / height) - 0.5
            u_at = (j.to(tl.float32) + 0.5) * (y_width / width) - 0.5
            v_at = tl.minimum(tl.maximum(v_at, 0.0), y_height - 1.0)
            u_at = tl.minimum(tl.maximum(u_at, 0.0), y_width - 1.0)
        else:
            at += b * 2 * height * width + i * width + j
            u_at = tl.load(at, p < pixels, 0.0)
            v_at = tl.load(at + height * width, p < pixels, 0.0)
            if ALIGNED:
                u_at = (u_at + 1) / 2 * (y_width - 1)
                v_at = (v_at + 1) / 2 * (y_height - 1)
            else:
                u_at = ((u_at + 1) * y_width - 1) / 2
                v_at = ((v_at + 1) * y_height - 1) / 2
        top, left = tl.floor(v_at), tl.floor(u_at)
        v = tl.zeros((PIXELS, BLOCK), tl.float32)
        for tap in tl.static_range(4):
            row, column = top + tap // 2, left + tap % 2
            weight = (1 - tl.abs(v_at - row)) * (1 - tl.abs(u_at - column))
            inside = (row >= 0) & (row < y_height) & (column >= 0) & (column < y_width)
            pixel = row.to(tl.int32) * y_width + column.to(tl.int32)
            pixel = tl.where(inside, pixel, 0)
            read = _tap(y, pixel * channels, there, c, s, t, NORMED, SLOPE)
            v += read * tl.where(inside, weight, 0.0)[:, None]
    to = out + b * out_stride + p[:, None] * out_channels + first + c[None, :]
    tl.store(to, v.to(out.dtype.element_ty), there)


@triton.jit
def _laid_out(
    x,
    out,
    given,
    channels,
    height,
    width,
    wide,
    pixels,
    BORDER: tl.constexpr,
    BLOCK: tl.constexpr,
    PIXELS: tl.constexpr,
):
    """Maps with a border, channels last."""
    b = tl.program_id(1).to(tl.int64)
    p = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    c = tl.arange(0, BLOCK)
    i, j = _inner(p // wide - BORDER, height), _inner(p % wide - BORDER, width)
    at = x + (b * given + c[None, :]) * height * width + (i * width + j)[:, None]
    v = tl.load(at, (p < pixels)[:, None] & (c < given)[None, :], 0.0)
    to = out + (b * pixels + p[:, None]) * channels + c[None, :]
    tl.store(to, v.to(out.dtype.element_ty), (p < pixels)[:, None] & (c < channels)[None, :])


@triton.jit
def _products(
    y,
    scale,
    shift,
    rows,
    products,
    pixels,
    channels,
    count,
    y_stride,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    PIXELS: tl.constexpr,
    SLOPE: tl.constexpr,
):
    """Every finished pixel times every pixel of the convolution's kernel."""
    b = tl.program_id(1).to(tl.int64)
    p = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    r = tl.arange(0, ROWS)
    total = tl.zeros((PIXELS, ROWS), tl.float32)
    for start in range(0, channels, BLOCK):
        c = start + tl.arange(0, BLOCK)
        in_c = c < channels
        s = tl.load(scale + b * channels + c, in_c, 0.0)
        t = tl.load(shift + b * channels + c, in_c, 0.0)
        there = (p < pixels)[:, None] & in_c[None, :]
        v = _tap(y + b * y_stride, p * channels, there, c, s, t, True, SLOPE)
        at = rows + r[None, :] * channels + c[:, None]
        w = tl.load(at, (r < count)[None, :] & in_c[:, None], 0.0)
        total = tl.dot(v.to(tl.float16), w, total)
    to = products + (b * count + r[None, :]) * pixels + p[:, None]
    tl.store(to, total, (p < pixels)[:, None] & (r < count)[None, :])


@triton.jit
def _sigmoids(products, bias, out, pixels, height, width, outputs, PIXELS: tl.constexpr):
    """The sums of a 3x3 convolution's products around each pixel, in (0, 1)."""
    b, o = tl.program_id(2).to(tl.int64), tl.program_id(1)
    p = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    total = tl.zeros((PIXELS,), tl.float32) + tl.load(bias + o)
    for k in tl.static_range(9):
        i, j = _inner(p // width + k // 3 - 1, height), _inner(p % width + k % 3 - 1, width)
        row = (b * 9 + k) * outputs + o
        total += tl.load(products + row * pixels + i * width + j, p < pixels, 0.0)
    tl.store(out + (b * outputs + o) * pixels + p, tl.sigmoid(total), p < pixels)
