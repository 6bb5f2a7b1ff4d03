"""Presence and subscription events (device reference 7.4), over real sockets with a fake service behind."""

from __future__ import annotations

import asyncio
import json
import pathlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from tests.mqtt.live import Beat, Certificates, FakePlane, Live, PahoClient
from tests.mqtt.rig import SCOPE, Someone, denying
from tidegate.clock import MovableClock, SequentialIds
from tidegate.devices import clients
from tidegate.devices.observer import Connectivity
from tidegate.devices.plane import Signer
from tidegate.devices.server import Server
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Connack, Disconnect, Filter, Subscribe, Will
from tidegate.mqtt.session import Ending
from tidegate.mqtt.settings import Settings

NOW = 1_700_000_000_000


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(pathlib.Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def live(certificates: Certificates) -> Iterator[Live]:
    running = Live(certificates)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def watcher(live: Live) -> Iterator[PahoClient]:
    with live.paho("watcher", live.device("watcher")) as watcher:
        watcher.subscribe("$aws/events/presence/+/lamp", "$aws/events/subscriptions/+/lamp", "fence")
        yield watcher


def _event(watcher: PahoClient) -> tuple[str, dict[str, Any]]:
    topic, payload = watcher.message()
    return topic.removeprefix("$aws/events/"), json.loads(payload)


def test_the_life_of_a_connection(live: Live, watcher: PahoClient) -> None:
    context = live.device("lamp")
    with live.raw(context) as client:
        assert client.connect("lamp") == Connack()
        client.send(Subscribe(1, (Filter("a/#", 1), Filter("b", 0), Filter("c" * 257, 1))))
        assert client.read() == codec.Suback(1, (1, 0, 0x80))
        client.send(codec.Unsubscribe(2, ("b", "never")))
        assert client.read() == codec.Unsuback(2)
        live.clock.advance(5000)
        client.send(Disconnect())
        assert client.read() is None
    topic, connected = _event(watcher)
    assert topic == "presence/connected/lamp"
    session = connected.pop("sessionIdentifier")
    head = {"clientId": "lamp", "principalIdentifier": live.principal("lamp")}
    assert connected == head | {
        "timestamp": NOW,
        "eventType": "connected",
        "ipAddress": "127.0.0.1",
        "versionNumber": 0,
    }
    assert _event(watcher) == (
        "subscriptions/subscribed/lamp",
        head | {"timestamp": NOW, "eventType": "subscribed", "sessionIdentifier": session, "topics": ["a/#", "b"]},
    )
    assert _event(watcher) == (
        "subscriptions/unsubscribed/lamp",
        head | {"timestamp": NOW, "eventType": "unsubscribed", "sessionIdentifier": session, "topics": ["b"]},
    )
    assert _event(watcher) == (
        "presence/disconnected/lamp",
        head
        | {
            "timestamp": NOW + 5000,
            "eventType": "disconnected",
            "sessionIdentifier": session,
            "versionNumber": 0,
            "clientInitiatedDisconnect": True,
            "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        },
    )


def _lost(live: Live, client: Any) -> None:
    client.tls.close()


def _keep_alive(live: Live, client: Any) -> None:
    live.passes(60)


def _error(live: Live, client: Any) -> None:
    client.send(codec.Connect(4, "lamp"))


def _deleted(live: Live, client: Any) -> None:
    assert live.call(lambda: clients.delete(live.server, SCOPE, "lamp"))


def _revoked(live: Live, client: Any) -> None:
    live.call(lambda: live.server.disconnect(live.principal("lamp")))


def _forbidden(live: Live, client: Any) -> None:
    client.send(codec.Publish("forbidden", b"x"))


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (_lost, "CONNECTION_LOST"),
        (_keep_alive, "MQTT_KEEP_ALIVE_TIMEOUT"),
        (_error, "CLIENT_ERROR"),
        (_deleted, "API_INITIATED_DISCONNECT"),
        (_revoked, "AUTH_ERROR"),
        (_forbidden, "FORBIDDEN_ACCESS"),
    ],
)
def test_why_a_client_left(live: Live, watcher: PahoClient, end: Any, reason: str) -> None:
    context = live.device("lamp", denying(("iot:Publish", "topic/forbidden")))
    with live.raw(context) as client:
        client.connect("lamp", keep_alive=30)
        assert _event(watcher)[0] == "presence/connected/lamp"
        end(live, client)
        topic, event = _event(watcher)
    assert topic == "presence/disconnected/lamp"
    assert event["disconnectReason"] == reason
    assert event["clientInitiatedDisconnect"] is False


