"""The run protocol: a plan written once, shards committed one by one, a manifest last.

A run is its output URL. `plan.json` is created if there is none; running the same command again
resumes, and another command, config, input or model is refused by name. What is done is what
lies in the tables' folders: there is no other record of progress to disagree with them.
"""

import hashlib
import json
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from configs.fields import identity_of
from configs.run import Run
from workers.data.names import short
from workers.data.retrying import BrokenLink, StorageError
from workers.data.storage import Store
from workers.shards.keys import CHUNK, Key, Keys
from workers.shards.shard import Job, Shard, ShardReport, count, pack

PLAN, MANIFEST = "plan.json", "manifest.json"
KEYS = "plan-"  # begins the name of the file of keys
FORMAT = 2  # of plan.json
READERS = 16  # threads that read footers: on object storage it is all waiting

# A shard is held in memory and becomes one file: 4,096 rows at 256x256 are some 120 MB of renders,
# or 350 MB of photographs and UV maps. Small runs get enough shards to keep several workers busy.
SHARD_PIXELS, SHARD_ROWS_MIN, SHARDS_WANTED = 4096 * 256 * 256, 16, 64


class RunError(ValueError):
    """The run cannot go on; the message is one line for the person who started it."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run's rows, and the shards they are made in."""

    command: str
    identity: dict[str, Any]  # config, inputs and model, as JSON values
    tables: tuple[str, ...]  # written by each shard; the last has one row a planned row
    keys: Keys
    lengths: tuple[int, ...]  # of the shards, in rows

    @property
    def rows(self) -> int:
        """The number of planned rows."""
        return len(self.keys)

    @cached_property
    def shards(self) -> list[Shard]:
        """The shards, each a slice of the keys."""
        count, start, shards = len(self.lengths), 0, []
        for i, length in enumerate(self.lengths):
            shards.append(Shard(f"{i:05d}-of-{count:05d}", self.keys[start : start + length]))
            start += length
        return shards

    @property
    def hash(self) -> str:
        """Identifies the command, its config, its inputs and its model."""
        text = json.dumps([self.command, self.identity], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def keys_file(self) -> str:
        """Where the keys lie, beside `plan.json`, under a name that says what they are."""
        return f"{KEYS}{self.identity['rows'][:16]}.parquet"

    def to_json(self) -> bytes:
        """The plan as `plan.json` holds it."""
        plan = {
            "format": FORMAT,
            "command": self.command,
            "identity": self.identity,
            "hash": self.hash,
            "versions": versions(),
            "rows": self.rows,
            "tables": self.tables,
            "keys": self.keys_file,
            "shards": self.lengths,
        }
        return json.dumps(plan, separators=(",", ":")).encode()


def read_plan(store: Store) -> Plan:
    """The plan of the run at a URL; RunError when there is none, or it is damaged."""
    try:
        value = json.loads(store.read(PLAN))
        if value["format"] != FORMAT:
            raise RunError(f"{store.url} holds a run of another version; use another out=")
        keys = Keys.from_parquet(store.read(value["keys"]))
        plan = Plan(value["command"], value["identity"], tuple(value["tables"]), keys,
                    tuple(value["shards"]))  # fmt: skip
        if len(keys) != sum(plan.lengths):
            raise ValueError(f"{len(keys)} keys, {sum(plan.lengths)} rows planned")
    except FileNotFoundError:
        raise RunError(f"{store.url} holds no run (no {PLAN})") from None
    except (RunError, StorageError):
        raise
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise RunError(f"{store.url}: the plan is damaged ({error}): use another out=") from error
    return plan


def finished_run(url: str, command: str) -> Plan:
    """The plan of a finished run of a command; RunError where there is none."""
    store = Store(url)
    plan = read_plan(store)
    if plan.command != command:
        raise RunError(f"{url} holds a run of {plan.command}, a run of {command} is wanted")
    if read_manifest(store) is None:
        raise RunError(f"{url} is not finished; run its command again first")
    return plan


def make_plan(
    command: str,
    config: Run,
    job: Job,
    keys: Keys,
    group: Callable[[Key], Hashable],
    pixels: int,
    facts: dict[str, Any],
) -> Plan:
    """Plan the rows of a command.

    `group` names what should stay together (a source with its poses), `pixels` is the size of a
    row's picture; `facts` are the input fingerprints and the model's hash. Refuses an empty list of
    rows, and two rows of one id.
    """
    if not len(keys):
        raise RunError(f"{command}: there is nothing to do: the input holds no rows")
    most = max(1, SHARD_PIXELS // pixels)
    size = config.shard_rows or min(max(-(-len(keys) // SHARDS_WANTED), SHARD_ROWS_MIN), most)
    rows = _fingerprint_of_ids(command, job, keys)
    identity = {"config": identity_of(config), **facts, "rows": rows}
    return Plan(command, identity, job.tables, keys, tuple(pack(keys, group, size)))


def _fingerprint_of_ids(command: str, job: Job, keys: Keys) -> str:
    """Identifies the rows and their order; refuses an id that occurs twice."""
    digest, hashes = hashlib.sha256(), []
    ids = map(job.row_id, keys)
    while chunk := list(islice(ids, CHUNK)):
        digest.update("".join(f"{row}\0" for row in chunk).encode())
        # Hashes, for five million ids in a set would take a gigabyte.
        hashes.append(np.fromiter(map(hash, chunk), np.int64, len(chunk)))
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    if (counts > 1).any():
        suspects = set(values[counts > 1].tolist())
        rows = defaultdict(list)
        for key in keys:
            if hash(row := job.row_id(key)) in suspects:
                rows[row].append(key)
        for row, (first, *others) in rows.items():
            if others:
                named = [" and ".join(map(short, filter(None, k))) for k in (first, others[0])]
                raise RunError(
                    f"{command}: two rows would have the id {short(row)}, that of {named[0]} and "
                    f"that of {named[1]}: rename one"
                )
    return digest.hexdigest()


def open_run(store: Store, plan: Plan) -> Plan:
    """Write the plan, or resume the same one; refuses a different one, naming what differs.

    The very plan that was given comes back when the run is new.
    """
    names = [file.name for file in store.list()]
    strangers = [name for name in names if not name.startswith(KEYS)]
    if strangers and PLAN not in names:
        raise RunError(
            f"{store.url} is not empty ({strangers[0]}) and holds no run; use another out="
        )
    if PLAN not in names:
        # Before plan.json, which names it. Another driver writes the same bytes, or another name.
        store.put(plan.keys_file, plan.keys.to_parquet())
        if store.create(PLAN, plan.to_json()):
            return plan
    written = read_plan(store)
    if written.command != plan.command:
        raise RunError(f"{store.url} holds a run of {written.command}; use another out=")
    refuse_another(store, written.identity, plan.identity)
    return written


def refuse_another(store: Store, written: dict[str, Any], wanted: dict[str, Any]) -> None:
    """RunError, naming what differs, unless the run at a URL has the identity that is wanted."""
    old, new = _flat(written), _flat(wanted)
    differences = [
        f"{key}: {old.get(key, 'absent')} there, {new.get(key, 'absent')} now"
        for key in sorted(old | new)
        if old.get(key) != new.get(key)
    ]
    if differences:
        raise RunError(
            f"{store.url} holds another run ({'; '.join(differences)}); use another out="
        )


def finished_shards(store: Store, plan: Plan) -> set[str]:
    """The names of the shards all of whose files are there."""
    there = [{f.name for f in store.list(table)} for table in plan.tables]
    return {
        shard.name
        for shard in plan.shards
        if all(shard.file(t) in names for t, names in zip(plan.tables, there, strict=True))
    }


def count_rows(store: Store, plan: Plan, shards: Iterable[Shard]) -> Iterator[ShardReport]:
    """Count rows and failures of committed shards, from the footers of their status files."""
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(lambda shard: count(store, shard, plan.tables[-1]), shards)


def read_manifest(store: Store) -> dict[str, Any] | None:
    """The manifest of a finished run, None where there is none or it is damaged."""
    try:
        return json.loads(store.read(MANIFEST))
    except StorageError:
        raise
    except (FileNotFoundError, ValueError):
        return None


def finish(store: Store, plan: Plan, timings: dict[str, Any]) -> dict[str, Any]:
    """Check that every planned row is there once, and write the manifest."""
    reports = list(count_rows(store, plan, plan.shards))
    rows = sum(r.rows for r in reports)
    planned = {shard.file(table) for shard in plan.shards for table in plan.tables}
    for table in plan.tables:
        for file in store.list(table):
            if file.name not in planned:
                raise RunError(f"{store.url}/{file.name} is not this run's: move it elsewhere")
    if rows != plan.rows:
        raise RunError(f"{store.url} holds {rows} rows of {plan.rows} planned")
    failures = sum((r.failed for r in reports), Counter[str]())
    manifest = {
        "command": plan.command,
        "plan": plan.hash,
        "identity": plan.identity,
        "totals": {
            "rows": rows,
            "ok": rows - failures.total(),
            "failed": failures.total(),
            "failures": dict(failures.most_common()),
            "shards": len(plan.shards),
        },
        "timings": timings,
        "versions": versions(),
    }
    store.put(MANIFEST, json.dumps(manifest, indent=2).encode())
    store.sweep()
    return manifest


def fingerprint(store: Store, folder: str = "") -> str:
    """Identifies the files of a folder without reading them whole: names, sizes and last bytes.

    A Parquet file ends in its footer, which holds the sizes and id ranges of its columns.
    """
    digest, files = hashlib.sha256(), store.list(folder)
    with ThreadPoolExecutor(READERS) as pool:
        tails = list(pool.map(lambda file: _tail(store, file.name), files))
    for file, tail in zip(files, tails, strict=True):
        digest.update(f"{file.name}\0{file.size}\0".encode() + tail)
    return digest.hexdigest()


def _tail(store: Store, name: str) -> bytes:
    try:
        return store.tail(name, 4096)
    except BrokenLink:  # a fault of the rows that want it
        return b""


def versions() -> dict[str, str]:
    """The software that made a run."""
    packages = {name: version(name) for name in ("reposer", "ray", "torch", "pyarrow", "numpy")}
    return {"python": platform.python_version(), **packages}


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = item
    return flat
