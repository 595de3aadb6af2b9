"""Finding photographs and their maps, framing them, and the rows that come of it."""

import io
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs.extract import ExtractConfig
from models.iuv import uv_from_iuv
from models.lookup import SHAPE, rebuild_lookup
from models.uv_maps import dequantise
from workers.data.images import decode
from workers.data.storage import Store
from workers.data.tables import SCHEMAS
from workers.extraction.extraction import Photo
from workers.extraction.extractors import EXTRACTORS
from workers.extraction.framing import Box, frame, person_box
from workers.extraction.inputs import photographs_with_maps
from workers.extraction.precomputed import ORIGIN, PrecomputedWorker
from workers.shards.rows import failed_photograph
from workers.shards.shard import made_tables


def _config(folder: Path | str, **keys: Any) -> ExtractConfig:
    return ExtractConfig.model_validate({"input": str(folder), "out": "unused", **keys})


def find_photos(config: ExtractConfig) -> list[Photo]:
    return photographs_with_maps(config).photos


def _extract(config: ExtractConfig) -> dict[str, tuple[dict, dict]]:
    """Rows of both tables by image id."""
    photos = find_photos(config)
    tables = made_tables(
        ("images", "uv_maps"), PrecomputedWorker(config)([tuple(photo) for photo in photos])
    )
    for name in ("images", "uv_maps"):
        assert tables[name].schema.equals(SCHEMAS[name])
        assert tables[name]["image_id"].to_pylist() == [photo.image_id for photo in photos]
    rows = zip(tables["images"].to_pylist(), tables["uv_maps"].to_pylist(), strict=True)
    return {uv["image_id"]: (image, uv) for image, uv in rows}


