"""The networks alone: the same pixels in every precision, and images a second."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.gpu.inputs import Bench
from bench.machine import machine
from models.checkpoint import load
from models.maps import Source, Target
from models.native import NativeReposer
from models.reposer import CoordinateReposer, Precision, Reposer
from models.sizes import resized_uv
from workers.model import checkpoint

PAIRS = 4  # that a CPU renders, for the parity
# `execution.precision` and `execution.compile`, and the batches that are timed.
FORMS: tuple[tuple[str, Precision, bool, int], ...] = (
    ("fp16", "fp16", True, 3),
    ("fp16, compile=false", "fp16", False, 1),
    ("fp32", "fp32", True, 1),
)


def card(bench: Bench) -> Iterator[dict]:
    """The machine."""
    yield {"machine": machine()}
    if not bench.tiny:
        p = torch.cuda.get_device_properties(0)
        yield {
            "memory_gb": p.total_memory / 1e9,
            "cuda": str(torch.version.cuda),
            "cudnn": torch.backends.cudnn.version(),
        }
        x = torch.empty(2**30, dtype=torch.uint8, device=bench.device)
        y = torch.empty_like(x)
        yield {"copy_tb_s": 2 * len(x) / bench.seconds(lambda: y.copy_(x), 0.2) / 1e12}


def rendering(bench: Bench) -> Iterator[dict]:
    """Every form of g: its difference to fp32 on the CPU, and images a second by batch."""
    count, size = (2, 2) if bench.tiny else (PAIRS, 16)
    source, target = bench.sources(1), bench.targets(size)
    reference = bench.reposer("fp32", device="cpu")
    start = time.monotonic()
    few = Target(target.uv[:count].cpu())
    expected = _rendered(reference, Source(*(x.cpu() for x in source)), few)
    yield {"what": "fp32 on the CPU", "seconds_an_image": (time.monotonic() - start) / count}
    for name, precision, compiled, sizes in FORMS:
        try:
            reposer = bench.reposer(precision, compiled)
            yield from _form(bench, name, reposer, expected, bench.batches[:sizes])
        except Exception as error:
            yield {"what": name, "failed": f"{type(error).__name__}: {error}"[:400]}
        if not bench.tiny:
            torch.cuda.empty_cache()


def _form(
    bench: Bench, name: str, reposer: CoordinateReposer, expected: Tensor, batches: Sequence[int]
) -> Iterator[dict]:
    size = bench.batches[0]
    start = time.monotonic()
    state = reposer.encode(bench.sources(1))
    bench.wait()
    encoded = time.monotonic() - start
    start = time.monotonic()
    images = reposer.render(state, [0] * size, bench.targets(size))
    bench.wait()
    first = {"first_encode_s": encoded, "first_render_s": time.monotonic() - start}
    yield {"what": name, **difference(images[: len(expected)], expected), **first}
    yield {"what": name, "company": _company(bench, reposer, size)}
    for batch in batches:
        yield {"what": name, "batch": batch, **_rate(bench, reposer, state, batch)}


def bundled(bench: Bench) -> Iterator[dict]:
    """Differences to fp32 on the CPU of the networks that come with the software."""

    source, target = bench.sources(1), bench.targets(2 if bench.tiny else PAIRS)
    staying = Target(target.uv, _top_third_staying(bench, len(target.uv)))
    for name, poses in (("bundled", target), ("bundled-tryon", staying)):
        read = checkpoint(name).read
        on_cpu = (Source(*(x.cpu() for x in source)), Target(*(x.cpu() for x in poses)))
        expected = _rendered(load(read, torch.device("cpu")), *on_cpu)
        for precision in ("fp32", "fp16"):
            found = _rendered(load(read, bench.device, precision), source, poses)
            yield {"what": f"{name}, {precision}", **difference(found, expected)}


def _top_third_staying(bench: Bench, count: int) -> Tensor:
    """N' of the targets (count, 4, h, w): whatever their photographs show at the top."""
    photographs = bench.sources(count, start=8).photograph
    stays = torch.zeros_like(photographs[:, :1])
    stays[:, :, : stays.shape[2] // 3] = 1
    return torch.cat([photographs * stays, stays], dim=1)


def _rendered(reposer: Reposer, source: Source, target: Target) -> Tensor:
    return reposer.render(reposer.encode(source), [0] * len(target.uv), target).cpu()


def difference(found: Tensor, expected: Tensor) -> dict[str, float]:
    """The largest, and the ratio of the mean square to a white pixel, in dB."""
    apart = found.cpu().float() - expected.cpu().float()
    square = max(apart.square().mean().item(), 1e-20)
    return {
        "max": apart.abs().max().item(),
        "psnr_db": -10 * torch.tensor(square).log10().item(),
    }


def _company(bench: Bench, reposer: CoordinateReposer, size: int) -> float:
    """How much a pixel changes with its batch: another place, other sources, another size."""
    state, target = reposer.encode(bench.sources(2)), bench.targets(size)
    images = reposer.render(state, [0] * size, target)
    turned = reposer.render(state, [0] * size, Target(target.uv.flip(0))).flip(0)
    mixed = reposer.render(state, [0] + [1] * (size - 1), target)
    alone = reposer.render(state, [0], Target(target.uv[:1]))
    pairs = (turned, images), (mixed[:1], images[:1]), (alone, images[:1])
    return max((a - b).abs().max().item() for a, b in pairs)


def _rate(bench: Bench, reposer: CoordinateReposer, state: list, size: int) -> dict:
    target, index = bench.targets(size), [0] * size
    if not bench.tiny:
        torch.cuda.reset_peak_memory_stats()
    call = partial(reposer.render, state, index, target)
    seconds = bench.seconds(call)
    memory = 0.0 if bench.tiny else torch.cuda.max_memory_allocated() / 1e9
    return {
        "images_s": size / seconds,
        "ms_an_image": seconds / size * 1e3,
        "python_ms_a_batch": bench.python(call) * 1e3,
        "recorded": bench.recorded(reposer.views),
        "memory_gb": memory,
    }


def encoding(bench: Bench) -> Iterator[dict]:
    """Sources a second, encoded one by one and together."""
    for batch in (1, 2) if bench.tiny else (1, 4, 16):
        for precision in ("fp16", "fp32"):
            reposer = bench.reposer(precision)
            call = partial(reposer.encode, bench.sources(batch))
            seconds = bench.seconds(call, 0.3)
            yield {
                "precision": precision,
                "batch": batch,
                "sources_s": batch / seconds,
                "python_ms_a_batch": bench.python(call) * 1e3,
                "recorded": bench.recorded(reposer.of_sources),
            }


def native(bench: Bench) -> Iterator[dict]:
    """A pair at 1,024 pixels by the bundled networks: seconds, and the difference to the CPU."""
    side, small = (64, 48) if bench.tiny else (1024, 256)
    count = 1 if bench.tiny else 4

    def enlarged(device: torch.device) -> tuple[Source, Target]:
        source, target = bench.sources(1), bench.targets(count)
        S = F.interpolate(source.photograph, (side, side), mode="bilinear").to(device)
        uv = (resized_uv(x, (side, side)).to(device) for x in (source.uv, target.uv))
        return Source(S, next(uv)), Target(next(uv))

    def made(device: torch.device, precision: Precision) -> NativeReposer:
        return NativeReposer(load(checkpoint("bundled").read, device, precision), small)

    cpu = torch.device("cpu")
    source, target = enlarged(cpu)
    expected = _rendered(made(cpu, "fp32"), source, Target(target.uv[:1]))
    source, target = enlarged(bench.device)
    for precision in ("fp16", "fp32"):
        reposer = made(bench.device, precision)
        state = reposer.encode(source)
        images = reposer.render(state, [0] * count, target)
        yield {"precision": precision, "side": side, **difference(images[:1], expected)}
        encode = bench.seconds(partial(reposer.encode, source), 0.3)
        render = partial(reposer.render, state, [0] * count, target)
        seconds = bench.seconds(render, 0.3)
        yield {
            "precision": precision,
            "encode_s": encode,
            "batch": count,
            "images_s": count / seconds,
            "python_ms_a_batch": bench.python(render) * 1e3,
        }


def trace(bench: Bench) -> Iterator[dict]:
    """The ten longest kernels of a render and of an encode."""
    from torch.profiler import ProfilerActivity, profile

    reposer, size = bench.reposer("fp16"), bench.batches[0]
    state, target = reposer.encode(bench.sources(1)), bench.targets(size)
    for what, call in (
        (f"render of {size}", lambda: reposer.render(state, [0] * size, target)),
        ("encode of 1", lambda: reposer.encode(bench.sources(1))),
    ):
        call()
        activities = [ProfilerActivity.CPU, ProfilerActivity.CUDA][: 1 if bench.tiny else 2]
        with profile(activities=activities) as profiled:
            call()
            bench.wait()
        on = "self_cpu_time_total" if bench.tiny else "self_device_time_total"
        events = [
            e for e in profiled.key_averages() if bench.tiny or str(e.device_type)[-4:] == "CUDA"
        ]
        events.sort(key=lambda e: -getattr(e, on))
        total = sum(getattr(e, on) for e in events)
        yield {"trace": what, "kernels": sum(e.count for e in events), "ms": total / 1e3}
        for e in events[: 24 if "render" in what else 10]:
            yield {"ms": getattr(e, on) / 1e3, "calls": e.count, "kernel": e.key[:90]}
