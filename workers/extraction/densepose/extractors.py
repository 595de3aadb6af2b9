"""The extractors `densepose`, which runs the network, and `dump`, which reads what it found."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from configs.extract import ExtractConfig
from workers.extraction.catalog_rows import lookup_facts, read_lookup
from workers.extraction.densepose.backends import model_facts, with_backend
from workers.extraction.densepose.dump import Dump, with_places
from workers.extraction.densepose.finders import DumpFinder, Finder, NetworkFinder
from workers.extraction.densepose.worker import DensePoseWorker
from workers.extraction.extraction import Extraction, Input
from workers.extraction.inputs import photographs
from workers.extraction.parsing.parsings import (
    failed_rows,
    parsing_facts,
    parsings_of,
    tables_with,
)
from workers.extraction.people import refuse_names_of_people
from workers.shards.rows import Origin, photo_id, photograph_id
from workers.shards.shard import Job

LAYOUT = "smpl"  # DensePose's charts are read through a lookup on SMPL's sheet
ROW_SECONDS = 300.0  # without a GPU, the network takes its time


def densepose(config: ExtractConfig) -> Extraction:
    """Find people with DensePose's network."""
    config = config.model_copy(update={"densepose": with_backend(config.densepose)})
    found = photographs(config)
    return _of_people(config, found, NetworkFinder, model_facts(config.densepose))


def dump(config: ExtractConfig) -> Extraction:
    """Find people in the file that `uv` names, which apply_net dumped."""
    assert config.uv is not None
    names = Dump(config.uv).names
    found = photographs(config)
    found = replace(found, photos=with_places(found.photos, names), shared=config.uv)
    return _of_people(config, found, DumpFinder, {})


def _of_people(
    config: ExtractConfig,
    found: Input,
    finder: Callable[[ExtractConfig], Finder],
    model: dict[str, str],
) -> Extraction:
    """`model` holds name and sha256 of the network, if one is run."""
    every = config.densepose.person == "all"
    if every:
        refuse_names_of_people(found, "densepose")
    origin = Origin(model.get("name", "precomputed"), LAYOUT)
    found, parsings = parsings_of(config, found, LAYOUT, partial(read_lookup, config))
    settings = model | config.densepose.model_dump(mode="json")
    job = Job(
        tables=tables_with(parsings),
        make_worker=partial(DensePoseWorker, config, origin, finder, parsings),
        row_id=photo_id,
        failed=partial(failed_rows(parsings), origin),
        planned=photograph_id if every else str,
        row_seconds=ROW_SECONDS,
        about={"densepose": json.dumps(settings)},
    )
    facts = lookup_facts(config) | ({"model": model} if model else {})
    return Extraction(config, found, job, facts | parsing_facts(found, parsings))
