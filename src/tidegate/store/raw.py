"""A store as tables of rows: for backups and for looking at one without bringing its schema up to date.

A row is a tuple of integers, texts, bytes and None on both engines, so what was read of one can be written to either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tidegate.clock import Millis
from tidegate.faults import explained
from tidegate.store import migrations
from tidegate.store.database import Row, StoreError
from tidegate.store.migrations import Migration
from tidegate.store.statements import Dialect

_AT_ONCE = 1000
_LEDGER = "migration"


class Applied(NamedTuple):
    """A step of the schema that a store has."""

    number: int
    name: str
    checksum: str
    applied_at: Millis


class NotEmptyError(StoreError):
    """A store that was to be filled holds something."""


class Snapshot(Protocol):
    """A store at one instant, whatever is written meanwhile."""

    dialect: Dialect

    def applied(self) -> list[Applied]:
        """The steps of its schema; none if it is empty."""
        ...

    def columns(self) -> dict[str, list[str]]:
        """Every table's columns, in order."""
        ...

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Every row of a table, in no order."""
        ...

    def sequences(self) -> dict[str, int]:
        """The highest id that was ever given, by table."""
        ...

    def clock(self) -> Millis | None:
        """The time of the machine that the store is on, if that may be another one."""
        ...


class SqliteSnapshot:
    """A file's state. ``begin`` it; another thread or process may write meanwhile."""

    dialect: Dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self) -> None:
        """From here on the state stays."""
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()

    def applied(self) -> list[Applied]:
        if _LEDGER not in self.columns():
            return []
        found = self._connection.execute("SELECT number, name, checksum, applied_at FROM migration ORDER BY number")
        return [Applied(*row) for row in found]

    def columns(self) -> dict[str, list[str]]:
        tables = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        ).fetchall()
        return {
            table: [str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({_quoted(table)})")]
            for (table,) in tables
        }

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        yield from self._connection.execute(_select(table, columns))

    def sequences(self) -> dict[str, int]:
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone()
        return dict(self._connection.execute("SELECT name, seq FROM sqlite_sequence")) if found else {}

    def clock(self) -> Millis | None:
        return None


class PostgresSnapshot:
    """A transaction's view of a schema."""

    dialect: Dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def applied(self) -> list[Applied]:
        if _LEDGER not in self.columns():
            return []
        found = self._connection.execute("SELECT number, name, checksum, applied_at FROM migration ORDER BY number")
        return [Applied(*row) for row in found]

    def columns(self) -> dict[str, list[str]]:
        found = self._connection.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t "
            "USING (table_schema, table_name) WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE' "
            "ORDER BY c.table_name, c.ordinal_position"
        )
        tables: dict[str, list[str]] = {}
        for table, column in found:
            tables.setdefault(table, []).append(column)
        return tables

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        with self._connection.cursor(name="tidegate") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(_select(table, columns))
            yield from cursor

    def sequences(self) -> dict[str, int]:
        found = self._connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND is_identity = 'YES'"
        ).fetchall()
        given = {}
        for table, column in found:
            name = "SELECT pg_get_serial_sequence(format('%%I.%%I', current_schema(), %s::text), %s)"
            (sequence,) = self._connection.execute(name, (table, column)).fetchone()
            last, called = self._connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()  # noqa: S608
            if called:
                given[table] = last
        return given

    def clock(self) -> Millis | None:
        (seconds,) = self._connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
        return int(seconds * 1000)


@contextmanager
def snapshot(data: Path, store: str) -> Iterator[Snapshot]:
    """A store as it is now.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    if store != "sqlite":
        with _postgres(store) as connection, _translated(store):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SELECT 1 FROM pg_class LIMIT 1")
            yield PostgresSnapshot(connection)
        return
    path = data / "tidegate.db"
    if not path.exists():
        raise StoreError(f"{path}: it is not there")
    with sqlite_snapshot(path) as found:
        yield found


@contextmanager
def sqlite_snapshot(path: Path) -> Iterator[SqliteSnapshot]:
    """An SQLite file as it is now."""
    with _translated(str(path)), closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("PRAGMA query_only = ON")
        found = SqliteSnapshot(connection)
        found.begin()
        yield found


class Filling:
    """An empty store that is being filled."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self.snapshot: Snapshot = (SqliteSnapshot if dialect == "sqlite" else PostgresSnapshot)(connection)

    def make(self, steps: Iterable[Migration]) -> None:
        """Make the tables. Raises ``StoreError`` if there are some."""
        if self.snapshot.columns():
            raise NotEmptyError("there are tables in it")
        for statement in [migrations.LEDGER, *(statement for step in steps for statement in step.statements)]:
            self._connection.execute(statement)
        for table in self.snapshot.columns():
            self._connection.execute(f"DELETE FROM {_quoted(table)}")  # noqa: S608

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows."""
        names = ", ".join(map(_quoted, columns))
        marks = ", ".join(["?" if self._dialect == "sqlite" else "%s"] * len(columns))
        with closing(self._connection.cursor()) as cursor:
            cursor.executemany(f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})", rows)  # noqa: S608

    def number(self, table: str, given: int) -> None:
        """Have the next id of a table be above one."""
        if self._dialect == "sqlite":
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self._connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, given))
        else:
            name = "pg_get_serial_sequence(format('%%I.%%I', current_schema(), %s::text), 'id')"
            self._connection.execute(f"SELECT setval({name}, %s)", (table, given))


@contextmanager
def filling(path: Path, store: str, applied: Sequence[Applied]) -> Iterator[Filling]:
    """Make an empty store with these steps of the schema, in the SQLite file ``path`` or where ``store`` says.

    All of it is durable when the block is left, and nothing of it is there if it raises.

    Raises:
        NotEmptyError: there are tables already.
        StoreError: this tidegate does not know the schema, or the store cannot be written.
    """
    dialect: Dialect = "sqlite" if store == "sqlite" else "postgres"
    migrations.pending(dialect, [(step.number, step.checksum) for step in applied])  # says what is wrong with them
    known = {step.number for step in applied}
    with _opened(path, store) as connection:
        target = Filling(connection, dialect)
        target.make(step for step in migrations.steps(dialect) if step.number in known)
        yield target


@contextmanager
def _opened(path: Path, store: str) -> Iterator[Any]:
    if store != "sqlite":
        with _postgres(store) as connection, _translated(store):
            yield connection
        return
    with _translated(str(path)), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


def _postgres(url: str) -> AbstractContextManager[Any]:
    """A transaction that is committed at the end."""
    try:
        import psycopg  # the driver is an extra
    except ImportError:
        raise StoreError("a PostgreSQL store needs its driver: pip install 'tidegate[postgres]'") from None
    try:
        return psycopg.connect(url)
    except psycopg.Error as error:
        raise StoreError(f"cannot use the PostgreSQL store: {str(error).strip()}") from None


@contextmanager
def _translated(named: str) -> Iterator[None]:
    """Failures of either engine as ``StoreError``."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{named}: {explained(error)}") from error
    except Exception as error:
        if type(error).__module__.startswith("psycopg"):
            raise StoreError(f"PostgreSQL: {str(error).strip()}") from error
        raise


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)}"  # noqa: S608


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
