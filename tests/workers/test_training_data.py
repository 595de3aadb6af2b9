"""What training sees: which pairs, in which order, varied so that UV maps stay true."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.engines import SAMPLE
from configs.train import Augmentation, TrainConfig, TrainExecution
from models.coordinates import CONSISTENT, splat
from tests.helpers.catalogs import write_catalog, write_pairs
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.training.data import (
    BLOCK,
    WINDOW,
    Batch,
    Batches,
    augmented,
    order,
    training_pairs,
)


@given(st.integers(1, 20_000), st.integers(-(2**40), 2**40), st.integers(0, 5))
def test_an_epoch_is_every_pair_once(pairs: int, seed: int, epoch: int) -> None:
    found = order(pairs, seed, epoch)
    assert np.array_equal(np.sort(found), np.arange(pairs))
    assert np.array_equal(found, order(pairs, seed, epoch))
    if pairs > 20:
        assert not np.array_equal(found, order(pairs, seed, epoch + 1))
        assert not np.array_equal(found, order(pairs, seed + 1, epoch))


def test_neighbours_of_an_epoch_lie_in_few_row_groups() -> None:
    window = BLOCK * WINDOW
    blocks = order(20 * window, 0, 0) // BLOCK
    for at in range(0, 20 * window, window):
        assert len(np.unique(blocks[at : at + window])) <= WINDOW


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    folder = tmp_path_factory.mktemp("data")
    ids = write_catalog(f"{folder}/catalog", 5)
    pairs = write_pairs(folder / "pairs.csv", [(a, b) for a in ids for b in ids if a != b])
    return TrainConfig(catalog=f"{folder}/catalog", pairs=pairs, out="unused", batch=6)


def test_pairs_join_in_any_spelling(tmp_path: Path) -> None:
    item = "img/WOMEN/Dresses/id_00000106/03_"
    ids = write_catalog(f"{tmp_path}/c", 4, ids=[f"{item}1_front", f"{item}3_back", "1_12", "11_2"])
    field = "fashionWOMENDressesid0000010603_"
    listed = [(f"{field}1front.jpg", f"{field}3back.jpg"), ("1_12.jpg", "112")]
    pairs = write_pairs(tmp_path / "pairs.csv", listed)
    config = TrainConfig(catalog=f"{tmp_path}/c", pairs=pairs, out="unused")
    assert training_pairs(config) == ([(ids[0], ids[1])], 1)


def batches(config: TrainConfig, start: int, rank: int = 0, processes: int = 1) -> list[Batch]:
    """Steps `start` to 7, over the end of an epoch."""
    pairs, _ = training_pairs(config)
    stream = Batches(config, pairs, "anny", rank, processes).starting_at(start)
    found = list(islice(stream, 8 - start))
    stream.close()
    return found


def same(a: Batch, b: Batch) -> bool:
    maps = zip(a[:4], b[:4], strict=True)
    return a.ids == b.ids and all(torch.equal(x.nan_to_num(9), y.nan_to_num(9)) for x, y in maps)


def test_samples_depend_on_seed_and_number_alone(config: TrainConfig) -> None:
    whole = batches(config, 0)
    assert all(map(same, whole[5:], batches(config, 5)))
    three = config.model_copy(update={"execution": TrainExecution(loaders=3)})
    assert all(map(same, whole, batches(three, 0)))
    halves = [batches(config, 0, rank, 2) for rank in (0, 1)]
    for batch, first, second in zip(whole, *halves, strict=True):
        S, M_S, N, M_N = (torch.cat(both) for both in zip(first[:4], second[:4], strict=True))
        assert same(batch, Batch(S, M_S, N, M_N, first.ids + second.ids))
    other = batches(config.model_copy(update={"seed": 1}), 0)
    assert not any(map(same, whole, other))
    # Twenty pairs, six a step: the fourth step ends one epoch and begins the next.
    seen = [ids for batch in whole for ids in batch.ids]
    assert sorted(seen[:20]) == sorted(training_pairs(config)[0])


def person(image_id: str) -> tuple[np.ndarray, np.ndarray]:
    catalog = Catalog(str(SAMPLE))
    return catalog.photograph(image_id).astype(np.float32) / 255, catalog.uv_map(image_id, "anny")


def texture(photograph: np.ndarray, uv: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    S = torch.from_numpy(np.ascontiguousarray(photograph)).permute(2, 0, 1)[None]
    M_S = torch.from_numpy(np.ascontiguousarray(uv))[None]
    return splat(S, M_S, (128, 128), CONSISTENT)


def agreement(a: tuple[torch.Tensor, torch.Tensor], b: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Of the texels that both know, the share of equal colours."""
    both = (a[1] * b[1]).bool()[0, 0]
    equal = (a[0] - b[0]).abs().amax(1)[0][both] < 0.01
    return float(equal.float().mean())


