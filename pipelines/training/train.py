"""`reposer train inpainter` and `reposer train generator`: f and g, on Ray Train.

Ray Train starts the processes, connects them and starts them anew when one is lost; what they do,
and where they go on, is `workers.training.loop`'s.
"""

import hashlib
import json
import os
import shlex
import tempfile
import threading
import time
from typing import Any

import ray
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from configs.fields import identity_of
from configs.train import TrainConfig, TrainGeneratorConfig, TrainInpainterConfig
from models.checkpoint import trained_on, training_images, weights_sha256
from pipelines.runs.cluster import named_cluster, start_ray
from pipelines.runs.lifecycle import read_manifest, refuse_another
from pipelines.runs.plan import RunError, fingerprint, versions
from pipelines.runs.progress import LOG_SECONDS, console
from pipelines.runs.stopping import Stopped, stoppable, stopped_at_once
from pipelines.training.model_card import origin
from workers.data.catalog import Catalog
from workers.data.names import canonical_key, short
from workers.data.retrying import WAIT_SECONDS, retry_policy
from workers.data.storage import Store
from workers.training.data import training_pairs
from workers.training.loop import (
    LOG,
    PLAN,
    SHEETS,
    Facts,
    Place,
    Tell,
    shown_pairs,
    start,
    train,
)
from workers.training.steps import NotFiniteError

MANIFEST = "manifest.json"
CPU = torch.device("cpu")
POLL_SECONDS = 0.5


def run(config: TrainInpainterConfig | TrainGeneratorConfig) -> int:
    """Train, or go on training; returns the exit code."""
    command = "train inpainter" if isinstance(config, TrainInpainterConfig) else "train generator"
    store = Store(config.out)
    identity, facts = prepare(config, command)
    _open(store, command, identity)
    if read_manifest(store):
        console.print(f"{command}: {store.url} was trained already")
        return 0
    retry_policy.outlast_outages(WAIT_SECONDS, console.print)
    began = time.monotonic()
    with _Bar(command, config.steps) as bar:
        try:
            if config.execution.engine == "local":
                with stopped_at_once(_stopped(config)):
                    train(config, facts, Place(0, 1, _device()), bar.tell)
            else:
                _on_ray(config, facts, bar.tell)
        except NotFiniteError as error:
            raise RunError(
                f"{command}: stopped at {error}; the last checkpoint in {store.url} is good: "
                "lower learning_rate, with another out="
            ) from None
    _finish(store, command, identity, time.monotonic() - began)
    print(f"checkpoint     {store.url}")
    print(f"log            {store.url}/{LOG}")
    print(f"picture sheets {store.url}/{SHEETS}")
    follow = "train generator inpainter" if "inpainter" in command else "render model"
    print(f"next           reposer {follow}={shlex.quote(store.url)} ...")
    return 0


def prepare(config: TrainConfig, command: str) -> tuple[dict[str, Any], Facts]:
    """What decides the training, and what its processes need to know.

    Refuses, before anything is written, pairs that cannot be used, a held-out catalog that shares
    items, and networks or weights that do not fit.
    """
    catalog = Catalog(config.catalog)
    layout = catalog.layout()
    pairs, lost = training_pairs(config)
    if lost:
        console.print(f"{command}: {lost} pairs are left out, for they lack a photograph or a "
                      "good UV map")  # fmt: skip
    _refuse_shared_items(config, catalog, pairs)
    # These raise what the processes would.
    start(config, layout, Place(0, 1, CPU))
    shown_pairs(config, pairs, layout)
    images = {canonical_key(image) for pair in pairs for image in pair}
    began = {url: Store(url).read for url in _begins_with(config)}
    for read in began.values():
        if known := trained_on(read):
            images |= training_images(read, known)
    split = hashlib.sha256("\n".join(",".join(p) for p in sorted(pairs)).encode()).hexdigest()
    identity = {
        "config": identity_of(config),
        "catalog": fingerprint(catalog.store, "images") + fingerprint(catalog.store, "uv_maps"),
        "pairs": len(pairs),
        "split": split,
        "begins_with": {url: weights_sha256(read) for url, read in began.items()},
    }
    names = "\n".join(sorted(images)).encode()
    return identity, Facts(layout, origin(config, command, identity), names)


def _begins_with(config: TrainConfig) -> list[str]:
    """URLs of the checkpoints whose networks a training takes."""
    inpainter = config.inpainter if isinstance(config, TrainGeneratorConfig) else None
    return [url for url in (config.initial, inpainter) if url]


def _refuse_shared_items(
    config: TrainConfig, catalog: Catalog, pairs: list[tuple[str, str]]
) -> None:
    if config.held_out is None:
        return
    items, test = catalog.items(), Catalog(config.held_out).items()
    trained = {items[image] or canonical_key(image) for pair in pairs for image in pair}
    shared = sorted(trained & {item or canonical_key(image) for image, item in test.items()})
    if shared:
        raise RunError(
            f"{len(shared)} items of held_out={config.held_out} are trained on, {short(shared[0])} "
            "first: a network must not be shown what it is tested on"
        )


