"""HTTP/1.1 on real sockets: whole and broken requests, order, limits, time, draining. The application is a stand-in."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from tidegate.net.admission import LIMITS, Admission
from tidegate.net.admission import Limits as AdmissionLimits
from tidegate.net.fairness import FairScheduler
from tidegate.net.http1.intake import HEAD_LIMIT
from tidegate.net.http1.listener import Listener
from tidegate.net.http1.messages import Answer, Limits, Request


class Echo:
    """Answers with what it got; requests for ``/held`` wait until ``release``."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.held = asyncio.Event()
        self.release = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.raw_path == b"/held":
            self.held.set()
            await self.release.wait()
        if request.raw_path == b"/broken":
            raise RuntimeError("broken")
        if request.raw_path == b"/big":
            return 200, [], b"x" * 16_000_000  # more than a kernel keeps for one connection
        return 200, [(b"content-type", b"text/plain")], b"%s %s" % (request.raw_path, request.body)


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body by its length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(first.split(" ")[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def closed(self) -> bool:
        """Whether the server has closed and sent nothing more."""
        return await self.reader.read() == b""


class Rig:
    """A listener and its application."""

    def __init__(self, echo: Echo, listener: Listener, address: tuple[str, int]) -> None:
        self.echo = echo
        self.listener = listener
        self.address = address
        self.clients: list[Client] = []

    async def connect(self, *, buffer: int = 0) -> Client:
        """A new connection; ``buffer`` bounds what the kernel takes in for it while nobody reads."""
        plug = socket.socket()
        if buffer:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, self.address)
        client = Client(*await asyncio.open_connection(sock=plug))
        self.clients.append(client)
        return client


@asynccontextmanager
async def rig(
    limits: Limits | None = None, admission: AdmissionLimits = LIMITS, echo: Echo | None = None
) -> AsyncIterator[Rig]:
    echo = echo or Echo()
    listener = Listener(echo, limits or Limits(body=1000), admission=Admission(admission))
    made = Rig(echo, listener, await listener.open("127.0.0.1", 0))
    try:
        async with asyncio.timeout(20):
            yield made
    finally:
        for client in made.clients:
            client.writer.transport.abort()
        await listener.close(grace=1)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def when(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens inside the server
        await asyncio.sleep(0)


def put(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"PUT {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"


def test_keep_alive() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            for number in range(3):
                client.send(put(f"/{number}?a=%20b", b"body"))
                status, headers, body = await client.answer()
                assert (status, body) == (200, b"/%d body" % number)
                assert "connection" not in headers
                assert headers["date"].endswith(" GMT")
            assert made.listener.connection_count() == 1
            (request, *_) = made.echo.requests
            assert request.query_string == b"a=%20b"
            assert request.header(b"host") == b"h"
            assert request.peer.address == "127.0.0.1"
            assert request.peer.certificate is None

    run(scenario)


def test_a_request_byte_by_byte() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            for byte in put("/slow", b"0123456789"):
                client.send(bytes([byte]))
                await client.writer.drain()
            assert (await client.answer())[2] == b"/slow 0123456789"

    run(scenario)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held" + b"".join(GET % b"%d" % number for number in range(100)))
            await made.echo.held.wait()
            assert len(made.echo.requests) == 1
            made.echo.release.set()
            assert (await client.answer())[2] == b"/held "
            for number in range(100):
                assert (await client.answer())[2] == b"/%d " % number

    run(scenario)


def test_a_client_that_pipelines_without_end_has_to_wait() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held")
            await made.echo.held.wait()
            transport = client.writer.transport
            transport.set_write_buffer_limits(high=1)
            sent = 1
            while transport.get_write_buffer_size() == 0 and sent < 100_000:  # until nothing more is taken in
                client.send(put(f"/{sent}", b"x" * 900))
                sent += 1
                await asyncio.sleep(0)
            assert sent < 100_000
            made.echo.release.set()
            for _ in range(sent):
                assert (await client.answer())[0] == 200

    run(scenario)


def test_chunked_body() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(
                b"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            )
            assert (await client.answer())[2] == b"/c abcde"

    run(scenario)


def test_expect_continue() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            whole = put("/e", b"body", "Expect: 100-continue")
            client.send(whole[:-4])
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"body")
            assert (await client.answer())[2] == b"/e body"

    run(scenario)


def test_a_client_is_told_to_continue_in_its_turn() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held" + put("/e", b"body", "Expect: 100-continue")[:-4])
            await made.echo.held.wait()
            made.echo.release.set()
            assert (await client.answer())[2] == b"/held "
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"body")
            assert (await client.answer())[2] == b"/e body"

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", 200),
        (b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", 200),
    ],
    ids=["refused", "HTTP/1.0", "sent already"],
)
def test_who_is_not_told_to_continue(sent: bytes, status: int) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(sent)
            assert (await client.answer())[0] == status

    run(scenario)


def test_head_has_no_body() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n" + GET % b"g")
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 3\r\n" in head
            assert (await client.answer())[2] == b"/g "

    run(scenario)


@pytest.mark.parametrize(
    "line", [b"GET /o HTTP/1.0\r\n\r\n", b"GET /o HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]
)
def test_connections_that_end_with_their_request(line: bytes) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(line)
            _, headers, body = await client.answer()
            assert (headers["connection"], body) == ("close", b"/o ")
            assert await client.closed()

    run(scenario)


def test_an_upgrade_is_not_taken_up() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            status, headers, _ = await client.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert await client.closed()

    run(scenario)


def test_the_absolute_form_of_a_path() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"GET http://h/x%20y?z=1 HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await client.answer())[2] == b"/x%20y "
            assert made.echo.requests[0].query_string == b"z=1"
            client.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await client.answer())[2] == b"* "

    run(scenario)


def test_a_body_of_the_limit_is_taken() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(put("/l", b"x" * 1000))
            assert (await client.answer())[0] == 200

    run(scenario)


@pytest.mark.parametrize("length", ["1001", "10000000", "9" * 40])
def test_a_declared_body_over_the_limit_is_refused_before_it_comes(length: str) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(
                f"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            status, headers, body = await client.answer()
            assert status == (413 if len(length) < 20 else 400)  # the parser itself refuses what no number holds
            assert headers["connection"] == "close"
            assert body
            assert not made.echo.requests

    run(scenario)


def test_ten_megabytes_get_their_answer_while_still_being_sent() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            body = b"x" * 10_000_000
            client.send(put("/x", body))
            status, _, answer = await client.answer()
            assert status == 413
            assert answer == b"The request body must not exceed 1000 bytes."
            await client.writer.drain()  # all of it is taken, none of it kept
            assert await client.closed()
            assert not made.echo.requests

    run(scenario)


def test_a_chunked_body_over_the_limit() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send((b"320\r\n" + b"x" * 800 + b"\r\n") * 3)
            assert (await client.answer())[0] == 413
            assert await client.closed()

    run(scenario)


def test_trailers_are_read_over() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"PUT /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"2;x=y\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n" + GET % b"next")
            assert (await client.answer())[2] == b"/t {}"
            assert (await client.answer())[2] == b"/next "
            assert made.echo.requests[0].headers == [(b"host", b"h"), (b"transfer-encoding", b"chunked")]

    run(scenario)


@pytest.mark.parametrize("part", [b"X: " + b"y" * 997 + b"\r\n", b"y" * 1000], ids=["many", "one"])
def test_trailers_without_end(part: bytes) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"PUT /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y")
            await when(lambda: made.listener.connection_count() == 1)
            for _ in range(4 * HEAD_LIMIT // len(part)):
                client.send(part)
            assert (await client.answer())[0] == 431
            assert await client.closed()
            assert not made.echo.requests

    run(scenario)


def test_a_refusal_waits_for_the_answers_before_it() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held" + GET % b"2" + b"NONSENSE\r\n\r\n")
            await made.echo.held.wait()
            made.echo.release.set()
            assert [(await client.answer())[0] for _ in range(3)] == [200, 200, 400]
            assert await client.closed()

    run(scenario)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_http(garbage: bytes) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(garbage)
            status, _, body = await client.answer()
            assert status == 400
            assert body == b"The request is not valid HTTP/1.1."
            assert await client.closed()

    run(scenario)


def test_garbage_behind_the_last_request_is_no_fault() -> None:
    """The answer that closes is written, then the client ends: nothing is written after it."""
    faults: list[str] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context)))
        async with rig() as made:
            client = await made.connect()
            client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\ngarbage\r\n\r\n")
            assert (await client.answer())[0] == 200
            client.writer.write_eof()
            assert await client.closed()

    run(scenario)
    assert faults == []


