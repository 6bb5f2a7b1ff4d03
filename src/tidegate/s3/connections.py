"""HTTP/1.1 with bodies that stream both ways, on one connection.

The other listeners take requests whole (``http/connections.py``); objects are too large for that. Parser: httptools.

* An exchange begins with its head. Its body is read by whom it concerns; the client is held back while nobody does.
* ``100 Continue`` is sent when somebody begins to read, so that a refusal costs the client no upload.
* One exchange at a time. What is left of a body that nobody wanted is passed over if it is small; otherwise the answer
  closes the connection, after a while in which what still comes is dropped, because a reset would overtake the answer.
"""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol, cast

import httptools

from tidegate.net import pages
from tidegate.net.door import Ticket
from tidegate.net.slices import Sliced
from tidegate.net.unfinished import FREE, Holding
from tidegate.s3.addressing import Head
from tidegate.s3.errors import S3Error
from tidegate.s3.outlet import Encrypted, GoneError, Outlet, Plain
from tidegate.s3.work import Limits

HEAD_LIMIT: Final = 64 * 1024
_AHEAD: Final = 1024 * 1024
"""Bytes of a body that wait before the client has to."""
_FULL: Final = 1
"""The reason for reading nothing: enough has come that nobody has taken yet."""
_UNASKED: Final = 64 * 1024
"""The same before anybody has asked for the body: until then nobody knows whose it is."""
_PASSED_OVER: Final = 256 * 1024
_PASSED_OVER_S: Final = 10.0
_LINGER_S: Final = 5.0
_PIPELINED: Final = 4
_STATUS: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in http.HTTPStatus}


class Peer(NamedTuple):
    """The other end of a connection."""

    address: str
    tls: bool


class Exchange:
    """A request as it arrives, and the way back."""

    def __init__(self, connection: Connection, head: Head, *, keep: bool, fault: str | None = None) -> None:
        self.head = head
        self.peer = connection.peer
        self.keep = keep and fault is None
        self.fault = fault
        """Why this is no request that could be carried out, as a sentence."""
        self.answered = False
        """Whether the head of an answer has been sent."""
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._complete = False
        self._broken = False
        self._wanted = False  # somebody has begun to read
        self._arrival: asyncio.Future[None] | None = None
        self._moved, self._patience = 0, connection.limits.stall_s
        self._continue = head.headers.get("expect", "").lower() == "100-continue"

    # -- the body, as ``request.Body`` --

    async def read(self) -> bytes:
        """Some more of the body; empty at the end.

        Raises:
            S3Error: it does not arrive.
        """
        self._wanted = True
        if self._continue:
            self._continue = False
            if not self._chunks and not self._complete:
                await self._connection.outlet.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._chunks:
            if self._complete:
                return b""
            if self._broken:
                raise S3Error("IncompleteBody")
            await self._arrive()
        data = self._chunks.popleft()
        self._waiting -= len(data)
        self._moved += len(data)
        if self._moved >= self._connection.limits.stall_bytes:
            self._moved, self._patience = 0, self._connection.limits.stall_s
        if self._waiting < _AHEAD // 2:
            self._connection.resume()
        return data

    async def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        self._arrival, begun = loop.create_future(), loop.time()
        try:
            async with asyncio.timeout(self._patience):
                await self._arrival
        except TimeoutError:
            raise S3Error("RequestTimeout") from None
        finally:
            self._arrival = None
            self._patience -= loop.time() - begun  # a byte now and then is no progress

    @property
    def little_left(self) -> bool:
        """Whether what is left of the body can be passed over."""
        if self._complete:
            return True
        length = self.head.headers.get("content-length", "")
        # A client that waits for our word may send its body or not: there is no telling what comes next.
        return not self._continue and len(length) < 18 and length.isdigit() and int(length) <= _PASSED_OVER

    async def pass_over(self) -> bool:
        """Let go of what is left of the body; False if that is too much to wait for."""
        if not self.little_left:
            return False
        passed = 0
        try:
            async with asyncio.timeout(_PASSED_OVER_S):
                while data := await self.read():
                    passed += len(data)
                    if passed > _PASSED_OVER:
                        return False
        except (S3Error, TimeoutError):
            return False
        return True

    # -- the connection's side --

    def feed(self, data: bytes) -> bool:
        """More has arrived; whether that is enough for now."""
        self._chunks.append(data)
        self._waiting += len(data)
        self._wake()
        return self._waiting >= (_AHEAD if self._wanted else _UNASKED)

    @property
    def unread(self) -> int:
        """Bytes of a body that nobody has asked for yet."""
        return 0 if self._wanted else self._waiting

    def complete(self) -> None:
        """All has arrived."""
        self._complete = True
        self._wake()

    def broken(self) -> None:
        """Nothing more will come."""
        self._broken = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    # -- the answer --

    async def begin(self, status: int, headers: dict[str, str], length: int | None) -> None:
        """Send the head of the answer; ``length`` None where an answer has no body by nature."""
        self.answered = True
        lines = [_STATUS[status]]
        lines += [f"{name}: {_one_line(value)}\r\n" for name, value in headers.items()]
        if length is not None:
            lines.append(f"content-length: {length}\r\n")
        if not self.keep:
            lines.append("connection: close\r\n")
        lines.append("\r\n")
        await self._connection.outlet.write("".join(lines).encode("latin-1", "replace"))

    async def write(self, data: bytes) -> None:
        """Send bytes of the body."""
        await self._connection.outlet.write(data)

    async def send(self, file: int, start: int, length: int) -> None:
        """Send bytes of a file."""
        await self._connection.outlet.send(file, start, length)


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


