"""The keys of a plan: what a worker needs to make each row, as an ordered list stored by column.

Ids repeat (a source comes with each pose), so the columns are dictionary-encoded: five million
pairs take 40 MB, where tuples would take 400.
"""

import io
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
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
        # Arrow would pickle the whole buffers and dictionaries of a slice.
        return Keys.of, (self.table.column_names, list(self))

    def to_parquet(self) -> bytes:
        """The keys as a Parquet file; `from_parquet` reads it."""
        out = io.BytesIO()
        pq.write_table(self.table, out, compression="zstd")
        return out.getvalue()

    @staticmethod
    def from_parquet(data: bytes) -> "Keys":
        """Keys from a Parquet file; pyarrow.ArrowInvalid if it is damaged."""
        table = pq.read_table(io.BytesIO(data))
        return Keys(table.cast(pa.schema([(name, DICTIONARY) for name in table.column_names])))


def part_lengths(keys: Iterable[Key], group: Callable[[Key], Hashable], size: int) -> Iterator[int]:
    """The lengths of the parts, of at most `size` keys, into which keys are cut.

    Only a group that is larger than a part is split.
    """
    part = 0
    for _, members in groupby(keys, group):
        rest = sum(1 for _ in members)
        if part and part + rest > size:
            yield part
            part = 0
        while rest > size:
            yield size
            rest -= size
        part += rest
    if part:
        yield part
