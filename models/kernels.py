"""The Triton kernels of `models.fused`.

A program makes a block of pixels with all their channels, so that what it works out about a pixel
(its reflection, where it is read) serves 256 channels. Sums are made in an order that depends on
an image's size alone: a sample's numbers do not depend on its batch.
"""

# Triton's types do not say how kernels are called.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

import triton
import triton.language as tl


@triton.jit
def sums(y, part, pixels, channels, chunk, y_stride, BLOCK: tl.constexpr, PIXELS: tl.constexpr):
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
def moments(
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
def part(
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
def laid_out(
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
def products(
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
def sigmoids(products, bias, out, pixels, height, width, outputs, PIXELS: tl.constexpr):
    """The sums of a 3x3 convolution's products around each pixel, in (0, 1)."""
    b, o = tl.program_id(2).to(tl.int64), tl.program_id(1)
    p = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    total = tl.zeros((PIXELS,), tl.float32) + tl.load(bias + o)
    for k in tl.static_range(9):
        i, j = _inner(p // width + k // 3 - 1, height), _inner(p % width + k % 3 - 1, width)
        row = (b * 9 + k) * outputs + o
        total += tl.load(products + row * pixels + i * width + j, p < pixels, 0.0)
    tl.store(out + (b * outputs + o) * pixels + p, tl.sigmoid(total), p < pixels)
