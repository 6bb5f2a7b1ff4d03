"""Deadlines by the second: one dictionary for all connections instead of one timer each."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class TimerWheel(Generic[T]):
    """A bag of items, each due at some second. The caller remembers the deadline of an item it may take out."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[int, set[T]] = {}

    def add(self, item: T, deadline: float) -> None:
        """Put an item in. It comes due at most a second late, never early."""
        self._buckets.setdefault(int(deadline) + 1, set()).add(item)

    def discard(self, item: T, deadline: float) -> None:
        """Take out an item put in with this deadline, if it is still there."""
        place = int(deadline) + 1
        bucket = self._buckets.get(place)
        if bucket is not None:
            bucket.discard(item)
            if not bucket:
                del self._buckets[place]

    def due(self, at: float) -> list[T]:
        """Take out everything due at this second or before, earliest first."""
        places = sorted(place for place in self._buckets if place <= at)
        return [item for place in places for item in self._buckets.pop(place)]
