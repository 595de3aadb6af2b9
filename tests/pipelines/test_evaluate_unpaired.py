"""Garments on other people: measured as sets, for no photograph is the truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from configs.render import RenderConfig
from eval.metrics.inception import kid
from eval.metrics.weights import Weights
from pipelines import render
from pipelines.evaluation import evaluate as command
from tests.helpers.catalogs import StandIn, rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.evaluations import CHEAP, evaluate, page_of, summary_of
from workers.data.storage import Store

GARMENTS = [f"shirt-{n}/front" for n in range(3)]
MODELS = [f"model-{n}/front" for n in range(4)]
SETS = "metrics=[kid]"
SAID = "unpaired: clothes on other people, measured against the photographs of 4 people"


def rendered(
    folder: Path,
    garments: Sequence[str] = GARMENTS,
    models: Sequence[str] = MODELS,
    pairs: str | None = None,
) -> list[str]:
    """Garments on models, of two catalogs unless they are the same; tells `evaluate` of them."""
    names = ("models", "models") if garments is models else ("garments", "models")
    for seed, (name, ids) in enumerate(zip(names, (garments, models), strict=True)):
        write_catalog(f"{folder}/{name}", len(ids), ids=ids, seed=seed)
    catalog, poses = (f"{folder}/{name}" for name in names)
    keys = {"catalog": catalog, "poses": poses, "pairs": pairs, "out": f"{folder}/renders"}
    settings = RenderConfig.model_validate(keys | {"execution": {"engine": "local"}})
    assert render.run(settings, load_model=StandIn) == 0
    return [f"renders={folder}/renders", f"catalog={poses}"]


@pytest.fixture
def seeded(inception_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded weights, which `available` would never take for Inception's."""
    weights = Weights(inception_file, "0" * 64)
    monkeypatch.setattr(
        command, "available", lambda variants, _: (dict.fromkeys(variants, weights), {})
    )
    monkeypatch.setattr("workers.scoring.PairScorer", lambda *_: lambda *images: {})


def test_metrics_that_need_a_truth_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [*rendered(tmp_path), f"out={tmp_path}/out"]
    capsys.readouterr()
    said = wrong(capsys, "evaluate", *call, "metrics=[ssim_dsc,l1,fid]")
    assert "ssim_dsc, l1: the images (12) show clothes on other people" in said
    assert "metrics=[fid,kid], against the photographs of these people" in said
    listed = write_pairs(tmp_path / "some.csv", [(GARMENTS[0], MODELS[1])])
    said = wrong(capsys, "evaluate", *call, CHEAP, f"split={listed}")
    assert "l1, psnr, ssim_dsc: the images (1) show clothes on other people" in said
    assert not (tmp_path / "out").exists()


def test_sets_are_compared_with_each_photograph_once(
    tmp_path: Path, seeded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call, out = rendered(tmp_path), f"{tmp_path}/out"
    assert evaluate(*call, SETS, f"out={out}") == 0
    assert SAID in capsys.readouterr().err
    page = page_of(out)
    assert SAID[1:] in page
    assert page.count("<small>clothes</small>") == page.count("<small>person</small>") == 12
    assert Store(out).exists("panels.png")
    pools: dict[str, dict[str, np.ndarray]] = {"generated": {}, "reference": {}}
    for row in rows_of(out, "features"):
        pools[row["role"]][row["pair_id"]] = np.frombuffer(row["pool"], "<f4")
    photographs = {pair.split("__")[1]: pool for pair, pool in pools["reference"].items()}
    sides = [np.stack(list(side.values())) for side in (pools["generated"], photographs)]
    assert [len(side) for side in sides] == [12, 4]
    row = summary_of(out)["stand-in", "kid"]
    assert row["n"] == 12
    assert row["mean"] == pytest.approx(kid(*sides), rel=1e-3)


def test_pairs_of_one_item_are_measured_as_ever_unless_told_otherwise(
    tmp_path: Path, seeded: None
) -> None:
    views = ["a/1", "a/2", "b/1", "b/2"]
    call = rendered(tmp_path, views, views)
    for key, others, count in (("unpaired=false", False, 4), ("unpaired=true", True, 8)):
        out = f"{tmp_path}/{key}"
        assert evaluate(*call, SETS, key, f"out={out}") == 0
        rows = rows_of(out, "scores")
        assert len(rows) == count
        assert {row["source"][0] != row["reference"][0] for row in rows} == {others}


def test_where_no_items_are_known_a_person_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = rendered(tmp_path, ["g1", "g2"], ["m1", "m2"])
    assert evaluate(*call, CHEAP, f"out={tmp_path}/out") == 0
    assert "or unpaired=true if they show clothes on other people" in capsys.readouterr().err
    said = wrong(capsys, "evaluate", *call, CHEAP, "unpaired=true", f"out={tmp_path}/no")
    assert "l1, psnr, ssim_dsc: the images (4) show clothes" in said


def test_a_paired_list_is_scored_and_called_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_pairs(tmp_path / "own.csv", [(name, name) for name in MODELS])
    call = rendered(tmp_path, MODELS, MODELS, own)
    out = f"{tmp_path}/out"
    assert evaluate(*call, CHEAP, f"out={out}") == 0
    said = "aired: every person gets their own clothes"
    assert f"evaluate: p{said}" in capsys.readouterr().err
    assert f"P{said}." in page_of(out)
    assert summary_of(out)["stand-in", "l1"]["n"] == 4
