"""What the servers on one PostgreSQL tell each other: LISTEN on one connection, NOTIFY on another.

Every server that listens holds a shared advisory lock for as long as its connection lives; so ``members`` knows who is
there, and who is gone, from the server's own table of locks. A text that two servers with different schemas in one
database exchange would make no sense: the schema is part of the channel's name and of the lock.

LISTEN needs a connection of its own for as long as the server runs: it does not work through a pooler that lends
connections by the transaction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg

from tidegate.clock import monotonic
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.store.database import StoreUnavailable
from tidegate.store.watch import Watch

log = logging.getLogger("tidegate.store")

LIMIT = 7900
"""Bytes of a text; PostgreSQL takes less than 8000."""
_LOCK = 7_415_023
_BEAT_S = 0.2
_RETRY_S = 1.0
_PULSE_S = 1.0
"""How often a connection that only listens is asked whether it still would hear anything."""
_SCHEMA = "SELECT current_schema()::regnamespace::oid::bigint"
_JOIN = "SELECT pg_advisory_lock_shared(%s, %s::bigint::bit(32)::int)"
_MEMBERS = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = %s AND objid = %s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_Connection = psycopg.Connection[tuple[int]]


class Channel:
    """``listen`` hands texts to its callbacks on a thread of its own; ``send`` and ``members`` block their caller's."""

    def __init__(self, connect: Callable[[], _Connection], watch: Watch) -> None:
        """``connect`` makes a connection in autocommit mode."""
        self._connect = connect
        self._watch = watch
        self._limited_log = RateLimitedLog(log)
        self._voice: _Connection | None = None
        self._schema = 0
        self._stop = threading.Event()
        self._stale = self._closed = False
        self._thread: threading.Thread | None = None

    def listen(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        """Begin to listen, and go on until ``close``, whatever becomes of a connection.

        ``tuned`` is called with the number of each connection (as in ``members``) once everything sent from then on
        is heard: after the first time, what was sent since the last one broke is lost.
        """
        self._thread = threading.Thread(target=self._run, args=(heard, tuned), name="tidegate-listen", daemon=True)
        self._thread.start()

    def send(self, texts: Sequence[str]) -> None:
        """Tell every listener, ourselves among them, some texts in one go: in order, with nothing in between.

        No two of them may be equal, for PostgreSQL would keep one. It is a transaction that writes nothing, so nobody
        waits for a disk.

        Raises:
            StoreUnavailable: it is not known whether they were sent.
        """
        try:
            voice = self._speaking()
            with self._watch.flight(voice), voice.transaction(), voice.cursor() as cursor:
                cursor.executemany("SELECT pg_notify(%s, %s)", [(self._name(), text) for text in texts])
        except StoreUnavailable:
            self._hush()
            raise
        except psycopg.Error as error:
            self._hush()
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def members(self) -> frozenset[int]:
        """The connections that listen at this moment.

        Raises:
            StoreUnavailable: PostgreSQL does not answer.
        """
        try:
            voice = self._speaking()
            with self._watch.flight(voice):
                rows = voice.execute(_MEMBERS, (_LOCK, self._schema)).fetchall()
        except StoreUnavailable:
            self._hush()
            raise
        except psycopg.Error as error:
            self._hush()
            raise StoreUnavailable(f"PostgreSQL: {error}") from error
        return frozenset(pid for (pid,) in rows)

    def renew(self) -> None:
        """Listen on another connection: the present one is not among the members, however alive it looks."""
        self._stale = True

    def close(self) -> None:
        """Stop listening and speaking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._hush()
        if not self._closed:
            self._closed = True
            self._watch.close()

    # -- speaking --

    def _speaking(self) -> _Connection:
        if self._voice is None:
            self._watch.check()
            self._voice = self._connect()
            with self._watch.flight(self._voice):
                self._schema = _one(self._voice, _SCHEMA)
        return self._voice

    def _hush(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            voice.close()

    def _name(self) -> str:
        return f"tidegate_{self._schema}"

    # -- listening --

    def _run(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        while not self._stop.is_set():
            try:
                self._watch.check()
                with self._connect() as connection:
                    self._listen(connection, heard, tuned)
            except (psycopg.Error, StoreUnavailable) as error:
                self._limited_log.warning(
                    "nothing is heard of the other servers on the store: %s; tried every second", error
                )
                self._stop.wait(_RETRY_S)

    def _listen(self, connection: _Connection, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        with self._watch.flight(connection):
            schema = _one(connection, _SCHEMA)
            connection.execute(_JOIN, (_LOCK, schema))
            connection.execute(f"LISTEN tidegate_{schema}")
        self._stale = False
        tuned(connection.info.backend_pid)
        felt = monotonic()
        while not (self._stop.is_set() or self._stale):
            if monotonic() - felt >= _PULSE_S:
                with self._watch.flight(connection):
                    _one(connection, "SELECT 1")
                felt = monotonic()
            for notice in connection.notifies(timeout=_BEAT_S):
                heard(notice.payload)
                if self._stop.is_set():
                    return


def _one(connection: _Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
