"""`reposer benchmark` variant faces: its tables and verdicts, and the command itself."""

from pathlib import Path

import pandas as pd
import pytest

from configs.benchmark import BenchmarkConfig
from eval.faces import ABLATIONS, MS_SSIM, PERCEPTUAL, SSIM, gains, tables, verdicts
from eval.statistics import Summary
from eval.tables import cells, markdown
from pipelines.cli import main
from pipelines.cli.arguments import find_command, read_config
from tests.conftest import ROOT
from tests.helpers import face468
from tests.helpers.catalogs import rows_of

CONFIG = str(ROOT / "configs" / "benchmark" / "faces.yaml")


def values(**means: float) -> dict:
    """Of each ablation, a distance of three pairs of each of four subjects, and a likeness."""
    pairs = pd.DataFrame(
        {"pair_id": [f"{n}" for n in range(12)], "item_id": [f"{n // 3}" for n in range(12)]}
    )
    spread = pd.Series([0.01 * n for n in range(12)])
    return {
        name.replace("_", "-"): {
            PERCEPTUAL: pairs.assign(value=mean + spread),
            SSIM: pairs.assign(value=1 - mean - spread),
        }
        for name, mean in means.items()
    }


def judged(**means: float) -> dict[str, bool]:
    found = verdicts(gains(values(**means), seed=0, replicates=200))
    return {v.sentence.split(": ")[1].split()[0]: v.passed for v in found}


def test_full_must_beat_rgb_inpainting_by_an_interval() -> None:
    assert judged(full=0.203, no_deform=0.203, rgb_inpainting=0.221) == {
        "lpips_squeeze_caffe": True,
        "ssim_dsc": True,
    }
    assert not any(judged(full=0.23, rgb_inpainting=0.22).values())
    assert not any(judged(full=0.22, rgb_inpainting=0.22).values())  # an interval that touches 0
    assert judged(full=0.2) == {}


def test_gains_are_differences_pair_by_pair() -> None:
    found = gains(values(full=0.20, no_deform=0.21, rgb_inpainting=0.19), 0, 200)
    assert set(found) == {"no-deform", "rgb-inpainting"}
    better = found["no-deform"][PERCEPTUAL]
    assert better.difference.mean == pytest.approx(-0.01)
    assert (better.wins, better.losses) == (12, 0)  # however far subjects are apart
    assert found["no-deform"][SSIM].difference.mean == pytest.approx(0.01)
    assert found["rgb-inpainting"][PERCEPTUAL].losses == 12


def test_the_papers_rows_stand_above_ours_and_are_ranked_apart() -> None:
    scores = {
        name: {v: Summary(92, 0, 23, x, x - 0.01, x + 0.01) for v in (SSIM, MS_SSIM, PERCEPTUAL)}
        for name, x in zip(ABLATIONS, (0.8, 0.7, 0.9), strict=True)
    }
    shown = tables(scores, gains(values(full=0.2, rgb_inpainting=0.3), 0, 200))
    rows = cells(shown["scores"])
    assert [name for name, _ in rows] == [*(f"{name} †" for name in ABLATIONS), *ABLATIONS]
    assert [text for text, _ in rows[0][1]] == ["0.613", "0.764", "0.203", "–"]
    assert [best for _, best in rows[0][1]] == [True, True, True, False]
    assert rows[5][1][0] == ("0.900 [0.890, 0.910]", True)
    assert rows[4][1][2] == ("0.700 [0.690, 0.710]", True)
    assert "| full less rgb-inpainting | " in markdown(shown["gains"])
    assert "-0.1000 [-0.1000, -0.1000]" in markdown(shown["gains"])


def test_each_ablation_is_trained_by_the_same_keys() -> None:
    keys = ["inpainter.steps=7", "generator.steps=9", "generator.batch=2", "seed=3"]
    command, rest = find_command(["benchmark", "--config", CONFIG, "out=/b", *keys])
    config = read_config(command, rest)
    assert isinstance(config, BenchmarkConfig)
    of = {name: config.ablation(name) for name in ABLATIONS}
    completers = {"full": "coordinates", "no-deform": "coordinates", "rgb-inpainting": "colours"}
    for name, ablation in of.items():
        f, g = ablation.inpainter, ablation.generator
        assert f is not None
        assert g is not None
        assert (ablation.variant, ablation.worlds) == (name, config.worlds)
        assert (g.variant, g.steps, g.batch, g.seed) == (name, 9, 2, 3)
        assert (f.steps, f.seed) == (7, 3)
        assert g.out == f"/b/{name}/generator"
        assert f.out == g.inpainter == f"/b/inpainter-{completers[name]}"
    assert of["full"].inpainter == of["no-deform"].inpainter


@pytest.mark.slow
def test_from_worlds_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps, which teach nothing: each part must fit the next."""
    face468.task()  # or skips
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    out = tmp_path / "b" / "faces"
    keys = ["items=2", "views=2", "held_out_items=2", "held_out_views=21", "size=64"]
    keys = [f"worlds.{key}" for key in keys] + ["inpainter.width=4", "inpainter.texture_size=64"]
    keys += ["generator.width=8", "generator.discriminator_width=4", "execution.engine=local"]
    for network in ("inpainter", "generator"):
        keys += [f"{network}.steps=2", f"{network}.batch=2"]
    call = ["benchmark", "--config", CONFIG, f"out={tmp_path}/b", *keys]
    assert main(call) == 0
    pairs = pd.read_csv(out / "worlds/protocol/test.csv")
    frames = pairs["from"].str.partition("_frame-")
    assert set(frames[2].astype(int)) == {0, 120}
    assert list(pairs.groupby("from").size()) == [4] * 4
    for name in ABLATIONS:
        rows = rows_of(f"{out}/{name}/renders")
        assert [row["status"] for row in rows] == ["ok"] * 16
    table = pd.read_parquet(out / "report/scores.parquet")
    assert list(table["method"]) == [*ABLATIONS, *ABLATIONS]
    assert list(table["source"]) == ["published"] * 3 + ["measured"] * 3
    assert table["ssim_dsc"][0] == 0.613
    report = Path(out, "report/report.md").read_text()
    assert "full less rgb-inpainting, pair by pair: ssim_dsc" in report
    assert "g of no-deform: 2 steps of 2 of 4 pairs, seed 0, width 8" in report
    assert (out / "report/faces.png").stat().st_size > 1000
    made = Path(out, "full/generator/manifest.json").read_bytes()  # again: nothing is made anew
    assert main(call) == 0
    assert Path(out, "full/generator/manifest.json").read_bytes() == made
