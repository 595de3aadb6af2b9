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

import pandas as pd

from configs.benchmark import BenchmarkConfig
from configs.render import RenderConfig, RenderFormat
from eval.faces import ABLATIONS, METRICS
from pipelines import render
from pipelines.benchmark.steps import Step, scores, trainings
from pipelines.runs.execute import OK
from workers.data.catalog import Catalog
from workers.data.storage import Store


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


def _plan(config: BenchmarkConfig, world: str) -> int:
    """Write the test pairs."""
    images = Catalog(world).images
    frame = pd.DataFrame(
        {name: images.column(name).to_pylist() for name in ("image_id", "item_id")}
    )
    pairs = [
        (names[0], name)
        for _, names in frame.groupby("item_id")["image_id"].apply(sorted).items()
        for name in names[1:5]
    ]
    listed = pd.DataFrame(pairs, columns=["from", "to"])
    Store(config.out).put("worlds/pairs.csv", listed.to_csv(index=False).encode())
    return OK
