"""Completed textures against the truth of the sample world: a step of `reposer benchmark`."""

from functools import partial

import pandas as pd
import pyarrow as pa
import torch

from configs.benchmark import TexturesConfig
from configs.synthesize import SynthesizeConfig
from eval.statistics import Summary, partial_sums, summarise, summarise_ratio
from pipelines.runs.execute import closing_lines, execute
from pipelines.runs.lifecycle import read_manifest
from pipelines.runs.plan import RunError, fingerprint, make_plan, read_plan
from pipelines.runs.tables import read_shards
from pipelines.synthesize import FACTS
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.data.tables import SCHEMAS
from workers.shards.keys import Key, Keys
from workers.shards.rows import failed_texture, photo_id
from workers.shards.shard import Job
from workers.textures import KINDS, TextureWorker, load_completer

NEEDED = {"energy": "energy_true", "smooth_energy": "smooth_energy_true"}


def run(config: TexturesConfig) -> int:
    """Measure the textures of a world's photographs; returns the exit code."""
    catalog, world = Catalog(config.catalog), made_by(config.catalog)
    _, sha256 = load_completer(config.completer, torch.device("cpu"))
    facts = {
        "inputs": {name: fingerprint(catalog.store, name) for name in ("images", "uv_maps")},
        "model": {"sha256": sha256},
    }
    job = Job(("textures",), partial(TextureWorker, config, world), photo_id, failed_texture)
    items = catalog.images.column("item_id").to_pylist()
    images = list(zip(catalog.images.ids.to_pylist(), items, strict=True))
    keys = Keys.of(["image_id", "item_id"], images)
    plan = make_plan("textures", config, job, keys, _item, catalog.pixels(), facts)
    return closing_lines(execute(job, plan, config), config)


def made_by(catalog: str) -> SynthesizeConfig:
    """How a world was made; RunError for a catalog that is none."""
    plan = read_plan(Store(catalog))
    if plan.command != "synthesize":
        raise RunError(f"{catalog} holds a run of {plan.command}, not a world of synthesize")
    facts = {name: plan.identity[name] for name in FACTS if name in plan.identity}
    decided = {**facts, **plan.identity["config"]}
    return SynthesizeConfig.model_validate({**decided, "out": catalog})


def summaries(url: str) -> dict[str, Summary]:
    """A finished run's columns as means over photographs, and its energies as ratios to the true.

    Intervals by bootstrap over items. None of a run that is not there, or not finished.
    """
    store = Store(url)
    if read_manifest(store) is None:
        return {}
    tables = list(read_shards(store, read_plan(store), "textures", SCHEMAS["textures"].names))
    rows = pa.concat_tables(tables).to_pandas()
    rows = rows[rows["status"] == "ok"]
    found = {}
    for kind in KINDS:
        for name in ("median", "mean", "within_2px"):
            column = f"{kind}_{name}"
            values = pd.DataFrame({"item_id": rows["item_id"], "value": rows[column]})
            found[column] = summarise(partial_sums(values.assign(metric=column)))
    for column, true in NEEDED.items():
        renamed = rows.rename(columns={column: "value", true: "reference"})
        found[column] = summarise_ratio(renamed[["item_id", "value", "reference"]])
    return found


def _item(key: Key) -> str | None:
    return key[1]