def test_a_head_without_end() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * (HEAD_LIMIT + 1))
            assert (await client.answer())[0] == 431
            assert await client.closed()
            assert not made.echo.requests

    run(scenario)


@pytest.mark.parametrize("sent", [b"GET / HT", b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"])
def test_a_truncated_request(sent: bytes) -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(sent)
            client.writer.write_eof()
            status, _, body = await client.answer()
            assert (status, body) == (400, b"The request ended before it was complete.")
            assert await client.closed()
            assert not made.echo.requests

    run(scenario)


def test_a_client_that_closes_its_side_gets_its_answers() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held" + GET % b"2")
            client.writer.write_eof()
            await made.echo.held.wait()
            made.echo.release.set()
            assert [(await client.answer())[2] for _ in range(2)] == [b"/held ", b"/2 "]
            assert await client.closed()

    run(scenario)


def test_a_client_that_goes_away_does_not_stop_its_request() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"held" + GET % b"2")
            await made.echo.held.wait()
            client.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            client.writer.transport.abort()  # with a reset
            await when(lambda: made.listener.connection_count() == 0)
            made.echo.release.set()
            other = await made.connect()
            other.send(GET % b"3")
            assert (await other.answer())[2] == b"/3 "
            assert [request.raw_path for request in made.echo.requests] == [b"/held", b"/3"]

    run(scenario)


PATIENT = Limits(request=1000.0, keep_alive=1000.0)
HASTY = Limits(request=0.0, keep_alive=1000.0)


@pytest.mark.parametrize("sent", [b"G", b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"])
def test_a_request_that_does_not_arrive_in_time(sent: bytes) -> None:
    async def scenario() -> None:
        async with rig(HASTY) as made:
            client = await made.connect()
            client.send(GET % b"1")
            await client.answer()
            client.send(sent)
            answer = asyncio.ensure_future(client.answer())
            while not answer.done():
                made.listener.sweep()
                await asyncio.sleep(0)
            assert answer.result()[0] == 408
            assert await client.closed()

    run(scenario)


def test_a_silent_connection_is_closed() -> None:
    async def scenario() -> None:
        async with rig(admission=AdmissionLimits(silence_s=0)) as made:
            client = await made.connect()
            assert await client.closed()

    run(scenario)


def test_an_idle_connection_is_closed_after_a_while() -> None:
    async def scenario() -> None:
        async with rig(Limits(request=1000.0, keep_alive=0.0)) as made:
            client = await made.connect()
            client.send(GET % b"1")
            await client.answer()
            made.listener.sweep()
            assert await client.closed()

    run(scenario)


def test_time_does_not_run_while_a_request_is_served() -> None:
    async def scenario() -> None:
        async with rig(HASTY) as made:
            client = await made.connect()
            client.send(GET % b"held" + GET % b"2")
            await made.echo.held.wait()
            made.listener.sweep()
            made.listener.sweep()
            made.echo.release.set()
            assert [(await client.answer())[0] for _ in range(2)] == [200, 200]

    run(scenario)


def test_a_client_that_does_not_read_is_given_up() -> None:
    async def scenario() -> None:
        async with rig(HASTY) as made:
            client = await made.connect(buffer=4096)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(GET % b"big" + GET % b"2")
            await when(lambda: bool(made.echo.requests))
            while made.listener.connection_count():
                made.listener.sweep()
                await asyncio.sleep(0)
            assert [request.raw_path for request in made.echo.requests] == [b"/big"]

    run(scenario)


def test_a_request_that_breaks_the_application_is_not_left_hanging() -> None:
    async def scenario() -> None:
        async with rig() as made:
            client = await made.connect()
            client.send(GET % b"broken")
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.answer()
            await when(lambda: made.listener.connection_count() == 0)

    run(scenario)


def test_draining_finishes_what_has_begun() -> None:
    async def scenario() -> None:
        async with rig(PATIENT) as made:
            idle, busy = await made.connect(), await made.connect()
            idle.send(GET % b"1")
            await idle.answer()
            busy.send(GET % b"held")
            await made.echo.held.wait()
            closing = asyncio.ensure_future(made.listener.close(grace=15))
            assert await idle.closed()
            with pytest.raises(OSError):
                await asyncio.open_connection(*made.address)
            assert not closing.done()
            made.echo.release.set()
            status, headers, _ = await busy.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert await busy.closed()
            await closing
            assert made.listener.connection_count() == 0

    run(scenario)


def test_draining_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with rig(PATIENT) as made:
            client = await made.connect()
            client.send(GET % b"held")
            await made.echo.held.wait()
            await made.listener.close(grace=0.01)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.answer()
            made.echo.release.set()
            await when(lambda: made.listener.connection_count() == 0)

    run(scenario)
    assert "1 connections were cut off" in caplog.text


class Held(FairScheduler):
    """The turns of a loop in which nobody of one party gets any until told."""

    def __init__(self, party: str) -> None:
        super().__init__(asyncio.get_running_loop())
        self.party = party
        self.waits: list[Callable[[], object]] = []

    def admits(self, party: Hashable) -> bool:
        return party != self.party

    def wait(self, party: Hashable, act: Callable[[], object]) -> None:
        assert party == self.party
        self.waits.append(act)

    def go(self) -> None:
        waits, self.waits = self.waits, []
        for act in waits:
            act()


class Accounts(Echo):
    """Knows by the path whose request it is, as signatures tell it elsewhere."""

    async def __call__(self, request: Request) -> Answer:
        request.peer.belongs(request.raw_path.split(b"/")[1].decode())
        return await super().__call__(request)


def test_the_requests_of_an_account_wait_for_its_turn_and_no_others() -> None:
    async def scenario() -> None:
        async with rig(echo=Accounts()) as made:
            busy, other = await made.connect(), await made.connect()
            for client, account in ((busy, "a"), (other, "b")):
                client.send(put(f"/{account}/first", b"x"))
                assert (await client.answer())[0] == 200  # from now on it is known whose connection it is
            made.listener.admission.scheduler = turns = Held("a")
            busy.send(put("/a/1", b"x") + put("/a/2", b"x"))
            await when(lambda: bool(turns.waits))
            for _ in range(3):
                other.send(put("/b/more", b"x"))
                assert (await other.answer())[2] == b"/b/more x"
            assert [request.raw_path for request in made.echo.requests].count(b"/a/1") == 0
            turns.go()
            assert (await busy.answer())[2] == b"/a/1 x"
            await when(lambda: bool(turns.waits))  # each request takes a turn of its own
            turns.go()
            assert (await busy.answer())[2] == b"/a/2 x"

    run(scenario)


def test_nothing_is_begun_for_a_client_that_left_before_its_turn() -> None:
    async def scenario() -> None:
        async with rig(echo=Accounts()) as made:
            client = await made.connect()
            client.send(put("/a/first", b"x"))
            await client.answer()
            made.listener.admission.scheduler = turns = Held("a")
            client.send(put("/a/late", b"x"))
            await when(lambda: bool(turns.waits))
            client.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            client.writer.transport.abort()  # with a reset
            await when(lambda: made.listener.connection_count() == 0)
            turns.go()
            await asyncio.sleep(0)
            assert [request.raw_path for request in made.echo.requests] == [b"/a/first"]

    run(scenario)
