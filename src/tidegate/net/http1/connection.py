"""HTTP/1.1 on one connection: bytes in, requests to the application, answers out in order.

Parsing is httptools' (llhttp). A protocol of our own, because an answer then costs one write instead of two and a
request no queue between parser and application: on the same machine 13 µs against 22 µs for an ASGI server's constant
answer. It knows no AWS.

A listener takes requests whole (``respond``) or with bodies that stream (``converse``). The rules:

* One request at a time; pipelined ones wait, and past a few the client does. A whole request is handed over when it has
  arrived, a streaming one with its head: its body is read by whom it concerns, and the client is held back while nobody
  does.
* A body or head larger than the limits is refused before it is taken in, and so is what stands around a chunked body.
  What is refused is answered in order, then the connection lingers: what still comes is dropped for a while, because
  closing at once would take the answer away with a reset under a client that is still writing. The same for what is
  left of a streaming body that nobody wanted, unless it is small: that is passed over.
* A client that asks may go on with its body once the requests before it are answered and its head is accepted; if the
  body streams, once somebody begins to read, so that a refusal costs the client no upload.
* Trailers are read over: a header that comes after the body was not part of what anybody decided about.
* What does not arrive in time is refused. Deadlines are looked at once a second by the listener, not timed singly.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final, NamedTuple, Protocol, cast

import httptools

from tidegate.net import pages
from tidegate.net.door import Ticket
from tidegate.net.http1.exchange import CONTINUE, PASSED_OVER_S, Exchange, head_of
from tidegate.net.http1.messages import (
    Answer,
    Headers,
    Limits,
    Peer,
    Refusal,
    Refuse,
    Render,
    Request,
    Respond,
    Stream,
    Switch,
    Upgrade,
)
from tidegate.net.http1.outlet import Buffered, Direct, GoneError, Outlet
from tidegate.net.slices import Sliced
from tidegate.net.unfinished import FREE, Holding

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of request line and headers."""

_PIPELINED: Final = 16
"""Requests that may wait behind the one being served before the client has to."""
_ENOUGH: Final = 1
"""The reason for reading nothing: enough waits."""
_TLS_BUFFER: Final = 256 * 1024
"""What uvloop has for each TLS connection that has sent much."""
_LINGER_SECONDS: Final = 5.0

Converse = Callable[[Exchange], Awaitable[None]]
"""Reads a request's body and answers it; raises nothing but GoneError."""


class Owner(Protocol):
    """The listener, as its connections see it."""

    limits: Limits
    respond: Respond | None
    converse: Converse | None
    """In place of ``respond`` where bodies stream."""
    upgrade: Upgrade | None
    refuse: Refuse | None
    render: Render
    device: bool
    lines: bytes
    """The header lines of all answers of this second: its date, and that browsers take no body for what it is not."""
    signed_only: bool
    """Whether a request without signature and certificate can only be refused."""
    now: float
    """The loop's time, to the second."""

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...


class _Waiting(NamedTuple):
    """A whole request; the connection is closed after its answer unless ``keep``."""

    request: Request
    keep: bool
    chunked: bool = True
    """Whether its client knows chunks."""
    upgrade: bool = False


