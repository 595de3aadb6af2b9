"""Tables that people write: CSV or Parquet, read as text, with errors that name the file."""

import io
import warnings

import pandas as pd

from workers.storage import list_files, read_bytes

SUFFIXES = (".csv", ".parquet")


def read_user_table(url: str) -> pd.DataFrame:
    """A CSV, a Parquet file or a folder of Parquet files as a frame of strings; empty is NaN.

    Raises ValueError, one line, for anything else, and for CSV rows with more fields than the
    header, which pandas would shift by a column.
    """
    if not url.lower().endswith(SUFFIXES):
        files = [u for u in list_files(url) if u.endswith(".parquet")]
        if not files:
            raise ValueError(f"{url}: neither a .csv, a .parquet, nor a folder of Parquet files")
        return pd.concat([read_user_table(file) for file in files], ignore_index=True)
    data = io.BytesIO(read_bytes(url))
    try:
        if url.lower().endswith(".parquet"):
            frame = pd.read_parquet(data)
            return frame.astype(dict.fromkeys(frame.columns, "string")).astype(object)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Only an empty field is empty: NA and null may well be somebody's ids.
            frame = pd.read_csv(
                data, dtype=str, index_col=False, skipinitialspace=True,
                keep_default_na=False, na_values=[""],
            )  # fmt: skip
    except pd.errors.ParserWarning as error:
        raise ValueError(f"{url}: a row has more fields than the header") from error
    except Exception as error:  # pandas and pyarrow raise many types
        raise ValueError(f"{url}: not a readable table: {str(error).splitlines()[0]}") from error
    return frame.rename(columns=str.strip).apply(lambda column: column.str.strip())


def read_pairs(url: str) -> pd.DataFrame:
    """A list of pairs: a frame with the columns from and to, each pair once, or ValueError."""
    table = read_user_table(url)
    missing = {"from", "to"} - set(table.columns)
    if missing:
        raise ValueError(f"{url}: wants columns from,to, has {', '.join(map(str, table.columns))}")
    pairs = table[["from", "to"]]
    empty = pairs.isna().any(axis=1).to_numpy()
    if empty.any():
        raise ValueError(f"{url}: pair {empty.argmax() + 1} lacks from or to")
    if pairs.empty:
        raise ValueError(f"{url}: the table has no pairs")
    twice = pairs.duplicated().to_numpy()
    if twice.any():
        source, target = pairs.iloc[twice.argmax()]
        raise ValueError(f"{url}: the pair {source},{target} stands there twice: remove one")
    return pairs
