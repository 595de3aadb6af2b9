"""The run protocol: a plan written once, shards committed one by one, a manifest last.

A run is its output URL. `plan.json` is created if there is none; running the same command again
resumes, and another command, config, input or model is refused by name. What is done is what
lies in the tables' folders: there is no other record of progress to disagree with them.
"""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from configs.schema import Run
from workers.shard import Job, Key, Shard, ShardReport, pack, read_file, report
from workers.storage import Store

PLAN, MANIFEST = "plan.json", "manifest.json"

# What may differ between two calls of one run: where and how it is executed, not what it makes.
NOT_IDENTITY = {"out", "execution", "shard_rows", "max_failed_fraction", "retry_failed"}

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
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        """The number of planned rows."""
        return sum(len(shard.keys) for shard in self.shards)

    @property
    def hash(self) -> str:
        """Identifies the command, its config, its inputs and its model."""
        text = json.dumps([self.command, self.identity], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> bytes:
        """The plan as `plan.json` holds it."""
        return json.dumps(
            {
                "format": 1,
                "command": self.command,
                "identity": self.identity,
                "hash": self.hash,
                "versions": versions(),
                "rows": self.rows,
                "tables": self.tables,
                "shards": [{"name": s.name, "keys": s.keys} for s in self.shards],
            },
            indent=None,
            separators=(",", ":"),
        ).encode()

    @staticmethod
    def from_json(data: bytes) -> "Plan":
        """The plan that `plan.json` holds."""
        try:
            value = json.loads(data)
            shards = tuple(Shard(s["name"], tuple(map(tuple, s["keys"]))) for s in value["shards"])
            return Plan(value["command"], value["identity"], tuple(value["tables"]), shards)
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{PLAN} is damaged ({error!r}): use another out=") from error


def make_plan(
    command: str,
    config: Run,
    job: Job,
    keys: Sequence[Key],
    group: Callable[[Key], Hashable],
    pixels: int,
    facts: dict[str, Any],
) -> Plan:
    """Plan the rows of a command.

    `group` names what should stay together (a source with its poses), `pixels` is the size of a
    row's picture; `facts` are the input fingerprints and the model's hash. Refuses an empty list of
    rows, and two rows of one id.
    """
    if not keys:
        raise RunError(f"{command}: there is nothing to do: the input holds no rows")
    twice = [row for row, n in Counter(map(job.row_id, keys)).items() if n > 1]
    if twice:
        raise RunError(f"{command}: {len(twice)} row ids occur twice, the first is {twice[0]!r}")
    settings = config.model_dump(mode="json", exclude=NOT_IDENTITY)
    most = max(1, SHARD_PIXELS // pixels)
    size = config.shard_rows or min(max(-(-len(keys) // SHARDS_WANTED), SHARD_ROWS_MIN), most)
    parts = list(pack(keys, group, size))
    shards = [Shard(f"{i:05d}-of-{len(parts):05d}", tuple(part)) for i, part in enumerate(parts)]
    rows = hashlib.sha256(json.dumps(keys).encode()).hexdigest()
    return Plan(command, {"config": settings, **facts, "rows": rows}, job.tables, tuple(shards))


def open_run(store: Store, plan: Plan) -> Plan:
    """Write the plan, or resume the same one; refuses a different one, naming what differs."""
    names = [file.name for file in store.list()]
    if names and PLAN not in names:
        raise RunError(f"{store.url} is not empty ({names[0]}) and holds no run; use another out=")
    if store.create(PLAN, plan.to_json()):
        return plan
    written = Plan.from_json(store.read(PLAN))
    if written.command != plan.command:
        raise RunError(f"{store.url} holds a run of {written.command}; use another out=")
    if written.hash != plan.hash:
        old = _flat(written.identity)
        new = _flat(plan.identity)
        differences = [
            f"{key}: {old.get(key, 'absent')} there, {new.get(key, 'absent')} now"
            for key in sorted(old | new)
            if old.get(key) != new.get(key)
        ]
        raise RunError(
            f"{store.url} holds another run ({'; '.join(differences)}); use another out="
        )
    return written


def finished_shards(store: Store, plan: Plan) -> set[str]:
    """The names of the shards all of whose files are there."""
    there = [{f.name for f in store.list(table)} for table in plan.tables]
    return {
        shard.name
        for shard in plan.shards
        if all(shard.file(t) in names for t, names in zip(plan.tables, there, strict=True))
    }


def count_rows(store: Store, plan: Plan, shards: Sequence[Shard]) -> Iterator[ShardReport]:
    """Count rows and failures of committed shards, from their status columns."""
    for shard in shards:
        columns = ["status", "error_type"]
        yield report(shard.name, read_file(store, shard.file(plan.tables[-1]), columns))


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
    digest = hashlib.sha256()
    for file in store.list(folder):
        tail = store.tail(file.name, 4096)
        digest.update(f"{file.name}\0{file.size}\0".encode() + tail)
    return digest.hexdigest()


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