class Connection(Sliced):
    """One accepted connection."""

    __slots__ = (
        "_answered_at",
        "_arriving",
        "_begun",
        "_body",
        "_body_bytes",
        "_deadline",
        "_expects",
        "_head_bytes",
        "_headers",
        "_holding",
        "_in_head",
        "_last",
        "_loop",
        "_outlet",
        "_outside",
        "_owner",
        "_parser",
        "_peer",
        "_queue",
        "_refused",
        "_size",
        "_stalled",
        "_stopping",
        "_task",
        "_transport",
        "_tunnelled",
        "_unending",
        "_url",
    )

    waits = False  # requests do
    _transport: asyncio.Transport
    _peer: Peer
    _body: list[bytes]
    _headers: Headers
    _url: bytes

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, ticket: Ticket | None = None) -> None:
        super().__init__(ticket)
        self._owner = owner
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[_Waiting | Exchange | Refusal] = deque()
        self._task: asyncio.Task[None] | None = None
        self._deadline = owner.now + owner.limits.request
        self._begun = False  # a request has begun to arrive and is not whole
        self._in_head = True
        self._head_bytes = 0
        self._body_bytes = 0  # as sent: with chunk sizes and trailers
        self._size = 0
        self._outside = 0  # of what was sent when the body last grew: not of the body
        self._expects = False  # the client waits for our word before it sends the body
        self._stalled = 0.0  # when a client that does not read its answers is given up; 0 while it reads
        self._refused = False  # nothing that arrives from now on is a request
        self._last = False  # an answer that closes has been written
        self._stopping = False
        self._holding: Holding | None = None  # only once it has held back much
        self._arriving: Exchange | None = None  # whose body streams, and is not whole
        self._answered_at: float | None = None  # the exchange, and the rest of its body is passed over
        self._outlet: Outlet | None = None  # for what streams
        self._unending = False  # what is served would never end
        self._tunnelled: bytearray | None = None  # what came after a request for another protocol

    # -- the transport's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = self.attach(transport)
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's classes
        tls = transport.get_extra_info("ssl_object")
        self._peer = Peer(
            device=self._owner.device,
            certificate=tls.getpeercert(binary_form=True) if tls else None,
            address=address,
            tls=tls is not None,
            ticket=self.ticket,
        )
        if self.ticket is not None:
            self.ticket.release()  # TLS is through; HTTP has times of its own
        if self._owner.converse is not None:
            direct = tls is None and self._transport.get_extra_info("socket") is not None
            self._outlet = (Direct if direct else Buffered)(self._transport, self._owner.limits, self._loop)
        self._owner.opened(self)

    def lost(self, exc: Exception | None) -> None:
        # A whole request under way is carried out all the same; its answer has nowhere to go. What streams is ended.
        self._last = True
        if self._outlet is not None:
            self._outlet.close()
            self._break_body()
            if self._task is not None:
                self._task.cancel()
        self._queue.clear()
        self._body = []
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None  # it has us, too
        del self._parser  # it has us: a circle, and the memory of a request
        self._owner.closed(self)

    def received(self, data: bytes) -> None:
        if self._refused:
            self._keep_for_tunnel(data)
            return
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(Refusal("syntax", "The request is not valid HTTP/1.1."))
        else:
            self._check_overhead()
        self._next()
        if self._begun and not self._queue and self._task is None:
            self.confirm()  # some send head and body apart
        if self._begun or self._queue or self._holding is not None:
            self._count_held()
        if len(self._queue) > _PIPELINED:
            self.hold(_ENOUGH)

    def _upgrade(self, after: bytes) -> None:
        """The last request asks for another protocol. It is served; what follows is not HTTP."""
        self._refused = True
        self._stopping = True
        last = self._queue[-1] if self._queue else None
        if isinstance(last, Exchange):
            last.keep = False
        elif isinstance(last, _Waiting) and self._owner.upgrade is not None:
            self._queue[-1] = last._replace(upgrade=True)
            self._tunnelled = bytearray(after)

    def _count_held(self) -> None:
        """What has arrived of requests that nobody has looked at must not become too much in all."""
        if self._begun and not self._in_head and self._owner.signed_only:
            self._refuse_unsigned()
        size = 0
        for each in self._queue:
            if isinstance(each, _Waiting):
                size += len(each.request.body)
            elif isinstance(each, Exchange):
                size += each.unread
        if self._arriving is not None:
            size += self._arriving.unread if self._arriving not in self._queue else 0
        elif self._begun:
            size += self._head_bytes + self._size
        if size > FREE and self._over_tls():
            size += _TLS_BUFFER
        if self._holding is None:
            if size <= FREE or self.ticket is None:
                return
            self._holding = self.ticket.holding(self._let_go)
        self._holding.set(size)

    def _let_go(self) -> None:
        if self._outlet is not None:
            self._transport.abort()  # an answer may have begun
            return
        self._queue.clear()
        self._stopping = self._over_tls()  # its buffers are to go, too: no lingering
        self._refuse(Refusal("room", "Too many requests are unfinished. Try again."))
        self._next()

    def _over_tls(self) -> bool:
        return self._transport.get_extra_info("ssl_object") is not None

    def _refuse_unsigned(self) -> None:
        """Have a request refused without its body that shows nothing by which its sender could be known."""
        claims = self._peer.certificate is not None or b"x-amz-" in self._url.lower()
        if claims or any(name == b"authorization" for name, _ in self._headers):
            return
        self._body, self._size = [], 0
        self.on_message_complete()
        self._queue[-1] = cast("_Waiting", self._queue[-1])._replace(keep=False)
        self._refused = True
        self._next()

    def _check_overhead(self) -> None:
        """Refuse what is no end of a head, or of chunk sizes and trailers: the parser would keep it all."""
        outside = self._body_bytes - self._size
        if self._in_head:
            if self._head_bytes > HEAD_LIMIT:
                self._refuse(Refusal("head", f"Request line and headers must not exceed {HEAD_LIMIT} bytes."))
        elif outside - self._outside > HEAD_LIMIT + (0 if self._arriving else self._owner.limits.body):
            message = "Chunk sizes and trailers must not exceed the limits of the headers and the body."
            self._refuse(Refusal("head", message))

    def _keep_for_tunnel(self, data: bytes) -> None:
        if self._tunnelled is not None:
            self._tunnelled += data
            if len(self._tunnelled) > HEAD_LIMIT:  # nobody sends that much before the answer
                self._transport.abort()

    def ended(self) -> bool:
        if self._arriving is not None:
            self._break_body()
        elif self._begun:
            self._refuse(Refusal("truncated", "The request ended before it was complete."))
        self._refused = True
        self._stopping = True  # the client has said all it will: what waits is answered, then the connection closed
        self._end_endless()
        self._next()
        # Open while an answer is due; TLS cannot be half open and closes by itself.
        return (self._task is not None or bool(self._queue)) and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.pause()
        else:
            self._stalled = self._owner.now + self._owner.limits.request

    def resume_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.resume()
        if self._stalled:
            self._stalled = 0.0
            self._next()

    # -- the parser's side -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._begun = True
        self._in_head = True
        self._url = b""
        self._headers = []
        self._body = []
        self._body_bytes = 0
        self._size = self._outside = 0
        self._expects = False
        self._deadline = self._owner.now + self._owner.limits.request

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        hosts = [value for name, value in self._headers if name == b"host"]
        if len(hosts) != 1 or not self._url.startswith(b"/"):
            self._check_host([value.decode("latin-1") for value in hosts])
        limit = self._owner.limits.body if self._owner.converse is None else None
        for name, value in self._headers:
            # llhttp has accepted the length as a number; a long run of digits is not even converted.
            if name == b"content-length" and limit is not None and (len(value) > 18 or int(value) > limit):
                self._too_large()
            elif name == b"expect" and value.lower() == b"100-continue":
                self._expects = self._parser.get_http_version() == "1.1"
        if self._outlet is not None and self._owner.converse is not None and not self._refused:
            self._arriving = Exchange(
                self._request(b""),
                self._outlet,
                self._owner.limits,
                self._owner.lines,
                self.resume,
                keep=self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1",
                expects=self._expects,
            )
            self._queue.append(self._arriving)

    def _check_host(self, hosts: list[str]) -> None:
        fault = pages.malformed(self._url.decode("latin-1"), hosts, self._parser.get_http_version())
        if fault is not None:
            self._refuse(Refusal("host", fault))

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._size += len(body)
        if self._arriving is not None:
            self._outside = self._body_bytes - self._size
            if self._arriving.feed(body):
                self.hold(_ENOUGH)
        elif self._size > self._owner.limits.body:
            self._too_large()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._begun = False
        self._in_head = True
        self._head_bytes = 0
        if self._refused:
            return
        if self._arriving is not None:
            self._arriving.complete()
            self._arriving = None
            return
        body = self._body
        request = self._request(body[0] if len(body) == 1 else b"".join(body))
        chunked = self._parser.get_http_version() == "1.1"
        self._queue.append(_Waiting(request, chunked and self._parser.should_keep_alive(), chunked))

    def _request(self, body: bytes) -> Request:
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/") and path != b"*":
            path = httptools.parse_url(self._url).path or b"/"  # the absolute form, as sent to a proxy
        return Request(self._parser.get_method().decode("ascii"), path, query, self._headers, body, self._peer)

    def _too_large(self) -> None:
        message = f"The request body must not exceed {self._owner.limits.body} bytes."
        self._refuse(Refusal("body", message))

    def _refuse(self, refusal: Refusal) -> None:
        if not self._refused:
            self._refused = True
            self._begun = False
            self._body = []
            self._break_body()
            self._queue.append(refusal)

    def _break_body(self) -> None:
        """Nothing more will come of a body that streams."""
        if self._arriving is not None:
            self._arriving.broken()
            self._arriving = None
            self._begun = False

    # -- the application's side --------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Take up the next waiting request, if nothing is in its way."""
        if self._task is not None or self._stalled or self._last:
            return
        if not self._queue:
            self._rest()
            return
        waiting = self._queue.popleft()
        if self._holding is not None:
            self._count_held()
        if isinstance(waiting, Refusal):
            self._write(self._owner.render(waiting), keep=False)
            self._end()
            return
        self._deadline = 0.0
        serving = self._converse(waiting) if isinstance(waiting, Exchange) else self._serve(waiting)
        self._task = self._loop.create_task(serving)

    def resume(self) -> None:
        """Somebody reads: let more come."""
        if self._holding is not None:
            self._count_held()
        if self._held and len(self._queue) <= _PIPELINED:
            self.release(_ENOUGH)

    async def _ask(self, waiting: _Waiting) -> Answer | Stream | Switch:
        owner = self._owner
        try:
            found: Answer | Switch | None = None
            if owner.refuse is not None:
                found = owner.refuse(waiting.request)
            if found is None and waiting.upgrade and owner.upgrade is not None:
                found = await owner.upgrade(waiting.request)
            assert owner.respond is not None
            return found or await owner.respond(waiting.request)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Nobody is left to answer: a reset rather than silence."""
        self._transport.abort()
        self._queue.clear()
        self._last, self._task = True, None  # the error knows us: a circle

    async def _serve(self, waiting: _Waiting) -> None:
        if await self._left_meanwhile():
            return
        answer = await self._ask(waiting)
        keep = waiting.keep and not (self._stopping and not self._queue)
        if isinstance(answer, Stream):
            keep = await self._pour(answer, waiting, keep=keep)
        elif isinstance(answer, Switch):
            self._switch(answer)
            return
        elif not self._last:
            self._write(answer, keep=keep, head_only=waiting.request.method == "HEAD")
        self._task = None
        if not self._last:
            self._go_on(keep=keep)

    async def _pour(self, answer: Stream, waiting: _Waiting, *, keep: bool) -> bool:
        """Send an answer bit by bit; whether the connection can be used further."""
        chunked = waiting.chunked
        keep = keep and chunked and not answer.endless
        lines = self._owner.lines + (b"transfer-encoding: chunked\r\n" if chunked else b"")
        try:
            async with aclosing(answer.chunks) as chunks:
                if self._last:
                    return False
                self._outlet, self._unending = Buffered(self._transport, self._owner.limits, self._loop), answer.endless
                await self._outlet.write(head_of(answer.status, lines, answer.headers, None, keep=keep))
                if waiting.request.method == "HEAD":
                    return keep
                async for chunk in chunks:
                    if chunk:
                        await self._outlet.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        except asyncio.CancelledError:
            if self._last or not self._unending:
                raise
            keep = False  # the server stops, or the client has ended
        except BaseException as error:
            self._give_up()  # or the client would take what it has for the whole
            if isinstance(error, GoneError):
                return False
            raise
        finally:
            self._outlet, self._unending = None, False
        if chunked and not self._last:
            self._transport.write(b"0\r\n\r\n")
        return keep

    async def _left_meanwhile(self) -> bool:
        """Wait for a turn; whether the client has gone, who is owed nothing of what has not begun."""
        if self.ticket is None or self.ticket.admits():
            return False
        await self.ticket.turn()
        if self._transport.is_closing():
            self._task = None
            return True
        return False

    async def _converse(self, exchange: Exchange) -> None:
        assert self._owner.converse is not None
        if await self._left_meanwhile():
            return
        whole = False
        try:
            await self._owner.converse(exchange)
            self._answered_at = self._loop.time()
            whole = await exchange.pass_over()
        except GoneError:
            self._give_up()
            return
        except BaseException:
            self._give_up()
            raise
        finally:
            self._task = self._answered_at = None
        if not whole:
            self._break_body()
            self._refused = True
            self.release(_ENOUGH)  # what still comes is dropped
        if not self._last:
            self._go_on(keep=exchange.keep and whole and not (self._stopping and not self._queue))

    def _end_endless(self) -> None:
        if self._unending and self._task is not None:
            self._task.cancel()

    def _go_on(self, *, keep: bool) -> None:
        """An answer is written."""
        if not keep:
            self._end()
            return
        if self._held and len(self._queue) <= _PIPELINED:
            self.release(_ENOUGH)
        self._next()

    def _switch(self, switch: Switch) -> None:
        """Give the connection away."""
        self._task = None
        if self._last or self._transport.is_closing():
            return
        self._last = True
        after = bytes(self._tunnelled or b"") + self.take_rest()
        self.release(_ENOUGH)
        transport, protocol = self._transport, switch.protocol()
        transport.write(switch.head)
        del self._parser  # as when it is lost
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None
        self._owner.closed(self)
        if isinstance(protocol, Sliced):
            protocol.ticket = self.ticket
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if after:
            protocol.data_received(after)

    def _rest(self) -> None:
        """Nothing is being served and nothing waits."""
        if self._last:
            return
        if self._expects and self._begun and self._arriving is None:
            self._expects = False
            self._transport.write(CONTINUE)
        if self._stopping and not self._begun:
            self._end()
        elif not self._begun and not self._deadline:
            self._deadline = self._owner.now + self._owner.limits.keep_alive

    def _write(self, answer: Answer, *, keep: bool, head_only: bool = False) -> None:
        status, headers, body = answer
        head = head_of(status, self._owner.lines, headers, len(body), keep=keep)
        self._transport.write(head if head_only else head + body)

    def _end(self) -> None:
        """The last answer is written: close, but not under a client that is still writing."""
        self._last = True
        if self._refused and not self._stopping:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._deadline = self._owner.now + _LINGER_SECONDS
        else:
            self._transport.close()

    # -- the listener's side -----------------------------------------------------------------------------------------

    @property
    def rests(self) -> float | None:
        """When it will be closed if its client says nothing more; None while something is under way."""
        if self._answered_at is not None:  # what is left of a body that nobody wants
            return self._answered_at + PASSED_OVER_S
        return None if self._task is not None or self._begun or self._queue else self._deadline

    @property
    def unfinished(self) -> float | None:
        """When a request that has begun to arrive must have arrived; None if there is none."""
        return self._deadline if self._begun and self._task is None else None

    def send_away(self, reason: str) -> None:
        """Close at once, because there is no room."""
        if self.ticket is not None:
            self.ticket.send_away(reason)
        self._transport.abort()

    def expire(self, now: float) -> None:
        """Cut off what has not arrived in time; ``now`` is the loop's."""
        if self._stalled and now >= self._stalled:
            self._transport.abort()
        elif self._task is not None or not self._deadline or now < self._deadline:
            return
        elif self._begun and not self._last:
            self._refuse(Refusal("late", "The request did not arrive in time."))
            self._next()
        else:
            self._transport.close()

    def stop(self) -> None:
        """Close once what has begun is answered."""
        self._stopping = True
        if self._last:
            self._transport.close()
        self._end_endless()
        self._next()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
