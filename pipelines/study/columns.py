"""Columns and rows of tables that people hand in, with errors that name file and column."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping

import pandas as pd

STATUS, COMPLETE = "AssignmentStatus", ("Submitted", "Approved")


def complete_assignments(table: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """Mechanical Turk's rows that were handed in and not rejected; other tables whole."""
    if STATUS not in table:
        return table, Counter()
    reason = f"assignments not {' or '.join(COMPLETE)}"
    return without(table, {reason: lambda rows: ~rows[STATUS].isin(COMPLETE)})


def count_numbered(table: pd.DataFrame, name: str, url: str) -> int:
    """How many columns there are of a name with {n}: from 1, without a gap."""
    column(table, numbered(name, 1), url)
    n = 1
    while numbered(name, n + 1) in table:
        n += 1
    return n


def numbered(name: str, n: int) -> str:
    """A column's name of question n."""
    return name.replace("{n}", str(n))


def column(table: pd.DataFrame, name: str, url: str) -> pd.Series:
    """A column; ValueError names it where there is none."""
    if name not in table:
        near = difflib.get_close_matches(name, table.columns, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(table.columns[:12])}"
        raise ValueError(f"{url}: no column {name}; {hint}")
    return table[name]


def number(values: pd.Series) -> pd.Series:
    """Text as numbers, NaN where it is none."""
    return pd.to_numeric(values, errors="coerce").astype(float)


def without(
    rows: pd.DataFrame, reasons: Mapping[str, Callable[[pd.DataFrame], pd.Series]]
) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows to which no reason applies, one after the other; and how many fell to each."""
    dropped: Counter[str] = Counter()
    for reason, applies in reasons.items():
        falls = applies(rows).astype(bool)
        dropped[reason] += int(falls.sum())
        rows = rows[~falls]
    return rows, +dropped
