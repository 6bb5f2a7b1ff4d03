"""Sockets: uvicorn's HTTP/1.1 protocol on listeners of our own: a server can have several, with and without TLS.

Beyond uvicorn: the peer certificate reaches the application, requests that stay unfinished are cut off, errors of the
protocol itself are answered in JSON, a client that closes its sending side still gets its answer, and a listener
drains: it stops accepting, finishes what it has begun, and then closes.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from email.utils import formatdate
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tidegate.clock import wall_now
from tidegate.http.app import App
from tidegate.http.request import Peer

log = logging.getLogger("tidegate.http")

_BACKLOG = 2048
_SWEEP_SECONDS = 1.0


class Timeouts:
    """How long a listener waits, in seconds."""

    __slots__ = ("keep_alive", "request")

    def __init__(self, request: float = 30.0, keep_alive: int = 75) -> None:
        self.request = request
        """For a request to arrive whole, from its first byte; for a TLS handshake too."""
        self.keep_alive = keep_alive
        """For the next request on a connection that has had one."""


class Listener:
    """One listening socket and its connections. ``address`` is where it is bound."""

    def __init__(self, app: App, timeouts: Timeouts, *, device: bool) -> None:
        self.state = ServerState()
        self.timeouts = timeouts
        self.device = device
        self.config = Config(
            cast("Any", app),
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=timeouts.keep_alive,
        )
        self.config.load()
        self.idle = asyncio.Event()
        self.idle.set()
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Bind and accept. Port 0 takes a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        handshake = self.timeouts.request if context else None
        self._server = await self._loop.create_server(
            lambda: _Connection(self), host, port, ssl=context, ssl_handshake_timeout=handshake, backlog=_BACKLOG
        )
        self._sweep()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it is bound to."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    def connections(self) -> int:
        """How many connections are open."""
        return len(self.state.connections)

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, let requests under way finish for ``grace`` seconds, then close every connection."""
        assert self._server is not None
        self._server.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(grace):
                await self.idle.wait()
        except TimeoutError:
            log.warning("%d connections were cut off: requests took longer than %.0f s", self.connections(), grace)
            for connection in list(self.state.connections):
                cast("_Connection", connection).transport.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self) -> None:
        """Once a second: refresh the Date header, cut off requests that do not arrive."""
        self.state.default_headers = [(b"date", formatdate(wall_now() / 1000, usegmt=True).encode())]
        oldest = self._loop.time() - self.timeouts.request
        for connection in list(self.state.connections):
            cast("_Connection", connection).expire(oldest)
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class _Connection(HttpToolsProtocol):
    """uvicorn's protocol with what a service at the edge of a network needs besides."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener.config, listener.state, {})
        self._listener = listener
        self._waiting_since = 0.0
        """When the request began that has not arrived whole; 0 while there is none."""
        self._begun = False
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._listener.idle.clear()
        tls = transport.get_extra_info("ssl_object")
        peer = Peer(
            device=self._listener.device,
            certificate=tls.getpeercert(binary_form=True) if tls else None,
            address=self.client[0] if self.client else "",
        )
        self.app_state = {"peer": peer}
        self._waiting_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.server_state.connections:
            self._listener.idle.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._begun:
            self._waiting_since = self._waiting_since or self.loop.time()
        else:
            self._waiting_since = 0.0

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._begun = False
        super().on_message_complete()

    def expire(self, oldest: float) -> None:
        """Cut the connection off if its request began before ``oldest`` (loop time) and is still not whole."""
        if self._waiting_since and self._waiting_since < oldest and not self.flow.read_paused:
            self._refuse(408, "RequestTimeoutException", "The request did not arrive in time.")

    def eof_received(self) -> bool | None:  # type: ignore[override]
        if self._begun:
            self._refuse(400, "SerializationException", "The request ended before it was complete.")
            return None
        if self.cycle is not None and not self.cycle.response_complete and self.scheme == "http":
            self.shutdown()  # the client has said all it will: answer, then close
            return True
        return None

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "SerializationException", msg)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what is not an HTTP request, or not a whole one, and close."""
        cycle = self.cycle
        pending = cycle is not None and not cycle.response_complete
        if self.transport.is_closing():
            return
        if pending and not cycle.more_body:
            self.shutdown()  # an earlier request is being worked on: its answer is the last
            return
        if not (pending and cycle.response_started):
            body = f'{{"message":"{message}"}}'.encode()
            head = (
                f"HTTP/1.1 {status} {_PHRASES[status]}\r\nx-amzn-ErrorType: {code}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


_PHRASES = {400: "Bad Request", 408: "Request Timeout"}
