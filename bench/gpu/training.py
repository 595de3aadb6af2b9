"""Steps a second of f and g, by the command that a person would type."""

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from assets import SAMPLE
from bench.gpu.inputs import Bench
from bench.gpu.runs import importable_without_ray

SKIPPED = 10  # steps that warm up


def training(bench: Bench) -> Iterator[dict]:
    """f, then g on it, 64 and 256 wide, 16 pairs of 256x256 a step."""
    batch, steps = (2, 2) if bench.tiny else (16, 100)
    with tempfile.TemporaryDirectory() as folder, importable_without_ray():
        f = f"{folder}/f"
        common = [f"catalog={SAMPLE}", f"batch={batch}", "execution.engine=local", "log_every=1"]
        narrow = ["width=8"] if bench.tiny else []
        yield _trained("f", ["inpainter", f"out={f}", f"steps={steps}", *common, *narrow], batch)
        for width in (8,) if bench.tiny else (64, 256):
            what = ["generator", f"out={folder}/g{width}", f"inpainter={f}", f"width={width}"]
            few = steps if width < 256 else steps // 2
            what += [f"steps={few}", "backbone.name=efficientnet_lite0"]
            yield _trained(f"g, {width} wide", [*what, *common], batch)


def _trained(name: str, arguments: list[str], batch: int) -> dict:
    from pipelines.cli import main as reposer

    said = io.StringIO()
    start = time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = reposer(["train", *arguments])
    seconds = time.monotonic() - start
    if code:
        return {"what": name, "failed": said.getvalue()[-400:]}
    out = next(a.removeprefix("out=") for a in arguments if a.startswith("out="))
    log = [json.loads(line) for line in Path(out, "log.jsonl").read_text().splitlines()]
    kept = log[SKIPPED:] or log
    taken = [batch / record["images_per_second"] for record in kept]
    waited = sum(r["waiting"] * t for r, t in zip(kept, taken, strict=True))
    return {
        "what": name,
        "steps_s": len(kept) / sum(taken),
        "images_s": batch * len(kept) / sum(taken),
        "waiting": waited / sum(taken),
        "memory_gb": max(r["memory_gb"] for r in log),
        "seconds": seconds,
    }
