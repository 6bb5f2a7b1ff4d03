"""A work's view of a PostgreSQL connection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg import errors

from tidegate.store import statements
from tidegate.store.database import Conflict, First, Gathered, Lock, OutOfTurn, Params, Row, Tx, Written
from tidegate.store.shared import Shared

T = TypeVar("T")

Connection = psycopg.Connection[Row]


class PostgresTx:
    """A work's view of one connection."""

    __slots__ = (
        "_connection",
        "_gathered",
        "_holds",
        "_own",
        "_shared",
        "_statements",
        "dirty",
        "effects",
        "rows_written",
    )

    def __init__(
        self,
        connection: Connection,
        known: dict[str, statements.Statement],
        gathered: Gathered | None = None,
        shared: Shared | None = None,
        locked: Collection[Lock] = (),
    ) -> None:
        """``gathered`` and ``shared``: what it has in common with other works of its transaction, if there are any.

        ``locked``: what the transaction has waited for and holds.
        """
        self._connection = connection
        self._statements = known
        self.effects: list[Any] = []
        self.dirty = False
        self.rows_written = 0
        self._gathered = Gathered() if gathered is None else gathered
        self._shared = shared
        self._own: Shared | None = None
        self._gathered.locked.update(locked)
        self._holds = shared is not None or bool(locked)

    def _begin(self, query: str) -> statements.Statement:
        statement = self._statements[query]
        if self._shared is not None:
            self._shared.before(statement)
        self.dirty = self.dirty or statement.writes
        self._holds = self._holds or statement.writes or statement.locks
        return statement

    def _execute(self, query: str, params: Params) -> psycopg.Cursor[Row]:
        statement = self._begin(query)
        cursor = self._connection.execute(statement.sql, params)
        if statement.writes:
            self.rows_written += cursor.rowcount
        return cursor

    def one(self, query: str, params: Params) -> Row | None:
        return self._execute(query, params).fetchone()

    def lock(self, query: str, params: Params) -> Row | None:
        return self._lock(query, params, at_once=self._holds)

    def lock_last(self, query: str, params: Params) -> Row | None:
        return self._lock(query, params, at_once=bool(self._gathered.locked))

    def _lock(self, query: str, params: Params, *, at_once: bool) -> Row | None:
        if not at_once or self.has_locked(query, params):
            row = self.one(query, params)
        else:
            try:
                row = self._connection.execute(f"{self._begin(query).sql} NOWAIT", params).fetchone()
            except errors.LockNotAvailable as error:
                raise OutOfTurn(query, params) from error
        self._gathered.locked.add((query, tuple(params.items())))
        return row

    def has_locked(self, query: str, params: Params) -> bool:
        return (query, tuple(params.items())) in self._gathered.locked

    def all(self, query: str, params: Params) -> list[Row]:
        return self._execute(query, params).fetchall()

    def run(self, query: str, params: Params) -> int:
        return self._execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Params]) -> None:
        if rows:
            statement = self._begin(query)
            with self._connection.cursor() as cursor:
                cursor.executemany(statement.sql, rows)
                self.rows_written += cursor.rowcount

    def recall(self, query: str, params: Params) -> Row | None:
        return self._shared.recall(query, params, self.one) if self._shared else self.one(query, params)

    def ahead(self, first: First | int) -> list[Row] | None:
        return self._shared.ahead(first) if self._shared else None

    def read_ahead(self, things: Collection[int]) -> None:
        if self._shared is None:
            self._shared = self._own = Shared(self._statements, partial(write_all, self._connection, self._statements))
        self._shared.read_things(self, things)

    def later(self, query: str, row: Written) -> None:
        self.dirty = True
        if self._shared is not None:
            self._shared.later(query, row)
        elif self.run(query, {"rows": _json([row])}) != 1:
            raise Conflict

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        self.dirty = True
        return self._gathered.gather(self, key, start, settle)

    def settle(self, key: Hashable) -> None:
        self._gathered.settle(key)

    def settle_all(self) -> None:
        """Write everything gathered and put off: the work is over."""
        if self._own is not None:
            self._own.write()
        self._gathered.settle_all()
        if self._own is not None:
            self._own.write()


def write_all(
    connection: Connection, known: Mapping[str, statements.Statement], query: str, rows: Sequence[Written]
) -> int:
    return connection.execute(known[query].sql, {"rows": _json(rows)}).rowcount


def _json(rows: Sequence[Written]) -> str:
    fields = rows[0]._fields
    return msgspec.json.encode([dict(zip(fields, row[:], strict=True)) for row in rows]).decode()


_check: Callable[[PostgresTx], Tx] = lambda tx: tx  # noqa: E731 - the type checker holds the driver to the seam
