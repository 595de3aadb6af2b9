"""Scores pairs of a generated image and a photograph: the worker of `reposer evaluate`."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from configs.evaluate import EvaluateConfig
from eval.metrics.registry import METRICS, WIDTH, Crop, Variant, cropped
from eval.metrics.score import WHITE, PairScorer
from eval.metrics.weights import Weights
from workers.albums import Pictures, open_album
from workers.data.errors import SizeMismatch
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key
from workers.shards.microbatch import in_halves
from workers.shards.rows import ScoreKey, failed_score, score_row, scored
from workers.shards.shard import Rows

if TYPE_CHECKING:  # torch-fidelity takes seconds, which are spent where it is asked for
    from eval.metrics.inception import Features, Inception

LOADERS = 4  # threads that read and decode beside the metrics
AHEAD = 16  # pairs decoded before their turn


class Scores(NamedTuple):
    """What is computed of one pair."""

    values: dict[Variant, float]
    features: dict[tuple[str, Crop], "Features"]  # by role and crop; one image each


class ScoreWorker:
    """Keys (`ScoreKey`) -> rows of `features`, `metrics` and `scores`; bad pairs are failed rows.

    `variants` are those that can be computed, with their weights (`eval.metrics.available`).
    """

    def __init__(self, config: EvaluateConfig, variants: dict[Variant, Weights | None]):
        # Workers share the machine's cores, and sums in several threads are other bits.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.microbatch = config.execution.microbatch or (16 if self.device.type == "cuda" else 1)
        self.scorer = PairScorer(variants, self.device)
        self.set_crops = needed_features(variants)
        inception = next((w for v, w in variants.items() if METRICS[v.metric].of == "set"), None)
        self.inception = self._load_inception(inception) if inception else None
        body = any(variant.body for variant in variants)
        self.cropped = all(variant.crop != "full" for variant in variants)
        self.album = open_album(config, body)
        # Compiles the kernels, which in a row's own time might pass for hanging.
        blank = np.zeros((1, WIDTH, WIDTH, 3), np.uint8)
        self.scorer(blank, blank, np.ones((1, WIDTH, WIDTH), bool) if body else None)

    def _load_inception(self, weights: Weights) -> "Inception":
        from eval.metrics.inception import Inception

        return Inception(weights.path, self.device)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Score pairs, microbatch by microbatch, while the next ones are read and decoded."""
        with ThreadPoolExecutor(LOADERS) as loaders:
            loaded = self._loaded(loaders, keys)
            while part := list(islice(loaded, self.microbatch)):
                good = [(key, p) for key, p in part if isinstance(p, Pictures)]
                results = dict(zip((key for key, _ in good), self._score_all(good), strict=True))
                for key, pictures in part:
                    yield self._rows(key, pictures, results.get(key))

    def _loaded(
        self, loaders: ThreadPoolExecutor, keys: Sequence[Key]
    ) -> Iterator[tuple[ScoreKey, Pictures | Exception]]:
        """Each pair's pictures, in order."""
        waiting: deque[tuple[ScoreKey, Future]] = deque()
        for key in map(ScoreKey._make, keys):
            waiting.append((key, loaders.submit(attempt, UNREACHABLE_OR_REFUSED, self._load, key)))
            if len(waiting) > max(AHEAD, self.microbatch):
                key, future = waiting.popleft()
                yield key, future.result()
        for key, future in waiting:
            yield key, future.result()

    def _load(self, key: ScoreKey) -> Pictures:
        pictures = self.album.pair(key)
        return pictures if self.cropped else _of_one_size(pictures)

    def _score_all(self, loaded: Sequence[tuple[ScoreKey, Pictures]]) -> list[Scores | Exception]:
        """Scores of pairs of any sizes, those of one size together."""
        by_size: dict[Any, list[int]] = {}
        for i, (_, pictures) in enumerate(loaded):
            shapes = tuple(None if p is None else p.shape for p in pictures)
            by_size.setdefault(shapes, []).append(i)
        results: dict[int, Scores | Exception] = {}
        for indices in by_size.values():
            same = [loaded[i][1] for i in indices]
            scores = in_halves(same, self._score, self._shrink)
            results |= dict(zip(indices, scores, strict=True))
        return [results[i] for i in range(len(loaded))]

    def _score(self, pairs: Sequence[Pictures]) -> list[Scores]:
        """Scores of pairs of one size."""
        generated = np.stack([p.generated for p in pairs])
        reference = np.stack([p.reference for p in pairs])
        bodies = [p.body for p in pairs if p.body is not None]
        values = self.scorer(generated, reference, np.stack(bodies) if bodies else None)
        features = self._features({"generated": generated, "reference": reference})
        return [
            Scores(
                {variant: float(column[n]) for variant, column in values.items()},
                {at: f._make(column[n] for column in f) for at, f in features.items()},
            )
            for n in range(len(pairs))
        ]

    def _shrink(self, size: int) -> None:
        self.microbatch = size

    def _features(self, images: dict[str, np.ndarray]) -> dict[tuple[str, Crop], "Features"]:
        if self.inception is None:
            return {}
        return {
            (role, crop): self.inception(cropped(images[role], crop, WHITE))
            for role, crop in self.set_crops
        }

    def _rows(
        self, key: ScoreKey, pictures: Pictures | Exception, result: Scores | Exception | None
    ) -> Rows:
        error = pictures if isinstance(pictures, Exception) else result
        if isinstance(error, Exception):
            return failed_score(key, *told(error))
        assert isinstance(pictures, Pictures)
        assert isinstance(result, Scores)
        height, width = pictures.generated.shape[:2]
        rows: Rows = {
            "metrics": [
                {**scored(key), "metric": str(variant), "value": value}
                for variant, value in result.values.items()
            ],
            "scores": [score_row(key, status="ok", width=width, height=height)],
        }
        if result.features:
            rows["features"] = [
                {**scored(key), "role": role, "crop": crop,
                 "pool": f.pool.tobytes(), "logits": f.logits.tobytes()}
                for (role, crop), f in result.features.items()
            ]  # fmt: skip
        return rows


def _of_one_size(pictures: Pictures) -> Pictures:
    """The pictures, or SizeMismatch."""
    sides = [f"{p.shape[1]}x{p.shape[0]}" for p in pictures if p is not None]
    if len(set(sides)) > 1:
        names = ("generated image", "photograph", "UV map")
        said = ", ".join(f"{name} {side}" for name, side in zip(names, sides, strict=False))
        raise SizeMismatch(f"the pictures differ in size: {said}")
    return pictures


def needed_features(variants: dict[Variant, Weights | None]) -> list[tuple[str, Crop]]:
    """The (role, crop) whose features the set metrics among variants take."""
    needed: dict[tuple[str, Crop], None] = {}
    for variant in variants:
        if METRICS[variant.metric].of == "set":
            needed["generated", variant.crop] = None
            if variant.metric != "is_10":
                needed["reference", variant.crop] = None
    return list(needed)
