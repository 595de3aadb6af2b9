"""The rows of renders, by column."""

import pickle

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from workers.data.tables import SCHEMAS, parquet_bytes
from workers.shards.rows import Failure, Picture, failed_render, render_id, renders
from workers.shards.shard import made_ids, made_tables

text, side = st.text("ab\u00e9", max_size=5), st.integers(1, 4096)
pictures = st.builds(Picture, st.binary(min_size=1, max_size=30), side, side, text)
made = st.lists(st.one_of(pictures, st.builds(Failure, text, text)), max_size=30)


def row(key: tuple[str, str], one: Picture | Failure) -> dict:
    """As a dictionary, which the table spares."""
    ids = {"render_id": render_id(key), "source_id": key[0], "pose_id": key[1], "attempts": 1}
    if isinstance(one, Failure):
        return ids | {"status": "failed", **one._asdict()}
    image = {"bytes": one.data, "path": None}
    size = {"width": one.width, "height": one.height}
    return ids | {"status": "ok", "image": image, **size, "model": one.model}


@given(made)
def test_columns_are_the_rows_failures_between_them_included(made: list) -> None:
    keys = [("s", str(n)) for n in range(len(made))]
    table, rows = renders(keys, made), [row(*both) for both in zip(keys, made, strict=True)]
    expected = pa.Table.from_pylist(rows, SCHEMAS["renders"])
    assert table.equals(expected, check_metadata=True)
    assert parquet_bytes(table) == parquet_bytes(expected)
    assert pickle.loads(pickle.dumps(table)).equals(table)
    assert made_ids({"renders": table}, "renders") == [r["render_id"] for r in rows]


@given(st.lists(st.integers(0, 130), max_size=5))
def test_a_shard_is_the_same_file_however_its_rows_came(lengths: list[int]) -> None:
    keys = [("s", str(n)) for n in range(sum(lengths))]
    rows = [row(key, Picture(b"x" * 99, 1, 1, "m")) for key in keys]
    parts, start = [], 0
    for length in lengths:
        columns = renders(keys[start : start + length], [Picture(b"x" * 99, 1, 1, "m")] * length)
        parts.append((columns, rows[start : start + length]))
        start += length
    by_column = made_tables(("renders",), ({"renders": columns} for columns, _ in parts))
    one_by_one = made_tables(("renders",), ({"renders": rows} for _, rows in parts))
    assert parquet_bytes(by_column["renders"]) == parquet_bytes(one_by_one["renders"])
    assert by_column["renders"].num_rows == len(keys)


def test_a_failed_row_is_a_table_of_one() -> None:
    rows = failed_render(("s", "p"), "WorkerCrashed", "the worker crashed (SIGSEGV)")
    assert made_ids(rows, "renders") == ["s__p"]
    (only,) = made_tables(("renders",), [rows])["renders"].to_pylist()
    assert (only["status"], only["error_type"], only["image"]) == ("failed", "WorkerCrashed", None)
