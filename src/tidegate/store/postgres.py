"""The shared engine: PostgreSQL, many connections with a transaction each.

Works run SERIALIZABLE: they were written as if they were alone, as they are on SQLite, and PostgreSQL runs one again
when it could not have been. Those that take row locks instead and compare before they set say so with ``locks_rows``
and run READ COMMITTED, because a fleet of devices would otherwise collide on every counter page. Those of them that are
given at once and marked ``together`` share a transaction, unless one of them spoils it.

Connections are kept for the next work, as many as works ever ran at once. When a kept one turns out to be dead the
others are dropped with it and a fresh one is tried: a restarted server costs nobody a refusal. Each lane has its own,
so that at ``max_connections`` one does not take from another; a work that gets no new one waits for one of its lane's.
A call that gets no answer ends all the same (``watch``).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from tidegate.store import migrations, refusals, shared, statements
from tidegate.store.channel import Channel
from tidegate.store.database import (
    Blocked,
    Conflict,
    First,
    Gathered,
    Lane,
    Lock,
    Outcome,
    OutcomeUnknown,
    OutOfTurn,
    Spoiled,
    StoreError,
    StoreUnavailable,
    Work,
    marked,
)
from tidegate.store.postgres_tx import Connection, PostgresTx, write_all
from tidegate.store.shared import Shared
from tidegate.store.watch import LONGEST_S, Watch

T = TypeVar("T")

_ATTEMPTS = 50
_FREE_ATTEMPTS = 3
"""After these, a work that goes on colliding runs while no other serializable one of this process does."""
_ALONE = -1
_LINK = {
    "connect_timeout": "2",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
}
"""Unless the store's URL says otherwise. The kernel thus notices a peer that is gone; ``watch`` one that is silent."""
_BORROW_S = 3.0
"""How long a work for which no new connection can be made waits for one that is in use."""
_PREPARE_AFTER = 2
_PREPARED = 1000
_MIGRATION_LOCK = 7_415_023_118
LOCK_WAIT_MS = 4000
_SESSION = """
SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),
  set_config('idle_in_transaction_session_timeout', %s, false),
  CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
_UNHURRIED = "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)"
"""For migrations: servers that start at once wait for each other, and a large table takes its time."""


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

    def __init__(self, url: str, *, now: int, lock_wait_ms: int = LOCK_WAIT_MS) -> None:
        """Connect and bring the schema up to date.

        Args:
            url: a libpq URL or connection string.
            now: epoch ms that date the migrations.
            lock_wait_ms: how long a statement waits for a lock before its work is ``Blocked``.

        Raises:
            StoreError: the server cannot be reached or the schema is not of this tidegate.
        """
        self._known = statements.load("postgres")
        self._session = (str(lock_wait_ms), str(int(LONGEST_S * 1000)), str(int(LONGEST_S * 1000)))
        self._returned = threading.Condition()
        self._gate = _Gate()
        self._idle: dict[Lane, list[Connection]] = {lane: [] for lane in Lane}
        self._lent = dict.fromkeys(Lane, 0)
        self._closed = False
        self._inside = threading.local()
        self._watch = Watch(lambda: psycopg.connect(self._conninfo, autocommit=True), self._drop_idle)
        try:
            self._conninfo = make_conninfo("", **{**_LINK, **conninfo_to_dict(url)})
            with self._connection("", Lane.OPERATORS) as connection:
                _migrate(connection, now)
            for lane in (Lane.IDENTITY, Lane.HOUSE):  # which must not be found without one
                with contextlib.suppress(psycopg.OperationalError), self._connection("", lane):
                    pass
        except psycopg.Error as error:
            self.close()
            raise StoreError(f"cannot use the PostgreSQL store: {error}") from error
        except StoreError:
            self.close()
            raise

    def channel(self, name: str) -> Channel:
        """A server's way to the others on the store; it has connections of its own and is closed apart."""

        async def connect() -> psycopg.AsyncConnection[Any]:
            self._watch.check()  # who hears again looks at everything, which had better be there
            return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

        return Channel(connect, name)

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        outcomes: list[Outcome[Any]] | None = None
        begins = shared.firsts(works)
        if begins is not None and len(begins) == len(works):
            outcomes = self._together(works, begins)
        return [self._attempt(work) for work in works] if outcomes is None else outcomes

    def _together(self, works: Sequence[Work[Any]], begins: Sequence[First]) -> list[Outcome[Any]] | None:
        """Run works in one transaction; None if they cannot go together, and nothing of them was kept."""
        locks: set[Lock] = set()
        for _ in range(_FREE_ATTEMPTS):
            try:
                return self._once_together(works, begins, sorted(locks))
            except OutOfTurn as error:
                locks.add(error.lock)
            except (errors.SerializationFailure, errors.DeadlockDetected, Conflict, Spoiled):
                return None
            except (psycopg.Error, StoreUnavailable) as error:
                failure = _as_outcome(error)
                return [Outcome(None, [], failure) for _ in works] if isinstance(failure, StoreUnavailable) else None
        return None

    def _once_together(
        self, works: Sequence[Work[Any]], begins: Sequence[First], locks: Sequence[Lock]
    ) -> list[Outcome[Any]]:
        with self._connection("BEGIN ISOLATION LEVEL READ COMMITTED", marked(works[0]).lane) as connection:
            self._wait_for(connection, locks)
            gathered, read = Gathered(), Shared(self._known, partial(write_all, connection, self._known))
            read.read(PostgresTx(connection, self._known), begins)
            outcomes = [_one_of(work, PostgresTx(connection, self._known, gathered, read, locks)) for work in works]
            _settle(gathered, read)
            _commit(connection)
            return outcomes

    def _wait_for(self, connection: Connection, locks: Sequence[Lock]) -> None:
        for query, params in locks:
            connection.execute(self._known[query].sql, dict(params))

    def _attempt(self, work: Work[Any]) -> Outcome[Any]:
        guarded = marked(work).locks_rows
        level = "READ COMMITTED" if guarded else "SERIALIZABLE"
        locks: set[Lock] = set()
        for attempt in range(_ATTEMPTS):
            with contextlib.nullcontext() if guarded else self._gate.passed(alone=attempt >= _FREE_ATTEMPTS):
                try:
                    return self._once(f"BEGIN ISOLATION LEVEL {level}", work, sorted(locks))
                except OutOfTurn as error:
                    locks.add(error.lock)
                except (errors.SerializationFailure, errors.DeadlockDetected, Conflict, Spoiled):
                    continue
                except (psycopg.Error, StoreUnavailable) as error:
                    return Outcome(None, [], _as_outcome(error))
        return Outcome(None, [], StoreUnavailable(f"PostgreSQL: gave up after {_ATTEMPTS} serialisation conflicts"))

    def _once(self, begin: str, work: Work[Any], locks: Sequence[Lock]) -> Outcome[Any]:
        with self._connection(begin, marked(work).lane) as connection:
            self._wait_for(connection, locks)
            tx = PostgresTx(connection, self._known, locked=locks)
            try:
                value = work(tx)
                tx.settle_all()
            except (psycopg.Error, Conflict, Spoiled):
                raise
            except Exception as error:  # noqa: BLE001 - the work's own failure belongs to its caller
                return Outcome(None, [], refusals.judged(error, tx.rows_written))
            _commit(connection)
            return Outcome(value, tx.effects)

    def read(self, work: Work[T]) -> T:
        try:
            with self._connection("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", marked(work).lane) as connection:
                return work(PostgresTx(connection, self._known))
        except psycopg.Error as error:
            raise _as_outcome(error) from error

    def reset(self) -> None:
        try:
            with self._connection("BEGIN", Lane.OPERATORS) as connection:
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
                tables = connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migration'"
                ).fetchall()
                names = sorted(f'"{table}"' for (table,) in tables)
                connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
                for name in names:
                    # Not TRUNCATE: it makes new files for every table, a hundred times dearer where tables are small.
                    connection.execute(f"DELETE FROM {name}")  # noqa: S608
                connection.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def close(self) -> None:
        with self._returned:
            self._closed = True
            self._returned.notify_all()
        self._drop_idle()
        self._watch.close()

    @contextlib.contextmanager
    def _connection(self, begin: str, lane: Lane) -> Iterator[Connection]:
        """A connection with a transaction open; whatever is not committed at the end is rolled back."""
        if getattr(self._inside, "call", False):
            raise RuntimeError("the database is in the middle of another call")
        self._inside.call = True
        try:
            connection = self._begin(begin, lane)
            try:
                with self._watch.flight(connection):
                    try:
                        yield connection
                    finally:
                        _roll_back(connection)
            finally:
                self._give_back(connection, lane)
        finally:
            self._inside.call = False

    def _begin(self, begin: str, lane: Lane) -> Connection:
        connection = self._take(lane)
        if not begin:
            return connection
        try:
            try:
                with self._watch.flight(connection):
                    connection.execute(begin, prepare=False)
            except psycopg.OperationalError:
                connection.close()
                self._drop_idle()
                connection = self._connect()
                with self._watch.flight(connection):
                    connection.execute(begin, prepare=False)
        except BaseException:
            self._give_back(connection, lane)
            raise
        return connection

    def _take(self, lane: Lane) -> Connection:
        self._watch.check()
        with self._returned:
            if self._closed:
                raise StoreUnavailable("PostgreSQL: the store is closed")
            self._lent[lane] += 1
            if self._idle[lane]:
                return self._idle[lane].pop()
        try:
            return self._connect()
        except psycopg.OperationalError as error:
            return self._wait_for_another(lane, error)
        except BaseException:
            self._returned_none(lane)
            raise

    def _wait_for_another(self, lane: Lane, error: psycopg.OperationalError) -> Connection:
        """No new connection is to be had (``max_connections``, as a rule): one of those we have will be free."""
        with self._returned:
            self._lent[lane] -= 1
            if isinstance(error, errors.ConnectionTimeout):
                self._watch.suspect()
                raise error
            self._returned.wait_for(lambda: self._closed or self._idle[lane] or not self._lent[lane], _BORROW_S)
            if not self._idle[lane]:
                raise error
            self._lent[lane] += 1
            return self._idle[lane].pop()

    def _connect(self) -> Connection:
        connection: Connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=_PREPARE_AFTER)
        connection.prepared_max = _PREPARED
        # One width for every number: else each statement is prepared again for each size of its parameters.
        connection.adapters.register_dumper(int, Int8Dumper)
        try:
            with self._watch.flight(connection):
                connection.execute(_SESSION, self._session)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: Connection, lane: Lane) -> None:
        with self._returned:
            self._lent[lane] -= 1
            kept = not self._closed and connection.info.transaction_status == TransactionStatus.IDLE
            if kept:
                self._idle[lane].append(connection)
            self._returned.notify_all()
        if not kept:
            connection.close()

    def _returned_none(self, lane: Lane) -> None:
        with self._returned:
            self._lent[lane] -= 1
            self._returned.notify_all()

    def _drop_idle(self) -> None:
        with self._returned:
            dropped = [connection for idle in self._idle.values() for connection in idle]
            for idle in self._idle.values():
                idle.clear()
        for connection in dropped:
            connection.close()


