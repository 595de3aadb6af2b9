"""The paper's study of garment transfer: clothes and person shown, the truth hidden."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from playwright.sync_api import Page, expect, sync_playwright

from configs.render import RenderConfig
from models.maps import Target
from pipelines import render
from pipelines.cli import main
from pipelines.study.answer_store import Answer, Answers
from tests.conftest import ROOT
from tests.helpers.catalogs import StandIn, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.studies import build, codes, serving, session, table
from workers.data.catalog import Catalog
from workers.data.images import decode

CHROMIUM = os.environ.get("REPOSER_CHROMIUM") or shutil.which("chromium") or ""
PATIENCE = 60_000  # ms: a busy machine's server starts slowly
PAPER = ROOT / "configs" / "study" / "garment-transfer.yaml"
GARMENTS = [f"shirt-{n}/front" for n in range(9)]
MODELS = [f"model-{n}/front" for n in range(9)]


class Darker(StandIn):
    """Another method."""

    name, sha256 = "darker", "1" * 64

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        return super().render(state, source_index, target) / 2


def rendered(folder: Path, pairs: int, size: int) -> list[str]:
    """Two methods' renders of garments on models; what `study build` is told of them."""
    write_catalog(f"{folder}/garments", 9, ids=GARMENTS, size=size)
    write_catalog(f"{folder}/models", 9, ids=MODELS, size=size, seed=8)
    every = [(garment, model) for garment in GARMENTS for model in MODELS]
    listed = write_pairs(folder / "pairs.csv", every[:pairs])
    keys = {"catalog": f"{folder}/garments", "poses": f"{folder}/models", "pairs": listed}
    for method in (StandIn, Darker):
        values = {**keys, "out": f"{folder}/{method.name}", "execution": {"engine": "local"}}
        assert render.run(RenderConfig.model_validate(values), load_model=method) == 0
    runs = f"runs=[{folder}/stand-in,{folder}/darker]"
    return [runs, "methods=[ours,swapnet]", f"catalog={folder}/models", f"out={folder}/study"]


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.skip("no chromium (set REPOSER_CHROMIUM)")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def test_clothes_and_person_are_shown_above_and_no_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = rendered(tmp_path, 4, size=32)
    small = ["participants=2", "repeats=0", "n_pairs=4"]
    capsys.readouterr()
    said = wrong(capsys, "study", "build", *call, *small)
    assert "stand-in shows clothes on other people, and no photograph shows the truth" in said
    assert "give show_target=false (and show_garment=true, show_person=true)" in said
    said = wrong(capsys, "study", "build", *call, *small, "show_person=true")
    assert "show_person=true wants show_target=false" in said
    shown = ["show_garment=true", "show_person=true", "show_target=false"]
    assert build(*call, *small, *shown) == 0
    study = tmp_path / "study"
    files = {(r["pair_id"], r["method"]): r["file"] for r in table(study, "pictures.parquet")}
    photographs = {
        "garment": Catalog(f"{tmp_path}/garments"),
        "person": Catalog(f"{tmp_path}/models"),
    }
    trials = {t["trial_id"]: t for t in table(study, "trials")}
    for code in codes(study):
        for question in session(study, code):
            pair = trials[question["id"]]["pair_id"]
            above = [files[pair, name] for name in ("garment", "person")]
            assert question["above"] == above
            for file, (name, catalog), image in zip(
                above, photographs.items(), pair.split("__"), strict=True
            ):
                pixels = decode((study / "pack" / "images" / file).read_bytes(), 10**6)
                assert (pixels == catalog.photograph(image)).all(), name
    assert not {method for _, method in files} & {"target", "source"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_papers_study_end_to_end(
    tmp_path: Path, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    """73 samples x 50 people at 128 pixels: 3,650 answers, 57.1 % for the first method."""
    assert main(["study", "build", "--config", str(PAPER), *rendered(tmp_path, 73, size=160)]) == 0
    said = capsys.readouterr().out
    assert "balanced exactly for every pair, and to within one for every participant" in said
    study = tmp_path / "study"
    answers = tmp_path / "answers.db"
    trials = pq.read_table(study / "trials").to_pandas()
    assert len(trials) == 73 * 50
    first = codes(study)[0]
    with serving(study, f"answers={answers}") as server:
        page.goto(f"{server.url}/#{first}")
        page.get_by_role("button", name="I agree").click()
        for number in range(1, 74):
            shown = re.compile(rf"^Question {number} of 73$")
            expect(page.locator(".progress span")).to_have_text(shown, timeout=PATIENCE)
            if number == 1:
                expect(page.locator("h2")).to_have_text("Which picture seems more realistic?")
                captions = page.locator("figcaption").all_inner_texts()
                assert captions == ["The clothes", "The person"]
                images = page.locator(".trial img").all()
                widths = [i.evaluate("i => [i.naturalWidth, i.naturalHeight]") for i in images]
                assert widths == [[128, 128]] * 4
                page.screenshot(path=tmp_path / "question.png")
            page.wait_for_timeout(400)  # a question takes no answer sooner
            page.keyboard.press("12"[number % 2])
        expect(page.locator("h1")).to_have_text("Thank you!", timeout=PATIENCE)
        given = {row["trial_id"]: row["choice"] for row in server.answers()}
    assert len(given) == 73
    by_id = trials.set_index("trial_id")
    wins = sum(by_id.loc[trial, "options"][choice] == "ours" for trial, choice in given.items())
    others = trials[trials["slot"] != 0].sample(frac=1, random_state=0)
    store = Answers(answers)
    store.record(
        [
            Answer(row.trial_id, codes(study)[row.slot], choice, 3.0)
            for n, row in enumerate(others.itertuples())
            for ours in [list(row.options).index("ours")]
            for choice in [ours if n < 2084 - wins else 1 - ours]
        ]
    )
    store.close()
    out = tmp_path / "preferences"
    call = [f"answers={answers}", f"pack={study}", f"out={out}"]
    assert main(["study", "analyze", *call]) == 0
    rows = pd.read_parquet(out / "preferences.parquet")
    row = rows[rows["exclusion"] == "all"].iloc[0]
    assert (row["n_answers"], row["n_participants"], row["n_chosen"]) == (3650, 50, 2084)
    found = [row["preferred"], row["wilson_low"], row["wilson_high"]]
    assert [round(value, 3) for value in found] == [0.571, 0.555, 0.587]
