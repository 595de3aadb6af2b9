"""UV maps: at rest, at other sizes, out of IUV images, through the DensePose lookup."""

import io
import itertools
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from models import lookup as lookup_module
from models.iuv import (
    InterpolatedIuv,
    UnclearChannelOrder,
    iuv_from_image,
    refuse_interpolated,
    smoothed,
    uv_from_iuv,
)
from models.lookup import SHAPE, load_lookup, rebuild_lookup
from models.uv_maps import JUMP, between, dequantise, quantise, resized
from tests.conftest import ROOT
from workers.data.catalog import Catalog
from workers.data.tables import SCHEMAS, parquet_bytes

COORDINATES = st.one_of(st.floats(-1, 1, width=32), st.just(float("nan")))
UV_MAPS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(2)), elements=COORDINATES
)


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


# --- at rest


@given(UV_MAPS)
def test_a_stored_map_comes_back_within_a_hundredth_of_a_texel(uv):
    stored = quantise(uv)
    assert stored.dtype == np.dtype("<u2")
    assert stored.shape == (2, *uv.shape[:2])
    back = dequantise(stored)
    defined = ~np.isnan(uv).any(axis=-1)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(~np.isnan(back), np.stack([defined, defined]))
    texels = np.abs(np.moveaxis(back, 0, -1) - uv)[defined] * 255 / 2
    assert texels.max(initial=0) < 0.01


@given(UV_MAPS)
def test_storing_twice_changes_nothing(uv):
    once = quantise(uv)
    np.testing.assert_array_equal(quantise(np.moveaxis(dequantise(once), 0, -1)), once)


def test_the_ends_of_the_range_are_exact():
    uv = np.array([[[-1, 1], [0, np.nan]]], np.float32)
    np.testing.assert_array_equal(quantise(uv), [[[1, 0]], [[65535, 0]]])
    np.testing.assert_array_equal(dequantise(quantise(uv))[:, 0, 0], [-1, 1])


@pytest.mark.parametrize("bad", [-10, 1.5, np.inf])
def test_values_that_are_no_surface_point_are_refused(bad):
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\]"):
        quantise(np.full((2, 2, 2), bad, np.float32))


def test_channels_first_is_refused():
    with pytest.raises(ValueError, match=r"shape \(H, W, 2\)"):
        quantise(np.zeros((2, 8, 8), np.float32))


@pytest.mark.real
def test_a_real_map_takes_less_than_60_kb_in_parquet(real):
    sizes = []
    for path in sorted((real / "official_samples/source_uv").glob("*.npy")):
        uv = np.load(path).astype(np.float32)
        row = {"image_id": path.stem, "uv": quantise(uv).tobytes(), "status": "ok"}
        table = pa.Table.from_pylist([row] * 4, SCHEMAS["uv_maps"])
        alone = pa.Table.from_pylist([row], SCHEMAS["uv_maps"])
        sizes.append(len(parquet_bytes(alone)))
        assert len(parquet_bytes(table)) > 0
    assert np.mean(sizes) < 60_000
    assert max(sizes) < 90_000


# --- IUV images


def _iuv() -> np.ndarray:
    rng = np.random.default_rng(0)
    iuv = rng.integers(0, 256, (40, 30, 3), np.uint8)
    iuv[..., 0] = rng.integers(0, 25, (40, 30))
    iuv[iuv[..., 0] == 0] = 0
    return iuv


def test_both_channel_orders_are_known():
    iuv = _iuv()
    np.testing.assert_array_equal(iuv_from_image(iuv), iuv)
    np.testing.assert_array_equal(iuv_from_image(iuv[..., ::-1]), iuv)


