"""A supervised worker, in a process of its own: no row can end a run, or hold it up for ever.

The process hands over each row when it is made. When the process ends, hangs or takes too much
memory, another is started. The rows that it may have been working on are tried again one by one;
a row that ends its worker on its own, too, is recorded as failed, with the kind of end as its type.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

import psutil

from workers.data.retrying import retry_policy
from workers.data.tally import tally
from workers.shards.keys import Key
from workers.shards.shard import Job, Rows, made_ids

# Rows that are tried one by one after a death: more than a worker ever has in work.
IN_WORK = 128
STARTS = 3  # deaths in a row while the model loads, until the run ends
START_SECONDS = 600.0
LOOK_SECONDS = 0.25  # between two checks of a worker's memory


class WorkerNeverReady(OSError):  # noqa: N818 - the name says what happened
    """The worker ends again and again before it has loaded its model."""


class WorkerDied(Exception):  # noqa: N818
    """The worker's process has ended; `kind` becomes the error_type of the row at fault."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Limits:
    """What a worker's process may do."""

    row_seconds: float  # without handing over a row
    memory_bytes: float  # resident
    attempts: int  # of a row alone that end its worker, until the row has failed


class Sealed:
    """A callable that is unpickled, with its imports, only when it is called."""

    def __init__(self, callable_: Callable[[], Any]):
        self.data = pickle.dumps(callable_)

    def __call__(self) -> Any:
        """Unpickle and call it."""
        return pickle.loads(self.data)()


class Supervisor:
    """A `Worker` that does its work in another process."""

    def __init__(self, job: Job, limits: Limits, tell: Callable[[str], None]):
        self.job, self.limits, self.tell = job, limits, tell
        self.process: subprocess.Popen | None = None

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """The rows of keys, in order; a failed row where one cannot be made."""
        at = deaths = alone = 0  # alone: so many of the next rows are tried one by one
        while at < len(keys):
            part = keys[at : at + 1] if alone else keys[at:]
            try:
                for rows in self._rows_of(part):
                    made = len(self.job.planned_ids(made_ids(rows, self.job.tables[-1])))
                    at, alone, deaths = at + made, max(0, alone - made), 0
                    yield rows
            except WorkerDied as death:
                self.tell(f"a worker died, another is started: {death}")
                if at == len(keys):
                    return
                if not alone and len(part) > 1:
                    alone = IN_WORK
                    continue
                deaths += 1
                if deaths >= self.limits.attempts:
                    yield self.job.failed(keys[at], death.kind, str(death))
                    at, alone, deaths = at + 1, max(0, alone - 1), 0

    def start(self) -> None:
        """Start the process, if it does not run, and wait until its model is loaded."""
        for attempt in range(1, STARTS + 1):
            if self.process is not None:
                return
            try:
                self._start()
            except WorkerDied as death:
                if attempt == STARTS:
                    raise WorkerNeverReady(
                        f"a worker ended {STARTS} times before its model was loaded: {death}"
                    ) from death

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self) -> None:
        self.connection, theirs = Pipe()
        # -P keeps the current folder off the path: it may hold packages with the same names.
        child = [str(theirs.fileno()), str(os.getpid())]
        command = [sys.executable, "-P", "-m", "workers.shards.child", *child]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        self.memory, self.looked = psutil.Process(self.process.pid), 0.0
        self.connection.send((self.job.make_worker, retry_policy.wait_seconds))
        self._receive(START_SECONDS)

    def _rows_of(self, keys: Sequence[Key]) -> Iterator[Rows]:
        self.start()
        try:
            self.connection.send(list(keys))
        except OSError:
            raise self._death() from None
        while (rows := self._receive(self.limits.row_seconds)) is not None:
            yield rows

    def _receive(self, seconds: float) -> Any:
        """The worker's next message; WorkerDied when none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            self._look_at_memory()
            try:
                if self.connection.poll(LOOK_SECONDS):
                    kind, value = self.connection.recv()
                    if kind == "waiting":  # for the storage: no row is at fault
                        if value:
                            self.tell(value)
                        deadline = time.monotonic() + seconds
                        continue
                    if kind == "counted":
                        tally.add(value)
                        continue
                    if kind == "lost":
                        self.stop()
                        raise WorkerDied(*value)
                    if kind == "raised":
                        self.stop()
                        raise value
                    return value
            except (EOFError, ConnectionError):
                raise self._death() from None
            if time.monotonic() > deadline:
                self.stop()
                raise WorkerDied("RowTimedOut", f"no row was made in {seconds:g} s: hangs")

    def _look_at_memory(self) -> None:
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return
        self.looked = time.monotonic()
        try:
            held = self.memory.memory_info().rss
        except psutil.Error:  # it has ended, as the connection will tell
            return
        if held > self.limits.memory_bytes:
            self.stop()
            gigabytes = f"{held / 1e9:.1f} GB, {self.limits.memory_bytes / 1e9:.1f} allowed"
            raise WorkerDied("RowOutOfMemory", f"the worker held {gigabytes}")

    def _death(self) -> WorkerDied:
        """How the process ended."""
        assert self.process is not None
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:  # it closed its connection and did not end
            self.stop()
            code = 0
        self.process = None
        if code >= 0:
            return WorkerDied("WorkerExited", f"the worker exited with code {code}")
        name = signal.Signals(-code).name
        if name == "SIGKILL":
            by = "by the system, when memory is short, or by a person"
            return WorkerDied("WorkerKilled", f"the worker was killed (SIGKILL): {by}")
        return WorkerDied("WorkerCrashed", f"the worker crashed ({name})")