def test_a_takeover_is_told_in_order_and_versions_rise(live: Live, watcher: PahoClient) -> None:
    context = live.device("lamp")
    with live.raw(context) as first, live.raw(context) as second:
        first.connect("lamp")
        second.connect("lamp")
        told = [_event(watcher) for _ in range(3)]
    assert [(topic.split("/")[1], event["versionNumber"]) for topic, event in told] == [
        ("connected", 0),
        ("disconnected", 0),
        ("connected", 1),
    ]
    assert told[1][1]["disconnectReason"] == "DUPLICATE_CLIENTID"
    assert told[0][1]["sessionIdentifier"] == told[1][1]["sessionIdentifier"] != told[2][1]["sessionIdentifier"]
    assert _event(watcher)[1]["versionNumber"] == 1
    live.clock.advance(3_602_000)
    live.passes(1)
    with live.raw(context) as again:
        again.connect("lamp")
        assert _event(watcher)[1]["versionNumber"] == 0, "an hour away and the count begins anew"


@pytest.mark.parametrize("denied", [("iot:Connect", "client/lamp"), ("iot:Publish", "topic/will")])
def test_a_connect_that_is_not_allowed(live: Live, watcher: PahoClient, denied: tuple[str, str]) -> None:
    with live.raw(live.device("lamp", denying(denied))) as client:
        assert client.connect("lamp", will=Will("will", b"x")) == Connack(5)
    topic, event = _event(watcher)
    assert topic == "presence/connect_failed/lamp"
    assert event.pop("sessionIdentifier")
    assert event == {
        "clientId": "lamp",
        "timestamp": NOW,
        "eventType": "connect_failed",
        "principalIdentifier": live.principal("lamp"),
        "ipAddress": "127.0.0.1",
        "connectFailureReason": "AUTHORIZATION_FAILED",
    }


def test_an_exclusive_thing_is_named(live: Live, watcher: PahoClient) -> None:
    someone = Someone()
    someone.exclusive_thing = "pump"
    with live.raw(live.device("lamp", someone)) as client:
        client.connect("lamp")
        assert _event(watcher)[1]["thingName"] == "pump"


@pytest.mark.parametrize("client_id", ["a+b", "a#"])
def test_client_ids_with_wildcards_get_no_events(live: Live, client_id: str) -> None:
    with live.paho("watcher", live.device("watcher")) as watcher, live.raw(live.device("lamp")) as client:
        watcher.subscribe("$aws/events/presence/#", "fence")
        assert client.connect(client_id) == Connack()
        live.publish("fence", b"here")
        assert watcher.message() == ("fence", b"here")


