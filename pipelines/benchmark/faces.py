"""`reposer benchmark` variant faces: the paper's second application, by three ablations.

Below `out`/faces, which is `out` here:

    worlds/training, worlds/held-out    the worlds, unless they are given
    worlds/pairs.csv                    the test pairs, by the paper's plan
    inpainter-coordinates, -colours     f, and so one for two ablations
    ABLATION/generator, renders, metrics
    report                              all side by side, and the paper's table

Each of these is made once: the same command continues where it stopped.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from configs.benchmark import BenchmarkConfig
from configs.render import RenderConfig, RenderFormat
from eval.faces import ABLATIONS, METRICS
from pipelines import render
from pipelines.benchmark.steps import Step, scores, trainings
from pipelines.runs.execute import OK
from workers.data.catalog import Catalog
from workers.data.indexed_table import Table
from workers.data.storage import Store

# MediaPipe's mesh covers the face alone, and its sheet shows little else, as PRNet's.
WORLD: dict[str, Any] = {"what": "faces", "layout": "face468"}


def steps(config: BenchmarkConfig, world: str) -> list[Step]:
    """All that is made of the worlds below `out`: test pairs, networks, renders and scores."""
    found: list[Step] = [("the test pairs", partial(_plan, config, world))]
    for name in ABLATIONS:
        ablation = config.ablation(name)
        assert ablation.generator
        rendered = RenderConfig(
            catalog=world,
            pairs=pairs_of(config),
            image=RenderFormat(format="png"),
            model=ablation.generator.out,
            out=f"{config.out}/{name}/renders",
            execution=config.execution,
        )
        found += trainings(ablation)
        found.append((f"renders, {name}", partial(render.run, rendered)))
        found.append(scores(config, name, rendered, METRICS, catalog=world))
    return found


def pairs_of(config: BenchmarkConfig) -> str:
    """The URL of the test pairs."""
    return f"{config.out}/worlds/pairs.csv"


def looks_of(catalog: Catalog) -> dict[str, np.ndarray]:
    """Where the faces of photographs look: unit vectors (3,), as the table `faces` has them."""
    table = Table(catalog.store, "faces")
    rows = zip(table.ids.to_pylist(), table.column("facing").to_pylist(), strict=True)
    return {image_id: np.array(facing) for image_id, facing in rows if facing is not None}


def _plan(config: BenchmarkConfig, world: str) -> int:
    """Write the test pairs."""
    catalog, pairs = Catalog(world), []
    looks = looks_of(catalog)
    items = pd.Series(catalog.items())
    for _, names in items.groupby(items).groups.items():
        frames = sorted(names)
        for source in frames[::20]:
            others = [name for name in frames if name != source]
            cosines = np.array([looks[other] @ looks[source] for other in others])
            for q in np.quantile(cosines, [1, 0.75, 0.5, 0.25]):
                at = int(np.nanargmin(abs(cosines - q)))
                pairs.append((source, others[at]))
                cosines[at] = np.nan
    listed = pd.DataFrame(pairs, columns=["from", "to"])
    Store(config.out).put("worlds/pairs.csv", listed.to_csv(index=False).encode())
    return OK
