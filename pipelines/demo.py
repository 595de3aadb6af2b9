"""`reposer demo`: the bundled sample, or one's own photographs, through the bundled networks."""

import pandas as pd

from assets import SAMPLE
from configs.demo import DemoConfig
from configs.extract import ExtractConfig
from configs.render import RenderConfig
from pipelines import render
from pipelines.extract import extract
from pipelines.runs.plan import RunError
from workers.data.catalog import Catalog
from workers.data.storage import Store

POSES = 6
NEXT = """
Next, the people of your own photographs, in a folder PHOTOS:
  . .venv/bin/activate
  reposer extract input=PHOTOS extractor=bodyfit out=catalog
  reposer render catalog=catalog poses=bundled model=bundled out=renders
Or both in one: reposer demo input=PHOTOS"""


def run(config: DemoConfig) -> int:
    """Render the sample, or the people of photographs; returns the exit code."""
    if config.input is not None:
        return _own(config, config.input)
    code = _sample(config)
    print(NEXT)
    return code


def _own(config: DemoConfig, photographs: str) -> int:
    """Everybody on photographs, in the bundled poses."""
    catalog = f"{config.out}/catalog"
    extract(
        ExtractConfig(
            input=photographs,
            extractor="bodyfit",
            out=catalog,
            max_failed_fraction=1,  # whoever is found is shown
            execution=config.execution,
        )
    )
    if not Catalog(catalog).usable(photographs=True):
        raise RunError(f"{photographs}: no photograph can be used; {catalog}/index.html says why")
    return render.run(
        RenderConfig(
            catalog=catalog,
            poses="bundled",
            model="bundled",
            out=f"{config.out}/people",
            execution=config.execution,
        )
    )


def _sample(config: DemoConfig) -> int:
    """Each item of the sample, in a few other items' poses."""
    catalog = Catalog(str(SAMPLE))
    everyone = catalog.images.ids.to_pylist()
    first_views: dict[str, str] = {}
    for item, image_id in zip(catalog.images.column("item_id").to_pylist(), everyone, strict=True):
        first_views.setdefault(item, image_id)
    sources = list(first_views.values())
    # Poses spread over the sample, so that they differ in person, view and crop.
    poses = [everyone[(2 * i + 1) * len(everyone) // (2 * POSES) + i % 4] for i in range(POSES)]
    pairs = pd.DataFrame([(s, p) for s in sources for p in poses], columns=["from", "to"])
    Store(config.out).put("pairs.csv", pairs.to_csv(index=False).encode())
    return render.run(
        RenderConfig(
            catalog=str(SAMPLE),
            pairs=f"{config.out}/pairs.csv",
            model="bundled",
            out=f"{config.out}/renders",
            execution=config.execution,
        )
    )
