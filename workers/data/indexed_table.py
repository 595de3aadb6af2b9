"""Rows by id, out of Parquet tables that may hold millions."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workers.data.columns import (
    BINARY,
    ID,
    IMAGE,
    NUMBERS,
    SIZE,
    TEXT,
    as_text,
    check_types,
    lacking,
    pc,
)
from workers.data.errors import BadImage, DamagedTable, MissingRow
from workers.data.kept import Kept
from workers.data.names import short
from workers.data.retrying import UNREACHABLE, UNREACHABLE_OR_REFUSED, StorageError
from workers.data.storage import Store, read_bytes, resolved
from workers.data.tables import is_part

CACHE_BYTES = 2**28  # of row groups a table keeps; 100 rows with UV maps of 256x256 are 26 MB
BATCH = 100  # rows
ROW_GROUP_BYTES = 2**30  # the largest row group that is read: a worker must hold it whole
COLUMNS = {
    "images": {"image_id": ID, "item_id": ID, "image": IMAGE, "width": SIZE, "height": SIZE},
    "uv_maps": {
        "image_id": ID,
        "layout": TEXT,
        "uv": BINARY,
        "width": SIZE,
        "height": SIZE,
        "status": TEXT,
        "error_message": TEXT,
    },
    "annotations": {"image_id": ID, "keypoints": NUMBERS, "segmentation": IMAGE},
    "faces": {"image_id": ID, "facing": NUMBERS},
    "renders": {
        "render_id": ID,
        "status": TEXT,
        "error_type": TEXT,
        "error_message": TEXT,
        "image": IMAGE,
    },
}
OPTIONAL = {"item_id", "error_message", "keypoints", "segmentation", "facing"}
# Other columns are text.
READ_AS = {SIZE: pa.float64(), NUMBERS: pa.large_list(pa.float32())}
CALLED = {"annotations": "annotations", "renders": "run of render"}  # where absent; else a catalog


class CatalogError(ValueError):
    """The URL holds no such table; the message is one line."""


class Table:
    """One table of a catalog, by image_id, or a run's renders, by render_id.

    The index is columnar, 8 bytes a row beside the ids: every worker holds it. Several threads may
    read rows at once. `files` names those of its files that are read, where not all are.
    """

    def __init__(self, store: Store, name: str, files: Sequence[str] | None = None):
        self.store, self.name, self._files = store, name, files
        self.id = "render_id" if name == "renders" else "image_id"
        self._groups: Kept[int, pa.Table] = Kept(CACHE_BYTES)
        self._footer: tuple[str, pq.FileMetaData | None] = ("", None)
        self._lock = Lock()

    def __reduce__(self) -> tuple:
        return Table, (self.store, self.name, self._files)

    @cached_property
    def files(self) -> list[str]:
        """The names of the table's files; refuses a catalog without them."""
        if self._files is not None:
            return list(self._files)
        files = [f.name for f in self.store.list(self.name) if is_part(f.name)]
        if not files:
            kind = CALLED.get(self.name, "catalog")
            raise CatalogError(f"{self.store.url}: no {kind} there (no {self.name}/*.parquet)")
        return files

    @property
    def ids(self) -> pa.LargeStringArray:
        """All ids, in the order of the files; refuses an id that stands twice."""
        return self._index[0]

    def column(self, name: str) -> pa.ChunkedArray:
        """A column of text, of sizes as float64, or of lists of numbers, in the order of `ids`.

        Null in files that lack it, where it is optional.
        """
        read_as = READ_AS.get(COLUMNS[self.name].get(name, TEXT), pa.large_string())
        chunks: list[pa.Array] = []
        for file in self.files:
            with self._opened(file) as parquet:
                if name not in parquet.schema_arrow.names:
                    chunks.append(pa.nulls(parquet.metadata.num_rows, read_as))
                    continue
                column = parquet.read(columns=[name]).column(0)
                text = pa.types.is_large_string(read_as)
                chunks += [as_text(column)] if text else column.cast(read_as).chunks
        return pa.chunked_array(chunks, read_as)

    def head(self, names: list[str]) -> pa.Table:
        """Columns of the first row group."""
        *_, groups = self._index
        return self._row_group(*groups[0], names) if groups else pa.table({})

    def row(self, row_id: str) -> dict[str, Any]:
        """One row; MissingRow when there is none, DamagedTable when it cannot be read."""
        with self._lock:
            return self._row(row_id)

    def image(self, row: dict[str, Any], column: str = "image") -> bytes | None:
        """The encoded image of one of the rows, however its writer stored it; None without one.

        Where there is a path and no bytes, as `datasets` leaves it, that file is read; a relative
        path is one below the catalog. Raises BadImage where the file cannot be read.
        """
        image = row.get(column)
        if not isinstance(image, dict):
            return image
        path = image["path"]
        if image["bytes"] is not None or not path:
            return image["bytes"]
        try:
            return read_bytes(resolved(path, self.store.url))
        except UNREACHABLE:
            raise
        except (OSError, StorageError) as error:
            raise BadImage(f"no bytes but the path {path}, not to be read: {error}") from error

    def _row(self, row_id: str) -> dict[str, Any]:
        ids, order, starts, groups = self._index
        at = bisect_left(order, row_id, key=lambda position: ids[position].as_py())
        if at == len(order) or ids[order[at]].as_py() != row_id:
            raise MissingRow(f"{self.store.url}: no row {short(row_id)} in {self.name}")
        group = int(np.searchsorted(starts, order[at], "right")) - 1
        table = self._groups.get(group)
        if table is None:
            table = self._row_group(*groups[group], list(COLUMNS[self.name]))
            self._groups.keep(group, table, table.nbytes)
        return table.slice(int(order[at] - starts[group]), 1).to_pylist()[0]

    @cached_property
    def _index(self) -> tuple[pa.LargeStringArray, np.ndarray, np.ndarray, list[tuple[str, int]]]:
        """The ids, their positions in the ids' own order, and the row groups with their starts."""
        chunks, groups, lengths = [], [], []
        for file in self.files:
            with self._opened(file) as parquet:
                chunks.append(as_text(parquet.read(columns=[self.id]).column(0)))
                for group in range(parquet.num_row_groups):
                    about = parquet.metadata.row_group(group)
                    _refuse_large(group, about)
                    if about.num_rows:
                        groups.append((file, group))
                        lengths.append(about.num_rows)
        ids = pa.concat_arrays(chunks)
        starts = np.cumsum([0, *lengths[:-1]])
        if ids.null_count:
            row, file = self._place(pc.index(ids.is_null(), True).as_py(), chunks)
            raise CatalogError(f"{self.store.url}/{file}: row {row} has no {self.id}")
        order = pc.sort_indices(ids)
        ranked = ids.take(order)
        first = pc.index(pc.equal(ranked[1:], ranked[:-1]), True).as_py()
        if first >= 0:
            places = sorted(self._place(order[i].as_py(), chunks) for i in (first, first + 1))
            where = " and ".join(f"row {row} of {file}" for row, file in places)
            twice = short(ranked[first].as_py())
            raise CatalogError(f"{self.store.url}: {self.id} {twice} stands twice, in {where}")
        return ids, order.to_numpy(), starts, groups

    def _place(self, position: int, chunks: list[pa.Array]) -> tuple[int, str]:
        """Row, from 1, and file of a position among the ids."""
        ends = np.cumsum([len(chunk) for chunk in chunks])
        file = int(np.searchsorted(ends, position, "right"))
        return position - int(ends[file]) + len(chunks[file]) + 1, self.files[file]

    def _row_group(self, file: str, group: int, names: list[str]) -> pa.Table:
        try:
            with self._opened(file) as parquet:
                # In batches: Arrow would double its buffers until the whole row group fits.
                batches = parquet.iter_batches(BATCH, row_groups=[group], columns=names)
                return pa.Table.from_batches(batches)
        except CatalogError as error:  # met while rendering, so it is the fault of this row
            raise DamagedTable(str(error)) from error

    @contextmanager
    def _opened(self, file: str) -> Iterator[pq.ParquetFile]:
        """A file of the table, its columns checked; a damaged one is a CatalogError."""
        kinds = COLUMNS[self.name]
        try:
            with self.store.open(file) as stream:
                if self._footer[0] != file:  # a footer of thousands of row groups takes its time
                    self._footer = (file, pq.read_metadata(stream))
                parquet = pq.ParquetFile(stream, metadata=self._footer[1])
                if names := lacking(parquet.schema_arrow, kinds.keys() - OPTIONAL):
                    raise ValueError(f"lacks the columns {names}")
                check_types(parquet.schema_arrow, kinds)
                yield parquet
        except (*UNREACHABLE_OR_REFUSED, FileNotFoundError):
            raise
        except (pa.ArrowException, ValueError, OSError) as error:
            said = " ".join(str(error).split())
            about = "not a readable Parquet file: " if isinstance(error, pa.ArrowException) else ""
            raise CatalogError(f"{self.store.url}/{file}: {about}{said}") from error


def _refuse_large(group: int, about: pq.RowGroupMetaData) -> None:
    if about.total_byte_size > ROW_GROUP_BYTES:
        raise ValueError(
            f"row group {group} holds {about.num_rows} rows, {about.total_byte_size / 1e9:.1f} GB: "
            "write about 100 rows a row group (pyarrow and pandas: row_group_size=100, DuckDB: "
            "ROW_GROUP_SIZE 2048)"
        )
