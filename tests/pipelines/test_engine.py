"""Placement on Ray."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from configs.run import Execution
from models.maps import Target
from pipelines import render
from pipelines.runs.engine import pool_size, resources
from pipelines.runs.execute import execute
from tests.helpers.catalogs import POISONS, StandIn, holds, rows_of, write_catalog, write_pairs
from tests.helpers.runs import config, run

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(
    ("execution", "gpus", "size"),
    [
        ({}, 1.0, 2),  # one a GPU
        ({"gpus_per_worker": 0.5}, 0.5, 4),
        ({"gpus_per_worker": 0.1}, 0.1, 6),  # no more than there are CPUs
        ({"workers": 50}, 1.0, 50),  # named: a cluster that can grow, will
    ],
)
def test_actors_fit_the_cluster(ray_session: None, execution: dict, gpus: float, size: int) -> None:
    config = Execution.model_validate(execution)
    needs = resources(config)
    assert needs == {"num_cpus": 1, "num_gpus": gpus}
    assert pool_size(config, needs) == size


def test_a_share_that_is_given_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray is asked: a cluster that grows from nothing holds no GPU yet."""
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    config = Execution(gpus_per_worker=0.5)
    assert resources(config) == {"num_cpus": 1, "num_gpus": 0.5}
    assert pool_size(Execution(workers=8, gpus_per_worker=1), resources(config)) == 8


class Broken(StandIn):
    """A model that loads in the driver, and in no worker."""

    def __init__(self) -> None:
        super().__init__()
        if str(sys.modules["__main__"].__spec__).find("workers.shards.child") >= 0:
            raise ValueError("weights are damaged")


def test_a_model_that_fails_to_load_ends_the_run(ray_session: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    settings = config(tmp_path, execution={"workers": 1})
    plan, job = render.prepare(settings, Broken)
    with pytest.raises(Exception, match="weights are damaged"):
        execute(job, plan, settings)
    assert not Path(settings.out, "renders").exists()


class WithoutGpu(StandIn):
    """A model that meets a CUDA error, artificially, on one of the poses."""

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        if holds(target.uv, POISONS["exit"][0]):
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return super().render(state, source_index, target)


def test_a_cuda_error_ends_the_actor_and_spares_the_neighbours(
    ray_session: None, tmp_path: Path
) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 2, poison={1: "exit"})
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], t) for t in ids])
    settings = config(tmp_path, poses=None, pairs=pairs, execution={"workers": 1})
    plan, job = render.prepare(settings, WithoutGpu)
    manifest = execute(job, plan, settings)
    assert manifest["totals"]["failures"] == {"AcceleratorError": 1}
    assert manifest["totals"]["ok"] == 1


class SmallGpu(StandIn):
    """A model that meets an out-of-memory error, artificially, on more than two pairs."""

    sizes: ClassVar[list[int]] = []

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        if len(source_index) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(source_index))
        return super().render(state, source_index, target)


def test_out_of_memory_halves_the_microbatch_and_renders_every_row(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 8)
    settings = config(tmp_path, shard_rows=64, execution={"engine": "local", "microbatch": 8})
    plan, job = render.prepare(settings, SmallGpu)
    assert execute(job, plan, settings)["totals"]["ok"] == 64
    assert set(SmallGpu.sizes) == {2}
    whole = config(tmp_path, out=f"{tmp_path}/whole", execution={"engine": "local"})
    run(whole)
    assert rows_of(settings.out) == rows_of(whole.out)
