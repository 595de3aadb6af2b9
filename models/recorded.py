"""Work that a GPU is given as a whole: recorded as a CUDA graph, and replayed.

Python takes some 0.03 ms to start a kernel. A batch has 150 of them, a source 380: that would cost
it half as much as the card, or more, and it has other things to do.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Work = Callable[..., Sequence[Tensor]]
MOST = 8  # kinds of batches; each keeps its inputs and results on the card


class Recording(NamedTuple):
    """Work on inputs that stay where they are."""

    given: Sequence[Tensor]
    results: Sequence[Tensor]
    graph: Any  # its `replay` makes the results anew


class Recorded:
    """Work on batches, recorded at the second batch of a kind: its shapes, and what it repeats.

    The work takes and returns tensors alone, and nothing of it waits for the card. What cannot be
    recorded is done kernel by kernel, with the same results and a warning. `record` makes a
    recording, from the work, the batch and the recordings before.
    """

    def __init__(self, work: Work, record: Callable[..., Recording] | None = None):
        self.work, self.record = work, record or cuda_graph
        self.seen: set[tuple] = set()
        self.recordings: dict[tuple, Recording | None] = {}

    def __call__(self, *batch: Tensor) -> Sequence[Tensor]:
        """The results of `work`, for the caller to keep."""
        kind = tuple((x.shape, x.stride(), x.dtype) for x in batch)
        try:
            if self._is_due(kind):
                self.recordings[kind] = self._recording(batch)
            if recording := self.recordings.get(kind):
                return _replayed(recording, batch)
            return self.work(*batch)
        except torch.OutOfMemoryError:
            self.recordings.clear()  # and with them their memory
            raise

    def _is_due(self, kind: tuple) -> bool:
        """Whether to record now: the first of a kind warms up, and may stay the only one."""
        if kind in self.recordings or len(self.recordings) == MOST:
            return False
        again = kind in self.seen
        self.seen.add(kind)
        return again

    def _recording(self, batch: Sequence[Tensor]) -> Recording | None:
        before = [recording for recording in self.recordings.values() if recording]
        try:
            return self.record(self.work, batch, before)
        except RuntimeError as error:  # also where memory ran out: a recording holds what it needs
            said = str(error).partition("\n")[0]
            warnings.warn(f"batches that a GPU does not record start slower: {said}", stacklevel=4)
            return None


def cuda_graph(work: Work, batch: Sequence[Tensor], before: Sequence[Recording]) -> Recording:
    """Record work on the current GPU. Recordings share the memory of what lies between."""
    given = [_kept(x) for x in batch]
    graph = torch.cuda.CUDAGraph()
    pool = before[0].graph.pool() if before else None
    stream = torch.cuda.current_stream()
    try:
        # Only this thread is recorded: others go on to copy and to wait.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            results = work(*given)
    finally:
        torch.cuda.set_stream(stream)  # what fails leaves a stream of its own behind
    return Recording(given, results, graph)


def _replayed(recording: Recording, batch: Sequence[Tensor]) -> list[Tensor]:
    for kept, x in zip(recording.given, batch, strict=True):
        kept[: _distinct(x)].copy_(x[: _distinct(x)])
    recording.graph.replay()
    return [x.clone() for x in recording.results]


def _kept(x: Tensor) -> Tensor:
    return x[: _distinct(x)].clone().expand(x.shape)


def _distinct(x: Tensor) -> int:
    """The samples of a batch that memory holds: one where it is repeated (`expand`)."""
    return 1 if x.stride(0) == 0 else len(x)
