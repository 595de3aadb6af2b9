"""Stand-in models that misbehave, and points at which a process kills itself.

What happens only once leaves a marker, a local file, so that the next process goes on.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.catalogs import POISON, StandIn
from workers.keys import Key
from workers.storage import Store


def in_worker() -> bool:
    """Whether this process is a supervised worker."""
    return "workers.child" in str(sys.modules["__main__"].__spec__)


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
        return _Model(lambda uv: time.sleep(self.seconds))


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
        return _Model(lambda uv: die() if in_worker() and once(self.path) else None)


@dataclass(frozen=True)
class Poisoned:
    """Makes a model that one of the poses makes `exit`, `crash`, `hang` or `eat` memory."""

    how: str

    def __call__(self) -> StandIn:
        return _Model(lambda uv: POISONS[self.how]() if _is_poison(uv) else None)


class _Model(StandIn):
    def __init__(self, before: Callable[[torch.Tensor], object]):
        super().__init__()
        self.before = before

    def render(
        self, state: torch.Tensor, source_index: list[int], target_uv: torch.Tensor
    ) -> torch.Tensor:
        self.before(target_uv)
        target_uv = target_uv.clone()
        target_uv[:, 0][_near_poison(target_uv)] = 0  # the stand-in has a poison of its own
        return super().render(state, source_index, target_uv)


def _near_poison(uv: torch.Tensor) -> torch.Tensor:
    return (uv[:, 0] - POISON).abs().nan_to_num(1) < 1e-4


def _is_poison(uv: torch.Tensor) -> bool:
    return bool(_near_poison(uv).any())


def _hang() -> None:
    while True:
        time.sleep(1)


def _crash() -> None:
    ctypes.string_at(0)  # reads address 0


def _eat() -> None:
    held = []
    while True:
        held.append(np.ones(2**24))  # 128 MiB, touched


POISONS: dict[str, Callable[[], None]] = {
    "exit": lambda: os._exit(3),
    "crash": _crash,
    "hang": _hang,
    "eat": _eat,
}


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
