"""The parts of a render of 256-wide g apart: convolutions, and the passes between them."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.gpu.inputs import Bench
from models import fused
from models.passes import Read

# Of a render at 256x256: inputs, outputs, kernel, stride, the input's side over 256, how many.
CONVOLUTIONS = (
    (768, 256, 3, 1, 1, 1),
    (768, 256, 3, 1, 2, 1),
    (768, 256, 3, 1, 4, 1),
    (256, 256, 3, 1, 4, 6),
    (256, 256, 3, 2, 1, 1),
    (256, 256, 3, 2, 2, 1),
    (16, 256, 5, 1, 1, 1),
    (10, 256, 5, 1, 1, 0),
    (256, 8, 3, 1, 1, 1),
    (256, 3, 3, 1, 1, 0),
)
TRIED = ((4, 4), (8, 4), (16, 4), (8, 8), (16, 8), (4, 2))  # pixels and warps of a program
TRIED_PRODUCTS = ((64, 4), (128, 4), (128, 8), (256, 8))


def passes(bench: Bench) -> Iterator[dict]:
    """Milliseconds an image, and terabytes or teraflops a second, at batch 16."""
    if bench.tiny:
        yield {"skipped": "Triton's kernels need a GPU"}
        return
    batch, side, width = 16, 256, 256
    yield from _convolutions(bench, batch, side)
    y, small = (_random(bench, batch, width, side // k) for k in (1, 2))
    one = _random(bench, 1, width, side).expand(batch, -1, -1, -1)
    field = torch.rand(batch, 2, side, side, device=bench.device) * 2 - 1
    field = F.avg_pool2d(field, 31, 1, 15, count_include_pad=False) * 6  # smooth, as bodies are
    last = _random(bench, 3, width, 3)
    normed, small_normed = fused.normed(y), fused.normed(small)
    image = y[0].numel() * 2 / 1e9  # in GB
    cases: dict[str, tuple[Callable[[], object], float]] = {
        "sums": (lambda: fused.normed(y), image),
        "same": (lambda: _join(Read(normed), side), 2 * image),
        "plus": (lambda: _join(Read(normed, plus=normed), side), 2 * image),
        "resized": (lambda: _join(Read(small_normed), side), 1.25 * image),
        "at": (lambda: _join(Read(fused.Raw(one), at=field), side), 2 * image),
        "products": (lambda: fused.painted(normed, last, last.new_zeros(3).float()), image),
    }
    for name, (call, gigabytes) in cases.items():
        found = {}
        for tuning in TRIED_PRODUCTS if name == "products" else TRIED:
            kept, fused.TUNED[name] = fused.TUNED[name], tuning
            try:
                found[tuning] = bench.seconds(call, 0.05) / batch * 1e3
            except Exception as error:
                yield {"pass": name, "tuning": tuning, "failed": str(error)[:200]}
            fused.TUNED[name] = kept
        ranked = sorted(found.items(), key=lambda item: item[1])
        best, ms = ranked[0]
        told = " ".join(f"{p}x{w}:{t:.4f}" for (p, w), t in ranked)
        yield {"pass": name, "best": best, "ms": ms, "tb_s": gigabytes / ms, "all": told}


def _join(read: Read, side: int) -> Tensor:
    return fused.joined([read], (side, side), 1, True)


def _random(bench: Bench, batch: int, channels: int, side: int) -> Tensor:
    x = torch.randn(batch, channels, side, side, device=bench.device, dtype=torch.float16)
    return x.contiguous(memory_format=torch.channels_last)


def _convolutions(bench: Bench, batch: int, side: int) -> Iterator[dict]:
    total = 0.0
    for inputs, outputs, kernel, stride, smaller, count in CONVOLUTIONS:
        size = side // smaller
        x = _random(bench, batch, inputs, size + kernel - 1)
        weight = _random(bench, outputs, inputs, kernel)
        found = []
        for benchmark in (True, False):
            with torch.backends.cudnn.flags(enabled=True, benchmark=benchmark):
                call = partial(F.conv2d, x, weight, None, stride)
                found.append(bench.seconds(call, 0.1) / batch * 1e3)
        flops = 2 * inputs * outputs * kernel**2 * (size // stride) ** 2
        ms = found[0]
        total += ms * count
        what = f"{inputs}->{outputs} {kernel}x{kernel} /{stride} at {size}"
        yield {"conv": what, "ms": ms, "not_benchmarked_ms": found[1]} | {
            "tflops": flops / ms / 1e9,
            "in_a_render": count,
        }
    yield {"convolutions_ms_an_image": total}
