"""What was read or computed last, as far as so many bytes reach."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key: the newest, and of the others those used last, within `most` bytes."""

    def __init__(self, most: int):
        self.most, self.bytes = most, 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value of a key, which is then the last one used; None where it is not kept."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def keep(self, key: K, value: V, size: int) -> V:
        """Keep a value of `size` bytes, instead of any that the key had; returns it."""
        self.bytes += size - self._values.pop(key, (None, 0))[1]
        self._values[key] = value, size
        while self.bytes > self.most and len(self._values) > 1:
            self.bytes -= self._values.popitem(last=False)[1][1]
        return value

    def clear(self) -> None:
        """Keep nothing."""
        self._values.clear()
        self.bytes = 0
