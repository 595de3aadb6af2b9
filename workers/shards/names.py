"""Names of shards, and of their files."""

from collections.abc import Sequence


def shard_names(lengths: Sequence[int]) -> list[str]:
    """The names of the shards of a plan."""
    return [f"{i:05d}-of-{len(lengths):05d}" for i in range(len(lengths))]


def file_name(table: str, shard: str) -> str:
    """The final name of a shard's file in a table."""
    return f"{table}/{shard}.parquet"