def _open(store: Store, command: str, identity: dict[str, Any]) -> None:
    """Write what decides the training, or check that it is what was written."""
    names = [file.name for file in store.list()]
    if names and PLAN not in names:
        raise RunError(f"{store.url} is not empty ({names[0]}) and holds no training; "
                       "use another out=")  # fmt: skip
    plan = {"command": command, "identity": identity, "versions": versions()}
    if store.create(PLAN, json.dumps(plan, indent=2).encode()):
        return
    written = json.loads(store.read(PLAN))
    if written["command"] != command:
        raise RunError(f"{store.url} holds a run of {written['command']}; use another out=")
    refuse_another(store, written["identity"], identity)
    console.print(f"{command}: going on in {store.url}")


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


def _device() -> torch.device:
    return torch.device("cuda") if torch.cuda.is_available() else CPU


def _stopped(config: TrainConfig) -> str:
    return f"training stopped; the same command goes on from the last checkpoint in {config.out}"


def _on_ray(config: TrainConfig, facts: Facts, tell: Tell) -> None:
    """Train in processes of Ray Train; what they tell comes here through a queue."""
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.util.queue import Empty, Queue

    start_ray(config.execution.ray_address)
    gpus = int(ray.cluster_resources().get("GPU", 0)) if torch.cuda.is_available() else 0
    told = Queue()
    trainer = _trainer_class(config)(
        _process,
        train_loop_config={"config": config, "facts": facts, "told": told},
        scaling_config=ScalingConfig(
            num_workers=config.execution.workers or max(1, gpus), use_gpu=gpus > 0
        ),
        # Ray's own records; checkpoints are ours, at `out`.
        run_config=RunConfig(
            name=hashlib.sha256(config.out.encode()).hexdigest()[:16],
            storage_path=tempfile.mkdtemp(prefix="reposer-train-"),
            failure_config=FailureConfig(config.execution.max_restarts, controller_failure_limit=3),
            logging_config=LoggingConfig("ERROR"),  # the bar tells more
        ),
    )
    outcome: list[BaseException | None] = []

    def fit() -> None:
        try:
            trainer.fit()
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    with stoppable(0) as stop:
        while thread.is_alive() or not told.empty():
            if stop.asked:
                raise Stopped(_stopped(config))
            try:
                record = told.get(timeout=POLL_SECONDS)
            except Empty:
                continue
            if isinstance(record, ValueError):
                raise record
            tell(record)
    if outcome[0] is not None:
        raise OSError(f"training failed: {_cause(outcome[0])}") from outcome[0]


def _cause(error: BaseException) -> str:
    """What ended the processes: the last line of what the first of them said."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    return str(next(iter(failures.values()))).strip().splitlines()[-1]


def _trainer_class(config: TrainConfig) -> Any:
    """Ray Train's trainer; on a Ray that ends with this process, without what watches a cluster.

    Its cleaner of placement groups asks the dashboard, which is off there, once a second, and
    prints that it got no answer; each of the two is a process to start, besides.
    """
    from ray.train.torch import TorchTrainer

    if named_cluster(config.execution.ray_address):
        return TorchTrainer
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")

    class Trainer(TorchTrainer):
        def _create_default_callbacks(self) -> list:
            callbacks = super()._create_default_callbacks()
            return [c for c in callbacks if type(c).__name__ != "PlacementGroupCleanerCallback"]

    return Trainer


def _process(given: dict[str, Any]) -> None:
    """What one process of Ray Train does."""
    from ray.train import get_context
    from ray.train.torch import get_device

    context, told = get_context(), given["told"]
    place = Place(context.get_world_rank(), context.get_world_size(), get_device())
    retry_policy.outlast_outages(WAIT_SECONDS, print)
    if place.device.type == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // context.get_local_world_size()))
    tell: Tell = told.put if place.rank == 0 else lambda record: None
    try:
        train(given["config"], given["facts"], place, tell)
    except ValueError as error:  # a mistake, or NaN: it would happen again
        told.put(error)


class _Bar:
    """A live bar on a terminal, else a line an interval."""

    def __init__(self, command: str, steps: int):
        self.command, self.steps, self.step, self.printed = command, steps, 0, 0.0
        self.bar: Progress | None = None

    def __enter__(self) -> "_Bar":
        if console.is_terminal:
            self.bar = Progress(
                TextColumn(self.command), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[about]}"), TimeRemainingColumn(), console=console,
            )  # fmt: skip
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
            console.print(f"{self.command}: step {self.step}/{self.steps}, {about}")
