"""The report of the benchmark's variant tryon: its methods beside the truth, and the targets."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from configs.benchmark import BenchmarkConfig
from eval.metrics.variants import MetricVariant
from eval.pictures import contact_sheet
from eval.tryon import LISTS, METHODS, METRICS, List, gaps, named, tables, verdicts
from pipelines.benchmark import report
from pipelines.benchmark.report import Benchmark
from pipelines.evaluation.finished import Evaluation, open_evaluation
from pipelines.runs.execute import OK
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.data.views import square_about
from workers.shards.rows import ScoreKey

SHOWN: dict[List, int] = {"unpaired": 10, "paired": 4}  # pairs
TITLES: dict[List, str] = {"unpaired": "Clothes on other people", "paired": "On their own wearers"}
TILE, SIDE = 192, 64  # pixels, of a picture and of a head
NOSE = slice(0, 1)  # of the keypoints


def run(config: BenchmarkConfig, world: str) -> int:
    """Write the report; returns the exit code."""
    names = tuple(named(method, listed) for method in METHODS for listed in LISTS)
    about = "clothes on other people, and on their own"
    benchmark = Benchmark(Store(config.out).url, names, world, about)
    evaluations = {name: open_evaluation(f"{benchmark.url}/{name}/metrics") for name in names}
    values = {name: _values(e, name) for name, e in evaluations.items()}
    bootstrap = config.bootstrap
    apart = gaps(values, bootstrap.seed, bootstrap.replicates)
    found = verdicts(benchmark.scores, values, bootstrap.seed, bootstrap.replicates)
    figures = _figures(config, world, evaluations)
    report.write(benchmark, found, [], tables(benchmark.scores, apart), figures)
    return OK


def _values(evaluation: Evaluation, name: str) -> dict[MetricVariant, pd.DataFrame]:
    found = {variant: evaluation.values(name, variant) for variant in METRICS}
    return {variant: rows for variant, rows in found.items() if len(rows)}


def _figures(
    config: BenchmarkConfig, world: str, evaluations: dict[str, Evaluation]
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Name, title, note and picture of what the report shows."""
    photographs = Catalog(world)
    chosen = "Pairs chosen by the hash of their ids."
    for listed in LISTS:
        album = evaluations[named(METHODS[0], listed)].album
        rows, heads = [], []
        for key in _examples(evaluations, listed):
            model = key.reference.removeprefix(f"{key.source}__")
            truth = album.pair(key).reference
            renders = [_render(evaluations, named(m, listed), key) for m in METHODS]
            first = [photographs.photograph(str(key.source)), photographs.photograph(model)]
            rows.append([*first, truth, *renders])
            points = photographs.keypoints(model)
            if points[NOSE, 2].all():
                head = square_about(points[NOSE, :2], truth.shape, SIDE)
                heads.append([picture[head] for picture in rows[-1][1:]])
        titles = ["clothes", "model", "truth", *METHODS]
        yield listed, TITLES[listed], chosen, contact_sheet(rows, titles, TILE, across=1)
        if listed == "unpaired" and heads:
            note = f"{chosen} Squares of {SIDE} pixels."
            yield "heads", "Heads", note, contact_sheet(heads, titles[1:], TILE, across=1)


def _examples(evaluations: dict[str, Evaluation], listed: List) -> list[ScoreKey]:
    keys = evaluations[named(METHODS[0], listed)].keys.values()
    ranked = sorted(keys, key=lambda key: hashlib.sha256(key.pair_id.encode()).hexdigest())
    return ranked[: SHOWN[listed]]


def _render(evaluations: dict[str, Evaluation], name: str, key: ScoreKey) -> np.ndarray:
    return evaluations[name].album.generated(key._replace(method=name))
