"""The embedded engine: one SQLite file, one thread that owns it, many works per commit.

Durability: WAL with ``synchronous=FULL``, so a commit returns when the log is on disk. A thread with a connection of
its own moves the log into the file; the owner bounds the log's size itself when that thread falls behind, because a
busy writer can outrun it.

Another process may open the same file for a moment (``tidegate keys create``): writers wait for each other's
transactions. Two servers on one file are not meant.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tidegate import clock
from tidegate.faults import explained
from tidegate.store import migrations, refusals, shared, statements
from tidegate.store.checkpointer import Checkpointer
from tidegate.store.database import (
    Blocked,
    Conflict,
    Gathered,
    Marked,
    Outcome,
    OutcomeUnknown,
    Spoiled,
    StoreError,
    StoreUnavailable,
    Work,
    Written,
)
from tidegate.store.shared import Shared
from tidegate.store.sqlite_tx import Reading, SqliteTx

T = TypeVar("T")

log = logging.getLogger("tidegate.store")

LOG_LIMIT = 64 * 1024 * 1024
"""Bytes the log may reach. It never takes more than one transaction beyond, unless a foreign reader holds on to it."""
CHECKPOINT_SECONDS = 0.5

PATIENCE_SECONDS = 10.0
"""How long a transaction waits for another process that writes the file, unless who opened the database says less."""
_GLANCE_MILLISECONDS = 2
"""How often it looks. SQLite by itself looks ever more seldom and would never meet the gaps of a busy server."""

_OWN_FAULTS = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_RANGE,
    }
)
"""What a statement does to itself. Everything else (full, I/O, busy, corrupt, no memory) is the database's failure."""