class Owner(Protocol):
    """The listener, as its connections see it."""

    limits: Limits

    @property
    def respond(self) -> Callable[[Exchange], Awaitable[None]]:
        """Answers an exchange; never raises but GoneError."""
        ...

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...


class Connection(Sliced):
    """One accepted connection."""

    outlet: Outlet
    peer: Peer
    _transport: asyncio.Transport

    def __init__(
        self, owner: Owner, loop: asyncio.AbstractEventLoop, *, tls: bool, ticket: Ticket | None = None
    ) -> None:
        super().__init__(ticket)
        self.limits = owner.limits
        self._owner, self._loop, self._tls = owner, loop, tls
        self._parser = httptools.HttpRequestParser(self)
        self._arriving: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answered_at: float | None = None
        self._deaf = False
        """What arrives is no request any more."""
        self._stopping = False
        self._head_bytes = 0
        self._head_raw = 0  # as it arrived: the parser keeps a header until it has ended
        self._in_head = True
        self._url = b""
        self._in_head = True
        self._headers: dict[str, str] = {}
        self._repeated: set[str] = set()
        self._hosts: list[str] = []
        self._holding: Holding | None = None  # only once it has held back much

    # -- the transport's side --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = self.attach(transport)
        self._transport = cast("asyncio.Transport", transport)
        self.peer = Peer(address, self._tls)
        if self.ticket is not None:
            self.ticket.release()  # TLS is through; HTTP has times of its own
        outlet = Encrypted if self._tls else Plain
        self.outlet = outlet(self._transport, self.limits, self._loop)
        self._owner.opened(self)
        self._idle()

    def lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._still()
        self.outlet.close()
        if self._arriving is not None:
            self._arriving.broken()
            self._arriving = None
        if self._task is not None:
            self._task.cancel()
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None
        del self._parser  # it has us: a circle
        self._queue.clear()  # these, too
        self._owner.closed(self)

    def received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._in_head:
            self._head_raw += len(data)
        try:
            self._parser.feed_data(data)
            if self._in_head and self._head_raw > HEAD_LIMIT:
                self._break()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break()
        if len(self._queue) > _PIPELINED:
            self._enough()
        if self._arriving is not None or self._head_raw or self._holding is not None:
            self._count_held()

    def _count_held(self) -> None:
        """What has arrived of requests that nobody has looked at must not become too much in all."""
        size = self._head_raw + sum(each.unread for each in self._queue)
        if self._arriving is not None and self._arriving not in self._queue:
            size += self._arriving.unread
        if self._holding is None:
            if size <= FREE or self.ticket is None:
                return
            self._holding = self.ticket.holding(self._transport.abort)
        self._holding.set(size)

    def ended(self) -> bool:
        self._stopping = True
        self._deaf = True
        if self._arriving is not None:
            self._arriving.broken()
        return self._task is not None and not self._tls

    def pause_writing(self) -> None:
        if isinstance(self.outlet, Encrypted):
            self.outlet.pause()

    def resume_writing(self) -> None:
        if isinstance(self.outlet, Encrypted):
            self.outlet.resume()

    def _break(self) -> None:
        """What arrives is not HTTP: nothing sensible can be said about which request it was."""
        self._deaf = True
        if self._arriving is not None:
            self._arriving.broken()
        if self._task is None:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()
        else:
            self._stopping = True

    # -- the parser's side --

    def on_message_begin(self) -> None:
        self._url = b""
        self._in_head = True
        self._headers, self._repeated, self._hosts = {}, set(), []
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if not self._in_head:
            return  # a trailer: no part of what anybody decides about
        lower, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if lower == "host":
            self._hosts.append(text)
        if lower in self._headers:
            self._repeated.add(lower)
            text = f"{self._headers[lower]},{text}"
        self._headers[lower] = text

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_LIMIT:
            raise ValueError("the head is too large")  # which the parser reports as its own error

    def on_headers_complete(self) -> None:
        self._in_head = False
        target = self._url.decode("latin-1")
        path, _, query = target.partition("?")
        if not path.startswith("/"):
            path = (httptools.parse_url(self._url).path or b"/").decode("latin-1")
        self._in_head, self._head_raw = False, 0
        parser = self._parser
        method = parser.get_method().decode("ascii")
        head = Head(method, path, query, self._headers, frozenset(self._repeated))
        keep = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        fault = pages.malformed(target, self._hosts, parser.get_http_version())
        self._arriving = Exchange(self, head, keep=keep, fault=fault)
        self._queue.append(self._arriving)
        self._next()

    def on_body(self, body: bytes) -> None:
        if self._arriving is not None and self._arriving.feed(body):
            self._enough()

    def on_message_complete(self) -> None:
        if self._arriving is not None:
            self._arriving.complete()
        self._arriving = None
        self._in_head = True

    # -- exchanges --

    def _enough(self) -> None:
        if not self._deaf:
            self.hold(_FULL)

    def resume(self) -> None:
        """Somebody reads: let more come."""
        if self._holding is not None:
            self._count_held()
        if self._held and len(self._queue) <= _PIPELINED:
            self.release(_FULL)

    def _next(self) -> None:
        if self._task is None and self._queue and not self._transport.is_closing():
            self._still()
            self._task = self._loop.create_task(self._serve(self._queue.popleft()))

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._owner.respond(exchange)
            self._answered_at = self._loop.time()
            whole = await exchange.pass_over()
        except GoneError:
            self._transport.abort()
            return
        finally:
            self._task = self._answered_at = None
        if exchange.keep and whole and not (self._stopping and not self._queue):
            self.resume()
            self._next()
            if self._task is None:
                self._idle()
        else:
            self._farewell(whole=whole)

    def _farewell(self, *, whole: bool) -> None:
        self._deaf = True
        if whole or self._tls:
            self._transport.close()
            return
        self.outlet.half_close()
        self.release(_FULL)
        self._timer = self._loop.call_later(_LINGER_S, self._transport.close)

    def _idle(self) -> None:
        self._timer = self._loop.call_later(self.limits.keep_alive_s, self._transport.close)

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- the listener's side --

    @property
    def rests(self) -> float | None:
        """When it will be closed if its client says nothing more; None while something is under way."""
        if self._answered_at is not None:  # what is left of a body that nobody wants
            return self._answered_at + _PASSED_OVER_S
        return self._timer.when() if self._task is None and self._timer is not None else None

    def send_away(self, reason: str) -> None:
        """Close at once, because there is no room."""
        if self.ticket is not None:
            self.ticket.send_away(reason)
        self._transport.abort()

    def stop(self) -> None:
        """Close once what has begun is answered."""
        self._stopping = True
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
