"""What a GPU does to a run: it runs out of memory, or breaks."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator

import torch

from bench.gpu.inputs import Bench
from bench.gpu.runs import checkpoint, importable_without_ray, whole_run


def out_of_memory(bench: Bench) -> Iterator[dict]:
    """A run in batches of 600: they are halved until they fit, and no row is lost."""
    with tempfile.TemporaryDirectory() as folder, importable_without_ray():
        model = checkpoint(bench, folder)
        if not bench.tiny:
            torch.cuda.reset_peak_memory_stats()
        found = whole_run(bench, folder, model, "local", 1.0, microbatch=600)
        survived = found["ok"] == found["rows"]
        memory = 0.0 if bench.tiny else torch.cuda.max_memory_allocated() / 1e9
    kept = ("rows", "ok", "images_s")
    yield {"microbatch": 600, "survived": survived, "most_gb": memory} | {k: found[k] for k in kept}


# A failed assertion on the card: it breaks the CUDA context of its process for good.
_CHILD = """
import torch
from workers.shards.microbatch import in_halves
from workers.shards.shard import WorkerLost
def call(items):
    x = torch.zeros(4, device="cuda")
    return x[torch.tensor([9], device="cuda")].tolist()
try:
    in_halves([1, 2], call, print)
except WorkerLost as lost:
    print("WorkerLost:", lost.kind)
"""


def cuda_error(bench: Bench) -> Iterator[dict]:
    """A CUDA error in a process of its own: it is told from a row's fault, and others go on."""
    if bench.tiny:
        yield {"skipped": "a CPU has no CUDA errors"}
        return
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD], capture_output=True, text=True, timeout=60, check=False
    )
    told = ended.stdout.strip().splitlines()[-1:]
    yield {
        "a worker's process": told[0] if told else f"no word, {ended.stderr.strip()[-200:]}",
        "survived": told == ["WorkerLost: AcceleratorError"],
        "this process": torch.ones(2, device=bench.device).sum().item() == 2,
    }
