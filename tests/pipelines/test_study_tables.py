"""Other people's tables of answers: Mechanical Turk's, spreadsheets', other studies'."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.study import StudyAnalyzeConfig
from pipelines.cli import main
from pipelines.study.answers import Answers, read_answers
from pipelines.study.columns import number, seconds
from pipelines.study.responses import read_responses

WIDE = {"choice": "Answer.q{n}", "options": ["a", "b"]}
LONG = {"choice": "choice", "options": ["a", "b"]}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def read(table: Path, columns: dict[str, Any], key: Path | None = None) -> Answers:
    """What the command would analyse."""
    config = {"answers": table, "columns": columns, "key": key, "out": table.parent / "out"}
    texts = {name: str(v) if isinstance(v, Path) else v for name, v in config.items()}
    return read_answers(StudyAnalyzeConfig.model_validate(texts), None)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return write(tmp_path / "key.csv", [{"a": f"ours {n}", "b": f"hers {n}"} for n in range(4)])


def assignments(**more: Sequence[object]) -> list[dict[str, Any]]:
    """Four workers' rows of three questions."""
    rows = [
        {
            "WorkerId": f"w{n}",
            "AssignmentStatus": "Submitted",
            "Answer.q1": "A",
            "Answer.q2": "B",
            "Answer.q3": "AB"[n % 2],
        }
        for n in range(4)
    ]
    return [row | {name: values[n] for name, values in more.items()} for n, row in enumerate(rows)]


def test_assignments_with_a_reason_in_reject_are_dropped(tmp_path: Path, key: Path) -> None:
    marks = {"Approve": ["x", "", "", "x"], "Reject": ["", "clicked through", "", ""]}
    answers = read(write(tmp_path / "t.csv", assignments(**marks)), WIDE, key)
    assert set(answers.frame["participant"]) == {"w0", "w2", "w3"}
    assert answers.dropped == {"assignments with a reason in Reject": 1}
    marks["AssignmentStatus"] = ["Approved", "Rejected", "Rejected", "Submitted"]
    answers = read(write(tmp_path / "t.csv", assignments(**marks)), WIDE, key)
    assert answers.dropped == {"assignments not Submitted or Approved": 2}
    nobody = write(tmp_path / "t.csv", assignments(Reject=["bad"] * 4))
    with pytest.raises(ValueError, match=r"no answer to analyse \(4 assignments with a reason"):
        read(nobody, WIDE, key)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["0.2", "3", None], [0.2, 3, np.nan]),
        (["0,2", "3", "1,234", None], [0.2, 3, 1.234, np.nan]),
        (["0,512", "1,234"], [0.512, 1.234]),
        (["1,234", "12,345"], [np.nan, np.nan]),  # thousands, or not: nobody knows
        (["0,2", "3.5"], [np.nan, 3.5]),
        (["1.234,5"], [np.nan]),
        ([0.25, None], [0.25, np.nan]),
    ],
)
def test_decimal_commas_are_read_where_a_column_has_no_others(texts: list, values: list) -> None:
    np.testing.assert_array_equal(number(pd.Series(texts)), values)


def test_times_that_a_spreadsheet_rewrote_are_not_trusted() -> None:
    read, notes = seconds(pd.Series(["3512", "02. Mai", None, "n/a"]))
    assert read.isna().all()
    assert notes == [
        "2 of 3 answer times cannot be read, such as '02. Mai'; none is used, as a "
        "spreadsheet that rewrote some may have rewritten all"
    ]
    read, notes = seconds(pd.Series(["3.5", "n/a"]))
    np.testing.assert_array_equal(read, [3.5, np.nan])
    assert notes == ["1 of 2 answer times cannot be read, such as 'n/a'"]


