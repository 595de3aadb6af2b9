"""The report of the benchmark's variant keypoints: maps and renders, and whether targets hold."""

import io
from collections.abc import Iterator

import numpy as np
import pandas as pd

from configs.benchmark import BenchmarkConfig
from eval.keypoints import (
    ERRORS,
    FRONT,
    MAPS,
    PERCEPTUAL,
    RENDERS,
    cost_table,
    maps_table,
    renders_table,
    verdicts,
)
from eval.pictures import contact_sheet, skeleton_picture, uv_picture
from eval.statistics import Comparison, Summary, compare, partial_sums, summarise
from models.skeleton import BONES
from pipelines.benchmark import report
from pipelines.benchmark.keypoints import MEASURED, maps
from pipelines.benchmark.report import Benchmark
from pipelines.evaluation.finished import Evaluation, open_evaluation
from pipelines.evaluation.pairs import render_key
from pipelines.runs.execute import OK
from workers.data.catalog import Catalog
from workers.data.storage import Store

TILE = 192  # pixels


def run(config: BenchmarkConfig, world: str) -> int:
    """Write the report; returns the exit code."""
    benchmark = Benchmark(Store(config.out).url, tuple(RENDERS))
    evaluations = {n: open_evaluation(f"{benchmark.url}/{n}/metrics") for n in benchmark.plans}
    summaries, costs = _maps(config), _costs(config, evaluations)
    shown = {"maps": maps_table(summaries), "scores": renders_table(benchmark.scores)}
    if costs:
        shown["cost"] = cost_table(costs)
    pictures = _figures(config, world, benchmark, evaluations)
    report.write(benchmark, verdicts(summaries, costs), [], shown, pictures)
    return OK


def _maps(config: BenchmarkConfig) -> dict[str, dict[str, Summary]]:
    """Each way's errors, over items; whether front and back are right on complete skeletons."""
    rows = pd.read_parquet(io.BytesIO(Store(config.out).read(MEASURED)))
    found: dict[str, dict[str, Summary]] = {}
    for way in MAPS:
        own = rows[rows["method"] == way]
        for column in (*ERRORS, FRONT):
            counted = own[own["complete"]] if column is FRONT else own
            values = counted[["item_id"]].assign(value=counted[column.name], metric=column.name)
            bootstrap = config.bootstrap
            summary = summarise(partial_sums(values), bootstrap.seed, bootstrap.replicates)
            found.setdefault(way, {})[column.name] = summary
    return found


def _costs(config: BenchmarkConfig, evaluations: dict[str, Evaluation]) -> dict[str, Comparison]:
    """What predicted maps cost, by the networks; nothing where the distance was not measured."""
    found = {}
    for name, prefix in {"bundled": "", "tuned": "tuned-"}.items():
        both = [f"{prefix}{maps}" for maps in ("true", "predicted")]
        if not all(method in evaluations for method in both):
            continue
        true, predicted = (evaluations[m].values(m, PERCEPTUAL) for m in both)
        if not true.empty and not predicted.empty:
            bootstrap = config.bootstrap
            found[name] = compare(
                true, predicted, PERCEPTUAL.better, bootstrap.seed, bootstrap.replicates
            )
    return found


def _figures(
    config: BenchmarkConfig,
    world: str,
    benchmark: Benchmark,
    evaluations: dict[str, Evaluation],
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Name, title, note and picture of what the report shows."""
    catalog, skeletons, renders = Catalog(world), [], []
    for source, target in benchmark.examples:
        true, points = catalog.uv_map(target), catalog.keypoints(target)
        high, wide = true.shape[1:]
        drawn = maps(config, world, target)
        white = np.full((high, wide, 3), 255, np.uint8)
        skeletons.append(
            [
                skeleton_picture(points, BONES[:17], high, wide),
                uv_picture(true),
                *(
                    uv_picture(np.moveaxis(drawn[way], -1, 0)) if way in drawn else white
                    for way in MAPS
                ),
            ]
        )
        made = [
            evaluation.album.generated(render_key(source, target, name, None))
            for name, evaluation in evaluations.items()
        ]
        renders.append([catalog.photograph(source), catalog.photograph(target), *made])
    chosen = "Items chosen by the hash of their pairs' ids."
    titles = ["skeleton", "true map", *MAPS]
    yield "maps", "Maps of held-out skeletons", chosen, contact_sheet(skeletons, titles, TILE, 1)
    titles = ["source", "target", *evaluations]
    yield "renders", "Held-out renders", chosen, contact_sheet(renders, titles, TILE, across=1)
