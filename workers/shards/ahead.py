"""Work that threads begin before its result is needed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    pool: ThreadPoolExecutor, call: Callable[[T], R], items: Iterable[T], most: int
) -> Iterator[R]:
    """The results of `call` on items, in order, with at most `most` calls begun ahead."""
    begun: deque[Future[R]] = deque()
    for item in items:
        begun.append(pool.submit(call, item))
        if len(begun) > most:
            yield begun.popleft().result()
    yield from (future.result() for future in begun)
