"""`reposer train`: f, g and the poser.

This decides what is trained and whether it may be; the training itself is the loop of
`workers.training.loop`, here or in processes of Ray Train (`pipelines.training.on_ray`).
"""

import hashlib
import json
import shlex
import time
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from configs.fields import identity_of
from configs.train import TrainConfig, TrainGeneratorConfig, TrainPairsConfig
from models.checkpoint import trained_on, training_images, weights_sha256
from pipelines.runs.lifecycle import has_begun, refuse_another
from pipelines.runs.log import as_json, console, log
from pipelines.runs.outline import MANIFEST, RunError, read_manifest
from pipelines.runs.pair_lists import oriented, tell
from pipelines.runs.plan import fingerprint, versions
from pipelines.runs.progress import LOG_SECONDS
from pipelines.runs.stopping import stopped_at_once
from pipelines.runs.trainings import TrainingRecord
from pipelines.training.model_card import origin
from workers.data.catalog import Catalog
from workers.data.contents import content_keys
from workers.data.names import canonical_key, short
from workers.data.retrying import WAIT_SECONDS, retry_policy
from workers.data.storage import Store
from workers.data.user_tables import read_pair_list
from workers.model import checkpoint
from workers.training.checkpoints import Facts
from workers.training.data import Sample
from workers.training.files import LOG, SHEETS, TRAINING
from workers.training.loop import (
    Place,
    Tell,
    shown_samples,
    stopped_message,
    train,
)
from workers.training.steps import NotFiniteError
from workers.training.trainable import taken, trainable

CPU = torch.device("cpu")


def run(config: TrainConfig) -> int:
    """Train, or go on training; returns the exit code."""
    kind = trainable(config)
    store = Store(config.out)
    identity, facts = checked(config)
    _open(store, kind.command, identity)
    if read_manifest(store):
        log(f"{kind.command}: {store.url} was trained already")
        return 0
    retry_policy.outlast_outages(WAIT_SECONDS, log)
    began = time.monotonic()
    with _Bar(kind.command, config.steps) as bar, TrainingRecord(store) as record:

        def hear(line: dict[str, float]) -> None:
            bar.tell(line)
            record.tell(line)

        try:
            _train(config, facts, hear)
        except NotFiniteError as error:
            raise RunError(
                f"{kind.command}: stopped at {error}; the last checkpoint in {store.url} is good: "
                "lower learning_rate, with another out="
            ) from None
    _finish(store, kind.command, identity, time.monotonic() - began)
    print(f"checkpoint     {store.url}")
    print(f"log            {store.url}/{LOG}")
    print(f"picture sheets {store.url}/{SHEETS}")
    print(f"next           reposer {kind.next}={shlex.quote(store.url)} ...")
    return 0


def _train(config: TrainConfig, facts: Facts, tell: Tell) -> None:
    if config.execution.engine == "local":
        device = torch.device("cuda") if torch.cuda.is_available() else CPU
        with stopped_at_once(stopped_message(config.out)):
            train(config, facts, Place(0, 1, device), tell)
    else:
        from pipelines.training.on_ray import train_on_ray

        train_on_ray(config, facts, tell)


