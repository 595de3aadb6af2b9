"""Columns of Parquet tables that other programs wrote: which types are accepted, and how read.

Writers differ: pandas stores categories as dictionaries, and integers beside missing ones as
floats; others write large strings, string views, or an image as its bare bytes. A type that can
mean only one thing is read; any other is refused, naming the column.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute, types

pc: Any = compute  # its functions are made on import, so type checkers know none of them


class Kind(NamedTuple):
    """What a column may hold: in words, and as a test of its type."""

    wanted: str
    accepts: Callable[[pa.DataType], bool]


def _text(t: pa.DataType) -> bool:
    return types.is_string(t) or types.is_large_string(t) or types.is_string_view(t)


def _binary(t: pa.DataType) -> bool:
    return (
        types.is_binary(t)
        or types.is_large_binary(t)
        or types.is_binary_view(t)
        or types.is_fixed_size_binary(t)
    )


def _image(t: pa.DataType) -> bool:
    if not types.is_struct(t):
        return _binary(t)
    return t.get_field_index("bytes") >= 0 and BINARY.accepts(t.field("bytes").type)


def _numbers(t: pa.DataType) -> bool:
    lists = types.is_list(t) or types.is_large_list(t) or types.is_fixed_size_list(t)
    return lists and (types.is_floating(t.value_type) or types.is_integer(t.value_type))


TEXT = Kind("text", _text)
ID = Kind("text or integers", lambda t: _text(t) or types.is_integer(t))
SIZE = Kind("integers", lambda t: types.is_integer(t) or types.is_floating(t))
BINARY = Kind("binary", lambda t: _binary(t) or types.is_null(t))
IMAGE = Kind("binary or struct<bytes: binary, path: string>", _image)
NUMBERS = Kind("lists of numbers", _numbers)


def check_types(schema: pa.Schema, kinds: Mapping[str, Kind]) -> None:
    """Raise ValueError, one line without the file, for a column whose type does not fit.

    A column of nulls has no type and fits any.
    """
    for field in schema:
        kind = kinds.get(field.name)
        found = field.type.value_type if types.is_dictionary(field.type) else field.type
        if kind and not (types.is_null(found) or kind.accepts(found)):
            raise ValueError(f"column {field.name}: {field.type} found, {kind.wanted} wanted")


def lacking(schema: pa.Schema, required: Iterable[str]) -> str:
    """The names of missing columns, for a message; empty if there are none."""
    return ", ".join(sorted(set(required) - set(schema.names)))


def as_text(column: pa.ChunkedArray) -> pa.LargeStringArray:
    """A column of kind TEXT or ID as text; pa.ArrowInvalid where it is not UTF-8."""
    column.validate(full=True)
    chunks = column.cast(pa.large_string()).chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.large_string())
