"""Sees to it that nobody waits for ever for a PostgreSQL that says nothing.

libpq waits as long as its socket lives, and a socket lives on before a stopped server or behind a proxy that swallows.
So every call is a *flight*. When one takes long, the server is asked over a fresh connection which of its sessions are
at work: those that are may go on, the others are cut, by shutting down their sockets, which wakes their threads. If the
server does not answer that either it is *silent*: all flights are cut and whoever comes is refused at once, until it
answers again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg.pq import ConnStatus

from tidegate.clock import monotonic
from tidegate.store.database import StoreUnavailable

log = logging.getLogger("tidegate.store")

OVERDUE_S = 2.0
"""After this long without an end the server is asked about a flight, and again each time it has passed once more."""
PROBE_S = 1.5
"""How long it may take to answer. A call is therefore refused after four seconds at most."""
LONGEST_S = 30.0
"""However busy the server says it is, no call takes longer."""
_TICK_S = 0.2
_AT_WORK = """
SELECT pid FROM pg_stat_activity
WHERE pid = ANY(%s) AND (state = 'active' OR clock_timestamp() - state_change < interval '1 second')
"""

_Connection = psycopg.Connection[Any]


class Flight:
    """A call under way on a connection."""

    __slots__ = ("asked_at", "began_at", "connection", "cut")

    def __init__(self, connection: _Connection) -> None:
        self.connection = connection
        self.began_at = self.asked_at = monotonic()
        self.cut = False


class Watch:
    """Watches the calls of one process, on a thread of its own."""

    def __init__(self, connect: Callable[[], _Connection], dropped: Callable[[], None]) -> None:
        """``connect`` makes a connection; ``dropped`` is called when those that are kept are not to be trusted."""
        self._connect = connect
        self._dropped = dropped
        self._guard = threading.Lock()
        self._flights: set[Flight] = set()
        self._suspicious = False
        self._silent = False
        self._users = 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidegate-watch", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def flight(self, connection: _Connection) -> Iterator[Flight]:
        """Watch what is done on a connection in the block.

        Raises:
            StoreUnavailable: the server is silent.
        """
        flight = Flight(connection)
        with self._guard:
            self._flights.add(flight)
        try:
            self.check()
            yield flight
        except psycopg.Error as error:
            if flight.cut:
                raise StoreUnavailable("PostgreSQL does not answer; the connection was given up") from error
            raise
        finally:
            with self._guard:
                self._flights.discard(flight)

    def check(self) -> None:
        """Raise ``StoreUnavailable`` if the server is silent."""
        if self._silent:
            raise StoreUnavailable("PostgreSQL does not answer; it is asked again every second")

    def suspect(self) -> None:
        """A connection could not be made in time: ask at once."""
        self._suspicious = True

    def shared(self) -> Watch:
        """The same for one more, who closes it too."""
        with self._guard:
            self._users += 1
        return self

    def close(self) -> None:
        """Watch no more, once everybody has said so."""
        with self._guard:
            self._users -= 1
        if not self._users:
            self._stop.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_TICK_S):
            overdue = self._overdue()
            if overdue or self._suspicious or self._silent:
                self._suspicious = False
                self._ask(overdue)

    def _overdue(self) -> list[Flight]:
        due = monotonic() - OVERDUE_S
        with self._guard:
            return [flight for flight in self._flights if flight.asked_at < due and not flight.cut]

    def _ask(self, overdue: list[Flight]) -> None:
        began = monotonic()
        probe = _Probe(self._connect, [flight.connection.info.backend_pid for flight in overdue])
        answered = probe.done.wait(PROBE_S)
        if not answered:
            probe.give_up()
            self._fall_silent()
            return
        if self._silent and probe.refusal is None:
            self._silent = False
            log.warning("PostgreSQL answers again")
        at_work = frozenset[int]() if probe.at_work is None else probe.at_work
        with self._guard:
            lost = [flight for flight in overdue if flight in self._flights and not _may_go_on(flight, at_work, began)]
            for flight in lost:
                _cut(flight)
        if lost:
            log.error(
                "%d calls to PostgreSQL got no answer and their connections were replaced: look at what lies between "
                "here and the server (proxy, pooler, network), and at its load",
                len(lost),
            )
            self._dropped()

    def _fall_silent(self) -> None:
        if not self._silent:
            self._silent = True
            log.error(
                "PostgreSQL does not answer: calls are refused (503) until it does, asked every second. Look whether "
                "its server and the way to it are alive"
            )
        with self._guard:
            for flight in self._flights:
                _cut(flight)
        self._dropped()


class _Probe:
    """Asks the server once, on a thread of its own."""

    def __init__(self, connect: Callable[[], _Connection], pids: list[int]) -> None:
        self.done = threading.Event()
        self.at_work: frozenset[int] | None = None
        self.refusal: psycopg.Error | None = None
        self._connect = connect
        self._pids = pids
        self._given_up = False
        self._flight: Flight | None = None
        threading.Thread(target=self._run, name="tidegate-probe", daemon=True).start()

    def _run(self) -> None:
        try:
            with self._connect() as connection:
                self._flight = Flight(connection)
                if not self._given_up:
                    rows = connection.execute(_AT_WORK, (self._pids,), prepare=False).fetchall()
                    self.at_work = frozenset(pid for (pid,) in rows)
        except psycopg.Error as error:
            self.refusal = error
        finally:
            self.done.set()

    def give_up(self) -> None:
        self._given_up = True
        if self._flight is not None:
            _cut(self._flight)


def _may_go_on(flight: Flight, at_work: frozenset[int], now: float) -> bool:
    if now - flight.began_at >= LONGEST_S or flight.connection.info.backend_pid not in at_work:
        return False
    flight.asked_at = now
    return True


def _cut(flight: Flight) -> None:
    """Wake the thread that waits for a flight's answer. Called while the flight's connection cannot be closed."""
    flight.cut = True
    if flight.connection.pgconn.status != ConnStatus.OK:
        return
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(flight.connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
