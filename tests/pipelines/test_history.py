from datetime import date

import pyarrow as pa
import pytest

from pipelines.evaluation import history
from workers.data.storage import Store


def summary(**columns: list) -> pa.Table:
    return pa.table({"metric": ["ssim_dsc", "l1"], "mean": [0.8, 0.1]} | columns)


def means(table: pa.Table | None) -> list[float]:
    assert table is not None
    return table["mean"].to_pylist()


def test_dates_accumulate_in_order_and_a_rerun_replaces(store_url: str) -> None:
    store = Store(store_url)
    assert history.read(store).num_rows == 0
    for day in ("2026-07-02", "2026-06-30", "2026-07-02"):
        history.record(store, day, summary(), accepted=day.startswith("2026-07"))
    history.record(store, "2026-06-30", summary(mean=[0.9, 0.2]), accepted=True)
    table = history.read(store)
    assert table["date"].to_pylist() == [date(2026, 6, 30)] * 2 + [date(2026, 7, 2)] * 2
    assert table["accepted"].to_pylist() == [True] * 4
    assert means(table) == [0.9, 0.2, 0.8, 0.1]
    assert [f.name for f in store.list()] == [
        "history/2026-06-30.parquet",
        "history/2026-07-02.parquet",
    ]


def test_the_last_accepted_date_before_a_date(store_url: str) -> None:
    store = Store(store_url)
    assert history.accepted(store, "2026-07-01") is None
    for n, (day, good) in enumerate(
        [("2026-06-28", True), ("2026-06-29", True), ("2026-06-30", False), ("2026-07-01", True)]
    ):
        history.record(store, day, summary(mean=[n, n]), accepted=good)
    assert history.accepted(store, "2026-06-28") is None
    assert means(history.accepted(store, "2026-07-01")) == [1, 1]  # itself, and one refused, not
    assert means(history.accepted(store, "2027-01-01")) == [3, 3]


def test_columns_may_come_and_go(tmp_path) -> None:
    store = Store(str(tmp_path))
    history.record(store, "2026-07-01", summary(n=pa.array([5, 5], pa.int32())), accepted=True)
    history.record(store, "2026-07-02", summary(n=[6, 6], crop=["256", "256"]), accepted=True)
    table = history.read(store)
    assert table["n"].to_pylist() == [5, 5, 6, 6]
    assert table["crop"].to_pylist() == [None, None, "256", "256"]


@pytest.mark.parametrize(
    "bad", ["", "today", "20260701", "2026-W27-3", "2026-02-30", "../x", "2026-07-01 "]
)
def test_bad_dates_are_refused(tmp_path, bad: str) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(ValueError, match="YYYY-MM-DD wanted"):
        history.record(store, bad, summary(), accepted=True)
    with pytest.raises(ValueError, match="YYYY-MM-DD wanted"):
        history.accepted(store, bad)
    assert store.list() == []


def test_a_summary_without_rows_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="no rows"):
        history.record(Store(str(tmp_path)), "2026-07-01", summary()[:0], accepted=True)
