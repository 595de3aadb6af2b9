"""Renders of photographs beside other methods': `python -m bench.photographs FOLDER WEIGHTS`.

FOLDER holds N_source.png and N_target.png of pairs N, photographs of one person each, and other
methods' renders as N_METHOD.png, all of one size. bodyfit extracts the photographs, and each of
our models renders the source in the target's pose. WEIGHTS is the folder of the perceptual
distance's file, as `evaluate` takes it in `metric_weights`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from bench.machine import machine
from eval.metrics.score import PairScorer, available
from eval.metrics.variants import MetricVariant
from pipelines.cli import main as reposer
from workers.data.catalog import Catalog
from workers.data.images import decode

METRICS = [MetricVariant.parse(f"lpips_squeeze_caffe{mask}") for mask in ("", ".person")]
MODELS = ("symmetry", "bundled")


def main(folder: Path, weights: Path) -> None:
    """Print each method's mean distance to the targets: raw, and outside the person white."""
    print(machine())
    pairs = sorted(path.name.removesuffix("_source.png") for path in folder.glob("*_source.png"))
    others = sorted(
        path.stem.removeprefix(f"{pairs[0]}_") for path in folder.glob(f"{pairs[0]}_*.png")
    )
    scorer = PairScorer(available(METRICS, weights)[0])
    with tempfile.TemporaryDirectory() as work:
        catalog, renders = _rendered(Path(work), folder, pairs)
        targets = np.stack([catalog.photograph(f"{n}_target") for n in pairs])
        masks = np.stack([catalog.person(f"{n}_target") for n in pairs])

        def tell(method: str, image_of: Callable[[str], bytes]) -> None:
            images = np.stack([decode(image_of(n), 10**7) for n in pairs])
            values = scorer(images, targets, {"person": masks})
            print(f"  {method:14}", *(f"{values[metric].mean():.3f}" for metric in METRICS))

        print(f"  {len(pairs)} pairs      ", *METRICS)
        for model in MODELS:
            tell(model, renders[model].__getitem__)
        for method in others:
            if method not in ("source", "target"):
                tell(method, lambda n, m=method: (folder / f"{n}_{m}.png").read_bytes())


def _rendered(
    work: Path, folder: Path, pairs: list[str]
) -> tuple[Catalog, dict[str, dict[str, bytes]]]:
    """The photographs' catalog, and by model each pair's render."""
    (work / "photographs").mkdir()
    for n in pairs:
        for name in (f"{n}_source.png", f"{n}_target.png"):
            (work / "photographs" / name).symlink_to((folder / name).resolve())
    listed = {"from": [f"{n}_source" for n in pairs], "to": [f"{n}_target" for n in pairs]}
    pd.DataFrame(listed).to_csv(work / "pairs.csv", index=False)
    catalog, local = f"{work}/catalog", "execution.engine=local"
    _run("extract", f"input={work}/photographs", f"out={catalog}", "extractor=bodyfit",
         "size=native", local)  # fmt: skip
    renders = {}
    for model in MODELS:
        _run("render", f"catalog={catalog}", f"pairs={work}/pairs.csv", f"model={model}",
             "image.format=png", f"out={work}/{model}", local)  # fmt: skip
        rows = pq.read_table(f"{work}/{model}/renders", columns=["source_id", "image"]).to_pylist()
        renders[model] = {
            row["source_id"].removesuffix("_source"): row["image"]["bytes"] for row in rows
        }
    return Catalog(catalog), renders


def _run(*words: str) -> None:
    if reposer([*words]):
        sys.exit(f"reposer {' '.join(words)} failed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    main(**vars(parser.parse_args()))
