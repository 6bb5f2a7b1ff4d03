"""A wrapper around a transaction that counts what a work examines: the rule is, so many rows a turn at most.

Counted are rows that a work is given and rows that it writes, statement by statement. What a statement looks at inside
the database is not seen here; which statements may look at more than they answer, their indexes say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar

from tidegate.store.database import First, Params, Row, Tx, Written

T = TypeVar("T")


class Counting:
    """Passes everything on, and puts the number of rows of each statement into a list."""

    def __init__(self, tx: Tx, counted: list[int]) -> None:
        self._tx = tx
        self._counted = counted
        self.effects = tx.effects

    def one(self, query: str, params: Params) -> Row | None:
        self._counted.append(1)
        return self._tx.one(query, params)

    def lock(self, query: str, params: Params) -> Row | None:
        self._counted.append(1)
        return self._tx.lock(query, params)

    def all(self, query: str, params: Params) -> list[Row]:
        rows = self._tx.all(query, params)
        self._counted.append(len(rows))
        return rows

    def run(self, query: str, params: Params) -> int:
        count = self._tx.run(query, params)
        self._counted.append(count)
        return count

    def many(self, query: str, rows: Sequence[Params]) -> None:
        self._counted.append(len(rows))
        self._tx.many(query, rows)

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        return self._tx.gather(key, start, settle)

    def settle(self, key: Hashable) -> None:
        self._tx.settle(key)

    def recall(self, query: str, params: Params) -> Row | None:
        self._counted.append(1)
        return self._tx.recall(query, params)

    def ahead(self, first: First | int) -> list[Row] | None:
        return self._tx.ahead(first)

    def read_ahead(self, things: Collection[int]) -> None:
        self._tx.read_ahead(things)
        found: list[Any] = [self._tx.ahead(thing) or () for thing in things]
        self._counted.append(sum(map(len, found)))

    def later(self, query: str, row: Written) -> None:
        self._counted.append(1)
        self._tx.later(query, row)
