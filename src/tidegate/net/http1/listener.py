"""Listening sockets: accept, with or without TLS, watch over the connections, drain."""

from __future__ import annotations

import asyncio
import heapq
import logging
import socket
import ssl
from email.utils import formatdate

from tidegate.clock import wall_now
from tidegate.net.admission import Admission, Ticket
from tidegate.net.entrance import Entrance, Networks, listening
from tidegate.net.http1.connection import Connection
from tidegate.net.http1.exchange import Converse
from tidegate.net.http1.messages import Answer, Limits, Refusal, Refuse, Render, Respond, Upgrade

log = logging.getLogger("tidegate.net")

_SWEEP_SECONDS = 1.0
_TIDY_UP_S = 1.0
"""For those whose connection was cut off."""
_DESCRIPTORS = 3
"""Of a connection whose bodies stream: the transport's, the one answers are written to, a file's."""
_STATUSES = {"late": 408, "body": 413, "head": 431, "room": 503}


def plainly(refusal: Refusal) -> Answer:
    """A refusal as text, for an application with no form of its own."""
    return _STATUSES.get(refusal.cause, 400), [(b"content-type", b"text/plain")], refusal.message.encode()


class Listener:
    """One listening socket and its connections. Made and used on one event loop."""

    def __init__(
        self,
        respond: Respond | None,
        limits: Limits,
        *,
        converse: Converse | None = None,
        device: bool = False,
        upgrade: Upgrade | None = None,
        refuse: Refuse | None = None,
        render: Render = plainly,
        admission: Admission | None = None,
        name: str = "http",
        signed_only: bool = False,
    ) -> None:
        """``respond`` answers whole requests; ``converse``, in its place, those whose bodies stream.

        ``device``: what its peers are said to be. ``upgrade`` answers requests for another protocol; without it they
        are requests like any other. ``refuse`` is asked first, and answers what neither shall see; ``render`` words
        what is no request. ``admission``: that of all listeners; None makes one. ``signed_only``: whoever shows neither
        signature nor certificate is refused before the body has arrived.
        """
        assert (respond is None) != (converse is None)
        self.signed_only = signed_only
        self.name = name
        self.admission = admission or Admission()
        self.respond = respond
        self.converse = converse
        self.upgrade = upgrade
        self.refuse = refuse
        self.render = render
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
        bound = await self._enter(context, balancers).open(host, port)
        self.watch()
        return bound

    def take(self, listening: socket.socket, context: ssl.SSLContext | None = None, balancers: Networks = ()) -> None:
        """Accept on a socket that ``bind`` made."""
        self._enter(context, balancers).take([listening])
        self.watch()

    def _enter(self, context: ssl.SSLContext | None, balancers: Networks) -> Entrance:
        self._entrance = Entrance(
            self.admission,
            self.name,
            self.protocol,
            context,
            operators=self.converse is None and not self.device,
            weight=1 if self.converse is None else _DESCRIPTORS,
            balancers=balancers,
        )
        return self._entrance

    def protocol(self, ticket: Ticket | None = None) -> Connection:
        """A protocol for one accepted connection; for sockets that others accept."""
        return Connection(self, self._loop, ticket)

    def watch(self) -> None:
        """Begin to look after times and room; ``open`` does it."""
        self.admission.sheds.append(self.shed)
        self._sweep()

    def shed(self, count: int) -> int:
        """Close connections because room is short: those that rest, or else what has been unfinished for longest."""
        resting = [(at, each) for each in self._connections if (at := each.rests) is not None]
        found = resting or [(at, each) for each in self._connections if (at := each.unfinished) is not None]
        chosen = heapq.nsmallest(count, found, key=lambda pair: pair[0])
        for _, connection in chosen:
            connection.send_away("idle")
        return len(chosen)

    def connection_count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, let requests under way finish for ``grace`` seconds, then close every connection."""
        if self._entrance is not None:
            await self._entrance.close()
        if self.shed in self.admission.sheds:
            self.admission.sheds.remove(self.shed)
        for connection in list(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            log.warning(
                "%d connections were cut off: requests or transfers took longer than %.0f s",
                self.connection_count(),
                grace,
            )
            await self._cut_off()
        if self._timer is not None:
            self._timer.cancel()

    async def _cut_off(self) -> None:
        """Close every connection, and wait until those who worked for it have tidied up."""
        serving = [each.serving for each in self._connections if each.serving is not None]
        for connection in list(self._connections):
            connection.abort()
        if serving:
            await asyncio.wait(serving, timeout=_TIDY_UP_S)

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


def bind(host: str, port: int) -> socket.socket:
    """A bound, listening socket; it holds its port while the process that accepts from it is replaced.

    Raises:
        OSError: the address cannot be bound.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return listening(family, address)
