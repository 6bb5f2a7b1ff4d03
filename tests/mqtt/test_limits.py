"""The limits table of device reference 6, each on both sides of its edge where another test has not done so."""

from __future__ import annotations

import dataclasses

import pytest

from tests.mqtt.rig import SCOPE, Device, Rig
from tidegate.mqtt import codec
from tidegate.mqtt import session as sessions
from tidegate.mqtt.codec import Connack, Disconnect, Filter, Properties, Puback, Publish, Reason, Suback, Subscribe
from tidegate.mqtt.session import Closed, Ending, Message
from tidegate.mqtt.settings import Settings


def _ending(device: Device) -> Ending:
    (closed,) = [each for each in device.rig.left if isinstance(each, Closed)][-1:]
    return closed.ending


@pytest.mark.parametrize(("level", "answer"), [(4, Connack(3)), (5, Connack(Reason.QUOTA_EXCEEDED))])
def test_one_connect_a_second_and_client_id(level: int, answer: Connack) -> None:
    rig = Rig(Settings(connect_rate=1))
    first = rig.device("lamp", level=level)
    again = rig.device("lamp", level=level)
    assert again.received() == [answer]
    assert (again.closed, first.closed) == (True, False), "the connection that is there stays"
    assert _ending(again) is Ending.THROTTLED
    assert not rig.device("other", level=level).closed
    rig.passes(1)
    assert not rig.device("lamp", level=level).closed


def test_a_hundred_publishes_may_await_their_acknowledgement() -> None:
    """Receive Maximum: what came in one piece was sent before any PUBACK could be seen."""
    device = Rig(Settings.strict()).device(level=5)
    device.received()
    device.connection.settings = dataclasses.replace(device.connection.settings, publish_rate=0)
    hundred = [Puback(number) for number in range(1, 101)]
    assert device.send(*(Publish("a", b"", 1, number) for number in range(1, 101))) == hundred
    answers = device.send(*(Publish("a", b"", 1, number) for number in range(1, 102)))
    assert answers == [*hundred, Disconnect(Reason.RECEIVE_MAXIMUM_EXCEEDED)]
    assert device.closed


@pytest.mark.parametrize("level", [4, 5])
def test_a_client_may_send_more_at_once_than_it_was_told(level: int) -> None:
    device = Rig().device(level=level)
    device.received()
    answers = device.send(*(Publish("a", b"", 1, number) for number in range(1, 301)))
    assert answers == [Puback(number) for number in range(1, 301)]


@pytest.mark.parametrize("level", [4, 5])
def test_what_was_accepted_is_acknowledged_before_the_connection_ends(level: int) -> None:
    rig = Rig()
    watcher, device = rig.device("watcher"), rig.device(level=level)
    watcher.subscribe("a")
    device.received()
    answers = device.send(Publish("a", b"1", 1, 1), Publish("a", b"2", 1, 2), Subscribe(3, (Filter("a/#/b", 0),)))
    farewell = [Disconnect(Reason.TOPIC_FILTER_INVALID)] if level == 5 else []
    assert answers == [Puback(1), Puback(2), *farewell]
    assert [payload for _, payload in watcher.publishes()] == [b"1", b"2"]
    assert device.closed


def test_a_packet_id_that_is_in_use() -> None:
    device = Rig().device(level=5)
    device.received()
    answers = device.send(Publish("a", b"", 1, 7), Publish("a", b"", 1, 7), Publish("a", b"", 0))
    assert answers == [Puback(7), Puback(7, Reason.PACKET_IDENTIFIER_IN_USE)]
    assert device.send(Publish("a", b"", 1, 7)) == [Puback(7)]


def test_a_hundred_publishes_a_second() -> None:
    rig = Rig(Settings(publish_rate=100))
    device, watcher = rig.device(), rig.device("watcher")
    watcher.subscribe("a")
    device.send(*(Publish("a", b"%d" % number) for number in range(250)))
    for expected in (100, 100, 50):
        assert len(watcher.publishes()) == expected
        device.connection.may_send_again()
        rig.broker.carry_out(device.connection, sessions.advance(device.connection, rig.now), rig.now)


def test_bytes_a_second() -> None:
    rig = Rig(Settings(publish_bytes=524_288))
    device, watcher = rig.device(), rig.device("watcher")
    watcher.subscribe("a")
    device.send(*(Publish("a", bytes(100_000)) for _ in range(10)))
    assert len(watcher.publishes()) == 6


def test_bytes_beyond_a_second_are_paid_by_further_ones() -> None:
    """What a client asks for counts as its own: of a large answer more than a second's may be meant."""
    connection = Rig(Settings(publish_bytes=524_288)).device().connection
    connection.count_in(0, 3 * 524_288 - 1, 0)
    waited = 0
    while connection.over_rate:
        connection.may_send_again()
        waited += 1
    assert (waited, connection.publish_bytes) == (2, 524_287)
    connection.may_send_again()
    assert connection.publish_bytes == 0


