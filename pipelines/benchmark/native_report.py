"""The report of the benchmark's variant native: its methods beside each other and the targets."""

import json
from collections.abc import Iterator

import numpy as np
from PIL import Image

from configs.benchmark import BenchmarkConfig
from eval.native import METHODS, PERCEPTUAL, Cost, table, verdicts
from eval.pictures import contact_sheet
from eval.statistics import Comparison, compare
from pipelines.benchmark import report
from pipelines.benchmark.native import COST
from pipelines.benchmark.report import Benchmark
from pipelines.evaluation.finished import Evaluation, open_evaluation
from pipelines.evaluation.pairs import render_key
from pipelines.runs.execute import OK
from workers.data.catalog import TORSO, Catalog
from workers.data.storage import Store
from workers.data.views import square_about

SHOWN = ("upsampled", "native", "symmetry")  # methods, beside source and truth
FACE = (0, 14, 15)  # of the keypoints: nose and eyes
SIDE = 256  # pixels of a crop


def run(config: BenchmarkConfig, world: str) -> int:
    """Write the report; returns the exit code."""
    benchmark = Benchmark(Store(config.out).url, tuple(METHODS), world)
    costs = _costs(benchmark)
    evaluations = {name: open_evaluation(f"{benchmark.url}/{name}/metrics") for name in SHOWN}
    found = verdicts(benchmark.scores, costs, _gain(config, evaluations))
    shown = {"scores": table(benchmark.scores, costs)}
    report.write(benchmark, found, [], shown, _figures(benchmark, evaluations))
    return OK


def _costs(benchmark: Benchmark) -> dict[str, Cost]:
    stores = {name: Store(f"{benchmark.url}/{name}") for name in benchmark.names}
    return {
        name: Cost(**json.loads(store.read(COST)))
        for name, store in stores.items()
        if store.exists(COST)
    }


def _gain(config: BenchmarkConfig, evaluations: dict[str, Evaluation]) -> Comparison | None:
    """Of native over upsampled, pair by pair; None where the distance was not measured."""
    before, now = (evaluations[name].values(name, PERCEPTUAL) for name in ("upsampled", "native"))
    if before.empty or now.empty:
        return None
    bootstrap = config.bootstrap
    return compare(before, now, PERCEPTUAL.better, bootstrap.seed, bootstrap.replicates)


def _figures(
    benchmark: Benchmark, evaluations: dict[str, Evaluation]
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Name, title, note and picture of what the report shows."""
    world = Catalog(benchmark.held_out)
    rows, torsos, faces = [], [], []
    for source, target in benchmark.examples:
        truth, points = world.photograph(target), world.keypoints(target)
        size = truth.shape[1::-1]
        renders = [_render(evaluations[name], name, source, target, size) for name in SHOWN]
        row = [world.photograph(source), truth, *renders]
        rows.append(row)
        torso = square_about(points[TORSO, :2], truth.shape, SIDE)
        torsos.append([picture[torso] for picture in row[1:]])
        if points[FACE, 2].all():
            face = square_about(points[FACE, :2], truth.shape, SIDE)
            faces.append([picture[face] for picture in row[1:]])
    titles = ["source", "target", *SHOWN]
    chosen = "Items chosen by the hash of their pairs' ids."
    yield "renders", "Held-out renders", chosen, contact_sheet(rows, titles, SIDE, across=1)
    crops = {"torsos": ("Torsos", torsos), "faces": ("Faces", faces)}
    for name, (title, pictures) in crops.items():
        if pictures:
            note = f"{chosen} Squares of {SIDE} pixels, pixel by pixel."
            yield name, title, note, contact_sheet(pictures, titles[1:], SIDE, across=1)


def _render(
    evaluation: Evaluation, name: str, source: str, target: str, size: tuple[int, int]
) -> np.ndarray:
    """What was scored: the render, scaled to the photograph's size."""
    pixels = evaluation.album.generated(render_key(source, target, name, None))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
