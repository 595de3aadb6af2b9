"""Faults injected for real: see docs/reliability.md, and `python -m tests.faults` for all of them.

The quick tests crash a run in this process at every step of its protocol; the slow ones kill and
stop processes and nodes.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.render import RenderConfig
from pipelines import render
from pipelines.runs.execute import execute
from tests.faults import processes
from tests.faults.harness import Proof
from tests.helpers.catalogs import StandIn, rows_of, write_catalog, write_pairs
from tests.helpers.load import stretch
from tests.helpers.runs import config, run
from workers.data.storage import Store

STEPS = ("list", "create", "put", "exists", "read", "open")


class Crash(BaseException):
    """As sudden as a kill: nothing catches it."""


@contextmanager
def crashing(step: int, after: bool) -> Iterator[None]:
    """Crash at one of the storage's operations, before or after it is carried out."""
    counter = itertools.count()
    originals = {name: getattr(Store, name) for name in STEPS}

    def wrapped(operation: Callable[..., Any]) -> Callable[..., Any]:
        def crash(*arguments: Any) -> Any:
            number = next(counter)
            if number == step and not after:
                raise Crash
            result = operation(*arguments)
            if number == step:
                raise Crash
            return result

        return crash

    try:
        for name, operation in originals.items():
            setattr(Store, name, wrapped(operation))
        yield
    finally:
        for name, operation in originals.items():
            setattr(Store, name, operation)


def crashed(settings: RenderConfig, step: int, after: bool) -> bool:
    """Run until it crashes at a step; whether it did, rather than finish."""
    plan, job = render.prepare(settings, StandIn)
    try:
        with crashing(step, after):
            execute(job, plan, settings)
    except Crash:
        return True
    return False


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A catalog, and the table of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("small")
    write_catalog(f"{folder}/catalog", 3, bad=[1])
    whole = config(folder, out=f"{folder}/whole", execution={"engine": "local"})
    run(whole)
    return folder, rows_of(whole.out)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_and_a_rerun_make_the_same_table(
    small: tuple[Path, list[dict]], after: bool
) -> None:
    folder, table = small
    step = 0
    for step in itertools.count():
        settings = config(folder, out=f"{folder}/{after}{step}", execution={"engine": "local"})
        if not crashed(settings, step, after):
            break
        run(settings)
        assert rows_of(settings.out) == table, f"crashed at step {step}"
    assert step > 10


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=4), st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_crashes_and_lost_files_end_in_the_same_table(
    small: tuple[Path, list[dict]],
    tmp_path_factory: pytest.TempPathFactory,
    crashes: list[tuple[int, bool]],
    data: st.DataObject,
) -> None:
    folder, table = small
    out = tmp_path_factory.mktemp("run") / "out"
    keys = {"out": str(out), "shard_rows": 1, "execution": {"engine": "local"}}
    for step, after in crashes:
        crashed(config(folder, **keys), step, after)
    run(config(folder, **keys))
    files = sorted(out.joinpath("renders").iterdir())
    for file in data.draw(st.sets(st.sampled_from(files))):
        file.unlink()
    run(config(folder, **keys))
    assert rows_of(str(out)) == table
    assert sorted(out.joinpath("renders").iterdir()) == files


@pytest.mark.ray
def test_rows_that_end_or_hold_up_their_worker_fail_alone(
    ray_session: None, tmp_path: Path
) -> None:
    kinds = {1: "exit", 3: "crash", 4: "hang", 6: "eat"}
    ids = write_catalog(f"{tmp_path}/catalog", 8, poison=kinds)
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], t) for t in ids])
    # Time for a row that is slow because the machine is busy, and for a gigabyte to be eaten.
    seconds = round(6 * stretch(), 1)
    limits = {"workers": 2, "row_timeout": seconds, "worker_memory_gb": 1.5}
    run(config(tmp_path, poses=None, pairs=pairs, shard_rows=8, execution=limits))
    rows = {row["pose_id"]: row for row in rows_of(f"{tmp_path}/out")}
    assert {i: row["error_type"] for i, row in rows.items() if row["status"] == "failed"} == {
        ids[1]: "WorkerExited",
        ids[3]: "WorkerCrashed",
        ids[4]: "RowTimedOut",
        ids[6]: "RowOutOfMemory",
    }
    assert rows[ids[1]]["error_message"] == "the worker exited with code 3"
    assert "SIGSEGV" in rows[ids[3]]["error_message"]
    assert f"in {seconds:g} s" in rows[ids[4]]["error_message"]


def test_a_sigterm_stops_a_run_in_order(tmp_path: Path) -> None:
    assert processes.driver_stopped(str(tmp_path), "local", 0).whole


@pytest.fixture(scope="module")
def cluster(s3_url: str) -> Iterator[None]:
    with processes.cluster():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("point", processes.WORKER_POINTS)
def test_a_killed_worker_loses_nothing(cluster: None, store_url: str, point: str) -> None:
    assert _whole(processes.worker_killed(store_url, point)).failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("point", processes.DRIVER_POINTS[:2])
def test_a_killed_driver_of_actors_loses_nothing(cluster: None, store_url: str, point: str) -> None:
    assert _whole(processes.driver_killed(store_url, "ray", point)).failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("point", processes.DRIVER_POINTS)
def test_a_killed_driver_loses_nothing(store_url: str, point: str) -> None:
    assert _whole(processes.driver_killed(store_url, "local", point)).failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("grace", [0, 25])
def test_a_sigterm_stops_a_run_on_actors_in_order(
    cluster: None, store_url: str, grace: float
) -> None:
    _whole(processes.driver_stopped(store_url, "ray", grace))


@pytest.mark.slow
def test_two_drivers_make_each_row_once(cluster: None, store_url: str) -> None:
    _whole(processes.two_drivers(store_url))


@pytest.mark.slow
@pytest.mark.parametrize("how", processes.POISONS)
def test_a_row_that_ends_its_worker_is_found_by_default_limits(
    cluster: None, tmp_path: Path, how: str
) -> None:
    assert _whole(processes.poison(str(tmp_path), how)).seconds < 120


@pytest.mark.slow
def test_a_node_that_dies_loses_nothing(store_url: str) -> None:
    _whole(processes.node_lost(store_url))


@pytest.mark.slow
def test_a_node_that_joins_gets_work(tmp_path: Path) -> None:
    found, before, after = processes.node_joins(str(tmp_path))
    assert _whole(found)
    assert after > before


@pytest.mark.slow
def test_a_cluster_grows_for_a_run_and_replaces_its_nodes(tmp_path: Path) -> None:
    found, workers = processes.cluster_scales(str(tmp_path))
    assert _whole(found)
    assert workers == 3


def _whole(found: Proof) -> Proof:
    assert found.whole, found
    return found
