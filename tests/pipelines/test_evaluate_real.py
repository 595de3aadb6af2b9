"""`reposer evaluate` on published pictures and splits, which are for research only."""

import json
from pathlib import Path

import pandas as pd
import pytest

from eval.naming import PANELS
from pipelines.evaluation.splits import Split, read_images
from tests.helpers.evaluations import evaluate, metrics_of, summary_of

pytestmark = pytest.mark.real
RANKED = ["OURS_DP", "OURS_STICKMAN", "DPT", "DSC", "VUNET"]  # by ssim_dsc


def test_side_by_side_is_the_goldens(real: Path, golden: Path, tmp_path: Path) -> None:
    goldens = json.loads((golden / "goldens.json").read_text())
    out = f"{tmp_path}/out"
    metrics = f"metrics=[{','.join(goldens['order'])}]"
    assert evaluate(f"side_by_side={real / 'sidebyside'}", metrics, f"out={out}") == 0
    expected = {
        (method, number, name): value
        for method, by_number in goldens["sidebyside"].items()
        for number, values in by_number.items()
        for name, value in zip(goldens["order"], values, strict=True)
    }
    found = metrics_of(out)
    assert found.keys() == expected.keys()
    assert len(found) == 5 * 16 * 5
    assert max(abs(found[key] - expected[key]) for key in expected) < 1e-4
    summary = summary_of(out)
    means = {method: row["mean"] for (method, name), row in summary.items() if name == "ssim_dsc"}
    assert sorted(means, key=lambda method: -means[method]) == RANKED
    assert all(row["n"] == row["items"] == 16 for row in summary.values())
    table = pd.read_parquet(f"{out}/tables/table_1.parquet").set_index("method")
    assert table.loc["VUNet", "ssim"] == 0.753
    assert table.loc["VUNET", "ssim"] == pytest.approx(means["VUNET"])


@pytest.mark.parametrize(("method", "count"), [("Deform", 15), ("PG2", 10)])
def test_strips(real: Path, tmp_path: Path, method: str, count: int) -> None:
    out = f"{tmp_path}/out"
    folder = real / "baseline_strips" / method
    assert evaluate(f"strips={folder}", "metrics=[ssim_dsc]", f"out={out}") == 0
    row = summary_of(out)[method, "ssim_dsc"]
    assert (row["n"], row["failed"], row["resolution"]) == (count, 0, "256x256")
    assert 0.6 < row["low"] < row["mean"] < row["high"] < 0.9
    assert PANELS == ("condition", "target", "generated")


def test_splits_of_deepfashion(real: Path) -> None:
    splits = real / "splits"
    first = Split(str(splits / "dsc_8670" / "fasion-pairs-test.csv"))
    later = Split(str(splits / "patn_8570" / "fashion-pairs-test.csv"))
    assert (len(first.pairs), len(later.pairs)) == (8670, 8570)
    assert first.id != later.id
    assert Split(str(splits / "upgpt_pairs-test.csv")).pairs.keys() < later.pairs.keys()
    trained = read_images(str(splits / "patn_8570" / "train.lst"))
    tested = {image for pair in first.pairs for image in pair}
    assert (len(tested), len(tested & trained)) == (3153, 2898)
    assert not {image for pair in later.pairs for image in pair} & trained
    assert len(trained) == 48_674
