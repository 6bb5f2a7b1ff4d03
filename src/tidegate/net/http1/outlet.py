"""The streaming half of an answer: bytes, and files that never pass through this process where there is no TLS.

Without TLS the socket is written to directly, on a descriptor of our own beside the transport's, which only reads:
``sendfile`` hands pages of a blob to the socket. Otherwise the transport writes, at most two steps ahead of the client.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, Protocol

from tidegate.net.http1.messages import Limits

_QUANTUM: Final = 1024 * 1024
"""What one client gets before the others have their turn."""
_STEP: Final = 256 * 1024


class GoneError(Exception):
    """The client is no longer there, or takes nothing."""


class Outlet(Protocol):
    """Where an answer goes."""

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when they are on their way."""
        ...

    async def send(self, file: int, start: int, length: int) -> None:
        """Send bytes of a file."""
        ...

    def pause(self) -> None:
        """The transport holds enough."""
        ...

    def resume(self) -> None:
        """It holds less again."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class _Patience:
    """Gives up a client that moves too little in too long a time."""

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._limits, self._loop = limits, loop
        self._moved = 0
        self._since = loop.time()

    def begin(self) -> None:
        """A new answer: what was before does not count."""
        self._moved, self._since = 0, self._loop.time()

    def moved(self, count: int) -> None:
        """Bytes have gone out."""
        self._moved += count

    @property
    def left(self) -> float:
        """Seconds to wait for the client at most."""
        if self._moved >= self._limits.stall_bytes:
            self._moved, self._since = 0, self._loop.time()
        return max(0.0, self._since + self._limits.stall_s - self._loop.time())

    async def turn(self, ready: asyncio.Future[None]) -> None:
        """Wait until it is ready, or as long as the client has for its next bytes.

        Raises:
            GoneError: it has moved too few.
        """
        await asyncio.wait([ready], timeout=self.left)
        if not ready.done() and self.left <= 0:
            raise GoneError

    async def wait(self, ready: asyncio.Future[None]) -> None:
        """Wait for the client.

        Raises:
            GoneError: it took too long.
        """
        try:
            async with asyncio.timeout(self.left):
                await ready
        except TimeoutError:
            raise GoneError from None


class Direct:
    """Without TLS, past the transport, which must have nothing left to write."""

    def __init__(self, transport: asyncio.Transport, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        found = transport.get_extra_info("socket")
        self._out = os.dup(found.fileno())
        os.set_blocking(self._out, False)
        self._patience = _Patience(limits, loop)
        self._ready: asyncio.Future[None] | None = None
        self._file = self._start = self._left = 0

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when the system has them."""
        self._patience.begin()
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._open(), view)
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise GoneError from error
            else:
                view = view[count:]
                self._patience.moved(count)

    async def send(self, file: int, start: int, length: int) -> None:
        """Send bytes of a file: a quantum whenever the socket takes more, without waking a coroutine for each."""
        self._file, self._start, self._left = file, start, length
        self._ready = self._loop.create_future()
        self._pump()
        if not self._ready.done():
            self._loop.add_writer(self._out, self._pump)
        try:
            while not self._ready.done():
                await self._patience.turn(self._ready)
            self._ready.result()
        finally:
            self._left = 0
            if self._out >= 0:
                self._loop.remove_writer(self._out)
            if self._ready.done() and not self._ready.cancelled():
                self._ready.exception()  # seen, even if this coroutine was canceled meanwhile

    def _pump(self) -> None:
        """The socket takes more."""
        assert self._ready is not None
        if not self._left or self._ready.done():
            self._wake()
            return
        try:
            count = os.sendfile(self._open(), self._file, self._start, min(self._left, _QUANTUM))
        except BlockingIOError:
            return
        except (OSError, GoneError):
            self._ready.set_exception(GoneError())
            return
        if not count:
            self._ready.set_exception(GoneError())  # the file is shorter than it was: the answer cannot be finished
            return
        self._start, self._left = self._start + count, self._left - count
        self._patience.moved(count)
        if not self._left:
            self._wake()

    def _open(self) -> int:
        if self._out < 0:
            raise GoneError
        return self._out

    async def _writable(self) -> None:
        self._ready = self._loop.create_future()
        self._loop.add_writer(self._out, self._wake)
        try:
            await self._patience.wait(self._ready)
        finally:
            if self._out >= 0:
                self._loop.remove_writer(self._out)

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def close(self) -> None:
        if self._out >= 0:
            self._loop.remove_writer(self._out)
            os.close(self._out)
            self._out = -1
            if self._left and self._ready is not None and not self._ready.done():
                self._ready.set_exception(GoneError())
            self._wake()


class Buffered:
    """Through the transport: with TLS, and for what is no file."""

    def __init__(self, transport: asyncio.Transport, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._patience = _Patience(limits, loop)
        self._ready: asyncio.Future[None] | None = None
        self._closed = False
        transport.set_write_buffer_limits(high=_STEP)

    def pause(self) -> None:
        self._ready = self._loop.create_future()

    def resume(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._ready = None

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self._patience.begin()
        await self._step(data)

    async def _step(self, data: bytes) -> None:
        if self._closed:
            raise GoneError
        self._transport.write(data)
        if self._ready is not None:
            await self._patience.wait(self._ready)
        self._patience.moved(len(data))

    async def send(self, file: int, start: int, length: int) -> None:
        """Send bytes of a file."""
        while length:
            data = os.pread(file, min(length, _STEP), start)
            if not data:
                raise GoneError
            await self._step(data)
            start, length = start + len(data), length - len(data)
            await asyncio.sleep(0)

    def close(self) -> None:
        self._closed = True
        self.resume()
