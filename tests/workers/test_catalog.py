"""Views of a catalog: which maps are read, of one size, and what is said of those that lack."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.engines import SAMPLE
from tests.helpers.catalogs import write_annotations, write_catalog
from workers.data.catalog import Catalog
from workers.data.errors import BadAnnotation, MissingRow, SizeMismatch

EVERYTHING = ("photograph", "uv", "body", "segmentation", "person", "keypoints")


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def annotated(url: str, **rows: dict) -> Catalog:
    """A catalog of the images p000 and p001, and rows of annotations by image."""
    write_catalog(url, 2)
    write_annotations(url, [{"image_id": image_id, **row} for image_id, row in rows.items()])
    return Catalog(url)


def test_a_view_holds_what_the_tables_hold() -> None:
    row = pq.read_table(SAMPLE / "annotations").to_pylist()[3]
    uv_row = pq.read_table(SAMPLE / "uv_maps").to_pylist()[3]
    view = Catalog(str(SAMPLE)).view(row["image_id"], EVERYTHING, "anny")
    assert tuple(view) == EVERYTHING
    with Image.open(io.BytesIO(row["segmentation"]["bytes"])) as image:
        np.testing.assert_array_equal(view["segmentation"], np.asarray(image))
    np.testing.assert_array_equal(view["person"], view["segmentation"] > 0)
    np.testing.assert_array_equal(view["keypoints"].ravel(), row["keypoints"])
    stored = np.frombuffer(uv_row["uv"], "<u2").reshape(2, uv_row["height"], uv_row["width"])
    np.testing.assert_array_equal(view["body"], (stored > 0).all(axis=0))
    np.testing.assert_array_equal(view["body"], ~np.isnan(view["uv"]).any(axis=0))
    assert view["photograph"].shape == (*view["person"].shape, 3)
    assert view["keypoints"].shape == (18, 3)


def test_several_threads_read_one_catalog() -> None:
    catalog, alone = Catalog(str(SAMPLE)), Catalog(str(SAMPLE))
    ids = alone.images.ids.to_pylist()[::4]
    with ThreadPoolExecutor(4) as pool:
        views = list(pool.map(lambda image_id: catalog.view(image_id, EVERYTHING), ids))
    for image_id, view in zip(ids, views, strict=True):
        for name, expected in alone.view(image_id, EVERYTHING).items():
            np.testing.assert_array_equal(view[name], expected)


@pytest.mark.parametrize("wanted", ["segmentation", "person", "keypoints"])
def test_what_is_missing_is_named(wanted: str, tmp_path: Path) -> None:
    column = "keypoints" if wanted == "keypoints" else "segmentation"
    url = f"{tmp_path}/none"
    write_catalog(url, 2)
    with pytest.raises(MissingRow) as caught:
        Catalog(url).view("p000", [wanted])
    absent = f"{url}: no annotations there (no annotations/*.parquet)"
    assert str(caught.value) == f"'p000' has no {column}: {absent}"
    catalog = annotated(f"{tmp_path}/some", p000={})
    with pytest.raises(MissingRow, match=f"{tmp_path}/some: 'p000' has no {column}$"):
        catalog.view("p000", [wanted])
    with pytest.raises(MissingRow, match=f"'p001' has no {column}: {tmp_path}/some: no row 'p001'"):
        catalog.view("p001", [wanted])
    catalog.view("p000", ["photograph", "uv"])  # which need no annotations


def test_a_column_that_others_left_out_is_missing(tmp_path: Path) -> None:
    url = f"{tmp_path}/c"
    catalog = annotated(url, p000={"segmentation": {"bytes": png(np.ones((32, 32), np.uint8))}})
    table = pq.read_table(f"{url}/annotations").drop_columns("keypoints")
    pq.write_table(table, f"{url}/annotations/00000-of-00001.parquet")
    assert catalog.view("p000", ["person"])["person"].all()
    with pytest.raises(MissingRow, match="'p000' has no keypoints"):
        catalog.view("p000", ["keypoints"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no image", "not an image file of a known kind"),
        (png(np.zeros((32, 32), np.uint8), "JPEG"), "a map saved as JPEG has changed labels"),
        (png(np.zeros((32, 32, 3), np.uint8)), "is no grey image of 8 bits"),
        (png(np.zeros((32, 32), np.uint16)), "is no grey image of 8 bits"),
    ],
    ids=["no image", "JPEG", "colours", "16 bits"],
)
def test_what_holds_no_labels_is_told(data: bytes, said: str, tmp_path: Path) -> None:
    catalog = annotated(f"{tmp_path}/c", p000={"segmentation": {"bytes": data}})
    with pytest.raises(BadAnnotation, match=f"'p000': its segmentation.* {said}"):
        catalog.segmentation("p000")


def test_keypoints_are_54_numbers(tmp_path: Path) -> None:
    url = f"{tmp_path}/c"
    write_catalog(url, 1)
    table = pa.table({"image_id": ["p000"], "keypoints": [[1.0, 2.0]]})
    Path(url, "annotations").mkdir()
    pq.write_table(table, f"{url}/annotations/a.parquet")
    with pytest.raises(BadAnnotation, match="'p000': keypoints are 54 numbers, these 2"):
        Catalog(url).keypoints("p000")


def test_the_torso_is_a_square_within_the_picture() -> None:
    catalog = Catalog(str(SAMPLE))
    image_id = catalog.images.ids.to_pylist()[0]
    assert catalog.torso(image_id).all()  # 256 pixels are the whole picture


def test_the_torsos_square_lies_about_shoulders_and_hips(tmp_path: Path) -> None:
    keypoints = np.zeros((18, 3))
    keypoints[[2, 5, 8, 11], :2] = [(400, 100), (500, 100), (420, 300), (480, 300)]
    image = {"bytes": png(np.zeros((320, 600, 3), np.uint8))}
    tables = {
        "images": {"image_id": ["wide"], "image": [image], "width": [600], "height": [320]},
        "annotations": {"image_id": ["wide"], "keypoints": [keypoints.ravel().tolist()]},
    }
    for name, columns in tables.items():
        Path(tmp_path, name).mkdir()
        pq.write_table(pa.table(columns), tmp_path / name / "a.parquet")
    square = Catalog(str(tmp_path)).torso("wide")
    assert square.shape == (320, 600)
    assert square[64:320, 322:578].all()  # the middle is at (450, 200): 8 pixels too low to fit
    assert square.sum() == 256 * 256


def test_maps_of_one_image_have_one_size(tmp_path: Path) -> None:
    labels = {"bytes": png(np.ones((30, 40), np.uint8))}
    catalog = annotated(f"{tmp_path}/c", p000={"segmentation": labels})
    with pytest.raises(SizeMismatch) as caught:
        catalog.view("p000", ["photograph", "uv", "person"])
    assert str(caught.value) == (
        "'p000': the photograph has 32x32 pixels, its UV map 32x32, its segmentation 40x30"
    )
    catalog.view("p000", ["photograph", "uv"])
