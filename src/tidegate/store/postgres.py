"""The shared engine: PostgreSQL, many connections with a transaction each.

Works run SERIALIZABLE: they were written as if they were alone, as they are on SQLite, and PostgreSQL runs one again
when it could not have been. Those that take row locks instead and compare before they set say so with ``locks_rows``
and run READ COMMITTED, because a fleet of devices would otherwise collide on every counter page. Those of them that are
given at once and marked ``together`` share a transaction, unless one of them spoils it.

Connections are kept for the next work, as many as works ever ran at once. When a kept one turns out to be dead the
others are dropped with it and a fresh one is tried: a restarted server costs nobody a refusal.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from tidegate.store import migrations, shared, statements
from tidegate.store.database import (
    Conflict,
    First,
    Gathered,
    Outcome,
    Params,
    Row,
    Spoiled,
    StoreError,
    StoreUnavailable,
    Tx,
    Work,
    Written,
)
from tidegate.store.shared import Shared

T = TypeVar("T")

_ATTEMPTS = 50
_FREE_ATTEMPTS = 3
"""After these, a work that goes on colliding runs while no other serializable one of this process does."""
_ALONE = -1
_CONNECT_SECONDS = "10"
_PREPARE_AFTER = 2
_PREPARED = 1000
_MIGRATION_LOCK = 7_415_023_118
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

_Connection = psycopg.Connection[Row]


class PostgresTx:
    """A work's view of one connection."""

    __slots__ = ("_connection", "_gathered", "_shared", "_statements", "dirty", "effects")

    def __init__(
        self,
        connection: _Connection,
        known: dict[str, statements.Statement],
        gathered: Gathered | None = None,
        shared: Shared | None = None,
    ) -> None:
        """``gathered`` and ``shared``: what it has in common with other works of its transaction, if there are any."""
        self._connection = connection
        self._statements = known
        self.effects: list[Any] = []
        self.dirty = False
        self._gathered = Gathered() if gathered is None else gathered
        self._shared = shared

    def _sql(self, query: str) -> str:
        statement = self._statements[query]
        if self._shared is not None:
            self._shared.before(statement)
        self.dirty = self.dirty or statement.writes
        return statement.sql

    def one(self, query: str, params: Params) -> Row | None:
        return self._connection.execute(self._sql(query), params).fetchone()

    def all(self, query: str, params: Params) -> list[Row]:
        return self._connection.execute(self._sql(query), params).fetchall()

    def run(self, query: str, params: Params) -> int:
        return self._connection.execute(self._sql(query), params).rowcount

    def many(self, query: str, rows: Sequence[Params]) -> None:
        if rows:
            sql = self._sql(query)
            with self._connection.cursor() as cursor:
                cursor.executemany(sql, rows)

    def recall(self, query: str, params: Params) -> Row | None:
        return self._shared.recall(query, params, self.one) if self._shared else self.one(query, params)

    def ahead(self, first: First) -> list[Row] | None:
        return self._shared.ahead(first) if self._shared else None

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
        """Write everything gathered: the work is over."""
        self._gathered.settle_all()


