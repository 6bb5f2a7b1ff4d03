"""The baseline of idle connections: an echo server on uvloop with the same mutual TLS and nothing behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import uvloop

from bench import processes
from tidegate.clock import RandomIds, wall_now
from tidegate.pki import authority
from tidegate.pki.tls import TrustStore


class _Echo(asyncio.Protocol):
    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def _main() -> None:
    given = processes.options()
    ids, data = RandomIds(), Path(given["data"])
    signer = authority.load_or_create(data, now=wall_now(), ids=ids)
    files = signer.server_files(data, (), now=wall_now(), ids=ids)
    context = TrustStore(files, [signer.pem]).listener("required")
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0, ssl=context, backlog=1024)
    processes.say({"port": server.sockets[0].getsockname()[1]})
    await processes.obey({})


if __name__ == "__main__":
    uvloop.run(_main())
