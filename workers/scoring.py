"""Scores pairs of a generated image and a photograph: the worker of `reposer evaluate`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from eval.metrics.crops import WIDTH, Crop
from eval.metrics.registry import Role
from eval.metrics.score import FeatureExtractor, Found, PairScorer
from eval.metrics.variants import MASKS, MetricVariant
from workers.albums import Album, Pictures
from workers.data.errors import SizeMismatch
from workers.data.tally import tally
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key
from workers.shards.microbatch import in_halves
from workers.shards.rows import ScoreKey, failed_score, score_row, scored
from workers.shards.shard import Rows

if TYPE_CHECKING:  # torch-fidelity takes seconds
    from eval.metrics.inception import Features

LOADERS = 4  # threads that read and decode beside the metrics
AHEAD = 16  # pairs decoded before their turn


class Scores(NamedTuple):
    """What is computed of one pair."""

    values: dict[MetricVariant, float]
    features: dict[tuple[Role, Crop], "Features"]  # of one image each


class ScoreWorker:
    """Keys (`ScoreKey`) -> rows of `features`, `metrics` and `scores`; bad pairs are failed rows.

    `album` has the pictures, with the masks of the variants; `variants` are those that can be
    computed, with their weights (`eval.metrics.score.available`); `microbatch` is the number of
    pairs computed at once (None: 16 on a GPU, 1 on a CPU). With `resize`, a generated image is
    scaled to its photograph's size.
    """

    def __init__(
        self, album: Album, variants: Found, microbatch: int | None = None, resize: bool = False
    ):
        # Workers share the machine's cores, and sums in several threads are other bits.
        torch.set_num_threads(1)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.microbatch = microbatch or (16 if device.type == "cuda" else 1)
        self.scorer = PairScorer(variants, device)
        self.extractor = FeatureExtractor(variants, device)
        self.all_cropped = all(variant.crop != "full" for variant in variants)
        self.album, self.resize = album, resize
        # Compiles the kernels; in the first row's time that might look like a hanging worker.
        blank = np.zeros((1, WIDTH, WIDTH, 3), np.uint8)
        everywhere = np.ones(blank.shape[:3], bool)
        self.scorer(blank, blank, {str(mask): everywhere for mask in MASKS})

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Score pairs, microbatch by microbatch, while the next ones are read and decoded."""
        with ThreadPoolExecutor(LOADERS) as loaders:
            loaded = ahead(loaders, self._load, keys, max(AHEAD, self.microbatch))
            while part := list(islice(loaded, self.microbatch)):
                good = [(key, p) for key, p in part if isinstance(p, Pictures)]
                with tally.stage("evaluate"):
                    scores = self._score_all(good)
                results = dict(zip((key for key, _ in good), scores, strict=True))
                for key, pictures in part:
                    yield self._rows(key, pictures, results.get(key))

    def _load(self, key: Key) -> tuple[ScoreKey, Pictures | Exception]:
        pair = ScoreKey._make(key)
        with tally.stage("read"):
            return pair, attempt(self.album.ends_run, self._pictures, pair)

    def _pictures(self, pair: ScoreKey) -> Pictures:
        pictures = self.album.pair(pair)
        if self.resize:
            pictures = pictures._replace(generated=_scaled(*pictures[:2]))
        return pictures if self.all_cropped else _of_one_size(pictures)

    def _score_all(self, loaded: Sequence[tuple[ScoreKey, Pictures]]) -> list[Scores | Exception]:
        """Scores of pairs of any sizes, those of one size together."""
        by_size: dict[Any, list[int]] = {}
        for i, (_, pictures) in enumerate(loaded):
            shapes = pictures.generated.shape, pictures.reference.shape
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
        masks = {mask: np.stack([p.masks[mask] for p in pairs]) for mask in pairs[0].masks}
        values = self.scorer(generated, reference, masks)
        features = self.extractor(generated, reference)
        return [
            Scores(
                {variant: float(column[n]) for variant, column in values.items()},
                {at: f._make(column[n] for column in f) for at, f in features.items()},
            )
            for n in range(len(pairs))
        ]

    def _shrink(self, size: int) -> None:
        self.microbatch = size

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
                {**scored(key), "role": role, "crop": crop}
                | {name: array.tobytes() for name, array in features._asdict().items()}
                for (role, crop), features in result.features.items()
            ]
        return rows


def _scaled(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The generated image at the photograph's size, by Pillow's bicubic filter."""
    height, width = reference.shape[:2]
    return np.asarray(Image.fromarray(generated).resize((width, height), Image.Resampling.BICUBIC))


def _of_one_size(pictures: Pictures) -> Pictures:
    """The pictures, or SizeMismatch."""
    (h, w), (h2, w2) = pictures.generated.shape[:2], pictures.reference.shape[:2]
    if (h, w) != (h2, w2):
        raise SizeMismatch(f"the generated image has {w}x{h} pixels, the photograph {w2}x{h2}")
    return pictures
