"""`reposer benchmark` variant keypoints: its targets, its baseline, and the command itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from assets import POSER, SAMPLE
from eval.keypoints import ERRORS, FRONT, cost_table, maps_table, verdicts
from eval.statistics import Comparison, Summary
from eval.tables import markdown
from models.poser import Parts, Poser, PoserConfig, load_poser, save_poser
from pipelines.cli import main
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.extraction.bodyfit import networks
from workers.map_errors import errors
from workers.nearest_poses import NearestPoses

CONFIG = str(ROOT / "configs" / "benchmark" / "keypoints.yaml")
WORLD = Catalog(str(SAMPLE))


def around(mean: float, width: float = 0.01) -> Summary:
    return Summary(60, 0, 20, mean, mean - width, mean + width)


def ways(better: float, worse: float, front: float = 1.0) -> dict[str, dict[str, Summary]]:
    """Two ways' errors, of which one is as good on every column as `better`, 0 to 1."""

    def row(good: float) -> dict[str, Summary]:
        columns = {c.name: around(good if c.better == "higher" else 1 - good) for c in ERRORS}
        return columns | {FRONT.name: around(front)}

    return {"predicted": row(better), "nearest": row(worse)}


def costing(mean: float) -> Comparison:
    return Comparison(around(mean, 0.001), 10, 20, 0, 0)


def passed(maps: dict, **costs: Comparison) -> list[bool]:
    return [verdict.passed for verdict in verdicts(maps, costs)]


def test_each_target_can_be_missed() -> None:
    assert passed(ways(0.9, 0.8)) == [True] * 6
    assert passed(ways(0.9, 0.885)) == [False] * 5 + [True]  # the intervals overlap
    assert passed(ways(0.9, 0.8, front=0.97)) == [True] * 5 + [False]
    tuned = {"bundled": costing(0.02), "tuned": costing(0.01)}
    assert passed(ways(0.9, 0.8), **tuned) == [True] * 7
    worse = tuned | {"tuned": costing(0.019)}  # no more than chance
    assert passed(ways(0.9, 0.8), **worse) == [True] * 6 + [False]


def test_tables_have_a_row_a_way() -> None:
    text = markdown(maps_table(ways(0.9, 0.8)))
    assert "| predicted | **0.900 [0.890, 0.910]** |" in text
    assert "nearest: that of the training pose whose skeleton is nearest" in text
    assert "| bundled | 0.0200 [0.0190, 0.0210] |" in markdown(
        cost_table({"bundled": costing(0.02)})
    )


def test_errors_of_a_map_are_none_on_itself() -> None:
    uv = np.moveaxis(WORLD.uv_map(WORLD.images.ids[0].as_py()), 0, -1)
    same = errors(uv, uv)
    assert (same.median, same.texels, same.overlap, same.parts) == (0, 0, 1, 1)
    assert same.right_side
    other = errors(uv * [-1, 1], uv)  # left for right
    assert other.parts == 0
    assert other.right_side
    assert other.texels > 20


def test_the_nearest_pose_of_a_known_one_is_itself_in_its_place() -> None:
    nearest = NearestPoses(str(SAMPLE))
    for name in nearest.ids[:3]:
        points, true = WORLD.keypoints(name)[:, :2], np.moveaxis(WORLD.uv_map(name), 0, -1)
        np.testing.assert_array_equal(nearest.map_of(points, 256, 256), true)
        half = nearest.map_of(points / 2 + 20, 128, 200)
        assert half.shape == (128, 200, 2)
        shown = ~np.isnan(half[..., 0])
        rows, columns = np.nonzero(shown)
        inside = (rows >= 20) & (columns >= 20)
        assert inside.all()
        np.testing.assert_array_equal(
            half[rows, columns], true[2 * (rows - 20), 2 * (columns - 20)]
        )


def test_the_bundled_poser_is_small_and_right() -> None:
    assert sum(file.stat().st_size for file in POSER.iterdir()) < 6e6
    poser, _ = load_poser(Store(str(POSER)).read)
    found = []
    for name in WORLD.images.ids.to_pylist()[::5]:
        points = torch.from_numpy(WORLD.keypoints(name)[None, :, :2])
        uv = poser.predict(points, (256, 256))[0].numpy()
        found.append(errors(np.moveaxis(uv, 0, -1), np.moveaxis(WORLD.uv_map(name), 0, -1)))
    mean = np.mean(found, axis=0)
    assert mean[found[0]._fields.index("overlap")] > 0.8
    assert mean[found[0]._fields.index("within_10cm")] > 0.95
    assert all(one.right_side for one in found)


@pytest.mark.slow
def test_from_worlds_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        networks.check()
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    out = tmp_path / "b" / "keypoints"
    size = ["worlds.items=2", "worlds.views=2", "worlds.held_out_items=2"]
    size += ["worlds.held_out_views=2", "worlds.size=128", "execution.engine=local"]
    call = ["benchmark", "--config", CONFIG, f"out={tmp_path}/b", *size]
    assert main([*call, f"poser={_seeded(tmp_path / 'poser')}"]) == 0
    rows = pd.read_parquet(out / "maps.parquet")
    assert set(rows["method"]) == {"predicted", "nearest", "bodyfit"}
    assert (rows[rows["method"] == "nearest"]["overlap"] > 0.3).all()
    for name in ("true", "predicted"):
        assert {row["status"] for row in rows_of(f"{out}/{name}/renders")} == {"ok"}
    report = (out / "report/report.md").read_text()
    assert "IoU of bodies: predicted" in report
    assert {path.stem for path in Path(out, "report").glob("*.png")} == {"maps", "renders"}


def _seeded(folder: Path) -> str:
    """A poser with random weights, which draws something."""
    centres = torch.tensor([[-0.2, 0.2], [0.2, 0.2]])
    parts = Parts(centres, torch.stack([centres - 0.2, centres + 0.2]))
    config = PoserConfig(width=8, parts=2)
    files = save_poser(config, {"poser": Poser(config, parts)}, "Seeded.")
    for name, data in files.items():
        Store(str(folder)).put(name, data)
    return str(folder)
