"""SIGKILL and SIGTERM of workers, drivers and nodes; two drivers at once; rows that end workers."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from ray.cluster_utils import Cluster

from configs.render import RenderConfig
from tests.faults.clusters import autoscaling
from tests.faults.harness import Driver, Proof, proof, shards, until, world
from tests.helpers.environment import environment

DRIVER_POINTS = ["after plan", "in the model call", "before put", "after put"]
WORKER_POINTS = ["before reading", "in the model call", "before put", "after put"]
POISONS = {
    "exit": ("os._exit(3)", "WorkerExited"),
    "crash": ("reads address 0", "WorkerCrashed"),
    "hang": ("sleeps for ever", "RowTimedOut"),
    "eat": ("allocates 128 MiB after 128 MiB", "RowOutOfMemory"),
}
HEAD = {"num_cpus": 3, "num_gpus": 1, "object_store_memory": 200 * 2**20}


@contextmanager
def cluster(**head: int) -> Iterator[Cluster]:
    """A Ray cluster of processes on this machine; drivers started within find it."""
    with environment(RAY_AUTH_MODE="disabled"):
        made = Cluster(initialize_head=True, connect=False, head_node_args=HEAD | head)
        try:
            with environment(RAY_ADDRESS=str(made.address)):
                yield made
        finally:
            made.shutdown()


def worker_killed(url: str, point: str) -> Proof:
    """SIGKILL of the process that reads and renders, or of the actor that puts, once."""
    config = world(url, execution={"workers": 2})
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder, "killed")
        match point:
            case "before reading":
                driver = Driver(config, f"KilledLoading({str(mark)!r})")
            case "in the model call":
                driver = Driver(config, f"KilledRendering({str(mark)!r})")
            case _:
                driver = Driver(config, "StandIn", point, str(mark), "worker")
        code, said = driver.wait()
        assert code == 0, said
        seconds = time.time() - mark.stat().st_mtime
    return proof("SIGKILL of a worker", point, config, seconds)


def driver_killed(url: str, engine: str, point: str) -> Proof:
    """SIGKILL of the driver, and the same command again."""
    config = world(url, execution={"engine": engine, "workers": 2})
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder, "killed")
        if point == "in the model call":
            driver = Driver(config, f"Seen(0.3, {str(mark)!r})")
            until(mark.exists)
            driver.kill()
        else:
            driver = Driver(config, "Slow(0.05)", point, str(mark), "driver")
            code, said = driver.wait()
            assert code == -signal.SIGKILL, said
        until(lambda: not orphans(), what="workers live on after their driver")
    return _again(f"SIGKILL of the driver, engine={engine}", point, config)


def driver_stopped(url: str, engine: str, grace: float) -> Proof:
    """SIGTERM of the driver in mid-run, and the same command again."""
    config = world(url, execution={"engine": engine, "workers": 2, "grace": grace})
    driver = Driver(config, "Slow(0.3)")
    until(lambda: len(shards(config)) > 1)
    driver.process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    code, said = driver.wait()
    stopped = time.monotonic() - sent
    assert code == 143, said
    assert "the same command resumes" in said.splitlines()[-1]
    assert 1 < len(shards(config)) < 9
    until(lambda: not orphans(), what="workers live on after their driver")
    done = f"in mid-run, {grace:g} s of grace: ended after {stopped:.1f} s"
    return _again(f"SIGTERM of the driver, engine={engine}", done, config)


def two_drivers(url: str) -> Proof:
    """The same command twice at once."""
    config = world(url, execution={"workers": 1, "gpus_per_worker": 0.5})
    start = time.monotonic()
    drivers = [Driver(config, "Slow(0.1)") for _ in range(2)]
    for code, said in [driver.wait() for driver in drivers]:
        assert code == 0, said
    return proof("two drivers on one URL", "started at once", config, time.monotonic() - start)


def node_lost(url: str) -> Proof:
    """A node of three dies in mid-run; each has one pretended GPU."""
    config = world(url)
    with cluster() as nodes:
        lost, _ = (nodes.add_node(num_cpus=2, num_gpus=1) for _ in range(2))
        driver = Driver(config, "Slow(0.5)")
        until(lambda: len(shards(config)) > 1)
        nodes.remove_node(lost, allow_graceful=False)
        start = time.monotonic()
        code, said = driver.wait()
        assert code == 0, said
        seconds = time.monotonic() - start
    return proof("a node dies", "raylet of one of three nodes killed in mid-run", config, seconds)


def node_joins(url: str) -> tuple[Proof, int, int]:
    """A node joins in mid-run; returns also the workers before and after."""
    config = world(url)
    with cluster() as nodes, tempfile.TemporaryDirectory() as folder:
        driver = Driver(config, f"Counted(0.5, {folder!r})")
        until(lambda: shards(config))
        before = len(list(Path(folder).iterdir()))
        nodes.add_node(num_cpus=2, num_gpus=1)
        start = time.monotonic()
        code, said = driver.wait()
        assert code == 0, said
        seconds, after = time.monotonic() - start, len(list(Path(folder).iterdir()))
    done = f"to a run on one node: {before} worker before, {after} after"
    return proof("a node joins", done, config, seconds), before, after


def cluster_scales(url: str) -> tuple[Proof, int]:
    """A cluster grows from nothing for the workers asked for, loses a node, and shrinks again.

    Returns also the number of workers that it has had.
    """
    config = world(url, execution={"workers": 2, "gpus_per_worker": 1})
    with autoscaling(2) as nodes, tempfile.TemporaryDirectory() as folder:
        assert not nodes.raylets()
        driver = Driver(config, f"Counted(1.5, {folder!r})")

        def workers() -> int:
            return len(list(Path(folder).iterdir()))

        until(lambda: workers() == 2 and shards(config), what="no workers on new nodes")
        nodes.raylets()[0].kill()
        start = time.monotonic()
        code, said = driver.wait()
        assert code == 0, said
        seconds = time.monotonic() - start
        until(lambda: not nodes.raylets(), what="idle nodes stay")
        started = workers()
    done = "autoscaled from 0 to 2; one of them killed in mid-run"
    return proof("a node of an autoscaling cluster dies", done, config, seconds), started


def poison(url: str, how: str, **execution: float) -> Proof:
    """One row of many does to its worker what a row must not."""
    config = world(url, poison=how, execution={"workers": 1, **execution})
    start = time.monotonic()
    code, said = Driver(config, "StandIn").wait(300)
    assert code == 0, said
    what, kind = POISONS[how]
    found = proof(
        f"a row that {what}",
        f"one of {len(shards(config))} shards' rows",
        config,
        time.monotonic() - start,
    )
    assert found.failed == {kind: 1}
    return found


def orphans() -> list[int]:
    """Workers whose supervisor is gone."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "workers.shards.child" in (command := process.info["cmdline"] or [])
        and int(command[-1]) != process.info["ppid"]  # its argument names its supervisor
    ]


def _again(fault: str, done: str, config: RenderConfig) -> Proof:
    start = time.monotonic()
    code, said = Driver(config, "StandIn").wait()
    assert code == 0, said
    return proof(fault, done, config, time.monotonic() - start)
