"""The report of the benchmark's variant faces: three ablations beside the paper's table."""

import hashlib
from collections.abc import Iterator
from itertools import groupby

import numpy as np
import torch

from configs.benchmark import BenchmarkConfig
from eval.faces import ABLATIONS, METRICS, gains, tables, verdicts
from eval.pictures import contact_sheet
from models.maps import Source, Target
from models.reposer import CoordinateReposer
from models.texture import warped
from pipelines.benchmark import report
from pipelines.benchmark.report import Benchmark
from pipelines.evaluation.finished import Evaluation, open_evaluation
from pipelines.runs.execute import OK
from workers.copies import Copies
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.model import ModelSpec
from workers.shards.rows import ScoreKey
from workers.tensors import stacked, stored

SUBJECTS, TILE = 6, 144  # shown, and pixels
WHITE = (255, 255, 255)


def run(config: BenchmarkConfig, world: str) -> int:
    """Write the report; returns the exit code."""
    about = "each source and four targets of the same subject, by the paper's plan"
    benchmark = Benchmark(Store(config.out).url, ABLATIONS, world, about)
    evaluations = {name: open_evaluation(f"{benchmark.url}/{name}/metrics") for name in ABLATIONS}
    values = {
        name: {v: rows for v in METRICS if len(rows := evaluation.values(name, v))}
        for name, evaluation in evaluations.items()
    }
    bootstrap = config.bootstrap
    gained = gains(values, bootstrap.seed, bootstrap.replicates)
    figures = _figures(benchmark, evaluations)
    report.write(benchmark, verdicts(gained), [], tables(benchmark.scores, gained), figures)
    return OK


def _figures(
    benchmark: Benchmark, evaluations: dict[str, Evaluation]
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Name, title, note and picture of what the report shows."""
    catalog = Catalog(benchmark.held_out)
    textures = {name: _Textures(f"{benchmark.url}/{name}/generator", catalog) for name in ABLATIONS}
    rows = []
    for key in _examples(evaluations[ABLATIONS[0]], catalog):
        source, target = str(key.source), key.reference
        row = [catalog.photograph(source), catalog.photograph(target)]
        for name, evaluation in evaluations.items():
            render = evaluation.album.generated(key._replace(method=name))
            row += [textures[name].warped(source, target), render]
        rows.append(row)
    titles = ["source", "target"]
    titles += [title for name in ABLATIONS for title in (f"W, {name}", name)]
    note = (
        "As the paper's figure 6: of subjects chosen by the hash of their sources' ids, the target "
        "whose head is turned most like the source's, and below it the one that is turned least "
        "like it. W is the texture in the target's pose, which g is given."
    )
    yield "faces", "Closest and farthest targets", note, contact_sheet(rows, titles, TILE, 1)


def _examples(evaluation: Evaluation, catalog: Catalog) -> Iterator[ScoreKey]:
    """Of a source of each of a few subjects, the pairs with its closest and farthest target."""

    def subject(key: ScoreKey) -> str:
        return str(key.item_id)

    def digest(key: ScoreKey) -> str:
        return hashlib.sha256(str(key.source).encode()).hexdigest()

    looks = {name: np.array(facing) for name, facing in catalog.facings().items() if facing}
    keys = sorted(evaluation.keys.values(), key=lambda key: (subject(key), digest(key)))
    sources = [
        [key for key in pairs if key.source == pairs[0].source]
        for pairs in (list(of) for _, of in groupby(keys, subject))
    ]
    for pairs in sorted(sources, key=lambda pairs: digest(pairs[0]))[:SUBJECTS]:
        pairs.sort(key=lambda key: looks[str(key.source)] @ looks[key.reference])  # a cosine
        yield from (pairs[-1], pairs[0])


class _Textures:
    """A checkpoint's textures of a catalog's photographs."""

    def __init__(self, model: str, catalog: Catalog):
        self.catalog, self.layout = catalog, catalog.layout()
        reposer = ModelSpec(model, self.layout, None, WHITE)()
        assert isinstance(reposer, CoordinateReposer)
        self.reposer, self.up = reposer, Copies(reposer.device).up

    @torch.inference_mode()
    def warped(self, source: str, target: str) -> np.ndarray:
        """W (H, W, 3) uint8, white where the target has no face."""
        reposer = self.reposer
        (encoded,) = reposer.encode(stacked(Source, [self._view(source, Source)], self.up))
        pose = stacked(Target, [self._view(target, Target)], self.up)
        W = warped(reposer.config, encoded.body, encoded.texture, pose).colours[0]
        face = pose.uv[0].isfinite().all(dim=0)
        pixels = torch.where(face, W.clamp(0, 1), 1).movedim(0, -1)
        return (pixels * 255).round().byte().cpu().numpy()

    def _view(self, image_id: str, kind: type) -> dict:
        return stored(self.catalog, image_id, kind, self.layout)
