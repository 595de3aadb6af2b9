"""What a render costs: CPU seconds a pair and memory, in a process that does nothing else."""

import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch

from configs.render import RenderConfig
from eval.native import Cost
from pipelines import render

WARM, PAIRS = 2, 12  # pairs before the clock starts, and while it runs


def cost(config: RenderConfig) -> Cost:
    """Measure the first pairs of a render run; nothing is written."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, config).result()


def _measured(config: RenderConfig) -> Cost:
    torch.set_num_threads(1)
    plan, job = render.prepare(config)
    worker = job.make_worker()
    keys = list(islice(plan.keys, WARM + PAIRS))
    list(worker(keys[:WARM]))
    start = time.process_time()
    timed = keys[WARM:] or keys
    list(worker(timed))
    return Cost((time.process_time() - start) / len(timed), _peak())


def _peak() -> float:
    """The most memory that this process has held, in GB.

    Not `getrusage`, whose peak a process begins with that of its parent.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 / 1e9
