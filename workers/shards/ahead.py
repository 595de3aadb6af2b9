"""Work that is begun in threads before its turn."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    pool: ThreadPoolExecutor, call: Callable[[T], R], items: Iterable[T], most: int
) -> Iterator[R]:
    """Results of items in their order; at most `most` calls beyond the result that is taken."""
    begun: deque[Future[R]] = deque()
    for item in items:
        begun.append(pool.submit(call, item))
        if len(begun) > most:
            yield begun.popleft().result()
    yield from (future.result() for future in begun)
