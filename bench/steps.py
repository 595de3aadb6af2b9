"""Training steps alone, without their loading: `python -m bench.steps [NETWORK:WAY ...]`.

Networks are f, g64 and g256 (f 32, g 64 and 256 wide); ways are `plain` (operation by operation),
`graph` (recorded as a CUDA graph), and `compiled` (that, and the losses compiled). Ways of one
network start from the same weights and see the same pictures, so that their losses compare.
`--trace` adds the longest kernels of a step, `--loaders` what loads the pictures.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import torch

from assets import SAMPLE
from bench.machine import machine
from configs.train import TrainGeneratorConfig, TrainInpainterConfig, TrainPairsConfig
from models.checkpoint import save
from models.config import ModelConfig
from models.coordinates import CONSISTENT
from models.inpainter import Inpainter
from workers.data.storage import Store
from workers.training.data import Batches, Loaded, by_processes, by_threads
from workers.training.loop import computing
from workers.training.pairs import PAIRS, training_pairs
from workers.training.stepping import Stepping, cuda_graph
from workers.training.trainable import trainable

LAYOUT = "anny"
LINES = 80


def main() -> None:
    """Print a line for every network and way, then the traces."""
    parser = argparse.ArgumentParser(description=__doc__)
    there = torch.cuda.is_available()
    usual = ["f:compiled", "g64:compiled", "g256:compiled"] if there else ["f:plain", "g64:plain"]
    parser.add_argument("runs", nargs="*", default=usual)
    parser.add_argument("--batch", type=int, default=16 if there else 4)
    parser.add_argument("--steps", type=int, default=50 if there else 3)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--loaders", type=int, default=0)
    options = parser.parse_args()
    device = torch.device("cuda" if there else "cpu")
    print(f"{options.batch} pairs of 256x256 a step; {machine()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for run in options.runs:
            network, _, way = run.partition(":")
            measure(run, config(network, way, options.batch, folder), device, options)
        if options.loaders:
            loading(config("f", "plain", options.batch, folder), options.loaders)


def config(network: str, way: str, batch: int, folder: str) -> TrainPairsConfig:
    """The training of a network in one of the ways."""
    common = {
        "catalog": str(SAMPLE),
        "out": "unused",
        "batch": batch,
        "execution": {
            "compile": way == "compiled",
            "graph": way != "plain",
        },
    }
    if network == "f":
        return TrainInpainterConfig.model_validate(common)
    torch.manual_seed(0)
    model = ModelConfig(layout=LAYOUT, convention=CONSISTENT.name)
    for name, data in save(model, {"inpainter": Inpainter()}, "Seeded.").items():
        Store(f"{folder}/f").put(name, data)
    own = {"inpainter": f"{folder}/f", "width": int(network.removeprefix("g"))}
    own["backbone"] = {"name": "efficientnet_lite0"}
    return TrainGeneratorConfig.model_validate(common | own)


def measure(
    name: str, config: TrainPairsConfig, device: torch.device, options: argparse.Namespace
) -> None:
    """Take steps, and print images a second, the losses, memory and the seconds until all ran."""
    with computing(device):
        found, stepping, batches = measured(config, device, options.steps)
        print(
            f"  {name:14} {found['images_s']:8.1f} images/s, {found['ms_a_step']:7.2f} ms a step "
            f"({found['python_ms']:.2f} to start it), ready after {found['ready_s']:5.1f} s, "
            f"{found['memory_gb']:5.2f} GB, total {found['total']:.6f} then "
            f"{found['total_then']:.6f}",
            flush=True,
        )
        if options.trace and device.type == "cuda":
            trace(stepping, batches)
    del stepping
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def measured(
    config: TrainPairsConfig, device: torch.device, steps: int
) -> tuple[dict[str, float], Stepping, list[Loaded]]:
    """What steps take and come to, and what may take more of them; within `computing`."""
    start = time.monotonic()
    training = trainable(config).training(config, LAYOUT, device)
    graphed = config.execution.graph and device.type == "cuda"
    stepping = Stepping(training, device, cuda_graph if graphed else None)
    batches = pinned(config, device)
    warm = 10 if device.type == "cuda" else 1
    for step in range(warm):
        stepping.take(step + 1, batches[step % len(batches)], 1e-4)
    losses = stepping.losses()
    ready = time.monotonic() - start
    began = time.monotonic()
    for step in range(warm, warm + steps):
        stepping.take(step + 1, batches[step % len(batches)], 1e-4)
    given = time.monotonic() - began
    later = stepping.losses()
    seconds = time.monotonic() - began
    found = {
        "images_s": steps * config.batch / seconds,
        "ms_a_step": 1e3 * seconds / steps,
        "python_ms": 1e3 * given / steps,
        "ready_s": ready,
        "memory_gb": torch.cuda.max_memory_reserved() / 1e9 if device.type == "cuda" else 0.0,
        "total": losses["total"],
        "total_then": later["total"],
    }
    return found, stepping, batches


def pinned(config: TrainPairsConfig, device: torch.device) -> list[Loaded]:
    """A few batches, where a GPU reads them itself."""
    pairs, _ = training_pairs(config)
    loaded = islice(by_threads(Batches(config, pairs, LAYOUT, PAIRS), 0), 4)
    if device.type == "cpu":
        return list(loaded)
    return [
        x._replace(pictures=type(x.pictures)(*(t.pin_memory() for t in x.pictures))) for x in loaded
    ]


def trace(stepping: Stepping, batches: list[Loaded], steps: int = 5) -> None:
    """The longest kernels of a step."""
    kinds = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as found:
        for step in range(steps):
            stepping.take(step, batches[step % len(batches)], 1e-4)
        stepping.losses()
    time_of, count_of = Counter[str](), Counter[str]()
    for event in found.events() or ():
        time_of[event.name] += event.self_device_time_total
        count_of[event.name] += 1
    total = sum(time_of.values())
    print(f"    {sum(count_of.values()) / steps:.0f} kernels, {total / steps / 1e3:.2f} ms a step")
    for kernel, taken in time_of.most_common(LINES):
        share = f"{taken / total:6.1%} {taken / steps / 1e3:7.3f} ms {count_of[kernel] // steps:5}"
        print(f"    {share} {kernel[:110]}", flush=True)


def loading(config: TrainPairsConfig, loaders: int) -> None:
    """Pairs a second that threads and processes load."""
    pairs, _ = training_pairs(config)
    batches, steps = Batches(config, pairs, LAYOUT, PAIRS), 200
    ways: dict[str, Iterator[Loaded]] = {
        "threads": by_threads(batches, 0, loaders),
        "processes": by_processes(batches, 0, steps, loaders),
    }
    for name, stream in ways.items():
        start = time.monotonic()
        first = next(stream)
        began = time.monotonic()
        count = sum(len(x.ids) for x in islice(stream, steps // 2))
        seconds = time.monotonic() - began
        print(
            f"  {loaders} {name} load {count / seconds:.0f} pairs/s, the first {len(first.ids)} "
            f"after {began - start:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