class _Gate:
    """Lets many through at once, or one alone.

    Of two serializable works that collide the one that commits first wins, so a long one would lose for ever against
    many short ones: it goes alone when it has lost a few times.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting_alone = 0

    @contextlib.contextmanager
    def passed(self, *, alone: bool) -> Iterator[None]:
        self._enter(alone)
        try:
            yield
        finally:
            with self._changed:
                self._inside = 0 if alone else self._inside - 1
                self._changed.notify_all()

    def _enter(self, alone: bool) -> None:
        with self._changed:
            if alone:
                self._waiting_alone += 1
                self._changed.wait_for(lambda: self._inside == 0)
                self._waiting_alone -= 1
                self._inside = _ALONE
            else:
                self._changed.wait_for(lambda: self._inside >= 0 and not self._waiting_alone)
                self._inside += 1


class PostgresDatabase:
    """A ``Database`` on a PostgreSQL server. Works may come from any thread."""

    concurrent = True

    def __init__(self, url: str, *, now: int) -> None:
        """Connect and bring the schema up to date.

        Args:
            url: a libpq URL or connection string.
            now: epoch ms that date the migrations.

        Raises:
            StoreError: the server cannot be reached or the schema is not of this tidegate.
        """
        self._known = statements.load("postgres")
        self._guard = threading.Lock()
        self._gate = _Gate()
        self._idle: list[_Connection] = []
        self._closed = False
        self._inside = threading.local()
        try:
            self._conninfo = make_conninfo("", **{"connect_timeout": _CONNECT_SECONDS, **conninfo_to_dict(url)})
            with self._connection("") as connection:
                _migrate(connection, now)
        except psycopg.Error as error:
            self.close()
            raise StoreError(f"cannot use the PostgreSQL store: {error}") from error
        except StoreError:
            self.close()
            raise

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        outcomes: list[Outcome[Any]] | None = None
        begins = shared.firsts(works)
        if begins is not None and len(begins) == len(works):
            outcomes = self._together(works, begins)
        return [self._attempt(work) for work in works] if outcomes is None else outcomes

    def _together(self, works: Sequence[Work[Any]], begins: Sequence[First]) -> list[Outcome[Any]] | None:
        """Run works in one transaction; None if they cannot go together, and nothing of them was kept."""
        try:
            with self._connection("BEGIN ISOLATION LEVEL READ COMMITTED") as connection:
                gathered, read = Gathered(), Shared(self._known, partial(self._write_all, connection))
                read.read(PostgresTx(connection, self._known), begins)
                outcomes = [_one_of(work, PostgresTx(connection, self._known, gathered, read)) for work in works]
                _settle(gathered, read)
                connection.execute("COMMIT")
                return outcomes
        except (errors.SerializationFailure, errors.DeadlockDetected, Conflict, Spoiled):
            return None
        except (psycopg.Error, StoreUnavailable) as error:
            failure = _as_outcome(error)
            return [Outcome(None, [], failure) for _ in works] if isinstance(failure, StoreUnavailable) else None

    def _write_all(self, connection: _Connection, query: str, rows: Sequence[Written]) -> int:
        return connection.execute(self._known[query].sql, {"rows": _json(rows)}).rowcount

    def _attempt(self, work: Work[Any]) -> Outcome[Any]:
        guarded = getattr(work, "locks_rows", False)
        level = "READ COMMITTED" if guarded else "SERIALIZABLE"
        for attempt in range(_ATTEMPTS):
            with contextlib.nullcontext() if guarded else self._gate.passed(alone=attempt >= _FREE_ATTEMPTS):
                try:
                    return self._once(f"BEGIN ISOLATION LEVEL {level}", work)
                except (errors.SerializationFailure, errors.DeadlockDetected, Conflict):
                    continue
                except (psycopg.Error, StoreUnavailable) as error:
                    return Outcome(None, [], _as_outcome(error))
        return Outcome(None, [], StoreUnavailable(f"PostgreSQL: gave up after {_ATTEMPTS} serialisation conflicts"))

    def _once(self, begin: str, work: Work[Any]) -> Outcome[Any]:
        with self._connection(begin) as connection:
            tx = PostgresTx(connection, self._known)
            try:
                value = work(tx)
                tx.settle_all()
            except (psycopg.Error, Conflict):
                raise
            except Exception as error:  # noqa: BLE001 - the work's own failure belongs to its caller
                return Outcome(None, [], error)
            connection.execute("COMMIT")
            return Outcome(value, tx.effects)

    def read(self, work: Work[T]) -> T:
        try:
            with self._connection("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
                return work(PostgresTx(connection, self._known))
        except psycopg.Error as error:
            raise _as_outcome(error) from error

    def reset(self) -> None:
        try:
            with self._connection("BEGIN") as connection:
                tables = connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migration'"
                ).fetchall()
                names = sorted(f'"{table}"' for (table,) in tables)
                connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
                for name in names:
                    # Not TRUNCATE: it makes new files for every table, a hundred times dearer where tables are small.
                    connection.execute(f"DELETE FROM {name}")  # noqa: S608
                connection.execute("COMMIT")
        except psycopg.Error as error:
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def close(self) -> None:
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _connection(self, begin: str) -> Iterator[_Connection]:
        """A connection with a transaction open; whatever is not committed at the end is rolled back."""
        if getattr(self._inside, "call", False):
            raise RuntimeError("the database is in the middle of another call")
        self._inside.call = True
        try:
            connection = self._begin(begin)
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._inside.call = False

    def _begin(self, begin: str) -> _Connection:
        connection = self._take()
        if not begin:
            return connection
        try:
            connection.execute(begin)
        except psycopg.OperationalError:
            connection.close()
            self._drop_idle()
            connection = self._connect()
            connection.execute(begin)
        return connection

    def _take(self) -> _Connection:
        with self._guard:
            if self._closed:
                raise StoreUnavailable("PostgreSQL: the store is closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> _Connection:
        connection: _Connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=_PREPARE_AFTER)
        connection.prepared_max = _PREPARED
        # One width for every number: else each statement is prepared again for each size of its parameters.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.execute(_DURABLE)
        return connection

    def _give_back(self, connection: _Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        if connection.info.transaction_status == TransactionStatus.IDLE:
            with self._guard:
                if not self._closed:
                    self._idle.append(connection)
                    return
        connection.close()

    def _drop_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _one_of(work: Work[Any], tx: PostgresTx) -> Outcome[Any]:
    """Run one of several works; one that fails after it has written is run by itself, and so are the others."""
    try:
        return Outcome(work(tx), tx.effects)
    except (psycopg.Error, Conflict, Spoiled):
        raise
    except Exception as error:
        if tx.dirty:
            raise Spoiled from error
        return Outcome(None, [], error)


def _settle(gathered: Gathered, read: Shared) -> None:
    try:
        read.write()  # executions before counters before jobs: the order of a work that runs by itself
        gathered.settle_all()
        read.write()
    except (psycopg.Error, Conflict):
        raise
    except Exception as error:
        raise Spoiled from error


def _json(rows: Sequence[Written]) -> str:
    fields = rows[0]._fields
    return msgspec.json.encode([dict(zip(fields, row[:], strict=True)) for row in rows]).decode()


def _as_outcome(error: psycopg.Error | StoreUnavailable) -> StoreError:
    """A failure in the seam's words: the server's or the connection's own, or the statement's."""
    if isinstance(error, StoreUnavailable):
        return error
    failure: StoreError
    if isinstance(error, (psycopg.OperationalError, errors.ReadOnlySqlTransaction)):
        failure = StoreUnavailable(f"PostgreSQL: {error}")
    else:
        failure = StoreError(f"a statement failed: {error}")
    failure.__cause__ = error
    return failure


def _migrate(connection: _Connection, now: int) -> None:
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


_check: Callable[[PostgresTx], Tx] = lambda tx: tx  # noqa: E731 - the type checker holds the driver to the seam
