"""What the servers on one PostgreSQL tell each other: LISTEN on one connection, NOTIFY on another.

Every server that listens holds a shared advisory lock for as long as its connection lives; so ``members`` knows who is
there, and who is gone, from the server's own table of locks. Likewise ``speakers``: a server that has lost the one
connection may still have the other. A text that two servers with different schemas in one database exchange would make
no sense: the schema is part of the channel's name and of the lock.

Both connections live on the event loop, for a message goes through here on its way from client to client, and each
thread that it would have to wake takes its time. LISTEN needs a connection of its own for as long as the server runs:
it does not work through a pooler that lends connections by the transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import LiteralString, TypeVar

import psycopg

from tidegate.rate_limited_log import RateLimitedLog
from tidegate.store.database import StoreUnavailable

T = TypeVar("T")

log = logging.getLogger("tidegate.store")

LIMIT = 7900
"""Bytes of a text; PostgreSQL takes less than 8000."""
_LOCK = 7_415_023
_SPEAKS = 7_415_024
_RETRY_S = 1.0
_PULSE_S = 1.0
"""How often a connection that only listens is asked whether it still would hear anything."""
ANSWER_S = 4.0
"""How long PostgreSQL may take to answer; then the connection is given up."""
_NOTICE_LOSS = """
SELECT set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '1', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '5000', false)
"""
"""Lest PostgreSQL keep the locks of a server whose machine is gone for hours."""
_NOTIFY = "SELECT pg_notify(%s, %s)"
_SCHEMA = "SELECT current_schema()::regnamespace::oid::bigint"
_JOIN = "SELECT pg_advisory_lock_shared(%s, %s::bigint::bit(32)::int)"
_MEMBERS = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = 7415023 AND objid = %(schema)s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SPEAKERS = """
SELECT objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = 7415024
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

Connection = psycopg.AsyncConnection[tuple[int]]


def sign(name: str) -> int:
    """A number below 2^31 for a name."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


class Channel:
    """Lives on one event loop. What waits for PostgreSQL waits for ``ANSWER_S`` at most."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], name: str) -> None:
        """``connect`` makes a connection in autocommit mode, or raises ``StoreUnavailable``.

        ``name`` is what ``speakers`` knows this one by.
        """
        self._connect = connect
        self._sign = sign(name)
        self._limited_log = RateLimitedLog(log)
        self._voice: Connection | None = None
        self._schema = 0
        self._stale = False
        self._task: asyncio.Task[None] | None = None
        self._ear: Connection | None = None

    def listen(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        """Begin to listen, and go on until ``close``, whatever becomes of a connection.

        ``tuned`` is called with the number of each connection (as in ``members``) once everything sent from then on
        is heard: after the first time, what was sent since the last one broke is lost.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(heard, tuned), name="tidegate-listen")

    async def send(self, texts: Sequence[str]) -> None:
        """Tell every listener, ourselves among them, some texts in one go: in order, with nothing in between.

        No two of them may be equal, for PostgreSQL would keep one. It is a transaction that writes nothing, so nobody
        waits for a disk.

        Raises:
            StoreUnavailable: it is not known whether they were sent.
        """

        async def notify(voice: Connection) -> None:
            if len(texts) == 1:
                await voice.execute(_NOTIFY, (self._name(), texts[0]))
                return
            async with voice.transaction(), voice.cursor() as cursor:
                await cursor.executemany(_NOTIFY, [(self._name(), text) for text in texts])

        await self._speak(notify)

    async def members(self) -> frozenset[int]:
        """The connections that listen at this moment.

        Raises:
            StoreUnavailable: PostgreSQL does not answer.
        """
        return await self._ask(_MEMBERS)

    async def speakers(self) -> frozenset[int]:
        """Who has a connection to speak on, by the ``sign`` of its name.

        Raises:
            StoreUnavailable: PostgreSQL does not answer.
        """
        return await self._ask(_SPEAKERS)

    async def _ask(self, query: LiteralString) -> frozenset[int]:
        async def ask(voice: Connection) -> frozenset[int]:
            found = await voice.execute(query, {"schema": self._schema})
            return frozenset([number async for (number,) in found])

        return await self._speak(ask)

    def renew(self) -> None:
        """Listen on another connection: the present one is not among the members, however alive it looks."""
        self._stale = True

    async def close(self) -> None:
        """Stop listening and speaking."""
        if self._task is not None:
            if self._ear is not None:
                _cut(self._ear)
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._hush()

    # -- speaking --

    async def _speak(self, say: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            if self._voice is None:
                self._voice = await self._connect()
                with _bounded(self._voice):
                    await self._voice.execute(_NOTICE_LOSS)
                    self._schema = await _one(self._voice, _SCHEMA)
                    await self._voice.execute("SELECT pg_advisory_lock_shared(%s, %s)", (_SPEAKS, self._sign))
            with _bounded(self._voice):
                return await say(self._voice)
        except psycopg.Error as error:
            await self._hush()
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    async def _hush(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            await voice.close()

    def _name(self) -> str:
        return f"tidegate_{self._schema}"

    # -- listening --

    async def _run(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        while True:
            try:
                self._ear = await self._connect()
                async with self._ear:
                    await self._listen(self._ear, heard, tuned)
            except (psycopg.Error, StoreUnavailable) as error:
                self._limited_log.warning(
                    "nothing is heard of the other servers on the store: %s; tried every second", error
                )
                await asyncio.sleep(_RETRY_S)

    async def _listen(self, connection: Connection, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        with _bounded(connection):
            await connection.execute(_NOTICE_LOSS)
            schema = await _one(connection, _SCHEMA)
            await connection.execute(_JOIN, (_LOCK, schema))
            await connection.execute(f"LISTEN tidegate_{schema}")
        self._stale = False
        tuned(connection.info.backend_pid)
        while not self._stale:
            async for notice in connection.notifies(timeout=_PULSE_S):
                heard(notice.payload)
            with _bounded(connection):
                await _one(connection, "SELECT 1")


@contextlib.contextmanager
def _bounded(connection: Connection) -> Iterator[None]:
    """Cut the connection if the block takes too long: a task that is cancelled would wait for PostgreSQL to agree."""
    timer = asyncio.get_running_loop().call_later(ANSWER_S, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


async def _one(connection: Connection, query: LiteralString) -> int:
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return row[0]