def test_a_hundred_messages_a_second_reach_a_client() -> None:
    rig = Rig(Settings(deliver_rate=100))
    device = rig.device()
    device.subscribe("a", "b")
    for number in range(150):
        rig.publish("a", b"%d" % number)
    rig.publish("b", b"dropped", qos=0)
    assert len(device.publishes()) == 100
    device.connection.deliver_again(rig.now)
    assert [payload for _topic, payload in device.publishes()] == [b"%d" % number for number in range(100, 150)]


def test_what_waited_comes_ten_a_second() -> None:
    rig = Rig(Settings(replay_rate=10))
    device = rig.device(clean=False)
    device.subscribe("a")
    device.lose()
    for number in range(25):
        rig.publish("a", b"%d" % number)
    device = rig.device(clean=False)
    first = [each for each in device.received() if isinstance(each, Publish)]
    assert [each.payload for each in first] == [b"%d" % number for number in range(10)]
    rig.publish("a", b"new")
    assert device.publishes() == []
    for packet in first:
        device.raw(codec.encode(Puback(packet.packet_id), 4))
    assert device.publishes() == [], "also what is new waits its turn"
    seen = []
    for _ in range(2):
        device.connection.deliver_again(rig.now)
        seen.append([payload for _topic, payload in device.publishes()])
    assert seen == [[b"%d" % number for number in range(10, 20)], [*(b"%d" % n for n in range(20, 25)), b"new"]]


def test_strict_settings_are_awss() -> None:
    strict = Settings.strict()
    assert (strict.publish_rate, strict.publish_bytes, strict.deliver_rate) == (100, 524_288, 100)
    assert (strict.replay_rate, strict.connect_rate, strict.denials_told) == (10, 1, False)


def test_retained_messages_are_bounded_in_number_and_size() -> None:
    rig = Rig(Settings(max_retained=2, max_retained_bytes=2000))
    for topic in ("a", "b", "c"):
        rig.broker.send(SCOPE, Message(topic, b"x", 0, True), rig.now)
    assert sorted(rig.broker.retained(SCOPE)) == ["a", "b"]
    rig.broker.send(SCOPE, Message("a", b"y" * 1000, 0, True), rig.now)
    assert len(rig.broker.retained(SCOPE)["a"].message.payload) == 1000
    rig.broker.send(SCOPE, Message("b", b"z" * 1000, 0, True), rig.now)
    assert rig.broker.retained(SCOPE)["b"].message.payload == b"x"
    for topic in ("a", "b"):
        rig.broker.send(SCOPE, Message(topic, b"", 0, True), rig.now)
    rig.broker.send(SCOPE, Message("c", b"z" * 1000, 0, True), rig.now)
    assert sorted(rig.broker.retained(SCOPE)) == ["c"]


@pytest.mark.parametrize("given", [604_800, 604_801, 0xFFFFFFFF])
def test_a_message_lives_a_week_at_most(given: int) -> None:
    rig = Rig()
    device, watcher = rig.device(level=5), rig.device("watcher", level=5)
    watcher.subscribe("a")
    device.send(Publish("a", b"", properties=Properties(message_expiry_interval=given)))
    (message,) = [each for each in watcher.received() if isinstance(each, Publish)]
    assert message.properties == Properties(message_expiry_interval=604_800)


@pytest.mark.parametrize(("asked", "granted"), [(0, 1200), (1, 30), (29, 30), (30, 30), (1200, 1200), (1201, 1200)])
def test_keep_alive_is_clamped_and_told(asked: int, granted: int) -> None:
    device = Rig().device(level=5, keep_alive=asked)
    (connack,) = device.received()
    assert isinstance(connack, Connack)
    assert connack.properties is not None
    assert connack.properties.server_keep_alive == granted
    assert device.connection.keep_alive == granted


@pytest.mark.parametrize(("topic", "taken"), [("a/b/c/d/e/f/g/h", True), ("a/b/c/d/e/f/g/h/i", False)])
def test_seven_slashes(topic: str, taken: bool) -> None:
    device = Rig().device()
    assert device.subscribe(topic, f"$share/g/{topic}") == ((1, 1) if taken else (0x80, 0x80))


@pytest.mark.parametrize(("topic", "taken"), [("é" * 128, True), ("é" * 128 + "a", False)])
def test_topics_have_256_bytes(topic: str, taken: bool) -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.subscribe(topic) == ((1,) if taken else (Reason.TOPIC_FILTER_INVALID,))
    assert device.send(Publish(topic, b"", 1, 1))[0] == Puback(1, 0 if taken else Reason.TOPIC_NAME_INVALID) or taken


