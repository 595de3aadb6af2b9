"""Tables that people write: CSV or Parquet, read as text, with errors that name the file.

A CSV may come from any spreadsheet: separated by commas, semicolons or tabs, in UTF-8, UTF-16 or
else cp1252 (Western Windows). Blanks around cells are kept, because an id may begin with one; but
if there are blanks around the names in the header, they are the table's style and are stripped.
"""

import codecs
import contextlib
import csv
import io
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from eval.naming import is_image
from workers.data.columns import ID, Kind, as_text, check_types, pc
from workers.data.names import elided
from workers.data.storage import Store, read_bytes
from workers.data.tables import is_part

CSV = (".csv", ".tsv", ".txt")
SUFFIXES = (*CSV, ".parquet")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}  # the likeliest first
FIELD_ORDER = ("to", "from")  # of a list without a header: the person, then the garment
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_user_table(
    url: str, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None
) -> pd.DataFrame:
    """A CSV, a Parquet file or a folder of Parquet files as a frame of strings; empty is missing.

    `required` and `optional` name the columns that are read, with what they may hold in Parquet
    (kinds TEXT and ID). Raises ValueError, one line, for anything else, and for CSV rows with more
    fields than the header, which pandas would shift by a column.
    """
    kinds = {**required, **(optional or {})}
    lower = url.lower()
    parts = [] if lower.endswith(CSV) else [f.name for f in Store(url).list() if is_part(f.name)]
    if parts:
        frames = [_read(f"{url}/{name}", required, kinds) for name in parts]
        return pd.concat(frames, ignore_index=True)
    if not lower.endswith(SUFFIXES):
        raise ValueError(
            f"{url}: none of {', '.join(SUFFIXES)}, nor a folder of Parquet files; "
            "save a spreadsheet as CSV"
        )
    return _read(url, required, kinds)


def read_csv(url: str) -> pd.DataFrame:
    """A whole CSV as a frame of strings; empty is missing. Raises ValueError, naming the file."""
    try:
        return _read_csv(read_bytes(url))[0]
    except ValueError as error:
        raise ValueError(f"{url}: {str(error).splitlines()[0]}") from error


def read_text(url: str) -> str:
    """A text file in any of a table's encodings. Raises ValueError, naming the file."""
    try:
        return _text(read_bytes(url))
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from error


class PairList(NamedTuple):
    """A list of pairs."""

    table: pd.DataFrame  # from, to, each pair once
    headless: bool  # whether no header says which column is which: they stand in FIELD_ORDER

    def turned(self) -> "PairList":
        """The same with its columns in the other order."""
        other = self.table.rename(columns={"from": "to", "to": "from"})[["from", "to"]]
        return self._replace(table=other)


def read_pairs(url: str) -> pd.DataFrame:
    """A list of pairs: a frame with the columns from and to, each pair once, or ValueError."""
    return read_pair_list(url).table


def read_pair_list(url: str) -> PairList:
    """A table `from,to`, or a list as the field writes it: two image names a line, no header.

    Such lists are VITON's and DressCode's `test_pairs.txt`. Raises ValueError, one line.
    """
    pairs = _named_pairs(url) if url.lower().endswith(CSV) else None
    headless = pairs is not None
    if pairs is None:
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
    return PairList(pairs, headless)


def _named_pairs(url: str) -> pd.DataFrame | None:
    """A list without a header as from, to; None where the first line is no two image names."""
    lines = [(n, line.split()) for n, line in enumerate(read_text(url).splitlines(), 1)]
    lines = [(n, names) for n, names in lines if names]
    if not lines or len(lines[0][1]) != 2 or not all(map(is_image, lines[0][1])):
        return None
    for n, names in lines:
        if len(names) != 2:
            raise ValueError(
                f"{url}: line {n} holds {len(names)} names, and each line should hold two, with a "
                "blank between them; names with blanks want a CSV `from,to`"
            )
    return pd.DataFrame([names for _, names in lines], columns=FIELD_ORDER)[["from", "to"]]


def _read(url: str, required: Iterable[str], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    data = read_bytes(url)
    try:
        if url.lower().endswith(CSV):
            frame, separator = _read_csv(data, required)
            _check_names(list(frame.columns), required, f" (separated by {SEPARATORS[separator]})")
            return frame[[name for name in frame.columns if name in kinds]]
        table = pq.ParquetFile(io.BytesIO(data))
        schema = table.schema_arrow
        _check_names(schema.names, required)
        check_types(schema, kinds)
        columns = table.read(columns=[name for name in schema.names if name in kinds])
        return pa.table({n: _filled(columns[n]) for n in columns.column_names}).to_pandas()
    except ValueError as error:  # Arrow's and pandas' errors about the data are such
        raise ValueError(f"{url}: {str(error).splitlines()[0]}") from error


def _read_csv(data: bytes, required: Iterable[str] = ()) -> tuple[pd.DataFrame, str]:
    """A table of strings, and its separator."""
    text = _text(data)
    separator, names, text = _header(text, required)
    styled = any(name != name.strip() for name in names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Only an empty field is empty: NA and null may be ids.
            frame = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                dtype=str,
                index_col=False,
                skipinitialspace=styled,
                keep_default_na=False,
                na_values=[""],
            )
    except pd.errors.ParserWarning as error:
        raise ValueError("a row has more fields than the header") from error
    except ValueError as error:
        raise ValueError(f"not a readable table: {error}") from error
    bare = frame.apply(lambda column: column.str.strip())
    frame = bare if styled else frame.mask(bare == "")
    # Spreadsheets write rows that were used once as mere separators.
    return frame.dropna(how="all").reset_index(drop=True).rename(columns=str.strip), separator


def _text(data: bytes) -> str:
    """The text of a file without its byte order mark; ValueError if it is no text."""
    encoding = next((name for bom, name in BOMS.items() if data.startswith(bom)), None)
    if encoding is None and b"\0" in data[:2]:  # the other byte of the first letter
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    for name in [encoding] if encoding else ["utf-8", "cp1252"]:
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(name)
            if "\0" not in text:
                return text
    raise ValueError("no text in UTF-8, UTF-16 or cp1252")


def _header(text: str, required: Iterable[str]) -> tuple[str, list[str], str]:
    """A CSV's separator, the names in its header as written, and the text from the header on.

    The separator is the first that yields the required names, else the one that yields most names.
    Excel may name it in a line of its own.
    """
    if said := re.match(r"\s*\"?sep=([,;\t])\"?[\r\n]+", text):
        text = text[said.end() :]
    headers = {
        separator: _names(text, separator) for separator in (said[1] if said else SEPARATORS)
    }
    wanted = set(required)
    fits = [s for s, names in headers.items() if wanted and wanted <= {n.strip() for n in names}]
    separator = fits[0] if fits else max(headers, key=lambda s: len(headers[s]))
    return separator, headers[separator], text


def _names(text: str, separator: str) -> list[str]:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return next((row for row in rows if row), [])
    except csv.Error as error:
        raise ValueError(f"not a readable table: {error}") from error


def _filled(column: pa.ChunkedArray) -> pa.LargeStringArray:
    text = as_text(column)
    return pc.if_else(pc.equal(text, ""), None, text)


def _check_names(names: Iterable[str], required: Iterable[str], seen: str = "") -> None:
    if not set(required) <= set(names):
        has = elided(",".join(names), 400)
        raise ValueError(f"wants columns {','.join(required)}, has {has}{seen}")
