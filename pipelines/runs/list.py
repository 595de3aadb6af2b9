"""`reposer runs list URL`: all runs below a URL, from a few requests each."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from configs.run import ListConfig
from pipelines.runs.outline import MANIFEST, PLAN, RunError, read_manifest, read_outline
from pipelines.runs.record import ENDED_SECONDS, read_progress
from workers.data.storage import READERS, Store
from workers.shards.names import file_name

AGES = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


class Line(NamedTuple):
    """What is said of a run, as text."""

    state: str
    command: str
    done: str
    rows: str
    failed: str
    age: str  # since it was planned
    idle: str  # since its last file was put
    url: str


def run(config: ListConfig) -> int:
    """Print a line a run, by URL; returns the exit code."""
    store = Store(config.url)
    with ThreadPoolExecutor(READERS) as pool:
        found = sorted(_runs(store, pool))
        lines = list(pool.map(lambda name: describe(Store(store.url_of(name))), found))
    if not lines:
        raise RunError(f"{store.url}: no run lies there or below")
    table = [Line(*Line._fields), *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(f"{x:{w}}" for x, w in zip(line, widths, strict=True)).rstrip())
    return 0


def _runs(store: Store, pool: ThreadPoolExecutor) -> Iterator[str]:
    """The folders that hold a run; below a run is no other."""
    folders = [""]
    while folders:
        deeper = []
        listings = pool.map(lambda folder: store.listing(folder, depth=1), folders)
        for folder, listing in zip(folders, listings, strict=True):
            if any(file.name == PLAN for file in listing.files):
                yield folder
            else:
                deeper += [f"{folder}/{name}".lstrip("/") for name in listing.folders]
        folders = deeper


def describe(store: Store) -> Line:
    """The line of a run: from its manifest, or from its plan, its record and one listing."""
    times = {file.name: file.modified for file in store.listing(depth=1).files}
    manifest = read_manifest(store) if MANIFEST in times else None
    age = _ago(times[PLAN])
    if manifest:
        command, totals = manifest["command"], manifest["totals"]
        rows, failed = str(totals["rows"]), str(totals["failed"])
        idle = _ago(times[MANIFEST])
        return Line("complete", command, "100%", rows, failed, age, idle, store.url)
    try:
        plan = read_outline(store)
    except RunError:
        return Line("damaged", "?", "?", "?", "?", age, _ago(max(times.values())), store.url)
    table, told = plan.tables[-1], read_progress(store)
    files = {file.name: file.modified for file in store.list(table)}
    shards = zip(plan.names, plan.lengths, strict=True)
    made = sum(length for name, length in shards if file_name(table, name) in files)
    last = max([*times.values(), *files.values()])
    state = "running" if time.time() - last < ENDED_SECONDS else "stopped"
    failed = str(told.failures.total()) if told else "?"
    done, rows = f"{made / plan.rows:.0%}", str(plan.rows)
    return Line(state, plan.command, done, rows, failed, age, _ago(last), store.url)


def _ago(moment: float) -> str:
    seconds = max(time.time() - moment, 0)
    unit = next((unit for unit, length in AGES.items() if seconds >= length), "s")
    return f"{seconds / AGES[unit]:.0f} {unit}"
