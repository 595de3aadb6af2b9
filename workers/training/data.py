"""Pairs of photographs for training: which, in which order, varied how, as batches."""

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from configs.train import Augmentation, TrainConfig
from models.layouts import symmetric
from models.maps import Source, Target
from models.uv_maps import dequantised
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.data.names import as_known, short
from workers.data.retrying import WAIT_SECONDS, retry_policy
from workers.data.storage import Store
from workers.data.user_tables import read_pairs
from workers.training.revealing import erring, on_white, revealed, told

BLOCK = 256  # pairs that follow each other in the list: their rows lie near each other
WINDOW = 16  # blocks that are shuffled together, so that row groups are read few times an epoch
AHEAD = 2  # batches a loader is ahead of the optimiser
WANTED = ("photograph", "stored_uv")  # of the source and of the target
# The same where the network is shown what stays of the target.
REVEALING = (("photograph", "clothes_uv"), ("photograph", "stored_uv", "segmentation"))
THREADS = 2  # loaders of a process that trains on a CPU,
PROCESSES = 12  # and at most so many of one that trains on a GPU


class Pictures(NamedTuple):
    """Pairs of photographs of one person each, all of one size, as they are stored.

    Bytes, so that little has to be moved to a GPU; `varied` makes them what networks see.
    """

    photographs: Tensor  # (2, B, H, W, 3) uint8 RGB: of the sources, then of the targets
    uv: Tensor  # (2, B, 2, H, W) int16, the bits of the catalog's uint16: 0 off the body
    mirrored: Tensor  # (B,) bool: whether source and target are mirrored
    moved: Tensor  # (2, B, 2) int64: the pixels down and to the right that each is moved by
    gain: Tensor  # (B, 3) float32, what colours are multiplied by
    # Where the network is shown what stays, of the targets (`workers.training.revealing`):
    told: Tensor = torch.empty(0, dtype=torch.uint8)  # (B, H, W), the bits of its pixels
    errors: Tensor = torch.empty(0, dtype=torch.int64)  # (B, 4), how they are wrong

    def to(self, device: torch.device) -> "Pictures":
        """The same on a device, on their way there while the caller goes on."""
        return Pictures(*(x.to(device, non_blocking=True) for x in self))


class Loaded(NamedTuple):
    """The pictures of a step, and which pairs they show."""

    pictures: Pictures
    ids: list[tuple[str, str]]


class Batch(NamedTuple):
    """Pairs of photographs of one person each, all of one size, as networks see them."""

    source: Source
    target: Target
    # N (B, 3, H, W), the photograph that a render in the target's pose should be; on white where
    # the network is shown what stays of it.
    expected: Tensor


def training_pairs(config: TrainConfig) -> tuple[list[tuple[str, str]], int]:
    """The pairs to train on, in the order of their list, and how many cannot be used.

    A pair needs a photograph and a good UV map at both ends. ValueError if none is left, or if a
    network is to be shown what stays, and the catalog has no segmentation to tell it.
    """
    url = config.pairs or f"{config.catalog}/pairs"
    if config.pairs is None and not Store(url).list():
        raise ValueError(
            f"{url}: no pairs there (synthesize writes them, extract does not): put a Parquet "
            "table from,to there; those of catalog= may also be named by pairs=TABLE"
        )
    listed = read_pairs(url)
    catalog = Catalog(config.catalog)
    if config.reveals and not catalog.has_segmentation():
        raise ValueError(
            f"{config.catalog} has no segmentation: training with reveal needs one, for hair and a "
            "white background (extractor=bodyfit writes one, and synthesize)"
        )
    usable = set(catalog.usable(photographs=True))
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


class Batches(Dataset):
    """The batches of one training process, by step.

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
        self._catalog: Catalog | None = None

    def __getitem__(self, step: int) -> Loaded:
        """The batch of a step, loaded now; raises what `Catalog.view` raises, and SizeMismatch."""
        if self._catalog is None:  # in the thread or process that loads
            self._catalog = Catalog(self.config.catalog)
        samples = self._samples(step)
        ids = [self.pairs[number] for _, number in samples]
        wants = REVEALING if self.config.reveals else (WANTED, WANTED)
        views = [
            [self._catalog.view(name, wanted, self.layout) for name in names]
            for names, wanted in zip(zip(*ids, strict=True), wants, strict=True)
        ]
        uv = [
            [view["clothes_uv" if "clothes_uv" in view else "stored_uv"] for view in end]
            for end in views
        ]
        for pair, *both in zip(ids, *uv, strict=True):
            if any(map_.shape != uv[0][0].shape for map_ in both):
                said = ", ".join(map(short, pair))
                raise SizeMismatch(f"{said}: training wants photographs of one size")
        side = max(uv[0][0].shape)
        seed, augmentation = self.config.seed % 2**63, self.config.augmentation
        rngs = [np.random.default_rng([seed, *n]) for n in samples]
        mirrored, moved, gains = zip(
            *(variation(augmentation, self.layout, side, rng) for rng in rngs), strict=True
        )
        pictures = (
            np.stack([[view["photograph"] for view in end] for end in views]),
            np.stack(uv).view("<i2"),
            np.array(mirrored),
            np.stack(moved, axis=1),
            np.stack(gains),
        )
        if self.config.reveals:
            bits = np.stack([told(view, self.layout) for view in views[1]])
            pictures += bits, np.stack([erring(augmentation, side, rng) for rng in rngs])
        return Loaded(Pictures(*map(torch.from_numpy, pictures)), ids)

    def _samples(self, step: int) -> list[tuple[int, int]]:
        """(epoch, number of the pair) of this process's samples of a step."""
        first = step * self.config.batch
        return [self._sample(n) for n in range(first, first + self.config.batch)[self.part]]

    def _sample(self, number: int) -> tuple[int, int]:
        epoch, at = divmod(number, len(self.pairs))
        if self._order[0] != epoch:
            self._order = epoch, order(len(self.pairs), self.config.seed, epoch)
        return epoch, int(self._order[1][at])


