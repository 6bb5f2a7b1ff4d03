"""Bodies and answers that stream, on real sockets: one connection class for uploads, downloads and endless answers."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.mqtt.live import Certificates
from tests.net.test_http1 import Held, when
from tidegate.net.http1.exchange import BrokenBodyError, Exchange
from tidegate.net.http1.intake import HEAD_LIMIT
from tidegate.net.http1.listener import Listener
from tidegate.net.http1.messages import Answer, Limits, Request, Stream

CHUNKED = b"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def chunk(self) -> bytes:
        """The next chunk; empty for the last one."""
        size = int((await self.reader.readline()).strip(), 16)
        data = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return data


@asynccontextmanager
async def connected(listener: Listener, certificates: Certificates | None = None) -> AsyncIterator[list[Client]]:
    """A client; with ``certificates``, over TLS."""
    ours: ssl.SSLContext | None = None
    theirs: dict[str, Any] = {}
    if certificates is not None:
        ours = certificates.server_context()
        theirs = {"ssl": certificates.client_context(None), "server_hostname": "localhost"}
    address = await listener.open("127.0.0.1", 0, ours)
    clients = [Client(*await asyncio.open_connection(*address, **theirs))]
    try:
        async with asyncio.timeout(20):
            yield clients
    finally:
        for client in clients:
            client.writer.transport.abort()
        await listener.close(grace=1)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


class Source:
    """An answer that streams: gives what is put into it, and tells when it was closed."""

    def __init__(self, *, endless: bool = False) -> None:
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.endless = endless
        self.made = 0

    async def generate(self) -> AsyncGenerator[bytes, None]:
        try:
            while (chunk := await self.chunks.get()) is not None:
                self.made += 1
                yield chunk
        finally:
            self.closed.set()

    async def respond(self, request: Request) -> Answer | Stream:
        if request.raw_path == b"/whole":
            return 200, [], b"whole"
        headers = [(b"content-type", b"text/event-stream")]
        return Stream(200, headers, self.generate(), self.endless)


def test_an_answer_comes_bit_by_bit_and_the_connection_goes_on() -> None:
    async def scenario() -> None:
        source = Source()
        async with connected(Listener(source.respond, Limits())) as (client,):
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\nGET /whole HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await client.head()
            assert b"transfer-encoding: chunked\r\n" in head
            assert b"content-length" not in head
            for part in (b"one", b"", b"two"):
                source.chunks.put_nowait(part)
                if part:
                    assert await client.chunk() == part  # before the next is there
            source.chunks.put_nowait(None)
            assert await client.chunk() == b""
            assert source.closed.is_set()
            assert b"content-length: 5\r\n" in await client.head()
            assert await client.reader.readexactly(5) == b"whole"

    run(scenario)


def test_clients_that_know_no_chunks_get_it_until_the_end() -> None:
    async def scenario() -> None:
        source = Source()
        async with connected(Listener(source.respond, Limits())) as (client,):
            client.writer.write(b"GET /s HTTP/1.0\r\n\r\n")
            for part in (b"one", b"two", None):
                source.chunks.put_nowait(part)
            head = await client.head()
            assert b"chunked" not in head
            assert b"connection: close\r\n" in head
            assert await client.reader.read() == b"onetwo"

    run(scenario)


def test_the_next_is_asked_for_when_the_client_takes_it() -> None:
    async def scenario() -> None:
        source = Source()
        for _ in range(400):
            source.chunks.put_nowait(bytes(256 * 1024))
        async with connected(Listener(source.respond, Limits(stall_s=0.3))) as (client,):
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
            await source.closed.wait()  # given up, because it takes nothing
            assert 0 < source.made < 200

    run(scenario)


def test_who_goes_away_ends_his_answer() -> None:
    async def scenario() -> None:
        source = Source(endless=True)
        async with connected(Listener(source.respond, Limits())) as (client,):
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
            source.chunks.put_nowait(b"one")
            await client.head()
            assert await client.chunk() == b"one"
            client.writer.transport.abort()
            await source.closed.wait()

    run(scenario)


def test_an_endless_answer_ends_with_the_server() -> None:
    async def scenario() -> None:
        source = Source(endless=True)
        listener = Listener(source.respond, Limits())
        async with connected(listener) as (client,):
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
            source.chunks.put_nowait(b"one")
            await client.head()
            assert await client.chunk() == b"one"
            closing = asyncio.create_task(listener.close(grace=15))
            assert await client.chunk() == b""  # in order, not cut off
            assert await client.reader.read() == b""
            await closing

    run(scenario)


def test_an_answer_that_fails_is_not_taken_for_whole() -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise RuntimeError("broken")

    async def respond(_: Request) -> Stream:
        return Stream(200, [], failing())

    async def scenario() -> None:
        async with connected(Listener(respond, Limits())) as (client,):
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.reader.readuntil(b"\r\n0\r\n\r\n")

    run(scenario)


async def echo(exchange: Exchange) -> None:
    """Answers with the size of the body, or that it is broken."""
    size = 0
    try:
        while data := await exchange.read():
            size += len(data)
        body, status = str(size).encode(), 200
    except BrokenBodyError:
        body, status = b"broken", 400
    await exchange.begin(status, [], len(body))
    await exchange.write(body)


def streaming(converse: Callable[[Exchange], Awaitable[None]] = echo) -> Listener:
    return Listener(None, Limits(), converse=converse)


def test_a_streaming_body_has_no_limit_but_what_stands_around_it() -> None:
    async def scenario() -> None:
        async with connected(streaming()) as (client,):
            client.writer.write(CHUNKED + b"1;x=y\r\nz\r\n" * 200_000 + b"0\r\nX-Late: 1\r\n\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            assert await client.reader.readexactly(6) == b"200000"

    run(scenario)


@pytest.mark.parametrize("part", [b"X: " + b"y" * 997 + b"\r\n", b"y" * 1000], ids=["many", "one"])
def test_trailers_without_end(part: bytes) -> None:
    async def scenario() -> None:
        async with connected(streaming()) as (client,):
            client.writer.write(CHUNKED + b"3\r\nabc\r\n0\r\nX: y")
            for _ in range(4 * HEAD_LIMIT // len(part)):
                client.writer.write(part)
            assert (await client.head()).startswith(b"HTTP/1.1 400 ")
            assert await client.reader.read() == b"broken"

    run(scenario)


def test_an_upgrade_is_not_taken_up() -> None:
    async def scenario() -> None:
        async with connected(streaming()) as (client,):
            client.writer.write(b"GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close\r\n" in head
            assert await client.reader.read() == b"0"

    run(scenario)


def test_http_1_0_is_not_told_to_continue() -> None:
    async def scenario() -> None:
        async with connected(streaming()) as (client,):
            client.writer.write(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            await asyncio.sleep(0)
            client.writer.write(b"{}")
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            assert await client.reader.read() == b"2"

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"NONSENSE\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431)],
    ids=["syntax", "host", "head"],
)
def test_what_is_no_request_is_answered_in_order(sent: bytes, status: int) -> None:
    async def scenario() -> None:
        async with connected(streaming()) as (client,):
            client.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + sent)
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            assert await client.reader.readexactly(1) == b"0"
            assert (await client.head()).startswith(b"HTTP/1.1 %d " % status)
            assert await client.reader.read()

    run(scenario)


def test_a_file_goes_out_and_nothing_is_smuggled_into_its_head(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)

    async def converse(exchange: Exchange) -> None:
        file = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            await exchange.begin(200, [(b"x", b"a\r\nx-evil: 1")], len(data))
            await exchange.send(file, 0, len(data))
        finally:
            os.close(file)

    async def scenario() -> None:
        async with connected(streaming(converse)) as (client,):
            client.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
            for _ in range(2):
                assert b"x: a  x-evil: 1\r\n" in await client.head()
                assert await client.reader.readexactly(len(data)) == data

    run(scenario)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("pki"))


def test_over_tls(certificates: Certificates, tmp_path: Path) -> None:
    """Bodies and files both ways, and a refusal under a client that goes on sending."""
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)

    async def converse(exchange: Exchange) -> None:
        if exchange.request.raw_path == b"/refused":
            await exchange.begin(404, [], 2)
            await exchange.write(b"no")
            return
        got = b"".join([part async for part in parts(exchange)])
        file = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            await exchange.begin(200, [], len(data) + len(got))
            await exchange.write(got)
            await exchange.send(file, 0, len(data))
        finally:
            os.close(file)

    async def scenario() -> None:
        async with connected(streaming(converse), certificates) as (client,):
            client.writer.write(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + data[:2_000_000])
            assert b"content-length: 5000000\r\n" in await client.head()
            assert await client.reader.readexactly(5_000_000) == data[:2_000_000] + data
            client.writer.write(b"PUT /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + data)
            assert (await client.head()).startswith(b"HTTP/1.1 404 ")
            assert await client.reader.readexactly(2) == b"no"

    run(scenario)


async def parts(exchange: Exchange) -> AsyncIterator[bytes]:
    while data := await exchange.read():
        yield data


def test_an_endless_answer_over_tls(certificates: Certificates) -> None:
    async def scenario() -> None:
        source = Source(endless=True)
        listener = Listener(source.respond, Limits())
        async with connected(listener, certificates) as (client,):
            client.writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
            await client.head()
            for _ in range(3):
                source.chunks.put_nowait(b"event: x\n\n")
                assert await client.chunk() == b"event: x\n\n"
            closing = asyncio.create_task(listener.close(grace=15))
            assert await client.chunk() == b""
            await closing
            assert source.closed.is_set()

    run(scenario)


def test_a_body_that_streams_is_not_begun_before_its_accounts_turn() -> None:
    begun: list[bytes] = []

    async def converse(exchange: Exchange) -> None:
        exchange.request.peer.belongs("a")
        begun.append(exchange.request.raw_path)
        await echo(exchange)

    async def scenario() -> None:
        listener = streaming(converse)
        async with connected(listener) as (client,):
            put = b"PUT %b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
            client.writer.write(put % b"/first")
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            assert await client.reader.readexactly(1) == b"1"
            listener.admission.scheduler = turns = Held("a")
            client.writer.write(put % b"/second")
            await when(lambda: bool(turns.waits))
            assert begun == [b"/first"]
            turns.go()
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            assert begun == [b"/first", b"/second"]

    run(scenario)
