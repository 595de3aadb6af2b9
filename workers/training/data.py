"""Samples as batches: in which order, and loaded ahead of their use.

What a sample is, its kind of data says: `workers.training.pairs`, `workers.training.skeletons`.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from configs.train import TrainConfig
from workers.data.catalog import Catalog
from workers.data.retrying import WAIT_SECONDS, retry_policy

BLOCK = 256  # pairs that follow each other in the list: their rows lie near each other
WINDOW = 16  # blocks that are shuffled together, so that row groups are read few times an epoch
AHEAD = 2  # batches a loader is ahead of the optimiser
THREADS = 2  # loaders of a process that trains on a CPU,
PROCESSES = 12  # and at most so many of one that trains on a GPU
SIGNAL_SECONDS = 1.0  # within which a process that ended is told of


Sample = tuple[str, ...]  # ids of images


class Stored(Protocol):
    """A batch as it is stored: a named tuple of tensors, few bytes to move to a GPU."""

    def __iter__(self) -> Iterator[Tensor]: ...

    def to(self, device: torch.device) -> Self:
        """The same on a device, on their way there while the caller goes on."""
        ...

    def varied(self) -> Any:
        """What networks see of it, on its device."""
        ...


class Loaded(NamedTuple):
    """What a step is taken on, and which samples it shows."""

    pictures: Any  # Stored
    ids: list[Sample]


def order(pairs: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch: all numbers below `pairs`, shuffled in windows of blocks."""
    rng = np.random.default_rng([seed % 2**63, epoch])
    blocks = rng.permutation(-(-pairs // BLOCK))
    windows = []
    for at in range(0, len(blocks), WINDOW):
        numbers = [np.arange(b * BLOCK, min((b + 1) * BLOCK, pairs)) for b in blocks[at:][:WINDOW]]
        windows.append(rng.permutation(np.concatenate(numbers)))
    return np.concatenate(windows)


Rngs = Sequence[np.random.Generator]


class Data(NamedTuple):
    """A kind of samples that networks are trained on."""

    what: str  # its plural
    lack: str  # what those lack that cannot be used
    listed: Callable[[Any], tuple[list[Sample], int]]  # of a config, as `training_pairs`
    # Samples, read from the catalogs of a config, each to be varied by a generator of its own:
    # of config, layout, samples, generators, and what opens a catalog.
    read: Callable[[Any, str, Sequence[Sample], Rngs, "Opened"], Stored]


Opened = Callable[[str], Catalog]


class Batches(Dataset):
    """The batches of one training process, by step.

    Sample n of the run is the one `order` names, varied by a seed of its own: neither depends on
    the number of processes, of which process `rank` takes its part of every batch.
    """

    def __init__(
        self,
        config: TrainConfig,
        samples: Sequence[Sample],
        layout: str,
        data: Data,
        rank: int = 0,
        processes: int = 1,
    ):
        if config.batch % processes:
            raise ValueError(f"batch={config.batch} is no multiple of the {processes} processes")
        self.config, self.samples, self.layout, self.data = config, samples, layout, data
        share = config.batch // processes
        self.part = slice(rank * share, (rank + 1) * share)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, int))
        self._catalogs: dict[str, Catalog] | None = None

    def __getitem__(self, step: int) -> Loaded:
        """The batch of a step, loaded now; raises what its data's `read` raises."""
        if self._catalogs is None:  # in the thread or process that loads
            self._catalogs = {}
        numbers, seed = self._numbers(step), self.config.seed % 2**63
        ids = [self.samples[number] for _, number in numbers]
        rngs = [np.random.default_rng([seed, *n]) for n in numbers]
        return Loaded(self.data.read(self.config, self.layout, ids, rngs, self._opened), ids)

    def _opened(self, url: str) -> Catalog:
        assert self._catalogs is not None
        if url not in self._catalogs:
            self._catalogs[url] = Catalog(url)
        return self._catalogs[url]

    def _numbers(self, step: int) -> list[tuple[int, int]]:
        """(epoch, number of the sample) of this process's samples of a step."""
        first = step * self.config.batch
        return [self._sample(n) for n in range(first, first + self.config.batch)[self.part]]

    def _sample(self, number: int) -> tuple[int, int]:
        epoch, at = divmod(number, len(self.samples))
        if self._order[0] != epoch:
            self._order = epoch, order(len(self.samples), self.config.seed, epoch)
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
        if not isinstance(error, RuntimeError):
            # The signal of its end is yet to come: torch raises in whatever the main thread does.
            with suppress(RuntimeError):
                time.sleep(SIGNAL_SECONDS)
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
