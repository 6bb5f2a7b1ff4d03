"""The listening socket of the endpoint and its connections."""

from __future__ import annotations

import asyncio
import heapq
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable

from tidegate.net.door import Door
from tidegate.net.entrance import Entrance, Networks
from tidegate.s3.connections import Connection, Exchange
from tidegate.s3.work import Limits

log = logging.getLogger("tidegate.s3")

_BACKLOG = 2048
_DESCRIPTORS = 3
"""Of a connection: the transport's, the one answers are written to, a blob's."""


class Listener:
    """One listening socket. Made and used on one event loop."""

    def __init__(
        self, respond: Callable[[Exchange], Awaitable[None]], limits: Limits, door: Door | None = None
    ) -> None:
        """``door``: the one of all listeners; None makes one."""
        self.door = door or Door()
        self.respond = respond
        self.limits = limits
        self._connections: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._entrance: Entrance | None = None

    async def open(self, listening: socket.socket, context: ssl.SSLContext | None, balancers: Networks = ()) -> None:
        """Accept on a bound socket; ``balancers`` begin with a PROXY header."""
        loop, tls = asyncio.get_running_loop(), context is not None
        self._entrance = Entrance(
            self.door,
            "objects",
            lambda ticket: Connection(self, loop, tls=tls, ticket=ticket),
            context,
            weight=_DESCRIPTORS,
            balancers=balancers,
        )
        self._entrance.take([listening])
        self.door.sheds.append(self.shed)

    def shed(self, count: int) -> int:
        """Close connections that rest, because room is short."""
        resting = [(at, each) for each in self._connections if (at := each.rests) is not None]
        chosen = heapq.nsmallest(count, resting, key=lambda pair: pair[0])
        for _, connection in chosen:
            connection.send_away("idle")
        return len(chosen)

    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def close(self, grace_s: float) -> None:
        """Stop accepting, let exchanges under way finish, then close every connection."""
        if self._entrance is not None:
            await self._entrance.close()
            self.door.sheds.remove(self.shed)
        for connection in list(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d transfers were cut off after %.0f s; clients resume them", self.connections(), grace_s)
            for connection in list(self._connections):
                connection.abort()

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        self._connections.add(connection)
        self._idle.clear()
        if len(self._connections) > self.limits.connections:
            connection.abort()

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._idle.set()


def bind(host: str, port: int) -> socket.socket:
    """A bound, listening socket; it holds its port while the endpoint's process is replaced.

    Raises:
        OSError: the address cannot be bound.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