def _pixels(height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def _photo(path: Path, height: int = 32, width: int = 32, **options: Any) -> np.ndarray:
    pixels = _pixels(height, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def _uv(path: Path, height: int = 32, width: int = 32) -> np.ndarray:
    """A map defined inside a frame of 4 pixels, every pixel another value."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    uv = np.stack([x / width * 2 - 1, y / height * 2 - 1], axis=-1)
    uv[:4] = uv[-4:] = uv[:, :4] = uv[:, -4:] = np.nan
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, uv)
    return uv


def _iuv(path: Path, height: int = 32, width: int = 32, part: int = 2) -> np.ndarray:
    iuv = np.zeros((height, width, 3), np.uint8)
    iuv[4:-4, 4:-4] = (part, 100, 200)
    Image.fromarray(iuv[..., ::-1]).save(path)  # (V, U, I), as OpenCV's users have it
    return iuv


@pytest.fixture(scope="module")
def lookup(tmp_path_factory) -> str:
    """A lookup in which the coordinate tells the entry: u = U / 255, v = V / 255."""
    v, u = np.mgrid[0:1:256j, 0:1:256j]
    path = tmp_path_factory.mktemp("lookup") / "smpltexmap.npy"
    np.save(path, np.broadcast_to(np.stack([u, v], axis=-1), SHAPE).astype(np.float32))
    return str(path)


@pytest.fixture(scope="module")
def rebuilt() -> None:
    """Skips where the lookup's data package is not installed."""
    try:
        rebuild_lookup()
    except ValueError as error:
        pytest.skip(str(error))


def _stored(row: dict) -> np.ndarray:
    """A row's UV map, (H, W, 2)."""
    flat = np.frombuffer(row["uv"], "<u2")
    return np.moveaxis(dequantise(flat.reshape(2, row["height"], row["width"])), 0, -1)


def _names(photos: Sequence[Photo]) -> list[tuple]:
    """Photos with file names for URLs, None left out."""
    return [
        (p.image_id, *(url.rpartition("/")[2] for url in p[1:5] if url is not None)) for p in photos
    ]


# --- finding


def test_a_folder_joins_by_name_and_keeps_what_stays_alone(tmp_path):
    for name in ("a.jpg", "b.PNG", "c.jpeg", "lonely.jpg", "c_sil.png", "notes.txt"):
        (tmp_path / name).touch()
    for name in ("a_IUV.png", "b_iuv.png", "a_INDS.png", "c.npy", "pose.npy"):
        (tmp_path / name).touch()
    assert _names(find_photos(_config(tmp_path))) == [
        ("a", "a.jpg", "a_IUV.png", "a_INDS.png"),
        ("b", "b.PNG", "b_iuv.png"),
        ("c", "c.jpeg", "c.npy"),
        ("lonely", "lonely.jpg"),
        ("pose", "pose.npy"),
    ]


def test_maps_in_a_folder_of_their_own_serve_only_the_photographs(tmp_path):
    for name in ("photos/a.jpg", "photos/a.npy", "maps/a_IUV.png", "maps/unused.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    photos = find_photos(_config(tmp_path / "photos", uv=str(tmp_path / "maps")))
    assert _names(photos) == [("a", "a.jpg", "a_IUV.png")]


def test_maps_have_other_names_where_they_have_no_better_one(tmp_path):
    for name in ("a.jpg", "a_densepose.png", "b.jpg", "b_IUV.jpg", "b_INDS.png", "c_IUV.JPG"):
        (tmp_path / name).touch()
    for name in ("d.jpg", "d_densepose.jpg", "d_IUV.png", "e.jpg", "e_IUV.jpg", "e.npy"):
        (tmp_path / name).touch()
    assert _names(find_photos(_config(tmp_path))) == [
        ("a", "a.jpg", "a_densepose.png"),
        ("b", "b.jpg", "b_IUV.jpg", "b_INDS.png"),
        ("c", "c_IUV.JPG"),
        ("d", "d.jpg", "d_IUV.png"),
        ("e", "e.jpg", "e.npy"),
    ]


def test_maps_in_a_folder_of_their_own_may_have_the_photographs_names(tmp_path):
    names = ["photos/a.jpg", "maps/a.png", "photos/b_c.png", "maps/b_c.png", "maps/b_INDS.png"]
    names += ["photos/d.png", "maps/d.png", "maps/d_IUV.png", "maps/d_INDS.png", "maps/e.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    photos = find_photos(_config(tmp_path / "photos", uv=str(tmp_path / "maps")))
    assert [photo.iuv for photo in photos] == [
        f"{tmp_path}/maps/{name}.png" for name in ("a", "b_c", "d_IUV")
    ]
    assert [photo.instances for photo in photos] == [None, None, f"{tmp_path}/maps/d_INDS.png"]
    # The photograph itself is no map.
    photos = find_photos(_config(tmp_path / "photos", uv=str(tmp_path / "photos")))
    assert {photo.iuv for photo in photos} == {None}


def test_a_glob_keeps_folders_in_the_ids_and_finds_maps_beside(tmp_path):
    for name in ("x/01.jpg", "x/01.npy", "y/01.jpg", "y/01_IUV.png", "y/02.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert _names(find_photos(_config(tmp_path / "*/*.jpg"))) == [
        ("x/01", "01.jpg", "01.npy"),
        ("y/01", "01.jpg", "01_IUV.png"),
    ]


def test_deepfashions_spellings_meet(tmp_path):
    photo = tmp_path / "p/WOMEN/Dresses/id_00000106/03_1_front.jpg"
    photo.parent.mkdir(parents=True)
    photo.touch()
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "fashionWOMENDressesid0000010603_1front_iuv.png").touch()
    (found,) = find_photos(_config(tmp_path / "p/*/*/*/*.jpg", uv=str(maps)))
    assert found.image_id == "WOMEN/Dresses/id_00000106/03_1_front"
    assert found.iuv is not None
    assert found.item_id == "id_00000106_03"


def test_a_name_in_two_unicode_forms_joins_and_its_id_is_composed(tmp_path):
    for name in ("cafe\u0301.jpg", "caf\u00e9_IUV.png", "cafe\u0301_INDS.png"):
        (tmp_path / name).touch()
    (found,) = find_photos(_config(tmp_path))
    assert _names([found]) == [
        ("caf\u00e9", "cafe\u0301.jpg", "caf\u00e9_IUV.png", "cafe\u0301_INDS.png")
    ]


def test_names_that_differ_in_their_underscores_are_two(tmp_path):
    for name in ("1_12.jpg", "11_2.npy", "v1.2_front.jpg", "v1.2_front.npy", "v1.2_back.npy"):
        (tmp_path / name).touch()
    assert _names(find_photos(_config(tmp_path))) == [
        ("11_2", "11_2.npy"),
        ("1_12", "1_12.jpg"),
        ("v1.2_back", "v1.2_back.npy"),
        ("v1.2_front", "v1.2_front.jpg", "v1.2_front.npy"),
    ]


def test_the_folder_is_the_item_unless_a_table_says_otherwise(tmp_path):
    for name in ("shirt-12/front.jpg", "shirt-12/front.npy", "coat-7/front.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_photos(_config(tmp_path / "*/*"))
    assert [photo.item_id for photo in found] == ["coat-7", "shirt-12"]
    rows = ["image_id,image,uv,item_id", "shirt-12/front,a.png,a.npy,blue", "coat-7/x,b.png,b.npy,"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    found = find_photos(_config(tmp_path / "t.csv"))
    assert [photo.item_id for photo in found] == ["blue", "coat-7"]


@pytest.mark.parametrize(
    "names",
    [
        ("a.jpg", "a.png", "a.npy"),
        ("a.jpg", "a_IUV.png", "a.npy"),
        (
            "WOMEN#Dresses#id_00000106#03_1_front.jpg",
            "fashionWOMENDressesid0000010603_1front.jpg",
            "WOMEN-Dresses-id_00000106-03_1_front.npy",
        ),
    ],
)
def test_two_files_of_one_name_are_refused_by_name(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"keep one|one photograph") as caught:
        find_photos(_config(tmp_path))
    assert sum(name in str(caught.value) for name in names) >= 2
    assert "\n" not in str(caught.value)


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no photographs"):
        find_photos(_config(tmp_path))
    with pytest.raises(ValueError, match="no such folder"):
        find_photos(_config(tmp_path / "absent"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_read_in_its_order_relative_to_its_folder(tmp_path, kind):
    table = pd.DataFrame(
        {
            "image_id": ["z", "WOMEN#Tops#id_00000106#03_1_front", "pose"],
            "image": ["photos/z.jpg", "s3://bucket/w.jpg", None],
            "iuv": ["/maps/z.png", None, None],
            "uv": [None, "w.npy", "pose.npy"],
            "item_id": ["shirt", None, None],
        }
    )
    path = tmp_path / f"input.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    z, w, pose = find_photos(_config(path))
    assert z == Photo("z", f"{tmp_path}/photos/z.jpg", iuv="/maps/z.png", item_id="shirt")
    assert (w.image, w.uv) == ("s3://bucket/w.jpg", f"{tmp_path}/w.npy")
    assert w.item_id == "id_00000106_03"
    assert pose == Photo("pose", uv=f"{tmp_path}/pose.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image_id,photo,uv\na,a.jpg,a.npy\n",
            "wants columns image_id,image, has image_id,photo,uv",
        ),
        ("image_id,image\na,a.jpg\n", "wants a column iuv or uv"),
        ("image_id,image,uv\na,a.jpg,a.npy\na,b.jpg,b.npy\n", "rows 1 and 2 are both 'a'"),
        ("image_id,image,uv\n,a.jpg,a.npy\n", "row 1 lacks image_id"),
        ("image_id,image,uv,iuv\na,a.jpg,a.npy,a.png\n", "has both iuv and uv"),
        ("image_id,image,uv\n", "no rows"),
        ("", "not a readable table"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "input.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        find_photos(_config(path))
    assert "\n" not in str(caught.value)
    assert "input.csv" in str(caught.value)


def test_a_table_of_windows_paths(tmp_path):
    for name in ("sub/a.png", "sub/a.npy", "as\\written.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "input.csv"
    path.write_text(
        "image_id;image;uv\r\na;sub\\a.png;sub\\a.npy\r\nb;as\\written.png;..\\b.npy\r\n"
    )
    a, b = find_photos(_config(path))
    assert (a.image, a.uv) == (f"{tmp_path}/sub/a.png", f"{tmp_path}/sub/a.npy")
    assert (b.image, b.uv) == (f"{tmp_path}/as\\written.png", f"{tmp_path}/../b.npy")


def test_names_like_patterns_are_read_as_they_are_written(tmp_path):
    for name in ("PHOTOS [2024]/a [1].jpg", "MAPS?/a [1].npy", "x/[1].jpg", "x/[1].npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "photos [1].csv").write_text("image_id,image,uv\na,a [1].jpg,a.npy\n")
    photos, maps = tmp_path / "PHOTOS [2024]", str(tmp_path / "MAPS?")
    assert _names(find_photos(_config(photos, uv=maps))) == [("a [1]", "a [1].jpg", "a [1].npy")]
    assert _names(find_photos(_config(photos / "*.jpg", uv=maps))) == [
        ("a [1]", "a [1].jpg", "a [1].npy")
    ]
    assert _names(find_photos(_config(tmp_path / "x/*.jpg"))) == [("[1]", "[1].jpg", "[1].npy")]
    assert _names(find_photos(_config(tmp_path / "photos [1].csv"))) == [
        ("a", "a [1].jpg", "a.npy")
    ]


def test_links_are_read_and_broken_ones_are_failed_rows(tmp_path):
    _photo(tmp_path / "store/a.png")
    _uv(tmp_path / "store/a.npy")
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.npy", "gone.png", "self.npy"):
        (folder / name).symlink_to(f"../store/{name}")
    _uv(folder / "gone.npy")
    (folder / "self.npy").unlink()
    (folder / "self.npy").symlink_to("self.npy")
    for config in (_config(folder, size=32), _config(folder / "*", size=32)):
        rows = _extract(config)
        assert {name: row["error_type"] for name, (_, row) in rows.items()} == {
            "a": None,
            "gone": "BrokenLink",
            "self": "BrokenLink",
        }
        assert rows["a"][0]["width"] == 32
        assert "a symbolic link to ../store/gone.png" in rows["gone"][1]["error_message"]


def test_every_extractor_that_a_config_may_name_is_in_the_table() -> None:
    field = ExtractConfig.model_fields["extractor"]
    assert set(get_args(field.annotation)) == EXTRACTORS.keys() - {"dump"}


# --- framing


def test_a_photograph_of_the_right_size_keeps_its_file(tmp_path):
    _photo(tmp_path / "a.jpg", quality=90)
    uv = _uv(tmp_path / "a.npy")
    image, row = _extract(_config(tmp_path, size=32))["a"]
    assert image["image"]["bytes"] == (tmp_path / "a.jpg").read_bytes()
    assert (image["width"], image["height"]) == (32, 32)
    assert (row["layout"], row["extractor"], row["status"]) == ("smpl", "precomputed", "ok")
    assert row["score"] is row["error_type"] is row["error_message"] is None
    np.testing.assert_allclose(_stored(row), uv, atol=2e-5)


def test_a_turned_photograph_is_stored_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    pixels = _photo(tmp_path / "a.png", exif=exif)
    _uv(tmp_path / "a.npy")
    image, _ = _extract(_config(tmp_path, size=32))["a"]
    with Image.open(io.BytesIO(image["image"]["bytes"])) as stored:
        assert stored.format == "PNG"
        np.testing.assert_array_equal(np.asarray(stored), pixels[::-1, ::-1])


def test_photograph_and_map_are_scaled_and_padded_alike(tmp_path):
    _photo(tmp_path / "a.png", 128, 64)
    uv = _uv(tmp_path / "a.npy", 128, 64)
    image, row = _extract(_config(tmp_path, size=64))["a"]
    pixels, stored = decode(image["image"]["bytes"], 10**6), _stored(row)
    assert pixels.shape == (64, 64, 3)
    assert (pixels[:, :16] == 255).all()
    assert (pixels[:, 48:] == 255).all()
    assert not (pixels[:, 16:48] == 255).all(axis=(0, 1)).any()
    assert np.isnan(stored[:, :16]).all()
    assert np.isnan(stored[:, 48:]).all()
    body = ~np.isnan(stored[:, 16:48]).any(axis=-1)
    centres = (uv[::2, ::2] + uv[1::2, 1::2]) / 2
    np.testing.assert_allclose(stored[:, 16:48][body], centres[body], atol=2e-5)


def test_native_keeps_size_and_shape(tmp_path):
    pixels = _photo(tmp_path / "a.png", 50, 33)
    _uv(tmp_path / "a.npy", 50, 33)
    image, row = _extract(_config(tmp_path, size="native"))["a"]
    np.testing.assert_array_equal(decode(image["image"]["bytes"], 10**6), pixels)
    assert (image["width"], image["height"], row["width"], row["height"]) == (33, 50, 33, 50)


def test_scaling_a_photograph_averages_scaling_a_map_selects():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(frame(stripes, Box(0, 0, 64, 64), 32).astype(int) - 100)[:, 2:-2].max() < 30
    uv = np.zeros((64, 64, 2), np.float32)
    uv[:, ::2] = 0.5
    assert set(np.unique(frame(uv, Box(0, 0, 64, 64), 32))) <= {0.0, 0.5}


def test_crop_person_takes_the_body_with_a_margin():
    uv = np.full((100, 80, 2), np.nan, np.float32)
    uv[20:60, 30:50] = 0
    assert person_box(uv, _config("unused", crop="person", margin=0.25)) == (20, 10, 60, 70)
    assert person_box(uv, _config("unused", crop="person", margin=0)) == (30, 20, 50, 60)
    assert person_box(uv, _config("unused", crop="person", margin=1)) == (0, 0, 80, 100)
    assert person_box(uv, _config("unused")) == (0, 0, 80, 100)


def test_a_cropped_photograph_is_cut_where_its_map_is(tmp_path):
    pixels = _photo(tmp_path / "a.png", 40, 40)
    uv = _uv(tmp_path / "a.npy", 40, 40)
    image, row = _extract(_config(tmp_path, size="native", crop="person", margin=0))["a"]
    np.testing.assert_array_equal(decode(image["image"]["bytes"], 10**6), pixels[4:-4, 4:-4])
    np.testing.assert_allclose(_stored(row), uv[4:-4, 4:-4], atol=2e-5)


@pytest.mark.parametrize(
    ("photograph", "uv", "size", "coarseness"),
    [
        ((128, 96), (32, 24), "native", 4),
        ((128, 96), (32, 24), 256, 4),
        ((128, 96), (32, 24), 64, 2),
        ((128, 96), (32, 24), 32, None),
        ((1101, 750), (376, 256), "native", 1101 / 376),
        ((64, 48), (128, 96), "native", None),
    ],
)
def test_a_map_of_another_size_is_brought_to_its_photograph(
    tmp_path, photograph, uv, size, coarseness
):
    _photo(tmp_path / "a.png", *photograph)
    _uv(tmp_path / "a.npy", *uv)
    image, row = _extract(_config(tmp_path, size=size))["a"]
    assert (image["width"], image["height"]) == (row["width"], row["height"])
    assert row["coarseness"] == (coarseness and pytest.approx(coarseness))
    if size == "native":
        assert (row["height"], row["width"]) == photograph
        stored = _stored(row)
        y, x = np.argwhere(~np.isnan(stored[..., 0])).T
        place = np.stack([(x + 0.5) / photograph[1], (y + 0.5) / photograph[0]], axis=-1)
        off = (stored[y, x] + 1) / 2 * uv[::-1] - (place * uv[::-1] - 0.5)  # pixels of the map
        assert np.abs(np.median(off)) < 0.01
        assert np.abs(off).max() < 1  # at the edge


# --- maps


def test_large_iuv_images_lose_the_steps_of_8_bits(tmp_path, lookup):
    """Where a step is as wide as a pixel or wider; small ones stay as they are."""
    _photo(tmp_path / "a.png", 400, 300)
    _photo(tmp_path / "b.png", 200, 150)
    v, u = np.mgrid[20:180:400j, 30:150:300j]
    iuv = np.dstack([np.full((400, 300), 2), u, v]).astype(np.uint8)
    Image.fromarray(iuv).save(tmp_path / "a_IUV.png")
    Image.fromarray(iuv[::2, ::2]).save(tmp_path / "b_IUV.png")
    rows = _extract(_config(tmp_path, size="native", lookup=lookup))
    large, small = (_stored(rows[name][1]) for name in "ab")
    exact = np.dstack([2 * (u - 0.5) / 255 - 1, 1 - 2 * (v - 0.5) / 255])[10:-10, 10:-10]
    assert np.abs(large[10:-10, 10:-10] - exact).mean() < 0.1 / 127.5
    stepped = iuv[::2, ::2, 1:] / 127.5 * [1, -1] + [-1, 1]
    np.testing.assert_allclose(small, stepped, atol=2e-5)


def test_iuv_images_go_through_the_users_lookup(tmp_path, lookup):
    _photo(tmp_path / "a.png")
    _iuv(tmp_path / "a_IUV.png")
    _, row = _extract(_config(tmp_path, size="native", lookup=lookup))["a"]
    uv = _stored(row)
    expected = [2 * 100 / 255 - 1, 1 - 2 * 200 / 255]
    np.testing.assert_allclose(uv[4:-4, 4:-4], np.broadcast_to(expected, (24, 24, 2)), atol=1e-4)
    assert np.isnan(uv[:4]).all()


def test_of_several_people_the_largest_is_kept(tmp_path, lookup):
    _photo(tmp_path / "a.png")
    _iuv(tmp_path / "a_IUV.png")
    people = np.zeros((32, 32), np.uint8)
    people[:, :12], people[:, 12:] = 3, 7
    Image.fromarray(people).save(tmp_path / "a_INDS.png")
    _, row = _extract(_config(tmp_path, size="native", lookup=lookup))["a"]
    undefined = np.isnan(_stored(row))
    assert undefined[:, :12].all()
    assert not undefined[4:-4, 12:-4].any()


def test_v_is_flipped_and_minus_ten_is_undefined(tmp_path):
    uv = np.full((32, 32, 2), -10.0)
    uv[5:20, 5:20] = np.random.default_rng(0).uniform(-1, 1, (15, 15, 2))
    uv[10, 10] = (0.25, 0.75)
    np.save(tmp_path / "a.npy", uv)
    _, row = _extract(_config(tmp_path, size="native", flip_v=True))["a"]
    stored = _stored(row)
    np.testing.assert_allclose(stored[10, 10], [0.25, -0.75], atol=2e-5)
    assert np.isnan(stored).any(axis=-1).sum() == 32 * 32 - 15 * 15


def test_a_pose_has_no_image(tmp_path):
    _uv(tmp_path / "a.npy", 64, 64)
    image, row = _extract(_config(tmp_path, size=32))["a"]
    assert image["image"] is image["width"] is image["height"] is None
    assert (row["status"], row["width"]) == ("ok", 32)


def _png16(path: Path, pixels: np.ndarray, colour: int = 2) -> None:
    """A PNG of 16 bits a channel, which Pillow does not write: RGB (2) or RGBA (6)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _turned(path: Path, pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(path, exif=exif)


def _with_alpha(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.where(pixels.any(axis=-1), 255, 0).astype(np.uint8)])


STORED = {
    "16 bits": lambda path, iuv: _png16(path, iuv),
    "16 bits, times 257": lambda path, iuv: _png16(path, iuv.astype(np.uint16) * 257),
    "16 bits, times 256": lambda path, iuv: _png16(path, iuv.astype(np.uint16) * 256),
    "16 bits, transparent": lambda path, iuv: _png16(path, _with_alpha(iuv), 6),
    "transparent": lambda path, iuv: Image.fromarray(_with_alpha(iuv)).save(path),
    "transparent colour": lambda path, iuv: Image.fromarray(iuv).save(path, transparency=(0, 0, 0)),
    "turned by EXIF": _turned,
    "BMP": lambda path, iuv: Image.fromarray(iuv).save(path, "BMP"),
    "TIFF": lambda path, iuv: Image.fromarray(iuv).save(path, "TIFF"),
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("order", [1, -1], ids=["IUV", "VUI"])
def test_an_iuv_image_is_read_as_it_is(tmp_path, lookup, stored, order):
    _photo(tmp_path / "a.png")
    iuv = _iuv(tmp_path / "a_IUV.png")
    iuv[10:20, 8:20] = (15, 30, 240)
    expected = uv_from_iuv(iuv[..., 0], iuv[..., 1:], np.load(lookup))
    STORED[stored](tmp_path / "a_IUV.png", np.ascontiguousarray(iuv[..., ::order]))
    _, row = _extract(_config(tmp_path, size="native", lookup=lookup))["a"]
    assert row["error_message"] is None
    np.testing.assert_allclose(_stored(row), expected, atol=2e-5)


NOT_STORED = {
    "JPEG": (lambda image, file: image.save(file, "JPEG", quality=100), "JPEG .* save it as PNG"),
    "WEBP": (lambda image, file: image.save(file, "WEBP"), "WEBP .* save it as PNG"),
    "palette": (
        lambda image, file: image.convert("P").save(file, "PNG"),
        "palette: save it as RGB",
    ),
    "grey": (lambda image, file: image.convert("L").save(file, "PNG"), "grey"),
    "grey, alpha": (lambda image, file: image.convert("LA").save(file, "PNG"), "grey"),
    "between": (lambda image, file: _png16(file, np.asarray(image) * np.uint16(100)), "times 257"),
}


@pytest.mark.parametrize("stored", NOT_STORED)
def test_what_cannot_hold_an_iuv_image_is_refused(tmp_path, lookup, stored):
    """Whatever the file is called."""
    save, said = NOT_STORED[stored]
    _photo(tmp_path / "a.png")
    _iuv(tmp_path / "a_IUV.png")
    save(Image.open(tmp_path / "a_IUV.png").copy(), tmp_path / "a_IUV.png")
    _, row = _extract(_config(tmp_path, lookup=lookup))["a"]
    assert row["error_type"] == "BadUvMap"
    assert re.search(said, row["error_message"])


@pytest.mark.parametrize("name", ["a_IUV.jpg", "a_densepose.jpg", "maps/a.jpg"])
def test_a_jpeg_of_a_map_fails_by_its_name(tmp_path, lookup, name):
    _photo(tmp_path / "photos/a.jpg")
    (tmp_path / "photos/maps").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / name)
    uv = {"uv": str(tmp_path / "photos/maps")} if "maps" in name else {}
    _, row = _extract(_config(tmp_path / "photos", lookup=lookup, **uv))["a"]
    assert row["error_type"] == "BadUvMap"
    assert "a map saved as JPEG has changed labels: save it as PNG" in row["error_message"]
    assert f"photos/{name})" in row["error_message"]


def test_a_drawing_of_a_map_is_not_taken_for_one(tmp_path, lookup):
    """NAME_densepose.png is either; in drawings, parts have colours of a palette."""
    for name in ("map", "drawing"):
        _photo(tmp_path / f"{name}.jpg")
        _iuv(tmp_path / f"{name}_densepose.png")
    colours = np.zeros((32, 32, 3), np.uint8)
    colours[4:-4, 4:-4] = (68, 1, 84)  # viridis
    Image.fromarray(colours).save(tmp_path / "drawing_densepose.png")
    rows = _extract(_config(tmp_path, lookup=lookup))
    assert rows["map"][1]["status"] == "ok"
    assert rows["drawing"][1]["error_type"] == "UnclearChannelOrder"
    assert "drawn to be looked at" in rows["drawing"][1]["error_message"]


def test_people_are_numbered_in_any_kind_of_image(tmp_path, lookup):
    people = np.full((32, 32), 3, np.uint16)
    people[:, 12:] = 200
    palette = Image.fromarray(people.astype(np.uint8)).convert("P")
    palette.putpalette([0] * 768)
    for name, image in {"deep": Image.fromarray(people), "palette": palette}.items():
        _photo(tmp_path / f"{name}.png")
        _iuv(tmp_path / f"{name}_IUV.png")
        image.save(tmp_path / f"{name}_INDS.png")
    for _, row in _extract(_config(tmp_path, size="native", lookup=lookup)).values():
        undefined = np.isnan(_stored(row))
        assert undefined[:, :12].all()
        assert not undefined[4:-4, 12:-4].any()


# --- failures


def test_an_interpolated_iuv_image_is_a_failed_row(tmp_path, lookup):
    _photo(tmp_path / "a.png", 48, 48)
    _iuv(tmp_path / "a_IUV.png", part=15)
    image = Image.open(tmp_path / "a_IUV.png").copy()
    image.resize((48, 48), Image.Resampling.BILINEAR).save(tmp_path / "a_IUV.png")
    _, row = _extract(_config(tmp_path, lookup=lookup))["a"]
    assert row["error_type"] == "InterpolatedIuv"
    assert "nearest neighbour" in row["error_message"]
    image.resize((48, 48), Image.Resampling.NEAREST).save(tmp_path / "a_IUV.png")
    assert _extract(_config(tmp_path, lookup=lookup))["a"][1]["status"] == "ok"


@pytest.mark.parametrize("background", [0, -1])
@pytest.mark.parametrize("unit", [True, False], ids=["[0, 1]", "[-1, 1]"])
def test_an_array_whose_background_is_a_point_of_the_surface_fails(tmp_path, background, unit):
    uv = _uv(tmp_path / "a.npy")
    if unit:
        uv, background = (uv + 1) / 2, (background + 1) / 2
    np.save(tmp_path / "a.npy", np.nan_to_num(uv, nan=background))
    _, row = _extract(_config(tmp_path))["a"]
    assert row["error_type"] == "BadUvMap"
    assert re.search("4[0-9]% of the UV array are .* write NaN there", row["error_message"])
    assert ("2 * uv - 1" in row["error_message"]) is unit


def test_an_array_of_one_quarter_of_the_sheet_is_good(tmp_path):
    """Of a hand alone, say: nothing below 0, and NaN off the body."""
    uv = (_uv(tmp_path / "a.npy") + 1) / 2
    np.save(tmp_path / "a.npy", uv)
    _, row = _extract(_config(tmp_path, size="native"))["a"]
    np.testing.assert_allclose(_stored(row), uv, atol=2e-5)


def test_every_bad_row_fails_under_its_own_name_and_spares_the_others(tmp_path, lookup):
    def add(name: str, write, photo: bool = True):
        if photo:
            _photo(tmp_path / f"{name}.png")
        write(tmp_path / name)

    def array(value: np.ndarray):
        return lambda path: np.save(path.with_suffix(".npy"), value)

    add("good", lambda path: _uv(path.with_suffix(".npy")))
    add("no_map", lambda path: None)
    add("empty", array(np.full((32, 32, 2), np.nan, np.float32)))
    add("small", lambda path: _uv(path.with_suffix(".npy"), 16, 32))
    add("flat", array(np.zeros((32, 32), np.float32)))
    add("range", array(np.full((32, 32, 2), 3, np.float32)))
    add("pickle", array(np.array([{}], object)))
    add("order", lambda path: _photo(path.with_name("order_IUV.png")))
    add("text", lambda path: path.with_suffix(".png").write_text("no photograph"))
    _uv(tmp_path / "text.npy")
    add("inds", lambda path: _iuv(path.with_name("inds_IUV.png")))
    Image.new("L", (8, 8)).save(tmp_path / "inds_INDS.png")
    rows = _extract(_config(tmp_path, size=32, lookup=lookup))
    assert {name: row["error_type"] for name, (_, row) in rows.items()} == {
        "good": None,
        "no_map": "MissingUvMap",
        "empty": "EmptyUvMap",
        "small": "SizeMismatch",
        "flat": "BadUvMap",
        "range": "BadUvMap",
        "pickle": "BadUvMap",
        "order": "UnclearChannelOrder",
        "text": "BadImage",
        "inds": "SizeMismatch",
    }
    for name, (image, row) in rows.items():
        ok = name == "good"
        assert row["status"] == ("ok" if ok else "failed")
        assert (image["image"] is not None) is ok
        assert (row["uv"] is not None) is ok
        assert ok or "\n" not in row["error_message"]
    message = "the photograph has 32x32 pixels, its UV map 32x16"
    assert rows["small"][1]["error_message"].startswith(f"{message} (")


def test_a_file_that_vanished_is_a_failed_row(tmp_path):
    _photo(tmp_path / "a.png")
    _uv(tmp_path / "a.npy")
    config = _config(tmp_path)
    photos = find_photos(config)
    (tmp_path / "a.npy").unlink()
    (rows,) = PrecomputedWorker(config)(photos)
    (row,) = rows["uv_maps"]
    assert row["error_type"] == "FileNotFoundError"


def test_a_photograph_beyond_the_limit_is_a_failed_row(tmp_path):
    _photo(tmp_path / "a.png")
    _uv(tmp_path / "a.npy")
    _, row = _extract(_config(tmp_path, max_pixels=1023))["a"]
    assert row["status"] == "failed"
    assert "max_pixels=1023" in row["error_message"]


def test_failed_rows_stand_in_both_tables():
    rows = failed_photograph(ORIGIN, Photo("a", "a.jpg", item_id="i"), "WorkerDied", "it died")
    assert rows["images"] == [{"image_id": "a", "item_id": "i"}]
    assert rows["uv_maps"][0]["error_type"] == "WorkerDied"


@pytest.mark.s3
def test_photographs_and_maps_on_s3(s3_url, tmp_path):
    store = Store(f"{s3_url}/extract")
    _photo(tmp_path / "WOMEN#a.png")
    _uv(tmp_path / "WOMEN#a.npy")
    for path in tmp_path.iterdir():
        store.put(f"photos/{path.name}", path.read_bytes())
    store.put("input.csv", b"image_id,image,uv\na,photos/WOMEN#a.png,photos/WOMEN#a.npy\n")
    local = _extract(_config(tmp_path, size=32))["WOMEN#a"]
    assert _extract(_config(f"{store.url}/photos", size=32))["WOMEN#a"] == local
    assert (
        _extract(_config(f"{store.url}/*/*.png", size=32))["photos/WOMEN#a"][1]["uv"]
        == (local[1]["uv"])
    )
    assert _extract(_config(f"{store.url}/input.csv", size=32))["a"][1]["uv"] == local[1]["uv"]


# --- real files


@pytest.mark.real
@pytest.mark.parametrize("maps", ["source_iuv", "source_uv"])
def test_the_authors_samples(real, rebuilt, maps):
    samples = real / "official_samples"
    rows = _extract(_config(samples / "source_img", uv=str(samples / maps)))
    assert len(rows) == 5
    for name, (image, row) in rows.items():
        assert row["status"] == "ok"
        photograph = samples / f"source_img/{name}.jpg"
        assert image["image"]["bytes"] == photograph.read_bytes()
        assert image["item_id"].startswith("id_0000")


@pytest.mark.real
def test_a_folder_of_poses(real):
    rows = _extract(_config(real / "official_samples/target_uv"))
    assert [(i["image"], u["status"]) for i, u in rows.values()] == [(None, "ok")] * 5


@pytest.mark.real
def test_pose_with_style_files(real, rebuilt):
    rows = _extract(_config(real / "pose_with_style"))
    assert [u["status"] for _, u in rows.values()] == ["ok"] * 4
    assert sorted(i["image"] is None for i, _ in rows.values()) == [False, False, False, True]
    for _, uv in rows.values():
        assert not np.isnan(_stored(uv)[:, 41:-41]).all()
        assert np.isnan(_stored(uv)[:, :41]).all()  # 348 of 512 wide, centred


@pytest.mark.real
def test_of_the_densepose_demo_one_person_is_kept(real, rebuilt):
    rows = _extract(_config(real / "densepose_demo", crop="person", size="native"))
    assert rows["texture_from_SURREAL"][1]["error_type"] == "MissingUvMap"
    image, uv = rows["demo_im"]
    assert uv["status"] == "ok"
    assert (image["width"], image["height"]) == (uv["width"], uv["height"])
    assert image["width"] < 250  # of 1,116, where a dozen people stand in the road
