"""What a driver tells those who look at its run: `progress.json`, put every few seconds.

Nothing is decided by it. The files in the tables' folders alone say which shards are done; this
spares who counts their failures most of the footers, and says what a worker makes in a second.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from configs.fields import Frozen
from pipelines.runs.outline import Outline, count_rows, read_if_good
from workers.data.storage import Store
from workers.data.tally import REPEATED, Tally

if TYPE_CHECKING:
    from pipelines.runs.plan import Plan
    from workers.shards.shard import ShardReport

PROGRESS = "progress.json"
TELL_SECONDS = 10.0
# A shard that was put so shortly before a record may have been made again since it was counted, or
# by a clock that differs.
DOUBTFUL = timedelta(seconds=60)
ENDED_SECONDS = 60.0  # without a record, until a driver is taken to have ended

Record = TypeVar("Record", bound=Frozen)
Failures = dict[str, Counter[str]]  # by shard, by type


class Progress(Frozen):
    """A driver's record, as its file holds it."""

    written: datetime
    host: str
    pid: int
    counted: list[int]  # the numbers of the shards that were counted
    failed: dict[int, dict[str, int]]  # by the number of the shard, by type
    worker_rows: int = 0  # that workers have made,
    worker_seconds: float = 0.0  # each in so many of its seconds

    @property
    def failures(self) -> Counter[str]:
        """Failures by type."""
        return sum((Counter(types) for types in self.failed.values()), Counter[str]())


def read_progress(store: Store) -> Progress | None:
    """The last record of a run's drivers; None where there is none, or it is damaged."""
    return read_record(store, Progress)


def read_record(store: Store, kind: type[Record]) -> Record | None:
    """The last record, of a kind, of the drivers at a URL."""
    return read_if_good(store, PROGRESS, kind.model_validate_json)


def failures_of(
    store: Store, plan: "Plan | Outline", finished: Mapping[str, float], told: Progress | None
) -> Failures:
    """The failures of finished shards, given with the time of their files.

    As a driver has counted them, or else from the footers of their status files.
    """
    failures: Failures = {}
    if told:
        sure = (told.written - DOUBTFUL).timestamp()
        names = plan.names
        for number in told.counted:
            if finished.get(names[number], sure) < sure:
                failures[names[number]] = Counter(told.failed.get(number, {}))
    others = [name for name in finished if name not in failures]
    return failures | {report.name: report.failed for report in count_rows(store, plan, others)}


class Keeper:
    """Puts a driver's record every few seconds, in a thread."""

    def __init__(self, store: Store, record: Callable[[], Frozen]):
        self.store, self.record = store, record
        self.written, self.ended = False, Event()
        self.thread = Thread(target=self._keep, name="record", daemon=True)

    def start(self) -> None:
        """Put records from now on."""
        self.thread.start()

    def end(self, stopped: bool) -> None:
        """Put the last one, where the work was `stopped`, or took long enough for others."""
        self.ended.set()
        self.thread.join(TELL_SECONDS)  # it may wait for a storage that is away
        if (self.written or stopped) and not self.thread.is_alive():
            self._put()

    def _keep(self) -> None:
        while not self.ended.wait(TELL_SECONDS):
            self._put()

    def _put(self) -> None:
        with suppress(OSError, ValueError):  # the storage is away, as the work itself will tell
            self.store.put(PROGRESS, self.record().model_dump_json().encode())
            self.written = True


def here_and_now() -> dict[str, Any]:
    """What every record says of its driver."""
    return {"written": datetime.now(UTC), "host": socket.gethostname(), "pid": os.getpid()}


class Recorder:
    """Puts the record of a driver every few seconds; use as a context."""

    def __init__(
        self, store: Store, plan: "Plan | Outline", failures: Failures, earlier: Progress | None
    ):
        self.names = plan.names
        self.failures = dict(failures)
        self.rows = earlier.worker_rows if earlier else 0
        self.seconds = earlier.worker_seconds if earlier else 0.0
        self.tally = Tally()
        self.keeper = Keeper(store, self._record)

    def __enter__(self) -> "Recorder":
        self.keeper.start()
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        stopped = kind in (None, KeyboardInterrupt) and len(self.failures) < len(self.names)
        self.keeper.end(stopped)

    def add(self, report: "ShardReport") -> None:
        """Count one finished shard."""
        self.failures[report.name] = report.failed
        self.rows, self.seconds = self.rows + report.made, self.seconds + report.seconds
        self.tally.add(report.counts)

    @property
    def timings(self) -> dict[str, Any]:
        """What workers have made, in how many seconds of theirs, and by stage what this run saw."""
        stages = {name: round(amount, 3) for name, amount in sorted(self.tally.counts.items())}
        return {
            "worker_rows": self.rows,
            "worker_seconds": round(self.seconds, 3),
            "storage_retries": int(stages.pop(REPEATED, 0)),
            "stage_seconds": stages,
        }

    def _record(self) -> Progress:
        failures = dict(self.failures)
        numbers = {name: number for number, name in enumerate(self.names)}
        return Progress(
            **here_and_now(),
            counted=sorted(numbers[name] for name in failures),
            failed={numbers[name]: dict(types) for name, types in failures.items() if types},
            worker_rows=self.rows,
            worker_seconds=round(self.seconds, 3),
        )
