"""`reposer benchmark` variant keypoints: poses of skeletons, against the true maps.

Below `out`/keypoints, which is `out` here:

    worlds/held-out, worlds/training    the worlds, unless they are given
    worlds/predicted                    the poser's maps of the held-out skeletons
    worlds/photographs, worlds/fitted   the photographs, and what extractor=bodyfit makes of them
    maps.parquet                        errors of the maps, a row a way and photograph
    true, predicted, tuned-...          renders and metrics
    report                              all side by side

Each of these is made once: the same command continues where it stopped.
"""

import functools
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from configs.benchmark import BenchmarkConfig
from configs.extract import ExtractConfig
from configs.keypoints import Keypoints
from configs.render import RenderConfig, RenderFormat
from eval.keypoints import METRICS
from pipelines import extract, render
from pipelines.benchmark.steps import Step, fitted, scores
from pipelines.runs.execute import OK
from workers.data.catalog import Catalog
from workers.data.errors import RowError
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.map_errors import errors
from workers.nearest_poses import NearestPoses

MEASURED = "maps.parquet"


def catalogs(config: BenchmarkConfig, world: str) -> dict[str, str]:
    """The URLs of the held-out world and of its other maps."""
    return {
        "true": world,
        "predicted": f"{config.out}/worlds/predicted",
        "bodyfit": f"{config.out}/worlds/fitted",
    }


def steps(config: BenchmarkConfig, world: str) -> list[Step]:
    """All that is made of the worlds below `out`."""
    found: list[Step] = [
        ("maps by the poser", partial(_predicted, config, world)),
        ("maps by extractor=bodyfit", partial(fitted, config, world)),
        ("errors of the maps", partial(_measured, config, world)),
    ]
    for name, rendered in renders(config, world).items():
        found.append((f"renders, {name}", partial(render.run, rendered)))
        found.append(scores(config, name, rendered, METRICS, catalog=world))
    return found


def renders(config: BenchmarkConfig, world: str) -> dict[str, RenderConfig]:
    """What is rendered: each of the networks on true and on predicted maps."""
    models = {"": "bundled"} | ({"tuned-": config.tuned} if config.tuned else {})
    return {
        f"{prefix}{maps}": RenderConfig(
            catalog=world,
            poses=catalogs(config, world)[maps],
            pairs=f"{world}/pairs",
            model=model,
            image=RenderFormat(format="png"),
            out=f"{config.out}/{prefix}{maps}/renders",
            execution=config.execution,
        )
        for prefix, model in models.items()
        for maps in ("true", "predicted")
    }


def _predicted(config: BenchmarkConfig, world: str) -> int:
    return extract.run(
        ExtractConfig(
            input=world,
            extractor="keypoints",
            keypoints=Keypoints(model=config.poser),
            size="native",
            out=catalogs(config, world)["predicted"],
            execution=config.execution,
        )
    )


def _measured(config: BenchmarkConfig, world: str) -> int:
    store = Store(config.out)
    if not store.exists(MEASURED):
        rows = list(_rows(config, world))
        store.put(MEASURED, parquet_bytes(pa.Table.from_pylist(rows)))
    return OK


def _rows(config: BenchmarkConfig, world: str) -> Iterator[dict[str, Any]]:
    """Errors of every way's map of every photograph; none where a way has no map."""
    true = Catalog(world)
    items = true.items()
    for name in true.images.ids.to_pylist():
        expected = np.moveaxis(true.uv_map(name), 0, -1)
        high, wide, _ = expected.shape
        points = true.keypoints(name)[:, :2]
        complete = bool(((points > -0.5) & (points < [wide - 0.5, high - 0.5])).all())
        row = {"image_id": name, "item_id": items[name], "complete": complete}
        for way, uv in maps(config, world, name).items():
            found = errors(uv, expected)._asdict()
            yield row | {"method": way} | {key: float(value) for key, value in found.items()}


def maps(config: BenchmarkConfig, world: str, name: str) -> dict[str, np.ndarray]:
    """Every way's map (H, W, 2) of a photograph of the held-out world, where it has one."""
    urls, found = catalogs(config, world), {}
    for way in ("predicted", "bodyfit"):
        with suppress(RowError):
            found[way] = np.moveaxis(_opened(urls[way]).uv_map(name), 0, -1)
    true, nearest = _opened(world), _nearest(config.training or f"{config.out}/worlds/training")
    high, wide = true.uv_map(name).shape[1:]
    return found | {"nearest": nearest.map_of(true.keypoints(name)[:, :2], high, wide)}


@functools.cache
def _opened(url: str) -> Catalog:
    return Catalog(url)


@functools.cache
def _nearest(url: str) -> NearestPoses:
    return NearestPoses(url)
