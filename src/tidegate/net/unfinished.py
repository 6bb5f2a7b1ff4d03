"""Bytes of requests that are not whole yet, so that nobody knows whose they are: bounded in sum as well as singly.

When they become too many, the oldest request of the address that holds most is let go, so that a newcomer's gets
through: strangers who hold back the ends of large requests only stand in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FREE: Final = 4 * 1024
"""Bytes of one connection that are not counted, for most requests never have more."""


class Holding:
    """What one connection holds back. ``let_go`` is called, at most once, when it holds too much."""

    __slots__ = ("_sum", "address", "let_go", "size")

    def __init__(self, total: Unfinished, address: str, let_go: Callable[[], None]) -> None:
        self._sum = total
        self.address = address
        self.let_go = let_go
        self.size = 0

    def set(self, size: int) -> None:
        """It holds so many bytes now; 0: nothing any more."""
        if size != self.size:
            self._sum.changed(self, size)


class Unfinished:
    """The sum of a process."""

    def __init__(self, limit: int) -> None:
        """``limit``: bytes in all."""
        self.limit = limit
        self.size = 0
        self._by_address: dict[str, dict[Holding, None]] = {}
        self._sizes: dict[str, int] = {}

    def changed(self, holding: Holding, size: int) -> None:
        """Count; let go of others, or of this one, until the limit holds."""
        self._count(holding, size)
        while self.size > self.limit:
            heaviest = max(self._sizes, key=self._sizes.__getitem__)
            oldest = next(iter(self._by_address[heaviest]))
            self._count(oldest, 0)
            oldest.let_go()

    def _count(self, holding: Holding, size: int) -> None:
        address = holding.address
        self.size += size - holding.size
        self._sizes[address] = self._sizes.get(address, 0) + size - holding.size
        holding.size = size
        held = self._by_address.setdefault(address, {})
        if size:
            held[holding] = None
        else:
            held.pop(holding, None)
        if not held:
            del self._by_address[address], self._sizes[address]
