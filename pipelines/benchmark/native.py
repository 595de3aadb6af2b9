"""`reposer benchmark` variant native: pictures of the photographs' own size, against the truth.

Below `out`/native, which is `out` here:

    worlds/held-out     the held-out world, unless it is given
    worlds/quarter      the same photographs at a quarter of its size
    worlds/photographs  its photographs alone, and
    worlds/fitted       the catalog that extractor=bodyfit makes of them
    METHOD              renders, metrics and cost.json
    report              all methods side by side

Each of these is made once: the same command continues where it stopped.
"""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from configs.benchmark import BenchmarkConfig
from configs.render import RenderConfig, RenderFormat
from eval.native import METHODS, PERCEPTUAL, SSIM, TORSO_DETAIL, TORSO_PERCEPTUAL
from pipelines import render, synthesize
from pipelines.benchmark.cost import cost
from pipelines.benchmark.steps import Step, fitted, scores
from pipelines.benchmark.textures import made_by
from pipelines.runs.execute import OK, carry_out
from workers.ceiling import NAME, CeilingWorker
from workers.data.catalog import Catalog
from workers.data.storage import Store

METRICS = (PERCEPTUAL, TORSO_PERCEPTUAL, TORSO_DETAIL, SSIM)
QUARTER = 4  # 256 of 1,024 pixels
COST = "cost.json"


def steps(config: BenchmarkConfig, world: str) -> list[Step]:
    """All that is made of the world below `out`: its other size and maps, renders and scores."""
    url = config.out
    catalogs = {
        "world": world,
        "quarter": f"{url}/worlds/quarter",
        "fitted": f"{url}/worlds/fitted",
    }
    found: list[Step] = [
        ("the same world at a quarter of the size", partial(_quarter, config, world)),
        ("maps by extractor=bodyfit", partial(fitted, config, world)),
    ]
    for name, rendered in _renders(config, catalogs).items():
        # The report says how many failed.
        keys = {"catalog": world, "resize": True, "max_failed_fraction": 1}
        if name == "ceiling":
            found.append((f"renders, {name}", partial(_ceiling, rendered)))
        else:
            found.append((f"renders, {name}", partial(render.run, rendered)))
            found.append((f"cost, {name}", partial(_cost, rendered, Store(f"{url}/{name}"))))
        found.append(scores(config, name, rendered, METRICS, **keys))
    return found


def _renders(config: BenchmarkConfig, catalogs: dict[str, str]) -> dict[str, RenderConfig]:
    """What each method renders."""
    return {
        name: RenderConfig(
            catalog=catalogs[method.catalog],
            poses=catalogs[method.poses],
            pairs=f"{catalogs['world']}/pairs",
            model=method.model,
            size=method.size,
            image=RenderFormat(format="png"),
            max_failed_fraction=1,
            out=f"{config.out}/{name}/renders",
            execution=config.execution,
        )
        for name, method in METHODS.items()
    }


def _quarter(config: BenchmarkConfig, world: str) -> int:
    own = made_by(world)
    changed = {
        "size": own.size // QUARTER,
        "out": f"{config.out}/worlds/quarter",
        "execution": config.execution,
    }
    return synthesize.run(own.model_copy(update=changed))


def _ceiling(config: RenderConfig) -> int:
    """The photographs of the poses, as a run of render by no model: a name for the plan."""
    layout = Catalog(config.catalog).layout()
    load: Any = partial(SimpleNamespace, name=NAME, layout=layout, sha256="", reveals=False)
    plan, job = render.prepare(config, load)
    job = replace(job, make_worker=partial(CeilingWorker, config))
    return carry_out(
        plan,
        job,
        config,
        False,
        render.titles(config, False),
        lambda: render.samples(config, False),
    )


def _cost(config: RenderConfig, store: Store) -> int:
    if not store.exists(COST):
        as_usual = config.model_copy(update={"image": RenderFormat()})  # what is scored is lossless
        store.put(COST, json.dumps(cost(as_usual)._asdict()).encode())
    return OK
