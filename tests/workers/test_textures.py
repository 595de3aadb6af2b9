"""Completed textures against the truth: pure measures, and the sample world's exact answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from configs.benchmark import TexturesConfig
from configs.run import Execution
from eval.statistics import partial_sums, summarise, summarise_ratio
from eval.textures import JUMP, continuous, coordinate_error, high_frequency_energy, interior
from models import checkpoint
from models.config import ModelConfig
from models.coordinates import CONSISTENT, meshgrid, sample
from models.inpainter import Inpainter
from pipelines.benchmark import textures
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from workers.data.storage import Store
from world import figures, labels, scene, studio, truth, wardrobe
from world.keypoints import NAMES

SIZE = 96
EVERYWHERE = np.ones((SIZE, SIZE), bool)


# --- measures


def test_a_shift_is_its_length_in_pixels():
    exact = meshgrid(SIZE, 64)[0].numpy()
    shift = np.array([3 * 2 / 63, 4 * 2 / 95]).reshape(2, 1, 1)  # 3 pixels right, 4 down
    which = np.zeros((SIZE, 64), bool)
    which[:10] = True
    error = coordinate_error(exact + shift * which, exact, which, (SIZE, 64))
    assert error == pytest.approx((640, 5, 5, 0), abs=1e-4)
    assert coordinate_error(exact + shift, exact + shift, ~which, (SIZE, 64))[1:] == (0, 0, 1)
    nothing = coordinate_error(exact, exact, which & ~which, (SIZE, 64))
    assert nothing.texels == 0
    assert np.isnan(nothing[1:]).all()


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_energy_is_that_of_the_laplacian_of_a_wave(period):
    phase = 2 * np.pi * np.arange(SIZE) / period + np.pi / 4
    wave = np.broadcast_to(0.5 + 0.3 * np.sin(phase), (3, SIZE, SIZE))
    response = 2 - 2 * np.cos(2 * np.pi / period)  # of the second difference
    power = 0.3**2 / 2
    energy = high_frequency_energy(wave, interior(EVERYWHERE))
    assert energy == pytest.approx(power * response**2, rel=0.06)


def test_gradients_have_no_energy_and_edges_of_the_region_do_not_count():
    gradient = np.stack([*meshgrid(SIZE, SIZE)[0].numpy(), np.full((SIZE, SIZE), 0.5)])
    region = np.zeros((SIZE, SIZE), bool)
    region[20:60, 20:60] = True
    outside = np.where(region, gradient, np.nan)
    assert high_frequency_energy(outside, interior(region)) == pytest.approx(0, abs=1e-9)
    assert high_frequency_energy(outside, region) > 0.01
    assert np.isnan(high_frequency_energy(gradient, region & ~region))


def test_seams_are_where_neighbours_point_elsewhere():
    coordinates = meshgrid(64, 64)[0].numpy() * 0.5  # steps of 0.016
    coordinates[:, :, 40:] += 2 * JUMP
    smooth = continuous(coordinates)
    assert (~smooth).sum() == 2 * 64
    assert not smooth[:, 39:41].any()


def test_a_ratio_of_sums_is_a_mean_where_the_reference_is_one():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"item_id": [f"i{n % 7}" for n in range(40)], "value": rng.random(40)})
    mean = summarise(partial_sums(rows.assign(metric="m")))
    assert summarise_ratio(rows.assign(reference=1.0)) == pytest.approx(mean, abs=1e-8)
    half = summarise_ratio(rows.assign(reference=2 * rows["value"]))
    assert half == pytest.approx((40, 0, 7, 0.5, 0.5, 0.5))
    rows.loc[0, "value"] = np.nan
    assert summarise_ratio(rows.assign(reference=1.0)).missing == 1


# --- the truth


@pytest.fixture(scope="module")
def figure() -> figures.Figure:
    return figures.dress(wardrobe.look(5, 0, 0))


def photographed(figure: figures.Figure, number: int) -> tuple[truth.Truth, scene.Photograph]:
    view = studio.view(5, 0, number)
    return truth.truth(scene.stage(figure, view, SIZE), 128), scene.render(figure, view, SIZE)


@pytest.mark.parametrize("number", range(4))
def test_visible_texels_are_where_the_uv_map_sees_them(figure, number):
    """Read at M_S, the exact coordinates name each pixel itself."""
    found, photograph = photographed(figure, number)
    visible = torch.from_numpy(found.kind == truth.VISIBLE)
    M_S = torch.from_numpy(photograph.uv).movedim(-1, 0)[None]
    E = sample(torch.from_numpy(found.coordinates)[None].nan_to_num(9), M_S, CONSISTENT)[0]
    whole = sample(visible[None, None].float(), M_S, CONSISTENT)[0, 0] > 0.999
    error = (E - meshgrid(SIZE, SIZE)[0]).norm(dim=0)[whole] * (SIZE - 1) / 2
    assert whole.sum() > 0.6 * np.isfinite(photograph.uv[..., 0]).sum()
    assert error.median() < 0.1
    assert error.quantile(0.99) < 0.6


def test_kinds_of_texels(figure):
    front, of_front = photographed(figure, 0)
    back, of_back = photographed(figure, 3)
    for found in (front, back):
        mirror = found.kind[:, ::-1] == truth.VISIBLE
        mirrored = found.kind == truth.MIRRORED
        assert mirror[mirrored].all()
        own = found.coordinates[:, :, ::-1]
        np.testing.assert_array_equal(found.coordinates[:, mirrored], own[:, mirrored])
        beyond = np.abs(found.coordinates).max(axis=0) > 1
        assert (beyond == (found.kind == truth.OUTSIDE)).all()
        assert (np.isnan(found.coordinates[0]) == (found.kind == truth.OFF)).all()
    # The tip of the nose is seen from the front, and through the head from behind.
    nose = NAMES.index("nose")
    x, y = np.rint(of_front.keypoints[nose, :2]).astype(int)
    column, row = np.rint((of_front.uv[y, x] + 1) / 2 * 127).astype(int)
    assert front.kind[row, column] == truth.VISIBLE
    assert back.kind[row, column] == truth.NEVER_SEEN
    answer = (back.coordinates[:, row, column] + 1) / 2 * (SIZE - 1)
    assert np.linalg.norm(answer - of_back.keypoints[nose, :2]) < 3


def test_paint_is_what_the_photograph_shows_of_clothes(figure):
    photograph = photographed(figure, 0)[1]
    clothes = np.isin(photograph.labels, [labels.TOP, labels.TROUSERS, labels.OUTERWEAR])
    clothes &= np.isfinite(photograph.uv[..., 0])
    lit = photograph.pixels.transpose(2, 0, 1)[:, clothes].ravel()
    M_S = torch.from_numpy(photograph.uv).movedim(-1, 0)[None]

    def likeness(paint: np.ndarray) -> float:
        colours = sample(torch.from_numpy(paint)[None].nan_to_num(0), M_S, CONSISTENT)[0].numpy()
        return float(np.corrcoef(colours[:, clothes].ravel(), lit)[0, 1])

    paint = truth.painted(figure, 256)
    assert likeness(paint) > 0.6
    other = figures.dress(wardrobe.look(5, 1, 1))
    assert likeness(paint) > likeness(truth.painted(other, 256)) + 0.3


# --- the measurement as a run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two items of three views: front, three-quarter and side."""
    out = str(tmp_path_factory.mktemp("world"))
    call = ["synthesize", "items=2", "views=3", "size=96", "seed=5", "stock=held_out"]
    assert main([*call, f"out={out}", "execution.engine=local"]) == 0
    return out


