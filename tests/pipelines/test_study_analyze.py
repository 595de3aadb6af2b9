"""`reposer study analyze`, from answers to the sentence."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from tests.helpers.answered import (
    as_database,
    as_form,
    as_json,
    as_mturk,
    as_parquet,
    respond,
    trials_of,
)
from tests.helpers.studies import build, small_study
from workers.data.tables import SCHEMAS

METHODS = ("ours", "dull", "dim")


def analyze(out: Path, *arguments: str) -> pd.DataFrame:
    """Run the command; its table of preferences."""
    assert main(["study", "analyze", f"out={out}", *arguments]) == 0
    table = pq.read_table(out / "preferences.parquet")
    assert table.schema.equals(SCHEMAS["preferences"])
    return table.to_pandas()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a wrong call."""
    capsys.readouterr()
    assert main(["study", "analyze", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ours against two others, 8 pairs, 8 participants."""
    folder = tmp_path_factory.mktemp("study")
    numbers = ["participants=8", "practice=2", "sentinels=4", "repeats=4"]
    return small_study(folder, "methods=[ours,dull,dim]", *numbers, count=8, names=METHODS)


@pytest.fixture(scope="module")
def responses(study: Path) -> pd.DataFrame:
    return respond(trials_of(study), "ours")


def test_dynavects_export_gives_its_authors_counts(
    real: Path, golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real / "user_study" / "dynavect"
    rows = analyze(
        tmp_path / "out",
        f"answers={folder}/Survey.csv",
        "method=ours",
        f"key={folder}/dynavect-survey-images-final.csv",
        "columns.choice=Answer.q{n}",
        "columns.options=[image_A_url,image_B_url]",
        r"columns.method=_method_(\w+)\.png",
    )
    said = capsys.readouterr().out
    assert "8 assignments not Submitted or Approved" in said
    assert "ours was preferred over styleclip_o in 58.9 % of answers, 95 % interval " in said
    known = json.loads((golden / "goldens.json").read_text())["dynavect"]
    assert set(rows["exclusion"]) == {"all", "filtered"}
    for row in rows.to_dict("records"):
        expected, bounds = known[row["method_b"]], known["ci95"][row["method_b"]]
        assert (row["n_chosen"], row["n_answers"]) == (expected["ours_votes"], expected["n"])
        assert [row["pairs_won"], row["pairs_won"] + row["pairs_lost"]] == expected["majority"]
        for kind, name in (
            ("wilson_", "wilson"),
            ("participant_", "worker_boot"),
            ("item_", "item_boot"),
            ("", "two_way"),
        ):
            found = (row[f"{kind}low"], row[f"{kind}high"])
            assert found == pytest.approx(bounds[name], abs=1e-4 if name == "wilson" else 0.015)


def test_pwcmps_table_gives_its_authors_counts(real: Path, tmp_path: Path) -> None:
    file = real / "user_study" / "pwcmp" / "ex3_tmo_cmp_data.csv"
    rows = analyze(
        tmp_path,
        f"answers={file}",
        "columns.choice=is_A_selected",
        'columns.places=["1","0"]',
        "columns.options=[condition_A,condition_B]",
        "columns.participant=observer",
        "columns.item=scene",
    )
    table = pd.read_csv(file)
    whole = rows[rows["exclusion"] == "all"]
    assert whole["n_answers"].sum() == 1213
    for row in whole.to_dict("records"):
        a, b = row["method_a"], row["method_b"]
        as_a = table[(table["condition_A"] == a) & (table["condition_B"] == b)]["is_A_selected"]
        as_b = table[(table["condition_A"] == b) & (table["condition_B"] == a)]["is_A_selected"]
        assert row["n_chosen"] == as_a.sum() + (1 - as_b).sum()
    (left, _) = json.loads((tmp_path / "report.json").read_text())["analyses"][0]["sides"]
    assert (left["chosen"], left["n"]) == (640, 1213)
    scores = pq.read_table(tmp_path / "bradley_terry.parquet").to_pandas()
    assert len(scores) == 2 * 7
    assert scores["score"].sum() == pytest.approx(0, abs=1e-6)


def test_a_known_preference_is_recovered(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """20 people, real pictures, from build to report; ours is preferred in 70 % of answers."""
    study, pictures = tmp_path / "study", f"side_by_side={real}/sidebyside"
    assert (
        build(
            f"out={study}",
            pictures,
            "participants=20",
            "methods=[OURS_DP,DSC,VUNET]",
            "n_pairs=80",
            "reuse=true",
        )
        == 0
    )
    answers = as_parquet(respond(trials_of(study), "OURS_DP"), tmp_path / "r" / "0.parquet").parent
    capsys.readouterr()
    rows = analyze(tmp_path / "out", f"answers={answers}", f"pack={study}")
    said = capsys.readouterr().out
    assert set(rows["method_b"]) == {"DSC", "VUNET"}
    for row in rows.to_dict("records"):
        assert row["low"] < 0.7 < row["high"]
        assert row["preferred"] == pytest.approx(0.7, abs=0.08)
        assert (row["n_answers"], row["n_participants"], row["n_items"]) == (1600, 20, 16)
        assert row["sentence"] in said
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("data:image/jpeg") > 20  # wins and losses
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_every_way_to_bring_answers_gives_the_same(
    study: Path, responses: pd.DataFrame, tmp_path: Path
) -> None:
    mturk = as_mturk(study, responses, tmp_path / "results.csv")
    ways = {
        "file": as_parquet(responses, tmp_path / "one.parquet"),
        "folder": as_parquet(responses, tmp_path / "table" / "0.parquet").parent,
        "server": as_database(responses, tmp_path / "answers.db"),
        "json": as_json(responses, tmp_path / "json"),
        "glob": tmp_path / "json" / "answers-*.json",
        "bracketed": as_json(responses, tmp_path / "answers [2024]"),
        "mturk": mturk,
        "form": as_form(mturk, tmp_path / "form.csv"),
    }
    found = {
        way: analyze(tmp_path / "out" / way, f"answers={answers}", f"pack={study}")
        for way, answers in ways.items()
    }
    assert found["file"]["n_answers"].tolist() == [64] * 4
    for rows in found.values():
        pd.testing.assert_frame_equal(rows, found["file"])


def test_careless_participants_are_excluded_and_shown_both_ways(
    study: Path, responses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = trials_of(study).set_index("trial_id")
    careless = responses.copy()
    role = careless["trial_id"].map(trials["role"])
    one, hasty, blind = (careless["participant"] == who for who in ("p-00", "p-01", "p-02"))
    careless.loc[one & (role == "main"), "choice"] = 0
    careless.loc[hasty, "seconds"] = 0.3
    careless.loc[blind & (role == "sentinel"), "choice"] ^= 1
    answers = as_parquet(careless, tmp_path / "a.parquet")
    capsys.readouterr()
    rows = analyze(tmp_path / "out", f"answers={answers}", f"pack={study}")
    said = capsys.readouterr().out
    assert "excluded       p-00: 100 % of 16 answers at one place" in said
    assert "excluded       p-01: median 0.30 s an answer" in said
    assert "excluded       p-02: 0 of 4 sentinel trials right" in said
    assert "without exclusions: ours was preferred over dull" in said
    n = rows.groupby("exclusion")["n_participants"].unique()
    assert (list(n["all"]), list(n["filtered"])) == ([8], [5])
    kept = careless[~careless["participant"].isin(["p-00", "p-01", "p-02"])]
    alone = analyze(
        tmp_path / "kept", f"pack={study}", f"answers={as_parquet(kept, tmp_path / 'kept.parquet')}"
    )
    pd.testing.assert_frame_equal(
        rows[rows["exclusion"] == "filtered"].reset_index(drop=True),
        alone[alone["exclusion"] == "filtered"].reset_index(drop=True),
    )
    lenient = ["exclude.sentinels=0", "exclude.seconds=0", "exclude.one_side=1"]
    rows = analyze(tmp_path / "lenient", f"answers={answers}", f"pack={study}", *lenient)
    assert set(rows["n_participants"]) == {8}


def test_what_cannot_count_is_dropped_and_reported(
    study: Path, responses: pd.DataFrame, tmp_path: Path
) -> None:
    clean = analyze(
        tmp_path / "clean",
        f"pack={study}",
        f"answers={as_parquet(responses, tmp_path / 'clean.parquet')}",
    )
    again = responses.iloc[:5].assign(choice=lambda r: 1 - r["choice"])
    forged = responses.iloc[:3].assign(trial_id=["x", "y", "z"])
    nowhere = responses.iloc[5:7].assign(participant="new", choice=[2, -1])
    dirty = as_json(pd.concat([responses, again, forged, nowhere]), tmp_path / "dirty")
    nobody = [{"trial_id": responses["trial_id"][0], "participant": None, "choice": 1}]
    (dirty / "answers-.json").write_text(json.dumps(nobody))
    rows = analyze(tmp_path / "dirty-out", f"answers={dirty}", f"pack={study}")
    pd.testing.assert_frame_equal(rows, clean)
    report = json.loads((tmp_path / "dirty-out" / "report.json").read_text())
    assert report["dropped"] == {
        "answers without a participant": 1,
        "answers to unknown trials": 3,
        "answers at a place that was not shown": 2,
        "second answers to a trial": 5,
    }
    table = pd.read_csv(as_mturk(study, responses, tmp_path / "r.csv"), dtype=str)
    table.loc[0, "AssignmentStatus"] = "Rejected"
    table.loc[1, "Answer.choice_7"] = None
    table.to_csv(tmp_path / "r.csv", index=False)
    rows = analyze(tmp_path / "mturk", f"answers={tmp_path}/r.csv", f"pack={study}")
    assert set(rows["n_participants"]) == {7}
    report = (tmp_path / "mturk" / "report.md").read_text()
    assert "1 assignments not Submitted or Approved" in report
    assert "1 questions without an answer" in report


def test_the_best_of_three_and_real_or_fake(tmp_path: Path) -> None:
    (tmp_path / "of").mkdir()
    best = small_study(
        tmp_path / "of", "comparisons=[[ours,dull,dim]]", "participants=6", count=6, names=METHODS
    )
    answers = as_parquet(respond(trials_of(best), "ours"), tmp_path / "best.parquet")
    rows = analyze(tmp_path / "out", f"answers={answers}", f"pack={best}")
    rows = rows[rows["exclusion"] == "all"]
    assert rows["method_a"].tolist() == ["ours", "dull", "dim"]
    assert rows["method_b"].isna().all()
    assert rows["preferred"].sum() == pytest.approx(1)
    assert rows["preferred"].iloc[0] == pytest.approx(0.7, abs=0.2)
    scores = pq.read_table(tmp_path / "out" / "bradley_terry.parquet").to_pandas()
    assert scores["method"].iloc[0] == "ours"
    (tmp_path / "real").mkdir()
    fake = small_study(
        tmp_path / "real",
        "methods=[ours,dull]",
        "question=real_or_fake",
        "participants=6",
        count=6,
        names=METHODS,
    )
    answers = as_parquet(respond(trials_of(fake), "ours", 0.4), tmp_path / "fake.parquet")
    rows = analyze(tmp_path / "fooled", f"answers={answers}", f"pack={fake}")
    rows = rows[rows["exclusion"] == "all"].set_index("method_a")
    assert rows.loc["ours", "preferred"] == pytest.approx(0.4, abs=0.25)
    assert rows.loc[["dull", "target"], "preferred"].tolist() == [1, 1]
    assert str(rows.loc["ours", "sentence"]).startswith("ours was taken for real in ")


def test_reports_agree(study: Path, responses: pd.DataFrame, tmp_path: Path) -> None:
    answers = as_json(responses, tmp_path / "answers")
    rows = analyze(tmp_path / "out", f"answers={answers}", f"pack={study}")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    texts = [(tmp_path / "out" / name).read_text() for name in ("report.md", "index.html")]
    for headline, sentence in zip(report["headlines"], rows["sentence"], strict=False):
        assert headline["sentence"] == sentence
        assert all(sentence in text for text in texts)
    assert report["analyses"][0]["consistency"]["share"] == 1
    assert not any("p-00" in text for text in [*texts, json.dumps(report)])  # no one's id
    again = analyze(tmp_path / "out", f"answers={answers}", f"pack={study}")  # over its own
    pd.testing.assert_frame_equal(rows, again)


def test_mistakes_get_one_line(
    study: Path, responses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, out = f"pack={study}", f"out={tmp_path}/out"
    csv = tmp_path / "a.csv"
    csv.write_text("WorkerId,Answer.q1,left,right\nw,A,x,y\n")
    call = [f"answers={csv}", out]
    assert "wants either pack=, or columns.choice=" in refused(capsys, *call)
    assert f"{csv}: no column Input.trial_1" in refused(capsys, *call, pack)
    columns = ["columns.options=[left,rigth]", "columns.choice=Answer.q{n}"]
    assert f"{csv}: no column rigth; did you mean right?" in refused(capsys, *call, *columns)
    columns = ["columns.options=[left]", "columns.choice=Answer.q{n}"]
    assert "wants a column for each of columns.places" in refused(capsys, *call, *columns)
    columns = ["columns.options=[left,right]", "columns.choice=Answer.q1", "columns.method=(z)"]
    assert "columns.method=(z) finds no method in 'x'" in refused(capsys, *call, *columns)
    assert "one group" in refused(capsys, *call, *columns[:2], "columns.method=(")
    columns = [*columns[:2], 'columns.places=["1","2"]']
    said = refused(capsys, *call, *columns)
    assert "no answer to analyse (1 answers that are none of 1, 2)" in said
    csv.write_text("trial_id,participant,choice,mood\nt,p,0,good\n")
    assert f"{csv}: unknown column mood" in refused(capsys, *call, pack)
    csv.write_text("trial_id,participant,choice\nt,p,left\n")
    assert f"{csv}: the choice 'left' is not the number of a place" in refused(capsys, *call, pack)
    answers = as_parquet(responses, tmp_path / "r.parquet")
    assert "method=hers was not shown (methods: dim, dull, ours)" in refused(
        capsys, f"answers={answers}", pack, out, "method=hers"
    )
    assert "excludes every participant" in refused(
        capsys, f"answers={answers}", pack, out, "exclude.seconds=100"
    )
    assert "no study there" in refused(capsys, f"answers={answers}", f"pack={tmp_path}", out)
    broken = tmp_path / "answers-x.json"
    broken.write_text('{"trial_id": "t"}')
    assert f"{broken}: a list of answers wanted" in refused(capsys, f"answers={broken}", pack, out)
    broken.write_text("[{")
    assert f"{broken}: not JSON" in refused(capsys, f"answers={broken}", pack, out)
    broken.write_text('[{"trial_id": "t", "participant": "p"}]')
    assert f"{broken}: no column choice" in refused(capsys, f"answers={broken}", pack, out)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"{empty}: no answers there" in refused(capsys, f"answers={empty}", pack, out)
    assert "no.db" in refused(capsys, f"answers={tmp_path}/no.db", pack, out)
    (tmp_path / "bad.db").write_bytes(b"nothing")
    assert "bad.db: no file of answers" in refused(capsys, f"answers={tmp_path}/bad.db", pack, out)
    assert not (tmp_path / "out").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    assert "is not empty (thesis.txt)" in refused(capsys, f"answers={answers}", pack, f"out={mine}")
