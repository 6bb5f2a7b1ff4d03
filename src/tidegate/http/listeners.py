"""Listening sockets: accept, with or without TLS, watch over the connections, drain."""

from __future__ import annotations

import asyncio
import heapq
import logging
import ssl
from email.utils import formatdate

from tidegate.clock import wall_now
from tidegate.http.connections import Connection, Limits, Refuse, Respond, Upgrade
from tidegate.net.door import Door, Ticket
from tidegate.net.entrance import Entrance, Networks

log = logging.getLogger("tidegate.http")

_SWEEP_SECONDS = 1.0


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
        door: Door | None = None,
        name: str = "http",
        signed_only: bool = False,
    ) -> None:
        """``upgrade`` answers requests for another protocol; without it they are requests like any other.

        ``refuse`` is asked first, and answers what neither of the two shall see. ``door``: the one of all listeners;
        None makes one. ``signed_only``: whoever shows neither signature nor certificate is refused before the body has
        arrived.
        """
        self.signed_only = signed_only
        self.name = name
        self._door = door or Door()
        self.respond = respond
        self.upgrade = upgrade
        self.refuse = refuse
        self.limits = limits
        self.device = device
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._entrance: Entrance | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    async def open(
        self, host: str, port: int, context: ssl.SSLContext | None = None, *, balancers: Networks = ()
    ) -> tuple[str, int]:
        """Bind and accept; returns where. Port 0 takes a free one. ``balancers`` begin with a PROXY header.

        Raises:
            OSError: the address cannot be bound.
        """
        operators = not self.device
        self._entrance = Entrance(
            self._door, self.name, self.protocol, context, operators=operators, balancers=balancers
        )
        bound = await self._entrance.open(host, port)
        self.watch()
        return bound

    def protocol(self, ticket: Ticket | None = None) -> Connection:
        """A protocol for one accepted connection; for sockets that others accept."""
        return Connection(self, self._loop, ticket)

    def watch(self) -> None:
        """Begin to look after times and room; ``open`` does it."""
        self._door.sheds.append(self.shed)
        self._sweep()

    def shed(self, count: int) -> int:
        """Close connections because room is short: those that rest, or else what has been unfinished for longest."""
        resting = [(at, each) for each in self._connections if (at := each.rests) is not None]
        found = resting or [(at, each) for each in self._connections if (at := each.unfinished) is not None]
        chosen = heapq.nsmallest(count, found, key=lambda pair: pair[0])
        for _, connection in chosen:
            connection.send_away("idle")
        return len(chosen)

    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, let requests under way finish for ``grace`` seconds, then close every connection."""
        if self._entrance is not None:
            await self._entrance.close()
        if self.shed in self._door.sheds:
            self._door.sheds.remove(self.shed)
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