def test_nobody_may_publish_such_events(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect("lamp", level=5)
        client.send(codec.Publish("$aws/events/presence/connected/lamp", b"{}", 1, 1))
        assert client.read() == codec.Puback(1, codec.Reason.NOT_AUTHORIZED)


def test_connectivity_is_recorded(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect("lamp")
        client.send(Disconnect())
        assert client.read() is None
    principal = live.principal("lamp")
    came = live.connectivity[0].session
    assert (came.client_id, came.clean_session, came.session_expiry) == ("lamp", True, 0)
    assert (came.source_ip, came.target_ip) == ("127.0.0.1", "127.0.0.1")
    assert live.connectivity == [
        Connectivity(SCOPE, "lamp", None, principal, True, NOW, session=came),
        Connectivity(SCOPE, "lamp", None, principal, False, NOW, "CLIENT_INITIATED_DISCONNECT"),
    ]


def test_a_connection_can_be_described_and_deleted(live: Live) -> None:
    described = lambda: live.call(lambda: clients.describe(live.server, SCOPE, "lamp"))  # noqa: E731
    assert described() is None
    assert not live.call(lambda: clients.delete(live.server, SCOPE, "lamp"))
    context = live.device("lamp")
    with live.paho("watcher", live.device("watcher")) as watcher, live.raw(context) as client:
        watcher.subscribe("will")
        client.connect("lamp", clean_start=False, keep_alive=60, will=Will("will", b"gone"))
        client.send(Subscribe(1, (Filter("b", 1), Filter("a/+", 0))))
        assert client.read() == codec.Suback(1, (1, 0))
        found = described()
        assert (found.connected, found.clean_session, found.keep_alive, found.session_expiry) == (True, False, 60, 3600)
        assert found.connected_since == NOW
        assert found.source == client.tls.getsockname()
        assert found.target == client.tls.getpeername()
        assert live.call(lambda: clients.subscriptions(live.server, SCOPE, "lamp")) == [("a/+", 0), ("b", 1)]
        assert live.call(lambda: clients.delete(live.server, SCOPE, "lamp", prevent_will=True))
        assert client.read() is None
        gone = described()
        assert (gone.connected, gone.disconnect_reason) == (False, Ending.API_INITIATED)
        assert gone.disconnected_since == NOW
        assert live.call(lambda: clients.delete(live.server, SCOPE, "lamp", clean_session=True))
        assert live.call(lambda: clients.subscriptions(live.server, SCOPE, "lamp")) is None
        live.publish("will", b"fence")
        assert watcher.message() == ("will", b"fence")


def test_a_client_that_does_not_read_is_told_why(certificates: Certificates) -> None:
    live = Live(certificates, Settings(close_timeout=1))
    live.start()
    context = live.device("lamp")
    with live.paho("watcher", live.device("watcher")) as watcher, live.raw(context) as slow:
        watcher.subscribe("$aws/events/presence/disconnected/lamp")
        slow.tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect("lamp")
        slow.send(Subscribe(1, (Filter("flood", 0),)))
        assert slow.read() == codec.Suback(1, (0,))
        for _ in range(200):
            live.publish("flood", b"x" * 100_000)
        live.passes(20)
        assert _event(watcher)[1]["disconnectReason"] == "THROTTLED"
    live.stop()


def test_a_websocket_lives_for_a_day() -> None:
    """Its tunnel has no socket here: only its end is looked at."""

    async def story() -> None:
        beat = Beat()
        server = Server(FakePlane(), clock=MovableClock(NOW), ids=SequentialIds(), beat=beat)
        tunnel = server.tunnel(Signer("user", SCOPE))
        written: list[bytes] = []
        transport = _Wire(written)
        tunnel.connection_made(transport)
        connect = codec.encode(codec.Connect(5, "lamp", keep_alive=1200), 5)
        tunnel.data_received(Frame(Opcode.BINARY, connect).serialize(mask=True, extensions=[]))
        for _ in range(20):
            await asyncio.sleep(0)
        written.clear()
        beat.at += 86_399
        tunnel.edge.heard = int(beat.at)
        server.sweep()
        await asyncio.sleep(0)
        assert written == []
        beat.at += 3
        server.sweep()
        for _ in range(20):
            await asyncio.sleep(0)
        assert transport.is_closing()
        assert b"".join(written).startswith(b"\x82\x03\xe0\x01\x98"), "DISCONNECT, administrative action"
        presence = server.lifecycle.presence(SCOPE, "lamp")
        assert presence is not None
        assert presence.reason == "WEBSOCKET_TTL_EXPIRATION"
        tunnel.connection_lost(None)
        await server.drain(0)

    asyncio.run(story())


class _Wire(asyncio.Transport):
    def __init__(self, written: list[bytes]) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self._written = written
        self._closing = False

    def write(self, data: Any) -> None:
        if data:
            self._written.append(bytes(data))

    def close(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def pause_reading(self) -> None:
        """Nobody reads."""

    def resume_reading(self) -> None:
        """Nobody reads."""
