"""Files that the DensePose project's own tool dumps, and mistakes in naming a network."""

import importlib.util
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.densepose import paint, write_lookup
from workers.extraction.densepose import backends
from workers.extraction.densepose.dump import Dump

MODULE = "densepose.structures.chart_result"


class DensePoseChartResultWithConfidences:
    """As the project's own class pickles."""

    def __init__(self, labels: torch.Tensor, uv: torch.Tensor):
        self.labels, self.uv = labels, uv
        self.sigma_1 = self.kappa_u = None


DensePoseChartResultWithConfidences.__module__ = MODULE


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict]], str]:
    """Writes a dump as the tool does, whether or not the project is installed."""

    def write(entries: list[dict], name: str = "results.pkl", **options: bool) -> str:
        with monkeypatch.context() as patch:
            module = ModuleType(MODULE)
            vars(module)["DensePoseChartResultWithConfidences"] = (
                DensePoseChartResultWithConfidences
            )
            for package in ("densepose", "densepose.structures"):
                patch.setitem(sys.modules, package, ModuleType(package))
            patch.setitem(sys.modules, MODULE, module)
            torch.save(entries, tmp_path / name, **options)
        return f"{tmp_path}/{name}"

    return write


def entry(name: str, *people: tuple[tuple[float, float, int, int], float, int]) -> dict[str, Any]:
    """A photograph's entry, of people ((left, top, width, height), score, part)."""
    boxes = [[x, y, x + w + 0.5, y + h + 0.5] for (x, y, w, h), _, _ in people]
    return {
        "file_name": name,
        "scores": torch.tensor([score for _, score, _ in people]),
        "pred_boxes_XYXY": torch.tensor(boxes).reshape(-1, 4),
        "pred_densepose": [
            DensePoseChartResultWithConfidences(
                torch.full((h, w), part), torch.full((2, h, w), 0.5)
            )
            for (_, _, w, h), _, part in people
        ],
    }


def extract(tmp_path: Path, uv: str, *more: str) -> dict[str, dict]:
    """The rows of `uv_maps` by id."""
    lookup = write_lookup(tmp_path / "lookup.npy")
    call = ["extract", f"input={tmp_path}/photos", f"uv={uv}", f"out={tmp_path}/out", *more]
    engine = ["execution.engine=local", "size=native", f"lookup={lookup}"]
    assert main([*call, *engine, "max_failed_fraction=1"]) == 0
    return {row["image_id"]: row for row in rows_of(f"{tmp_path}/out", "uv_maps")}


def test_a_dump_makes_a_catalog(dump: Callable, tmp_path: Path) -> None:
    for name in ("a", "b", "nobody", "absent", "beyond"):
        paint(tmp_path / f"photos/{name}.png", (64, 48))
    url = dump(
        [
            entry("elsewhere/photos/a.png", ((1.5, 2, 20, 30), 0.9, 3), ((30, 0, 34, 48), 0.85, 7)),
            entry("photos/b.png", ((5, 5, 20, 20), 0.95, 1), ((5, 5, 40, 40), 0.3, 2)),
            entry("photos/nobody.png"),
            entry("photos/beyond.png", ((50, 0, 20, 20), 0.9, 1)),
            entry("photos/unwanted.png", ((0, 0, 20, 20), 0.9, 1)),
        ]
    )
    rows = extract(tmp_path, url)
    assert {name: row["error_type"] or row["score"] for name, row in rows.items()} == {
        "a": pytest.approx(0.85),
        "absent": "MissingUvMap",
        "b": pytest.approx(0.95),
        "beyond": "SizeMismatch",
        "nobody": "NobodyFound",
    }
    assert {row["extractor"] for row in rows.values()} == {"precomputed"}
    uv = np.frombuffer(rows["b"]["uv"], "<u2").reshape(2, 48, 64)
    body = np.argwhere(uv[0])
    assert body.min(axis=0).tolist() == [5, 5]
    assert body.max(axis=0).tolist() == [24, 24]


def test_all_people_of_a_dump_become_rows(dump: Callable, tmp_path: Path) -> None:
    paint(tmp_path / "photos/a.png", (64, 48))
    people = ((0, 0, 20, 30), 0.85, 3), ((30, 0, 34, 48), 0.9, 7)
    rows = extract(tmp_path, dump([entry("a.png", *people)]), "densepose.person=all")
    assert {name: row["score"] for name, row in rows.items()} == {
        "a": pytest.approx(0.9),
        "a@2": pytest.approx(0.85),
    }


@pytest.mark.parametrize("name", ["r.pk", "r.pickle", "R.PTH", "results [1].pt"])
@pytest.mark.parametrize("zipped", [True, False])
def test_dumps_go_by_many_names_and_come_from_windows(
    dump: Callable, tmp_path: Path, name: str, zipped: bool
) -> None:
    paint(tmp_path / "photos/a.png", (64, 48))
    paint(tmp_path / "photos/b\\c.png", (64, 48))
    box = ((0, 0, 20, 30), 0.9, 3)
    entries = [entry(r"D:\data\photos\a.png", box), entry(r"D:\data\b\c.png", box)]
    rows = extract(tmp_path, dump(entries, name, _use_new_zipfile_serialization=zipped))
    assert {name: row["status"] for name, row in rows.items()} == {"a": "ok", "b/c": "ok"}


class Harm:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.parametrize("content", [b"", b"no torch file", pickle.dumps([Harm()]), "zip"])
def test_nothing_in_a_dump_is_run(
    content: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content == "zip":
        torch.save([{"file_name": "a.png", "harm": Harm()}], tmp_path / "results.pkl")
    else:
        assert isinstance(content, bytes)
        (tmp_path / "results.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"results\.pkl is no dump of apply_net's with charts"):
        Dump(f"{tmp_path}/results.pkl")
    assert not Path("harm-was-done").exists()


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a wrong call of extract prints."""
    assert main(["extract", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_mistakes_get_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "photos/a@2.png", (64, 48))
    weights = tmp_path / "model.pkl"
    weights.touch()
    lookup = write_lookup(tmp_path / "lookup.npy")
    call = [f"input={tmp_path}/photos", f"out={tmp_path}/out", "extractor=densepose"]
    call += [f"lookup={lookup}"]
    said = wrong(capsys, *call)
    assert "wants densepose.weights=" in said
    assert "DENSEPOSE_IUV.md#ModelZoo" in said
    call.append(f"densepose.weights={weights}")
    there = importlib.util.find_spec
    absent = {"detectron2", "densepose"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in absent else there(n))
    said = wrong(capsys, *call, "densepose.backend=detectron2")
    assert "no package detectron2 and densepose" in said
    assert backends.INSTALL in said
    assert "YAML files are for detectron2" in wrong(capsys, *call, "densepose.config=my.yaml")
    assert "rename the photograph" in wrong(capsys, *call, "densepose.person=all")
    assert f"{tmp_path}/gone.pkl" in wrong(capsys, *call, f"densepose.weights={tmp_path}/gone.pkl")
    assert not (tmp_path / "out").exists()