def loaded_ahead(batches: Batches, step: int, last: int, device: torch.device) -> Generator[Loaded]:
    """The batches of `step`, `step` + 1, ... up to `last`, loaded ahead of their use."""
    loaders = batches.config.execution.loaders
    if device.type == "cpu":
        return by_threads(batches, step, loaders or THREADS)
    cores = len(os.sched_getaffinity(0)) // torch.cuda.device_count()
    return by_processes(batches, step, last, loaders or min(max(1, cores - 1), PROCESSES))


def by_threads(batches: Batches, step: int, loaders: int = THREADS) -> Generator[Loaded]:
    """The batches of `step`, `step` + 1, ..., loaded ahead by threads."""
    # Each loader has a catalog of its own, so that none waits for another's rows.
    pools = [(ThreadPoolExecutor(1), copy(batches)) for _ in range(loaders)]
    waiting: deque[Future[Loaded]] = deque()
    try:
        while True:
            while len(waiting) < AHEAD * loaders:
                at = step + len(waiting)
                pool, own = pools[at % loaders]
                waiting.append(pool.submit(own.__getitem__, at))
            yield waiting.popleft().result()
            step += 1
    finally:
        for pool, _ in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def by_processes(batches: Batches, step: int, last: int, loaders: int) -> Generator[Loaded]:
    """The same up to step `last`, loaded ahead by processes, into memory that a GPU reads itself.

    Threads would share the interpreter with the one that starts the GPU's work.
    """
    loader = DataLoader(
        _Answers(batches),
        batch_size=None,
        collate_fn=_as_it_is,  # pyright: ignore[reportArgumentType] - batch_size is None
        sampler=range(step, last),
        num_workers=loaders,
        prefetch_factor=AHEAD,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_outlast_outages,
        multiprocessing_context="spawn",  # a fork would hold half a CUDA, and Ray's locks
    )
    for found in _alive(loader):
        if isinstance(found, Exception):
            raise found
        yield found


def _alive(loader: DataLoader) -> Iterator[Loaded | Exception]:
    """What a loader's processes load; OSError where one of them is lost."""
    try:
        yield from loader
    except (RuntimeError, ConnectionError, EOFError) as error:
        told = str(error).partition("\n")[0]
        raise OSError(f"a process that loads pictures was lost: {told}") from error


class _Answers(Dataset):
    """Batches, or the error that there is instead: torch would turn it into a traceback."""

    def __init__(self, batches: Batches):
        self.batches = batches

    def __getitem__(self, step: int) -> Loaded | Exception:
        try:
            return self.batches[step]
        except (ValueError, OSError) as error:
            return error


def _as_it_is(found: Loaded | Exception) -> Loaded | Exception:
    return found


def _outlast_outages(loader: int) -> None:
    retry_policy.outlast_outages(WAIT_SECONDS, print)


def variation(
    config: Augmentation, layout: str, side: int, rng: np.random.Generator
) -> tuple[bool, np.ndarray, np.ndarray]:
    """How a pair is varied: mirrored or not, moved by (2, 2) pixels, colours multiplied by (3,).

    Pixels move whole, so that no UV map is interpolated over a seam; a mirrored person has left
    and right of the UV map exchanged.
    """
    mirrored = rng.random() < 0.5 and config.flip and symmetric(layout)
    gain = 1 + config.colour * rng.uniform(-1, 1) + config.colour / 2 * rng.uniform(-1, 1, 3)
    reach = round(config.shift * side)
    moved = np.stack([rng.integers(-reach, reach + 1, 2) for _ in range(2)])
    return mirrored, moved, gain.astype(np.float32)


def varied(pictures: Pictures) -> Batch:
    """What networks see of a step's pictures, on their device.

    Both images of a pair change together with their UV maps, which stay true. At the border a
    moved photograph is repeated, and no UV map is defined: what was not in the picture stays out.
    """
    photographs, uv, mirrored, moved, gain, bits, errors = pictures
    ends, pairs, height, width, _ = photographs.shape
    device = photographs.device
    rows = torch.arange(height, device=device) - moved[..., :1]  # (2, B, H), of the stored ones
    columns = torch.arange(width, device=device) - moved[..., 1:]
    inside = ((rows >= 0) & (rows < height))[..., None] & ((columns >= 0) & (columns < width))[
        :, :, None
    ]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    at = (rows[..., None] * width + columns[:, :, None]).flatten(2)  # (2, B, H * W)
    shape = (ends, pairs, -1, height, width)
    colours = (
        photographs.flatten(2, 3).movedim(3, 2).gather(3, at[:, :, None].expand(-1, -1, 3, -1))
    )
    coordinates = dequantised(uv.flatten(3).gather(3, at[:, :, None].expand(-1, -1, 2, -1)), 2)
    coordinates = coordinates.view(shape).where(inside[:, :, None], torch.nan)
    across = torch.where(mirrored[:, None, None], -coordinates[:, :, 0], coordinates[:, :, 0])
    coordinates = torch.stack([across, coordinates[:, :, 1]], dim=2)
    lit = (colours.view(shape).float() / 255 * gain[..., None, None]).clamp(0, 1)
    source, M_N, expected = Source(lit[0], coordinates[0]), coordinates[1], lit[1]
    if not len(bits):
        return Batch(source, Target(M_N), expected)
    bits = bits.flatten(1).gather(1, at[1]).view(-1, height, width) * inside[1]
    return Batch(source, Target(M_N, revealed(expected, bits, errors)), on_white(expected, bits))
