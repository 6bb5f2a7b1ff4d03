"""A connection that is gone is freed at once, by its reference counts: nothing of it waits for the cycle collector."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mqtt.live import PATIENCE, RawClient
from tests.servers import ANY, Started, options, started
from tidegate.mqtt.codec import Connack

_OF_A_CONNECTION = {
    "Connection",
    "Edge",
    "Tunnel",
    "_Framed",
    "ProtocolDetector",
    "Ticket",
    "_Outside",
    "Exchange",
    "Request",
    "SSLObject",
    "SSLProtocol",
    "_SSLProtocolTransport",
    "TCPTransport",
    "HttpRequestParser",
    "ServerProtocol",
    "Protocol",
    "Head",
    "Plain",
    "Encrypted",
}


@pytest.fixture(scope="module", params=[False, True], ids=["clear", "tls"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Objects are served in clear, or over TLS."""
    data = tmp_path_factory.mktemp("freed")
    with started(options(data, objects_tls=request.param, shared=ANY)) as running:
        yield running


def _tls(server: Started, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.addresses.ca)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="module")
def certificate(server: Started) -> Path:
    made = server.client("iot").create_keys_and_certificate(setAsActive=True)
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
    server.client("iot").create_policy(policyName="all", policyDocument=policy)
    server.client("iot").attach_policy(policyName="all", target=made["certificateArn"])
    path = Path(server.addresses.ca).with_name("device.pem")
    path.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    return path


def _plug(url: str) -> socket.socket:
    host, port = url.rpartition("//")[2].split(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def _asks(server: Started, url: str, path: str, certificate: Path | None = None) -> None:
    plain = _plug(url)
    plug = _tls(server, certificate).wrap_socket(plain, server_hostname="localhost") if "https" in url else plain
    with plug:
        plug.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert plug.recv(9) == b"HTTP/1.1 "


def _connects(server: Started, url: str, certificate: Path) -> None:
    with _plug(url) as plain, _tls(server, certificate).wrap_socket(plain, server_hostname="localhost") as tls:
        assert RawClient(tls).connect("lamp") == Connack()


def _tunnels(server: Started, url: str, certificate: Path) -> None:
    plain = _plug(url)
    plug = _tls(server, certificate).wrap_socket(plain, server_hostname="localhost") if "https" in url else plain
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04lamp"
    with plug:
        plug.sendall(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += plug.recv(1)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        plug.sendall(bytes([0x82, 0x80 | len(connect), 0, 0, 0, 0]) + connect)
        assert plug.recv(6) == b"\x82\x04\x20\x02\x00\x00"


def _says_nothing(_server: Started, url: str) -> None:
    _plug(url).close()


def _fails(_server: Started, url: str) -> None:
    with _plug(url) as plug, contextlib.suppress(ConnectionError):
        plug.sendall(b"no TLS at all, and no request")
        while plug.recv(100):
            pass


def _ways(server: Started, certificate: Path) -> dict[str, Callable[[], None]]:
    at = server.addresses
    assert at.shared is not None
    shared = at.shared
    return {
        "http": lambda: _asks(server, at.http, "/_tidegate/health"),
        "https": lambda: _asks(server, at.https, "/things/lamp/jobs", certificate),
        "mqtts": lambda: _connects(server, at.mqtts, certificate),
        "shared, HTTPS": lambda: _asks(server, shared, "/things/lamp/jobs", certificate),
        "shared, MQTT": lambda: _connects(server, shared, certificate),
        "objects": lambda: _asks(server, at.objects, "/"),
        "WebSocket": lambda: _tunnels(server, at.http, certificate),
        "WebSocket, TLS": lambda: _tunnels(server, at.https, certificate),
        "silent": lambda: [_says_nothing(server, url) for url in (at.http, at.https, at.mqtts, at.objects)] and None,
        "failed": lambda: [_fails(server, url) for url in (at.http, at.https, at.mqtts, shared, at.objects)] and None,
    }


_NAMES = ["http", "https", "mqtts", "shared, HTTPS", "shared, MQTT", "objects", "WebSocket", "WebSocket, TLS"]
_NAMES += ["silent", "failed"]


def _there() -> collections.Counter[str]:
    return collections.Counter(
        f"{type(each).__module__}.{type(each).__name__}"
        for each in gc.get_objects()
        if type(each).__name__ in _OF_A_CONNECTION and type(each).__module__.split(".")[0] in _OURS
    )


_OURS = {"tidegate", "uvloop", "httptools", "websockets"}


@pytest.mark.parametrize("way", _NAMES)
def test_nothing_is_left(server: Started, certificate: Path, way: str) -> None:
    use = _ways(server, certificate)[way]
    use()
    _settle(server)
    gc.collect()
    gc.disable()
    try:
        before = _there()
        for _ in range(5):
            use()
        _settle(server)
        deadline = time.monotonic() + PATIENCE
        while (left := _there() - before) and time.monotonic() < deadline:
            _settle(server)
        assert not left
    finally:
        gc.enable()


def _settle(server: Started) -> None:
    """Until no connection is left, and what was to be done after that."""

    async def gone() -> None:
        while server.running.admission.taken:  # noqa: ASYNC110 - what is waited for happens inside the server
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)

    server.on_loop(gone)
