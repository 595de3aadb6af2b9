"""`reposer synthesize`: a catalog of the sample world."""

from functools import partial

from configs.synthesize import SynthesizeConfig
from pipelines.runs.execute import carry_out
from pipelines.runs.plan import ENCODED, UV_MAP, Plan, make_plan
from pipelines.runs.report import CATALOG_TITLES, catalog_samples
from workers.shards.keys import Key, Keys
from workers.shards.rows import failed_synthesis, photo_id
from workers.shards.shard import Job, row_seconds
from workers.synthesis import SynthesizeWorker, image_ids

TABLES = ("images", "annotations", "pairs", "uv_maps")


def run(config: SynthesizeConfig, dry: bool = False) -> int:
    """Synthesize; returns the exit code."""
    plan, job = prepare(config)
    return carry_out(plan, job, config, dry, CATALOG_TITLES, lambda: catalog_samples(config.out))


def prepare(config: SynthesizeConfig) -> tuple[Plan, Job]:
    """The plan of a world, and what its workers do."""
    job = Job(
        TABLES,
        partial(SynthesizeWorker, config),
        photo_id,
        failed_synthesis,
        row_seconds=row_seconds(config.size**2),
    )
    keys = Keys.of(["image_id"], [(image_id,) for image_id in image_ids(config)])
    size = ENCODED[config.image.format] + UV_MAP
    # No part of the config's identity: worlds made before the key have none.
    facts = {"pose_noise": config.pose_noise} if config.pose_noise else {}
    return make_plan("synthesize", config, job, keys, _item, config.size**2, facts, size), job


def _item(key: Key) -> str:
    return photo_id(key).rpartition("_view-")[0]
