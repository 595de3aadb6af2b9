"""Work that is recorded once a kind of batch, with a stand-in for a GPU's recordings."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.recorded import MOST, Recorded, Recording, Work, cuda_graph


class Replayed:
    """Does the work again where it was recorded, on the inputs and into the results kept there."""

    def __init__(self, work: Work, given: Sequence[Tensor]):
        self.work, self.given, self.results = work, given, work(*given)

    def replay(self) -> None:
        for kept, x in zip(self.results, self.work(*self.given), strict=True):
            kept.copy_(x)


class Recorder:
    """Records as `cuda_graph` does, and remembers what."""

    def __init__(self) -> None:
        self.kinds: list[tuple[torch.Size, ...]] = []

    def __call__(self, work: Work, batch: Sequence[Tensor], before: Sequence) -> Recording:
        self.kinds.append(tuple(x.shape for x in batch))
        given = [x[:1].clone().expand(x.shape) if x.stride(0) == 0 else x.clone() for x in batch]
        graph = Replayed(work, given)
        return Recording(given, graph.results, graph)


def product(a: Tensor, b: Tensor) -> list[Tensor]:
    return [a * b, a + b]


def batch(size: int, seed: int, shared: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(size, 3, generator=generator)
    b = torch.rand(1 if shared else size, 3, generator=generator)
    return a, b.expand(size, -1) if shared else b


@pytest.mark.parametrize("shared", [False, True])
def test_recorded_work_is_the_work(shared: bool) -> None:
    work = Recorded(product, record := Recorder())
    batches = [batch(4, seed, shared) for seed in range(5)]
    found = [work(*given) for given in batches]  # all kept: none is overwritten by a later one
    for given, results in zip(batches, found, strict=True):
        for x, y in zip(product(*given), results, strict=True):
            assert torch.equal(x, y)
    assert len(record.kinds) == 1


def test_a_batch_of_one_source_is_another_kind_than_one_of_many() -> None:
    work = Recorded(product, record := Recorder())
    for seed in range(3):
        for shared in (True, False):
            given = batch(4, seed, shared)
            assert torch.equal(work(*given)[0], given[0] * given[1])
    assert len(record.kinds) == 2


def test_what_comes_once_is_not_recorded_and_recordings_are_few() -> None:
    work = Recorded(product, record := Recorder())
    for size in range(1, 2 * MOST):
        work(*batch(size, 0))
    assert not record.kinds
    for size in range(1, 2 * MOST):
        assert torch.equal(work(*batch(size, 1))[0], product(*batch(size, 1))[0])
    assert len(record.kinds) == MOST


def test_what_cannot_be_recorded_is_done_all_the_same() -> None:
    tried = []

    def refuses(*_: object) -> Recording:
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    work = Recorded(product, refuses)
    work(*batch(4, 0))
    with pytest.warns(UserWarning, match="not permitted when stream is capturing"):
        second = work(*batch(4, 1))
    assert torch.equal(second[1], torch.add(*batch(4, 1)))
    assert torch.equal(work(*batch(4, 2))[1], torch.add(*batch(4, 2)))
    assert tried == [1]


def test_recordings_are_dropped_when_memory_runs_out() -> None:
    def limited(a: Tensor, b: Tensor) -> list[Tensor]:
        if len(a) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return product(a, b)

    work = Recorded(limited, record := Recorder())
    for seed in range(2):
        work(*batch(4, seed))
    with pytest.raises(torch.OutOfMemoryError):
        work(*batch(8, 0))
    given = batch(4, 3)
    assert torch.equal(work(*given)[0], given[0] * given[1])
    assert len(record.kinds) == 2  # recorded anew


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_replays() -> None:
    work = Recorded(product, cuda_graph)
    for shared in (False, True):
        for seed in range(4):
            given = [x.cuda() for x in batch(4, seed)]
            given[1] = given[1][:1].expand(4, -1) if shared else given[1]
            for x, y in zip(product(*given), work(*given), strict=True):
                assert torch.equal(x, y)
    assert all(work.recordings.values())
    assert len(work.recordings) == 2
