"""Listening sockets: accept, with or without TLS, watch over the connections, drain."""

from __future__ import annotations

import asyncio
import logging
import ssl
from email.utils import formatdate
from typing import Any

from tidegate.clock import wall_now
from tidegate.http.connections import Connection, Limits, Refuse, Respond, Upgrade

log = logging.getLogger("tidegate.http")

_BACKLOG = 2048
_SWEEP_SECONDS = 1.0
_FAREWELL_SECONDS = 0.5
"""For the peer's part in closing a TLS connection."""


class Listener:
    """One listening socket and its connections. Made and used on one event loop.

    A ``device`` listener serves the data planes; the other one everything.
    """

    def __init__(
        self,
        respond: Respond,
        limits: Limits,
        *,
        device: bool,
        upgrade: Upgrade | None = None,
        refuse: Refuse | None = None,
    ) -> None:
        """``upgrade`` answers requests for another protocol; without it they are requests like any other.

        ``refuse`` is asked first, and answers what neither of the two shall see.
        """
        self.respond = respond
        self.upgrade = upgrade
        self.refuse = refuse
        self.limits = limits
        self.device = device
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    async def open(self, host: str, port: int, context: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Bind and accept; returns where. Port 0 takes a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        timeouts: dict[str, Any] = {}
        if context is not None:
            timeouts["ssl_handshake_timeout"] = self.limits.request
            timeouts["ssl_shutdown_timeout"] = _FAREWELL_SECONDS
        self._server = await self._loop.create_server(
            self.protocol,
            host,
            port,
            ssl=context,
            backlog=_BACKLOG,
            **timeouts,
        )
        self.watch()
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    def protocol(self) -> Connection:
        """A protocol for one accepted connection; for sockets that others accept."""
        return Connection(self, self._loop)

    def watch(self) -> None:
        """Begin to look after times; ``open`` does it."""
        self._sweep()

    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, let requests under way finish for ``grace`` seconds, then close every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d connections were cut off: requests took longer than %.0f s", self.connections(), grace)
            for connection in list(self._connections):
                connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        self._connections.add(connection)
        self._idle.clear()

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._idle.set()

    def sweep(self) -> None:
        """Cut off what has not arrived in time."""
        self._look()
        for connection in list(self._connections):
            connection.expire(self.now)

    def _sweep(self) -> None:
        self.sweep()
        self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _look(self) -> None:
        """Read the clocks, once a second for everybody."""
        self.now = self._loop.time()
        date = formatdate(wall_now() / 1000, usegmt=True)
        self.lines = f"date: {date}\r\nx-content-type-options: nosniff\r\n".encode()
