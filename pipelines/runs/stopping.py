"""Stopping when asked to: what a spot machine's SIGTERM leaves time for."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):  # noqa: N818 - not an error
    """The run was asked to stop and did; the message is one line."""


class Stop:
    """Whether to stop: take no more work once `asked`, abandon what is in work once `over`."""

    def __init__(self, grace: float):
        self.grace = grace
        self.since: float | None = None

    @property
    def asked(self) -> bool:
        """Whether a SIGTERM came."""
        return self.since is not None

    @property
    def over(self) -> bool:
        """Whether the time to finish is over, too."""
        return self.since is not None and time.monotonic() - self.since >= self.grace

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """The signal's handler; a second signal ends the process at once."""
        self.since = time.monotonic()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stoppable(grace: float) -> Iterator[Stop]:
    """Obey SIGTERM within, in a process's main thread; after ray.init, which has its own."""
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
    """Let SIGTERM raise Stopped within: for work that loses nothing where it is cut off."""

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
