"""Takes the steps of a training, none of which waits for the device.

On a GPU the first steps are taken operation by operation. Then a step is recorded as a CUDA graph
and replayed: the thousands of operations of a step start as one.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workers.training.data import Loaded, Sample, Stored
from workers.training.steps import NotFiniteError, Training, compiled

LATE = 8  # steps after which it is read what a step has come to
WARM = 3  # steps that are taken before one is recorded: cuDNN has then chosen its kernels


class Taken(NamedTuple):
    """A step that is on its way."""

    step: int  # counted from 1
    ids: list[Sample]
    values: Tensor  # its losses and `Training.failed`, on the host once `done`
    done: torch.cuda.Event | None


class Stepping:
    """Takes the steps of a training and tells, later, what they came to."""

    def __init__(self, training: Training, device: torch.device, record: "Recorder | None" = None):
        self.training, self.device = training, device
        self.varied = compiled(lambda pictures: pictures.varied(), training.config, device)
        self.run = Replayed(self._run, record) if record else self._run
        self.copying = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.names: list[str] = []
        self.taken: deque[Taken] = deque()
        self.read: list[list[float]] = []

    def take(self, step: int, loaded: Loaded, rate: float) -> None:
        """Start a step, the `step`th from 1.

        Raises NotFiniteError, naming the step and its samples, once it is known that one of the
        steps before was not finite.
        """
        self.settle(LATE)
        for optimiser in self.training.optimisers:
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)
        values, done = self.run(self._there(loaded.pictures)), None
        if self.device.type == "cuda":
            there = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            values, done = there.copy_(values, non_blocking=True), torch.cuda.Event()
            done.record()
        self.taken.append(Taken(step, loaded.ids, values, done))

    def losses(self) -> dict[str, float]:
        """The means of the losses of all steps since the last call; waits for them.

        Raises NotFiniteError as `take` does: where it does not, all is well up to here.
        """
        self.settle()
        means = np.mean(self.read, axis=0)
        self.read.clear()
        return {name: round(float(x), 6) for name, x in zip(self.names, means, strict=True)}

    def settle(self, late: int = 0) -> None:
        """Read what all steps but the last `late` came to; raises NotFiniteError as `take` does."""
        while len(self.taken) > late:
            step, ids, values, done = self.taken.popleft()
            if done:
                done.synchronize()
            *losses, failed = values.tolist()
            if failed:
                told = _told(dict(zip(self.names, losses, strict=True)), ids)
                raise NotFiniteError(f"step {step}: {told}")
            self.read.append(losses)

    def _run(self, pictures: Stored) -> Tensor:
        losses = self.training.step(self.varied(pictures))
        self.names = list(losses)
        return torch.stack([*(x.detach() for x in losses.values()), self.training.failed])

    def _there(self, pictures: Stored) -> Stored:
        """The pictures on the device, copied while a GPU is at the steps before."""
        if self.copying is None:
            return pictures.to(self.device)
        now = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.copying):
            there = pictures.to(self.device)
        now.wait_stream(self.copying)
        for x in there:
            x.record_stream(now)
        return there


def _told(losses: dict[str, float], ids: list[Sample]) -> str:
    wrong = [name for name, loss in losses.items() if not math.isfinite(loss)]
    what = f"the {' and the '.join(wrong)}" if wrong else "in another process, a loss"
    samples = ", ".join(map(" -> ".join, ids))
    return f"{what} is not finite on the batch {samples}"


Recorder = Callable[[Callable[[], None]], Callable[[], None]]
"""What makes, of a function that works in memory of its own, another that does the same again."""


class Replayed:
    """A function of pictures, recorded once and replayed on whatever its own memory holds."""

    def __init__(self, run: Callable[[Stored], Tensor], record: Recorder):
        self.run, self.record, self.warm = run, record, 0
        self.replay: Callable[[], None] | None = None

    def __call__(self, pictures: Stored) -> Tensor:
        """The function's answer, which the next call overwrites."""
        if self.warm < WARM:
            self.warm += 1
            self.values = self.run(pictures)
            return self.values
        if self.replay is None:
            self.given = type(pictures)(*map(torch.clone, pictures))
            self.values = self.values.clone()
            self.replay = self.record(self._again)
        for own, given in zip(self.given, pictures, strict=True):
            own.copy_(given)
        self.replay()
        return self.values

    def _again(self) -> None:
        self.values.copy_(self.run(self.given))


def cuda_graph(function: Callable[[], None]) -> Callable[[], None]:
    """Record a CUDA graph on the current stream; this alone takes no step.

    Loaders pin memory meanwhile: only this thread must do nothing that cannot be recorded.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        function()
    return graph.replay
