"""The endpoint over real TLS sockets, driven by paho-mqtt and by raw packets; the service behind it is a fake."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pathlib
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mqtt.live import PATIENCE, Certificates, Live
from tests.mqtt.rig import SCOPE, Someone, denying
from tidegate.devices import edge
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Connack, Disconnect, Filter, Puback, Publish, Suback, Subscribe, Will
from tidegate.mqtt.session import Ending
from tidegate.mqtt.settings import Settings

P = "$aws/things/lamp/jobs"
LEVELS = [pytest.param(4, id="3.1.1"), pytest.param(5, id="5")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(pathlib.Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def live(certificates: Certificates) -> Iterator[Live]:
    running = Live(certificates)
    running.start()
    yield running
    running.stop()


def tuned(certificates: Certificates, settings: Settings) -> Live:
    running = Live(certificates, settings)
    running.start()
    return running


# -- requests and replies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_a_reply_goes_to_the_publisher_alone_subscribed_or_not(live: Live, level: int) -> None:
    context = live.device("lamp")
    with live.paho("a", context, level=level) as a, live.paho("b", context, level=level) as b:
        assert b.subscribe(f"{P}/#") == [1]
        assert a.publish(f"{P}/get", b"first") == 0
        assert a.message() == (f"{P}/get/accepted", b"first")
        assert a.subscribe(f"{P}/#", f"{P}/get/+", f"{P}/get/accepted") == [1, 1, 1]
        assert a.publish(f"{P}/get", b"second") == 0
        assert a.publish(f"{P}/$next/get", b"reject") == 0
        assert a.message() == (f"{P}/get/accepted", b"second")
        assert a.message() == (f"{P}/$next/get/rejected", b"reject")  # thus no further copy of the second
        live.publish(f"{P}/notify", b"{}")
        assert b.message() == (f"{P}/notify", b"{}")  # thus none of the replies before
        assert live.plane.requests[0][1].labels["thingName"] == "lamp"


def test_puback_comes_before_the_reply(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        assert client.connect() == Connack()
        client.send(Publish(f"{P}/start-next", b"{}", 1, 9))
        assert client.read() == Puback(9)
        assert client.read() == Publish(f"{P}/start-next/accepted", b"{}", 1, 1)


def test_replies_keep_the_order_of_requests_and_pings_overtake(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(
            Publish(f"{P}/j1/update", b"hold"), Publish(f"{P}/get", b"2"), Publish(f"{P}/x", b'{"clientToken":"t"}')
        )
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp()
        assert [live.plane.seen.get(timeout=PATIENCE).labels.get("jobId") for _ in range(2)] == ["j1", None]
        live.call(live.plane.let_go)
        assert client.read() == Publish(f"{P}/j1/update/accepted", b"held")
        assert client.read() == Publish(f"{P}/get/accepted", b"2")
        invalid = client.read()
        assert isinstance(invalid, Publish)
        assert invalid.topic == f"{P}/x/rejected"
        assert json.loads(invalid.payload) == {
            "code": "InvalidTopic",
            "message": "The topic does not map to a Jobs operation.",
            "timestamp": 1_700_000_000,
            "clientToken": "t",
        }


def test_a_failing_service_is_an_internal_error(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(Publish(f"{P}/get", b"fail"))
        reply = client.read()
        assert isinstance(reply, Publish)
        assert reply.topic == f"{P}/get/rejected"
        assert json.loads(reply.payload)["code"] == "InternalError"
    assert "the store is broken" in caplog.text


def test_a_publish_followed_at_once_by_disconnect_is_carried_out(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(Publish(f"{P}/get", b"hold", 1, 1), Disconnect())
    assert live.plane.seen.get(timeout=PATIENCE).topic == f"{P}/get"
    live.call(live.plane.let_go)


def test_connect_publish_and_disconnect_in_one_packet(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.send(codec.Connect(4, "raw"), Publish(f"{P}/get", b"x"), Disconnect())
    assert live.plane.seen.get(timeout=PATIENCE).topic == f"{P}/get"


def test_many_pipelined_requests_are_all_answered(certificates: Certificates) -> None:
    live = tuned(certificates, Settings(max_pending_requests=10, close_timeout=1))
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(*(Publish(f"{P}/get", str(number).encode()) for number in range(2000)))
        answers = [client.read() for _ in range(2000)]
    assert answers == [Publish(f"{P}/get/accepted", str(number).encode()) for number in range(2000)]
    live.stop()


def test_packets_that_are_dear_take_turns_and_none_is_lost(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each packet has a turn of the loop of its own here, also those of a client that is gone."""
    monkeypatch.setattr(edge, "_TURN_S", -1.0)
    topics = [f"t/{number}" for number in range(100)]
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(*(Publish(f"{P}/get", topic.encode()) for topic in topics))
        assert [client.read().payload for _ in topics] == [topic.encode() for topic in topics]
        client.send(*(Publish(f"{P}/get", topic.encode()) for topic in topics))
    seen = [live.plane.seen.get(timeout=PATIENCE).topic for _ in range(2 * len(topics))]
    assert seen == [f"{P}/get"] * 2 * len(topics)


