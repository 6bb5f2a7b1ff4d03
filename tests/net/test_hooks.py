"""Hooks over real sockets and real TLS: what is sent, and that everything but one good answer is a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.mqtt.live import Certificates
from tidegate.net import hooks
from tidegate.net.hooks import Hook, HookFaultError, Hooks

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
PATIENCE = 120.0


def _asked(
    answering: Answering,
    *,
    hook: Callable[[int], Hook] = lambda port: Hook(f"http://127.0.0.1:{port}/decide?x=1", b"s3cret"),
    timeout_s: float = PATIENCE,
    context: ssl.SSLContext | None = None,
    calls: int = 1,
) -> tuple[list[Any], list[bytes]]:
    """What calls of a hook, one at a time, come to; and the requests that arrived, whole."""
    arrived: list[bytes] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            arrived.append(head + await reader.readexactly(length))
            await answering(arrived[-1], writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(serve(reader, writer)))

    async def run() -> list[Any]:
        async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            asking = Hooks(at_once=1)
            found = [asking.call(hook(port), b'{"a": 1}', timeout_s=timeout_s) for _ in range(calls)]
            answers = await asyncio.gather(*found, return_exceptions=True)
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
        return list(answers)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run()), arrived


def _says(answer: bytes) -> Answering:
    async def answering(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return answering


async def _nothing(_request: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def test_a_hook_is_asked_once_with_a_signed_body() -> None:
    (answer,), (request,) = _asked(_says(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"allow": true}'[:-1]))
    head, _, body = request.partition(b"\r\n\r\n")
    assert answer == b'{"allow": true'
    assert head.startswith(b"POST /decide?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Content-Type: application/json" in head
    signed = b"X-Tidegate-Signature: sha256=" + hmac.digest(b"s3cret", body, "sha256").hex().encode()
    assert signed in head.split(b"\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",  # as long as the connection
        b"HTTP/1.0 200 OK\r\n\r\n{}",
    ],
)
def test_the_ways_to_end_an_answer(answer: bytes) -> None:
    assert _asked(_says(answer))[0] == [b"{}"]


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", "status 500"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", "before its answer was whole"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}", "before its answer was whole"),
        (b"", "before its answer was whole"),
        (b"nonsense\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (hooks.LARGEST_ANSWER + 1), "more than 131072 bytes"),
    ],
)
def test_anything_else_is_a_refusal(answer: bytes, because: str) -> None:
    (refusal,), requests = _asked(_says(answer))
    assert isinstance(refusal, HookFaultError)
    assert because in str(refusal)
    assert len(requests) == 1  # never a second attempt, and a redirect leads nowhere


def test_a_hook_that_hangs_is_given_up() -> None:
    (refusal,), _ = _asked(_nothing, timeout_s=0.05)
    assert isinstance(refusal, HookFaultError)
    assert str(refusal) == "no answer within 0.05 s"


def test_one_that_waits_for_its_turn_is_given_up_as_soon() -> None:
    refusals, requests = _asked(_nothing, timeout_s=0.05, calls=2)
    assert {type(refusal) for refusal in refusals} == {HookFaultError}
    assert len(requests) <= 2


def test_those_that_wait_get_their_turn() -> None:
    assert _asked(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), calls=3)[0] == [b"{}"] * 3


def test_nobody_listens() -> None:
    (refusal,), _ = _asked(_nothing, hook=lambda _port: Hook("http://127.0.0.1:9/"))
    assert isinstance(refusal, HookFaultError)
    assert str(refusal).startswith("it cannot be reached: ")


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://169.254.169.254/latest", "http://[2001:db8::1]/"])
def test_beyond_this_machine_a_host_must_be_listed(url: str) -> None:
    (refusal,), _ = _asked(_nothing, hook=lambda _port: Hook(url))
    assert isinstance(refusal, HookFaultError)
    assert "is not on this machine: allow it with --hook-host" in str(refusal)


def test_the_address_behind_a_name_is_what_is_judged() -> None:
    class Elsewhere(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            return [(0, 0, 0, "", ("192.0.2.7", 80))]

    async def run(hosts: tuple[str, ...]) -> str:
        try:
            return await Hooks(hosts)._address("localhost", 80)
        except HookFaultError as error:
            return str(error)

    with asyncio.Runner(loop_factory=Elsewhere) as runner:
        assert "is not on this machine" in runner.run(run(()))
        assert runner.run(run(("LocalHost",))) == "192.0.2.7"


def test_tls_is_verified(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    answer = _says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def at(name: str, ca: str) -> Callable[[int], Hook]:
        return lambda port: Hook(f"https://{name}:{port}/", ca=ca)

    context = made.server_context()
    assert _asked(answer, hook=at("localhost", str(made.ca)), context=context)[0] == [b"{}"]
    (stranger,), _ = _asked(answer, hook=at("localhost", ""), context=context)
    assert isinstance(stranger, HookFaultError)
    assert "certificate verify failed" in str(stranger)


def test_how_hooks_are_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc\n")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:check"
    assert hooks.parse(f"{arn}=http://127.0.0.1:9/h?a=b#secret={secret}") == (
        arn,
        Hook("http://127.0.0.1:9/h?a=b", b"abc"),
    )
    secret.write_bytes(b"\n")
    for wrong in (
        "check=http://127.0.0.1/",
        f"{arn}=ftp://127.0.0.1/",
        f"{arn}=http:///x",
        f"{arn}",
        f"{arn}=http://me:pw@127.0.0.1/",
        f"{arn}=http://127.0.0.1:70000/",
        f"{arn}=http://127.0.0.1/#timeout=5",
        f"{arn}=http://127.0.0.1/#secret={secret}",
    ):
        with pytest.raises(ValueError, match=r"arn|check|Port"):
            hooks.parse(wrong)
    with pytest.raises(FileNotFoundError):
        hooks.parse(f"{arn}=http://127.0.0.1/#secret={tmp_path / 'none'}")


def test_a_hook_that_hangs_keeps_nobody_from_another() -> None:
    async def run() -> bytes:
        asked = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer):
                if (await reader.readuntil(b"\r\n\r\n")).startswith(b"POST /slow"):
                    asked.set()
                    await reader.read()  # until it is given up
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    await writer.drain()

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            where, asking = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Hooks(at_once=1)
            slow = asyncio.ensure_future(asking.call(Hook(f"{where}/slow"), b"{}", timeout_s=PATIENCE))
            await asked.wait()
            answer = await asking.call(Hook(f"{where}/quick"), b"{}", timeout_s=PATIENCE)
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)
        return answer

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == b"{}"