def test_augmented_people_wear_their_own_textures() -> None:
    ids = Catalog(str(SAMPLE)).images.ids.to_pylist()
    maps = [*person(ids[0]), *person(ids[1])]
    plain = [texture(*maps[:2]), texture(*maps[2:])]
    # The sheet is symmetric: a mirrored person's texture is the mirrored texture.
    mirrored = [(colours.flip(3), known.flip(3)) for colours, known in plain]
    turned = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        varied = augmented(maps, Augmentation(colour=0, shift=0.1), "anny", rng)
        found = [texture(*varied[:2]), texture(*varied[2:])]
        as_it_was = [agreement(a, b) for a, b in zip(found, plain, strict=True)]
        as_mirror = [agreement(a, b) for a, b in zip(found, mirrored, strict=True)]
        flipped = as_mirror[0] > as_it_was[0]
        turned += flipped
        # Both are mirrored or none is; where the border cuts a person, texels at the cut differ.
        assert min(as_mirror if flipped else as_it_was) > 0.98
        assert max(as_it_was if flipped else as_mirror) < 0.7
        assert not np.array_equal(varied[1], maps[1], equal_nan=True)
    assert 0 < turned < 8


def test_colours_change_alike_in_source_and_target() -> None:
    S, M = np.full((8, 8, 3), 0.4, np.float32), np.zeros((2, 8, 8), np.float32)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found = augmented([S, M, S.copy(), M], Augmentation(colour=0.1, shift=0), "anny", rng)
        assert np.array_equal(found[0], found[2])
        assert 0 < np.abs(found[0] / 0.4 - 1).max() <= 0.15 + 1e-6


def test_sheets_that_are_not_symmetric_are_not_mirrored() -> None:
    maps = [*person("item-000000_view-00")] * 2
    for seed in range(6):
        rng = np.random.default_rng(seed)
        varied = augmented(maps, Augmentation(shift=0, colour=0), "smpl", rng)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(varied, maps, strict=True))


def test_pairs_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 2)
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1]), (ids[0], "stranger")])
    config = TrainConfig(catalog=f"{tmp_path}/catalog", pairs=pairs, out="unused")
    assert training_pairs(config) == ([(ids[0], ids[1])], 1)
    pairs = write_pairs(tmp_path / "q.csv", [("stranger", ids[1])])
    with pytest.raises(ValueError, match=r"q.csv: none of its 1 pairs has two usable rows"):
        training_pairs(config.model_copy(update={"pairs": pairs}))


def test_photographs_of_two_sizes_are_refused_by_name(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 1)
    write_catalog(f"{tmp_path}/wide", 1, prefix="wide", size=48)
    for table in ("images", "uv_maps"):
        file = next(Path(tmp_path, "wide", table).iterdir())
        file.rename(tmp_path / "catalog" / table / "wide.parquet")
    config = TrainConfig(catalog=f"{tmp_path}/catalog", out="unused", batch=1)
    stream = Batches(config, [("p000", "wide000")], "anny").starting_at(0)
    with pytest.raises(SizeMismatch, match=r"'p000', 'wide000': training wants"):
        next(stream)
    stream.close()
