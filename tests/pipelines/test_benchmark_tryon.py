"""`reposer benchmark` variant tryon: its pairs, table and targets, and the command itself."""

from pathlib import Path

import pandas as pd
import pytest

from eval.statistics import Summary
from eval.tables import markdown
from eval.tryon import (
    ACROSS,
    GARMENT,
    HEAD_PSNR,
    SSIM,
    Garment,
    gaps,
    lists,
    tables,
    verdicts,
)
from pipelines.cli import main
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog

CONFIG = str(ROOT / "configs" / "benchmark" / "tryon.yaml")


def around(mean: float, width: float) -> Summary:
    return Summary(72, 0, 24, mean, mean - width, mean + width)


def scored(psnr: float, garment: float) -> dict:
    return {HEAD_PSNR: around(psnr, 0.5), GARMENT: around(garment, 0.01)}


def test_clothes_go_to_other_people_and_to_their_own_in_the_same_poses() -> None:
    wearers = [n * 2 // 3 for n in range(9)]  # as the sample world's items share people
    garments = [
        Garment([f"{n}_{view}" for view in range(3)], str(person))
        for n, person in enumerate(wearers)
    ]
    found = lists(garments)
    assert len(found["paired"]) == 9
    assert len(set(found["unpaired"])) == 9 * ACROSS
    item = {name: n for n, garment in enumerate(garments) for name in garment.photographs}
    for source, pose in found["paired"]:
        assert item[source] == item[pose]
        assert source != pose
    for source, pose in found["unpaired"]:
        assert wearers[item[source]] != wearers[item[pose]]
    assert {source for source, _ in found["unpaired"]} == {f"{n}_0" for n in range(9)}
    assert {pose for _, pose in found["unpaired"]} <= {pose for _, pose in found["paired"]}
    assert {pose[-1] for _, pose in found["paired"]} == {"1", "2"}
    with pytest.raises(ValueError, match="wants 3 other people"):
        lists(garments[:3])


def test_each_target_can_be_missed() -> None:
    def judged(network: dict, symmetry: dict, gain: float = -0.02) -> list[bool]:
        items = pd.DataFrame({"pair_id": list("abc"), "item_id": list("abc")})
        values = {
            "symmetry": {GARMENT: items.assign(value=[0.1, 0.2, 0.3])},
            "network": {GARMENT: items.assign(value=[0.1 + gain, 0.2 + gain, 0.299])},
        }
        scores = {"network": network, "symmetry": symmetry}
        return [v.passed for v in verdicts(scores, values, seed=0, replicates=200)]

    assert judged(scored(35, 0.10), scored(36, 0.13)) == [True, True, True]
    assert judged(scored(33, 0.10), scored(36, 0.13)) == [False, True, True]
    assert judged(scored(35, 0.10), scored(36, 0.115)) == [True, True, False]  # intervals touch
    assert judged(scored(35, 0.16), scored(36, 0.13), gain=0.01) == [True, False, False]
    assert judged({HEAD_PSNR: around(35, 1)}, {}) == [True]  # no weights
    assert judged({}, {}) == [False]


def test_what_changing_people_costs_is_told_garment_by_garment() -> None:
    def rows(**values: list[float]) -> pd.DataFrame:
        pairs = [(item, v) for item, given in values.items() for v in given]
        return pd.DataFrame(
            {
                "pair_id": [f"{n}" for n in range(len(pairs))],
                "item_id": [item for item, _ in pairs],
                "value": [value for _, value in pairs],
            }
        )

    values = {
        "network": {SSIM: rows(a=[0.8, 0.6], b=[0.5, 0.7])},
        "network-paired": {SSIM: rows(a=[0.8], b=[0.8])},
    }
    found = gaps(values, seed=0, replicates=200)
    gap = found["network"]["ssim_255"]
    assert (gap.n, gap.items) == (2, 2)
    assert gap.mean == pytest.approx(-0.15)
    assert (gap.low, gap.high) == pytest.approx((-0.2, -0.1))
    assert found["symmetry"] == {}
    shown = tables({"network": {SSIM: around(0.65, 0.02)}}, found)
    assert "| network | 0.650 [0.630, 0.670] |" in markdown(shown["scores"]).replace("**", "")
    assert "-0.150 [-0.200, -0.100]" in markdown(shown["gaps"]).replace("**", "")


@pytest.mark.slow
def test_from_world_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    out = tmp_path / "b" / "tryon"
    size = ["worlds.held_out_items=6", "worlds.size=64"]
    call = ["benchmark", "--config", CONFIG, f"out={tmp_path}/b", *size, "execution.engine=local"]
    assert main(call) == 0
    for method in ("network", "symmetry", "without"):
        for name, pairs in ((method, 18), (f"{method}-paired", 6)):
            rows = rows_of(f"{out}/{name}/renders")
            assert len(rows) == pairs
            assert {row["status"] for row in rows} == {"ok"}
    renders = rows_of(f"{out}/network/renders") + rows_of(f"{out}/network-paired/renders")
    truth = Catalog(f"{out}/worlds/truth").images.ids.to_pylist()
    assert set(truth) == {row["render_id"] for row in renders}
    table = pd.read_parquet(out / "report/scores.parquet").set_index("method")
    assert (table["psnr.head"][["network", "symmetry"]] > table["psnr.head"]["without"] + 5).all()
    report = Path(out, "report/report.md").read_text()
    assert "network: psnr.head in dB is" in report
    assert "Unpaired minus paired" in report
    shown = {path.stem for path in Path(out, "report").glob("*.png")}
    assert shown >= {"unpaired", "paired", "heads"}
    made = Path(out, "network/metrics/manifest.json").read_bytes()  # again: nothing is made anew
    assert main(call) == 0
    assert Path(out, "network/metrics/manifest.json").read_bytes() == made
