"""The embedded engine: one SQLite file, one thread that owns it, many works per commit.

Durability: WAL with ``synchronous=FULL``, so a commit returns when the log is on disk. The log is moved into the file by a
checkpoint thread with its own connection; the owner bounds the log's size itself when that thread falls behind, because a
busy writer can outrun it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from tidegate.store import migrations, statements
from tidegate.store.database import Outcome, Params, Row, StoreError, StoreUnavailable, Work

T = TypeVar("T")

_LOG_LIMIT_BYTES = 64 * 1024 * 1024
_CHECKPOINT_SECONDS = 0.5


class SqliteTx:
    """A work's view. The savepoint that undoes a failed work is opened by its first write: most refusals write nothing."""

    __slots__ = ("_connection", "_statements", "dirty", "effects")

    def __init__(self, connection: sqlite3.Connection, known: dict[str, statements.Statement]) -> None:
        self._connection = connection
        self._statements = known
        self.dirty = False
        self.effects: list[Any] = []

    def _execute(self, query: str, params: Params) -> sqlite3.Cursor:
        statement = self._statements[query]
        if statement.writes and not self.dirty:
            self._connection.execute("SAVEPOINT work")
            self.dirty = True
        return self._connection.execute(statement.sql, params)

    def one(self, query: str, params: Params) -> Row | None:
        cursor = self._execute(query, params)
        row: Row | None = cursor.fetchone()
        cursor.close()
        return row

    def all(self, query: str, params: Params) -> list[Row]:
        return self._execute(query, params).fetchall()

    def run(self, query: str, params: Params) -> int:
        return self._execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Params]) -> None:
        if rows:
            self._execute(query, rows[0])
            self._connection.executemany(self._statements[query].sql, rows[1:])


class SqliteDatabase:
    """A ``Database`` in one file, or in memory for tests. All calls come from the thread that owns it."""

    concurrent = False

    def __init__(self, path: Path | None, *, now: int) -> None:
        """Open the file (or memory) and bring its schema up to date; ``now`` dates the migrations.

        Raises:
            StoreError: the file is not a database of this tidegate.
        """
        self._path = path
        self._known = statements.load("sqlite")
        try:
            self._connection = _connect(path)
            self._migrate(now)
        except sqlite3.DatabaseError as error:
            raise StoreError(f"cannot open {path}: {error}") from error
        self._checkpointer = _Checkpointer(path) if path else None

    def _migrate(self, now: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(migrations.LEDGER)
            applied = self._connection.execute("SELECT number, checksum FROM migration ORDER BY number").fetchall()
            for step in migrations.pending("sqlite", applied):
                for statement in step.statements:
                    self._connection.execute(statement)
                self._connection.execute(
                    "INSERT INTO migration VALUES (?, ?, ?, ?)", (step.number, step.name, step.checksum, now)
                )
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(work) for work in works]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreUnavailable(f"the database could not be written: {error}") from error
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if self._checkpointer:
            self._checkpointer.after_commit(connection)
        return outcomes

    def _attempt(self, work: Work[Any]) -> Outcome[Any]:
        tx = SqliteTx(self._connection, self._known)
        try:
            value = work(tx)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - the work's own failure belongs to its caller, not to its neighbours
            if tx.dirty:
                self._connection.execute("ROLLBACK TO work")
                self._connection.execute("RELEASE work")
            return Outcome(None, [], error)
        if tx.dirty:
            self._connection.execute("RELEASE work")
        return Outcome(value, tx.effects)

    def read(self, work: Work[T]) -> T:
        return work(SqliteTx(self._connection, self._known))

    def reset(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        tables = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migration'"
        ).fetchall()
        self._connection.execute("PRAGMA defer_foreign_keys = ON")
        for (table,) in tables:
            self._connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the name comes from the schema itself
        self._connection.execute("COMMIT")

    def close(self) -> None:
        if self._checkpointer:
            self._checkpointer.stop()
        self._connection.close()


def _connect(path: Path | None) -> sqlite3.Connection:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        str(path) if path else ":memory:", isolation_level=None, cached_statements=512, check_same_thread=False
    )
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


class _Checkpointer:
    """Moves the log into the file beside the writer.

    A passive pass by the thread leaves the log full but copied; the next passive pass by the *writer* finds nothing left to
    copy, costs microseconds, and lets it start the log anew. Past the limit the writer copies the rest itself.
    """

    def __init__(self, path: Path) -> None:
        self._log = Path(f"{path}-wal")
        self._path = path
        self._passed = threading.Event()
        self._stop = threading.Event()
        self._commits = 0
        self._thread = threading.Thread(target=self._work, name="tidegate-checkpoint", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        connection = sqlite3.connect(str(self._path), isolation_level=None)
        connection.execute("PRAGMA busy_timeout = 0")
        while not self._stop.wait(_CHECKPOINT_SECONDS):
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.OperationalError:
                continue  # the writer is at it itself; the next pass will do
            self._passed.set()
        connection.close()

    def after_commit(self, connection: sqlite3.Connection) -> None:
        self._commits += 1
        full = self._commits % 64 == 0 and self._log_bytes() > _LOG_LIMIT_BYTES
        if full or self._passed.is_set():
            self._passed.clear()
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
