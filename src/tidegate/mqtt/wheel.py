"""Deadlines by the second: one dictionary for all connections instead of one timer each."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """A bag of items, each due at some second. An item is in it once; it is the caller who remembers where."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[int, set[T]] = {}

    def add(self, item: T, deadline: float) -> int:
        """Put an item in; returns the place ``discard`` wants. It comes due at most a second late, never early."""
        place = int(deadline) + 1
        self._buckets.setdefault(place, set()).add(item)
        return place

    def discard(self, item: T, place: int) -> None:
        """Take an item out, if it is still there."""
        bucket = self._buckets.get(place)
        if bucket is not None:
            bucket.discard(item)
            if not bucket:
                del self._buckets[place]

    def due(self, at: float) -> list[T]:
        """Take out everything due at this second or before, earliest first."""
        places = sorted(place for place in self._buckets if place <= at)
        return [item for place in places for item in self._buckets.pop(place)]
