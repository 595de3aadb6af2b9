"""Runs over skeletons: `extract extractor=keypoints`, and `render` with skeletons for poses."""

import json
from pathlib import Path

import numpy as np
import pytest

from configs.render import RenderConfig
from pipelines import render
from pipelines.cli import main
from pipelines.runs.plan import RunError
from tests.helpers.catalogs import StandIn, rows_of, write_catalog
from tests.helpers.commands import wrong
from tests.helpers.skeletons import STANDING, controlnet, missing, seeded_poser
from workers.data.storage import Store

LOCAL = "execution.engine=local"


@pytest.fixture(scope="module")
def poser(tmp_path_factory: pytest.TempPathFactory) -> str:
    return seeded_poser(tmp_path_factory.mktemp("posers") / "poser")


@pytest.fixture
def bundled(poser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small seeded weights in the place of the bundled ones."""
    monkeypatch.setattr("workers.model.POSER", Path(poser))


def write_skeletons(url: str, count: int) -> None:
    """Skeletons in files of a folder, one of which lacks most points and one of which is broken."""
    store = Store(url)
    for n in range(count):
        store.put(f"{n}.json", controlnet(STANDING + n).encode())
    store.put("few.json", controlnet(missing(STANDING, *range(2, 18))).encode())
    store.put("broken.json", b'{"people": [')


def test_skeletons_become_a_catalog_of_poses(
    poser: str, store_url: str, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_skeletons(f"{store_url}/skeletons", 5)
    call = ["extract", f"input={store_url}/skeletons", "extractor=keypoints", "size=64"]
    call += [f"keypoints.model={poser}", f"execution.engine={engine}", "execution.workers=1"]
    call += ["shard_rows=3", "max_failed_fraction=0.5", f"out={store_url}/poses"]
    assert main(call) == 0
    rows = {row["image_id"]: row["error_type"] for row in rows_of(f"{store_url}/poses", "uv_maps")}
    good = {str(n): None for n in range(5)}
    assert rows == good | {"few": "MissingKeypoints", "broken": "BadKeypoints"}
    store = Store(f"{store_url}/poses")
    assert {"uv_maps", "annotations", "images"} <= {f.name.split("/")[0] for f in store.list()}
    files = [file.name for file in store.list("uv_maps")]
    store.fs.rm(store.path(files[0]))
    assert main(call) == 0
    assert "3 of 7 rows left" in capsys.readouterr().err
    assert [file.name for file in store.list("uv_maps")] == files


def test_the_page_shows_skeletons_and_maps(
    poser: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(controlnet(STANDING))
    call = ["extract", f"input={tmp_path}/a.json", "extractor=keypoints", LOCAL]
    assert main([*call, f"keypoints.model={poser}", f"out={tmp_path}/poses", "size=64"]) == 0
    said = capsys.readouterr()
    assert f"skeletons in {tmp_path}/a.json (1): ControlNet JSON" in said.err
    page = (tmp_path / "poses" / "index.html").read_text()
    assert "skeleton" in page
    assert "photograph" not in page


@pytest.mark.parametrize(("layout", "model"), [("anny", "bundled"), ("smpl", "MODEL")])
def test_the_next_command_names_a_model_of_the_layout(
    layout: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(controlnet(STANDING))
    poser, out = seeded_poser(tmp_path / "poser", layout), f"{tmp_path}/poses"
    call = ["extract", f"input={tmp_path}/a.json", "extractor=keypoints", LOCAL, f"out={out}"]
    assert main([*call, f"keypoints.model={poser}", "size=64"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"render catalog=CATALOG poses={out} model={model} out=renders" in last


def config(folder: Path, **keys: object) -> RenderConfig:
    values = {
        "catalog": f"{folder}/catalog",
        "poses": f"{folder}/skeletons",
        "out": f"{folder}/out",
    }
    return RenderConfig.model_validate(values | {"execution": {"engine": "local"}, **keys})


def test_everybody_is_rendered_in_the_poses_of_skeletons(bundled: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    write_skeletons(f"{tmp_path}/skeletons", 3)
    settings = config(tmp_path, size=48, max_failed_fraction=0.5)
    assert render.run(settings, load_model=StandIn) == 0
    rows = {row["render_id"]: row["width"] for row in rows_of(f"{tmp_path}/out")}
    assert rows == {f"p00{source}__{n}": 48 for source in range(2) for n in range(3)}
    identity = json.loads((tmp_path / "out" / "plan.json").read_text())["identity"]
    assert identity["config"]["poses"] == f"{tmp_path}/skeletons"
    assert len(identity["poser"]["sha256"]) == 64
    times = [file.modified for file in Store(settings.out).list("renders")]
    assert render.run(settings, load_model=StandIn) == 0
    assert [file.modified for file in Store(settings.out).list("renders")] == times


def test_one_file_of_skeletons_may_be_named_in_pairs(bundled: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    points = np.nan_to_num(np.column_stack([STANDING, np.ones(18)])).ravel().tolist()
    lines = "".join(f'{name},"{points}",256,256\n' for name in "ab")
    (tmp_path / "poses.csv").write_text(f"image_id,keypoints,width,height\n{lines}")
    (tmp_path / "pairs.csv").write_text("from,to\np000,b\np001,a\n")
    keys = {"poses": f"{tmp_path}/poses.csv", "pairs": f"{tmp_path}/pairs.csv"}
    assert render.run(config(tmp_path, **keys), load_model=StandIn) == 0
    assert [row["render_id"] for row in rows_of(f"{tmp_path}/out")] == ["p000__b", "p001__a"]


def test_too_many_bad_skeletons_show_in_the_exit_code(bundled: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 1)
    write_skeletons(f"{tmp_path}/skeletons", 1)
    assert render.run(config(tmp_path), load_model=StandIn) == 3
    assert [row["status"] for row in rows_of(f"{tmp_path}/out")] == ["ok"]
    (tmp_path / "skeletons" / "0.json").unlink()
    with pytest.raises(RunError, match="no skeleton became a pose"):
        render.run(config(tmp_path, out=f"{tmp_path}/none"), load_model=StandIn)


def test_other_skeletons_are_another_run(bundled: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 1)
    write_skeletons(f"{tmp_path}/skeletons", 1)
    assert render.run(config(tmp_path), load_model=StandIn) == 3
    (tmp_path / "skeletons" / "0.json").write_text(controlnet(STANDING + 1))
    with pytest.raises(RunError, match=r"poses holds another run \(inputs\.files"):
        render.run(config(tmp_path), load_model=StandIn)


def test_nothing_is_made_beside_another_run_or_of_another_layout(
    bundled: None, tmp_path: Path
) -> None:
    write_catalog(f"{tmp_path}/catalog", 1)
    write_skeletons(f"{tmp_path}/skeletons", 1)
    assert render.run(config(tmp_path, poses=f"{tmp_path}/catalog"), load_model=StandIn) == 0
    with pytest.raises(RunError, match=r"another run \(config\.poses"):
        render.run(config(tmp_path), load_model=StandIn)
    write_catalog(f"{tmp_path}/catalog", 1, layout="smpl")
    with pytest.raises(RunError, match=r"of layout smpl, poses=.*skeletons of layout anny"):
        render.run(config(tmp_path, out=f"{tmp_path}/new"), load_model=StandIn)
    assert not (tmp_path / "out" / "poses").exists()
    assert not (tmp_path / "new").exists()


def test_a_dry_run_writes_nothing(
    bundled: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 1)
    write_skeletons(f"{tmp_path}/skeletons", 1)
    assert render.run(config(tmp_path), dry=True) == 0
    assert "Once they are made" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told_in_one_line(
    poser: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["extract", "extractor=keypoints", f"input={tmp_path}", f"out={tmp_path}/out", LOCAL]
    assert "WIDTHxHEIGHT" in wrong(capsys, *call, "keypoints.canvas=256")
    said = wrong(capsys, *call, f"keypoints.model={tmp_path}")
    assert said == f"reposer: keypoints.model={tmp_path}: not a checkpoint: it has no config.json"
    said = wrong(capsys, *call, f"keypoints.model={poser}")
    assert "no skeletons there (.json, .parquet, or a catalog)" in said
    write_catalog(f"{tmp_path}/catalog", 1)
    call[2] = f"input={tmp_path}/catalog"
    said = wrong(capsys, *call, f"keypoints.model={poser}")
    assert "a catalog without annotations/ holds no skeletons" in said
