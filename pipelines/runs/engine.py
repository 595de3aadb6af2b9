"""Runs shards, in this process or on a pool of Ray actors: the one file that schedules on Ray.

Ray places actors, pins GPUs, scales the cluster and notices lost nodes. A row that kills its worker
is left to the supervisor (`workers.shards.supervise`), because Ray would retry it for ever.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import ray
import torch
from ray.exceptions import RayError, RayTaskError
from ray.util.metrics import Counter, Gauge

from configs.run import Execution
from pipelines.runs.cluster import gpu_share, named_cluster, start_ray
from pipelines.runs.log import log
from pipelines.runs.metrics import METRICS, QUEUE, WORKERS, WORKERS_LOST, Metric, added
from pipelines.runs.stopping import Stop
from workers.data.retrying import retry_policy
from workers.data.storage import Store
from workers.shards.shard import Job, Rows, Shard, ShardReport, Worker, run_shard
from workers.shards.supervise import Limits, Sealed, Supervisor

GROW_SECONDS = 2.0  # between two checks for room on new nodes
TOLD_SECONDS = 60.0  # between two lines that say that there is no place for a worker
MEMORY_SHARE = 0.8  # of a node's memory, for all its workers: Ray kills actors when it runs out
MOST_DEATHS = 20  # of actors, with no shard finished between them, until the run ends


class WorkersKeepDying(OSError):  # noqa: N818 - the name says what happened
    """Actors die again and again, though no row kills them; the message is one line."""


def run_shards(
    command: str,
    job: Job,
    shards: Sequence[Shard],
    store: Store,
    execution: Execution,
    retry: bool,
    stop: Stop,
    ready: Callable[[], None],
) -> Iterator[ShardReport]:
    """Run and commit shards; yields a report when one is finished.

    `ready` is called when a worker has loaded its model, the first and any other.
    After a stop is asked for, no further shard is begun, and those under way have the grace period
    to finish. A shard that is abandoned then leaves nothing behind.
    """
    if not shards:
        return
    if execution.engine == "ray":
        yield from _Pool(command, job, shards, store, execution, retry, stop, ready).run()
        return
    worker = _stoppable(job.make_worker(), stop)
    ready()
    for shard in shards:
        if stop.asked:
            return
        try:
            yield run_shard(job, worker, store, shard, retry)
        except _Abandoned:
            return


class _Abandoned(Exception):  # noqa: N818
    pass


def _stoppable(worker: Worker, stop: Stop) -> Worker:
    def work(keys: Sequence) -> Iterator[Rows]:
        for rows in worker(keys):
            if stop.over:
                raise _Abandoned
            yield rows

    return work


class _Actor:
    """Holds a CPU and a share of a GPU for a supervised worker."""

    def __init__(
        self,
        job: Job,
        store: Store,
        execution: Execution,
        needs: dict[str, float],
        wait_seconds: float,
    ):
        retry_policy.outlast_outages(wait_seconds, print)  # Ray forwards what is printed
        self.job, self.store = job, store
        self.worker = Supervisor(job, limits(job, execution, needs), print)

    def ready(self) -> None:
        self.worker.start()

    def run(self, shard: Shard, retry: bool) -> ShardReport:
        return run_shard(self.job, self.worker, self.store, shard, retry)


class _Meters:
    """The metrics of `pipelines.runs.metrics`, which Ray's agent on this node exports."""

    def __init__(self, command: str):
        self.command = command
        self.meters: dict[Metric, Any] = {
            metric: _METERS[metric.kind](metric.name, metric.about, metric.labels)
            for metric in METRICS
        }

    def count(self, report: ShardReport) -> None:
        for metric, labels, amount in added(self.command, report):
            if amount > 0:
                self.meters[metric].inc(amount, labels)

    def lost(self) -> None:
        self.meters[WORKERS_LOST].inc(1, {"command": self.command})

    def look(self, waiting: int, **workers: int) -> None:
        self.meters[QUEUE].set(waiting, {"command": self.command})
        for state, count in workers.items():
            self.meters[WORKERS].set(count, {"command": self.command, "state": state})


_METERS = {"counter": Counter, "gauge": Gauge}


