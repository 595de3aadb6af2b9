"""Sources by target poses as a matrix of pictures, where a run renders every one in every other.

Of garments and models, a row is a garment, and a column a person whom it would suit.
"""

import numpy as np
import pandas as pd

from configs.render import RenderConfig
from eval.pictures import uv_picture
from pipelines.runs.plan import Plan, read_plan
from pipelines.runs.report import Head, Matrix
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.errors import RowError
from workers.data.images import decode
from workers.data.indexed_table import Table
from workers.data.names import elided
from workers.data.storage import Store
from workers.rendering import pose_catalog
from workers.shards.rows import render_id

MOST = 8  # rows and columns
NAME = 28  # letters of an id that fit above a picture


def has_matrix(plan: Plan) -> bool:
    """Whether a run renders every source in every pose, of which there are several."""
    count = {name: len(_column(plan, name)[1]) for name in ("source_id", "pose_id")}
    return count["pose_id"] > 1 and plan.rows == count["source_id"] * count["pose_id"]


def matrix(config: RenderConfig) -> Matrix:
    """Some sources of a finished run that has a matrix in some of its poses, evenly chosen."""
    store = Store(config.out)
    plan = read_plan(store)
    sources, source_ids = _column(plan, "source_id")
    poses, pose_ids = _column(plan, "pose_id")
    rows, columns = _evenly(len(source_ids)), _evenly(len(pose_ids))
    wanted = np.isin(sources, rows) & np.isin(poses, columns)
    ends = np.cumsum(plan.lengths)
    shards = np.unique(np.searchsorted(ends, np.flatnonzero(wanted), "right"))
    renders = Table(store, "renders", [plan.shards[n].file("renders") for n in shards])
    catalog = Catalog(config.catalog)
    people = pose_catalog(config, catalog)
    return Matrix(
        [Head(elided(pose_ids[p], NAME), _pose(people, pose_ids[p])) for p in columns],
        [
            (
                Head(elided(source_ids[s], NAME), _photograph(catalog, source_ids[s])),
                [_render(renders, source_ids[s], pose_ids[p]) for p in columns],
            )
            for s in rows
        ],
    )


def _column(plan: Plan, name: str) -> tuple[np.ndarray, list[str]]:
    """A column of the keys, (N,) indices into ids, in order of appearance."""
    column = plan.keys.table.column(name).unify_dictionaries().combine_chunks()
    indices, found = pd.factorize(column.indices.to_numpy())
    return indices, column.dictionary.take(found).to_pylist()


def _evenly(count: int) -> list[int]:
    """At most MOST of so many numbers, first and last among them."""
    return np.linspace(0, count - 1, min(count, MOST)).round().astype(int).tolist()


def _photograph(catalog: Catalog, image_id: str) -> np.ndarray | None:
    try:
        return catalog.photograph(image_id)
    except RowError:
        return None


def _pose(catalog: Catalog, image_id: str) -> np.ndarray | None:
    """The photograph of a pose; without one, its UV map in colour."""
    photograph = _photograph(catalog, image_id)
    if photograph is not None:
        return photograph
    try:
        return uv_picture(catalog.uv_map(image_id))
    except RowError:
        return None


def _render(renders: Table, source: str, pose: str) -> np.ndarray | None:
    row = renders.row(render_id((source, pose)))
    return decode(row["image"]["bytes"], MAX_PIXELS) if row["status"] == "ok" else None
