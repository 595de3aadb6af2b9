"""Training's speed, waiting and memory: `python -m bench.training`.

Compares mixed precision with float32, where the machine is made for it, and one process with two.
Trains on the bundled sample at its 256x256, by the command that a person would type.
"""

import contextlib
import io
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from bench.engines import SAMPLE
from bench.machine import machine
from pipelines.cli import main as reposer
from workers.training.steps import in_bf16

LITE = "backbone.name=efficientnet_lite0"
SKIPPED = 2  # steps that warm up


def main(steps: int = 10, batch: int = 4, width: int = 64) -> None:
    """Print a line a training: the small networks alone, then on Ray with one process and two."""
    print(f"f 32 wide, g {width} wide, {batch} pairs of 256x256 a step; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        f = f"{folder}/f"
        common = [f"steps={steps}", f"batch={batch}", "log_every=1"]
        local = "execution.engine=local"
        _measured("f, local", "inpainter", [*common, f"out={f}", local])
        g = [*common, LITE, f"inpainter={f}", f"width={width}"]
        rate = _measured("g, local", "generator", [*g, f"out={folder}/g", local])
        if in_bf16("auto", torch.device("cuda" if torch.cuda.is_available() else "cpu")):
            out = [f"out={folder}/g32", local, "precision=float32"]
            slower = _measured("g, local, float32", "generator", [*g, *out])
            print(f"  mixed precision makes {rate / slower:.2f} times the images of float32")
        if torch.cuda.is_available() and torch.cuda.device_count() < 2:
            return
        rates = []
        for processes in (1, 2):
            out = [f"out={folder}/g{processes}", f"execution.workers={processes}"]
            rates.append(_measured(f"g, Ray, {processes} processes", "generator", [*g, *out]))
        print(
            f"  two processes make {rates[1] / rates[0]:.2f} times the images of one, "
            f"on {os.cpu_count()} cores"
        )


def _measured(name: str, what: str, arguments: list[str]) -> float:
    """Train, print the figures, and return the images a second of the steps after the first."""
    start = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        if reposer(["train", what, f"catalog={SAMPLE}", *arguments]):
            raise SystemExit(f"{name}: the training failed")
    seconds = time.monotonic() - start
    out = next(a.removeprefix("out=") for a in arguments if a.startswith("out="))
    log = [json.loads(line) for line in Path(out, "log.jsonl").read_text().splitlines()]
    batch = int(next(a.removeprefix("batch=") for a in arguments if a.startswith("batch=")))
    taken = [batch / record["images_per_second"] for record in log]
    kept, steps = log[SKIPPED:], sum(taken[SKIPPED:])
    waited = sum(r["waiting"] * t for r, t in zip(kept, taken[SKIPPED:], strict=True))
    rate = batch * len(kept) / steps
    print(
        f"  {name:20} {len(kept) / steps:6.2f} steps/s {rate:7.2f} images/s, waiting for data "
        f"{waited / steps:6.2%}, {max(r['memory_gb'] for r in log):5.2f} GB a process, start and "
        f"end {seconds - sum(taken):5.1f} s"
    )
    return rate


if __name__ == "__main__":
    main()
