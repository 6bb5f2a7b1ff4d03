"""The listening socket of the endpoint and its connections."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable

from tidegate.s3.connections import Connection, Exchange
from tidegate.s3.work import Limits

log = logging.getLogger("tidegate.s3")

_BACKLOG = 2048
_HANDSHAKE_S = 30.0
_FAREWELL_S = 0.5
"""For the peer's part in closing a TLS connection."""


class Listener:
    """One listening socket. Made and used on one event loop."""

    def __init__(self, respond: Callable[[Exchange], Awaitable[None]], limits: Limits) -> None:
        self.respond = respond
        self.limits = limits
        self._connections: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None

    async def open(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        """Accept on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self, loop, tls=context is not None),
            sock=listening,
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=None if context is None else _HANDSHAKE_S,
            ssl_shutdown_timeout=None if context is None else _FAREWELL_S,
        )

    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def close(self, grace_s: float) -> None:
        """Stop accepting, let exchanges under way finish, then close every connection."""
        if self._server is not None:
            self._server.close()
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
