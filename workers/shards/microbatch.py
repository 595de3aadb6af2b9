"""Calls a model on microbatches: errors are traced to single rows, and large batches halved."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from workers.shards.attempt import told
from workers.shards.shard import WorkerLost

T = TypeVar("T")
R = TypeVar("R")


def in_halves(
    items: Sequence[T], call: Callable[[Sequence[T]], Sequence[R]], shrink: Callable[[int], None]
) -> list[R | Exception]:
    """Results of items; on an error they are halved until the bad ones are alone.

    When a GPU runs out of memory, `shrink` is called with the new size of a microbatch. Raises
    WorkerLost as `breaking` does.
    """
    try:
        with breaking():
            return list(call(items))
    except WorkerLost:
        raise
    except Exception as error:
        if len(items) == 1:
            return [error]
        half = len(items) // 2
        if isinstance(error, torch.OutOfMemoryError):
            shrink(half)
            torch.cuda.empty_cache()
        return in_halves(items[:half], call, shrink) + in_halves(items[half:], call, shrink)


@contextmanager
def breaking() -> Iterator[None]:
    """Raise WorkerLost after a CUDA error, other than that memory ran out.

    It breaks the CUDA context, and with it the process. All that waits for the GPU may meet it.
    """
    try:
        yield
    except torch.AcceleratorError as error:
        raise WorkerLost(*told(error)) from error
