"""One shard of a run: its rows in, its committed Parquet files out.

A shard is done when all its files are there under their final names. Every step may be repeated:
the same rows give the same files, and a put replaces a file whole.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workers.data.retrying import StorageUnavailable, retrying
from workers.data.storage import Store
from workers.data.tables import ROWS_PER_ROW_GROUP, SCHEMAS, parquet_bytes
from workers.data.tally import tally
from workers.shards.keys import Key, Keys
from workers.shards.names import file_name

# In the footer of a status table: its failures by type, as JSON; the number of planned rows.
FAILED, PLANNED = b"reposer.failed", b"reposer.planned"

Rows = dict[str, list[dict[str, Any]] | pa.Table]  # by table, one by one or by column
Tables = dict[str, pa.Table]
Worker = Callable[[Sequence[Key]], Iterator[Rows]]
"""Makes the rows of keys: yields those of the next keys, in order, as soon as they are made."""


ROW_SECONDS = 30.0


def row_seconds(pixels: int) -> float:
    """The seconds that a worker may take for a row of a picture: 128 for 1,024x1,024 pixels."""
    return max(ROW_SECONDS, pixels**0.5 / 8)


class WorkerLost(RuntimeError):  # noqa: N818 - the name says what happened
    """The worker's process is broken, as after a CUDA error; another may make its rows."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Job:
    """How a command makes its rows. It is sent to the workers, so it must pickle.

    The first column of every table is an id; `planned` maps it to the id of the planned row. The
    last table holds the status of each planned row: one row, or several that are all ok.
    """

    tables: tuple[str, ...]
    make_worker: Callable[[], Worker]
    row_id: Callable[[Key], str]
    failed: Callable[[Key, str, str], Rows]  # key, error type, message
    planned: Callable[[str], str] = str
    row_seconds: float = ROW_SECONDS  # that a worker may take for its next row
    about: dict[str, str] = field(default_factory=dict)  # added to the status table's metadata

    def planned_ids(self, ids: Iterable[str]) -> list[str]:
        """The ids of the planned rows of `ids`; those of one planned row follow each other."""
        return [planned for planned, _ in groupby(map(self.planned, ids))]


@dataclass(frozen=True)
class Shard:
    """An ordered part of the plan."""

    name: str
    keys: Keys

    def file(self, table: str) -> str:
        """The final name of the shard's file in a table."""
        return file_name(table, self.name)


@dataclass(frozen=True)
class ShardReport:
    """A finished shard: its number of rows, and its failures by type.

    `made` of the rows were made just now, in so many seconds; none where another driver made them.
    `counts` is what was counted meanwhile (`workers.data.tally`).
    """

    name: str
    rows: int
    failed: Counter[str] = field(default_factory=Counter)
    made: int = 0
    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)


def run_shard(job: Job, worker: Worker, store: Store, shard: Shard, retry: bool) -> ShardReport:
    """Make a shard's rows and commit them; with `retry`, only those that failed before.

    A shard that another driver has committed meanwhile is left as it is.
    """
    start = time.monotonic()
    tally.take()  # what was counted before is no shard's
    if not retry:
        if all(store.exists(shard.file(name)) for name in job.tables):
            return count(store, shard.name, job.tables[-1])
        tables = made_tables(job.tables, worker(list(shard.keys)))
        return commit(job, store, shard, tables, len(shard.keys), start)
    before = {name: read_file(store, shard.file(name)) for name in job.tables}
    status = before[job.tables[-1]]
    failed = set(status.filter(pc.field("status") != "ok").column(0).to_pylist())
    keys = [key for key in shard.keys if job.row_id(key) in failed]
    tables = _replaced(job, shard, failed, before, made_tables(job.tables, worker(keys)))
    return commit(job, store, shard, tables, len(keys), start)


def commit(
    job: Job, store: Store, shard: Shard, tables: Tables, fresh: int, start: float
) -> ShardReport:
    """Check a shard's tables against its keys, then put each file once, the status table last.

    `fresh` of its rows were made since `start`.
    """
    status = tables[job.tables[-1]]
    ids = status.column(0).to_pylist()
    made = job.planned_ids(ids)
    if made != [job.row_id(key) for key in shard.keys] or len(set(ids)) < len(ids):
        raise RuntimeError(f"shard {shard.name}: {len(ids)} rows of {len(shard.keys)} planned")
    failed = Counter(status.filter(pc.field("status") != "ok").column("error_type").to_pylist())
    about = {f"reposer.{name}": value for name, value in job.about.items()}
    counts = {FAILED: json.dumps(failed), PLANNED: str(len(made))}
    metadata = {**SCHEMAS[job.tables[-1]].metadata, **about, **counts}
    tables = tables | {job.tables[-1]: status.replace_schema_metadata(metadata)}
    with tally.stage("write"):
        files = {shard.file(name): parquet_bytes(tables[name]) for name in job.tables}
        for name, data in files.items():
            store.put(name, data)
    seconds = time.monotonic() - start
    return ShardReport(shard.name, len(made), failed, fresh, seconds, tally.take())


