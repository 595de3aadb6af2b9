"""Pairs of photographs for training: which, in which order, varied how, as batches."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from configs.train import Augmentation, TrainConfig
from models.layouts import symmetric
from models.maps import Source, Target, each
from workers.data.catalog import Catalog, View
from workers.data.errors import SizeMismatch
from workers.data.names import as_known, short
from workers.data.storage import Store
from workers.data.user_tables import read_pairs
from workers.tensors import photographs, stacked

BLOCK = 256  # pairs that follow each other in the list: their rows lie near each other
WINDOW = 16  # blocks that are shuffled together, so that row groups are read few times an epoch
AHEAD = 2  # batches a loader is ahead of the optimiser
WANTED = ("photograph", "uv")  # of the source and of the target


class Batch(NamedTuple):
    """Pairs of photographs of one person each, all of one size."""

    source: Source
    target: Target
    expected: Tensor  # N (B, 3, H, W), the photograph that a render in the target's pose should be
    ids: list[tuple[str, str]]

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""

        def there(x: Tensor) -> Tensor:
            return x.to(device, non_blocking=True)

        source, target = each(self.source, there), each(self.target, there)
        return Batch(source, target, there(self.expected), self.ids)


def training_pairs(config: TrainConfig) -> tuple[list[tuple[str, str]], int]:
    """The pairs to train on, in the order of their list, and how many cannot be used.

    A pair needs a photograph and a good UV map at both ends. ValueError if none is left.
    """
    url = config.pairs or f"{config.catalog}/pairs"
    if config.pairs is None and not Store(url).list():
        raise ValueError(
            f"{url}: no pairs there (synthesize writes them, extract does not): put a Parquet "
            "table from,to there; those of catalog= may also be named by pairs=TABLE"
        )
    listed = read_pairs(url)
    usable = set(Catalog(config.catalog).usable(photographs=True))
    spelled = (as_known(listed[end], usable) for end in ("from", "to"))
    pairs = [(a, b) for a, b in zip(*spelled, strict=True) if {a, b} <= usable]
    if not pairs:
        raise ValueError(
            f"{url}: none of its {len(listed)} pairs has two usable rows in {config.catalog}"
        )
    return pairs, len(listed) - len(pairs)


def order(pairs: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch: all numbers below `pairs`, shuffled in windows of blocks."""
    rng = np.random.default_rng([seed % 2**63, epoch])
    blocks = rng.permutation(-(-pairs // BLOCK))
    windows = []
    for at in range(0, len(blocks), WINDOW):
        numbers = [np.arange(b * BLOCK, min((b + 1) * BLOCK, pairs)) for b in blocks[at:][:WINDOW]]
        windows.append(rng.permutation(np.concatenate(numbers)))
    return np.concatenate(windows)


class Batches:
    """The batches of one training process, from any step on.

    Sample n of the run is pair `order` names, varied by a seed of its own: neither depends on the
    number of processes, of which process `rank` takes its part of every batch.
    """

    def __init__(
        self,
        config: TrainConfig,
        pairs: list[tuple[str, str]],
        layout: str,
        rank: int = 0,
        processes: int = 1,
    ):
        if config.batch % processes:
            raise ValueError(f"batch={config.batch} is no multiple of the {processes} processes")
        self.config, self.pairs, self.layout = config, pairs, layout
        share = config.batch // processes
        self.part = slice(rank * share, (rank + 1) * share)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, int))

    def starting_at(self, step: int) -> Generator[Batch]:
        """The batches of `step`, `step` + 1, ..., loaded ahead by threads."""
        loaders = self.config.execution.loaders
        # Each loader has a catalog of its own, so that none waits for another's rows.
        pools = [ThreadPoolExecutor(1) for _ in range(loaders)]
        catalogs = [Catalog(self.config.catalog) for _ in range(loaders)]
        waiting: deque[Future[Batch]] = deque()
        try:
            while True:
                while len(waiting) < AHEAD * loaders:
                    at = step + len(waiting)
                    job = (self._batch, catalogs[at % loaders], self._samples(at))
                    waiting.append(pools[at % loaders].submit(*job))
                yield waiting.popleft().result()
                step += 1
        finally:
            for pool in pools:
                pool.shutdown(wait=False, cancel_futures=True)

    def _samples(self, step: int) -> list[tuple[int, int]]:
        """(epoch, number of the pair) of this process's samples of a step."""
        first = step * self.config.batch
        return [self._sample(n) for n in range(first, first + self.config.batch)[self.part]]

    def _sample(self, number: int) -> tuple[int, int]:
        epoch, at = divmod(number, len(self.pairs))
        if self._order[0] != epoch:
            self._order = epoch, order(len(self.pairs), self.config.seed, epoch)
        return epoch, int(self._order[1][at])

    def _batch(self, catalog: Catalog, samples: list[tuple[int, int]]) -> Batch:
        sources, targets, gains, ids = [], [], [], []
        for epoch, number in samples:
            ids.append(self.pairs[number])
            first, second = (catalog.view(name, WANTED, self.layout) for name in ids[-1])
            rng = np.random.default_rng([self.config.seed % 2**63, epoch, number])
            source, target, gain = augmented(
                first, second, self.config.augmentation, self.layout, rng
            )
            sources.append(source)
            targets.append(target)
            gains.append(gain)
            if any(view["uv"].shape != sources[0]["uv"].shape for view in (source, target)):
                both = ", ".join(map(short, ids[-1]))
                raise SizeMismatch(f"{both}: training wants photographs of one size")
        brightness = torch.from_numpy(np.stack(gains))[..., None, None]

        def lit(images: Tensor) -> Tensor:
            return (images * brightness).clamp(0, 1).contiguous()

        source = stacked(Source, sources)
        source = source._replace(photograph=lit(source.photograph))
        return Batch(source, stacked(Target, targets), lit(photographs(targets)), ids)


def augmented(
    source: View, target: View, config: Augmentation, layout: str, rng: np.random.Generator
) -> tuple[View, View, np.ndarray]:
    """Both views, varied so that UV maps stay true, and what to multiply their colours by (3,).

    Pixels move whole, so that no UV map is interpolated over a seam; a mirrored person has left
    and right of the UV map exchanged.
    """
    pair = [source, target]
    mirrored = rng.random() < 0.5
    if config.flip and mirrored and symmetric(layout):
        pair = [_mirrored(view) for view in pair]
    gain = 1 + config.colour * rng.uniform(-1, 1) + config.colour / 2 * rng.uniform(-1, 1, 3)
    source, target = (_shifted(view, config.shift, rng) for view in pair)
    return source, target, gain.astype(np.float32)


def _mirrored(view: View) -> View:
    """On a symmetric sheet, the mirror image: right hands become left hands."""
    exchange = np.array([-1, 1], np.float32)[:, None, None]
    return {"photograph": view["photograph"][:, ::-1], "uv": view["uv"][:, :, ::-1] * exchange}


def _shifted(view: View, share: float, rng: np.random.Generator) -> View:
    """Both maps moved by the same whole pixels; the photograph's border is repeated.

    No UV map is defined there: what was not in the picture stays out.
    """
    height, width = view["uv"].shape[1:]
    reach = round(share * max(height, width))
    dy, dx = (int(d) for d in rng.integers(-reach, reach + 1, 2))
    rows, columns = np.arange(height) - dy, np.arange(width) - dx
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    at = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
    uv = np.where(inside, view["uv"][:, *at], np.float32(np.nan))
    return {"photograph": view["photograph"][at], "uv": uv}
