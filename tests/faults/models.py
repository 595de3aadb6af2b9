"""Stand-in models that misbehave, and points at which a process kills itself.

What happens only once leaves a marker, a local file, so that the next process goes on.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.maps import Target
from tests.helpers.catalogs import StandIn
from workers.data.storage import Store
from workers.shards.keys import Key


def in_worker() -> bool:
    """Whether this process is a supervised worker."""
    return "workers.shards.child" in str(sys.modules["__main__"].__spec__)


def die() -> None:
    """SIGKILL to this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def once(path: str) -> bool:
    """Whether this is the first call with this path."""
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@dataclass(frozen=True)
class Slow:
    """Makes a model that takes some seconds a call."""

    seconds: float

    def __call__(self) -> StandIn:
        return _Model(lambda: time.sleep(self.seconds))


@dataclass(frozen=True)
class Seen:
    """Makes a model that takes some seconds a call, and leaves a marker when it is called."""

    seconds: float
    path: str

    def __call__(self) -> StandIn:
        return _Model(lambda: (Path(self.path).touch(), time.sleep(self.seconds)))


@dataclass(frozen=True)
class Counted:
    """Makes a model that takes some seconds a call, and leaves a marker for each process."""

    seconds: float
    folder: str

    def __call__(self) -> StandIn:
        mark = Path(self.folder, str(os.getpid()))
        return _Model(lambda: (mark.touch(), time.sleep(self.seconds)))


@dataclass(frozen=True)
class KilledLoading:
    """Makes a model whose worker is killed once, before it has read anything."""

    path: str

    def __call__(self) -> StandIn:
        if in_worker() and once(self.path):
            die()
        return StandIn()


@dataclass(frozen=True)
class KilledRendering:
    """Makes a model whose worker is killed once, in a call."""

    path: str

    def __call__(self) -> StandIn:
        return _Model(lambda: die() if in_worker() and once(self.path) else None)


class _Model(StandIn):
    def __init__(self, before: Callable[[], object]):
        super().__init__()
        self.before = before

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        self.before()
        return super().render(state, source_index, target)


class Armed:
    """A job's `row_id` that, where it is unpickled, kills the process around its first put."""

    def __init__(self, row_id: Callable[[Key], str], point: str, path: str):
        self.row_id, self.point, self.path = row_id, point, path

    def __call__(self, key: Key) -> str:
        return self.row_id(key)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        arm(self.point, self.path)


def arm(point: str, path: str) -> None:
    """Kill this process at its first put of a shard: `before put` or `after put`."""
    put = Store.put

    def killing(self: Store, name: str, data: bytes) -> None:
        shard = name.endswith(".parquet") and "/" in name
        if shard and point == "before put" and once(path):
            die()
        put(self, name, data)
        if shard and point == "after put" and once(path):
            die()

    Store.put = killing
