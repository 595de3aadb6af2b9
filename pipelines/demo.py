"""`reposer demo`: the bundled sample through the bundled networks, on this machine."""

import pandas as pd

from assets import SAMPLE
from configs.demo import DemoConfig
from configs.render import RenderConfig
from pipelines import render
from workers.data.catalog import Catalog
from workers.data.storage import Store

POSES = 6
NEXT = """
Next, the photographs of your own in a folder PHOTOS:
  . .venv/bin/activate
  reposer extract input=PHOTOS extractor=bodyfit out=catalog
  reposer render catalog=catalog poses=catalog out=renders
Where DensePose's NAME_IUV.png lie beside them, leave extractor= out, after `make densepose-data`
(once: the DensePose lookup, for non-commercial use)."""


def run(config: DemoConfig) -> int:
    """Render each item of the sample in a few other items' poses; returns the exit code."""
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
    code = render.run(
        RenderConfig(
            catalog=str(SAMPLE),
            pairs=f"{config.out}/pairs.csv",
            model="bundled",
            out=f"{config.out}/renders",
            execution=config.execution,
        )
    )
    print(NEXT)
    return code
