"""`reposer synthesize`: a catalog of the sample world."""

from functools import partial

from configs.schema import SynthesizeConfig
from pipelines.execute import closing_lines, dry_run, execute
from pipelines.report import CATALOG_TITLES, catalog_samples, write_report
from pipelines.runs import Plan, make_plan
from workers.shard import Job
from workers.storage import Store
from workers.synthesize import SynthesizeWorker, failed_rows, image_ids, item_of

TABLES = ("images", "annotations", "pairs", "uv_maps")


def run(config: SynthesizeConfig, dry: bool = False) -> int:
    """Synthesize; returns the exit code."""
    plan, job = prepare(config)
    if dry:
        dry_run(job, plan, config)
        return 0
    manifest = execute(job, plan, config)
    code = closing_lines(manifest, config)
    samples = catalog_samples(config.out)
    report = write_report(Store(config.out), manifest, "images", CATALOG_TITLES, samples)
    for kind, url in report.items():
        print(f"{kind:14} {url}")
    return code


def prepare(config: SynthesizeConfig) -> tuple[Plan, Job]:
    """The plan of a world, and what its workers do."""
    job = Job(TABLES, partial(SynthesizeWorker, config), lambda key: str(key[0]), failed_rows)
    keys = [(image_id,) for image_id in image_ids(config)]
    return make_plan("synthesize", config, job, keys, lambda key: item_of(str(key[0])), {}), job
