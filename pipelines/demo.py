"""`reposer demo`: the sample world, or one's own photographs, through the bundled networks."""

from collections.abc import Iterable
from itertools import product

import pandas as pd

from configs.demo import DemoConfig
from configs.extract import ExtractConfig
from configs.poses import PosesConfig
from configs.render import RenderConfig
from configs.synthesize import SynthesizeConfig
from pipelines import poses, render, synthesize
from pipelines.extract import extract
from pipelines.runs.plan import RunError
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.synthesis import image_ids

SIZE = 1024  # pixels
CLOTHES, MODELS = (0, 2, 5), (1, 3, 4, 5)  # of the six, whose clothes are tried on, and by whom
NEXT = """
Next, the people of your own photographs, in a folder PHOTOS:
  . .venv/bin/activate
  reposer extract input=PHOTOS extractor=bodyfit size=1024 out=catalog
  reposer render catalog=catalog poses=bundled model=bundled size=1024 out=renders
Or both in one: reposer demo input=PHOTOS"""


def run(config: DemoConfig) -> int:
    """Render people of the sample world, or of photographs; returns the exit code."""
    if config.input is not None:
        return _own(config, config.input)
    code = _world(config)
    print(NEXT)
    return code


def _own(config: DemoConfig, photographs: str) -> int:
    """Everybody on photographs, in the bundled stances."""
    catalog = f"{config.out}/catalog"
    extract(
        ExtractConfig(
            input=photographs,
            extractor="bodyfit",
            size=SIZE,
            out=catalog,
            max_failed_fraction=1,  # whoever is found is shown
            execution=config.execution,
        )
    )
    if not Catalog(catalog).usable(photographs=True):
        raise RunError(f"{photographs}: no photograph can be used; {catalog}/index.html says why")
    stances = f"{config.out}/poses"
    poses.run(PosesConfig(size=SIZE, out=stances, execution=config.execution))
    return render.run(
        RenderConfig(
            catalog=catalog,
            poses=stances,
            model="bundled",
            size="native",
            out=f"{config.out}/people",
            execution=config.execution,
        )
    )


def _world(config: DemoConfig) -> int:
    """Two photographs of each of six people: the first in the poses of everybody's second.

    Then some of them in the clothes of others.
    """
    world = SynthesizeConfig(
        items=6,
        views=2,
        size=SIZE,
        seed=176,
        stock="held_out",  # the bundled networks have seen none of its clothes
        fabrics="bold",
        out=f"{config.out}/world",
        execution=config.execution,
    )
    if code := synthesize.run(world):
        return code
    firsts, seconds = image_ids(world)[::2], image_ids(world)[1::2]
    code = _rendered(config, world.out, "renders", "bundled", product(firsts, seconds))
    tried = product((firsts[n] for n in CLOTHES), (seconds[n] for n in MODELS))
    return code or _rendered(config, world.out, "tryons", "bundled-tryon", tried)


def _rendered(
    config: DemoConfig, catalog: str, name: str, model: str, pairs: Iterable[tuple[str, str]]
) -> int:
    """Pairs of photographs of a catalog, at the photographs' size."""
    table = pd.DataFrame(pairs, columns=["from", "to"])
    Store(config.out).put(f"{name}.csv", table.to_csv(index=False).encode())
    return render.run(
        RenderConfig(
            catalog=catalog,
            pairs=f"{config.out}/{name}.csv",
            model=model,
            size="native",
            out=f"{config.out}/{name}",
            execution=config.execution,
        )
    )
