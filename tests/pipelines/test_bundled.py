"""What comes with the software: its networks and its poses, by name and from any folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets import NETWORKS, POSES, SAMPLE, TRYON
from configs.poses import PosesConfig
from models.uv_maps import dequantise
from pipelines.cli import main
from tests.helpers.catalogs import rows_of, write_catalog
from tests.helpers.commands import wrong
from workers.data.catalog import Catalog
from workers.data.images import decode
from workers.poses import PoseWorker
from world.stances import STANCES

LOCAL = "execution.engine=local"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def identity(url: str) -> dict[str, Any]:
    return json.loads(Path(f"{url}/manifest.json").read_text())["identity"]


def test_bundled_networks_are_a_checkpoint_like_any_other() -> None:
    write_catalog("catalog", 2)
    for model in ("bundled", str(NETWORKS)):
        words = ["catalog=catalog", "poses=catalog", f"model={model}", f"out={Path(model).name}"]
        assert main(["render", *words, LOCAL]) == 0
    assert rows_of("bundled") == rows_of("small")
    named, pathed = identity("bundled"), identity("small")
    assert named["config"]["model"] == "bundled"
    assert named["model"] == pathed["model"]
    assert len(named["model"]["sha256"]) == len(named["model"]["trained_on"]) == 64


def test_the_bundled_network_for_garment_transfer_keeps_heads_on_white() -> None:
    source, pose = "item-000000_view-00", "item-000004_view-00"
    Path("pairs.csv").write_text(f"from,to\n{source},{pose}\n")
    words = [f"catalog={SAMPLE}", "pairs=pairs.csv", "image.format=png", LOCAL]
    for model in ("bundled-tryon", str(TRYON)):
        assert main(["render", *words, f"model={model}", f"out={Path(model).name}"]) == 0
    assert rows_of("bundled-tryon") == rows_of("tryon")
    assert len(identity("bundled-tryon")["model"]["trained_on"]) == 64
    render = decode(rows_of("tryon")[0]["image"]["bytes"], 10**6).astype(int)
    sample = Catalog(str(SAMPLE))
    photograph, head, person = (
        sample.view(pose, ("photograph", "head", "person"))[name]
        for name in ("photograph", "head", "person")
    )
    assert np.abs(render - photograph)[head].mean() < 4
    assert np.abs(render - photograph)[person & ~head].mean() > 10
    assert render[:8].mean() > 250  # above the head


def test_a_run_says_which_precision_made_its_pixels(capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog("catalog", 1)
    words = ["catalog=catalog", "poses=catalog", "model=bundled", "image.format=png", LOCAL]
    for precision in ("fp32", "fp16"):
        given = [*words, f"execution.precision={precision}", f"out={precision}"]
        assert main(["render", *given]) == 0
    assert "precision" not in identity("fp32")["model"]  # the reference goes without saying
    assert identity("fp16")["model"] == identity("fp32")["model"] | {"precision": "fp16"}
    pixels = [decode(rows_of(url)[0]["image"]["bytes"], 10**6) for url in ("fp32", "fp16")]
    assert np.abs(pixels[0].astype(int) - pixels[1]).max() <= 1
    capsys.readouterr()
    line = wrong(capsys, "render", *words, "execution.precision=fp32", "out=fp16")
    assert "model.precision: fp16 there, absent now" in line


def test_maps_of_another_layout_are_refused_with_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_catalog("catalog", 1, layout="smpl")
    line = wrong(capsys, "render", "catalog=catalog", "poses=catalog", "model=bundled", "out=r")
    assert "UV maps of layout smpl, model=bundled was made for layout anny" in line
    assert "model=symmetry, or extract the photographs with extractor=bodyfit" in line
    line = wrong(capsys, "render", "catalog=catalog", "poses=bundled", "out=r")
    assert "UV maps of layout smpl, poses=bundled of layout anny: extract the phot" in line


# --- poses


def drawn(name: str) -> np.ndarray:
    """Where a bundled pose shows the body, bool (H, W)."""
    return Catalog(str(POSES)).body(name)


def test_bundled_poses_are_those_that_the_command_makes() -> None:
    bundled, made = Catalog(str(POSES)), PoseWorker(PosesConfig(size=256, out="poses"))
    assert bundled.layout() == "anny"
    assert bundled.usable(photographs=False) == list(STANCES)
    for row in made([("walking", None), ("back", None)]):
        (uv_map,) = row["uv_maps"]
        ours = dequantise(np.frombuffer(uv_map["uv"], "<u2").reshape(2, 256, 256))
        theirs = bundled.uv_map(uv_map["image_id"], "anny")
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", STANCES)
def test_a_stance_fills_the_picture_as_in_a_catalog(name: str) -> None:
    rows, columns = np.nonzero(drawn(name))
    assert 0.85 * 256 < np.ptp(rows) < 0.96 * 256
    assert rows.min() > 0 < 255 - rows.max()
    assert columns.min() > 0 < 255 - columns.max()
    assert abs((columns.min() + columns.max()) / 2 - 127.5) < 3


def test_people_of_any_size_are_rendered_in_bundled_poses() -> None:
    write_catalog("catalog", 1, size=48)
    assert main(["render", "catalog=catalog", "poses=bundled", "out=all", LOCAL]) == 0
    rows = rows_of("all")
    assert {row["render_id"] for row in rows} == {f"p000__{name}" for name in STANCES}
    assert {(row["status"], row["width"], row["height"]) for row in rows} == {("ok", 256, 256)}
    assert identity("all")["config"]["poses"] == "bundled"
    Path("pairs.csv").write_text("from,to\np000,walking\np000,back\n")
    words = ["catalog=catalog", "poses=bundled", "pairs=pairs.csv", "out=two"]
    assert main(["render", *words, LOCAL]) == 0
    assert {row["pose_id"] for row in rows_of("two")} == {"walking", "back"}


def test_poses_come_in_other_sizes() -> None:
    assert main(["poses", "size=64", "out=poses", LOCAL]) == 0
    small = Catalog("poses").body("arm-raised")
    assert small.shape == (64, 64)
    large = drawn("arm-raised").reshape(64, 4, 64, 4).mean((1, 3)) > 0.5
    assert (small == large).mean() > 0.98
