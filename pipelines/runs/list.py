"""`reposer runs list URL`: all runs and trainings below a URL, from a few requests each."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from configs.run import ListConfig
from pipelines.runs.outline import MANIFEST, PLAN, RunError, ago, read_manifest, read_outline
from pipelines.runs.record import ENDED_SECONDS, read_progress
from pipelines.runs.trainings import read_training
from workers.data.storage import READERS, Store
from workers.shards.names import file_name
from workers.training.files import TRAINING


class Line(NamedTuple):
    """What is said of a run or training, as text."""

    state: str
    command: str
    done: str
    of: str  # planned rows, or steps of a training
    failed: str
    checkpoint: str  # the step that a training would go on from
    age: str  # since it was begun
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
    """The folders that hold a run or training; below one is no other."""
    folders = [""]
    while folders:
        deeper = []
        listings = pool.map(lambda folder: store.listing(folder, depth=1), folders)
        for folder, listing in zip(folders, listings, strict=True):
            if any(file.name in (PLAN, TRAINING) for file in listing.files):
                yield folder
            else:
                deeper += [f"{folder}/{name}".lstrip("/") for name in listing.folders]
        folders = deeper


def describe(store: Store) -> Line:
    """The line of a run: from its manifest, or from its plan, its record and one listing."""
    times = {file.name: file.modified for file in store.listing(depth=1).files}
    if TRAINING in times:
        return _training(store, times)
    manifest = read_manifest(store) if MANIFEST in times else None
    age = ago(times[PLAN])
    if manifest:
        command, totals = manifest["command"], manifest["totals"]
        rows, failed = f"{totals['rows']} rows", str(totals["failed"])
        idle = ago(times[MANIFEST])
        return Line("complete", command, "100%", rows, failed, "-", age, idle, store.url)
    try:
        plan = read_outline(store)
    except RunError:
        return _damaged(store, age, times)
    table, told = plan.tables[-1], read_progress(store)
    files = {file.name: file.modified for file in store.list(table)}
    shards = zip(plan.names, plan.lengths, strict=True)
    made = sum(length for name, length in shards if file_name(table, name) in files)
    last = max([*times.values(), *files.values()])
    state = "running" if time.time() - last < ENDED_SECONDS else "stopped"
    failed = str(told.failures.total()) if told else "?"
    done, rows = f"{made / plan.rows:.0%}", f"{plan.rows} rows"
    return Line(state, plan.command, done, rows, failed, "-", age, ago(last), store.url)


def _training(store: Store, times: dict[str, float]) -> Line:
    age = ago(times[TRAINING])
    try:
        found = read_training(store, times)
    except RunError:
        return _damaged(store, age, times)
    done, steps = f"{found.step / found.steps:.0%}", f"{found.steps} steps"
    checkpoint, idle = str(found.checkpoint), ago(found.changed)
    return Line(found.state, found.command, done, steps, "-", checkpoint, age, idle, store.url)


def _damaged(store: Store, age: str, times: dict[str, float]) -> Line:
    return Line("damaged", "?", "?", "?", "?", "?", age, ago(max(times.values())), store.url)
