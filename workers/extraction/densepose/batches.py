"""Batches of photographs that a network sees at one size."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from workers.extraction.densepose.detection import Person

Detect = Callable[[list[np.ndarray]], list[list[Person]]]


def batches(sizes: Sequence[Hashable], most: int) -> Iterator[list[int]]:
    """Indices of photographs of equal padded sizes, in batches of at most `most`.

    A network's result depends on a photograph's padding. So photographs share a batch only where
    each alone would be padded to the same size: a batch does not change results.
    """
    buckets = defaultdict(list)
    for i, size in enumerate(sizes):
        buckets[size].append(i)
    for members in buckets.values():
        for start in range(0, len(members), most):
            yield members[start : start + most]


def in_batches(
    photographs: Sequence[np.ndarray], sizes: Sequence[Hashable], most: int, detect: Detect
) -> list[list[Person]]:
    """The people on each photograph, in order; `detect` is called on `batches` of them."""
    people: list[list[Person]] = [[] for _ in photographs]
    for members in batches(sizes, most):
        found = detect([photographs[i] for i in members])
        for i, persons in zip(members, found, strict=True):
            people[i] = persons
    return people
