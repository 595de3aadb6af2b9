"""The networks alone: the same pixels in every precision, and images a second."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from assets import NETWORKS
from bench.gpu.contenders import CONTENDERS
from bench.gpu.inputs import Bench
from bench.machine import machine
from models.checkpoint import load
from models.maps import Source, Target
from models.reposer import CoordinateReposer

PAIRS = 4  # that a CPU renders, for the parity
ONE_SIZE = ("fp16 compiled", "fp16 eager", "fp32")  # slow, or slow to compile for another


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
    for name, make in CONTENDERS.items():
        try:
            yield from _contender(bench, name, make(bench), expected)
        except Exception as error:
            yield {"what": name, "failed": f"{type(error).__name__}: {error}"[:400]}
        if not bench.tiny:
            torch.cuda.empty_cache()


def _contender(
    bench: Bench, name: str, reposer: CoordinateReposer, expected: Tensor
) -> Iterator[dict]:
    size, once = bench.batches[0], name in ONE_SIZE
    start = time.monotonic()
    state = reposer.encode(bench.sources(1))
    bench.wait()
    encoded = time.monotonic() - start
    start = time.monotonic()
    images = reposer.render(state, [0] * size, bench.targets(size))
    bench.wait()
    first = {"first_encode_s": encoded, "first_render_s": time.monotonic() - start}
    yield {"what": name, **difference(images[: len(expected)], expected), **first}
    yield {"what": name, "company": _company(bench, reposer, once)}
    for batch in bench.batches[: 1 if once else None]:
        yield {"what": name, "batch": batch, **_rate(bench, reposer, state, batch)}


def bundled(bench: Bench) -> Iterator[dict]:
    """Differences to fp32 on the CPU of the networks that come with the software."""

    def read(name: str) -> bytes:
        return (NETWORKS / name).read_bytes()

    source, target = bench.sources(1), bench.targets(2 if bench.tiny else PAIRS)
    on_cpu = (Source(*(x.cpu() for x in source)), Target(target.uv.cpu()))
    expected = _rendered(load(read, torch.device("cpu")), *on_cpu)
    for precision in ("fp32", "fp16"):
        found = _rendered(load(read, bench.device, precision), source, target)
        yield {"what": f"bundled, {precision}", **difference(found, expected)}


def _rendered(reposer: CoordinateReposer, source: Source, target: Target) -> Tensor:
    return reposer.render(reposer.encode(source), [0] * len(target.uv), target).cpu()


def difference(found: Tensor, expected: Tensor) -> dict[str, float]:
    """The largest, and the ratio of the mean square to a white pixel, in dB."""
    apart = found.cpu().float() - expected.cpu().float()
    square = max(apart.square().mean().item(), 1e-20)
    return {
        "max": apart.abs().max().item(),
        "psnr_db": -10 * torch.tensor(square).log10().item(),
    }


def _company(bench: Bench, reposer: CoordinateReposer, once: bool) -> float:
    """How much a pixel changes with its batch: another place, other sources, another size."""
    size = bench.batches[0]
    state, target = reposer.encode(bench.sources(2)), bench.targets(size)
    images = reposer.render(state, [0] * size, target)
    turned = reposer.render(state, [0] * size, Target(target.uv.flip(0))).flip(0)
    pairs = [(turned, images)]
    if not once:
        mixed = reposer.render(state, [0] + [1] * (size - 1), target)
        pairs.append((mixed[:1], images[:1]))
        pairs.append((reposer.render(state, [0], Target(target.uv[:1])), images[:1]))
    return max((a - b).abs().max().item() for a, b in pairs)


def _rate(bench: Bench, reposer: CoordinateReposer, state: list, size: int) -> dict:
    target, index = bench.targets(size), [0] * size
    if not bench.tiny:
        torch.cuda.reset_peak_memory_stats()
    seconds = bench.seconds(lambda: reposer.render(state, index, target))
    memory = 0.0 if bench.tiny else torch.cuda.max_memory_allocated() / 1e9
    # Until Python is through, the card not waited for: what a host thread spends a batch.
    start = time.perf_counter()
    reposer.render(state, index, target)
    python = time.perf_counter() - start
    bench.wait()
    return {
        "images_s": size / seconds,
        "ms_an_image": seconds / size * 1e3,
        "python_ms_a_batch": python * 1e3,
        "memory_gb": memory,
    }


def encoding(bench: Bench) -> Iterator[dict]:
    """Sources a second, and what f in another precision does to D and to the pixels."""
    exact = bench.reposer("fp32")
    count = 4
    expected = exact.encode(bench.sources(count))
    target = bench.targets(count)
    images = exact.render(expected, [*range(count)], target)
    for name, prepare in _INPAINTERS.items():
        batches = (count,) if "compiled" in name else (1, count)  # one to compile for
        reposer = bench.reposer("fp16")
        call = prepare(bench, reposer)
        for batch in batches:
            source = bench.sources(batch)
            seconds = bench.seconds(partial(call, source), 0.3)
            yield {"f": name, "batch": batch, "sources_s": batch / seconds}
        state = call(bench.sources(count))
        D = torch.cat([s.texture.coordinates for s in state])
        off = (D - torch.cat([s.texture.coordinates for s in expected])).abs() * 128
        found = difference(reposer.render(state, [*range(count)], target), images)
        yield {"f": name, "D_max_px": off.max().item(), "D_mean_px": off.mean().item(), **found}


def _plain(bench: Bench, reposer: CoordinateReposer) -> Callable:
    return reposer.encode


def _tf32(bench: Bench, reposer: CoordinateReposer) -> Callable:
    reposer.cudnn["allow_tf32"] = True
    return reposer.encode


def _half(bench: Bench, reposer: CoordinateReposer) -> Callable:
    f = reposer.inpainter
    assert f is not None
    f.to(memory_format=torch.channels_last)
    forward = f.forward

    def in_half(*maps: Tensor) -> Tensor:
        with torch.autocast(bench.device.type, torch.float16):
            return forward(*(x.contiguous(memory_format=torch.channels_last) for x in maps))

    f.forward = in_half
    return reposer.encode


def _compiled(bench: Bench, reposer: CoordinateReposer) -> Callable:
    call = _tf32(bench, reposer)
    if bench.tiny or reposer.inpainter is None:
        return call
    reposer.inpainter.forward = torch.compile(reposer.inpainter.forward, dynamic=False)
    return call


_INPAINTERS = {
    "fp32": _plain,
    "tf32": _tf32,
    "fp16": _half,
    "tf32 compiled": _compiled,
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
