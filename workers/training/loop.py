"""The loop that every training process runs: steps, log, picture sheets, checkpoints.

A checkpoint is one file below `checkpoints/`, put whole: the training goes on from the last one,
in whatever process. The log is part of it, so a step that is done again leaves one line.
"""

import io
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from configs.train import Augmentation, TrainConfig
from eval.pictures import contact_sheet
from models.checkpoint import save
from workers.data.storage import Store
from workers.training.data import Batch, Batches, training_pairs
from workers.training.steps import NotFiniteError, Training, rate_at
from workers.training.tensorboard import EVENTS, events
from workers.training.trainable import trainable

CHECKPOINTS, SHEETS, LOG = "checkpoints", "sheets", "log.jsonl"
TRAINING = "training.json"  # what decides the training
KEPT = 2  # checkpoints: the last, and one before it
LINES = 12  # of the losses in a model card
SHOWN = 8  # pairs of a picture sheet, whose mean losses the log calls held out
TILE = 160  # pixels

Tell = Callable[[dict[str, float]], None]  # hears of every record of the log


@dataclass(frozen=True)
class Place:
    """Which of how many training processes this is, and where it computes."""

    rank: int
    processes: int
    device: torch.device


@dataclass(frozen=True)
class Facts:
    """What the driver found out about the training, for checkpoints and model card."""

    layout: str
    origin: str  # Markdown; how the model was made
    training_images: bytes  # a name a line


def stopped_message(url: str) -> str:
    """What a person is told whose training was stopped."""
    return f"training stopped; the same command goes on from the last checkpoint in {url}"


def train(config: TrainConfig, facts: Facts, place: Place, tell: Tell) -> None:
    """Train from the last checkpoint, or from the beginning, to the last step."""
    store = Store(config.out)
    training = trainable(config).training(config, facts.layout, place.device)
    step, records = resume(store, training, place.device)
    pairs, _ = training_pairs(config)
    batches = Batches(config, pairs, facts.layout, place.rank, place.processes)
    shown = shown_pairs(config, pairs, facts.layout) if place.rank == 0 else None
    meter = _Meter(config.batch, place.device)
    stream = batches.starting_at(step)
    while step < config.steps:
        with meter.waiting():
            batch = next(stream)
        rate = rate_at(config, training.config.learning_rate, step)
        try:
            meter.add(training.step(batch, rate))
        except NotFiniteError as error:
            raise NotFiniteError(f"step {step + 1}: {error}") from None
        step += 1
        log, sheet, checkpoint = (
            step % every == 0 or step == config.steps
            for every in (config.log_every, config.sheet_every, config.checkpoint_every)
        )
        if log or sheet:
            records.append({"step": step, "rate": rate, **meter.read()})
            tell(records[-1])
        if shown is None:
            continue
        if sheet:
            records[-1] |= {f"held_out_{k}": v for k, v in _floats(training.test(shown)).items()}
            store.put(f"{SHEETS}/step-{step:08d}.png", _sheet(training, shown))
        if checkpoint:
            _save(store, training, facts, step, records, config.batch)
    stream.close()


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
        part.load_state_dict(state["training"][name])
    return state["step"], state["log"]


def _save(
    store: Store,
    training: Training,
    facts: Facts,
    step: int,
    records: list[dict[str, float]],
    batch: int,
) -> None:
    """Put log and model, then the checkpoint; remove all but the last KEPT checkpoints.

    The checkpoint comes last: once it is there, this step is not done again.
    """
    store.put(LOG, "".join(json.dumps(record) + "\n" for record in records).encode())
    store.put(EVENTS, events(records))
    origin = f"{facts.origin}\n\n{curves(records, batch)}"
    files = save(training.model, training.networks, origin, facts.training_images)
    for name, data in files.items():
        store.put(name, data)
    state = {name: part.state_dict() for name, part in training.parts.items()}
    out = io.BytesIO()
    torch.save({"step": step, "log": records, "training": state}, out)
    store.put(f"{CHECKPOINTS}/{step:08d}.pt", out.getvalue())
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
    return f"It took {seconds / 3600:.2f} hours. Losses on the pairs of `sheets/`:\n\n{table}"


def shown_pairs(config: TrainConfig, pairs: list[tuple[str, str]], layout: str) -> Batch:
    """Pairs spread over the held-out catalog (else over that of training), as they are."""
    plain = Augmentation(flip=False, shift=0, colour=0)
    config = config.model_copy(
        update={"augmentation": plain, "batch": SHOWN, "catalog": config.held_out or config.catalog}
    )
    if config.held_out:
        config = config.model_copy(update={"pairs": None})
        pairs, _ = training_pairs(config)
    spread = [pairs[n * len(pairs) // SHOWN] for n in range(SHOWN)]
    stream = Batches(config, spread, layout).starting_at(0)
    batch = next(stream)
    stream.close()
    return batch


def _sheet(training: Training, batch: Batch) -> bytes:
    pixels = contact_sheet(training.sheet(batch), training.columns, TILE, across=2)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _floats(losses: dict[str, Tensor]) -> dict[str, float]:
    return {name: round(float(loss), 6) for name, loss in losses.items()}


class _Meter:
    """Means of the losses since the last reading, speed, waiting and memory."""

    def __init__(self, batch: int, device: torch.device):
        self.batch, self.device = batch, device
        self._reset()

    def _reset(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps, self.waited, self.since = 0, 0.0, time.monotonic()

    def waiting(self) -> "_Meter":
        """Time spent within is time spent waiting for data."""
        return self

    def __enter__(self) -> None:
        self.entered = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self.waited += time.monotonic() - self.entered

    def add(self, losses: dict[str, Tensor]) -> None:
        """Count a step."""
        self.steps += 1
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(loss)) + loss

    def read(self) -> dict[str, float]:
        """The means, images a second of all processes, share of waiting, peak memory in GB."""
        seconds = time.monotonic() - self.since
        record = _floats({name: loss / self.steps for name, loss in self.sums.items()})
        record["images_per_second"] = round(self.steps * self.batch / seconds, 3)
        record["waiting"] = round(self.waited / seconds, 4)
        record["memory_gb"] = round(self._memory() / 1e9, 3)
        self._reset()
        return record

    def _memory(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
