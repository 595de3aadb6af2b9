"""Batches of photographs that a network sees at one size.

Photographs of one batch are padded to one size, and what a network makes of a photograph depends
on its padding. So only those share a batch that would be padded alike alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

STRIDE = 32  # sides are padded to multiples of it, as the feature pyramid wants them


def resized(height: int, width: int, short_side: int, long_side: int) -> tuple[int, int]:
    """Height and width at which the network sees a photograph.

    The shorter side becomes `short_side`, unless the longer one would pass `long_side`. Rounded
    as detectron2's ResizeShortestEdge does.
    """
    scale = short_side / min(height, width)
    new = (short_side, scale * width) if height < width else (scale * height, short_side)
    if max(new) > long_side:
        new = tuple(side * (long_side / max(new)) for side in new)
    return int(new[0] + 0.5), int(new[1] + 0.5)


def batches(sizes: Sequence[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Indices of photographs by resized (height, width), in batches of at most `most`."""
    buckets = defaultdict(list)
    for i, (height, width) in enumerate(sizes):
        buckets[-(-height // STRIDE), -(-width // STRIDE)].append(i)
    for members in buckets.values():
        for start in range(0, len(members), most):
            yield members[start : start + most]