def measure(world: str, completer: str, out: Path) -> list[dict]:
    config = TexturesConfig(
        catalog=world, completer=completer, out=str(out), execution=Execution(engine="local")
    )
    assert textures.run(config) == 0
    return rows_of(str(out), "textures")


def test_symmetry_knows_what_is_visible_and_what_is_mirrored(world, tmp_path):
    rows = measure(world, "symmetry", tmp_path / "out")
    assert [row["status"] for row in rows] == ["ok"] * 6
    side = rows[2]
    assert side["mirrored_texels"] > 5000  # the other half of the body
    for row in rows:
        assert row["visible_median"] < 1.6
    assert side["mirrored_median"] < 1.5
    assert side["mirrored_within_2px"] > 0.7
    assert side["never_seen_median"] > 2 * side["visible_median"]
    found = textures.summaries(str(tmp_path / "out"))
    assert found["visible_median"].mean == pytest.approx(
        np.mean([r["visible_median"] for r in rows])
    )
    total = {name: sum(row[name] for row in rows) for name in ("energy", "energy_true")}
    assert found["energy"].mean == pytest.approx(total["energy"] / total["energy_true"])
    assert found["energy"].low <= found["energy"].mean <= found["energy"].high


@pytest.mark.parametrize("variant", ["full", "rgb-inpainting"])
def test_a_checkpoint_of_f_is_measured(world, tmp_path, variant):
    """The weights are random: only that each kind of f is read is at stake."""
    torch.manual_seed(0)
    colours = variant == "rgb-inpainting"
    model = ModelConfig(variant=variant, inpainter_width=4, texture_size=64)
    store = Store(str(tmp_path / "f"))
    files = checkpoint.save(model, {"inpainter": Inpainter(4, 3 if colours else 2)}, "Random.")
    for name, data in files.items():
        store.put(name, data)
    row = measure(world, store.url, tmp_path / "out")[0]
    assert row["status"] == "ok"
    assert row["energy"] >= 0
    assert row["energy_true"] > 0
    assert (row["visible_median"] is None) == colours
    if colours:
        assert row["smooth_energy"] == row["energy"]


def test_a_catalog_that_is_no_world_is_refused(world, tmp_path):
    config = TexturesConfig(catalog="assets/sample", completer="symmetry", out=str(tmp_path))
    with pytest.raises(ValueError, match=r"holds no run|not a world of synthesize"):
        textures.run(config)
