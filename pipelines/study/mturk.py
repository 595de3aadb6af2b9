"""Mechanical Turk's results: whose assignments count, and where a form's answers stand."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from pipelines.study.columns import column, numbered, without
from workers.data.user_tables import read_csv

STATUS, COMPLETE = "AssignmentStatus", ("Submitted", "Approved")
REJECT = "Reject"  # where requesters write why they reject, before they upload the table
FORM = "Answer.taskAnswers"  # what a crowd-form asked, as JSON in one column
BOOLEANS = ("true", "false")


def read_assignments(url: str) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows of a table that were handed in and not rejected, a form's JSON taken apart.

    A form's answer is a column Answer.NAME, of radio buttons one Answer.NAME.VALUE each, true or
    false, as Mechanical Turk writes them, too. Other tables come whole. Also what was dropped.
    """
    table = read_csv(url)
    reasons = {}
    if STATUS in table:
        complete = f"assignments not {' or '.join(COMPLETE)}"
        reasons[complete] = lambda rows: ~rows[STATUS].isin(COMPLETE)
    if REJECT in table:
        reasons[f"assignments with a reason in {REJECT}"] = lambda rows: rows[REJECT].notna()
    rows, dropped = without(table, reasons)
    if FORM not in rows:
        return rows, dropped
    forms = rows[FORM].map(_form)
    unread = f"assignments whose {FORM} cannot be read"
    rows, broken = without(rows, {unread: lambda _: forms.isna()})
    answers = pd.DataFrame(forms.dropna().tolist(), rows.index, dtype=object)
    new = [name for name in answers.columns if name not in rows]
    return rows.drop(columns=FORM).join(answers[new]), dropped + broken


def _form(text: object) -> dict[str, str] | None:
    """The answers of a form by column; None where the text is not JSON of one."""
    if not isinstance(text, str):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return None
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, dict) for part in parts):
        return None
    return {name: answer for part in parts for name, answer in _leaves("Answer", part)}


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif value is not None and str(value).strip():
        yield name, str(value).strip()


def question_numbers(table: pd.DataFrame, name: str, url: str) -> list[int]:
    """The questions that there are columns of, by a name with {n}, in order; else the one.

    Numbers that nobody answered may be missing. ValueError where there is no such column.
    """
    if "{n}" not in name:
        return [1]
    pattern = re.escape(name).replace(re.escape("{n}"), r"(\d+)") + r"(\..+)?"
    found = {int(match[1]) for text in table.columns if (match := re.fullmatch(pattern, text))}
    numbers = sorted(n for n in found if _columns_of(table, numbered(name, n)))
    if not numbers:
        column(table, numbered(name, 1), url)
    if 0 in numbers:
        raise ValueError(f"{url}: {numbered(name, 0)}: {{n}} counts a row's questions from 1")
    return numbers


def chosen(table: pd.DataFrame, name: str, url: str) -> pd.Series:
    """What each row chose: the column's text, or which of the columns NAME.CHOICE is true."""
    columns = _columns_of(table, name)
    if columns in ([], [name]):
        return column(table, name, url)
    choices = [text.removeprefix(f"{name}.") for text in columns]
    rows = zip(*(table[text].str.lower().eq("true") for text in columns), strict=True)
    told = [" and ".join(c for c, true in zip(choices, row, strict=True) if true) for row in rows]
    return pd.Series([text or None for text in told], table.index, dtype=object)


def _columns_of(table: pd.DataFrame, name: str) -> list[str]:
    """The column of a name, or those of its radio buttons."""
    if name in table:
        return [name]
    return [
        text
        for text in table.columns
        if text.startswith(f"{name}.") and table[text].dropna().str.lower().isin(BOOLEANS).all()
    ]
