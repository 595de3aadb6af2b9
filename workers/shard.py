"""One shard of a run: its rows in, its committed Parquet files out.

A shard is done when each of its files lies under its final name. Every step may be repeated:
the same rows give the same files, and a put replaces a file whole.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workers.storage import Store
from workers.tables import SCHEMAS, parquet_bytes

Key = tuple[str | None, ...]  # what a worker needs to make one row
Tables = dict[str, pa.Table]
Worker = Callable[[Sequence[Key]], Tables]


@dataclass(frozen=True)
class Job:
    """What a command does to its rows. Travels to the workers, so it must pickle.

    In every table, column 0 holds the id of the planned row that the table's row belongs to; the
    last table has exactly one row a planned row, with its status.
    """

    tables: tuple[str, ...]
    make_worker: Callable[[], Worker]
    row_id: Callable[[Key], str]
    failed: Callable[[Sequence[Key], str, str], Tables]  # keys, error type, message


@dataclass(frozen=True)
class Shard:
    """An ordered part of the plan."""

    name: str
    keys: tuple[Key, ...]

    def file(self, table: str) -> str:
        """The final name of the shard's file in a table."""
        return f"{table}/{self.name}.parquet"


@dataclass(frozen=True)
class ShardReport:
    """What a finished shard counts: its rows, those that failed by type, and its seconds."""

    name: str
    rows: int
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def pack(keys: Sequence[Key], group: Callable[[Key], Hashable], size: int) -> Iterator[list[Key]]:
    """Cut keys into parts of at most `size`, splitting only groups that are larger than a part."""
    part: list[Key] = []
    for _, members in groupby(keys, group):
        rest = list(members)
        if part and len(part) + len(rest) > size:
            yield part
            part = []
        while len(rest) > size:
            yield rest[:size]
            rest = rest[size:]
        part += rest
    if part:
        yield part


def run_shard(job: Job, worker: Worker, store: Store, shard: Shard, retry: bool) -> ShardReport:
    """Make a shard's rows and commit them; with `retry`, only those that failed before."""
    start = time.monotonic()
    before = read_shard(job, store, shard) if retry else None
    keys = shard.keys if before is None else _failed_keys(job, shard, before)
    made = worker(keys)
    tables = made if before is None else _replace(job, keys, before, made)
    return commit(job, store, shard, tables, time.monotonic() - start)


def commit(job: Job, store: Store, shard: Shard, tables: Tables, seconds: float) -> ShardReport:
    """Check a shard's tables against its keys, then put each file once, the status table last."""
    ids = [job.row_id(key) for key in shard.keys]
    position = {row_id: i for i, row_id in enumerate(ids)}
    files = {}
    for name in job.tables:
        table = tables[name].cast(SCHEMAS[name])  # with its metadata, also after a concat
        places = [position[row_id] for row_id in table.column(0).to_pylist()]
        if places != sorted(places):
            # Slices, for a column of more than 2 GiB cannot be taken from.
            order = np.argsort(places, kind="stable")
            table = pa.concat_tables([table.slice(int(i), 1) for i in order])
        files[shard.file(name)] = parquet_bytes(table)
    status = tables[job.tables[-1]]
    if sorted(status.column(0).to_pylist()) != sorted(ids):
        raise RuntimeError(f"shard {shard.name}: {len(status)} rows made of {len(ids)} planned")
    for name, data in files.items():
        store.put(name, data)
    return report(shard.name, status, seconds)


def report(name: str, status_table: pa.Table, seconds: float = 0.0) -> ShardReport:
    """Count a table's rows and failures."""
    failed = status_table.filter(pc.field("status") != "ok").column("error_type").to_pylist()
    return ShardReport(name, len(status_table), Counter(failed), seconds)


def read_shard(job: Job, store: Store, shard: Shard) -> Tables:
    """A committed shard's tables."""
    return {name: read_file(store, shard.file(name)) for name in job.tables}


def read_file(store: Store, name: str, columns: list[str] | None = None) -> pa.Table:
    """A committed file; ValueError, with the remedy, where something has damaged it."""
    try:
        with store.open(name) as file:
            return pq.read_table(file, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{store.url}/{name} is damaged ({str(error).splitlines()[0]}): delete it and run again"
        ) from error


def concat(pieces: Sequence[Tables]) -> Tables:
    """The tables of several disjoint sets of keys as one."""
    return {name: pa.concat_tables([piece[name] for piece in pieces]) for name in pieces[0]}


def _failed_keys(job: Job, shard: Shard, tables: Tables) -> list[Key]:
    status = tables[job.tables[-1]]
    failed = set(status.filter(pc.field("status") != "ok").column(0).to_pylist())
    return [key for key in shard.keys if job.row_id(key) in failed]


def _replace(job: Job, keys: Sequence[Key], before: Tables, made: Tables) -> Tables:
    """The shard's tables with the rows of some keys made anew."""
    again = [job.row_id(key) for key in keys]
    tables = {}
    for name, table in before.items():
        row_id = table.column_names[0]
        old, new = pc.field(row_id).isin(again), made[name]
        if "attempts" in table.column_names:
            rows = table.filter(old).select([row_id, "attempts"]).to_pylist()
            earlier = {row[row_id]: row["attempts"] for row in rows}
            rows = new.to_pylist()
            rows = [row | {"attempts": row["attempts"] + earlier[row[row_id]]} for row in rows]
            new = pa.Table.from_pylist(rows, new.schema)
        tables[name] = pa.concat_tables([table.filter(~old), new])
    return tables