def test_receive_is_needed_for_a_reply(live: Live) -> None:
    context = live.device("lamp", denying(("iot:Receive", f"topic/{P}/get/accepted")))
    with live.raw(context) as client:
        client.connect()
        client.send(Publish(f"{P}/get", b"1", 1, 1), Publish(f"{P}/start-next", b"2", 1, 2))
        assert [client.read() for _ in range(3)] == [
            Puback(1),
            Puback(2),
            Publish(f"{P}/start-next/accepted", b"2", 1, 2),
        ]


# -- who may connect --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_unknown_certificates_and_none_are_closed_without_an_answer(live: Live, level: int) -> None:
    with live.raw(live.certificates.client_context(live.certificates.issue("stranger")[0])) as client:
        assert client.connect(level=level) is None
    with live.raw(live.certificates.client_context(None)) as client:
        assert client.connect(level=level) is None


def test_connect_is_authorised_by_client_id(live: Live) -> None:
    context = live.device(
        "lamp", Someone(lambda action, resource: action != "iot:Connect" or resource == "client/lamp")
    )
    with live.paho("lamp", context) as good, live.paho("other", context) as bad:
        assert (good.code, bad.code) == (0, 0x87)  # paho's words for CONNACK 5
    with live.raw(context) as client:
        assert client.connect("other", level=5) == Connack(0x87)
        assert client.read() is None
    assert ("other", "localhost", "127.0.0.1") in live.plane.asked


def test_publishes_of_others_need_policies(live: Live) -> None:
    with live.raw(live.device("lamp", denying(("iot:Publish", "topic/no")))) as client:
        client.connect(level=5)
        client.send(Publish("no", b"", 1, 1))
        assert client.read() == Puback(1, 0x87)
        client.send(Publish("no", b""))
        assert client.read() == Disconnect(0x87)
        assert client.read() is None


def test_a_revoked_certificate_is_disconnected_at_once(live: Live) -> None:
    lamp, other = live.device("lamp"), live.device("other")
    with live.raw(lamp) as first, live.raw(other) as second:
        first.connect("first", level=5)
        second.connect("second", level=5)
        assert live.call(lambda: live.server.disconnect(live.principal("lamp"))) == 1
        assert first.read() == Disconnect(0x87)
        assert first.read() is None
        assert live.call(lambda: live.server.disconnect(lambda _id, name: name == "second", Ending.API_INITIATED)) == 1
        assert second.read() == Disconnect(0x98)


def test_refresh_asks_again(live: Live) -> None:
    context = live.device("lamp")
    with live.raw(context) as client:
        client.connect(level=5)
        live.device("lamp", denying(("iot:Publish", "topic/a")))
        before = next(iter(live.server._edges)).connection.identity
        live.call(lambda: live.server.refresh(live.principal("lamp")))
        live.until(lambda: next(iter(live.server._edges)).connection.identity is not before)
        client.send(Publish("a", b"", 1, 1))
        assert client.read() == Puback(1, 0x87)
        live.plane.known.clear()
        live.call(lambda: live.server.refresh())
        assert client.read() == Disconnect(0x87)


