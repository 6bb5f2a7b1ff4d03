"""Requests that have not arrived whole are bounded in sum, and strangers' bodies are not waited for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.mqtt.live import PATIENCE
from tests.servers import Started, options, started
from tidegate.net.admission import Limits
from tidegate.net.unfinished import Holding, Unfinished

_KIB = 1024


def test_the_oldest_of_the_address_with_most_is_let_go() -> None:
    gone: list[str] = []
    total = Unfinished(10)
    held = [
        Holding(total, address, lambda name=name: gone.append(name))
        for name, address in (("first", "a"), ("second", "b"), ("third", "b"), ("fourth", "c"))
    ]
    for each, size in zip(held, (3, 3, 3, 4), strict=True):
        each.set(size)
    assert gone == ["second"]
    assert [each.size for each in held] == [3, 0, 3, 4]
    for each in held:
        each.set(0)
    assert total.size == 0


def test_one_alone_is_let_go_too() -> None:
    gone: list[int] = []
    total = Unfinished(10)
    Holding(total, "a", lambda: gone.append(1)).set(11)
    assert (gone, total.size) == ([1], 0)


@pytest.fixture(scope="module", params=[False, True], ids=["off", "on"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    data = tmp_path_factory.mktemp("unfinished")
    limits = Limits(unfinished=256 * _KIB)
    with started(options(data, auth=request.param, admission=limits)) as running:
        running.running.admission.unfinished.limit = (
            256 * _KIB
        )  # less than the largest body: four of those fit otherwise
        yield running


def _begin(url: str, head: bytes, body: bytes) -> socket.socket:
    host, port = url.rpartition("//")[2].split(":")
    plug = socket.create_connection((host, int(port)), PATIENCE)
    plug.sendall(head + b"Host: localhost\r\nContent-Length: 1000000\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        plug.sendall(body)
    return plug


def test_bodies_that_are_held_back(server: Started) -> None:
    """Signed in form, so that the body is waited for; each is small, and all of them are too much."""
    head = b"PUT /job-templates/a HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=none\r\n"
    url, total = server.addresses.http, server.running.admission.unfinished
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(_begin(url, head, bytes(100 * _KIB))) for _ in range(5)]
        assert all(each.recv(12) == b"HTTP/1.1 503" for each in held[:2])
        assert total.size <= 256 * _KIB
        status, _, _ = server.fetch("/_tidegate/health")
        assert status == 200
    while server.on_loop(_size(server)):
        pass


def _size(server: Started) -> Callable[[], Awaitable[int]]:
    async def size() -> int:
        return server.running.admission.unfinished.size

    return size


def test_objects_that_are_held_back(server: Started) -> None:
    head = b"PUT /no-bucket/a HTTP/1.1\r\nX-Filler: " + b"x" * 60 * _KIB
    host, port = server.addresses.objects.rpartition("//")[2].split(":")
    total = server.running.admission.unfinished
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(8):
            plug = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            plug.sendall(head)
            held.append(plug)
        gone = 0
        with contextlib.suppress(ConnectionError):
            gone = len(held[0].recv(1))
        assert gone == 0
        assert total.size <= 256 * _KIB
    while server.on_loop(_size(server)):
        pass


def test_a_header_without_an_end_is_not_kept(server: Started) -> None:
    host, port = server.addresses.objects.rpartition("//")[2].split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as plug, contextlib.suppress(ConnectionError):
        plug.sendall(b"GET / HTTP/1.1\r\nX-Filler: ")
        for _ in range(200):
            plug.sendall(b"x" * _KIB)
        assert plug.recv(12) in (b"HTTP/1.1 400", b"")


def test_a_body_without_a_signature_is_not_waited_for(tmp_path: Path) -> None:
    with started(options(tmp_path, auth=True)) as server, contextlib.ExitStack() as stack:
        plug = stack.enter_context(_begin(server.addresses.http, b"PUT /job-templates/a HTTP/1.1\r\n", b"{"))
        answer = b""
        while data := plug.recv(1000):
            answer += data
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"Missing Authentication Token" in answer
        plug = stack.enter_context(_begin(server.addresses.http, b"PUT /job-templates/a HTTP/1.1\r\nX: y\r\n", b""))
        assert plug.recv(12) == b"HTTP/1.1 403"
