"""Training on Ray Train, which starts the processes and connects them, and replaces lost ones.

What the processes do, and where they go on, is said by `workers.training.loop`.
"""

import hashlib
import os
import tempfile
import threading
from typing import Any

import ray
import torch
from ray.train import (
    FailureConfig,
    LoggingConfig,
    RunConfig,
    ScalingConfig,
    get_context,
)
from ray.train.torch import TorchTrainer, get_device
from ray.util.queue import Empty, Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from configs.run import named_cluster
from configs.train import TrainConfig
from pipelines.runs.cluster import gpu_share, start_ray
from pipelines.runs.stopping import Stopped, stoppable
from workers.data.retrying import WAIT_SECONDS, retry_policy
from workers.training.checkpoints import Facts
from workers.training.loop import Place, Tell, stopped_message, train

POLL_SECONDS = 0.5
PLACE_SECONDS = 1800  # a cluster may take minutes to grow; Ray Train would wait for four


def train_on_ray(config: TrainConfig, facts: Facts, tell: Tell) -> None:
    """Train in processes of Ray Train; what they tell comes here through a queue.

    Raises what the training raises: ValueError of a mistake, OSError where too many processes were
    lost, and Stopped when this process is asked to end.
    """
    start_ray(config.execution.ray_address)
    named = named_cluster(config.execution.ray_address)
    # Of a cluster that is named, this process need not see a GPU.
    share = gpu_share(config.execution) if named or torch.cuda.is_available() else 0
    gpus = ray.cluster_resources().get("GPU", 0)
    # The queue stays beside this process: it would be lost with another node.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    told = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
    trainer = _trainer_class(config)(
        _process,
        train_loop_config={"config": config, "facts": facts, "told": told},
        scaling_config=ScalingConfig(
            num_workers=config.execution.workers or max(1, int(gpus / share) if share else 1),
            use_gpu=share > 0,
            resources_per_worker={"GPU": share} if share else None,
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
                raise Stopped(stopped_message(config.out))
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


class _AloneTrainer(TorchTrainer):
    """Ray Train's trainer on a Ray that ends with this process: nothing is left to clean up.

    Ray's cleaner of placement groups is an actor of its own that asks the dashboard, which is off
    there, whether the training lives. Where a second Ray runs on the machine it dies of the
    question and prints 24 lines. No setting of Ray's turns it off; should Ray rename this method,
    those lines come back and nothing else changes.
    """

    def _create_default_callbacks(self) -> list:
        callbacks = super()._create_default_callbacks()
        return [c for c in callbacks if type(c).__name__ != "PlacementGroupCleanerCallback"]


def _trainer_class(config: TrainConfig) -> type[TorchTrainer]:
    if named_cluster(config.execution.ray_address):
        os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(PLACE_SECONDS))
        return TorchTrainer
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    return _AloneTrainer


def _process(given: dict[str, Any]) -> None:
    """What one process of Ray Train does."""
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
