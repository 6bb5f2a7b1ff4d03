"""The incoming half of an HTTP/1.1 connection: from bytes to requests that wait, within limits.

What is refused, and when, is told in ``connection``, which serves what waits here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol, cast

import httptools

from tidegate.net import pages
from tidegate.net.admission import Ticket
from tidegate.net.http1.exchange import Converse, Exchange
from tidegate.net.http1.messages import Headers, Limits, Peer, Refusal, Request, Upgrade
from tidegate.net.http1.outlet import Outlet
from tidegate.net.slices import Sliced
from tidegate.net.unfinished import FREE, Holding

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of request line and headers."""
PIPELINED: Final = 16
"""Requests that may wait behind the one being served before the client has to."""
ENOUGH: Final = 1
"""The reason for reading nothing: enough waits."""
_TLS_BUFFER: Final = 256 * 1024
"""What uvloop has for each TLS connection that has sent much."""
_SHOWN = b"x-amz-customauthorizer-"
"""Headers by which a client without a certificate may be known."""


class Rules(Protocol):
    """What the listener says of all that arrives."""

    limits: Limits
    converse: Converse | None
    """In place of whole requests: who reads their bodies."""
    upgrade: Upgrade | None
    device: bool
    lines: bytes
    """The header lines of all answers of this second: its date, and that browsers take no body for what it is not."""
    signed_only: bool
    """Whether a request without signature and certificate can only be refused."""
    now: float
    """The loop's time, to the second."""


class Waiting(NamedTuple):
    """A whole request; the connection is closed after its answer unless ``keep``."""

    request: Request
    keep: bool
    chunked: bool = True
    """Whether its client knows chunks."""
    upgrade: bool = False


class Intake(Sliced):
    """Takes requests in."""

    __slots__ = (
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
        "_outlet",
        "_outside",
        "_parser",
        "_peer",
        "_queue",
        "_refused",
        "_rules",
        "_size",
        "_stopping",
        "_task",
        "_transport",
        "_tunnelled",
        "_url",
    )

    __deletable__ = ("_parser",)  # for mypyc
    waits = False  # requests do
    _transport: asyncio.Transport
    _peer: Peer
    _body: list[bytes]
    _headers: Headers
    _url: bytes

    def __init__(self, rules: Rules, ticket: Ticket | None = None) -> None:
        super().__init__(ticket)
        self._rules = rules
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Waiting | Exchange | Refusal] = deque()
        self._task: asyncio.Task[None] | None = None  # serves
        self._outlet: Outlet | None = None  # for what streams
        self._deadline = rules.now + rules.limits.request
        self._begun = False  # a request has begun to arrive and is not whole
        self._in_head = True
        self._head_bytes = 0
        self._body_bytes = 0  # as sent: with chunk sizes and trailers
        self._size = 0
        self._outside = 0  # of what was sent when the body last grew: not of the body
        self._expects = False  # the client waits for our word before it sends the body
        self._refused = False  # nothing that arrives from now on is a request
        self._stopping = False
        self._holding: Holding | None = None  # only once it has held back much
        self._arriving: Exchange | None = None  # whose body streams, and is not whole
        self._tunnelled: bytearray | None = None  # what came after a request for another protocol

    def _next(self) -> None:
        """Take up the next waiting request, if nothing is in its way."""
        raise NotImplementedError

    def _end_endless(self) -> None:
        """End an answer that has no end of its own."""
        raise NotImplementedError

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
        if len(self._queue) > PIPELINED:
            self.hold(ENOUGH)

    def _upgrade(self, after: bytes) -> None:
        """The last request asks for another protocol. It is served; what follows is not HTTP."""
        self._refused = True
        self._stopping = True
        last = self._queue[-1] if self._queue else None
        if isinstance(last, Exchange):
            last.keep = False
        elif isinstance(last, Waiting) and self._rules.upgrade is not None:
            self._queue[-1] = last._replace(upgrade=True)
            self._tunnelled = bytearray(after)

    def _count_held(self) -> None:
        """What has arrived of requests that nobody has looked at must not become too much in all."""
        if self._begun and not self._in_head and self._rules.signed_only:
            self._refuse_unsigned()
        size = 0
        for each in self._queue:
            if isinstance(each, Waiting):
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
        if claims or any(name == b"authorization" or name.startswith(_SHOWN) for name, _ in self._headers):
            return
        self._body, self._size = [], 0
        self.on_message_complete()
        self._queue[-1] = cast("Waiting", self._queue[-1])._replace(keep=False)
        self._refused = True
        self._next()

    def _check_overhead(self) -> None:
        """Refuse what is no end of a head, or of chunk sizes and trailers: the parser would keep it all."""
        outside = self._body_bytes - self._size
        if self._in_head:
            if self._head_bytes > HEAD_LIMIT:
                self._refuse(Refusal("head", f"Request line and headers must not exceed {HEAD_LIMIT} bytes."))
        elif outside - self._outside > HEAD_LIMIT + (0 if self._arriving else self._rules.limits.body):
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
        self._deadline = self._rules.now + self._rules.limits.request

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
        limit = self._rules.limits.body if self._rules.converse is None else None
        for name, value in self._headers:
            # llhttp has accepted the length as a number; a long run of digits is not even converted.
            if name == b"content-length" and limit is not None and (len(value) > 18 or int(value) > limit):
                self._too_large()
            elif name == b"expect" and value.lower() == b"100-continue":
                self._expects = self._parser.get_http_version() == "1.1"
        if self._outlet is not None and self._rules.converse is not None and not self._refused:
            self._arriving = Exchange(
                self._request(b""),
                self._outlet,
                self._rules.limits,
                self._rules.lines,
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
                self.hold(ENOUGH)
        elif self._size > self._rules.limits.body:
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
        self._queue.append(Waiting(request, chunked and self._parser.should_keep_alive(), chunked))

    def _request(self, body: bytes) -> Request:
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/") and path != b"*":
            path = httptools.parse_url(self._url).path or b"/"  # the absolute form, as sent to a proxy
        return Request(self._parser.get_method().decode("ascii"), path, query, self._headers, body, self._peer)

    def _too_large(self) -> None:
        message = f"The request body must not exceed {self._rules.limits.body} bytes."
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

    def resume(self) -> None:
        """Somebody reads: let more come."""
        if self._holding is not None:
            self._count_held()
        if self._held and len(self._queue) <= PIPELINED:
            self.release(ENOUGH)
