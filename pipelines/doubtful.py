"""Asks a person which way people face, where an extraction's scores leave it open."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from eval.pictures import overlay
from pipelines.runs.report import SAMPLES, Question, Sample
from workers.data.catalog import Catalog
from workers.data.names import elided
from workers.data.storage import Store
from workers.extraction.extraction import Extraction
from workers.shards.rows import photograph_id
from workers.shards.shard import read_file

TITLES = ("photograph", "fit")
ADVICE = (
    "Copies of these photographs (mirrored, turned, scaled) disagree on the way. Save the lines "
    "below the pictures as facing.csv, correct the column facing (front, back, or left or right "
    "of the picture), and run the same command with input=facing.csv and another out."
)


def ask_facing(extraction: Extraction) -> Question | None:
    """The people of a finished extraction who may face another way; None where nobody may."""
    if extraction.doubtful is None:
        return None
    store = Store(extraction.config.out)
    found, rows = _doubtful(store, extraction.doubtful)
    if not rows:
        return None
    return Question(
        f"{len(rows)} of {found} bodies may face the wrong way",
        ADVICE,
        TITLES,
        _samples(Catalog(store.url), rows[:SAMPLES]),
        _table(extraction, rows),
    )


def _doubtful(store: Store, least: float) -> tuple[int, list[dict[str, Any]]]:
    """How many bodies there are, and those whose score is less than `least`, by score."""
    found, rows = 0, []
    for file in store.list("uv_maps"):
        good = read_file(store, file.name, ["image_id", "layout", "score", "status"])
        good = good.filter(pc.field("status") == "ok")
        found += len(good)
        if low := good.filter(pc.field("score") < least).to_pylist():
            notes = file.name.replace("uv_maps", "annotations", 1)
            said = read_file(store, notes, ["image_id", "facing"]).to_pylist()
            facing = {row["image_id"]: row["facing"] for row in said}
            rows += [row | {"facing": facing[row["image_id"]]} for row in low]
    return found, sorted(rows, key=lambda row: row["score"])


def _samples(catalog: Catalog, rows: list[dict[str, Any]]) -> Iterator[Sample]:
    for row in rows:
        photograph = catalog.photograph(row["image_id"])
        fitted = overlay(photograph, catalog.uv_map(row["image_id"], row["layout"]))
        caption = f"{elided(row['image_id'])}: {row['facing']}? score {row['score']:.2f}"
        yield caption, (photograph, fitted)


def _table(extraction: Extraction, rows: list[dict[str, Any]]) -> str:
    """The photographs of the rows as CSV, an input of `extract`."""
    photos = {photo.image_id: photo for photo in extraction.input.photos}
    ways = {photograph_id(row["image_id"]): row["facing"] for row in rows}
    lines = [(i, photos[i].image, photos[i].item_id, way) for i, way in ways.items()]
    columns = ["image_id", "image", "item_id", "facing"]
    return pd.DataFrame(lines, columns=columns).to_csv(index=False)
