"""What `extract` says of maps that are less precise than their pictures."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.densepose import write_lookup


def _photograph(folder: Path, name: str, side: int) -> None:
    Image.new("RGB", (side, side), "grey").save(folder / f"{name}.jpg")


def _array(folder: Path, name: str, side: int) -> None:
    v, u = np.mgrid[-0.4 : 0.4 : side * 1j, -0.4 : 0.4 : side * 1j]
    np.save(folder / f"{name}.npy", np.dstack([u, v]).astype(np.float32))


def _iuv(folder: Path, name: str, side: int) -> None:
    v, u = np.mgrid[20 : 200 : side * 1j, 20 : 200 : side * 1j]
    iuv = np.dstack([np.full(u.shape, 2), u, v]).astype(np.uint8)
    Image.fromarray(iuv).save(folder / f"{name}_IUV.png")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Of 600 pixels, with a map as large, one a quarter as large, and an IUV image; and a pose."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("exact", "coarse", "steps"):
        _photograph(folder, name, 600)
    _array(folder, "exact", 600)
    _array(folder, "coarse", 150)
    _array(folder, "pose", 300)
    _iuv(folder, "steps", 600)
    return folder


def _said(capsys: pytest.CaptureFixture[str], folder: Path, size: str) -> list[str]:
    call = ["extract", f"input={folder}", f"out={folder}-{size}", f"size={size}"]
    call += [f"lookup={write_lookup(folder.parent / 'lookup.npy')}", "execution.engine=local"]
    assert main(call) == 0
    lines = capsys.readouterr().out.splitlines()
    return [line.split(maxsplit=1)[1] for line in lines if line.startswith("precision ")]


def test_one_line_says_which_maps_are_coarse_and_what_it_costs(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (said,) = _said(capsys, photographs, "native")
    assert said.startswith("1 of 4 UV maps are coarser than their pictures, up to 4.0 times")
    assert "2 pixels off; 1 of 4 UV maps are of IUV images" in said
    rows = {
        row["image_id"]: row["coarseness"] for row in rows_of(f"{photographs}-native", "uv_maps")
    }
    assert rows == {"coarse": 4, "exact": None, "pose": None, "steps": None}


def test_a_finished_run_of_before_stays_finished(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = _said(capsys, photographs, "native")
    (file,) = Path(f"{photographs}-native/uv_maps").iterdir()
    pq.write_table(pq.read_table(file).drop_columns("coarseness"), file)
    (again,) = _said(capsys, photographs, "native")
    assert again == first.partition("; ")[2]


def test_nothing_is_said_where_maps_are_as_precise_as_their_pictures(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _said(capsys, photographs, "128") == []
    for name in ("coarse.npy", "coarse.jpg", "steps_IUV.png", "steps.jpg"):
        (photographs / name).unlink()
    assert _said(capsys, photographs, "native") == []
