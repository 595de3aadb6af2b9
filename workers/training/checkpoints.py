"""What a training goes on from: checkpoints, written beside the steps.

A checkpoint is one file below `checkpoints/`, put whole: the training goes on from the last one,
in whatever process. The log is part of it, so a step that is done again leaves one line.
"""

import io
import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from workers.data.storage import Store
from workers.training.files import CHECKPOINTS, LOG, checkpoint_file
from workers.training.steps import Training
from workers.training.tensorboard import EVENTS, events

KEPT = 2  # checkpoints: the last, and one before it
LINES = 12  # of the losses in a model card
BEHIND = 4  # sheets and checkpoints that may wait to be written


@dataclass(frozen=True)
class Facts:
    """What the driver found out about the training, for checkpoints and model card."""

    layout: str
    origin: str  # Markdown; how the model was made
    training_images: bytes  # a name a line


def resume(
    store: Store, training: Training, device: torch.device
) -> tuple[int, list[dict[str, float]]]:
    """Load the last checkpoint; the step it was taken after, and the log up to it."""
    files = store.list(CHECKPOINTS)
    if not files:
        return 0, []
    data = io.BytesIO(store.read(files[-1].name))
    state = torch.load(data, map_location=device, weights_only=True)
    for name, part in training.parts.items():
        saved = state["training"][name]
        if part in training.optimisers:  # how it steps is said by the config, not by the file
            saved = saved | {"param_groups": part.state_dict()["param_groups"]}
        part.load_state_dict(saved)
    return state["step"], state["log"]


class Snapshot(NamedTuple):
    """All that a checkpoint holds of a training, as it was after a step."""

    step: int
    log: list[dict[str, float]]
    files: Callable[[str, bytes], dict[str, bytes]]  # of `Facts.origin` and `training_images`
    parts: dict[str, Any]  # states
    taken: torch.cuda.Event | None

    @classmethod
    def of(cls, training: Training, step: int, log: list[dict[str, float]]) -> "Snapshot":
        """Copy it, on its device."""
        states = {name: part.state_dict() for name, part in training.parts.items()}
        networks, states = deepcopy((training.networks, states))
        taken = None
        if training.failed.device.type == "cuda":
            taken = torch.cuda.Event()
            taken.record()
        return cls(step, log, partial(training.save, training.model, networks), states, taken)


def put_checkpoint(store: Store, snapshot: Snapshot, facts: Facts, batch: int) -> None:
    """Put log and model, then the checkpoint; remove all but the last KEPT checkpoints.

    The checkpoint comes last: once it is there, this step is not done again.
    """
    if snapshot.taken:
        snapshot.taken.synchronize()
    store.put(LOG, "".join(json.dumps(record) + "\n" for record in snapshot.log).encode())
    store.put(EVENTS, events(snapshot.log))
    origin = f"{facts.origin}\n\n{curves(snapshot.log, batch)}"
    for name, data in snapshot.files(origin, facts.training_images).items():
        store.put(name, data)
    out = io.BytesIO()
    torch.save({"step": snapshot.step, "log": snapshot.log, "training": snapshot.parts}, out)
    store.put(checkpoint_file(snapshot.step), out.getvalue())
    for old in store.list(CHECKPOINTS)[:-KEPT]:
        store.remove(old.name)


def curves(records: list[dict[str, float]], batch: int) -> str:
    """How a training went, for its model card: Markdown of a few lines of its log."""
    steps = np.diff([0, *(r["step"] for r in records)])
    seconds = sum(steps * batch / [r["images_per_second"] for r in records])
    tested = [r for r in records if "held_out_total" in r]
    rows = [tested[round(i)] for i in np.linspace(0, len(tested) - 1, min(LINES, len(tested)))]
    names = [name for name in (rows[0] if rows else ()) if name.startswith("held_out_")]
    heads = ["step", "in training, total", *(name.removeprefix("held_out_") for name in names)]
    lines = [heads, ["---:"] * len(heads)]
    lines += [[f"{r['step']:,.0f}", *(f"{r[n]:.4f}" for n in ("total", *names))] for r in rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"It took {seconds / 3600:.2f} hours. Losses on what `sheets/` show:\n\n{table}"


class Writer:
    """Writes in a thread, in order, beside the steps.

    What went wrong with a write is raised by a later one, or where the writer is left.
    """

    def __enter__(self) -> "Writer":
        self.pool, self.writes = ThreadPoolExecutor(1), deque[Future[None]]()
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self.pool.shutdown()
        if kind is None:
            self._wait(0)

    def write(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function soon; waits where as many as BEHIND calls are still to be made."""
        self._wait(BEHIND)
        self.writes.append(self.pool.submit(function, *arguments))

    def _wait(self, behind: int) -> None:
        while self.writes and (len(self.writes) > behind or self.writes[0].done()):
            self.writes.popleft().result()
