"""The answers of a study as one frame, from any of their sources; and what was dropped.

A row of the frame is an answer: participant, trial_id, role, question, pair_id, item_id, options (a
tuple: the method at each place), choice (the place chosen, from 0), answer (the right place; NaN
where there is none), seconds (NaN where unknown) and repeat_of.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from configs.study import Columns, StudyAnalyzeConfig
from eval.study.design import MAIN, PICK, REAL_OR_FAKE
from pipelines.study.columns import column, numbered, seconds, without
from pipelines.study.mturk import chosen, question_numbers, read_assignments
from pipelines.study.responses import read_responses
from workers.data.user_tables import read_csv

COLUMNS = [
    "participant",
    "trial_id",
    "role",
    "question",
    "pair_id",
    "item_id",
    "options",
    "choice",
    "answer",
    "seconds",
    "repeat_of",
]
WORK_SECONDS = "WorkTimeInSeconds"  # of Mechanical Turk: a whole assignment's


@dataclass(frozen=True)
class Answers:
    """The answers to analyse, and how many others were dropped."""

    frame: pd.DataFrame
    dropped: Counter[str]  # by reason
    notes: list[str]  # what cannot be read in those


def read_answers(config: StudyAnalyzeConfig, trials: pd.DataFrame | None) -> Answers:
    """The answers of a config; ValueError, one line, where they cannot be read.

    `trials` is the key of the config's pack; None for the answers of another study.
    """
    if trials is None:
        answers = _of_table(config.answers, config.columns, config.key)
    else:
        answers = _of_pack(config.answers, trials)
    if not (answers.frame["role"] == MAIN).any():
        why = "; ".join(f"{n} {reason}" for reason, n in answers.dropped.items())
        raise ValueError(f"{config.answers}: no answer to analyse" + (f" ({why})" if why else ""))
    return answers


def _of_pack(url: str, trials: pd.DataFrame) -> Answers:
    responses, dropped, notes = read_responses(url)
    known = responses.merge(trials, on="trial_id", how="left", indicator=True)
    frame, wrong = without(
        known,
        {
            "answers without a participant": lambda rows: rows["participant"].isna(),
            "answers to unknown trials": lambda rows: rows["_merge"] != "both",
            "answers at a place that was not shown": lambda rows: (
                ~rows["choice"].between(0, _places(rows) - 1)
            ),
            "second answers to a trial": _twice,
        },
    )
    return Answers(frame[COLUMNS], dropped + wrong, notes)


def _places(rows: pd.DataFrame) -> pd.Series:
    """How many choices a trial has; for real_or_fake there are two."""
    return rows["options"].map(len).where(rows["question"] != REAL_OR_FAKE, 2)


def _of_table(url: str, columns: Columns, key_url: str | None) -> Answers:
    """Another study's CSV: a row an answer, or a row an assignment of several questions."""
    table, dropped = read_assignments(url)
    key = read_csv(key_url) if key_url else None
    numbers = question_numbers(table, str(columns.choice), url)
    if key is not None and len(key) < numbers[-1]:
        raise ValueError(f"{key_url}: {len(key)} rows for {numbers[-1]} questions of {url}")
    frame = pd.concat([_question(table, columns, key, n, url, str(key_url)) for n in numbers])
    times, notes = _times(table, frame, columns)
    frame["seconds"] = times
    if not _is_wide(columns):  # a question that was repeated may be answered again
        frame["trial_id"] = [f"row {n + 1}" for n in range(len(frame))]
    place = {text: place for place, text in enumerate(columns.places)}
    frame, wrong = without(
        frame.reset_index(drop=True),
        {
            "questions without an answer": lambda rows: rows["text"].isna(),
            f"answers that are none of {', '.join(columns.places)}": lambda rows: (
                ~rows["text"].isin(columns.places)
            ),
            "answers without a participant": lambda rows: rows["participant"].isna(),
            "answers to questions without an item": lambda rows: rows["item_id"].isna(),
            "answers to questions that do not say what was shown": lambda rows: _by_options(
                rows, lambda options: None in options
            ),
            "answers to questions that show one method twice": lambda rows: _by_options(
                rows, lambda options: len(set(options)) < len(options)
            ),
            "second answers to a question": _twice,
        },
    )
    whole = frame.assign(
        role=MAIN,
        question=PICK,
        pair_id=frame["item_id"],
        choice=frame["text"].map(place),
        answer=np.nan,
        repeat_of=None,
    )
    return Answers(whole[COLUMNS], dropped + wrong, notes)


def _is_wide(columns: Columns) -> bool:
    """Whether a row holds several questions."""
    return "{n}" in str(columns.choice)


def _times(
    table: pd.DataFrame, frame: pd.DataFrame, columns: Columns
) -> tuple[pd.Series, list[str]]:
    """The seconds of each answer in `frame`, its own or its share of an assignment; and notes."""
    if columns.seconds is None and _is_wide(columns) and WORK_SECONDS in table:
        whole, notes = seconds(table[WORK_SECONDS])
        given = frame["text"].groupby(level=0).count()
        return (whole / given).reindex(frame.index), notes
    return seconds(frame["seconds"])


def _by_options(rows: pd.DataFrame, test: Callable[[tuple[str | None, ...]], bool]) -> pd.Series:
    return pd.Series([test(options) for options in rows["options"]], rows.index, dtype=bool)


def _question(
    table: pd.DataFrame, columns: Columns, key: pd.DataFrame | None, n: int, url: str, key_url: str
) -> pd.DataFrame:
    """All answers to question n: the text of the choice, and what is known about it."""

    def of(name: str) -> pd.Series:
        return column(table, numbered(name, n), url)

    def shown(name: str) -> pd.Series:
        if key is None:
            return of(name)
        text = column(key, numbered(name, n), key_url).iloc[n - 1]
        return pd.Series(text, table.index, dtype=object)

    places = [(names,) if isinstance(names, str) else names for names in columns.options]
    joined = [_joined([shown(name) for name in names]) for names in places]
    texts = list(zip(*joined, strict=True))
    pictures = [" | ".join(sorted(map(str, row))) for row in texts]
    return pd.DataFrame(
        {
            "participant": of(columns.participant),
            "trial_id": [f"question {n}: {picture}" for picture in pictures],
            "item_id": of(columns.item) if columns.item else pictures,
            "options": [tuple(_method(text, columns.method) for text in row) for row in texts],
            "text": chosen(table, numbered(str(columns.choice), n), url),
            "seconds": of(columns.seconds) if columns.seconds else np.nan,
        },
        table.index,
    )


def _joined(parts: list[pd.Series]) -> list[str | None]:
    """Each row's text of several columns as one; None where all are empty."""
    rows = zip(*parts, strict=True)
    return [" ".join(text for text in row if isinstance(text, str)) or None for row in rows]


def _method(text: str | None, pattern: str | None) -> str | None:
    if text is None or pattern is None:
        return text
    found = re.search(pattern, text)
    if not found:
        raise ValueError(f"columns.method={pattern} finds no method in {text!r}")
    return found[1]


def _twice(rows: pd.DataFrame) -> pd.Series:
    return rows.duplicated(["participant", "trial_id"])
