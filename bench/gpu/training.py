"""Steps a second of f and g: of steps alone, and by the command that a person would type."""

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from assets import SAMPLE
from bench.gpu.inputs import Bench
from bench.gpu.runs import importable_without_ray
from bench.steps import config, measured
from workers.training.loop import computing

LOG_EVERY = 10  # steps; a line of the log waits for the card
SKIPPED = 20  # steps of the command, that warm up and record


def training(bench: Bench) -> Iterator[dict]:
    """f, g 64 and 256 wide, in steps of 16 pairs of 256x256; then f with its loading."""
    batch, steps = (2, 1) if bench.tiny else (16, 50)
    with tempfile.TemporaryDirectory() as folder, importable_without_ray():
        for network in ("f", "g8") if bench.tiny else ("f", "g64", "g256"):
            trained = config(network, "plain" if bench.tiny else "graph", batch, folder)
            with computing(bench.device):
                found = measured(trained, bench.device, steps)[0]
            yield {"steps of": network, **found}
            if not bench.tiny:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
        yield {"what": "reposer train inpainter", **_trained(bench, f"{folder}/out", batch)}


def _trained(bench: Bench, out: str, batch: int) -> dict:
    from pipelines.cli import main as reposer

    steps, every = (2, 1) if bench.tiny else (200, LOG_EVERY)
    keys = {"catalog": SAMPLE, "out": out, "batch": batch, "steps": steps, "log_every": every}
    keys |= {"execution.engine": "local"}
    said = io.StringIO()
    start = time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = reposer(["train", "inpainter", *(f"{key}={value}" for key, value in keys.items())])
    seconds = time.monotonic() - start
    if code:
        return {"failed": said.getvalue()[-400:]}
    log = [json.loads(line) for line in Path(out, "log.jsonl").read_text().splitlines()]
    kept = log[SKIPPED // LOG_EVERY :] or log
    taken = [1 / record["images_per_second"] for record in kept]
    waited = sum(r["waiting"] * t for r, t in zip(kept, taken, strict=True))
    return {
        "images_s": len(kept) / sum(taken),
        "waiting": waited / sum(taken),
        "memory_gb": max(r["memory_gb"] for r in log),
        "seconds": seconds,
    }
