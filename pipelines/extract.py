"""`reposer extract`: photographs and their DensePose results as a catalog."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

from configs.schema import ExtractConfig
from pipelines.execute import closing_lines, dry_run, execute
from pipelines.report import CATALOG_TITLES, catalog_samples, write_report
from pipelines.runs import Plan, make_plan
from workers.extract import ExtractWorker, failed_rows, photo_id, read_lookup
from workers.photos import Photo, find_photos
from workers.shard import Job
from workers.storage import Store

TABLES = ("images", "uv_maps")


def run(config: ExtractConfig, dry: bool = False) -> int:
    """Extract; returns the exit code."""
    plan, job = prepare(config)
    if dry:
        dry_run(job, plan, config)
        return 0
    manifest = execute(job, plan, config)
    code = closing_lines(manifest, config)
    store = Store(config.out)
    write_report(store, manifest, "uv_maps", CATALOG_TITLES, catalog_samples(config.out))
    print(f"next           reposer render catalog={config.out} poses={config.out} out=...")
    return code


def prepare(config: ExtractConfig) -> tuple[Plan, Job]:
    """The plan of an extraction, and what its workers do."""
    photos = find_photos(config)
    facts: dict = {"inputs": {"files": _fingerprint(photos)}}
    if any(photo.iuv for photo in photos):
        facts["lookup"] = hashlib.sha256(read_lookup(config).tobytes()).hexdigest()
    job = Job(TABLES, partial(ExtractWorker, config), photo_id, failed_rows)
    keys = [tuple(photo) for photo in photos]
    return make_plan("extract", config, job, keys, photo_id, facts), job


def _fingerprint(photos: Sequence[Photo]) -> str:
    """Names and sizes of all files that will be read."""
    urls = [url for p in photos for url in (p.image, p.iuv, p.uv, p.instances) if url]
    sizes = {}
    for folder in sorted({url.rpartition("/")[0] for url in urls}):
        sizes |= {f"{folder}/{file.name}": file.size for file in Store(folder).list()}
    listed = [[*photo, *(sizes.get(url or "") for url in photo)] for photo in photos]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
