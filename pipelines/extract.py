"""`reposer extract`: photographs and their DensePose results as a catalog."""

import contextlib
import hashlib
import json
import shlex
from collections.abc import Sequence
from functools import partial

from configs.extract import ExtractConfig
from pipelines.runs.execute import carry_out
from pipelines.runs.ignored import tell_ignored
from pipelines.runs.plan import Plan, make_plan
from pipelines.runs.report import CATALOG_TITLES, catalog_samples
from workers.data.names import short, utf8
from workers.data.retrying import StorageError
from workers.data.storage import Store, list_files
from workers.extraction.catalog_rows import read_lookup
from workers.extraction.densepose.backends import (
    extractor_name,
    load_finder,
    resolved,
    weights_sha256,
)
from workers.extraction.densepose.dump import read_names
from workers.extraction.densepose.worker import DensePoseWorker
from workers.extraction.photos import Photo, find_photos, is_dump, is_table, with_maps
from workers.extraction.precomputed import ExtractWorker
from workers.shards.keys import Keys
from workers.shards.rows import failed_photograph, photo_id, photograph_id
from workers.shards.shard import Job

TABLES = ("images", "uv_maps")
ROW_SECONDS = 300.0  # a network without a GPU takes its time
NATIVE_PIXELS = 1_000_000  # a guess for the size of a shard; photographs differ


def run(config: ExtractConfig, dry: bool = False) -> int:
    """Extract; returns the exit code."""
    plan, job = prepare(config)
    code = carry_out(plan, job, config, dry, CATALOG_TITLES, lambda: catalog_samples(config.out))
    if dry or code:
        return code
    out = shlex.quote(config.out)
    print(f"next           reposer render catalog={out} poses={out} out=renders")
    return code


def prepare(config: ExtractConfig) -> tuple[Plan, Job]:
    """The plan of an extraction, and what its workers do."""
    if config.extractor == "densepose":
        config = config.model_copy(update={"densepose": resolved(config.densepose)})
    photos = find_photos(config, read_names(config.uv) if is_dump(config) else None)
    _tell_ignored(config, photos)
    facts: dict = {"inputs": {"files": _fingerprint(config, photos)}}
    people = not with_maps(config)
    if people or any(photo.iuv for photo in photos):
        facts["lookup"] = hashlib.sha256(read_lookup(config).tobytes()).hexdigest()
    if config.extractor == "densepose":
        facts["model"] = {"name": extractor_name(config), "sha256": weights_sha256(config)}
    if people:
        job = _job_of_people(config, photos, facts)
    else:
        job = Job(TABLES, partial(ExtractWorker, config), photo_id, failed_photograph)
    keys = Keys.of(Photo._fields, photos)
    pixels = NATIVE_PIXELS if config.size == "native" else config.size**2
    return make_plan("extract", config, job, keys, photo_id, pixels, facts), job


def _job_of_people(config: ExtractConfig, photos: Sequence[Photo], facts: dict) -> Job:
    """What workers do where people are found, by a network or in a dump of its results."""
    settings, every = config.densepose, config.densepose.person == "all"
    for photo in photos if every else ():
        if photograph_id(photo.image_id) != photo.image_id:
            raise ValueError(f"{short(photo.image_id)}: with densepose.person=all, @ and a number "
                             "end the names of further people; rename the photograph")  # fmt: skip
    name = extractor_name(config)
    return Job(
        TABLES,
        partial(DensePoseWorker, config, name, partial(load_finder, config)),
        photo_id,
        partial(failed_photograph, extractor=name),
        photograph_id if every else str,
        ROW_SECONDS,
        {"densepose": json.dumps(facts.get("model", {}) | settings.model_dump(mode="json"))},
    )


def _tell_ignored(config: ExtractConfig, photos: Sequence[Photo]) -> None:
    """Name what in the folders of the input will not be read."""
    read = {url for photo in photos for url in photo}
    folders = [] if is_table(config) else [config.input]
    if with_maps(config) and config.uv and folders:
        folders.append(config.uv)
    for url in folders:
        listing = list_files(url)
        root = listing.root
        used = {file.name for file in listing.files if utf8(root + file.name) in read}
        beside = listing._replace(folders=[f for f in listing.folders if f"{root}{f}" != config.uv])
        tell_ignored(url, beside, used)


def _fingerprint(config: ExtractConfig, photos: Sequence[Photo]) -> str:
    """Names and sizes of all files that will be read."""
    urls = [url for p in photos for url in (p.image, p.iuv, p.uv, p.instances) if url]
    urls += [config.uv] if is_dump(config) and config.uv else []
    sizes = {}
    for folder in sorted({url.rpartition("/")[0] for url in urls}):
        with contextlib.suppress(StorageError, OSError):  # its rows will fail, and say why
            files = Store(folder).listing(depth=1).files
            sizes |= {f"{folder}/{file.name}": file.size for file in files}
    listed = [[*photo, *(sizes.get(url or "") for url in photo)] for photo in photos]
    listed += [[sizes.get(config.uv or "")]]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
