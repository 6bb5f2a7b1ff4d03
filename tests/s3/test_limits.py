"""What one endpoint takes on at once, and whom it gives up: with limits so small that a test can reach them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tidegate.clock import RandomIds, wall_now
from tidegate.net.http1 import connection as connections
from tidegate.net.http1 import exchange, listener
from tidegate.objects.folder import Folder
from tidegate.objects.listing import Question
from tidegate.objects.versions import About, Bucket
from tidegate.s3 import endpoint
from tidegate.s3.asking import Credential
from tidegate.s3.endpoint import Settings
from tidegate.s3.work import Limits

LARGE = os.urandom(1 << 20) * 48
"""More than the sockets between two processes hold, however they are tuned."""
PATIENCE_S = 120
A_DAY_MS = 86_400_000


class Anybody:
    """A gate that stands open."""

    async def credential(self, key_id: str, token: str | None) -> Credential | None:
        return None

    async def authorise(self, *_: Any, **__: Any) -> str | None:
        return None

    async def note(self, *_: Any, **__: Any) -> None:
        return None

    def refused(self, *_: Any, **__: Any) -> None:
        return None

    async def now(self) -> int:
        return wall_now()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, method: str, path: str, body: bytes = b"", length: int | None = None) -> None:
        size = len(body) if length is None else length
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Status and headers of an answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), fields

    async def answer(self) -> tuple[int, bytes]:
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers.get("content-length", 0)))


class Endpoint:
    """An endpoint over a folder with one bucket, and what it says of each request."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self.seen: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 16))
        self._clients.append(client)
        return client

    async def hang_up(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.writer.close()
            with suppress(ConnectionError):
                await client.writer.wait_closed()

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        client = await self.connect()
        client.ask(method, path, body)
        return await client.answer() if method != "HEAD" else ((await client.head())[0], b"")

    async def observed(self, operation: str) -> int:
        """The status that the next request of an operation came to."""
        while True:
            name, status = await self.seen.get()
            if name == operation:
                return status


@asynccontextmanager
async def serving(folder: Path, limits: Limits) -> AsyncIterator[Endpoint]:
    listening = listener.bind("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    made = Endpoint(port, folder / "objects")
    settings = Settings(str(made.folder), str(folder), "1", "r", f"127.0.0.1:{port}", ["localhost"], grace_s=0.1)

    def observe(operation: str, status: int, _seconds: float) -> None:
        made.seen.put_nowait((operation, status))

    async with endpoint.serving(settings, listening, Anybody(), RandomIds(), observe, limits):
        try:
            yield made
        finally:
            await made.hang_up()
    listening.close()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """``run(scene, downloads=1)`` runs a coroutine function against an endpoint with such limits."""

    def run(scene: Callable[[Endpoint], Coroutine[Any, Any, None]], **limits: Any) -> None:
        async def main() -> None:
            async with asyncio.timeout(PATIENCE_S), serving(tmp_path, Limits(**limits)) as made:
                assert (await made.call("PUT", "/bucket"))[0] == 200
                assert (await made.call("PUT", "/bucket/large", LARGE))[0] == 200
                await scene(made)

        uvloop.run(main())

    return run


def test_downloads_beyond_the_limit_are_told_to_come_back(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        first = await made.connect()
        first.ask("GET", "/bucket/large")
        assert (await first.head())[0] == 200  # it has its turn, and takes nothing more for now
        status, body = await made.call("GET", "/bucket/large")
        assert (status, b"<Code>SlowDown</Code>" in body) == (503, True)
        assert (await made.call("HEAD", "/bucket/large"))[0] == 200  # what streams nothing needs no turn
        assert await first.reader.readexactly(len(LARGE)) == LARGE
        assert await made.call("GET", "/bucket/large") == (200, LARGE)

    run(scene, downloads=1, queue=0)


def test_a_download_waits_for_its_turn(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        first, second = await made.connect(), await made.connect()
        first.ask("GET", "/bucket/large")
        assert (await first.head())[0] == 200
        second.ask("GET", "/bucket/large")
        third = asyncio.create_task(made.call("GET", "/bucket/large"))
        waiting = asyncio.create_task(second.answer())
        assert await first.reader.readexactly(len(LARGE)) == LARGE
        assert await waiting == (200, LARGE)
        assert await third == (200, LARGE)

    run(scene, downloads=1, queue=2)


def test_nobody_waits_for_ever(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        first = await made.connect()
        first.ask("GET", "/bucket/large")
        assert (await first.head())[0] == 200
        assert (await made.call("GET", "/bucket/large"))[0] == 503

    run(scene, downloads=1, patience_s=0.05)


def test_uploads_beyond_the_limit_are_told_to_come_back(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        first = await made.connect()
        first.writer.write(
            b"PUT /bucket/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await first.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")  # its body is wanted now
        status, body = await made.call("PUT", "/bucket/other", b"data")
        assert (status, b"<Code>SlowDown</Code>" in body) == (503, True)
        assert (await made.call("GET", "/bucket/large"))[0] == 200  # downloads have turns of their own
        first.writer.write(b"data")
        assert (await first.answer())[0] == 200
        assert (await made.call("PUT", "/bucket/other", b"data"))[0] == 200

    run(scene, uploads=1, queue=0)


def test_a_client_that_takes_nothing_is_given_up(run: Callable[..., None]) -> None:
    """And what it held is free for others."""

    async def scene(made: Endpoint) -> None:
        first = await made.connect()
        first.ask("GET", "/bucket/large")
        assert (await first.head())[0] == 200
        assert await made.observed("GetObject") == 499
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await first.reader.readexactly(len(LARGE))
        assert await made.call("GET", "/bucket/large") == (200, LARGE)

    run(scene, downloads=1, stall_s=0.3)


def test_a_client_that_sends_nothing_is_given_up(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        client = await made.connect()
        client.ask("PUT", "/bucket/half", b"half", length=8)
        status, body = await client.answer()
        assert (status, b"<Code>RequestTimeout</Code>" in body) == (400, True)
        assert await client.reader.read() == b""
        assert (await made.call("GET", "/bucket/half"))[0] == 404
        assert list((made.folder / "incoming").iterdir()) == []

    run(scene, uploads=1, stall_s=0.3)


async def trickle(client: Client) -> None:
    """Send a byte now and then, as long as anybody takes them."""
    with suppress(ConnectionError):
        while not client.writer.transport.is_closing():
            client.writer.write(b"x")
            await asyncio.sleep(0.02)


def test_a_byte_now_and_then_is_no_progress(run: Callable[..., None]) -> None:
    async def scene(made: Endpoint) -> None:
        client = await made.connect()
        client.ask("PUT", "/bucket/slow", length=1_000_000)
        async with asyncio.TaskGroup() as group:
            group.create_task(trickle(client))
            status, body = await client.answer()
            client.writer.close()
        assert (status, b"<Code>RequestTimeout</Code>" in body) == (400, True)
        assert (await made.call("PUT", "/bucket/other", b"x"))[0] == 200

    run(scene, uploads=1, stall_s=0.5)


def test_what_is_left_of_a_refused_body_is_not_waited_for(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody had to say who he is to send it."""
    monkeypatch.setattr(exchange, "PASSED_OVER_S", 0.3)

    async def scene(made: Endpoint) -> None:
        client = await made.connect()
        client.ask("PUT", "/nobodys/k", length=200_000)
        async with asyncio.TaskGroup() as group:
            group.create_task(trickle(client))
            assert (await client.answer())[0] == 404
            assert await client.reader.read() == b""
            client.writer.close()

    run(scene)


def test_who_sends_such_a_body_makes_room_first(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    listeners: list[listener.Listener] = []
    opened = listener.Listener.opened

    def noted(self: listener.Listener, connection: connections.Connection) -> None:
        listeners.append(self)
        opened(self, connection)

    monkeypatch.setattr(listener.Listener, "opened", noted)

    async def scene(made: Endpoint) -> None:
        slow = await made.connect()
        slow.ask("PUT", "/nobodys/k", length=200_000)
        assert (await slow.answer())[0] == 404
        listeners[0].shed(100)
        with suppress(ConnectionError):
            assert await slow.reader.read() == b""

    run(scene)


def test_an_upload_that_the_end_cuts_off_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S):
            async with serving(tmp_path, Limits()) as made:
                assert (await made.call("PUT", "/bucket"))[0] == 200
                client = await made.connect()
                client.ask("PUT", "/bucket/key", LARGE, len(LARGE) + 1)
                await client.writer.drain()  # most of it has been taken in
                made._clients.remove(client)  # it does not hang up
            client.writer.close()
            with suppress(ConnectionError):
                await client.writer.wait_closed()

    uvloop.run(main())
    assert list((tmp_path / "objects" / "incoming").iterdir()) == []
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


def test_abandoned_uploads_are_dropped_at_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "objects", RandomIds())
    assert folder.try_to_own()
    folder.create_bucket(Bucket("bucket", "1", "r", 0))
    for key, days in (("old", 8), ("young", 6)):
        folder.create_upload("bucket", key, About(), wall_now() - days * A_DAY_MS)
    folder.close()

    async def main() -> None:
        async with serving(tmp_path, Limits()) as made:
            status, body = await made.call("GET", "/bucket?uploads")
            assert status == 200
            assert (b"<Key>young</Key>" in body, b"<Key>old</Key>" in body) == (True, False)

    uvloop.run(main())
    after = Folder(tmp_path / "objects", RandomIds())
    assert [one.key for one in after.list_uploads("bucket", Question(), None).found] == ["young"]
    after.close()
