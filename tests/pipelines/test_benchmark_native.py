"""`reposer benchmark` variant native: its table, its targets, and the command itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eval.native import METHODS, PERCEPTUAL, TORSO_DETAIL, TORSO_PERCEPTUAL, Cost, verdicts
from eval.native import table as native_table
from eval.statistics import Comparison, Summary
from eval.tables import markdown
from pipelines.cli import main
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog
from workers.extraction.bodyfit import networks

CONFIG = str(ROOT / "configs" / "benchmark" / "native.yaml")


def around(mean: float, width: float = 0.005) -> Summary:
    return Summary(72, 0, 12, mean, mean - width, mean + width)


def scored(distance: float, torso: float, detail: float) -> dict:
    return {
        PERCEPTUAL: around(distance),
        TORSO_PERCEPTUAL: around(torso),
        TORSO_DETAIL: around(detail),
    }


COSTS = {"native": Cost(0.5, 1.2), "upsampled": Cost(0.3, 0.9)}
NEARER = Comparison(around(-0.02), wins=70, losses=2, ties=0, unmatched=0)


def judged(**changed: Any) -> list[bool]:
    given: dict[str, Any] = {
        "scores": {"native": scored(0.07, 0.2, 0.9)},
        "costs": COSTS,
        "gain": NEARER,
    }
    return [verdict.passed for verdict in verdicts(**(given | changed))]


def test_each_target_can_be_missed() -> None:
    assert judged() == [True] * 5
    assert judged(scores={"native": scored(0.08, 0.24, 0.7)}) == [False] * 3 + [True] * 2
    assert judged(gain=NEARER._replace(difference=around(-0.004))) == [True] * 3 + [False, True]
    assert judged(costs=COSTS | {"native": Cost(0.7, 1.2)}) == [True] * 4 + [False]
    assert judged(scores={}, costs={}, gain=None) == [False] * 3


def test_the_table_has_a_row_a_method_that_was_scored() -> None:
    scores = {"native": scored(0.07, 0.2, 0.9), "ceiling": scored(0.05, 0.17, 0.03)}
    text = markdown(native_table(scores, COSTS))
    assert "| native | 0.070 [0.065, 0.075] | 0.200 [0.195, 0.205] |" in text
    assert "| 0.50 | 1.20 |" in text
    assert "| – | – |" in text  # the ceiling costs nothing
    assert "ceiling: the true photograph at a quarter of the size" in text
    assert "symmetry" not in text


@pytest.mark.slow
def test_from_world_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        networks.check()
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    out = tmp_path / "b" / "native"
    for name in METHODS.keys() - {"native", "ceiling"}:  # as if they had been measured
        Path(out, name).mkdir(parents=True)
        Path(out, name, "cost.json").write_text('{"seconds": 0.25, "memory": 1.0}')
    size = ["worlds.held_out_items=2", "worlds.held_out_views=2", "worlds.size=128"]
    call = ["benchmark", "--config", CONFIG, f"out={tmp_path}/b", *size, "execution.engine=local"]
    assert main(call) == 0
    for name in METHODS:
        rows = rows_of(f"{out}/{name}/renders")
        assert len(rows) == 4  # both ordered pairs of two items
        assert {row["status"] for row in rows} == {"ok"}
        side = 32 if name in ("upsampled", "ceiling") else 128
        assert {row["width"] for row in rows} == {side}
    quarter = Catalog(f"{out}/worlds/quarter")
    for row in rows_of(f"{out}/ceiling/renders"):
        assert row["image"]["bytes"] == quarter.photograph_file(row["pose_id"])
    table = pd.read_parquet(out / "report/scores.parquet").to_dict("records")
    assert [row["method"] for row in table] == list(METHODS)
    scores = {row["method"]: row for row in table}
    assert scores["ceiling"]["ssim_255"] > scores["upsampled"]["ssim_255"]
    assert scores["upsampled"]["detail.torso"] < 0.5 * scores["native"]["detail.torso"]
    assert 0 < scores["native"]["seconds"] < 60
    assert 0.1 < scores["native"]["memory"] < 10
    assert np.isnan(scores["ceiling"]["seconds"])
    assert scores["whole"]["seconds"] == 0.25
    report = Path(out, "report/report.md").read_text()
    assert "native: detail.torso is" in report
    assert "128x128 pixels, seed 2, stock held_out" in report
    assert {path.stem for path in Path(out, "report").glob("*.png")} >= {"renders", "torsos"}
    # Again: nothing is made anew.
    made = Path(out, "native/cost.json").read_bytes()
    assert main(call) == 0
    assert Path(out, "native/cost.json").read_bytes() == made
