"""Accepts sockets, so many at a time that strangers cost little and a storm of reconnections is absorbed.

A connection counts as a stranger from its acceptance until its holder is known: through the TLS handshake, until
CONNECT was accepted or the socket is gone. Of one address at most ``strangers_per_address`` are dealt with at once; the
next ones wait as bare sockets, without TLS, until one of those is known or given up. Beyond ``waiting`` such sockets a
newcomer is closed, and while ``strangers`` are dealt with in all nothing is accepted: the kernel's queue, and then the
clients' own back-off, take the rest. Whoever is known counts no more, so a whole fleet behind one address is welcome.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from tidegate.mqtt.settings import Settings

log = logging.getLogger("tidegate.mqtt")

_AT_ONCE = 64
"""Sockets accepted in one turn of the loop."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S = 1.0


class Ticket:
    """A stranger's place; ``release`` it when the holder is known, or the socket is gone."""

    __slots__ = ("_address", "_door")

    def __init__(self, door: Door, address: str) -> None:
        self._door: Door | None = door
        self._address = address

    def release(self) -> None:
        """Make room for the next stranger. Further calls do nothing."""
        door, self._door = self._door, None
        if door is not None:
            door.left(self._address)


Make = Callable[[Ticket], asyncio.Protocol]


class Door:
    """One listening socket. ``make`` builds the protocol of an accepted connection."""

    def __init__(self, make: Make, settings: Settings, context: ssl.SSLContext | None) -> None:
        self._make = make
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._sockets: list[socket.socket] = []
        self._strangers: dict[str, int] = {}
        self._count = 0
        self._waiting: dict[str, deque[socket.socket]] = {}
        self._waiting_count = 0
        self._paused = False
        self._handshakes: set[asyncio.Task[Any]] = set()
        self._timeouts: dict[str, Any] = {}
        if context is not None:
            self._timeouts = {
                "ssl": context,
                "ssl_handshake_timeout": settings.handshake_timeout,
                "ssl_shutdown_timeout": settings.close_timeout,
            }

    async def open(self, host: str | None, port: int, *, backlog: int = 2048) -> tuple[str, int]:
        """Bind and accept; returns where. Port 0 takes a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, *_, address in dict.fromkeys(found):
            self._sockets.append(_listening(family, address, backlog))
        self._resume()
        bound = self._sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def close(self) -> None:
        """Accept nobody any more; who waits outside or is at the handshake is sent away."""
        for each in self._sockets:
            self._loop.remove_reader(each.fileno())
            each.close()
        self._sockets.clear()
        for queue in self._waiting.values():
            for each in queue:
                each.close()
        self._waiting.clear()
        self._waiting_count = 0
        for task in self._handshakes:
            task.cancel()
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    # -- accepting --

    def _resume(self) -> None:
        self._paused = False
        for each in self._sockets:
            self._loop.add_reader(each.fileno(), self._accept, each)

    def _pause(self) -> None:
        self._paused = True
        for each in self._sockets:
            self._loop.remove_reader(each.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                log.error("no connection can be accepted: %s", error)
                self._pause()
                self._loop.call_later(_PAUSE_S, self._resume)
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._arrived(accepted, str(address[0]))
            if self._paused:
                return

    def _arrived(self, accepted: socket.socket, address: str) -> None:
        settings = self._settings
        if self._strangers.get(address, 0) < settings.strangers_per_address:
            self._begin(accepted, address)
        elif self._waiting_count < settings.waiting:
            self._waiting.setdefault(address, deque()).append(accepted)
            self._waiting_count += 1
        else:
            log.debug("%s: too many connections at once", address)
            accepted.close()

    def _begin(self, accepted: socket.socket, address: str) -> None:
        self._strangers[address] = self._strangers.get(address, 0) + 1
        self._count += 1
        if self._count >= self._settings.strangers and not self._paused:
            self._pause()
        ticket = Ticket(self, address)
        opening = self._loop.connect_accepted_socket(lambda: self._make(ticket), accepted, **self._timeouts)
        task = self._loop.create_task(opening)
        self._handshakes.add(task)
        task.add_done_callback(lambda task: self._opened(task, accepted, ticket))

    def _opened(self, task: asyncio.Task[Any], accepted: socket.socket, ticket: Ticket) -> None:
        """The handshake is over, one way or another."""
        self._handshakes.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return
        if error is not None:
            expected = isinstance(error, OSError)  # also what TLS refuses, and its timeout
            log.log(logging.DEBUG if expected else logging.ERROR, "a connection was not opened: %s", error)
        ticket.release()
        accepted.close()

    def left(self, address: str) -> None:
        """A stranger became known or went away: the next of that address may begin."""
        self._count -= 1
        self._strangers[address] -= 1
        queue = self._waiting.get(address)
        if queue:
            following = queue.popleft()
            self._waiting_count -= 1
            if not queue:
                del self._waiting[address]
            self._begin(following, address)
        elif not self._strangers[address]:
            del self._strangers[address]
        if self._paused and self._count < self._settings.strangers and self._sockets:
            self._resume()


def _listening(family: int, address: Any, backlog: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener
