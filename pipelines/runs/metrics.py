"""The metrics of a run as Prometheus sees them, and what a finished shard adds to them."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from workers.data.tally import REPEATED
from workers.shards.shard import ShardReport


class Metric(NamedTuple):
    """A metric; `pipelines.runs.engine` gives it to Ray."""

    name: str
    kind: Literal["counter", "gauge"]
    about: str
    labels: tuple[str, ...]

    @property
    def exported(self) -> str:
        """Its name at the endpoint of Ray, which adds to it."""
        return f"ray_{self.name}{'_total' if self.kind == 'counter' else ''}"


ROWS = Metric(
    "reposer_rows",
    "counter",
    "Rows committed; error_type is empty where status is ok.",
    ("command", "status", "error_type"),
)
STAGE_SECONDS = Metric(
    "reposer_stage_seconds",
    "counter",
    "Seconds that the workers' threads spent in a stage: read, encode, write, and the command's.",
    ("command", "stage"),
)
SHARD_SECONDS = Metric(
    "reposer_shard_seconds", "counter", "Seconds that workers spent on shards.", ("command",)
)
STORAGE_RETRIES = Metric(
    "reposer_storage_retries", "counter", "Requests that workers sent again.", ("command",)
)
WORKERS_LOST = Metric(
    "reposer_workers_lost", "counter", "Workers that were lost, alone or with a node.", ("command",)
)
QUEUE = Metric("reposer_queue_shards", "gauge", "Shards that wait for a worker.", ("command",))
WORKERS = Metric(
    "reposer_workers", "gauge", "Workers by state: starting, busy, idle.", ("command", "state")
)
METRICS = (ROWS, STAGE_SECONDS, SHARD_SECONDS, STORAGE_RETRIES, WORKERS_LOST, QUEUE, WORKERS)


def added(command: str, report: ShardReport) -> Iterator[tuple[Metric, dict[str, str], float]]:
    """What a finished shard adds to the counters: metric, labels, amount."""
    if not report.made:  # another driver had made it
        return
    labels = {"command": command}
    yield ROWS, labels | {"status": "ok", "error_type": ""}, report.made - report.failed.total()
    for kind, rows in report.failed.items():
        yield ROWS, labels | {"status": "failed", "error_type": kind}, rows
    yield SHARD_SECONDS, labels, report.seconds
    for name, amount in report.counts.items():
        if name == REPEATED:
            yield STORAGE_RETRIES, labels, amount
        else:
            yield STAGE_SECONDS, labels | {"stage": name}, amount
