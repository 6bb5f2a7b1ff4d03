"""Each client gets a slice of a turn, nothing is lost or overtaken, and the end comes at the end."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.mqtt.live import PATIENCE, Certificates
from tidegate.net.slices import FIRST, LARGEST, Sliced

_OTHER = 1


class Noted(Sliced):
    """Keeps what it is given, and in what turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.turns: list[int] = []
        self.order: list[str] = []
        self.turn = 0
        self.gone = asyncio.get_running_loop().create_future()
        self.cost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport)
        self._count()

    def _count(self) -> None:
        self.turn += 1
        if not self.gone.done():
            asyncio.get_running_loop().call_soon(self._count)

    def received(self, data: bytes) -> None:
        self.pieces.append(data)
        self.turns.append(self.turn)
        self.cost()

    def ended(self) -> None:
        self.order.append(f"end after {sum(map(len, self.pieces))}")

    def lost(self, exc: Exception | None) -> None:
        self.order.append(f"lost after {sum(map(len, self.pieces))}")
        self.gone.set_result(None)


@asynccontextmanager
async def _served(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[list[Noted], int]]:
    made: list[Noted] = []

    def make() -> Noted:
        made.append(Noted())
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context)
    try:
        async with asyncio.timeout(PATIENCE):
            yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def _send(port: int, data: bytes, context: ssl.SSLContext | None = None) -> None:
    with contextlib.ExitStack() as stack:
        plug = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
        if context is not None:
            plug = stack.enter_context(context.wrap_socket(plug, server_hostname="localhost"))
        plug.sendall(data)
        if isinstance(plug, ssl.SSLSocket):
            plug.unwrap()


_DATA = bytes(range(251)) * 8000


@pytest.mark.parametrize("tls", [False, True])
def test_everything_arrives_by_slices_before_the_end(tls: bool, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)

    async def scenario() -> None:
        async with _served(certificates.server_context() if tls else None) as (made, port):
            client = certificates.client_context(None) if tls else None
            await asyncio.to_thread(_send, port, _DATA, client)
            while not made:  # noqa: ASYNC110 - the server accepts in its own time
                await asyncio.sleep(0)
            await made[0].gone
            (seen,) = made
            assert b"".join(seen.pieces) == _DATA
            assert max(map(len, seen.pieces)) <= LARGEST
            # The last slice of what was read, and the first one of what is read then, may share a turn.
            assert max(collections.Counter(seen.turns).values()) <= 2
            assert seen.order[-1] == f"lost after {len(_DATA)}"

    _run(scenario)


def test_what_is_dear_is_cut_smaller() -> None:
    async def scenario() -> None:
        loop, noted = asyncio.get_running_loop(), Noted()

        def dear() -> None:
            until = loop.time() + 0.002
            while loop.time() < until:
                pass

        noted.cost = dear
        noted.data_received(bytes(64 * 1024))
        noted.connection_lost(None)
        await noted.gone
        assert len(noted.pieces[0]) == FIRST
        assert max(map(len, noted.pieces[2:])) <= FIRST // 4

    _run(scenario)


def test_a_client_held_back_has_nothing_taken_in() -> None:
    async def scenario() -> None:
        noted = Noted()
        noted.data_received(bytes(3 * FIRST))
        noted.hold(_OTHER)
        for _ in range(5):
            await asyncio.sleep(0)
        assert [len(each) for each in noted.pieces] == [FIRST]
        noted.release(_OTHER)
        for _ in range(5):
            await asyncio.sleep(0)
        assert sum(map(len, noted.pieces)) == 3 * FIRST

    _run(scenario)


@pytest.mark.parametrize("patient", [0, _OTHER])
def test_what_a_client_left_behind_is_waited_for_only_with_patience(patient: int) -> None:
    class Patient(Noted):
        pass

    Patient.patient = patient

    async def scenario() -> None:
        noted = Patient()
        noted.data_received(bytes(3 * FIRST))
        noted.hold(_OTHER)
        noted.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert noted.gone.done() is not bool(patient)
        noted.release(_OTHER)
        await noted.gone
        assert sum(map(len, noted.pieces)) == (3 * FIRST if patient else FIRST)

    _run(scenario)