def count(store: Store, shard: str, table: str) -> ShardReport:
    """Count the rows and failures of a committed shard, from the footer of its status file."""
    with _readable(store, file_name(table, shard)) as file:
        footer = pq.read_metadata(file)
    about = footer.metadata or {}
    rows = int(about.get(PLANNED, footer.num_rows))
    return ShardReport(shard, rows, Counter(json.loads(about.get(FAILED, b"{}"))))


def read_file(store: Store, name: str, columns: list[str] | None = None) -> pa.Table:
    """The table in a committed file; ValueError, with the remedy, if it is damaged."""
    with _readable(store, name) as file:
        return pq.read_table(file, columns=columns)


@contextmanager
def _readable(store: Store, name: str) -> Iterator[Any]:
    try:
        with _opened(store, name) as file:
            yield file
    except (FileNotFoundError, StorageUnavailable):
        raise
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{store.url}/{name} is damaged ({str(error).splitlines()[0]}): delete it and run again"
        ) from error


def _opened(store: Store, name: str) -> Any:
    """A reader; of a local file Arrow's own, which need not call Python for each part."""
    if not store.local:
        return store.open(name)
    return retrying(store.url_of(name), lambda: pa.OSFile(store.path(name)))


def made_tables(names: Sequence[str], made: Iterable[Rows]) -> Tables:
    """The tables of rows that a worker has made."""
    tables: dict[str, list[pa.Table]] = {name: [] for name in names}
    loose: dict[str, list[pa.Table]] = {name: [] for name in names}  # of a few rows each

    def gather(name: str) -> None:
        tables[name].append(pa.concat_tables(loose[name]).combine_chunks())
        loose[name] = []

    for some in made:
        for name, rows in some.items():
            loose[name].append(_table(name, rows))
            if sum(map(len, loose[name])) >= ROWS_PER_ROW_GROUP:
                gather(name)
    for name in names:
        loose[name].append(SCHEMAS[name].empty_table())
        gather(name)
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}


def made_ids(rows: Rows, table: str) -> list[str]:
    """The first column of the rows of a table, their ids."""
    return _table(table, rows[table]).column(0).to_pylist()


def _table(name: str, rows: list[dict[str, Any]] | pa.Table) -> pa.Table:
    return rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, SCHEMAS[name])


def _replaced(job: Job, shard: Shard, ids: set[str], before: Tables, made: Tables) -> Tables:
    """The shard's tables, the rows of `ids` replaced by those of `made`, in the keys' order."""
    position = {job.row_id(key): i for i, key in enumerate(shard.keys)}
    tables = {}
    for name, table in before.items():
        old, new = pc.field(table.column_names[0]).isin(list(ids)), made[name]
        if "attempts" in table.column_names:
            new = _attempted(table.filter(old), new)
        both = pa.concat_tables([table.filter(~old), new]).cast(SCHEMAS[name])
        order = np.argsort(
            [position[job.planned(i)] for i in both.column(0).to_pylist()], kind="stable"
        )
        # Slices, because Arrow cannot `take` from a column of more than 2 GiB.
        rows = [both.slice(int(i), 1) for i in order]
        tables[name] = pa.concat_tables(rows) if rows else both
    return tables


def _attempted(before: pa.Table, made: pa.Table) -> pa.Table:
    """Rows made again, with their earlier attempts added."""
    ids = before.column(0).to_pylist()
    earlier = dict(zip(ids, before.column("attempts").to_pylist(), strict=True))
    total = [
        attempts + earlier[row_id]
        for row_id, attempts in zip(
            made.column(0).to_pylist(), made.column("attempts").to_pylist(), strict=True
        )
    ]
    at, field = made.schema.get_field_index("attempts"), made.schema.field("attempts")
    return made.set_column(at, field, pa.array(total, field.type))
