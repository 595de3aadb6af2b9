"""Reads the tables of a finished run."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from pipelines.runs.plan import Plan
from workers.data.storage import READERS, Store
from workers.shards.shard import read_file


def read_shards(store: Store, plan: Plan, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """A table's files in the order of the shards; a few are read ahead, to hide latency."""
    with ThreadPoolExecutor(READERS) as pool:
        names = [shard.file(table) for shard in plan.shards]
        for start in range(0, len(names), READERS):
            part = names[start : start + READERS]
            yield from pool.map(lambda name: read_file(store, name, list(columns)), part)