def test_what_the_rule_lacks_stands_in_every_report(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def analyze(name: str, times: list[str]) -> str:
        table = write(tmp_path / f"{name}.csv", assignments(t1=times, t2=times, t3=times))
        rule = ["exclude.sentinels=0", "exclude.one_side=1"]
        columns = ["columns.choice=Answer.q{n}", "columns.options=[a,b]", "columns.seconds=t{n}"]
        call = [f"answers={table}", f"key={key}", r"columns.method=(\w+)", *columns, *rule]
        assert main(["study", "analyze", *call, f"out={tmp_path / name}"]) == 0
        return capsys.readouterr().out

    said = analyze("comma", ["0,2", "3,5", "3,5", "3,5"])
    assert "excluded       w0: median 0.20 s an answer" in said
    assert "note" not in said
    said = analyze("date", ["0.2", "3. May", "2-Mar", "3.5"])
    assert "excluded" not in said
    notes = json.loads((tmp_path / "date" / "report.json").read_text())["notes"]
    assert notes[0].startswith(
        "6 of 12 answer times cannot be read, such as '3. May'; none is used"
    )
    assert notes[1:] == [
        "the rule against hasty participants was not applied to 4 of 4 "
        "participants, who have no known answer times"
    ]
    for note in notes:
        assert f"note           {note}\n" in said
        assert f"- note: {note}\n" in (tmp_path / "date" / "report.md").read_text()
        page = (tmp_path / "date" / "index.html").read_text()
        assert f"Note: {note}." in page.replace("&#39;", "'")


def test_the_first_of_two_answers_is_found_whatever_fractions_times_have(tmp_path: Path) -> None:
    times = ["2026-01-01T10:00:00.5Z", "2026-01-01 10:00:00+00:00", "1. Jan"]
    rows = [
        {"trial_id": "t", "participant": f"p{n}", "choice": n, "answered_at": time}
        for n, time in enumerate(times)
    ]
    responses, _, notes = read_responses(str(write(tmp_path / "t.csv", rows)))
    assert responses["choice"].tolist() == [1, 0, 2]
    assert notes == ["1 of 3 answered_at cannot be read, such as '1. Jan'; they count as the last"]


def test_a_works_time_with_a_decimal_comma_is_shared_among_its_answers(
    tmp_path: Path, key: Path
) -> None:
    table = write(tmp_path / "t.csv", assignments(WorkTimeInSeconds=["7,5", "60", "60", "60"]))
    frame = read(table, WIDE, key).frame
    assert frame.groupby("participant")["seconds"].median().tolist() == [2.5, 20, 20, 20]


FORMS = [
    {"A": True, "B": False},
    {"A": False, "B": True},
    {"A": False, "B": False},
    {"A": True, "B": True},
]


@pytest.mark.parametrize("kind", ["columns", "json"])
def test_radio_buttons_of_a_form_are_choices(tmp_path: Path, key: Path, kind: str) -> None:
    """One true of several: that one; none: no answer; two, as of tick boxes: none of the places."""
    rows: list[dict[str, Any]] = [{"WorkerId": f"w{n}"} for n in range(4)]
    for row, form in zip(rows, FORMS, strict=True):
        if kind == "json":
            row["Answer.taskAnswers"] = json.dumps([{"q1": form, "q3": form, "age": "30"}])
        else:  # Excel writes TRUE
            row |= {
                f"Answer.q{n}.{place}": str(true).upper() if n == 3 else str(true).lower()
                for n in (1, 3)
                for place, true in form.items()
            }
    answers = read(write(tmp_path / "t.csv", rows), WIDE, key)
    assert answers.frame["participant"].tolist() == ["w0", "w1"] * 2
    assert answers.frame["choice"].tolist() == [0, 1] * 2
    assert answers.frame["options"].map(max).tolist() == ["ours 0"] * 2 + ["ours 2"] * 2
    assert answers.dropped == {
        "questions without an answer": 2,
        "answers that are none of A, B": 2,
    }


def test_a_forms_json_that_cannot_be_read_costs_its_row_alone(tmp_path: Path, key: Path) -> None:
    texts = ['[{"q1": "A"}]', '{"q1": {"A": false, "B": true}}', '[{"q1": "A"', "[1]"]
    rows = [{"WorkerId": f"w{n}", "Answer.taskAnswers": text} for n, text in enumerate(texts)]
    answers = read(write(tmp_path / "t.csv", rows[:1] + rows[2:]), WIDE, key)
    assert answers.frame["participant"].tolist() == ["w0"]
    assert answers.dropped == {"assignments whose Answer.taskAnswers cannot be read": 2}


def test_forms_give_a_published_studys_counts(real: Path, tmp_path: Path) -> None:
    folder = real / "user_study" / "dynavect"
    key = folder / "dynavect-survey-images-final.csv"
    columns = {"choice": "Answer.q{n}", "options": ["image_A_url", "image_B_url"]}
    published = read(folder / "Survey.csv", columns, key)
    rows = pd.read_csv(folder / "Survey.csv", dtype=str).dropna(how="all", ignore_index=True)
    names = [name for name in rows.columns if name.startswith("Answer.")]
    flags = {f"{name}.{place}": rows[name].eq(place) for name in names for place in "AB"}
    json_rows = [
        json.dumps(
            [{name.removeprefix("Answer."): {p: row[name] == p for p in "AB"} for name in names}]
        )
        for row in rows.to_dict("records")
    ]
    for form in ({"Answer.taskAnswers": json_rows}, flags):
        table = rows.drop(columns=names).join(pd.DataFrame(form, rows.index))
        table.to_csv(tmp_path / "t.csv", index=False)
        answers = read(tmp_path / "t.csv", columns, key)
        pd.testing.assert_frame_equal(answers.frame, published.frame)
        assert answers.dropped == published.dropped


def test_questions_that_nobody_answered_leave_the_others_their_numbers(
    tmp_path: Path, key: Path
) -> None:
    rows = [{"WorkerId": "w", "Answer.q1": "A", "Answer.q4": "B", "Answer.q10x": "no question"}]
    table = write(tmp_path / "t.csv", rows)
    assert read(table, WIDE, key).frame["options"].map(min).tolist() == ["hers 0", "hers 3"]
    key.write_text("\n".join(key.read_text().splitlines()[:3]))
    with pytest.raises(ValueError, match="2 rows for 4 questions of"):
        read(table, WIDE, key)
    rows = [{"WorkerId": "w", "Answer.q0": "A", "Answer.q1": "B"}]
    with pytest.raises(ValueError, match=r"Answer\.q0: \{n\} counts a row's questions from 1"):
        read(write(tmp_path / "t.csv", rows), WIDE, key)


SHOWN = [
    ("DQ", "1", "DQ", "2"),
    ("HM", "1", "DQ", "2"),
    ("DQ", "1", "DQ", "1"),
    ("", "", "DQ", "1"),
    ("real", "", "DQ", "1"),
]


def test_a_question_of_one_method_is_no_answer(tmp_path: Path) -> None:
    names = ["a", "level_a", "b", "level_b"]
    rows = [
        {"WorkerId": "w", "choice": "A", **dict(zip(names, shown, strict=True))} for shown in SHOWN
    ]
    table = write(tmp_path / "t.csv", rows)
    answers = read(table, LONG)
    assert answers.frame["options"].tolist() == [("HM", "DQ"), ("real", "DQ")]
    one = "answers to questions that show one method twice"
    unsaid = "answers to questions that do not say what was shown"
    assert answers.dropped == {one: 2, unsaid: 1}
    levels = [["a", "level_a"], ["b", "level_b"]]
    answers = read(table, LONG | {"options": levels})
    assert answers.frame["options"].tolist() == [
        ("DQ 1", "DQ 2"),
        ("HM 1", "DQ 2"),
        ("real", "DQ 1"),
    ]
    assert answers.dropped == {one: 1, unsaid: 1}
    answers = read(table, LONG | {"options": levels, "method": r"^(\w+)"})
    assert answers.frame["options"].tolist() == [("HM", "DQ"), ("real", "DQ")]
    with pytest.raises(ValueError, match="no column lvl"):
        read(table, LONG | {"options": [["a", "lvl"], "b"]})
    with pytest.raises(
        ValueError, match=r"no answer to analyse \(1 answers to questions that show"
    ):
        read(write(tmp_path / "one.csv", rows[2:3]), LONG)
    call = [f"answers={table}", "columns.choice=choice", f"out={tmp_path / 'out'}"]
    assert main(["study", "analyze", *call, "columns.options=[[a,level_a],[b,level_b]]"]) == 0
    assert "DQ 1 was preferred over DQ 2 in" in (tmp_path / "out" / "report.md").read_text()
