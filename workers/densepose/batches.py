"""Batches of photographs that a network sees at one size."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence


def batches(sizes: Sequence[Hashable], most: int) -> Iterator[list[int]]:
    """Indices of photographs of equal padded sizes, in batches of at most `most`.

    What a network makes of a photograph depends on its padding. So only those share a batch that
    would be padded alike alone, and each gives what it would give alone.
    """
    buckets = defaultdict(list)
    for i, size in enumerate(sizes):
        buckets[size].append(i)
    for members in buckets.values():
        for start in range(0, len(members), most):
            yield members[start : start + most]
