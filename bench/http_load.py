"""The load process of the HTTP benchmark: so many connections, each with one request under way.

Requests are whole and signed before the clock starts. The parser knows only what the two servers send: a status line
and a content-length.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from functools import partial
from typing import Any, cast

import uvloop

from bench import processes, signing

_RUN = itertools.count()
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class _Client(asyncio.Protocol):
    def __init__(self, requests: list[bytes], ended: asyncio.Future[None]) -> None:
        self.requests = requests
        self.ended = ended
        self.refused = 0
        self.answered = 0
        self._missing = 0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def start(self) -> None:
        assert self._transport is not None
        self._transport.write(self.requests[0])

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._buffer)
            length = int(found[1]) if found else 0
            self.refused += self._buffer[9:12] != b"200"
            self._missing = end + 4 + length - len(self._buffer)
            self._buffer = b""
        else:
            self._missing -= len(data)
        if self._missing > 0:
            return
        self._missing = 0
        self.answered += 1
        if self.answered < len(self.requests):
            self.start_next()
        else:
            self.ended.set_result(None)

    def start_next(self) -> None:
        assert self._transport is not None
        self._transport.write(self.requests[self.answered])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server closed a connection"))

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


def _same(client: _Client) -> _Client:
    return client


class _Load:
    def __init__(self) -> None:
        self._requests: list[bytes] = []

    async def sign(self, kind: str, count: int, host: str, document: str) -> int:
        """Make the requests of the next run."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        run = f"{time.time_ns():x}-{next(_RUN)}"
        if kind == "describe":
            self._requests = [signing.request("GET", "/job-templates/described", host, b"", stamp)] * count
        else:
            body = json.dumps({"description": "a template for the benchmark", "document": document}).encode()
            self._requests = [
                signing.request("PUT", f"/job-templates/t-{run}-{index}", host, body, stamp) for index in range(count)
            ]
        return len(self._requests[0])

    async def run(self, port: int, connections: int) -> dict[str, Any]:
        """Send them all; requests per second and how many were not answered with 200."""
        loop = asyncio.get_running_loop()
        clients = []
        for index in range(connections):
            client = _Client(self._requests[index::connections], loop.create_future())
            await loop.create_connection(partial(_same, client), "127.0.0.1", port)
            clients.append(client)
        begin = time.perf_counter()
        for client in clients:
            client.start()
        await asyncio.gather(*(client.ended for client in clients))
        elapsed = time.perf_counter() - begin
        for client in clients:
            client.close()
        refused = sum(client.refused for client in clients)
        return {"rate": len(self._requests) / elapsed, "refused": refused}


async def _main() -> None:
    processes.options()
    load = _Load()
    processes.say("ready")
    await processes.obey({"sign": load.sign, "run": load.run})


if __name__ == "__main__":
    uvloop.run(_main())
