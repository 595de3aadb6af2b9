"""What training sees: which pairs, in which order, varied so that UV maps stay true."""

import multiprocessing as mp
from itertools import islice
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.engines import SAMPLE
from configs.train import Augmentation, TrainPairsConfig
from models.coordinates import CONSISTENT, splat
from models.maps import Source
from tests.helpers.catalogs import write_catalog, write_pairs
from workers.data.catalog import Catalog
from workers.data.errors import BadImage, SizeMismatch
from workers.data.views import View
from workers.tensors import stacked
from workers.training.data import BLOCK, WINDOW, Batches, Loaded, by_processes, by_threads, order
from workers.training.pairs import PAIRS, Batch, Pictures, training_pairs, variation, varied


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
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainPairsConfig:
    folder = tmp_path_factory.mktemp("data")
    ids = write_catalog(f"{folder}/catalog", 5)
    pairs = write_pairs(folder / "pairs.csv", [(a, b) for a in ids for b in ids if a != b])
    return TrainPairsConfig(catalog=f"{folder}/catalog", pairs=pairs, out="unused", batch=6)


def test_pairs_join_in_any_spelling(tmp_path: Path) -> None:
    item = "img/WOMEN/Dresses/id_00000106/03_"
    ids = write_catalog(f"{tmp_path}/c", 4, ids=[f"{item}1_front", f"{item}3_back", "1_12", "11_2"])
    field = "fashionWOMENDressesid0000010603_"
    listed = [(f"{field}1front.jpg", f"{field}3back.jpg"), ("1_12.jpg", "112")]
    pairs = write_pairs(tmp_path / "pairs.csv", listed)
    config = TrainPairsConfig(catalog=f"{tmp_path}/c", pairs=pairs, out="unused")
    assert training_pairs(config) == ([(ids[0], ids[1])], 1)


def batches(
    config: TrainPairsConfig, start: int, rank: int = 0, processes: int = 1, loaders: int = 2
) -> list[Loaded]:
    """Steps `start` to 7, over the end of an epoch."""
    pairs, _ = training_pairs(config)
    stream = by_threads(Batches(config, pairs, "anny", PAIRS, rank, processes), start, loaders)
    found = list(islice(stream, 8 - start))
    stream.close()
    return found


def tensors(batch: Batch) -> list[torch.Tensor]:
    return [*batch.source, *batch.target, batch.expected]


def same(whole: Loaded, *parts: Loaded) -> bool:
    """Whether a batch is its parts, one after the other."""
    batch, *rest = (tensors(varied(loaded.pictures)) for loaded in (whole, *parts))
    joined = (torch.cat(maps) for maps in zip(*rest, strict=True))
    maps = zip(batch, joined, strict=True)
    return whole.ids == [pair for part in parts for pair in part.ids] and all(
        torch.equal(x.nan_to_num(9), y.nan_to_num(9)) for x, y in maps
    )


def test_samples_depend_on_seed_and_number_alone(config: TrainPairsConfig) -> None:
    whole = batches(config, 0)
    assert all(map(same, whole[5:], batches(config, 5)))
    assert all(map(same, whole, batches(config, 0, loaders=3)))
    halves = [batches(config, 0, rank, 2) for rank in (0, 1)]
    for batch, first, second in zip(whole, *halves, strict=True):
        assert same(batch, first, second)
    other = batches(config.model_copy(update={"seed": 1}), 0)
    assert not any(map(same, whole, other))
    # Twenty pairs, six a step: the fourth step ends one epoch and begins the next.
    seen = [ids for batch in whole for ids in batch.ids]
    assert sorted(seen[:20]) == sorted(training_pairs(config)[0])


def test_processes_load_what_threads_load(config: TrainPairsConfig) -> None:
    pairs, _ = training_pairs(config)
    stream = by_processes(Batches(config, pairs, "anny", PAIRS), 2, 10_000, loaders=1)
    for expected, found in zip(batches(config, 2), stream, strict=False):
        assert same(expected, found)
    stream.close()


@pytest.mark.slow  # torch's handler of the signal may still hit this process elsewhere
def test_a_loader_that_is_lost_is_told(config: TrainPairsConfig) -> None:
    pairs, _ = training_pairs(config)
    others = set(mp.active_children())
    stream = by_processes(Batches(config, pairs, "anny", PAIRS), 2, 10_000, loaders=1)
    next(stream)
    (loader,) = set(mp.active_children()) - others
    # While batches are waited for: the signal of its end interrupts whatever the main thread does.
    Timer(0.2, loader.kill).start()
    with pytest.raises(OSError, match=r"a process that loads pictures was lost") as lost:
        list(stream)
    assert "\n" not in str(lost.value)


def one(source: View, target: View, change: tuple[bool, np.ndarray, np.ndarray]) -> Batch:
    """A pair, varied."""
    both = (source, target)
    mirrored, moved, gain = change
    arrays = (
        np.stack([[view["photograph"]] for view in both]),
        np.stack([[view["stored_uv"]] for view in both]).view("<i2"),
        np.array([mirrored]),
        moved[:, None],
        gain[None],
    )
    return varied(Pictures(*map(torch.from_numpy, arrays)))


