"""The rows of a plan, as what a worker needs to make each: an ordered list, stored by column.

Ids repeat (a source stands in a row with each pose), so columns are dictionary-encoded: five
million pairs take 40 MB, where tuples would take 400.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Key = tuple[str | None, ...]  # what a worker needs to make one row

CHUNK = 65_536  # keys that become tuples at a time
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


class Keys:
    """A sequence of keys, tuples of strings; its columns have names."""

    def __init__(self, table: pa.Table):
        self.table = table

    @staticmethod
    def of(names: Sequence[str], keys: Sequence[Key]) -> "Keys":
        """Keys given one by one."""
        columns = list(zip(*keys, strict=True)) or [()] * len(names)
        arrays = [pa.array(column, pa.string()).dictionary_encode() for column in columns]
        return Keys(pa.table(arrays, names=list(names)))

    @staticmethod
    def indexed(columns: dict[str, tuple[np.ndarray, Sequence[str]]]) -> "Keys":
        """Keys given by column, as indices (N,) into values."""
        arrays = [
            pa.DictionaryArray.from_arrays(
                pa.array(indices, pa.int32()), pa.array(values, pa.string())
            )
            for indices, values in columns.values()
        ]
        return Keys(pa.table(arrays, names=list(columns)))

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Key]:
        for batch in self.table.to_batches(max_chunksize=CHUNK):
            columns = [column.dictionary_decode().to_pylist() for column in batch.columns]
            yield from zip(*columns, strict=True)

    def __getitem__(self, rows: slice) -> "Keys":
        start, stop, _ = rows.indices(len(self))
        return Keys(self.table.slice(start, stop - start))

    def __reduce__(self) -> tuple[Any, ...]:
        # A slice of Arrow's would travel with the whole of its buffers and dictionaries.
        return Keys.of, (self.table.column_names, list(self))

    def to_parquet(self) -> bytes:
        """One Parquet file: `from_parquet`'s."""
        out = io.BytesIO()
        pq.write_table(self.table, out, compression="zstd")
        return out.getvalue()

    @staticmethod
    def from_parquet(data: bytes) -> "Keys":
        """Keys out of a file; pyarrow.ArrowInvalid where it is damaged."""
        table = pq.read_table(io.BytesIO(data))
        return Keys(table.cast(pa.schema([(name, DICTIONARY) for name in table.column_names])))
