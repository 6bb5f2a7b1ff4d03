"""The load process of the streams benchmark: devices that read a file by MQTT, block after block, and compare it.

The same devices may read it by ranged GETs of the same sizes over HTTP/1.1: that is the baseline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import cbor2
import uvloop

from bench import mqtt_client, processes


class _File:
    """The file as it is to arrive, and the part of it that is read in a round."""

    def __init__(self, path: str) -> None:
        self.data = Path(path).read_bytes()

    def is_at(self, number: int, size: int, data: bytes) -> bool:
        return self.data[number * size : number * size + len(data)] == data


class _Reader(mqtt_client.Client):
    """Asks for the next blocks when it has got those it asked for."""

    def __init__(self, name: str, stream: str, file: _File) -> None:
        super().__init__(name, None)
        self._topic = f"$aws/things/{name}/streams/{stream}/get/cbor".encode()
        self._file = file
        self._size = self._at_once = self._end = self._next = self._missing = 0

    def read(self, first: int, end: int, size: int, at_once: int) -> asyncio.Future[None]:
        """Read blocks from ``first`` to ``end``, so many to a request."""
        self.ended = asyncio.get_running_loop().create_future()
        self._size, self._at_once, self._end, self._next, self._missing = size, at_once, end, first, 0
        self._ask()
        return self.ended

    def _ask(self) -> None:
        if self._next >= self._end:
            self.done()
            return
        self._missing = min(self._at_once, self._end - self._next)
        members = {"c": "rdy", "f": 0, "l": self._size, "o": self._next, "n": self._missing}
        self.write(mqtt_client.publish(self._topic, cbor2.dumps(members)))
        self._next += self._missing

    def message(self, topic: bytes, payload: bytes) -> None:
        block = cbor2.loads(payload)
        assert topic.endswith(b"/data/cbor"), block
        assert block["l"] == len(block["p"])
        assert self._file.is_at(block["i"], self._size, block["p"]), "a block is not what it should be"
        self._missing -= 1
        if not self._missing:
            self._ask()


class _Getter(asyncio.Protocol):
    """The same by ranged GETs: one range for what a device asks for at once."""

    def __init__(self, path: str, file: _File) -> None:
        self._path, self._file = path.encode(), file
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended.set_result(None)
        self._buffer = bytearray()
        self._size = self._end = self._next = self._at = self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def read(self, first: int, end: int, size: int, at_once: int) -> asyncio.Future[None]:
        """Read what ``_Reader.read`` reads."""
        self._ended = asyncio.get_running_loop().create_future()
        self._size, self._end, self._next = size * at_once, end * size, first * size
        self._ask()
        return self._ended

    def _ask(self) -> None:
        self._end = min(self._end, len(self._file.data))
        if self._next >= self._end:
            self._ended.set_result(None)
            return
        self._at, self._wanted = self._next, min(self._size, self._end - self._next)
        self._next += self._wanted
        head = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%d-%d\r\n\r\n"
        assert self._transport is not None
        self._transport.write(head % (self._path, self._at, self._next - 1))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        begin = self._buffer.find(b"\r\n\r\n") + 4
        if begin < 4 or len(self._buffer) < begin + self._wanted:
            return
        assert self._buffer.startswith(b"HTTP/1.1 206"), bytes(self._buffer[:200])
        assert self._buffer[begin:] == self._file.data[self._at : self._next], "a range is not what it should be"
        self._buffer.clear()
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():  # it may go while nothing is asked of it
            self._ended.set_exception(ConnectionError("the server closed a connection"))


class _Load:
    def __init__(self, path: str) -> None:
        self._file = _File(path)
        self._devices: dict[str, list[Any]] = {"mqtt": [], "http": [], "bare": []}
        self._under_way: asyncio.Future[Any] | None = None

    async def connect(
        self, mqtt: int, http: int, bare: int, path: str, first: int, devices: int, name: str, stream: str
    ) -> None:
        """Connect devices ``first`` to ``first + devices`` over MQTT, and as many to each of two HTTP servers."""
        loop = asyncio.get_running_loop()
        for index in range(first, first + devices):
            made = await _connected(loop, mqtt, partial(_Reader, f"{name}{index}", stream, self._file))
            await made.ready
            self._devices["mqtt"].append(made)
        for how, port in (("http", http), ("bare", bare)):
            for _ in range(devices):
                self._devices[how].append(await _connected(loop, port, partial(_Getter, path, self._file)))

    async def read(self, how: str, first: int, blocks: int, size: int, at_once: int) -> float:
        """All devices read the same blocks; seconds until the last has them."""
        begin = time.perf_counter()
        await self._all(how, first, blocks, size, at_once)
        return time.perf_counter() - begin

    async def begin(self, blocks: int, size: int, at_once: int) -> None:
        """Read on while something else is measured."""
        self._under_way = asyncio.ensure_future(self._again(blocks, size, at_once))

    async def end(self) -> int:
        """Stop; the blocks that were read by all devices together."""
        assert self._under_way is not None
        under_way, self._under_way = self._under_way, None
        return int(await under_way)

    async def _again(self, blocks: int, size: int, at_once: int) -> int:
        count = 0
        await asyncio.sleep(0)
        while self._under_way is not None:
            await self._all("mqtt", 0, blocks, size, at_once)
            count += blocks * len(self._devices["mqtt"])
        return count

    async def _all(self, how: str, first: int, blocks: int, size: int, at_once: int) -> None:
        end = min(first + blocks, -(-len(self._file.data) // size))
        await asyncio.gather(*(each.read(first, end, size, at_once) for each in self._devices[how]))


async def _connected(loop: asyncio.AbstractEventLoop, port: int, make: Callable[[], Any]) -> Any:
    _, made = await loop.create_connection(make, "127.0.0.1", port)
    return made


async def _main() -> None:
    load = _Load(processes.options()["path"])
    processes.say("ready")
    await processes.obey({"connect": load.connect, "read": load.read, "begin": load.begin, "end": load.end})


if __name__ == "__main__":
    uvloop.run(_main())
