"""HTTP as bytes: what well-behaved clients do seldom, and others do often."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from tests.s3.client import Bucket, plain, raw
from tests.servers import Started


def receive(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    while data := connection.recv(1 << 16):
        found += data
    return found


def until(connection: socket.socket, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end):
        data = connection.recv(1)
        assert data, found
        found += data
    return found


def test_keep_alive_and_pipelining(bucket: Bucket, server: Started) -> None:
    bucket.put("k", b"data")
    get = f"GET {bucket.path('k')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    put = f"PUT {bucket.path('n')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnew".encode()
    last = f"GET {bucket.path('n')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with raw(server) as connection:
        connection.sendall(get * 7 + put + last)
        found = receive(connection)
    assert found.count(b"HTTP/1.1 200 OK") == 9
    assert found.count(b"\r\n\r\ndata") == 7
    assert found.endswith(b"\r\n\r\nnew")


def test_continue_is_sent_when_the_body_is_wanted(bucket: Bucket, server: Started) -> None:
    head = f"PUT {bucket.path('k')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with raw(server) as connection:
        connection.sendall(head.encode())
        assert until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"new")
        assert until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    with raw(server) as connection:
        connection.sendall(head.replace(bucket.name, "nobodys").encode())
        found = receive(connection)
        assert found.startswith(b"HTTP/1.1 404 Not Found")
        assert b"connection: close" in found


def test_a_refusal_reaches_a_client_that_goes_on_sending(server: Started) -> None:
    answer = plain(server, "PUT", "/nobodys/k", os.urandom(8_000_000))
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_a_small_body_that_nobody_wants_is_passed_over(server: Started) -> None:
    put = b"PUT /nobodys/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    with raw(server) as connection:
        connection.sendall(put + put.replace(b"Host", b"Connection: close\r\nHost"))
        assert receive(connection).count(b"HTTP/1.1 404 Not Found") == 2


def test_an_upload_that_breaks_off_leaves_nothing(bucket: Bucket, server: Started, folder: Path) -> None:
    before = set(folder.glob("blobs/*/*"))
    with raw(server) as connection:
        head = f"PUT {bucket.path('k')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n"
        connection.sendall(head.encode() + os.urandom(3_000_000))
        connection.shutdown(socket.SHUT_WR)
        assert b"<Code>IncompleteBody</Code>" in receive(connection)
    assert bucket.keys() == []
    assert set(folder.glob("blobs/*/*")) == before
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    ],
)
def test_what_is_not_http(server: Started, request_bytes: bytes) -> None:
    with raw(server) as connection:
        connection.sendall(request_bytes)
        try:
            found = receive(connection)
        except ConnectionResetError:
            found = b"HTTP/1.1 400"
        assert found.startswith(b"HTTP/1.1 4")
    assert plain(server, "GET", "/").status == 200


def test_a_length_is_needed(bucket: Bucket, server: Started) -> None:
    with raw(server) as connection:
        connection.sendall(f"PUT {bucket.path('k')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        assert receive(connection).startswith(b"HTTP/1.1 411")
    large = plain(server, "PUT", bucket.path("k"), b"", content_length=str(6 * 1024**3))
    assert large.code == "EntityTooLarge"


def test_a_client_that_goes_away_in_the_middle(bucket: Bucket, server: Started) -> None:
    data = os.urandom(16_000_000)
    bucket.put("big", data)
    for _ in range(5):
        with raw(server) as connection:
            connection.sendall(f"GET {bucket.path('big')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.recv(100_000)
    assert hashlib.sha256(plain(server, "GET", bucket.path("big")).body).digest() == hashlib.sha256(data).digest()


def test_head_says_how_much(bucket: Bucket, server: Started) -> None:
    bucket.put("k", b"data")
    answer = plain(server, "HEAD", bucket.path("k"))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "4", b"")
    assert plain(server, "HEAD", bucket.path("none")).status == 404


def test_nothing_is_smuggled_into_an_answer(bucket: Bucket, server: Started) -> None:
    bucket.put("k")
    answer = plain(server, "GET", bucket.path("k") + "?response-content-type=a%0d%0aX-Evil:%201")
    assert "x-evil" not in answer.headers
    assert answer.status == 200
