"""A request whose body streams, and the way back."""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from tidegate.net.http1.messages import Headers, Limits, Request
from tidegate.net.http1.outlet import Outlet

STATUS: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
PASSED_OVER_S: Final = 10.0
"""For the rest of a small body that nobody wants."""
_PASSED_OVER: Final = 256 * 1024
_AHEAD: Final = 1024 * 1024
"""Bytes of a body that wait before the client has to."""
_UNASKED: Final = 64 * 1024
"""The same before anybody has asked for the body: until then nobody knows whose it is."""


class BrokenBodyError(Exception):
    """The client has ended before its body."""


class SlowBodyError(Exception):
    """A body does not arrive."""


def head_of(status: int, lines: bytes, headers: Headers, length: int | None, *, keep: bool) -> bytes:
    """The head of an answer; ``lines`` are those of all answers. ``length`` None: nothing is said of a length."""
    parts = [STATUS[status], lines]
    for name, value in headers:
        if b"\n" in value or b"\r" in value:  # or whoever chose the value could add lines of his own
            value = value.replace(b"\r", b" ").replace(b"\n", b" ")  # noqa: PLW2901 - made harmless
        parts += (name, b": ", value, b"\r\n")
    if length is not None:
        parts.append(b"content-length: %d\r\n" % length)
    parts.append(b"\r\n" if keep else b"connection: close\r\n\r\n")
    return b"".join(parts)


class Exchange:
    """A request as it arrives, and the way back."""

    __slots__ = (
        "_arrival",
        "_broken",
        "_chunks",
        "_complete",
        "_expects",
        "_limits",
        "_lines",
        "_moved",
        "_outlet",
        "_patience",
        "_resume",
        "_waiting",
        "_wanted",
        "answered",
        "keep",
        "request",
    )

    def __init__(
        self,
        request: Request,
        outlet: Outlet,
        limits: Limits,
        lines: bytes,
        resume: Callable[[], None],
        *,
        keep: bool,
        expects: bool,
    ) -> None:
        """``lines`` are those of all answers, ``resume`` lets more of the body come.

        ``expects``: the client waits for our word before it sends the body.
        """
        self.request = request
        self.keep = keep
        """Whether there may be another request on the connection."""
        self.answered = False
        """Whether the head of an answer has been sent."""
        self._outlet, self._limits, self._lines, self._resume = outlet, limits, lines, resume
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._complete = False
        self._broken = False
        self._wanted = False  # somebody has begun to read
        self._arrival: asyncio.Future[None] | None = None
        self._moved, self._patience = 0, limits.stall_s
        self._expects = expects

    # -- the body --

    async def read(self) -> bytes:
        """Some more of the body; empty at the end.

        Raises:
            BrokenBodyError: the client has ended.
            SlowBodyError: too little arrives.
            GoneError: the client is no longer there.
        """
        self._wanted = True
        if self._expects:
            self._expects = False
            if not self._chunks and not self._complete:
                await self._outlet.write(CONTINUE)
        while not self._chunks:
            if self._complete:
                return b""
            if self._broken:
                raise BrokenBodyError
            await self._arrive()
        data = self._chunks.popleft()
        self._waiting -= len(data)
        self._moved += len(data)
        if self._moved >= self._limits.stall_bytes:
            self._moved, self._patience = 0, self._limits.stall_s
        if self._waiting < _AHEAD // 2:
            self._resume()
        return data

    async def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        self._arrival, begun = loop.create_future(), loop.time()
        try:
            async with asyncio.timeout(self._patience):
                await self._arrival
        except TimeoutError:
            raise SlowBodyError from None
        finally:
            self._arrival = None
            self._patience -= loop.time() - begun  # a byte now and then is no progress

    @property
    def little_left(self) -> bool:
        """Whether what is left of the body can be passed over."""
        if self._complete:
            return True
        length = self.request.header(b"content-length") or b""
        # A client that waits for our word may send its body or not: there is no telling what comes next.
        return not self._expects and len(length) < 18 and length.isdigit() and int(length) <= _PASSED_OVER

    async def pass_over(self) -> bool:
        """Let go of what is left of the body; False if that is too much to wait for."""
        if not self.little_left:
            return False
        passed = 0
        try:
            async with asyncio.timeout(PASSED_OVER_S):
                while data := await self.read():
                    passed += len(data)
                    if passed > _PASSED_OVER:
                        return False
        except (BrokenBodyError, SlowBodyError, TimeoutError):
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

    async def begin(self, status: int, headers: Headers, length: int | None) -> None:
        """Send the head of the answer; ``length`` None where an answer has no body by nature.

        Raises:
            GoneError: the client is no longer there.
        """
        self.answered = True
        await self._outlet.write(head_of(status, self._lines, headers, length, keep=self.keep))

    async def write(self, data: bytes) -> None:
        """Send bytes of the body.

        Raises:
            GoneError: the client is no longer there.
        """
        await self._outlet.write(data)

    async def send(self, file: int, start: int, length: int) -> None:
        """Send bytes of a file.

        Raises:
            GoneError: the client is no longer there.
        """
        await self._outlet.send(file, start, length)


Converse = Callable[[Exchange], Awaitable[None]]
"""Reads a request's body and answers it; raises nothing but GoneError."""
