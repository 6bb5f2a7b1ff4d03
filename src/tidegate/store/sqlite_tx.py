"""A work's view of an SQLite connection: one that reads, and one that writes in a batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar

from tidegate.store import statements
from tidegate.store.database import Conflict, First, Gathered, Params, Row, StoreError, Tx, Written
from tidegate.store.shared import Shared, WriteAll

T = TypeVar("T")


class Reading:
    """A read work's view: statements that write are refused."""

    __slots__ = ("_connection", "_shared", "_statements", "effects")

    def __init__(
        self, connection: sqlite3.Connection, known: dict[str, statements.Statement], shared: Shared | None = None
    ) -> None:
        self._connection = connection
        self._statements = known
        self._shared = shared
        self.effects: list[Any] = []

    def _execute(self, query: str, params: Params) -> sqlite3.Cursor:
        statement = self._statements[query]
        if statement.writes:
            raise StoreError(f"{query} writes, in a work that was said to read only")
        return self._connection.execute(statement.sql, params)

    def one(self, query: str, params: Params) -> Row | None:
        cursor = self._execute(query, params)
        row: Row | None = cursor.fetchone()
        cursor.close()
        return row

    def lock(self, query: str, params: Params) -> Row | None:
        return self.one(query, params)

    def lock_last(self, query: str, params: Params) -> Row | None:
        return self.one(query, params)

    def has_locked(self, query: str, params: Params) -> bool:
        return False  # nor has anybody else

    def all(self, query: str, params: Params) -> list[Row]:
        return self._execute(query, params).fetchall()

    def run(self, query: str, params: Params) -> int:
        return self._execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Params]) -> None:
        if rows:
            self._execute(query, rows[0])
            self._connection.executemany(self._statements[query].sql, rows[1:])

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        raise StoreError(f"{key} is gathered, in a work that was said to read only")

    def settle(self, key: Hashable) -> None:
        """Nothing is gathered between commits."""

    def recall(self, query: str, params: Params) -> Row | None:
        return self._shared.recall(query, params, self.one) if self._shared else self.one(query, params)

    def ahead(self, first: First | int) -> list[Row] | None:
        return self._shared.ahead(first) if self._shared else None

    def read_ahead(self, things: Collection[int]) -> None:
        if self._shared is None:
            self._shared = Shared(self._statements, _writes_nothing)
        self._shared.read_things(self, things)

    def later(self, query: str, row: Written) -> None:
        if self.run(query, dict(zip(row._fields, row[:], strict=True))) != 1:
            raise Conflict


def _writes_nothing(query: str, rows: Sequence[Written]) -> int:
    raise StoreError(f"{query} is to write {len(rows)} rows, in a work that was said to read only")


class SqliteTx(Reading):
    """A work's view in a batch. ``dirty`` once it has changed anything; only then a failure has something to undo."""

    __slots__ = ("_gathered", "_guarded", "_own", "_write_all", "dirty")

    def __init__(
        self,
        connection: sqlite3.Connection,
        known: dict[str, statements.Statement],
        gathered: Gathered,
        write_all: WriteAll,
        shared: Shared | None = None,
        *,
        guarded: bool,
    ) -> None:
        """``guarded``: a savepoint opens at the first write, so that this work can be undone alone."""
        super().__init__(connection, known, shared)
        self._gathered = gathered
        self._write_all = write_all
        self._own: Shared | None = None
        self._guarded = guarded
        self.dirty = False

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        self.dirty = self.dirty or not self._guarded
        return self._gathered.gather(self, key, start, settle)

    def settle(self, key: Hashable) -> None:
        self._gathered.settle(key)

    def read_ahead(self, things: Collection[int]) -> None:
        if self._guarded:
            return  # what is written later could not be undone with this work alone
        if self._shared is None:
            self._shared = self._own = Shared(self._statements, self._write_all)
        self._shared.read_things(self, things)

    def write_own(self) -> None:
        """Write what this work alone has put off: it is over."""
        own, self._own = self._own, None
        if own is not None:
            own.write()
            self._shared = None

    def later(self, query: str, row: Written) -> None:
        if self._shared is None:
            super().later(query, row)
        else:
            self.dirty = True
            self._shared.later(query, row)

    def _execute(self, query: str, params: Params) -> sqlite3.Cursor:
        statement = self._statements[query]
        if self._shared is not None:
            self._shared.before(statement)
        if statement.writes and not self.dirty:
            if self._guarded:
                self._connection.execute("SAVEPOINT work")
            self.dirty = True
        return self._connection.execute(statement.sql, params)
