"""The sending half of a connection: bytes, and files that never pass through this process where there is no TLS.

Without TLS the socket is written to directly, on a descriptor of our own beside the transport's, which only reads:
``sendfile`` hands pages of a blob to the socket. With TLS the transport writes, at most two steps ahead of the client.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final, Protocol

from tidegate.s3.work import Limits

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

    def half_close(self) -> None:
        """Tell the client that nothing more follows."""
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


class Plain:
    """Without TLS."""

    def __init__(self, transport: asyncio.Transport, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        found = transport.get_extra_info("socket")
        self._out = os.dup(found.fileno())
        os.set_blocking(self._out, False)
        self._patience = _Patience(limits, loop)
        self._ready: asyncio.Future[None] | None = None

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
        """Send bytes of a file, a quantum at a time."""
        while length:
            given = min(length, _QUANTUM)
            await self._quantum(file, start, given)
            start, length = start + given, length - given
            await asyncio.sleep(0)

    async def _quantum(self, file: int, start: int, length: int) -> None:
        while length:
            try:
                count = os.sendfile(self._open(), file, start, length)
            except BlockingIOError:
                await self._writable()
                continue
            except OSError as error:
                raise GoneError from error
            if not count:
                raise GoneError  # the file is shorter than it was: the answer cannot be finished
            start, length = start + count, length - count
            self._patience.moved(count)

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

    def half_close(self) -> None:
        if self._out >= 0:
            with socket.socket(fileno=os.dup(self._out)) as duplicate:
                try:
                    duplicate.shutdown(socket.SHUT_WR)
                except OSError:
                    return  # it is closed already

    def close(self) -> None:
        if self._out >= 0:
            self._loop.remove_writer(self._out)
            os.close(self._out)
            self._out = -1
            self._wake()


class Encrypted:
    """With TLS."""

    def __init__(self, transport: asyncio.Transport, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._patience = _Patience(limits, loop)
        self._ready: asyncio.Future[None] | None = None
        self._closed = False
        transport.set_write_buffer_limits(high=_STEP)

    def pause(self) -> None:
        """The transport holds enough."""
        self._ready = self._loop.create_future()

    def resume(self) -> None:
        """It holds less again."""
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

    def half_close(self) -> None:
        """TLS cannot be half open."""

    def close(self) -> None:
        self._closed = True
        self.resume()