def _commit(connection: Connection) -> None:
    """Commit; an error that the server still could tell is its refusal, a broken connection tells nothing."""
    try:
        connection.execute("COMMIT", prepare=False)
    except psycopg.Error as error:
        if connection.info.transaction_status == TransactionStatus.UNKNOWN:
            raise OutcomeUnknown(f"PostgreSQL: the connection broke while it committed: {error}") from error
        raise


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        if connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
            connection.execute("ROLLBACK", prepare=False)


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


def _as_outcome(error: psycopg.Error | StoreUnavailable) -> StoreError:
    """A failure in the seam's words: the server's or the connection's own, or the statement's."""
    if isinstance(error, StoreUnavailable):
        return error
    failure: StoreError
    if isinstance(error, errors.LockNotAvailable):
        failure = Blocked(
            "PostgreSQL: another session holds a lock: look for transactions that do not end, in pg_locks"
        )
    elif isinstance(error, (psycopg.OperationalError, errors.ReadOnlySqlTransaction)):
        failure = StoreUnavailable(f"PostgreSQL: {error}")
    else:
        failure = StoreError(f"a statement failed: {error}")
    failure.__cause__ = error
    return failure


def _migrate(connection: Connection, now: int) -> None:
    with connection.transaction():
        connection.execute(_UNHURRIED)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        connection.execute(migrations.LEDGER)
        applied = connection.execute("SELECT number, checksum FROM migration ORDER BY number").fetchall()
        for step in migrations.pending("postgres", [(number, checksum) for number, checksum in applied]):
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migration VALUES (%s, %s, %s, %s)", (step.number, step.name, step.checksum, now)
            )
