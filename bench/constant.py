"""The baseline of the HTTP benchmark: uvicorn (uvloop, httptools) that answers everything with so many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn
import uvloop

from bench import processes


class _Constant:
    def __init__(self, size: int) -> None:
        self._body = b'{"answer":"' + b"x" * max(0, size - 13) + b'"}'
        self._headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._body))]

    async def __call__(
        self,
        _scope: Mapping[str, Any],
        _receive: Callable[[], Awaitable[Any]],
        send: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


async def _main() -> None:
    options = processes.options()
    config = uvicorn.Config(
        _Constant(options["size"]),
        host="127.0.0.1",
        port=0,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    processes.say({"port": server.servers[0].sockets[0].getsockname()[1]})
    await processes.obey({})
    server.should_exit = True
    await serving


if __name__ == "__main__":
    uvloop.run(_main())
