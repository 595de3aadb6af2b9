"""Calls a model on a microbatch: no pair's error is another's, and no batch is too large twice."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from workers.shards.shard import WorkerLost

T = TypeVar("T")
R = TypeVar("R")


def in_halves(
    items: Sequence[T], call: Callable[[Sequence[T]], Sequence[R]], shrink: Callable[[int], None]
) -> list[R | Exception]:
    """Results of items; on an error they are halved until the bad ones stand alone.

    `shrink` is told the size to go on with when a GPU's memory ran out. Raises WorkerLost after any
    other CUDA error, for the CUDA context is lost, and the process with it.
    """
    try:
        return list(call(items))
    except torch.AcceleratorError as error:
        raise WorkerLost(type(error).__name__, " ".join(str(error).split())) from error
    except Exception as error:
        if len(items) == 1:
            return [error]
        half = len(items) // 2
        if isinstance(error, torch.OutOfMemoryError):
            shrink(half)
            torch.cuda.empty_cache()
        return in_halves(items[:half], call, shrink) + in_halves(items[half:], call, shrink)
