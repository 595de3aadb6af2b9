"""Placement on Ray."""

from pathlib import Path

import pytest

from configs.schema import Execution
from pipelines import render
from pipelines.engine import pool_size
from pipelines.execute import execute
from tests.catalogs import StandIn, write_catalog
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
