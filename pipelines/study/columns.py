"""Columns and rows of tables of answers, with errors that name file and column."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

THOUSANDS = r"[1-9]\d{0,2}(,\d{3})+"


def numbered(name: str, n: int) -> str:
    """The name of a column for question n."""
    return name.replace("{n}", str(n))


def column(table: pd.DataFrame, name: str, url: str) -> pd.Series:
    """A column; ValueError names it where there is none."""
    if name not in table:
        near = difflib.get_close_matches(name, table.columns, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(table.columns[:12])}"
        raise ValueError(f"{url}: no column {name}; {hint}")
    return table[name]


def number(values: pd.Series) -> pd.Series:
    """Text as numbers, NaN where it is none.

    Commas are decimal if no number has a point and some comma cannot separate thousands.
    """
    text = values.astype(object).where(values.notna(), "").astype(str)
    commas = text[text.str.contains(",")]
    points = text.str.contains(r"\d\.\d")
    if not points.any() and not commas.str.fullmatch(THOUSANDS).all():
        text = text.str.replace(",", ".")
    return pd.to_numeric(text, errors="coerce").astype(float)


def seconds(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """All times of a table as seconds, NaN where unknown; and a note of what cannot be read.

    If some text with digits is no number, no time is used: a spreadsheet that turns 3.5 into a date
    turns 3.512 into 3512.
    """
    read = number(values)
    lost = values[values.notna() & read.isna()].astype(str)
    if lost.empty:
        return read, []
    digits = lost.str.contains(r"\d")
    example = lost[digits].iloc[0] if digits.any() else lost.iloc[0]
    given = int(values.notna().sum())
    note = f"{len(lost)} of {given} answer times cannot be read, such as {example!r}"
    if not digits.any():
        return read, [note]
    why = "a spreadsheet that rewrote some may have rewritten all"
    return read * np.nan, [f"{note}; none is used, as {why}"]


def without(
    rows: pd.DataFrame, reasons: Mapping[str, Callable[[pd.DataFrame], pd.Series]]
) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows to which no reason applies, tried in order; and how many each reason dropped."""
    dropped: Counter[str] = Counter()
    for reason, applies in reasons.items():
        falls = applies(rows).astype(bool)
        dropped[reason] += int(falls.sum())
        rows = rows[~falls]
    return rows, +dropped