class SqliteDatabase:
    """A ``Database`` in one file, or in memory for tests. All calls come from the thread that owns it."""

    concurrent = False

    def __init__(
        self,
        path: Path | None,
        *,
        now: int,
        patience_seconds: float = PATIENCE_SECONDS,
        log_limit: int = LOG_LIMIT,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        """Open the file (or memory) and bring its schema up to date.

        Args:
            path: the file; its folder is made if need be. None is a database in memory.
            now: epoch ms that date the migrations.
            patience_seconds: how long a commit waits for another process that writes the file before it is
                ``Blocked``. 0 for a thread that has others to serve, which tries again later.
            log_limit: bytes beyond which a commit empties the log itself.
            checkpoint_seconds: how often the thread moves the log into the file.

        Raises:
            StoreError: the file is not a database of this tidegate, or cannot be opened.
        """
        self._known = statements.load("sqlite")
        self._numbered: dict[str, str] = {}
        self._owned = threading.Lock()
        self._patience = patience_seconds
        self._connection = _connect(path, log_limit)
        self._path = str(path) if path else None
        self._inode = _inode(path) if path else None
        try:
            _migrate(self._connection, now)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"cannot open {path}: {explained(error)}") from error
            raise
        self._connection.execute(f"PRAGMA busy_timeout = {_GLANCE_MILLISECONDS if patience_seconds else 0}")
        self._checkpointer = Checkpointer(path, log_limit, checkpoint_seconds) if path else None

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        """As the seam says. Savepoints cost as much as the statements of a small work, and nearly every work that is
        refused is refused before it writes: so a batch is first tried without them.
        """
        self._own()
        try:
            if all(isinstance(work, Marked) and work.reads for work in works):
                return self._looked(works)
            try:
                outcomes = self._together(works, guarded=False)
            except Spoiled:
                outcomes = self._together(works, guarded=True)
            if self._checkpointer:
                self._checkpointer.after_commit(self._connection)
        finally:
            self._owned.release()
        return outcomes

    def _own(self) -> None:
        """Held during every call; a second one is a work that calls its database, or a thread that does not own it."""
        if not self._owned.acquire(blocking=False):
            raise RuntimeError("the database is in the middle of another call")

    def _looked(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        """Works that only read: on one state, and without the lock that keeps other writers out."""
        try:
            self._connection.execute("BEGIN")
            try:
                ahead = self._read_ahead(works)
                return [self._look(work, ahead) for work in works]
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database could not be read: {explained(error)}") from error

    def _look(self, work: Work[Any], ahead: Shared | None) -> Outcome[Any]:
        tx = Reading(self._connection, self._known, ahead)
        try:
            return Outcome(work(tx), tx.effects)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not _is_own_fault(error):
                raise
            return Outcome(None, [], _as_outcome(error))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        self._check_place()
        try:
            _begin(connection, self._patience)
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself, or is closed
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_FSYNC:
                    raise OutcomeUnknown(f"the disk did not say whether it wrote: {error}") from error
                raise StoreUnavailable(f"the database could not be written: {explained(error)}") from error
            raise

    def _check_place(self) -> None:
        """SQLite would go on writing to a file that was deleted, and all of it would be gone at the end."""
        if self._path is not None and _inode(self._path) != self._inode:
            raise StoreUnavailable(
                f"{self._path} was deleted or replaced while the server runs: stop it, put the file or a backup "
                "back, and start again"
            )

    def _together(self, works: Sequence[Work[Any]], *, guarded: bool) -> list[Outcome[Any]]:
        with self._transaction():
            if guarded:
                return [self._attempt(work, Gathered(), guarded=True) for work in works]
            gathered, shared = Gathered(), self._read_ahead(works)
            outcomes = [self._attempt(work, gathered, shared, guarded=False) for work in works]
            self._settle(gathered, shared)
            return outcomes

    def _read_ahead(self, works: Sequence[Work[Any]]) -> Shared | None:
        begins = shared.firsts(works)
        if begins is None:
            return None
        read = Shared(self._known, self._write_all)
        read.read(Reading(self._connection, self._known), begins)
        return read

    def _write_all(self, query: str, rows: Sequence[Written]) -> int:
        sql = self._numbered.get(query)
        if sql is None:
            sql = self._numbered[query] = self._known[query].numbered(rows[0]._fields)
        try:
            return self._connection.executemany(sql, rows).rowcount  # type: ignore[arg-type]
        except sqlite3.Error as error:
            if _is_own_fault(error):
                raise Spoiled from error
            raise

    def _settle(self, gathered: Gathered, shared: Shared | None) -> None:
        try:
            if shared is not None:
                shared.write()
            gathered.settle_all()
            if shared is not None:
                shared.write()
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not _is_own_fault(error):
                raise
            raise Spoiled from error

    def _attempt(
        self, work: Work[Any], gathered: Gathered, shared: Shared | None = None, *, guarded: bool
    ) -> Outcome[Any]:
        tx = SqliteTx(self._connection, self._known, gathered, self._write_all, shared, guarded=guarded)
        rows = self._connection.total_changes if guarded else 0
        try:
            value = work(tx)
            tx.write_own()
            if guarded:
                gathered.settle_all()
        except Spoiled:
            raise
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not _is_own_fault(error):
                raise
            self._check_open()
            if tx.dirty:
                if not guarded:
                    raise Spoiled from error
                error = refusals.judged(error, self._connection.total_changes - rows)
                self._connection.execute("ROLLBACK TO work")
                self._connection.execute("RELEASE work")
            return Outcome(None, [], _as_outcome(error))
        self._check_open()
        if tx.dirty and guarded:
            self._connection.execute("RELEASE work")
        return Outcome(value, tx.effects)

    def _check_open(self) -> None:
        """After a roll-back by SQLite itself, each further statement would be a commit of its own."""
        if not self._connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was rolled back")

    def read(self, work: Work[T]) -> T:
        self._own()
        try:
            return work(Reading(self._connection, self._known))
        except sqlite3.Error as error:
            if _is_own_fault(error):
                raise _as_outcome(error) from error
            raise StoreUnavailable(f"the database could not be read: {explained(error)}") from error
        finally:
            self._owned.release()

    def reset(self) -> None:
        self._own()
        try:
            with self._transaction():
                tables = self._connection.execute(
                    "SELECT name FROM sqlite_master"
                    " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migration'"
                ).fetchall()
                self._connection.execute("PRAGMA defer_foreign_keys = ON")
                for (table,) in tables:
                    self._connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the schema's own name
        finally:
            self._owned.release()

    def close(self) -> None:
        if self._checkpointer:
            self._checkpointer.stop()
        self._connection.close()


def _is_own_fault(error: sqlite3.Error) -> bool:
    """A statement's own failure; errors of the Python module (a missing parameter) carry no code."""
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        return False
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _OWN_FAULTS


def _as_outcome(error: Exception) -> Exception:
    """A work's failure in the seam's words; its own exceptions pass."""
    failure: Exception = error
    if isinstance(error, sqlite3.Error):
        failure = StoreError(f"a statement failed: {error}")
    elif isinstance(error, Conflict):
        failure = StoreUnavailable("a work that had the database to itself found a conflict")
    if failure is not error:
        failure.__cause__ = error
    return failure


def _connect(path: Path | None, log_limit: int) -> sqlite3.Connection:
    try:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            path.touch(mode=0o600)  # it holds the secrets of access keys; the log and its index take the same mode
        connection = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, cached_statements=512, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot open {path}: {explained(error)}") from error
    try:
        _configure(connection, log_limit)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"cannot open {path}: {explained(error)}") from error
    if path and mode != "wal":
        connection.close()
        raise StoreError(f"cannot open {path}: its file system cannot keep a write-ahead log (journal mode {mode})")
    return connection


def _inode(path: Path | str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configure(connection: sqlite3.Connection, log_limit: int) -> None:
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA journal_size_limit = {log_limit}")  # a log that grew beyond shrinks when it starts anew
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")


def _begin(connection: sqlite3.Connection, patience_seconds: float = PATIENCE_SECONDS) -> None:
    deadline = clock.monotonic() + patience_seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if clock.monotonic() >= deadline:
                raise Blocked("another process keeps the database file locked: look who has it open (lsof)") from error
        else:
            return


def _migrate(connection: sqlite3.Connection, now: int) -> None:
    """Bring the schema up to date; a file that is up to date is only read, so that a busy server is not waited for."""
    if not migrations.pending("sqlite", _applied(connection)):
        return
    _begin(connection)
    try:
        connection.execute(migrations.LEDGER)
        for step in migrations.pending("sqlite", _applied(connection)):
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migration VALUES (?, ?, ?, ?)", (step.number, step.name, step.checksum, now)
            )
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _applied(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "migration" in tables:
        return connection.execute("SELECT number, checksum FROM migration ORDER BY number").fetchall()
    if tables:
        raise StoreError(f"the file belongs to another program: it has a table {min(tables)} and no migrations")
    return []
