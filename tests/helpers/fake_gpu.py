"""A stand-in for CUDA whose copies happen as late as streams allow.

What is copied on a stream waits until another stream or thread waits for it. A wait that is
forgotten leaves what was there before: 0xAA bytes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

GARBAGE = 0xAA


class FakeStream:
    """Copies that were begun and have not happened."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.begun: list[Callable[[], object]] = []
        self.waited_for: list[FakeStream] = []
        self.lock = Lock()

    def wait_stream(self, other: "FakeStream") -> None:
        self.waited_for.append(other)
        other.run()

    def run(self) -> None:
        with self.lock, torch.inference_mode():
            while self.begun:
                self.begun.pop(0)()


class FakeEvent:
    """What a stream was given so far."""

    def __init__(self, blocking: bool = False) -> None:
        self.blocking = blocking

    def record(self, stream: FakeStream) -> None:
        self.stream = stream

    def synchronize(self) -> None:
        self.stream.run()


class FakeGpu(TorchFunctionMode):
    """Stands for `torch.cuda`, and, while it is entered, for the memory of a GPU.

    `copied` holds the bytes of each copy by the stream it ran on, `kept` the tensors whose memory a
    second stream was told about.
    """

    Stream, Event = FakeStream, FakeEvent

    def __init__(self) -> None:
        super().__init__()
        self.computing, self.current = FakeStream(), None
        self.copied: list[tuple[FakeStream, int]] = []
        self.kept: list[tuple[Tensor, FakeStream]] = []

    def __enter__(self) -> "FakeGpu":
        # Torch checks the type of its stream before it asks anybody.
        self.patched = patch.object(Tensor, "record_stream", lambda *both: self.kept.append(both))
        self.patched.start()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self.patched.stop()
        super().__exit__(*error)

    def current_stream(self, device: torch.device) -> FakeStream:
        return self.computing

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        self.current, before = stream, self.current
        yield
        self.current = before

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs.pop("pin_memory", None)
            kwargs.pop("device", None)
            made = func(*args, **kwargs)
            made.view(torch.uint8).fill_(GARBAGE)
            return made
        if func is Tensor.copy_ and kwargs.pop("non_blocking", False):
            out, given = args
            assert self.current is not None, "a copy on the stream that computes"
            self.copied.append((self.current, given.nbytes))
            self.current.begun.append(lambda: out.copy_(given))
            return out
        return func(*args, **kwargs)
