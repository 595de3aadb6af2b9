"""The extractor `bodyfit`, which fits a body to each person."""

import json
from functools import partial
from importlib.metadata import version

from configs.extract import ExtractConfig
from workers.extraction.bodyfit.networks import DETECTOR, LANDMARKS, LICENCE, check
from workers.extraction.bodyfit.readings import FACINGS
from workers.extraction.bodyfit.worker import BodyFitWorker
from workers.extraction.extraction import Extraction
from workers.extraction.input_tables import facings
from workers.extraction.inputs import photographs, table_of
from workers.extraction.parsing.parsings import parsing_facts, parsings_of
from workers.extraction.people import refuse_names_of_people
from workers.shards.rows import Origin, failed_fit, photo_id, photograph_id
from workers.shards.shard import Job

LAYOUT = "anny"
VERSION = "bodyfit-3"  # change it whenever maps change
# Of 342 people whom the detector held upright, two were turned round, with scores of 0.28 and 0.49.
# Nine others are below this score: most are backs of which a copy or two dissent.
DOUBTFUL = 0.95
ROW_SECONDS = 300.0  # a window is fitted before its first row is there


def bodyfit(config: ExtractConfig) -> Extraction:
    """Find people and fit the body `anny` to them."""
    check()
    found, table = photographs(config), table_of(config)
    found, parsings = parsings_of(config, found, LAYOUT)
    every = config.bodyfit.person == "all"
    if every:
        refuse_names_of_people(found, "bodyfit")
    facing = facings(table, FACINGS) if table else {}
    model = {
        "name": _name(),
        "sha256": {model.path: model.sha256 for model in (DETECTOR, LANDMARKS)},
        "licence": LICENCE,
    }
    settings = config.bodyfit.model_dump(mode="json")
    origin = Origin(model["name"], LAYOUT)
    tables = ["annotations", *(["fits"] if config.bodyfit.save else [])]
    tables += ["parsings"] if parsings else []
    job = Job(
        tables=("images", *tables, "uv_maps"),
        make_worker=partial(BodyFitWorker, config, origin, facing, parsings),
        row_id=photo_id,
        failed=partial(failed_fit, origin),
        planned=photograph_id if every else str,
        row_seconds=ROW_SECONDS,
        about={"bodyfit": json.dumps(model | settings)},
    )
    facts = {"model": model, "bodyfit": settings, "facing": facing}
    facts |= parsing_facts(found, parsings)
    return Extraction(config, found, job, facts, doubtful=DOUBTFUL)


def _name() -> str:
    """The versions and models that a map depends on, for `uv_maps.extractor`."""
    packages = [f"{name}-{version(name)}" for name in ("anny", "ai-edge-litert")]
    models = [
        f"{model.path.rpartition('/')[2].removesuffix('.tflite')}-{model.sha256[:8]}"
        for model in (DETECTOR, LANDMARKS)
    ]
    return " ".join([VERSION, *packages, *models])
