"""How a run stands, as its files say: its plan's outline, the shards that are there, its manifest.

It is imported in a moment, without Arrow, since people wait for `runs show` and `runs list`.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from workers.data.retrying import StorageError
from workers.data.storage import READERS, Store
from workers.shards.names import file_name, shard_names

if TYPE_CHECKING:
    from pipelines.runs.plan import Plan
    from workers.shards.shard import ShardReport

PLAN, MANIFEST = "plan.json", "manifest.json"
FORMAT = 2  # of plan.json
Parsed = TypeVar("Parsed")
AGES = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


class RunError(ValueError):
    """The run cannot go on; the message is one line for the person who started it."""


class Outline(NamedTuple):
    """What `plan.json` alone says of a plan: everything but the keys."""

    command: str
    identity: dict[str, Any]
    tables: tuple[str, ...]
    lengths: tuple[int, ...]
    keys_file: str

    @property
    def rows(self) -> int:
        """The number of planned rows."""
        return sum(self.lengths)

    @property
    def names(self) -> list[str]:
        """The names of the shards."""
        return shard_names(self.lengths)


def read_outline(store: Store) -> Outline:
    """The outline of the run at a URL; RunError when there is none, or it is damaged."""
    with undamaged(store):
        value = json.loads(store.read(PLAN))
        if value["format"] != FORMAT:
            raise RunError(f"{store.url} holds a run of another version; use another out=")
        tables, lengths = tuple(value["tables"]), tuple(value["shards"])
        return Outline(value["command"], value["identity"], tables, lengths, value["keys"])


@contextmanager
def undamaged(store: Store, *kinds: type[Exception]) -> Iterator[None]:
    """RunError, with what to do, where a plan is absent, or cannot be read; `kinds` say so, too."""
    try:
        yield
    except FileNotFoundError:
        raise RunError(f"{store.url} holds no run (no {PLAN})") from None
    except (RunError, StorageError):
        raise
    except (ValueError, KeyError, TypeError, *kinds) as error:
        raise RunError(f"{store.url}: the plan is damaged ({error}): use another out=") from error


def finished_shards(store: Store, plan: "Plan | Outline") -> dict[str, float]:
    """The names of the shards whose files are all there, with the time of the status file."""
    there = [{f.name: f.modified for f in store.list(table)} for table in plan.tables]
    return {
        name: there[-1][file_name(plan.tables[-1], name)]
        for name in plan.names
        if all(file_name(t, name) in files for t, files in zip(plan.tables, there, strict=True))
    }


def count_rows(
    store: Store, plan: "Plan | Outline", shards: Iterable[str]
) -> Iterator["ShardReport"]:
    """Count the rows and failures of committed shards, from the footers of their status files."""
    from workers.shards.shard import count  # Arrow takes as long to import as all the rest

    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(lambda shard: count(store, shard, plan.tables[-1]), shards)


def read_manifest(store: Store) -> dict[str, Any] | None:
    """The manifest of a finished run; None where there is none, or it is damaged."""
    return read_if_good(store, MANIFEST, json.loads)


def read_if_good(store: Store, name: str, parse: Callable[[bytes], Parsed]) -> Parsed | None:
    """A file, parsed; None where there is none, or `parse` raises a ValueError."""
    try:
        return parse(store.read(name))
    except StorageError:
        raise
    except (FileNotFoundError, ValueError):
        return None


def ago(moment: float) -> str:
    """How long ago a file was put, for people: 5 min."""
    seconds = max(time.time() - moment, 0)
    unit = next((unit for unit, length in AGES.items() if seconds >= length), "s")
    return f"{seconds / AGES[unit]:.0f} {unit}"
