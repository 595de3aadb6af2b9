"""What a process counts while it works; it travels with the rows of a shard."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REPEATED = "storage_retries"  # requests that were sent again; every other name is of a stage


class Tally:
    """Seconds by stage, and repeated requests, since they were last taken.

    Stages overlap, and several threads may be in one: their seconds add up to more than the
    clock's.
    """

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.lock = threading.Lock()

    def add(self, counts: Mapping[str, float]) -> None:
        """Count more."""
        with self.lock:
            for name, amount in counts.items():
                self.counts[name] = self.counts.get(name, 0) + amount

    def take(self) -> dict[str, float]:
        """What was counted; counting begins anew."""
        with self.lock:
            counts, self.counts = self.counts, {}
        return counts

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the seconds within as those of a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.add({name: time.monotonic() - start})


tally = Tally()  # of this process
