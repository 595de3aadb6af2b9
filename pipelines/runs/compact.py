"""`reposer runs compact URL out=COPY`: a finished run, its small files joined into few.

No storage swaps many files for few at once, so nothing of the run itself is touched. The copy is a
run of the same plan in longer shards, made by the run protocol, from the run's rows instead of by
a worker: each of its files is put whole, its manifest last.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import pyarrow as pa

from configs.run import CompactConfig
from pipelines.runs.dataset_card import CARD
from pipelines.runs.lease import FOLDER
from pipelines.runs.lifecycle import finish, open_run
from pipelines.runs.log import log
from pipelines.runs.outline import (
    MANIFEST,
    PLAN,
    RunError,
    count_rows,
    finished_shards,
    read_manifest,
)
from pipelines.runs.plan import KEYS, Plan, read_plan
from pipelines.runs.record import PROGRESS
from workers.data.listing import FileInfo
from workers.data.storage import Store
from workers.data.tables import joined_bytes
from workers.shards.ahead import ahead
from workers.shards.names import file_name
from workers.shards.shard import FAILED, PLANNED, read_file

MEGABYTE = 1_000_000


def run(config: CompactConfig) -> int:
    """Copy, or go on copying; returns the exit code."""
    source, store = Store(config.url), Store(config.out)
    plan, manifest, files = read_plan(source), read_manifest(source), _files(source)
    if not manifest or len(finished_shards(source, plan)) < len(plan.lengths):
        raise RunError(f"{source.url} is not finished; run its command again first")
    parts = list(_joined(plan, files, config.file_mb * MEGABYTE))
    lengths = dict(zip(plan.names, plan.lengths, strict=True))
    copy = replace(plan, lengths=tuple(sum(lengths[n] for n in names) for names in parts))
    if open_run(store, copy).lengths != copy.lengths:
        raise RunError(f"{store.url} holds the same run in other shards; use another out=")
    done = finished_shards(store, copy)
    for name, names in zip(copy.names, parts, strict=True):
        if name not in done:
            for table in copy.tables:
                store.put(file_name(table, name), _file(source, plan, table, names))
            log(f"runs compact: {name} holds {len(names)} shards")
    _copy_others(source, store, plan)
    if _files(source) != files:
        raise RunError(
            f"{source.url} was changed meanwhile: delete {store.url}, then run this command again"
        )
    totals = finish(store, copy, manifest["timings"])["totals"]
    print(f"compacted      {totals['rows']} rows, {len(plan.lengths)} shards into {len(parts)}")
    print(f"copy           {store.url}")
    return 0


def _files(store: Store) -> dict[str, FileInfo]:
    """What lies at a run, its leases left out."""
    return {f.name: f for f in store.list() if not f.name.startswith(f"{FOLDER}/")}


def _joined(plan: Plan, files: dict[str, FileInfo], most: int) -> Iterator[list[str]]:
    """The shards of each file of the copy: as many as keep every table's below `most` bytes."""
    names: list[str] = []
    sizes: Counter[str] = Counter()
    for name in plan.names:
        more = Counter({table: files[file_name(table, name)].size for table in plan.tables})
        if names and max((sizes + more).values()) > most:
            yield names
            names, sizes = [], Counter()
        names.append(name)
        sizes += more
    yield names


def _file(source: Store, plan: Plan, table: str, names: Sequence[str]) -> bytes:
    """A file of the copy; that of the status table counts as its parts do."""
    with ThreadPoolExecutor(1) as pool:
        tables = ahead(pool, lambda name: read_file(source, file_name(table, name)), names, 1)
        first = next(tables)
        schema: pa.Schema = first.schema
        if table == plan.tables[-1]:
            reports = list(count_rows(source, plan, names))
            failed = sum((report.failed for report in reports), Counter[str]())
            counts = {
                FAILED: json.dumps(failed),
                PLANNED: str(sum(report.rows for report in reports)),
            }
            schema = schema.with_metadata({**(schema.metadata or {}), **counts})
        return joined_bytes(schema, chain([first], tables))


def _copy_others(source: Store, store: Store, plan: Plan) -> None:
    """Copy what a command left beside its tables: pages, pictures, a summary."""
    own = {PLAN, MANIFEST, PROGRESS, CARD}
    for name in _files(source):
        if name not in own and not name.startswith((KEYS, *(f"{t}/" for t in plan.tables))):
            store.put(name, source.read(name))
