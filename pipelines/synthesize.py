"""`reposer synthesize`: a catalog of the sample world."""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from configs.schema import SynthesizeConfig
from pipelines.execute import carry_out
from pipelines.report import CATALOG_TITLES, catalog_samples
from pipelines.runs import Plan, make_plan
from workers.shard import Job, Key, Tables, Worker
from workers.synthesize import SynthesizeWorker, image_ids
from workers.tables import SCHEMAS

TABLES = ("images", "annotations", "pairs", "uv_maps")


def run(config: SynthesizeConfig, dry: bool = False) -> int:
    """Synthesize; returns the exit code."""
    plan, job = prepare(config)
    return carry_out(plan, job, config, dry, CATALOG_TITLES, lambda: catalog_samples(config.out))


def prepare(config: SynthesizeConfig) -> tuple[Plan, Job]:
    """The plan of a world, and what its workers do."""
    job = Job(TABLES, partial(make_worker, config), _row_id, failed_rows)
    keys = [(image_id,) for image_id in image_ids(config)]
    return make_plan("synthesize", config, job, keys, _item, config.size**2, {}), job


def make_worker(config: SynthesizeConfig) -> Worker:
    """A worker on a run's keys, which hold an image id each."""
    worker = SynthesizeWorker(config)
    return lambda keys: worker([_row_id(key) for key in keys])


def failed_rows(keys: Sequence[Key], error_type: str, message: str) -> Tables:
    """The tables of photographs that could not be made."""
    ids = [{"image_id": _row_id(key)} for key in keys]
    error = {"status": "failed", "error_type": error_type, "error_message": message}
    rows = {
        "images": ids,
        "annotations": ids,
        "pairs": [],
        "uv_maps": [row | error | {"layout": "anny"} for row in ids],
    }
    return {name: pa.Table.from_pylist(r, SCHEMAS[name]) for name, r in rows.items()}


def _row_id(key: Key) -> str:
    return str(key[0])


def _item(key: Key) -> str:
    return _row_id(key).rpartition("_view-")[0]
