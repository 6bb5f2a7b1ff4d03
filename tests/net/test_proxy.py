"""PROXY headers: what balancers send, cut anywhere, and what is none."""

from __future__ import annotations

import contextlib
import pathlib
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from tests.mqtt.live import PATIENCE, Certificates, Live
from tidegate.mqtt.codec import Connack
from tidegate.net.proxy import Header, NoHeaderError, parse

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + (1234).to_bytes(2, "big") + (8883).to_bytes(2, "big")
_MAPPED = bytes.fromhex("00000000000000000000ffffc0000207" * 2) + bytes(4)
_V6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + bytes(4)


def _second(command: int, family: int, body: bytes) -> bytes:
    return _SIGNATURE + bytes([0x20 | command, family]) + len(body).to_bytes(2, "big") + body


HEADERS = {
    b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 8883\r\n": "192.0.2.7",
    b"PROXY TCP6 2001:db8::7 2001:db8::8 1234 8883\r\n": "2001:db8::7",
    b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 1234 8883\r\n": "192.0.2.7",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    _second(1, 0x11, _V4): "192.0.2.7",
    _second(1, 0x11, _V4 + b"\x04\x00\x01x"): "192.0.2.7",
    _second(1, 0x21, _V6): "2001:db8::7",
    _second(1, 0x21, _MAPPED): "192.0.2.7",
    _second(0, 0x00, b""): None,
    _second(1, 0x31, bytes(216)): None,
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers(header: bytes) -> None:
    assert parse(header + b"\x16\x03\x01") == Header(len(header), HEADERS[header])
    for length in range(1, len(header)):
        needed = parse(header[:length])
        assert isinstance(needed, int)
        assert length < needed <= len(header)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 nowhere 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY " + b"x" * 200,
        _SIGNATURE + b"\x11\x11\x00\x0c" + _V4,
        _second(1, 0x11, b"short"),
        _second(1, 0x11, bytes(60_000)),
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(NoHeaderError):
        parse(data)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    running = Live(Certificates(pathlib.Path(tmp_path_factory.mktemp("proxy"))))
    running.balancers = [ip_network("127.0.0.0/8")]
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("header", HEADERS)
def test_a_device_behind_a_balancer(live: Live, header: bytes) -> None:
    context = live.device("lamp")
    with socket.create_connection(("127.0.0.1", live.port), PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(header), 7):
            plain.sendall(header[at : at + 7])
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04lamp")
            assert tls.recv(4) == b"\x20\x02\x00\x00"
            assert live.plane.asked[-1] == ("lamp", "localhost", HEADERS[header] or "127.0.0.1")


def test_without_a_header_nobody_gets_in(live: Live) -> None:
    with contextlib.suppress(OSError), live.raw(live.device("lamp")) as client:
        assert client.connect("lamp") != Connack()
    live.until(lambda: ("mqtts", "proxy", 1) in live.server.admission.seen().sent_away)
