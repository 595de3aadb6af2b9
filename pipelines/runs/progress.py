"""Progress of a run: a live bar on a terminal, else a log line every few seconds."""

import sys
import time
from collections import Counter

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.runs.log import as_json, console, log
from workers.shards.shard import ShardReport

LOG_SECONDS = 10.0


class RunProgress:
    """Counts finished shards; use as a context."""

    def __init__(self, command: str, rows: int, done: int):
        self.command, self.rows, self.done, self.before = command, rows, done, done
        self.failed: Counter[str] = Counter()
        self.logged = time.monotonic()
        self.began: float | None = None  # when the first worker was ready
        self.bar: Progress | None = None

    def __enter__(self) -> "RunProgress":
        if sys.stderr.isatty() and not as_json():
            self.bar = Progress(
                TextColumn(self.command),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=console,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=self.rows, completed=self.done, rate="")
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def ready(self) -> None:
        """A worker is ready: rows are made from now on."""
        if self.began is None:
            self.began = time.monotonic()

    def add(self, report: ShardReport) -> None:
        """Count one finished shard."""
        self.done += report.rows
        self.failed += report.failed
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, rate=self._rate())
        elif time.monotonic() - self.logged >= LOG_SECONDS or self.done == self.rows:
            self.logged = time.monotonic()
            log(
                f"{self.command}: {self.done}/{self.rows} rows, {self._rate()}",
                command=self.command,
                done=self.done,
                rows=self.rows,
                failed=self.failed.total(),
                rows_per_second=round(self.rows_per_second, 3),
            )

    @property
    def rows_per_second(self) -> float:
        """Rows a second that this driver has finished, since its first worker was ready."""
        now = time.monotonic()
        return (self.done - self.before) / max(now - (self.began or now), 1e-9)

    def _rate(self) -> str:
        left = (self.rows - self.done) / max(self.rows_per_second, 1e-9)
        failed = f", {self.failed.total()} failed" if self.failed else ""
        return f"{self.rows_per_second:.1f} rows/s{failed}, {left:.0f} s left"
