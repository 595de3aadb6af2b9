"""The rows of `responses`: from the server, from static packs, or from Mechanical Turk."""

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.runs.ignored import tell_ignored
from pipelines.study.answer_store import Answers
from pipelines.study.columns import column, number, numbered, seconds
from pipelines.study.mturk import question_numbers, read_assignments
from workers.data.storage import Store, list_files, read_bytes, split_pattern
from workers.data.tables import SCHEMAS, is_part

NAMES = SCHEMAS["responses"].names
NEEDED = ["trial_id", "participant", "choice"]
TRIAL, CHOICE, SECONDS = "Input.trial_{n}", "Answer.choice_{n}", "Answer.seconds_{n}"


def read_responses(url: str) -> tuple[pd.DataFrame, Counter[str], list[str]]:
    """trial_id, participant, choice and seconds (NaN where unknown), in the order answered.

    Also what was dropped, by reason, and notes of what cannot be read. ValueError, one line, for
    a file that holds no `responses`.
    """
    lower = url.lower()
    if lower.endswith((".db", ".sqlite")):
        frame, dropped = _of_database(url), Counter[str]()
    elif lower.endswith((".csv", ".tsv", ".txt")):  # Excel's "Unicode text" is a .txt
        frame, dropped = _of_csv(url)
    elif lower.endswith(".parquet"):
        frame, dropped = _of_parquet(url), Counter[str]()
    else:
        frame, dropped = _of_folder(url), Counter[str]()
    choice = number(frame["choice"])
    if (choice % 1 != 0).any():  # NaN, too
        wrong = frame["choice"][choice % 1 != 0].iloc[0]
        raise ValueError(f"{url}: the choice {wrong!r} is not the number of a place")
    times, notes = seconds(frame.get("seconds", pd.Series(np.nan, frame.index)))
    frame = frame.assign(
        participant=frame["participant"].astype("string").astype(object),
        choice=choice.astype(int),
        seconds=times,
    )
    if "answered_at" in frame:
        given = frame["answered_at"]
        when = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
        if (lost := given.notna() & when.isna()).any():
            notes.append(
                f"{lost.sum()} of {given.notna().sum()} answered_at cannot be read, such "
                f"as {given[lost].iloc[0]!r}; they count as the last"
            )
        frame = frame.assign(answered_at=when).sort_values("answered_at", kind="stable")
    return frame[[*NEEDED, "seconds"]].reset_index(drop=True), dropped, notes


def _of_folder(url: str) -> pd.DataFrame:
    """A table's Parquet files, or the JSON files that participants of a static pack sent."""
    pattern = split_pattern(url)[1]
    parts = [] if pattern else [f.name for f in Store(url).list() if is_part(f.name)]
    if parts:
        return pd.concat([_of_parquet(f"{url}/{name}") for name in parts], ignore_index=True)
    if not pattern and url.lower().endswith(".json"):
        files = [url]
    else:
        listing = list_files(url)
        names = [file.name for file in listing.files if file.name.lower().endswith(".json")]
        tell_ignored(url, listing, names)
        files = [listing.root + name for name in names]
    if not files:
        raise ValueError(f"{url}: no answers there (.json, .parquet, .csv or .db)")
    return pd.concat([_of_json(name) for name in files], ignore_index=True)


def _of_json(url: str) -> pd.DataFrame:
    try:
        rows = json.loads(read_bytes(url))
    except ValueError as error:
        raise ValueError(f"{url}: not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{url}: a list of answers wanted, as the pages of a study save it")
    return _checked(pd.DataFrame(rows, columns=None if rows else NAMES), url)


def _of_parquet(url: str) -> pd.DataFrame:
    return _checked(pq.read_table(io.BytesIO(read_bytes(url))).to_pandas(), url)


def _of_database(url: str) -> pd.DataFrame:
    answers = Answers(Path(url.removeprefix("file://")))
    try:
        return answers.responses().to_pandas()
    finally:
        answers.close()


def _of_csv(url: str) -> tuple[pd.DataFrame, Counter[str]]:
    table, dropped = read_assignments(url)
    if "trial_id" in table:
        return _checked(table, url), dropped
    parts = [
        pd.DataFrame(
            {
                "trial_id": column(table, numbered(TRIAL, n), url),
                "participant": column(table, "WorkerId", url),
                "choice": table.get(numbered(CHOICE, n)),  # None: nobody answered it
                "seconds": table.get(numbered(SECONDS, n)),
            }
        )
        for n in question_numbers(table, TRIAL, url)
    ]
    whole = pd.concat(parts, ignore_index=True)
    skipped = whole["choice"].isna()
    dropped["questions without an answer"] += int(skipped.sum())
    return whole[~skipped], +dropped


def _checked(frame: pd.DataFrame, url: str) -> pd.DataFrame:
    """A frame with the columns of `responses`; others are refused, not dropped silently."""
    if unknown := [name for name in frame.columns if name not in NAMES]:
        raise ValueError(f"{url}: unknown column {unknown[0]} (responses has {', '.join(NAMES)})")
    for name in NEEDED:
        column(frame, name, url)
    return frame