def test_the_answer_to_a_connect_of_mqtt_5() -> None:
    """Device reference 2.7, property by property."""
    asked = Properties(session_expiry_interval=604_800)
    (connack,) = Rig().device("", level=5, properties=asked).received()
    assert isinstance(connack, Connack)
    assert connack.properties == Properties(
        session_expiry_interval=3600,
        receive_maximum=100,
        maximum_qos=1,
        retain_available=1,
        maximum_packet_size=149_504,
        topic_alias_maximum=8,
        wildcard_subscription_available=1,
        subscription_identifier_available=0,
        shared_subscription_available=1,
        server_keep_alive=60,
        assigned_client_identifier=connack.properties.assigned_client_identifier if connack.properties else None,
    )


@pytest.mark.parametrize(
    ("client_id", "level", "clean", "answer"),
    [
        ("x" * 128, 4, True, Connack(0)),
        ("x" * 129, 4, True, Connack(2)),
        ("é" * 64, 4, True, Connack(0)),
        ("é" * 65, 4, True, Connack(2)),
        ("$aws", 4, True, Connack(2)),
        ("", 4, False, Connack(2)),
        ("", 4, True, Connack(0)),
        ("a+b#", 4, True, Connack(0)),
        ("$x", 5, True, Connack(Reason.CLIENT_IDENTIFIER_NOT_VALID)),
    ],
)
def test_client_ids(client_id: str, level: int, clean: bool, answer: Connack) -> None:
    assert Rig().device(client_id, level=level, clean=clean).received() == [answer]


def test_a_user_name_is_ignored_however_long() -> None:
    device = Device(Rig())
    device.connect(codec.Connect(4, "lamp", username="?SDK=PythonV2&" + "x" * 65_000, password=b"whatever"))
    assert device.received() == [Connack(0)]


@pytest.mark.parametrize(
    ("topic", "ends"),
    [
        ("$aws/things/t/defender/metrics/json", False),
        ("$aws/things/t/defender/metrics/cbor", False),
        ("$aws/things/t/shadow/update", False),
        ("$aws/things/t/streams/s/get/cbor", False),
        ("$aws/rules/r/a/b/c", False),
        ("$aws/commands/things/t/executions/e/response/json", False),
        ("$aws/device_location/t/get_position_estimate", False),
        ("$aws/sitewise/asset-models/a/assets/b", False),
        ("$aws/certificates/create/json", False),
        ("$aws/provisioning-templates/p/provision/json", False),
        ("$aws/things/t/tunnels/notify", True),
        ("$aws/things/t/jobs/notify", True),
        ("$aws/things/t/jobs/notify-next", True),
        ("$aws/things/t/jobs/get/accepted", True),
        ("$aws/events/job/j/completed", True),
        ("$aws/unheard/of", True),
        ("$SYS/broker", True),
    ],
)
def test_foreign_families_are_tolerated_and_the_services_topics_are_not(topic: str, ends: bool) -> None:
    rig = Rig()
    watcher, device = rig.device("watcher"), rig.device()
    watcher.subscribe("$aws/#")
    device.received()
    answers = device.send(Publish(topic, b"x", 1, 1))
    assert answers == ([] if ends else [Puback(1)])
    assert device.closed is ends
    assert watcher.publishes() == [], "nothing of it reaches others"


@pytest.mark.parametrize(
    "name",
    [
        "$aws/things/t/tunnels/notify",
        "$aws/things/t/streams/s/data/cbor",
        "$aws/things/t/shadow/name/n/update/accepted",
        "$aws/things/t/defender/metrics/json/accepted",
        "$aws/commands/things/t/executions/+/request/json",
        "$aws/events/#",
    ],
)
def test_foreign_families_may_be_subscribed_to(name: str) -> None:
    device = Rig().device()
    device.received()
    assert device.send(Subscribe(1, (Filter(name, 1),))) == [Suback(1, (1,))]


def test_a_client_that_takes_fewer_at_once_than_before() -> None:
    rig = Rig()
    week = {"session_expiry_interval": 604_800}
    device = rig.device(level=5, clean=False, properties=Properties(**week, receive_maximum=10))
    device.subscribe("a")
    for number in range(12):
        rig.publish("a", b"%d" % number)
    device.lose()
    device = rig.device(level=5, clean=False, properties=Properties(**week, receive_maximum=2))
    first = [each for each in device.received() if isinstance(each, Publish)]
    assert [each.payload for each in first] == [b"0", b"1"]
    assert all(each.dup for each in first)
    for packet in first:
        device.raw(codec.encode(Puback(packet.packet_id), 5))
    seen: list[bytes] = []
    while found := device.publishes():
        seen += [payload for _topic, payload in found]
    assert seen == [b"%d" % number for number in range(2, 12)]
