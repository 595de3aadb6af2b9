"""`reposer extract`: photographs, and UV maps of the people on them, or poses, as a catalog."""

import contextlib
import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from configs.extract import ExtractConfig
from pipelines.doubtful import ask_facing
from pipelines.parsed import said, tally
from pipelines.precision import imprecise
from pipelines.runs.execute import carry_out
from pipelines.runs.ignored import tell_ignored
from pipelines.runs.log import log
from pipelines.runs.plan import ENCODED, UV_MAP, Plan, make_plan
from pipelines.runs.report import (
    CATALOG_TITLES,
    PARSED_TITLES,
    SKELETON_TITLES,
    catalog_samples,
)
from workers.data.errors import RowError
from workers.data.images import open_image
from workers.data.names import utf8
from workers.data.retrying import StorageError
from workers.data.storage import Store, read_bytes
from workers.data.videos import file_of
from workers.extraction.extraction import Extraction, Input, Photo
from workers.extraction.extractors import extraction_of
from workers.shards.keys import Key, Keys
from workers.shards.rows import photo_id

LOOKED_AT = 9  # photographs whose size is looked at before a run of size=native
NATIVE_PIXELS = 1_000_000  # where none can be read
FRAME_SECONDS = 300.0  # before a shard's first frame, its video is read through and sought


def run(config: ExtractConfig, dry: bool = False) -> int:
    """Extract, and say what may follow; returns the exit code."""
    plan, extraction = prepare(config)
    code = carry_out_prepared(plan, extraction, config, dry)
    if dry or code:
        return code
    out = shlex.quote(config.out)
    how = f"catalog={out} poses={out}"
    if config.extractor == "bodyfit":
        how = f"catalog={out} poses=bundled model=bundled"
    elif config.extractor == "keypoints":
        model = "bundled" if extraction.layout == "anny" else "MODEL"  # those are of this layout
        how = f"catalog=CATALOG poses={out} model={model}"
    print(f"next           reposer render {how} out=renders")
    return code


def extract(config: ExtractConfig, dry: bool = False) -> int:
    """Turn photographs into a catalog; returns the exit code."""
    return carry_out_prepared(*prepare(config), config, dry)


def carry_out_prepared(
    plan: Plan, extraction: Extraction, config: ExtractConfig, dry: bool = False
) -> int:
    """Carry out the plan of an extraction; returns the exit code."""
    parsed = config.parsing is not None
    labels = cache(lambda: tally(extraction))
    code = carry_out(
        plan,
        extraction.job,
        config,
        dry,
        _titles(config),
        lambda: catalog_samples(config.out, parsed),
        lambda: ask_facing(extraction),
        count=labels,
    )
    if not dry and (how := imprecise(extraction)):
        print(f"{'precision':14} {how}")
    if not dry and extraction.note:
        print(f"{'note':14} {extraction.note}")
    if not dry and (found := labels()):
        print(said(found))
    return code


def _titles(config: ExtractConfig) -> tuple[str, ...]:
    if config.extractor == "keypoints":
        return SKELETON_TITLES
    return PARSED_TITLES if config.parsing else CATALOG_TITLES


def prepare(config: ExtractConfig) -> tuple[Plan, Extraction]:
    """The plan of an extraction, and what its extractor does."""
    extracted = extraction_of(config)
    config, found = extracted.config, extracted.input
    _tell_ignored(found)
    if found.said:
        log(found.said)
    facts = {"inputs": {"files": _fingerprint(found)}} | extracted.facts
    keys = Keys.of(found.keys[0]._fields, found.keys)
    if config.size == "native" and found.pixels:
        pixels, size = found.pixels, ENCODED["png"] + UV_MAP
    elif config.size == "native":  # most photographs keep their files
        pixels, size = _usual_pixels(config, found.photos), ENCODED["jpeg"] + UV_MAP
    else:
        pixels, size = config.size**2, ENCODED["png"] + UV_MAP
    job, group = extracted.job, photo_id
    if found.pixels:
        job = replace(job, row_seconds=max(job.row_seconds, FRAME_SECONDS))
        extracted, group = replace(extracted, job=job), _file
        facts |= {"every": config.every}
    plan = make_plan("extract", config, job, keys, group, pixels, facts, size)
    return plan, extracted


def _file(key: Key) -> str:
    """The file of a key's photograph: the frames of a video are decoded together."""
    return file_of(key[1] or "")


def _usual_pixels(config: ExtractConfig, photos: Sequence[Photo]) -> int:
    """About the size of the photographs, for the length of a shard: the median of a few."""
    urls, sizes = [photo.image for photo in photos if photo.image], []
    for url in urls[:: max(len(urls) // LOOKED_AT, 1)]:
        with contextlib.suppress(RowError, StorageError, OSError):  # their rows will say why
            image = open_image(read_bytes(url), config.max_pixels)
            sizes.append(image.width * image.height)
    return int(np.median(sizes)) if sizes else NATIVE_PIXELS


def _tell_ignored(found: Input) -> None:
    """Name the files in the folders of the input that will not be read."""
    read = {url for key in found.keys for url in key.files} | {found.shared}
    read |= {utf8(url) for urls in found.parsings.values() for url in urls}
    for url, listing in found.listings.items():
        used = {file.name for file in listing.files if utf8(listing.root + file.name) in read}
        folders = [f for f in listing.folders if listing.root + f not in found.listings]
        tell_ignored(url, listing._replace(folders=folders), used)


def _fingerprint(found: Input) -> str:
    """Identifies the keys, and all files that will be read by their names and sizes."""
    urls = [url for key in found.keys for url in key.files]
    urls += [found.shared] if found.shared else []
    sizes = {}
    for folder in sorted({url.rpartition("/")[0] for url in urls}):
        # The rows of a folder that cannot be listed will fail, and say why.
        with contextlib.suppress(StorageError, OSError):
            files = Store(folder).listing(depth=1).files
            sizes |= {f"{folder}/{file.name}": file.size for file in files}
    listed = [[*key, *(sizes.get(file_of(value or "")) for value in key)] for key in found.keys]
    listed += [[sizes.get(found.shared or "")]]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
