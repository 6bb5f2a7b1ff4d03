"""The shared engine: PostgreSQL, one connection a thread, each work in a transaction of its own.

Works run SERIALIZABLE: they were written as if they were alone, as they are on SQLite, and PostgreSQL runs one again when it
could not have been. Those that take row locks instead and compare before they set say so with ``locks_rows`` and run READ
COMMITTED, because a fleet of devices would otherwise collide on every counter page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from tidegate.store import migrations, statements
from tidegate.store.database import Conflict, Outcome, Params, Row, StoreError, StoreUnavailable, Tx, Work

T = TypeVar("T")

_ATTEMPTS = 50
_MIGRATION_LOCK = 7_415_023_118


class PostgresTx:
    """A work's view of one connection."""

    __slots__ = ("_connection", "_statements", "effects")

    def __init__(self, connection: psycopg.Connection[Row], known: dict[str, statements.Statement]) -> None:
        self._connection = connection
        self._statements = known
        self.effects: list[Any] = []

    def one(self, query: str, params: Params) -> Row | None:
        return self._connection.execute(self._statements[query].sql, params).fetchone()

    def all(self, query: str, params: Params) -> list[Row]:
        return self._connection.execute(self._statements[query].sql, params).fetchall()

    def run(self, query: str, params: Params) -> int:
        return self._connection.execute(self._statements[query].sql, params).rowcount

    def many(self, query: str, rows: Sequence[Params]) -> None:
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(self._statements[query].sql, rows)


class PostgresDatabase:
    """A ``Database`` on a PostgreSQL server (a libpq URL). Works may come from any thread."""

    concurrent = True

    def __init__(self, url: str, *, now: int) -> None:
        """Connect and bring the schema up to date; ``now`` dates the migrations.

        Raises:
            StoreError: the server cannot be reached or the schema is not of this tidegate.
        """
        self._url = url
        self._known = statements.load("postgres")
        self._local = threading.local()
        self._open: list[psycopg.Connection[Row]] = []
        self._guard = threading.Lock()
        try:
            self._migrate(now)
        except psycopg.Error as error:
            raise StoreError(f"cannot use the PostgreSQL store: {error}") from error

    def _connection(self) -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Row] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(self._url, autocommit=True)
            self._local.connection = connection
            with self._guard:
                self._open.append(connection)
        return connection

    def _migrate(self, now: int) -> None:
        connection = self._connection()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            connection.execute(migrations.LEDGER)
            applied = connection.execute("SELECT number, checksum FROM migration ORDER BY number").fetchall()
            for step in migrations.pending("postgres", [(number, checksum) for number, checksum in applied]):
                for statement in step.statements:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO migration VALUES (%s, %s, %s, %s)", (step.number, step.name, step.checksum, now)
                )

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        return [self._attempt(work) for work in works]

    def _attempt(self, work: Work[Any]) -> Outcome[Any]:
        level = "READ COMMITTED" if getattr(work, "locks_rows", False) else "SERIALIZABLE"
        for _ in range(_ATTEMPTS):
            try:
                return self._once(f"BEGIN ISOLATION LEVEL {level}", work)
            except (errors.SerializationFailure, errors.DeadlockDetected, Conflict):
                continue
            except psycopg.OperationalError as error:
                raise StoreUnavailable(f"PostgreSQL: {error}") from error
        raise StoreUnavailable(f"PostgreSQL: gave up after {_ATTEMPTS} serialisation conflicts")

    def _once(self, begin: str, work: Work[Any]) -> Outcome[Any]:
        connection = self._connection()
        tx = PostgresTx(connection, self._known)
        connection.execute(begin)
        try:
            value = work(tx)
            connection.execute("COMMIT")
        except (psycopg.Error, Conflict):
            self._roll_back(connection)
            raise
        except Exception as error:  # noqa: BLE001 - the work's own failure belongs to its caller
            self._roll_back(connection)
            return Outcome(None, [], error)
        return Outcome(value, tx.effects)

    def _roll_back(self, connection: psycopg.Connection[Row]) -> None:
        if not connection.closed:
            connection.execute("ROLLBACK")

    def read(self, work: Work[T]) -> T:
        try:
            connection = self._connection()
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return work(PostgresTx(connection, self._known))
            finally:
                self._roll_back(connection)
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def reset(self) -> None:
        connection = self._connection()
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migration'"
        ).fetchall()
        names = ", ".join(f'"{table}"' for (table,) in tables)
        connection.execute(f"TRUNCATE {names}")

    def close(self) -> None:
        with self._guard:
            for connection in self._open:
                connection.close()


_check: Callable[[PostgresTx], Tx] = lambda tx: tx  # noqa: E731 - the type checker holds the driver to the seam