@pytest.mark.parametrize(("pixels", "which"), [(_iuv() // 16, "both"), (_iuv() | 128, "neither")])
def test_an_unclear_channel_order_is_refused(pixels, which):
    with pytest.raises(UnclearChannelOrder, match=which):
        iuv_from_image(pixels)


def test_an_image_with_nobody_in_it_is_clear():
    assert not iuv_from_image(np.zeros((4, 4, 3), np.uint8)).any()


def _parts(numbers: tuple[int, ...], side: int = 96) -> np.ndarray:
    """An IUV image of upright parts side by side, in each of which U and V run on their own."""
    y, x = np.mgrid[:side, :side]
    iuv = np.zeros((side, side, 3), np.uint8)
    for place, part in enumerate(numbers, start=1):
        width = side // (len(numbers) + 2)
        within = (x // width == place) & (y > 6 + 3 * place) & (y < side - 6)
        u, v = (x % width) * 200 // width + 20, (y * (2 + place % 2) + 40 * place) % 256
        iuv[within] = np.stack([np.full_like(x, part), u, v], axis=-1)[within]
    return iuv


RESAMPLING = ("BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")  # BOX enlarges by whole pixels


@pytest.mark.parametrize(
    ("numbers", "resampling", "side"),
    [
        *itertools.product([(2, 15, 4, 21, 3), (8, 2, 12)], RESAMPLING, [37, 60]),
        *itertools.product([(2, 15, 4, 21, 3), (8, 2, 12)], RESAMPLING[1:], [90, 97, 250]),
        *itertools.product([(1,), (2,)], ["BILINEAR", "BICUBIC"], [60, 90, 140]),
    ],
)
def test_interpolated_labels_are_refused(numbers, resampling, side):
    image = Image.fromarray(_parts(numbers)).resize((side, side), Image.Resampling[resampling])
    iuv = np.asarray(image)
    iuv = np.dstack([iuv[..., 0].clip(max=24), iuv[..., 1:]])  # overshoot, as if others hid it
    with pytest.raises(InterpolatedIuv, match=r"pixels between two parts .* nearest neighbour"):
        refuse_interpolated(iuv)


@pytest.mark.parametrize("side", [12, 37, 60, 90, 96, 97, 140, 250])
def test_chosen_labels_are_good(side):
    image = Image.fromarray(_parts((2, 15, 4, 21, 3)))
    refuse_interpolated(np.asarray(image.resize((side, side), Image.Resampling.NEAREST)))


@pytest.mark.real
def test_real_iuv_images_are_told_from_interpolated_ones(real):
    """Sharp filters overshoot, mostly past 24, which makes the channel order unclear."""
    paths = sorted(path for path in real.rglob("*.png") if path.stem.lower().endswith("_iuv"))
    assert len(paths) >= 12
    for path in paths:
        image = Image.open(path)
        refuse_interpolated(iuv_from_image(np.asarray(image)))
        for scale, resampling in [(1 / 4, "BOX"), (1 / 2, "BILINEAR"), (0.7, "LANCZOS")]:
            size = round(image.width * scale), round(image.height * scale)
            chosen = image.resize(size, Image.Resampling.NEAREST)
            refuse_interpolated(iuv_from_image(np.asarray(chosen)))
            scaled = image.resize(size, Image.Resampling[resampling])
            with pytest.raises((InterpolatedIuv, UnclearChannelOrder)):
                refuse_interpolated(iuv_from_image(np.asarray(scaled)))


def _stepped(u: np.ndarray, v: np.ndarray, label: int | np.ndarray = 2) -> np.ndarray:
    """An IUV image of U and V in 0..255, cut to 8 bits as DensePose does."""
    return np.dstack([np.broadcast_to(label, u.shape), u, v]).astype(np.uint8)


def test_a_smoothed_ramp_has_no_steps_and_reaches_its_chart_s_edge():
    v, u = np.mgrid[10:141:120j, 10:242:200j]
    iuv = _stepped(u, v, np.where(np.arange(200) < 90, 2, 7))
    off = np.abs(smoothed(iuv) + 0.5 - np.dstack([u, v]))
    stepped = np.abs(iuv[..., 1:] + 0.5 - np.dstack([u, v]))
    assert stepped.mean() > 0.2
    assert off.mean() < 0.12
    assert off[:, 87:93].mean() < 0.15  # where the chart ends
    assert off.max() <= 0.5  # as before, where there is no pair


def test_smoothing_spares_folds_and_keeps_charts_apart():
    v, u = np.mgrid[10:60:100j, 10:60:100j]
    folded = _stepped(np.where(np.arange(100) < 50, u, 120 - u), v)
    np.testing.assert_allclose(smoothed(folded)[:, 49:51, 0], folded[:, 49:51, 1], atol=1)
    charts = _stepped(u, v, np.where(np.arange(100) % 2, 3, 4))  # of one pixel each
    np.testing.assert_array_equal(
        smoothed(charts)[..., 0][[0, 1, -2, -1]][:, [0, -1]],
        smoothed(charts[:, [0, -1]])[..., 0][[0, 1, -2, -1]],
    )


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_smoothing_moves_nothing_by_more_than_a_step(iuv):
    assert np.abs(smoothed(iuv) - iuv[..., 1:]).max() <= 1


def test_between_its_entries_the_lookup_is_read_smoothly_but_never_across_a_seam():
    table = np.full(SHAPE, np.nan, np.float32)
    table[6, 100, 10:20, 0] = np.arange(10) / 100
    table[6, 100, 15:20, 0] += 0.5
    table[6, 100, 10:20, 1] = 0.25
    u = np.array([[12.25, 14.4, 14.6, 9.4, 9.6]], np.float32)
    uv = uv_from_iuv(np.full_like(u, 7), np.dstack([u, np.full_like(u, 100)]), table)
    expected = [0.0225, 0.04, 0.55, np.nan, 0]
    np.testing.assert_allclose(uv[0, :, 0], 2 * np.array(expected) - 1, atol=1e-6)


def test_the_lookup_is_read_at_part_v_u_with_v_turned_down():
    table = np.full(SHAPE, np.nan, np.float32)
    table[6, 200, 10] = (0.25, 0.75)
    iuv = np.zeros((1, 3, 3), np.uint8)
    iuv[0, 0] = (7, 10, 200)
    iuv[0, 1] = (7, 200, 10)  # off the chart
    uv = uv_from_iuv(iuv[..., 0], iuv[..., 1:], table)
    np.testing.assert_array_equal(uv[0], [[-0.5, -0.5], [np.nan] * 2, [np.nan] * 2])
    assert uv.dtype == np.float32


# --- at other sizes


def _world(image_id: str = "item-000000_view-00") -> np.ndarray:
    return np.moveaxis(Catalog(str(ROOT / "assets/sample")).uv_map(image_id), 0, -1)


@given(UV_MAPS, st.integers(1, 40), st.integers(1, 40))
def test_a_map_of_another_size_shows_no_other_points(uv, height, width):
    """Each value lies between values of the map that belong together."""
    uv = np.where(np.isnan(uv).any(axis=-1, keepdims=True), np.nan, uv).astype(np.float32)
    other = resized(uv, height, width)
    assert other.shape == (height, width, 2)
    known, found = (m[~np.isnan(m).any(axis=-1)] for m in (uv, other))
    assert len(known) or not len(found)
    off = np.abs(found[:, None] - known[None]).max(axis=-1).min(axis=1, initial=9)
    assert (off <= JUMP + 1e-6).all()


def test_a_map_of_its_own_size_stays_as_it_is():
    uv = _world()
    assert resized(uv, *uv.shape[:2]) is uv


def test_a_ramp_is_interpolated_exactly_also_off_its_pixels():
    v, u = np.mgrid[-0.3:0.3:20j, -0.4:0.4:30j]
    uv = np.dstack([u, v])
    found = between(uv, np.array([3.25, 19, 0]), np.array([7.5, 29, -2]))
    steps = np.array([0.8 / 29, 0.6 / 19])
    expected = np.array([[7.5, 3.25], [29, 19], [0, 0]]) * steps - [0.4, 0.3]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_edges_and_seams_run_between_pixels():
    """A disc of one part on another, off a background: magnified, its outlines have no stairs."""
    y, x = np.mgrid[:64, :64] - 31.5
    r = np.hypot(x, y)
    small = np.dstack([x, y]) / 200 + np.where(r < 12, 0.5, 0)[..., None]
    small[r > 25] = np.nan
    large = resized(small, 512, 512)
    y, x = (np.mgrid[:512, :512] + 0.5) / 8 - 32
    for radius, inside in ((25, ~np.isnan(large[..., 0])), (12, large[..., 0] > 0.3)):
        off = (np.hypot(x, y) < radius) != inside
        stairs = (np.hypot(x, y) < radius) != inside[4::8, 4::8].repeat(8, 0).repeat(8, 1)
        assert off.sum() < 0.8 * stairs.sum()
        assert np.abs(np.hypot(x, y)[off] - radius).max() < 0.75


def test_a_quarter_of_a_map_s_size_costs_little_inside_the_body():
    exact = _world()
    again = resized(resized(exact, 64, 64), 256, 256)
    both = ~np.isnan(exact).any(axis=-1) & ~np.isnan(again).any(axis=-1)
    step = np.abs(np.diff(exact, axis=0)).max(axis=-1)
    step = np.median(step[~np.isnan(step)])
    off = np.abs(again - exact)[both].max(axis=-1) / step  # pixels of the larger map
    blocks = exact[1::4, 1::4].repeat(4, 0).repeat(4, 1)
    stairs = np.abs(blocks - exact)[both & ~np.isnan(blocks[..., 0])].max(axis=-1) / step
    assert np.median(off) < 0.3 < 1 < np.median(stairs)


# --- the lookup


def test_the_rebuilt_lookup_is_the_finished_one(lookup, real):
    """The finished one fills the charts' rims, the rebuilt one leaves them undefined."""
    finished = np.load(real / "uv/densepose_to_smpl_256.npz")["texmap"]
    defined = ~np.isnan(lookup).any(axis=-1)
    assert defined.sum() > 1_000_000
    np.testing.assert_allclose(lookup[defined], finished[defined], rtol=0, atol=1e-6)


@pytest.mark.real
def test_the_authors_maps_come_out_of_their_iuv_images(lookup, real):
    """Four were made with the map that we rebuild; one, in float64, with another."""
    agreeing = 0
    for path in sorted((real / "official_samples/source_iuv").glob("*.png")):
        theirs = np.load(real / f"official_samples/source_uv/{path.stem[:-4]}.npy")
        iuv = iuv_from_image(np.asarray(Image.open(path)))
        ours = uv_from_iuv(iuv[..., 0], iuv[..., 1:], lookup)
        if theirs.dtype == np.float64:
            continue
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        error = np.nanmax(np.abs(ours - theirs), axis=-1, initial=0, where=~np.isnan(theirs))
        body = ~np.isnan(theirs).any(axis=-1)
        assert (error[body] < 1e-6).mean() >= 0.93
        agreeing += 1
    assert agreeing == 4


def test_a_users_lookup_file_is_read():
    table = np.random.default_rng(0).random(SHAPE)
    table[:, 0, 0] = np.nan
    read = load_lookup(_npy(table))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, table, atol=1e-7)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no .npy file"),
        (b"PK not numpy", "no .npy file"),
        (_npy(np.zeros((24, 200, 200, 2))), r"shape \(24, 256, 256, 2\), not \(24, 200"),
        (_npy(np.zeros(SHAPE, np.uint8)), "must hold floats"),
        (_npy(np.full(SHAPE, -0.5, np.float32)), r"must lie in \[0, 1\]"),
        (_npy(np.array([{}], object)), "no .npy file"),
    ],
    ids=["empty", "text", "other size", "integers", "negative", "pickled"],
)
def test_a_file_that_is_no_lookup_is_refused_in_one_line(data, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_lookup(data)
    assert "\n" not in str(caught.value)


def test_without_the_data_package_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(lookup_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="make densepose-data"):
        rebuild_lookup.__wrapped__()


def test_a_pickle_that_names_code_is_refused(tmp_path):
    path = tmp_path / "normal.pickle"
    path.write_bytes(pickle.dumps(eval))
    with pytest.raises(ValueError, match=r"names builtins.eval"):
        lookup_module._plain_pickle(path)
