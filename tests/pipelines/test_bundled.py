"""What comes with the software: its networks and its poses, by name and from any folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from assets import NETWORKS
from pipelines.cli import main
from tests.helpers.catalogs import rows_of, write_catalog
from tests.helpers.commands import wrong

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


def test_maps_of_another_layout_are_refused_with_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_catalog("catalog", 1, layout="smpl")
    line = wrong(capsys, "render", "catalog=catalog", "poses=catalog", "model=bundled", "out=r")
    assert "UV maps of layout smpl, model=bundled was made for layout anny" in line
    assert "model=symmetry, or extract the photographs with extractor=bodyfit" in line
