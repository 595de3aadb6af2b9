"""`reposer render size=`: renders of another size than the catalog's."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets import SAMPLE
from eval.pictures import GAP, LABEL
from models.checkpoint import save
from models.config import ModelConfig
from models.generator import build_generator
from models.inpainter import build_inpainter
from pipelines.cli import main
from pipelines.runs.report import TILE, closer
from tests.helpers.catalogs import rows_of, write_pairs
from tests.helpers.commands import wrong
from workers.data.catalog import Catalog
from workers.data.storage import Store

IDS = Catalog(str(SAMPLE)).images.ids.to_pylist()
PAIRS = [(IDS[0], IDS[1]), (IDS[0], IDS[9]), (IDS[17], IDS[18])]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs.csv", PAIRS)


def render(out: str, *words: str) -> list[np.ndarray]:
    """The pictures of a run over the sample's pairs."""
    given = [f"catalog={SAMPLE}", "pairs=pairs.csv", "execution.engine=local", "image.format=png"]
    assert main(["render", *given, f"out={out}", *words]) == 0
    rows = rows_of(out)
    assert {row["status"] for row in rows} == {"ok"}
    images = [np.array(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in rows]
    assert [(row["height"], row["width"]) for row in rows] == [x.shape[:2] for x in images]
    return images


@pytest.mark.parametrize("model", ["bundled", "symmetry"])
def test_renders_come_in_the_size_that_is_asked_for(model: str) -> None:
    whole = render("native", f"model={model}", "size=native")
    for size in (128, 384):
        images = render(f"of_{size}", f"model={model}", f"size={size}")
        for image, native in zip(images, whole, strict=True):
            assert native.shape == (256, 256, 3)
            assert image.shape == (size, size, 3)
            resized = np.array(Image.fromarray(native).resize((size, size), Image.Resampling.BOX))
            assert np.abs(image.astype(float) - resized).mean() < 6


def test_its_sheet_shows_the_cloth_pixel_by_pixel() -> None:
    large = render("large", "size=512")[0]
    sheet = np.array(Image.open("large/contact_sheet.png"))
    catalog, (source, pose) = Catalog(str(SAMPLE)), PAIRS[0]
    photograph = catalog.photograph(source)
    for column, whole, uv in ((1, photograph, source), (4, large, pose)):
        left = GAP + column * (TILE + GAP)
        tile = sheet[LABEL : LABEL + TILE, left : left + TILE]
        np.testing.assert_array_equal(tile, closer(whole, catalog.uv_map(uv)))


def test_a_run_without_size_knows_none_and_one_with_it_is_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render("out")
    identity = json.loads(Path("out/manifest.json").read_text())["identity"]
    assert "size" not in identity
    assert "size" not in identity["config"]
    capsys.readouterr()
    words = [f"catalog={SAMPLE}", "pairs=pairs.csv", "image.format=png", "out=out", "size=300"]
    assert "size" in wrong(capsys, "render", *words)


def test_a_checkpoint_without_blend_runs_as_before_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = ModelConfig(inpainter_width=4, generator_width=8, texture_size=64)
    networks = {"inpainter": build_inpainter(config), "generator": build_generator(config)}
    store = Store("checkpoint")
    for name, content in save(config, networks, "Random.").items():
        store.put(name, content)
    as_before = render("before", "model=checkpoint")
    assert "cannot read cloth" not in capsys.readouterr().err
    native = render("native", "model=checkpoint", "size=native")
    assert "model=" in (said := capsys.readouterr().err)
    assert "cannot read cloth from photographs" in said
    np.testing.assert_array_equal(native, as_before)
    render("bundled", "model=bundled", "size=native")
    assert "cannot read cloth" not in capsys.readouterr().err
