"""The plan of a run: its rows, the shards they are made in, and everything that decides them."""

import hashlib
import json
import os
import platform
from collections import defaultdict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from configs.fields import identity_of
from configs.run import Execution, Run, named_cluster
from pipelines.runs.outline import FORMAT, RunError, read_outline, undamaged
from workers.data.names import short
from workers.data.retrying import UNREACHABLE, BrokenLink, StorageError
from workers.data.storage import READERS, Store
from workers.shards.keys import CHUNK, Key, Keys, part_lengths
from workers.shards.names import shard_names
from workers.shards.shard import Job, Shard

KEYS = "plan-"  # the name of the file of keys begins so

# A shard becomes one file a table, of about so many bytes together, for object storage wants files
# neither tiny nor huge. It is held in memory, UV maps at 4 bytes a pixel, so pixels are limited,
# too.
SHARD_BYTES, SHARD_PIXELS = 200_000_000, 4096 * 256 * 256
# What is lost with a worker is 1/64 of a run. In a short run that would be less than a GPU makes
# in the time in which a shard begins and ends: it is 128 rows there, as long as every worker gets
# eight shards, so that they end at about the same time.
SHARDS_WANTED, SHARDS_A_WORKER, SHARD_ROWS, SHARD_ROWS_MIN = 64, 8, 128, 16
CLUSTER_WORKERS = 8  # of a cluster that was named; what it holds is known when the run begins
# Bytes a pixel of what the tables hold, on photographs of people; of smooth pictures it is half.
ENCODED = {"jpeg": 0.45, "webp": 0.25, "png": 1.3}
UV_MAP = 0.75


@dataclass(frozen=True)
class Plan:
    """What decides a run's rows, and the shards they are made in."""

    command: str
    identity: dict[str, Any]  # config, inputs and model, as JSON values
    tables: tuple[str, ...]  # of each shard; the last has a row for each planned row
    keys: Keys
    lengths: tuple[int, ...]  # of the shards, in rows

    @property
    def rows(self) -> int:
        """The number of planned rows."""
        return len(self.keys)

    @cached_property
    def shards(self) -> list[Shard]:
        """The shards, each a slice of the keys."""
        start, shards = 0, []
        for name, length in zip(shard_names(self.lengths), self.lengths, strict=True):
            shards.append(Shard(name, self.keys[start : start + length]))
            start += length
        return shards

    @property
    def names(self) -> list[str]:
        """The names of the shards."""
        return shard_names(self.lengths)

    @property
    def hash(self) -> str:
        """Identifies the command, its config, its inputs and its model."""
        text = json.dumps([self.command, self.identity], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def keys_file(self) -> str:
        """The file of the keys, beside `plan.json`; its name holds the hash of the rows."""
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
    outline = read_outline(store)
    with undamaged(store, pa.ArrowException):
        keys = Keys.from_parquet(store.read(outline.keys_file))
        if len(keys) != outline.rows:
            raise ValueError(f"{len(keys)} keys, {outline.rows} rows planned")
    return Plan(outline.command, outline.identity, outline.tables, keys, outline.lengths)


def make_plan(
    command: str,
    config: Run,
    job: Job,
    keys: Keys,
    group: Callable[[Key], Hashable],
    pixels: int,
    facts: dict[str, Any],
    bytes_a_pixel: float = 0,
) -> Plan:
    """Plan the rows of a command.

    `group` tells which rows should stay together (a source's poses), `pixels` is the size of a
    row's picture, and `bytes_a_pixel` what of a row grows with it (ENCODED, UV_MAP); `facts` are
    the fingerprints of the inputs and the hash of the model. Raises RunError where there are no
    rows, or two rows of one id.
    """
    if not len(keys):
        raise RunError(f"{command}: there is nothing to do: the input holds no rows")
    most = SHARD_PIXELS // pixels
    if bytes_a_pixel:
        most = min(most, int(SHARD_BYTES / (pixels * bytes_a_pixel)))
    size = config.shard_rows or min(shard_rows(len(keys), config.execution), max(most, 1))
    rows = _fingerprint_of_ids(command, job, keys)
    identity = {"config": identity_of(config), **facts, "rows": rows}
    return Plan(command, identity, job.tables, keys, tuple(part_lengths(keys, group, size)))


def shard_rows(rows: int, execution: Execution) -> int:
    """The length of the shards of a run whose pictures do not limit it."""
    least = SHARDS_A_WORKER * expected_workers(execution)
    short = min(-(-rows // least), SHARD_ROWS)
    return max(-(-rows // max(least, SHARDS_WANTED)), short, SHARD_ROWS_MIN)


def expected_workers(execution: Execution) -> int:
    """How many workers a run gets, before Ray is asked."""
    if execution.workers:
        return execution.workers
    if execution.engine == "local":
        return 1
    if named_cluster(execution.ray_address):
        return CLUSTER_WORKERS
    import torch  # here, because those who only read plans start faster without it

    gpus = torch.cuda.device_count() / (execution.gpus_per_worker or 1)
    return int(gpus) or os.cpu_count() or 1


def _fingerprint_of_ids(command: str, job: Job, keys: Keys) -> str:
    """A hash of the rows' ids in their order; RunError where an id occurs twice."""
    digest, hashes = hashlib.sha256(), []
    ids = map(job.row_id, keys)
    while chunk := list(islice(ids, CHUNK)):
        digest.update("".join(f"{row}\0" for row in chunk).encode())
        # Hashes, because a set of five million ids would take a gigabyte.
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


def fingerprint(store: Store, folder: str = "") -> str:
    """A hash of the files of a folder: of their names, sizes and last bytes.

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
    except UNREACHABLE:
        raise
    except (BrokenLink, StorageError):  # fails the rows that need the file, not the run
        return b""


def versions() -> dict[str, str]:
    """The versions of the software that makes a run."""
    installed = {"python": platform.python_version()}
    for name in ("reposer", "ray", "torch", "pyarrow", "numpy"):
        with suppress(PackageNotFoundError):  # reposer may run from its folder, ray be left out
            installed[name] = version(name)
    return installed