@pytest.mark.parametrize(("changed", "asked"), [("lamp", 2), ("other", 1)])
def test_only_who_changed_while_it_connects_is_asked_about_again(live: Live, changed: str, asked: int) -> None:
    """A fleet that is being provisioned changes certificates all the time: nobody else is kept out by that."""
    contexts = {name: live.device(name) for name in ("lamp", "other")}
    gate = live.plane.gate = asyncio.Event()
    with live.raw(contexts["lamp"]) as client, ThreadPoolExecutor(1) as beside:
        connecting = beside.submit(client.connect, "lamp")
        live.until(lambda: len(live.plane.asked) == 1)
        live.call(lambda: live.server.refresh(live.principal(changed)))
        live.call(gate.set)
        assert connecting.result() == Connack()
        assert len(live.plane.asked) == asked


def test_what_is_sent_after_a_refresh_is_judged_by_it(live: Live) -> None:
    with live.raw(live.device("lamp")) as client, live.raw(live.device("other")) as other:
        client.connect(level=5)
        other.connect("other", level=5)
        live.device("lamp", denying(("iot:Publish", "topic/a")))
        gate = live.plane.gate = asyncio.Event()
        live.call(lambda: live.server.refresh(live.principal("lamp")))
        client.send(Publish("a", b"", 1, 1))
        for _ in range(3):  # the server has every chance to answer too early
            other.send(codec.Pingreq())
            assert other.read() == codec.Pingresp()
        live.call(gate.set)
        assert client.read() == Puback(1, 0x87)
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp()


def test_whose_certificate_means_another_account_by_now_is_cut(live: Live) -> None:
    """Its session is not that account's."""
    with live.raw(live.device("lamp")) as client:
        client.connect("lamp", level=5)
        live.device("lamp", Someone(scope=("210987654321", "eu-west-1")))
        live.call(lambda: live.server.refresh(live.principal("lamp")))
        assert client.read() == Disconnect(0x87)


@pytest.mark.parametrize("known", [True, False])
def test_a_will_waits_until_it_is_known_whose_it_is(live: Live, known: bool) -> None:
    """Its certificate was revoked, and the socket dropped before the server had looked."""
    with live.raw(live.device("other")) as other:
        other.connect("other", level=5)
        other.send(Subscribe(1, (Filter("will", 1), Filter("marker", 1))))
        assert isinstance(other.read(), Suback)
        with live.raw(live.device("lamp")) as client:
            client.connect("lamp", level=5, will=Will("will", b"gone", 1))
            gate = live.plane.gate = asyncio.Event()
            if not known:
                del live.plane.known[live.principal("lamp")]
            live.call(lambda: live.server.refresh(live.principal("lamp")))
        live.until(lambda: live.server.broker.session(SCOPE, "lamp") is None)
        live.call(gate.set)
        live.until(lambda: not live.server._orphans)
        live.publish("marker", b"")
        found = other.read()
        assert isinstance(found, Publish)
        assert found.topic == ("will" if known else "marker")


