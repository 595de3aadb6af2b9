"""Tables that people write: CSV or Parquet, read as text, with errors that name the file."""

import io
import warnings
from collections.abc import Iterable, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workers.columns import ID, Kind, as_text, check_types, pc
from workers.names import elided
from workers.storage import Store, read_bytes
from workers.tables import is_part

SUFFIXES = (".csv", ".parquet")


def read_user_table(
    url: str, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None
) -> pd.DataFrame:
    """A CSV, a Parquet file or a folder of Parquet files as a frame of strings; empty is missing.

    `required` and `optional` name the columns that are read, with what they may hold in Parquet
    (kinds TEXT and ID). Raises ValueError, one line, for anything else, and for CSV rows with more
    fields than the header, which pandas would shift by a column.
    """
    kinds = {**required, **(optional or {})}
    csv, parquet = (url.lower().endswith(suffix) for suffix in SUFFIXES)
    parts = [] if csv else [f.name for f in Store(url).list() if is_part(f.name)]
    if parts:
        frames = [_read(f"{url}/{name}", required, kinds) for name in parts]
        return pd.concat(frames, ignore_index=True)
    if not csv and not parquet:
        raise ValueError(f"{url}: neither a .csv, a .parquet, nor a folder of Parquet files")
    return _read(url, required, kinds)


def read_csv(url: str) -> pd.DataFrame:
    """A CSV, all of it, as a frame of strings; empty is missing. ValueError names the file."""
    try:
        return _read_csv(io.BytesIO(read_bytes(url)))
    except ValueError as error:
        raise ValueError(f"{url}: {str(error).splitlines()[0]}") from error


def read_pairs(url: str) -> pd.DataFrame:
    """A list of pairs: a frame with the columns from and to, each pair once, or ValueError."""
    pairs = read_user_table(url, {"from": ID, "to": ID})[["from", "to"]]
    empty = pairs.isna().any(axis=1).to_numpy()
    if empty.any():
        raise ValueError(f"{url}: pair {empty.argmax() + 1} lacks from or to")
    if pairs.empty:
        raise ValueError(f"{url}: the table has no pairs")
    twice = pairs.duplicated().to_numpy()
    if twice.any():
        source, target = pairs.iloc[twice.argmax()]
        named = f"{elided(source)},{elided(target)}"
        raise ValueError(f"{url}: the pair {named} stands there twice: remove one")
    return pairs


def _read(url: str, required: Iterable[str], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    data = io.BytesIO(read_bytes(url))
    try:
        if url.lower().endswith(".csv"):
            frame = _read_csv(data)
            _check_names(list(frame.columns), required)
            return frame[[name for name in frame.columns if name in kinds]]
        table = pq.ParquetFile(data)
        schema = table.schema_arrow
        _check_names(schema.names, required)
        check_types(schema, kinds)
        columns = table.read(columns=[name for name in schema.names if name in kinds])
        return pa.table({n: _filled(columns[n]) for n in columns.column_names}).to_pandas()
    except ValueError as error:  # of Arrow's and pandas' errors, those about the data
        raise ValueError(f"{url}: {str(error).splitlines()[0]}") from error


def _read_csv(data: io.BytesIO) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Only an empty field is empty: NA and null may well be somebody's ids.
            frame = pd.read_csv(
                data, dtype=str, index_col=False, skipinitialspace=True,
                keep_default_na=False, na_values=[""],
            )  # fmt: skip
    except pd.errors.ParserWarning as error:
        raise ValueError("a row has more fields than the header") from error
    except ValueError as error:
        raise ValueError(f"not a readable table: {error}") from error
    return frame.rename(columns=str.strip).apply(lambda column: column.str.strip())


def _filled(column: pa.ChunkedArray) -> pa.LargeStringArray:
    text = as_text(column)
    return pc.if_else(pc.equal(text, ""), None, text)


def _check_names(names: Iterable[str], required: Iterable[str]) -> None:
    if not set(required) <= set(names):
        raise ValueError(f"wants columns {','.join(required)}, has {','.join(names)}")
