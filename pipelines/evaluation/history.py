"""The history of a schedule: the summaries of its runs, one Parquet file a logical date.

A date's file is written whole, so a rerun of a date replaces its rows and never doubles them.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date as Date
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from workers.data.storage import READERS, Store
from workers.data.tables import parquet_bytes

FOLDER = "history"
DATE = pa.field("date", pa.date32(), nullable=False)
ACCEPTED = pa.field("accepted", pa.bool_(), nullable=False)


def record(store: Store, date: str, summary: pa.Table, accepted: bool) -> None:
    """Write a date's summary, replacing that of an earlier run of the date.

    `date` is YYYY-MM-DD; `accepted` says whether the run crossed none of its gates. ValueError for
    another date, and for a summary without rows.
    """
    day = logical_date(date)
    if not len(summary):
        raise ValueError(f"the summary of {date} has no rows")
    for field, value in ((ACCEPTED, accepted), (DATE, day)):
        summary = summary.add_column(0, field, pa.array([value] * len(summary), field.type))
    store.put(f"{FOLDER}/{day}.parquet", parquet_bytes(summary))


def read(store: Store) -> pa.Table:
    """The summaries of all dates in their order, with columns `date` and `accepted`.

    Columns that came or went over the years are null where a date lacks them.
    """
    with ThreadPoolExecutor(READERS) as pool:
        tables = list(pool.map(lambda name: _read(store, name), _names(store)))
    nothing = pa.schema([DATE, ACCEPTED]).empty_table()
    return pa.concat_tables([nothing, *tables], promote_options="permissive")


def accepted(store: Store, before: str) -> pa.Table | None:
    """The rows of the last accepted date before a date (YYYY-MM-DD), None where there is none."""
    end = f"{FOLDER}/{logical_date(before)}.parquet"
    for name in reversed(_names(store)):
        if name < end and (table := _read(store, name))["accepted"][0].as_py():
            return table
    return None


def logical_date(text: str) -> Date:
    """The date that YYYY-MM-DD names; ValueError for any other text."""
    try:
        day = Date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # Python reads 20260701 and 2026-W27-3, too
        raise ValueError(f"{text!r} is no date (YYYY-MM-DD wanted)")
    return day


def _names(store: Store) -> list[str]:
    return [file.name for file in store.list(FOLDER)]


def _read(store: Store, name: str) -> pa.Table:
    return pq.read_table(BytesIO(store.read(name)))
