"""The server's side of an endpoint that runs in a process of its own: start it, answer it, start it again, end it.

The listening socket is the server's, so that clients who come while the process is replaced wait and are not refused.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

import tidegate
from tidegate.faults import ToldError
from tidegate.net.ledger import Seen
from tidegate.s3 import asking
from tidegate.s3.asking import Gate
from tidegate.s3.endpoint import Settings

log = logging.getLogger("tidegate.s3")

_SOURCE = str(Path(tidegate.__file__).parents[1])
_START_S = 30.0
_AGAIN_S = 1.0
_FAREWELL_S = 5.0


class EndpointFaultError(ToldError):
    """The endpoint cannot start."""


class Apart:
    """One endpoint's process after another."""

    def __init__(
        self, settings: Settings, listening: socket.socket, gate: Gate, observe: Callable[[str, int, float], None]
    ) -> None:
        self.connection_count = 0
        self.admission: Seen | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._settings, self._listening, self._gate, self._observe = settings, listening, gate, observe
        self._writer: asyncio.StreamWriter | None = None
        self._ready: asyncio.Future[None] | None = None
        self._stopping = False

    async def start(self) -> asyncio.Task[None]:
        """Start it; ends when it ends.

        Raises:
            EndpointFaultError: it does not say that it is ready.
        """
        here, there = socket.socketpair()
        with there:
            self.process = await asyncio.to_thread(self._spawn, there)
        reader, self._writer = await asyncio.open_unix_connection(sock=here)
        self._ready = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode(self._settings) + b"\n")
        serving = asyncio.create_task(self._answer(reader, self._writer))
        try:
            async with asyncio.timeout(_START_S):
                await self._ready
        except TimeoutError:
            self.process.kill()
            raise EndpointFaultError("it did not start in time") from None
        return serving

    def _spawn(self, control: socket.socket) -> subprocess.Popen[bytes]:
        files = (self._listening.fileno(), control.fileno())
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower()
        environment = {
            **os.environ,
            "TIDEGATE_LOG_LEVEL": level,
            "PYTHONPATH": os.pathsep.join(filter(None, [_SOURCE, os.environ.get("PYTHONPATH")])),
        }
        command = [sys.executable, "-P", "-m", "tidegate.s3", *map(str, files)]
        return subprocess.Popen(command, pass_fds=files, env=environment, stdin=subprocess.DEVNULL)  # noqa: S603

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told: dict[str, Callable[..., None]] = {
            "ready": self._is_ready,
            "failed": self._failed,
            "refused": self._gate.refused,
            "seen": self._seen,
        }
        try:
            await asking.answer(
                reader, writer, self._gate, told, lambda error: log.error("a question failed", exc_info=error)
            )
        except ConnectionError:
            pass  # it died in the middle of a line
        finally:
            writer.close()
            assert self.process is not None
            status = await asyncio.to_thread(self.process.wait)
            self._failed(f"it ended with status {status}")

    def _is_ready(self) -> None:
        assert self._ready is not None
        if not self._ready.done():
            self._ready.set_result(None)

    def _failed(self, text: str) -> None:
        assert self._ready is not None
        if not self._ready.done():
            self._ready.set_exception(EndpointFaultError(text))

    def _seen(self, answered: list[list[Any]], connections: int, admission: list[Any]) -> None:
        self.connection_count = connections
        self.admission = Seen(*admission)
        for operation, status, seconds in answered:
            self._observe(operation, status, seconds)

    async def keep(self, serving: asyncio.Task[None]) -> None:
        """Start it again whenever it ends before it should."""
        while True:
            await serving
            if self._stopping:
                return
            log.error("the S3 endpoint ended; it is started again")
            self.connection_count = 0
            serving = await self._again()

    async def _again(self) -> asyncio.Task[None]:
        while True:
            await asyncio.sleep(_AGAIN_S)
            try:
                return await self.start()
            except (EndpointFaultError, OSError) as error:
                log.error("the S3 endpoint does not start: %s", error)

    async def stop(self, keeping: asyncio.Task[None]) -> None:
        """Have it finish what is under way, and end."""
        self._stopping = True
        if self._writer is not None:
            self._writer.write(asking.STOP)
        try:
            async with asyncio.timeout(self._settings.grace_s + _FAREWELL_S):
                await keeping
        except TimeoutError:
            assert self.process is not None
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


@asynccontextmanager
async def serving(
    settings: Settings, listening: socket.socket, gate: Gate, observe: Callable[[str, int, float], None]
) -> AsyncIterator[Apart]:
    """Serve from another process until the block is left.

    Raises:
        EndpointFaultError: the process does not start.
    """
    apart = Apart(settings, listening, gate, observe)
    keeping = asyncio.create_task(apart.keep(await apart.start()))
    try:
        yield apart
    finally:
        await apart.stop(keeping)
