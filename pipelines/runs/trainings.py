"""How a training stands, as its files say, and what its driver tells of it while it works."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from configs.fields import Frozen
from pipelines.runs.outline import MANIFEST, RunError, read_manifest
from pipelines.runs.record import ENDED_SECONDS, Keeper, here_and_now, read_record
from workers.data.retrying import StorageError
from workers.data.storage import Store
from workers.training.files import CHECKPOINTS, SHEETS, TRAINING, step_of


class TrainingProgress(Frozen):
    """A driver's record of a training: of the last line of its log, once there is one."""

    written: datetime
    host: str
    pid: int
    step: int = 0
    total: float | None = None
    images_per_second: float | None = None


class TrainingRecord:
    """Puts the record of a training every few seconds; use as a context."""

    def __init__(self, store: Store):
        self.last: dict[str, float] = {}
        self.keeper = Keeper(store, self._record)

    def __enter__(self) -> "TrainingRecord":
        self.keeper.start()
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        self.keeper.end(stopped=bool(kind and self.last))

    def tell(self, line: dict[str, float]) -> None:
        """Hear of a line of the log."""
        self.last = {name: line[name] for name in ("step", "total", "images_per_second")}

    def _record(self) -> TrainingProgress:
        return TrainingProgress.model_validate(here_and_now() | self.last)


class Training(NamedTuple):
    """How a training stands."""

    state: str  # complete | running | stopped
    command: str
    step: int
    steps: int
    checkpoint: int  # the step that it would go on from; 0 where there is none
    loss: float | None  # as was told last, as is
    images_per_second: float | None
    begun: float  # times of files
    checkpointed: float
    changed: float


def read_training(store: Store, times: Mapping[str, float]) -> Training:
    """How the training at a URL stands; `times` are those of the files there, by name.

    Raises RunError where what decides it cannot be read.
    """
    try:
        decided = json.loads(store.read(TRAINING))
        command, steps = decided["command"], int(decided["identity"]["config"]["steps"])
    except StorageError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{store.url}: {TRAINING} is damaged ({error}): use another out=") from error
    checkpoints = store.list(CHECKPOINTS)
    checkpoint = max((step_of(file.name) for file in checkpoints), default=0)
    put = max((file.modified for file in checkpoints), default=0.0)
    told: Mapping[str, Any] = {"step": checkpoint}
    if manifest := read_manifest(store):
        state, told, changed = "complete", manifest["last"], times[MANIFEST]
    else:
        if record := read_record(store, TrainingProgress):
            told = record.model_dump()
        sheets = [file.modified for file in store.list(SHEETS)]
        changed = max(put, *times.values(), *sheets)
        state = "running" if time.time() - changed < ENDED_SECONDS else "stopped"
    return Training(
        state,
        command,
        max(checkpoint, int(told["step"])),
        steps,
        checkpoint,
        told.get("total"),
        told.get("images_per_second"),
        times[TRAINING],
        put,
        changed,
    )
