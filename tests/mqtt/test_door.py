"""Strangers cost little, and a storm of reconnections is absorbed: over real sockets, on loopback, in small numbers."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.mqtt.live import PATIENCE, Certificates, Live
from tidegate.mqtt.codec import Connack
from tidegate.mqtt.settings import Settings


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(pathlib.Path(tmp_path_factory.mktemp("certificates")))


@contextlib.contextmanager
def _live(certificates: Certificates, settings: Settings) -> Iterator[Live]:
    live = Live(certificates, settings)
    live.start()
    try:
        yield live
    finally:
        live.stop()


def _bare(live: Live, stack: contextlib.ExitStack) -> socket.socket:
    """A connection that says nothing."""
    return stack.enter_context(socket.create_connection(("127.0.0.1", live.port), PATIENCE))


def _closed(plain: socket.socket) -> bool:
    """Whether the far end closes it."""
    try:
        return plain.recv(1) == b""
    except ConnectionResetError:
        return True


def test_silent_strangers_keep_their_address_waiting_and_lose_their_place(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=2, handshake_timeout=0.2, close_timeout=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        silent = [_bare(live, stack) for _ in range(2)]
        # The third waits without a handshake until the first two are given up.
        with live.raw(context) as client:
            assert client.connect("lamp") == Connack()
        assert all(_closed(each) for each in silent)
        live.until(lambda: live.server.connections == 0)


def test_too_many_waiting_are_sent_away(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=1, waiting=1, handshake_timeout=PATIENCE, close_timeout=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        first, _waits, third = (_bare(live, stack) for _ in range(3))
        assert _closed(third)
        first.close()


def test_who_is_known_counts_no_more(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=1, strangers=1, close_timeout=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        for number in range(10):
            client = stack.enter_context(live.raw(context))
            assert client.connect(f"lamp-{number}") == Connack()
        live.until(lambda: live.server.connections == 10)


def test_a_storm_is_absorbed(certificates: Certificates) -> None:
    """Far more at once than may be strangers; all of them get in."""
    settings = Settings(strangers_per_address=3, strangers=4, close_timeout=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        plain = [_bare(live, stack) for _ in range(40)]
        for number, each in enumerate(plain):
            tls = stack.enter_context(context.wrap_socket(each, server_hostname="localhost"))
            tls.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" + b"%04d" % number)
            assert tls.recv(4) == b"\x20\x02\x00\x00"
        live.until(lambda: live.server.connections == 40)


def test_strangers_without_a_certificate_make_room(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=1, strangers=1, close_timeout=1)
    with _live(certificates, settings) as live:
        for _ in range(3):
            with live.raw(certificates.client_context(None)) as client:
                assert client.connect("nobody") is None
        with live.raw(live.device("lamp")) as client:
            assert client.connect("lamp") == Connack()


def test_garbage_instead_of_tls_makes_room(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=1, strangers=1, close_timeout=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        for _ in range(3):
            plain = _bare(live, stack)
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while plain_data := _receive(plain):
                assert plain_data
        with live.raw(live.device("lamp")) as client:
            assert client.connect("lamp") == Connack()


def _receive(plain: socket.socket) -> bytes:
    try:
        return plain.recv(1024)
    except ConnectionResetError:
        return b""


def test_connections_per_address(certificates: Certificates) -> None:
    settings = Settings(max_connections_per_address=2, close_timeout=1)
    with _live(certificates, settings) as live:
        context = live.device("lamp")
        with live.raw(context) as first, live.raw(context) as second:
            assert (first.connect("a"), second.connect("b")) == (Connack(), Connack())
            with contextlib.suppress(OSError), live.raw(context) as third:
                assert third.connect("c") is None
            first.tls.close()
            live.until(lambda: live.server.connections == 1)
            with live.raw(context) as fourth:
                assert fourth.connect("d") == Connack()


def test_stopping_with_strangers_at_the_door(certificates: Certificates) -> None:
    settings = Settings(strangers_per_address=1, close_timeout=1)
    with contextlib.ExitStack() as stack:
        with _live(certificates, settings) as live:
            bare = [_bare(live, stack) for _ in range(3)]
            live.until(lambda: True)
        assert all(_closed(each) for each in bare)


def test_nagle_is_off(certificates: Certificates) -> None:
    with _live(certificates, Settings(close_timeout=1)) as live, live.raw(live.device("lamp")) as client:
        client.connect("lamp")
        (edge,) = live.server._edges
        assert edge.transport is not None
        plain = edge.transport.get_extra_info("socket")
        assert live.call(lambda: plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_tls_1_2_and_1_3(certificates: Certificates) -> None:
    with _live(certificates, Settings(close_timeout=1)) as live:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = live.device("lamp")
            context.minimum_version = context.maximum_version = version
            with live.raw(context) as client:
                assert client.connect("lamp") == Connack()