def person(image_id: str) -> View:
    return Catalog(str(SAMPLE)).view(image_id, ("photograph", "uv", "stored_uv"), "anny")


def texture(photograph: torch.Tensor, uv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return splat(photograph, uv, (128, 128), CONSISTENT)


def agreement(a: tuple[torch.Tensor, torch.Tensor], b: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Of the texels that both know, the share of equal colours."""
    both = (a[1] * b[1]).bool()[0, 0]
    equal = (a[0] - b[0]).abs().amax(1)[0][both] < 0.01
    return float(equal.float().mean())


def test_varied_people_wear_their_own_textures() -> None:
    ids = Catalog(str(SAMPLE)).images.ids.to_pylist()
    source, target = person(ids[0]), person(ids[1])
    plain = [texture(*stacked(Source, [view])) for view in (source, target)]
    # The sheet is symmetric: a mirrored person's texture is the mirrored texture.
    mirrored = [(colours.flip(3), known.flip(3)) for colours, known in plain]
    turned = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        change = variation(Augmentation(colour=0, shift=0.1), "anny", 256, rng)
        batch = one(source, target, change)
        found = [texture(*batch.source), texture(batch.expected, batch.target.uv)]
        as_it_was = [agreement(a, b) for a, b in zip(found, plain, strict=True)]
        as_mirror = [agreement(a, b) for a, b in zip(found, mirrored, strict=True)]
        flipped = as_mirror[0] > as_it_was[0]
        turned += flipped
        # Both are mirrored or none is; where the border cuts a person, texels at the cut differ.
        assert min(as_mirror if flipped else as_it_was) > 0.98
        assert max(as_it_was if flipped else as_mirror) < 0.7
        assert not np.array_equal(batch.source.uv[0].numpy(), source["uv"], equal_nan=True)
    assert 0 < turned < 8


def test_a_moved_photograph_repeats_its_border() -> None:
    view = person("item-000000_view-00")
    moved = np.array([[5, -9], [0, 0]])
    batch = one(view, view, (False, moved, np.ones(3, np.float32)))
    rows = (np.arange(256) - 5).clip(0, 255)
    columns = (np.arange(256) + 9).clip(0, 255)
    expected = (
        view["photograph"][rows[:, None], columns].transpose(2, 0, 1).astype(np.float32) / 255
    )
    assert np.array_equal(batch.source.photograph[0].numpy(), expected)
    assert batch.source.uv[0, :, :5].isnan().all()
    assert batch.source.uv[0, :, :, -9:].isnan().all()
    kept = batch.source.uv[0, :, 5:, :-9].numpy()
    assert np.array_equal(kept, view["uv"][:, :-5, 9:], equal_nan=True)


def test_colours_change_alike_in_source_and_target(config: TrainPairsConfig) -> None:
    for seed in range(5):
        kinds = [Augmentation(colour=colour, shift=0, flip=False) for colour in (0, 0.1)]
        configs = [config.model_copy(update={"seed": seed, "augmentation": a}) for a in kinds]
        plain, changed = (varied(batches(c, 7)[0].pictures) for c in configs)
        gains = []
        for pair in range(len(plain.expected)):
            before = torch.stack([plain.source.photograph[pair], plain.expected[pair]])
            after = torch.stack([changed.source.photograph[pair], changed.expected[pair]])
            inside = (before > 0.2) & (after < 1)
            for channel in range(3):
                ratio = (after / before)[:, channel][inside[:, channel]]
                assert ratio.max() - ratio.min() < 1e-5
                gains.append(abs(float(ratio[0]) - 1))
        assert 0 < max(gains) <= 0.15 + 1e-6


def test_sheets_that_are_not_symmetric_are_not_mirrored() -> None:
    view = person("item-000000_view-00")
    for seed in range(6):
        change = variation(
            Augmentation(shift=0, colour=0), "smpl", 256, np.random.default_rng(seed)
        )
        assert not change[0]
        batch = one(view, view, change)
        for uv in (batch.source.uv, batch.target.uv):
            assert np.array_equal(uv[0].numpy(), view["uv"], equal_nan=True)
        pixels = (batch.source.photograph[0] * 255).round().byte().permute(1, 2, 0)
        assert np.array_equal(pixels.numpy(), view["photograph"])


def test_pairs_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 2)
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1]), (ids[0], "stranger")])
    config = TrainPairsConfig(catalog=f"{tmp_path}/catalog", pairs=pairs, out="unused")
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
    config = TrainPairsConfig(catalog=f"{tmp_path}/catalog", out="unused", batch=1)
    batches = Batches(config, [("p000", "wide000")], "anny", PAIRS)
    with pytest.raises(SizeMismatch, match=r"'p000', 'wide000': training wants"):
        next(by_threads(batches, 0))


@pytest.mark.slow
def test_a_photograph_that_does_not_open_is_named_by_processes(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 3, bad=[2])
    config = TrainPairsConfig(catalog=f"{tmp_path}/catalog", out="unused", batch=1)
    batches = Batches(config, [(ids[0], ids[1]), (ids[0], ids[2])], "anny", PAIRS)
    with pytest.raises(BadImage, match=ids[2]):
        list(by_processes(batches, 0, 2, loaders=1))