def test_a_connection_ends_with_what_let_it_in(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours ahead it stands on the wheel; the last minutes are timed, and the clock may be set meanwhile."""
    wall = [1_700_000_000_000]
    monkeypatch.setattr("tidegate.mqtt.deadlines.wall_now", lambda: wall[0])
    end = wall[0] + 3_600_000
    with live.raw(live.device("lamp", _until(end))) as client, live.raw(live.device("other", _until(end))) as other:
        client.connect("lamp", level=5)
        other.connect("other", level=5)
        wall[0] = end - 30
        live.passes(1)
        live.device("other", _until(end + 3_600_000))  # it was prolonged
        live.call(lambda: live.server.refresh(live.principal("other")))
        live.until(lambda: {edge.ends_at for edge in live.server._edges} == {end, end + 3_600_000})
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp(), "not a moment early"
        wall[0] = end
        assert client.read() == Disconnect(0x87)
        other.send(codec.Pingreq())
        assert other.read() == codec.Pingresp()


def _until(instant: int) -> Someone:
    found = Someone()
    found.ends_at = instant
    return found


def test_certificates_that_nobody_knows_are_reported(live: Live) -> None:
    context = live.device("lamp")
    with live.raw(context) as client:
        client.connect(level=5)
        live.plane.known.clear()
        live.call(lambda: live.server.refresh())  # who is thrown out has not knocked
        assert client.read() == Disconnect(0x87)
    assert live.unidentified == []
    with live.raw(context) as client:
        client.connect(level=5)
    [(der, name, peer)] = live.unidentified
    assert [(hashlib.sha256(der).hexdigest(), name, peer)] == [(live.principal("lamp"), "localhost", "127.0.0.1")]


# -- the checklist of the device reference ----------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_nine_filters_disconnect(live: Live, level: int) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect(level=level)
        client.send(Subscribe(1, tuple(Filter(f"a/{number}") for number in range(9))))
        if level == 5:
            assert client.read() == Disconnect(0x97)
        assert client.read() is None


def test_multi_level_wildcards_leave_the_parent_out(live: Live) -> None:
    context = live.device("lamp")
    with live.paho("a", context) as a, live.paho("b", context, level=5) as b:
        assert a.subscribe("sensor/#") == [1]
        b.publish("sensor", b"not this")
        b.publish("sensor/x", b"this")
        assert a.message() == ("sensor/x", b"this")


@pytest.mark.parametrize("level", LEVELS)
def test_retained_messages_need_an_exact_filter(live: Live, level: int) -> None:
    context = live.device("lamp")
    with live.paho("a", context, level=level) as a, live.paho("b", context, level=level) as b:
        a.publish("state/x", b"on", retain=True)
        b.subscribe("state/#")
        b.publish("state/y", b"marker")
        assert b.message() == ("state/y", b"marker")
        b.subscribe("state/x")
        found = b.messages.get(timeout=PATIENCE)
        assert (found.topic, found.payload, found.retain) == ("state/x", b"on", True)


@pytest.mark.parametrize("level", LEVELS)
def test_a_duplicate_client_id_ends_the_older_connection(live: Live, level: int) -> None:
    context = live.device("lamp")
    with (
        live.paho("watcher", context) as watcher,
        live.paho("same", context, level=level, will=("gone", b"bye")) as old,
    ):
        watcher.subscribe("gone")
        with live.paho("same", context, level=level):
            code = old.ended.get(timeout=PATIENCE)
            assert code == (0x8E if level == 5 else 0x80)  # paho calls a closed socket an unspecified error
            assert watcher.message() == ("gone", b"bye")


@pytest.mark.parametrize("level", LEVELS)
def test_silence_for_one_and_a_half_keep_alive_ends_the_connection(live: Live, level: int) -> None:
    context = live.device("lamp")
    with live.paho("watcher", context) as watcher, live.raw(context) as client:
        watcher.subscribe("gone")
        client.connect("silent", level=level, keep_alive=30, will=Will("gone", b"bye"))
        live.passes(40)
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp()
        live.passes(44)
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp()
        live.passes(47)
        if level == 5:
            assert client.read() == Disconnect(0x8D)
        assert client.read() is None
        assert watcher.message() == ("gone", b"bye")


def test_a_late_sweep_gives_everybody_another_turn(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.connect(keep_alive=30)
        live.beat.at += 600
        live.call(live.server.sweep)
        client.send(codec.Pingreq())
        assert client.read() == codec.Pingresp()


def test_qos_2_publishes_are_not_acknowledged(live: Live) -> None:
    context = live.device("lamp")
    with live.raw(context) as client:
        client.connect()
        client.send(Publish("a", b"", 2, 1), codec.Pingreq())
        assert client.read() == codec.Pingresp()
    with live.raw(context) as client:
        client.connect(level=5)
        client.send(Publish("a", b"", 2, 1))
        assert client.read() == Disconnect(0x9B)
        assert client.read() is None


@pytest.mark.parametrize("level", LEVELS)
def test_an_offline_session_gets_exactly_the_newest_notice_and_no_replies(live: Live, level: int) -> None:
    context = live.device("lamp")
    with live.paho("lamp", context, level=level, clean=False, expiry=600) as first:
        first.subscribe(f"{P}/notify-next", f"{P}/#")
        first.publish(f"{P}/get", b"hold")
    live.call(live.plane.let_go)
    for payload in (b"1", b"2", b"3"):
        live.publish(f"{P}/notify-next", payload, newest_only=True)
    with live.paho("lamp", context, level=level, clean=False, expiry=600) as again:
        assert again.present
        assert again.message() == (f"{P}/notify-next", b"3")
        live.publish("$aws/things/lamp/jobs/notify", b"marker")
        assert again.message() == (f"{P}/notify", b"marker")


def test_sessions_end_with_the_services_clock(live: Live) -> None:
    context = live.device("lamp")
    with live.paho("lamp", context, clean=False) as first:
        first.subscribe("a")
    with live.paho("other", context) as other:  # its round trip comes after the farewell of the first
        other.publish("x")
    live.clock.advance(3_602_000)
    live.call(live.server.sweep)
    with live.paho("lamp", context, clean=False) as again:
        assert not again.present


# -- robustness -------------------------------------------------------------------------------------------------------


def test_a_client_that_never_connects_is_dropped(live: Live) -> None:
    with live.raw(live.device("lamp")) as client:
        client.tls.sendall(b"\x10")
        live.until(lambda: live.server.connection_count == 1)
        live.passes(23)
        assert client.read() is None


def test_a_slow_reader_is_dropped_and_others_go_on(certificates: Certificates) -> None:
    live = tuned(certificates, Settings(close_timeout=1))
    context = live.device("lamp")
    with live.raw(context) as slow, live.paho("quick", context) as quick:
        slow.tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect("slow")
        slow.send(Subscribe(1, (Filter("flood", 0),)))
        assert slow.read() == Suback(1, (0,))
        quick.subscribe("marker")
        payload = b"x" * 100_000
        for _ in range(200):
            live.publish("flood", payload)
        live.publish("marker", b"here")
        assert quick.message() == ("marker", b"here")
        edge = next(each for each in live.server._edges if each.connection.client_id == "slow")
        assert edge.transport is not None
        assert live.call(edge.transport.get_write_buffer_size) < 3_000_000
        live.passes(20)
        live.until(lambda: live.server.connection_count == 1)
    live.stop()


def test_garbage_closes_the_connection_and_harms_nobody(live: Live) -> None:
    context = live.device("lamp")
    with live.paho("other", context) as other:
        with live.raw(context) as client:
            client.tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.read() is None
        with live.raw(context) as client:
            client.connect(level=5)
            client.tls.sendall(b"\x30\xff\xff\xff\x7f")  # announces 256 MiB
            assert client.read() == Disconnect(0x95)
            assert client.read() is None
        assert other.publish("a") == 0


def test_a_reset_connection_publishes_its_will(live: Live) -> None:
    context = live.device("lamp")
    with live.paho("watcher", context) as watcher:
        watcher.subscribe("gone")
        with live.raw(context) as client:
            client.connect(will=Will("gone", b"bye"))
            client.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert watcher.message() == ("gone", b"bye")


def test_a_rate_limit_delays_but_loses_nothing(certificates: Certificates) -> None:
    live = tuned(certificates, Settings(publish_rate=10, close_timeout=1))
    with live.raw(live.device("lamp")) as client:
        client.connect()
        client.send(*(Publish(f"{P}/get", str(number).encode()) for number in range(10)))
        client.send(Publish(f"{P}/get", b"later"))
        for number in range(10):
            assert client.read() == Publish(f"{P}/get/accepted", str(number).encode())
        live.passes(1)
        assert client.read() == Publish(f"{P}/get/accepted", b"later")
    live.stop()


def test_draining_answers_what_is_under_way_and_takes_leave(certificates: Certificates) -> None:
    live = tuned(certificates, Settings(close_timeout=1))
    context = live.device("lamp")
    with live.raw(context) as client:
        client.connect(level=5)
        client.send(Publish(f"{P}/get", b"hold", 1, 1))
        assert client.read() == Puback(1)
        draining = live.start_draining()
        live.until(lambda: live.server.draining)
        live.call(live.plane.let_go)
        assert client.read() == Publish(f"{P}/get/accepted", b"held", 1, 1)
        assert client.read() == Disconnect(0x8B)
        assert client.read() is None
    draining.result(PATIENCE)
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", live.port), PATIENCE)
    live.stop()


def test_interest_and_reserved_topics(live: Live) -> None:
    with live.paho("lamp", live.device("lamp")) as client:
        client.subscribe(f"{P}/notify-next")
        assert live.call(lambda: live.server.watches(SCOPE, "lamp"))
        assert not live.call(lambda: live.server.watches(SCOPE, "other"))
        assert live.call(lambda: live.server.wanted(SCOPE, f"{P}/notify-next"))
        client.publish("$aws/things/lamp/shadow/update", b"{}")
        assert [(claim.topic, payload) for _who, claim, payload in live.plane.requests] == [
            ("$aws/things/lamp/shadow/update", b"{}")
        ]
    live.until(lambda: live.server.connection_count == 0)
    assert live.interest == [("lamp", True), ("lamp", False)]