class _Pool:
    """Actors with one call in flight each; grows with the cluster and replaces lost actors."""

    def __init__(
        self,
        command: str,
        job: Job,
        shards: Sequence[Shard],
        store: Store,
        execution: Execution,
        retry: bool,
        stop: Stop,
        ready: Callable[[], None],
    ):
        self.execution, self.retry, self.stop, self.ready = execution, retry, stop, ready
        self.waiting = deque(shards)
        self.in_flight: dict[ray.ObjectRef, tuple[Any, Shard]] = {}
        self.starting: dict[ray.ObjectRef, Any] = {}
        self.idle: list[Any] = []
        self.deaths, self.looked, self.told = 0, 0.0, time.monotonic()
        self.needs = resources(execution)
        self.meters = _Meters(command)
        remote: Any = ray.remote  # its overloads do not fit unpacked options
        actor = remote(**self.needs)(_Actor)
        sealed = replace(job, make_worker=Sealed(job.make_worker))
        self.new_actor = lambda: actor.remote(
            sealed, store, execution, self.needs, retry_policy.wait_seconds
        )

    def run(self) -> Iterator[ShardReport]:
        try:
            while (self.waiting and not self.stop.asked) or self.in_flight:
                self._grow()
                self._tell_of_waiting()
                while self.waiting and self.idle and not self.stop.asked:
                    actor, shard = self.idle.pop(), self.waiting.popleft()
                    self.in_flight[actor.run.remote(shard, self.retry)] = (actor, shard)
                self._look()
                calls = [*self.in_flight, *self.starting]
                done, _ = ray.wait(calls, num_returns=1, timeout=1) if calls else ([], [])
                if self.stop.over:
                    return
                for call in done:
                    if (report := self._ended(call)) is not None:
                        yield report
        finally:
            self.meters.look(0, starting=0, busy=0, idle=0)
            busy = [actor for actor, _ in self.in_flight.values()]
            for actor in [*self.idle, *self.starting.values(), *busy]:
                ray.kill(actor)

    def _grow(self) -> None:
        """Start actors, if there is room and work for more."""
        if time.monotonic() - self.looked < GROW_SECONDS:
            return
        self.looked = time.monotonic()
        held = len(self.idle) + len(self.starting) + len(self.in_flight)
        size = pool_size(self.execution, self.needs)
        wanted = min(size, len(self.waiting) + len(self.in_flight))
        for _ in range(wanted - held):
            self._start()

    def _tell_of_waiting(self) -> None:
        """Say from time to time that no node is made for a worker: one may never come."""
        if time.monotonic() - self.told < TOLD_SECONDS:
            return
        self.told = time.monotonic()
        if not any(_places(node, self.needs) for node in _nodes()):
            wants = ", ".join(f"{kind}={share:g}" for kind, share in self.needs.items())
            log(
                f"the cluster has no node for a worker ({wants}), {len(self.starting)} wait: "
                "`ray status` says what it lacks"
            )

    def _look(self) -> None:
        starting, busy = len(self.starting), len(self.in_flight)
        self.meters.look(len(self.waiting), starting=starting, busy=busy, idle=len(self.idle))

    def _start(self) -> None:
        actor = self.new_actor()
        self.starting[actor.ready.remote()] = actor

    def _ended(self, call: Any) -> ShardReport | None:
        """Handle a call that has ended; its report, or None if its actor was lost."""
        actor, shard = self.in_flight.pop(call, (None, None))
        actor = actor or self.starting.pop(call)
        try:
            report: Any = ray.get(call)
        except RayTaskError:
            raise  # an error of the worker's own code
        except RayError as death:  # of the actor or its node, or Ray ran out of memory
            ray.kill(actor)  # it may be cut off only, and still hold its GPU
            self.deaths += 1
            self.meters.lost()
            said = str(death).splitlines()[0]
            if self.deaths >= MOST_DEATHS:
                raise WorkersKeepDying(f"{MOST_DEATHS} workers died in a row: {said}") from death
            if shard is not None:
                self.waiting.appendleft(shard)
            self.looked = 0.0
            return None
        self.idle.append(actor)
        if shard is None:
            self.ready()
        else:
            self.deaths = 0
            self.meters.count(report)
        return report


def on_gpus(execution: Execution) -> bool:
    """Whether workers compute on GPUs: those of the cluster that is named, else this machine's."""
    if execution.engine == "ray" and named_cluster(execution.ray_address):
        start_ray(execution.ray_address)
        return gpu_share(execution) > 0
    return torch.cuda.is_available()


def resources(execution: Execution) -> dict[str, float]:
    """What an actor takes of its node: a CPU and, on GPUs, a share of one."""
    return {"num_cpus": 1, "num_gpus": gpu_share(execution)}


def pool_size(execution: Execution, needs: dict[str, float]) -> int:
    """How many actors a run asks for: `execution.workers`, else as many as the cluster holds.

    With `execution.workers` the cluster may be too small: actors that wait make it scale up.
    """
    return execution.workers or max(1, sum(_places(node, needs) for node in _nodes()))


def limits(job: Job, execution: Execution, needs: dict[str, float]) -> Limits:
    """The time and memory after which a worker on this node is ended."""
    here = ray.get_runtime_context().get_node_id()
    (node,) = (n for n in _nodes() if n["NodeID"] == here)
    places = max(1, _places(node, needs))
    memory = node["Resources"].get("memory", float("inf"))
    share = MEMORY_SHARE * memory / min(places, execution.workers or places)
    given = execution.worker_memory_gb
    seconds = execution.row_timeout or job.row_seconds
    return Limits(seconds, given * 1e9 if given else share, execution.attempts)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _places(node: dict[str, Any], needs: dict[str, float]) -> int:
    """How many actors fit a node. More than it has CPUs would wait for ever."""
    wanted = {"CPU": needs["num_cpus"], "GPU": needs["num_gpus"]}
    holds = node["Resources"]
    return int(min(holds.get(kind, 0) / share for kind, share in wanted.items() if share))
