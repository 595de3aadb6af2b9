"""Placement on Ray."""

from pathlib import Path

import pytest
import torch

from configs.schema import Execution
from pipelines import render
from pipelines.engine import pool_size
from pipelines.execute import execute
from tests.catalogs import POISON, StandIn, write_catalog, write_pairs
from tests.test_runs import config

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(
    ("execution", "shards", "gpus", "size"),
    [
        ({}, 10, 1.0, 2),  # one a GPU
        ({"gpus_per_worker": 0.5}, 10, 0.5, 4),
        ({"workers": 3}, 10, 1.0, 2),  # no more than there are GPUs to hold
        ({"workers": 50, "gpus_per_worker": 0.1}, 50, 0.1, 6),  # nor than there are CPUs
        ({}, 1, 1.0, 1),  # nor than there is work
    ],
)
def test_actors_fit_the_cluster(
    ray_session: None, execution: dict, shards: int, gpus: float, size: int
) -> None:
    resources, found = pool_size(Execution(**execution), shards)
    assert (resources, found) == ({"num_cpus": 1, "num_gpus": gpus}, size)


class Broken(StandIn):
    """A model that fails to load on every worker but the first process."""

    def __init__(self) -> None:
        super().__init__()
        import ray

        if ray.get_runtime_context().get_actor_id():
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

    def render(
        self, state: torch.Tensor, source_index: list[int], target_uv: torch.Tensor
    ) -> torch.Tensor:
        if (target_uv[:, 0] - POISON).abs().nan_to_num(1).min() < 1e-4:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return super().render(state, source_index, target_uv)


def test_a_cuda_error_ends_the_actor_and_spares_the_neighbours(
    ray_session: None, tmp_path: Path
) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 2, poison=[1])
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], t) for t in ids])
    settings = config(tmp_path, poses=None, pairs=pairs, execution={"workers": 1, "attempts": 1})
    plan, job = render.prepare(settings, WithoutGpu)
    manifest = execute(job, plan, settings)
    assert manifest["totals"]["failures"] == {"WorkerDied": 1}
    assert manifest["totals"]["ok"] == 1
