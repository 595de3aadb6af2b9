"""`reposer poses`: a catalog of poses, the stances of catalogs."""

from collections.abc import Iterator
from functools import partial

from configs.poses import PosesConfig
from pipelines.runs.execute import carry_out
from pipelines.runs.plan import UV_MAP, Plan, make_plan
from pipelines.runs.report import Sample, catalog_samples
from workers.poses import ORIGIN, PoseWorker
from workers.shards.keys import Keys
from workers.shards.rows import failed_photograph, photo_id
from workers.shards.shard import Job
from world.stances import STANCES


def run(config: PosesConfig, dry: bool = False) -> int:
    """Make the poses; returns the exit code."""
    plan, job = prepare(config)
    return carry_out(plan, job, config, dry, ("UV map",), lambda: _samples(config.out))


def _samples(url: str) -> Iterator[Sample]:
    """Without photographs, since there are none."""
    return ((name, pictures[1:]) for name, pictures in catalog_samples(url))


def prepare(config: PosesConfig) -> tuple[Plan, Job]:
    """The plan of the poses, and what its workers do."""
    failed = partial(failed_photograph, ORIGIN)
    job = Job(("images", "uv_maps"), partial(PoseWorker, config), photo_id, failed)
    keys = Keys.of(["image_id", "item_id"], [(name, None) for name in STANCES])
    return make_plan("poses", config, job, keys, photo_id, config.size**2, {}, UV_MAP), job
