"""Comparisons of runs, gates, and runs of a schedule."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.evaluation import history
from pipelines.runs import lease
from tests.conftest import ROOT
from tests.helpers.evaluations import CHEAP, evaluate, page_of, summary_of, write_folders
from workers.data.storage import Store


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Images with little noise and with more, against the same photographs."""
    folder = str(tmp_path_factory.mktemp("folders"))
    good, reference = write_folders(folder, side="good")
    poor, _ = write_folders(folder, side="poor", noise=40)
    return {"good": good, "poor": poor, "reference": reference}


def test_the_example_of_a_schedule_is_a_config() -> None:
    example = ROOT / "deploy" / "evaluate.yaml"
    assert main(["evaluate", "--config", str(example), "date=2026-07-01", "--print-config"]) == 0


def call(folders: dict[str, str], side: str) -> list[str]:
    return [f"generated={folders[side]}", f"reference={folders['reference']}", CHEAP]


def test_compare(
    folders: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("good", "poor"):
        assert evaluate(*call(folders, side), f"out={tmp_path}/{side}") == 0
    out, runs = f"{tmp_path}/out", f"compare=[{tmp_path}/good,{tmp_path}/poor]"
    for _ in range(2):  # again is the same
        assert evaluate(runs, f"out={out}") == 0
    assert "good → poor, l1: B is worse" in capsys.readouterr().out
    rows = {r["metric"]: r for r in pq.read_table(f"{out}/comparison.parquet").to_pylist()}
    assert set(rows) == {"l1", "psnr", "ssim_dsc"}
    a, b = (summary_of(f"{tmp_path}/{side}")[side, "l1"]["mean"] for side in ("good", "poor"))
    assert rows["l1"]["difference"] == pytest.approx(b - a)
    assert rows["l1"]["low"] > 0
    assert all(
        (r["b_is"], r["wins"], r["losses"], r["n"]) == ("worse", 0, 8, 8) for r in rows.values()
    )
    assert page_of(out).count("<img") == 8 * 3  # no source is known
    assert evaluate(runs, f"out={tmp_path}/good") == 2
    assert "is not empty" in capsys.readouterr().err
    assert evaluate(f"compare=[{tmp_path}/good,{out}]", f"out={tmp_path}/o") == 2
    assert f"{out} holds no run" in capsys.readouterr().err
    assert evaluate(runs, "methods=[good,best]", f"out={tmp_path}/o") == 2
    assert "has no method best (poor)" in capsys.readouterr().err


def test_a_gate_that_fails_ends_in_exit_code_3(
    folders: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [*call(folders, "poor"), f"out={tmp_path}/out"]
    assert evaluate(*run, "gates=[{metric: l1, worst: 0.01}]") == 3
    said = capsys.readouterr().out
    assert "FAILED         l1 is 0." in said
    assert "at most 0.0100 is wanted" in said
    assert "Not accepted" in page_of(f"{tmp_path}/out")
    assert evaluate(*run, "gates=[{metric: l1, worst: 0.9}]") == 0  # the same run, judged anew
    assert "Accepted" in page_of(f"{tmp_path}/out")


def test_a_schedule(
    folders: dict[str, str], store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = "gates=[{metric: ssim_dsc, no_regression: true}]"
    for date, side, code in [
        ("2026-07-01", "good", 0),
        ("2026-07-02", "poor", 3),
        ("2026-07-02", "poor", 3),  # the same date is the same run
        ("2026-07-03", "good", 0),  # judged against the first, for the second was not accepted
    ]:
        run = [*call(folders, side), "method=ours", gates, f"date={date}", f"out={store_url}"]
        assert evaluate(*run) == code
    said = capsys.readouterr().out
    assert said.count("ssim_dsc regressed: ") == 2
    assert "is below the accepted" in said
    assert summary_of(f"{store_url}/runs/2026-07-02")["ours", "l1"]["n"] == 8
    table = history.read(Store(store_url)).select(["date", "metric", "accepted"]).to_pylist()
    l1 = [(str(row["date"]), row["accepted"]) for row in table if row["metric"] == "l1"]
    assert l1 == [("2026-07-01", True), ("2026-07-02", False), ("2026-07-03", True)]
    with lease.held(Store(store_url), "another", 60):
        assert evaluate(*run) == 2
    assert "is being worked on by another" in capsys.readouterr().err
