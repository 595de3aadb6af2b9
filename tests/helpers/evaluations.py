"""Folders and runs for tests of `reposer evaluate`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from configs.fields import ImageFormat
from configs.render import RenderConfig
from pipelines import render
from pipelines.cli import main
from tests.helpers.catalogs import StandIn, rows_of, write_catalog
from tests.helpers.pictures import pictures
from workers.data.images import encode
from workers.data.storage import Store

CHEAP = "metrics=[l1,psnr,ssim_dsc]"
ITEMS = 3


def names(count: int) -> list[tuple[str, str]]:
    """Source and target of pairs of DeepFashion, several an item."""
    return [
        (
            f"fashionWOMENDressesid{i % ITEMS:08d}01_1front.jpg",
            f"fashionWOMENDressesid{i % ITEMS:08d}01_{i + 2}side.jpg",
        )
        for i in range(count)
    ]


def write_folders(
    url: str, count: int = 8, noise: float = 12, size: int = 48, side: str = "generated"
) -> tuple[str, str]:
    """Noisy images from.jpg_to.jpg.png in one folder, the photographs in another."""
    references = pictures(3, count, size, size)
    rng = np.random.default_rng(5)
    generated, reference = Store(f"{url}/{side}"), Store(f"{url}/reference")
    for (source, target), pixels in zip(names(count), references, strict=True):
        noisy = np.clip(pixels + rng.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)
        generated.put(f"{source}_{target}.png", encode(noisy, ImageFormat(format="png")))
        reference.put(target.replace(".jpg", ".png"), encode(pixels, ImageFormat(format="png")))
    return generated.url, reference.url


def write_renders(url: str, **catalog: Sequence[int] | Sequence[str]) -> tuple[str, str]:
    """A catalog of photographs and a run that rendered each in every pose."""
    write_catalog(f"{url}/catalog", 4, **catalog)  # type: ignore[arg-type]
    settings = RenderConfig.model_validate(
        {
            "catalog": f"{url}/catalog",
            "poses": f"{url}/catalog",
            "out": f"{url}/renders",
            "max_failed_fraction": 1,
            "execution": {"engine": "local"},
        }
    )
    assert render.run(settings, load_model=StandIn) == 0
    return f"{url}/renders", f"{url}/catalog"


def evaluate(*arguments: str, engine: str = "local") -> int:
    """The command's exit code."""
    return main(["evaluate", *arguments, f"execution.engine={engine}", "execution.workers=1"])


def metrics_of(url: str) -> dict[tuple[str, str, str], float]:
    """Values by method, pair and metric."""
    return {(r["method"], r["pair_id"], r["metric"]): r["value"] for r in rows_of(url, "metrics")}


def summary_of(url: str) -> dict[tuple[str, str], dict]:
    """Rows of the summary by method and metric."""
    with Store(url).open("summary.parquet") as file:
        rows = pq.read_table(file).to_pylist()
    return {(row["method"], row["metric"]): row for row in rows}


def page_of(url: str) -> str:
    """The page's text."""
    return Store(url).read("index.html").decode()


def shards(url: str, table: str = "metrics") -> list[Path]:
    """The files of a local run's table."""
    return sorted(Path(url, table).iterdir())
