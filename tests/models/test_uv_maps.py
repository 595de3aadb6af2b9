"""UV maps: at rest, out of IUV images, through the DensePose lookup."""

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
    uv_from_iuv,
)
from models.lookup import SHAPE, load_lookup, rebuild_lookup
from models.uv_maps import dequantise, quantise
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


def test_the_lookup_is_read_at_part_v_u_with_v_turned_down():
    table = np.full(SHAPE, np.nan, np.float32)
    table[6, 200, 10] = (0.25, 0.75)
    iuv = np.zeros((1, 3, 3), np.uint8)
    iuv[0, 0] = (7, 10, 200)
    iuv[0, 1] = (7, 200, 10)  # off the chart
    uv = uv_from_iuv(iuv, table)
    np.testing.assert_array_equal(uv[0], [[-0.5, -0.5], [np.nan] * 2, [np.nan] * 2])
    assert uv.dtype == np.float32


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
        ours = uv_from_iuv(iuv_from_image(np.asarray(Image.open(path))), lookup)
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
