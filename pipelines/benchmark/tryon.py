"""`reposer benchmark` variant tryon: people in each other's clothes, against the truth.

Below `out`/tryon, which is `out` here:

    worlds/held-out             the held-out world, unless it is given
    worlds/unpaired.csv, paired.csv     clothes on other people, and on their own
    worlds/truth                what is true of these
    METHOD, METHOD-paired       renders and metrics
    report                      all methods side by side

Each of these is made once: the same command continues where it stopped.
"""

from functools import partial
from typing import Any

import pandas as pd

from configs.benchmark import BenchmarkConfig
from configs.fields import ImageFormat
from configs.render import RenderConfig, RenderFormat
from eval.tryon import LISTS, METHODS, METRICS, NETWORK, WITHOUT, Garment, lists, named
from pipelines import render, synthesize
from pipelines.benchmark.steps import Step, scores
from pipelines.benchmark.textures import made_by
from workers.data.catalog import Catalog
from workers.data.storage import Store


def steps(config: BenchmarkConfig, world: str) -> list[Step]:
    """All that is made of the world below `out`: its lists and truths, renders and scores."""
    url = config.out
    found: list[Step] = [("the truth", partial(_truth, config, world))]
    for method in METHODS:
        for listed in LISTS:
            name = named(method, listed)
            rendered = RenderConfig(
                catalog=world,
                pairs=f"{url}/worlds/{listed}.csv",
                image=RenderFormat(format="png"),
                out=f"{url}/{name}/renders",
                execution=config.execution,
                **_model(config, method),
            )
            found.append((f"renders, {name}", partial(render.run, rendered)))
            found.append(scores(config, name, rendered, METRICS, truth=f"{url}/worlds/truth"))
    return found


def _model(config: BenchmarkConfig, method: str) -> dict[str, Any]:
    """The keys of render that tell a method from the others."""
    if method == NETWORK:
        return {"model": config.model}
    if method == WITHOUT:
        return {"model": "bundled"}
    return {"model": "symmetry", "reveal": "head_and_hands"}


def _truth(config: BenchmarkConfig, world: str) -> int:
    """Write the lists, and make what is true of them, losslessly."""
    store = Store(f"{config.out}/worlds")
    by_list = lists(_garments(world))
    everything = [pair for pairs in by_list.values() for pair in pairs]
    for name, pairs in {**by_list, "truth": everything}.items():
        frame = pd.DataFrame(pairs, columns=["from", "to"])
        store.put(f"{name}.csv", frame.to_csv(index=False).encode())
    changed = {
        "pairs": f"{store.url}/truth.csv",
        "image": ImageFormat(format="png"),
        "out": f"{store.url}/truth",
        "execution": config.execution,
    }
    return synthesize.run(made_by(world).model_copy(update=changed))


def _garments(world: str) -> list[Garment]:
    images = Catalog(world).images
    frame = pd.DataFrame(
        {name: images.column(name).to_pylist() for name in ("image_id", "item_id", "person_id")}
    )
    return [
        Garment(sorted(rows["image_id"]), str(rows["person_id"].iloc[0]))
        for _, rows in frame.groupby("item_id", sort=True)
    ]
