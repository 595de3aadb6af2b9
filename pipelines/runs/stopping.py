"""Stopping on SIGTERM, in the time that a spot machine leaves."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):  # noqa: N818 - not an error
    """The run has stopped, as it was asked to; the message is one line."""


class Stop:
    """Whether to stop: begin no more work once `asked`, abandon all work once `over`."""

    def __init__(self, grace: float):
        self.grace = grace
        self.since: float | None = None

    @property
    def asked(self) -> bool:
        """Whether a SIGTERM has come."""
        return self.since is not None

    @property
    def over(self) -> bool:
        """Whether the grace period after it is over, too."""
        return self.since is not None and time.monotonic() - self.since >= self.grace

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """The signal's handler; a second signal ends the process at once."""
        self.since = time.monotonic()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stoppable(grace: float) -> Iterator[Stop]:
    """Note SIGTERM within, in the main thread. Enter it after ray.init, which sets a handler."""
    stop = Stop(grace)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, stop.ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stopped_at_once(message: str) -> Iterator[None]:
    """Let SIGTERM raise Stopped within: for work that may be cut off anywhere."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped(message)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
