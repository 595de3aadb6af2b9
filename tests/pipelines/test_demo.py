"""`reposer demo` with a person's own photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets import SAMPLE
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.commands import wrong
from workers.data.catalog import Catalog
from workers.extraction.bodyfit import networks
from world.stances import STANCES

LOCAL = "execution.engine=local"


@pytest.fixture(autouse=True)
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder PHOTOS of the current one."""
    try:
        networks.check()
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    Path("PHOTOS").mkdir()
    return Path("PHOTOS")


def add(folder: Path, name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(folder / name)


@pytest.mark.slow
def test_whoever_is_found_is_rendered(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(photographs, "shirt.png", Catalog(str(SAMPLE)).photograph("item-000000_view-00"))
    add(photographs, "wall.jpg", np.full((64, 64, 3), 200, np.uint8))
    assert main(["demo", "input=PHOTOS", "out=out", LOCAL]) == 0
    rows = {row["image_id"]: row["error_type"] for row in rows_of("out/catalog", "uv_maps")}
    assert rows == {"shirt": None, "wall": "NobodyFound"}
    renders = rows_of("out/people")
    assert {row["render_id"] for row in renders} == {f"shirt__{name}" for name in STANCES}
    assert {row["status"] for row in renders} == {"ok"}
    page = Path("out/people/index.html")
    assert page.exists()
    assert capsys.readouterr().out.splitlines()[-1].split() == ["page", str(page.absolute())]


def test_photographs_of_nobody_are_told_in_one_line(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "PHOTOS: no photographs there" in wrong(capsys, "demo", "input=PHOTOS", LOCAL)
    add(photographs, "wall.jpg", np.full((64, 64, 3), 200, np.uint8))
    assert main(["demo", "input=PHOTOS", LOCAL]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "PHOTOS: no photograph can be used" in told
    assert "demo-out/catalog/index.html says why" in told
    assert Path("demo-out/catalog/index.html").exists()
