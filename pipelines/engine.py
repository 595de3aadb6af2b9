"""Runs shards, in this process or on a pool of Ray actors: the one file that schedules on Ray.

Ray does placement, GPU pinning and autoscaling; the attempts are counted here, because Ray would
retry a row that kills its worker for ever.
"""

import logging
import os
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError
from ray.util.metrics import Counter

from configs.schema import Execution
from workers.shard import (
    Job,
    Key,
    Shard,
    ShardReport,
    Tables,
    commit,
    concat,
    run_shard,
)
from workers.storage import Store


def run_shards(
    job: Job, shards: Sequence[Shard], store: Store, execution: Execution, retry: bool
) -> Iterator[ShardReport]:
    """Run and commit shards; yields a report as each is finished."""
    if execution.engine == "local":
        worker = job.make_worker()
        for shard in shards:
            yield run_shard(job, worker, store, shard, retry)
    elif shards:
        start_ray(execution)
        yield from _Pool(job, shards, store, execution, retry).run()


def start_ray(execution: Execution) -> None:
    """Connect to a Ray cluster, or start one on this machine; once a process."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    address = execution.ray_address or os.environ.get("RAY_ADDRESS")
    ray.init(address=address, include_dashboard=False if address is None else None,
             configure_logging=True, logging_level=logging.ERROR, log_to_driver=True)  # fmt: skip


class _Actor:
    """A worker in its own process, with its model loaded once."""

    def __init__(self, job: Job, store: Store):
        self.job, self.store, self.worker = job, store, job.make_worker()
        self.rows = Counter("reposer_rows", "rows committed", tag_keys=("table", "status"))

    def run(self, shard: Shard, retry: bool) -> ShardReport:
        with _ending_on_cuda_errors():
            report = run_shard(self.job, self.worker, self.store, shard, retry)
        failed = report.failed.total()
        for status, count in (("ok", report.rows - failed), ("failed", failed)):
            if count:
                self.rows.inc(count, {"table": self.job.tables[-1], "status": status})
        return report

    def make(self, keys: Sequence[Key]) -> Tables:
        with _ending_on_cuda_errors():
            return self.worker(keys)


@contextmanager
def _ending_on_cuda_errors() -> Iterator[None]:
    """A CUDA error leaves the process without a GPU: end it, and the pool starts another."""
    try:
        yield
    except torch.AcceleratorError:
        logging.exception("the GPU failed; this worker ends")
        os._exit(1)


@dataclass
class _Suspect:
    """A shard that killed its workers: its rows are halved until the killing ones stand alone."""

    shard: Shard
    waiting: int = 1
    pieces: list[Tables] = field(default_factory=list)


@dataclass(frozen=True)
class _Call:
    """One call of one actor: a whole shard, or some rows of a suspect one."""

    shard: Shard
    keys: tuple[Key, ...] | None = None


class _Pool:
    """A fixed number of actors, one call in flight on each."""

    def __init__(
        self, job: Job, shards: Sequence[Shard], store: Store, execution: Execution, retry: bool
    ):
        self.job, self.store, self.execution, self.retry = job, store, execution, retry
        self.calls = deque(_Call(shard) for shard in shards)
        self.deaths: Tally[str] = Tally()
        self.suspects: dict[str, _Suspect] = {}
        self.in_flight: dict[ray.ObjectRef, tuple[Any, _Call]] = {}
        resources, self.size = pool_size(execution, len(shards))
        remote: Any = ray.remote  # its overloads do not fit unpacked options
        self.actor_class = remote(**resources)(_Actor)

    def run(self) -> Iterator[ShardReport]:
        idle = [self._actor() for _ in range(self.size)]
        while self.calls or self.in_flight:
            while self.calls and idle:
                actor, call = idle.pop(), self.calls.popleft()
                if call.keys is None:
                    ref = actor.run.remote(call.shard, self.retry)
                else:
                    ref = actor.make.remote(call.keys)
                self.in_flight[ref] = (actor, call)
            (ref,), _ = ray.wait(list(self.in_flight), num_returns=1)
            actor, call = self.in_flight.pop(ref)
            try:
                result = ray.get(ref)
            except RayActorError as death:
                if death.actor_init_failed:
                    raise
                idle.append(self._actor())
                report = self._died(call, str(death).splitlines()[0])
            else:
                idle.append(actor)
                report = result if call.keys is None else self._made(call, result)
            if report is not None:
                yield report

    def _actor(self) -> Any:
        return self.actor_class.remote(self.job, self.store)

    def _died(self, call: _Call, message: str) -> ShardReport | None:
        """Decide what becomes of the rows whose worker died."""
        name, keys = call.shard.name, call.keys or call.shard.keys
        if call.keys is None:
            self.deaths[name] += 1
            if self.deaths[name] < self.execution.attempts:
                self.calls.append(call)
                return None
            self.suspects[name] = _Suspect(call.shard)
        if len(keys) == 1:
            return self._made(call, self.job.failed(keys, "WorkerDied", message))
        half = len(keys) // 2
        self.suspects[name].waiting += 1
        self.calls.extend([_Call(call.shard, keys[:half]), _Call(call.shard, keys[half:])])
        return None

    def _made(self, call: _Call, tables: Tables) -> ShardReport | None:
        """Keep some rows of a suspect shard; commit it once all are there."""
        suspect = self.suspects[call.shard.name]
        suspect.pieces.append(tables)
        suspect.waiting -= 1
        if suspect.waiting:
            return None
        del self.suspects[call.shard.name]
        return commit(self.job, self.store, call.shard, concat(suspect.pieces), 0.0)


def pool_size(execution: Execution, shards: int) -> tuple[dict[str, float], int]:
    """An actor's resources, and the number of actors: one a GPU share, else one a CPU."""
    cluster = ray.cluster_resources()
    gpus, cpus = cluster.get("GPU", 0), int(cluster["CPU"])
    share = execution.gpus_per_worker
    # An actor holds a CPU besides its GPU share; more actors than fit would wait for ever.
    places = min(cpus, int(gpus / share)) if gpus else cpus
    size = max(1, min(execution.workers or places, places, shards))
    return {"num_cpus": 1, "num_gpus": share if gpus else 0}, size