def checked(config: TrainConfig) -> tuple[dict[str, Any], Facts]:
    """What decides the training, and what its processes need to know.

    Refuses, before anything is written, samples that cannot be used, a held-out catalog that shares
    items, and networks or weights that do not fit.
    """
    kind = trainable(config)
    catalog = Catalog(config.catalog)
    layout = catalog.layout()
    samples, lost = kind.data.listed(config)
    if isinstance(config, TrainPairsConfig) and config.pairs:
        listed, said = oriented(read_pair_list(config.pairs), lambda _: 0)
        tell(kind.command, config.pairs, listed.table, said)
    if lost:
        log(f"{kind.command}: {lost} {kind.data.what} are left out: {kind.data.lack}")
    _refuse_shared_items(config, catalog, samples)
    contents = content_keys(catalog, {image for sample in samples for image in sample})
    _refuse_shared_contents(config, contents)
    # These raise what the processes would.
    training = kind.training(config, layout, CPU)
    shown_samples(config, samples, layout, CPU)
    images = {canonical_key(image) for sample in samples for image in sample}
    images |= set(contents.values())
    began = {url: checkpoint(url).read for url in taken(config).values()}
    for read in began.values():
        if known := trained_on(read):
            images |= training_images(read, known)
    split = hashlib.sha256("\n".join(",".join(s) for s in sorted(samples)).encode()).hexdigest()
    identity = {
        "config": identity_of(config),
        "catalog": fingerprint(catalog.store, "images") + fingerprint(catalog.store, "uv_maps"),
        kind.data.what: len(samples),
        "split": split,
        "begins_with": {url: weights_sha256(read) for url, read in began.items()},
    }
    if isinstance(config, TrainGeneratorConfig) and config.poses:
        identity["poses"] = [config.poses, fingerprint(Store(config.poses), "uv_maps")]
    if isinstance(config, TrainGeneratorConfig) and config.reveals:
        identity["reveal"] = {
            "stays": training.model.reveal,
            "parsing": config.augmentation.parsing,
        }
    names = "\n".join(sorted(images)).encode()
    return identity, Facts(layout, origin(config, identity, training.note), names)


def _refuse_shared_items(config: TrainConfig, catalog: Catalog, samples: list[Sample]) -> None:
    if config.held_out is None:
        return
    items, test = catalog.items(), Catalog(config.held_out).items()
    trained = {items[image] or canonical_key(image) for sample in samples for image in sample}
    shared = sorted(trained & {item or canonical_key(image) for image, item in test.items()})
    if shared:
        raise RunError(
            f"{len(shared)} items of held_out={config.held_out} are trained on, {short(shared[0])} "
            "first: a network must not be shown what it is tested on"
        )


def _refuse_shared_contents(config: TrainConfig, contents: dict[str, str]) -> None:
    if config.held_out is None:
        return
    trained = {shown: image for image, shown in contents.items()}
    test = Catalog(config.held_out)
    shared = {
        image: trained[shown]
        for image, shown in content_keys(test, test.images.ids.to_pylist()).items()
        if shown in trained
    }
    if shared:
        first, there = min(shared.items())
        raise RunError(
            f"{len(shared)} photographs of held_out={config.held_out} are trained on, "
            f"{short(first)} first, as {short(there)}: a network must not be shown what it is "
            "tested on"
        )


def _open(store: Store, command: str, identity: dict[str, Any]) -> None:
    """Write what decides the training, or check that it is what was written."""
    begun = has_begun(store, TRAINING, "training")
    decided = {"command": command, "identity": identity, "versions": versions()}
    if not begun and store.create(TRAINING, json.dumps(decided, indent=2).encode()):
        return
    written = json.loads(store.read(TRAINING))
    refuse_another(store, (written["command"], written["identity"]), (command, identity))
    log(f"{command}: going on in {store.url}")


def _finish(store: Store, command: str, identity: dict[str, Any], seconds: float) -> None:
    log = store.read(LOG).decode().splitlines()
    manifest = {
        "command": command,
        "identity": identity,
        "seconds": round(seconds, 1),
        "last": json.loads(log[-1]),
        "versions": versions(),
    }
    store.put(MANIFEST, json.dumps(manifest, indent=2).encode())


class _Bar:
    """A live bar on a terminal, else a line an interval."""

    def __init__(self, command: str, steps: int):
        self.command, self.steps, self.step, self.printed = command, steps, 0, 0.0
        self.bar: Progress | None = None

    def __enter__(self) -> "_Bar":
        if console.is_terminal and not as_json():
            self.bar = Progress(
                TextColumn(self.command),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[about]}"),
                TimeRemainingColumn(),
                console=console,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=self.steps, about="")
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def tell(self, record: dict[str, float]) -> None:
        """Show a record of the log."""
        self.step = int(record["step"])
        about = f"loss {record['total']:.4f}, {record['images_per_second']:.1f} images/s"
        if self.bar:
            self.bar.update(self.task, completed=self.step, about=about)
        elif time.monotonic() - self.printed >= LOG_SECONDS or self.step == self.steps:
            self.printed = time.monotonic()
            log(f"{self.command}: step {self.step}/{self.steps}, {about}")
