"""When room is short those who rest go first, and operators have room of their own."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mqtt.live import PATIENCE, RawClient
from tests.servers import Started, options, started
from tidegate.mqtt.codec import Connack
from tidegate.net import room
from tidegate.net.admission import Limits
from tidegate.net.room import Room

GET = b"GET /_tidegate/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    limits = Limits(room=Room(6, 2), grace_s=PATIENCE)
    with started(options(tmp_path_factory.mktemp("room"), admission=limits)) as running:
        yield running


def _plug(url: str) -> socket.socket:
    host, port = url.rpartition("//")[2].split(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def _closed(plug: socket.socket) -> bool:
    try:
        return plug.recv(1) == b""
    except ConnectionResetError:
        return True


def _ask(plug: socket.socket) -> None:
    plug.sendall(GET)
    answer = b""
    while not answer.endswith(b"}"):
        piece = plug.recv(1000)
        assert piece
        answer += piece


def _settle(server: Started) -> None:
    async def none_left() -> bool:
        return server.running.admission.taken == 0

    while not server.on_loop(none_left):
        pass


def test_the_one_that_has_rested_longest_goes(server: Started) -> None:
    with contextlib.ExitStack() as stack:
        resting = [stack.enter_context(_plug(server.addresses.http)) for _ in range(6)]
        for each in resting:
            _ask(each)
        newcomer = stack.enter_context(_plug(server.addresses.http))
        _ask(newcomer)
        assert _closed(resting[0])
        seen = server.running.admission.seen()
        assert {reason for listener, reason, _ in seen.sent_away if listener == "http"} == {"idle"}
    _settle(server)


def test_devices_cannot_use_up_what_is_kept_for_operators(server: Started) -> None:
    context = ssl.create_default_context(cafile=server.addresses.ca)
    with contextlib.ExitStack() as stack:
        # Through TLS, so that they are no bare sockets that could go, and too young to be sent away.
        for _ in range(4):
            plain = stack.enter_context(_plug(server.addresses.https))
            tls = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            tls.sendall(b"GET /things/lamp/jobs HTTP/1.1\r\n")
        status, _, _ = server.fetch("/_tidegate/health")
        assert status == 200
    _settle(server)


def _let_in(context: ssl.SSLContext, url: str) -> ssl.SSLSocket:
    """Through TLS, in as many tries as it takes: until it has said who it is a device may go like any other."""
    for _ in range(20):
        with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
            return context.wrap_socket(_plug(url), server_hostname="localhost")
    raise AssertionError("never let in")


def test_a_known_device_stays_while_others_flood(server: Started) -> None:
    iot = server.client("iot")
    made = iot.create_keys_and_certificate(setAsActive=True)
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
    iot.create_policy(policyName="all", policyDocument=policy)
    iot.attach_policy(policyName="all", target=made["certificateArn"])
    iot.close()
    path = Path(server.addresses.ca).with_name("lamp.pem")
    path.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    context = ssl.create_default_context(cafile=server.addresses.ca)
    context.load_cert_chain(path)
    with contextlib.ExitStack() as stack:
        for listener in (server.addresses.mqtts, server.addresses.https, server.addresses.objects):
            for _ in range(10):
                stack.enter_context(_plug(listener))
        client = RawClient(stack.enter_context(_let_in(context, server.addresses.mqtts)))
        assert client.connect("lamp") == Connack()
        for listener in (server.addresses.mqtts, server.addresses.https, server.addresses.objects):
            for _ in range(10):
                stack.enter_context(_plug(listener))
        client.tls.sendall(b"\xc0\x00")
        assert client.tls.recv(2) == b"\xd0\x00"
        status, _, _ = server.fetch("/metrics")
        assert status == 200
    _settle(server)


def test_metrics_tell_who_was_sent_away(server: Started) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(_plug(server.addresses.mqtts))
        plug = stack.enter_context(_plug(server.addresses.https))
        plug.sendall(GET)
        while plug.recv(100):
            pass
        _, _, text = server.fetch("/metrics")
    assert b'tidegate_connections_sent_away_total{listener="mqtts",reason="silent"}' in text
    assert b'tidegate_tls_failures_total{listener="https",reason="not-tls"} 1.0' in text
    assert b'tidegate_unidentified_connections{state="silent"}' in text
    _settle(server)


def test_the_limit_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
        assert room.raise_limit() == room.limit() == (hard if hard != resource.RLIM_INFINITY else room.limit())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(64, Room(32, 16)), (256, Room(192, 16)), (1024, Room(896, 28)), (20_000, Room(18_976, 256))],
)
def test_what_is_kept_back(limit: int, expected: Room) -> None:
    assert room.room(limit) == expected
