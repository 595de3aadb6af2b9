"""The loop that every training process runs: steps, log, picture sheets, checkpoints."""

import io
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from configs.train import TrainConfig, TrainPairsConfig
from eval.pictures import contact_sheet
from workers.data.storage import Store
from workers.training.checkpoints import Facts, Snapshot, Writer, put_checkpoint, resume
from workers.training.data import Batches, Sample, loaded_ahead
from workers.training.files import SHEETS
from workers.training.stepping import Stepping, cuda_graph
from workers.training.steps import Training, rate_at
from workers.training.trainable import trainable

SHOWN = 8  # samples of a picture sheet, whose mean losses the log calls held out
TILE = 160  # pixels

Tell = Callable[[dict[str, float]], None]  # hears of every record of the log


@dataclass(frozen=True)
class Place:
    """Which of how many training processes this is, and where it computes."""

    rank: int
    processes: int
    device: torch.device


def stopped_message(url: str) -> str:
    """What a person is told whose training was stopped."""
    return f"training stopped; the same command goes on from the last checkpoint in {url}"


def train(config: TrainConfig, facts: Facts, place: Place, tell: Tell) -> None:
    """Train from the last checkpoint, or from the beginning, to the last step."""
    with computing(place.device), Writer() as writer:
        _train(config, facts, place, tell, writer)


def _train(config: TrainConfig, facts: Facts, place: Place, tell: Tell, writer: Writer) -> None:
    store = Store(config.out)
    kind = trainable(config)
    training = kind.training(config, facts.layout, place.device)
    step, records = resume(store, training, place.device)
    samples, _ = kind.data.listed(config)
    batches = Batches(config, samples, facts.layout, kind.data, place.rank, place.processes)
    shown = shown_samples(config, samples, facts.layout, place.device) if place.rank == 0 else None
    graphed = config.execution.graph and place.device.type == "cuda" and place.processes == 1
    stepping = Stepping(training, place.device, cuda_graph if graphed else None)
    stream = loaded_ahead(batches, step, config.steps, place.device)
    meter = _Meter(config.batch, place.device)
    while step < config.steps:
        with meter.waiting():
            loaded = next(stream)
        rate = rate_at(config, training.config.learning_rate, step)
        step += 1
        stepping.take(step, loaded, rate)
        meter.steps += 1
        log, sheet, checkpoint = (
            step % every == 0 or step == config.steps
            for every in (config.log_every, config.sheet_every, config.checkpoint_every)
        )
        if log or sheet:
            records.append({"step": step, "rate": rate, **stepping.losses(), **meter.read()})
        if sheet and shown:
            records[-1] |= {f"held_out_{name}": x for name, x in _tested(training, shown).items()}
            writer.write(_put_sheet, store, step, training.columns, training.sheet(shown))
        if log or sheet:
            tell(records[-1])
        if checkpoint:
            stepping.settle()  # no checkpoint is written after a step that was not finite
        if checkpoint and shown:
            snapshot = Snapshot.of(training, step, [*records])
            writer.write(put_checkpoint, store, snapshot, facts, config.batch)
    stream.close()


@contextmanager
def computing(device: torch.device) -> Iterator[None]:
    """A stream of the training's own on a GPU, which a graph can be recorded on."""
    if device.type == "cpu":
        yield
        return
    torch.backends.cudnn.benchmark = True  # all steps are of one size
    warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()


def shown_samples(config: Any, samples: list[Sample], layout: str, device: torch.device) -> Any:
    """Samples spread over the held-out catalog (else over that of training), as they are."""
    data, catalog = trainable(config).data, config.held_out or config.catalog
    config = config.model_copy(
        update={"augmentation": config.augmentation.none(), "batch": SHOWN, "catalog": catalog}
    )
    if config.held_out:
        pairs = config.held_out_pairs if isinstance(config, TrainPairsConfig) else None
        config = config.model_copy(update={"pairs": pairs, "poses": None})
        samples, _ = data.listed(config)
    spread = [samples[n * len(samples) // SHOWN] for n in range(SHOWN)]
    return Batches(config, spread, layout, data)[0].pictures.to(device).varied()


def _tested(training: Training, batch: Any) -> dict[str, float]:
    losses = training.test(batch)
    values = torch.stack(list(losses.values())).tolist()
    return {name: round(x, 6) for name, x in zip(losses, values, strict=True)}


def _put_sheet(
    store: Store, step: int, columns: Sequence[str], pictures: Sequence[np.ndarray]
) -> None:
    pixels = contact_sheet(list(zip(*pictures, strict=True)), columns, TILE, across=2)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    store.put(f"{SHEETS}/step-{step:08d}.png", out.getvalue())


class _Meter:
    """Speed, waiting and memory since the last reading."""

    def __init__(self, batch: int, device: torch.device):
        self.batch, self.device = batch, device
        self._reset()

    def _reset(self) -> None:
        self.steps, self.waited, self.since = 0, 0.0, time.monotonic()

    def waiting(self) -> "_Meter":
        """Time spent within is time spent waiting for data."""
        return self

    def __enter__(self) -> None:
        self.entered = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self.waited += time.monotonic() - self.entered

    def read(self) -> dict[str, float]:
        """Images a second of all processes, share of waiting, peak memory in GB."""
        seconds = time.monotonic() - self.since
        record = {
            "images_per_second": round(self.steps * self.batch / seconds, 3),
            "waiting": round(self.waited / seconds, 4),
            "memory_gb": round(self._memory() / 1e9, 3),
        }
        self._reset()
        return record

    def _memory(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
