"""Clients, sessions and the broker, told in bytes and without sockets."""

from __future__ import annotations

import pytest

from tests.mqtt.rig import SCOPE, Device, Rig, Someone, denying
from tidegate.devices.table import TABLE
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Connack, Disconnect, Filter, Properties, Puback, Publish, Reason, Subscribe, Will
from tidegate.mqtt.session import Closed, Ending, Identify, Message, Request
from tidegate.mqtt.settings import Settings

P = "$aws/things/lamp/jobs"


def closed(rig: Rig) -> Closed:
    """The last ending the broker reported."""
    return next(each for each in reversed(rig.left) if isinstance(each, Closed))


# -- CONNECT ----------------------------------------------------------------------------------------------------------


def test_an_ordinary_connect_is_accepted() -> None:
    assert Rig().device().received() == [Connack(0, False)]


def test_level_3_is_treated_like_3_1_1() -> None:
    device = Rig().device(level=3)
    assert device.received() == [Connack(0, False)]
    assert device.send(codec.Pingreq()) == [codec.Pingresp()]


@pytest.mark.parametrize(("wanted", "granted"), [(0, 1200), (1, 30), (29, 30), (30, 30), (600, 600), (1201, 1200)])
def test_keep_alive_is_clamped_and_told(wanted: int, granted: int) -> None:
    device = Rig().device(level=5, keep_alive=wanted)
    connack = device.received()[0]
    assert isinstance(connack, Connack)
    assert connack.properties is not None
    assert connack.properties.server_keep_alive == granted
    assert device.connection.keep_alive == granted


def test_connack_properties() -> None:
    asked = Properties(session_expiry_interval=1_000_000, user_property=(("a", "b"),))
    assert Rig().device("", level=5, properties=asked).received() == [
        Connack(
            0,
            False,
            Properties(
                session_expiry_interval=3600,
                assigned_client_identifier="00000000-0000-0000-0000-000000000001",
                server_keep_alive=60,
                receive_maximum=100,
                topic_alias_maximum=8,
                maximum_qos=1,
                retain_available=1,
                maximum_packet_size=149_504,
                wildcard_subscription_available=1,
                subscription_identifier_available=0,
                shared_subscription_available=1,
            ),
        )
    ]


@pytest.mark.parametrize(
    ("client_id", "clean", "v3", "v5"),
    [
        ("$lamp", True, 2, 0x85),
        ("x" * 129, True, 2, 0x85),
        ("é" * 65, True, 2, 0x85),
        ("", False, 2, 0),
        ("", True, 0, 0),
        ("x" * 128, True, 0, 0),
        ("a+#", True, 0, 0),
    ],
)
def test_client_ids(client_id: str, clean: bool, v3: int, v5: int) -> None:
    for level, code in ((4, v3), (5, v5)):
        device = Rig().device(client_id, clean=clean, level=level)
        connack = device.received()[0]
        assert isinstance(connack, Connack)
        assert connack.code == code
        assert device.closed is (code != 0)


def test_connect_denied_by_policy() -> None:
    nobody = denying(("iot:Connect", "client/lamp"))
    assert Rig().device(identity=nobody).received() == [Connack(5)]
    assert Rig().device(level=5, identity=nobody).received() == [Connack(0x87)]
    strict = Rig(Settings(denials_told=False))
    silent = strict.device(identity=nobody)
    assert silent.received() == []
    assert silent.closed
    assert closed(strict).ending is Ending.AUTH_ERROR
    assert strict.device(level=5, identity=nobody).received() == [Connack(0x87)]


@pytest.mark.parametrize(
    ("will", "v3", "v5"),
    [
        (Will("a/+", b""), None, 0x90),
        (Will(f"{P}/notify", b""), None, 0x90),
        (Will(f"{P}/nonsense", b""), None, 0x90),
        (Will("a", b"", 2), None, 0x9B),
        (Will("forbidden", b""), 5, 0x87),
        (Will("kept", b"", 1, True), 5, 0x87),
        (Will("a", b"", 1, True), 0, 0),
    ],
)
def test_wills_are_checked_at_connect(will: Will, v3: int | None, v5: int) -> None:
    policy = denying(("iot:Publish", "topic/forbidden"), ("iot:RetainPublish", "topic/kept"))
    for level, code in ((4, v3), (5, v5)):
        device = Rig().device(level=level, will=will, identity=policy)
        answers = device.received()
        assert [each.code for each in answers if isinstance(each, Connack)] == ([] if code is None else [code])
        assert device.closed is (code != 0)


def test_enhanced_authentication_is_refused() -> None:
    device = Rig().device(level=5, properties=Properties(authentication_method="x"))
    assert device.received() == [Connack(Reason.BAD_AUTHENTICATION_METHOD)]


def test_an_unknown_protocol_level_is_told_so() -> None:
    device = Device(Rig())
    device.raw(bytes.fromhex("100d00044d515454 06 02003c000161"))
    assert device.received() == [Connack(1)]
    assert device.closed


@pytest.mark.parametrize("first", [codec.Pingreq(), Publish("a"), Disconnect()])
def test_anything_before_connect_closes_in_silence(first: codec.Packet) -> None:
    device = Device(Rig())
    assert device.send(first) == []
    assert device.closed


def test_a_second_connect_is_an_error() -> None:
    rig = Rig()
    device = rig.device(level=5)
    device.received()
    assert device.send(codec.Connect(5, "lamp")) == [Disconnect(Reason.PROTOCOL_ERROR)]
    assert closed(rig).ending is Ending.CLIENT_ERROR


@pytest.mark.parametrize(
    ("level", "clean", "expiry", "will", "told"),
    [
        (4, True, None, None, (False, None)),
        (4, False, None, None, (True, None)),
        (4, True, None, Will("gone", b"bye"), (False, "gone")),
        (5, True, None, None, (False, None)),
        (5, True, 0, None, (False, None)),
        (5, True, 60, None, (True, None)),
        (5, False, None, Will("gone", b"bye"), (True, "gone")),
    ],
)
def test_policies_are_told_how_a_client_connects(
    level: int, clean: bool, expiry: int | None, will: Will | None, told: tuple[bool, str | None]
) -> None:
    someone = Someone()
    properties = None if expiry is None else Properties(session_expiry_interval=expiry)
    Rig().device(level=level, clean=clean, properties=properties, will=will, identity=someone)
    assert someone.connected == told


def test_packets_sent_before_connack_are_handled_after_it() -> None:
    rig = Rig()
    device = Device(rig)
    device.raw(codec.encode(codec.Connect(4, "lamp"), 4) + codec.encode(codec.Pingreq(), 4))
    assert [type(each) for each in device.effects] == [Identify]
    assert device.received() == []
    device.identified(Someone())
    assert device.received() == [Connack(), codec.Pingresp()]


# -- takeover, sessions -----------------------------------------------------------------------------------------------


def test_a_newcomer_takes_the_client_id_over() -> None:
    rig = Rig()
    watcher = rig.device("watcher")
    watcher.subscribe("gone")
    old = rig.device(level=5, will=Will("gone", b"bye", 1))
    old.received()
    new = rig.device()
    assert old.received() == [Disconnect(Reason.SESSION_TAKEN_OVER)]
    assert old.closed
    assert closed(rig).ending is Ending.DUPLICATE_CLIENT_ID
    assert new.received() == [Connack()]
    assert watcher.publishes() == [("gone", b"bye")]


def test_client_ids_of_different_scopes_do_not_meet() -> None:
    rig = Rig()
    here = rig.device()
    here.subscribe("a", "b")
    there = rig.device(identity=Someone(scope=("123456789012", "us-east-1")))
    there.subscribe("a")
    there.send(Publish("b", b"x"))
    rig.publish("a")
    assert not here.closed
    assert here.publishes() == [("a", b"x")]
    assert there.publishes() == []


def test_a_persistent_session_keeps_qos_1_messages() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe("one", options=1)
    device.subscribe("zero", options=0)
    device.lose()
    rig.publish("one", b"1")
    rig.publish("zero", b"2")
    rig.publish("one", b"3", qos=0)
    rig.publish("one", b"4")
    again = rig.device(clean=False)
    connack, *messages = again.received()
    assert connack == Connack(0, True)
    assert [(each.payload, each.qos, each.dup) for each in messages if isinstance(each, Publish)] == [
        (b"1", 1, False),
        (b"4", 1, False),
    ]


def test_a_clean_session_keeps_nothing() -> None:
    rig = Rig()
    device = rig.device()
    device.subscribe("one")
    device.lose()
    rig.publish("one")
    assert rig.broker.session(SCOPE, "lamp") is None
    assert not rig.broker.wanted(SCOPE, "one")
    assert rig.device(clean=False).received() == [Connack(0, False)]


def test_sessions_expire_after_an_hour_and_not_before() -> None:
    rig = Rig()
    rig.device(clean=False).lose()
    rig.passes(3599)
    again = rig.device(clean=False)
    assert again.received() == [Connack(0, True)]
    rig.passes(4000)
    assert rig.broker.session(SCOPE, "lamp") is not None
    again.lose()
    rig.passes(3602)
    assert rig.device(clean=False).received() == [Connack(0, False)]


def test_clean_start_ends_an_earlier_session() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe("one")
    device.lose()
    assert rig.device().received() == [Connack(0, False)]
    assert not rig.broker.wanted(SCOPE, "one")


def test_mqtt_3_and_5_sessions_are_not_interchangeable() -> None:
    rig = Rig()
    rig.device(clean=False).lose()
    v5 = rig.device(clean=False, level=5, properties=Properties(session_expiry_interval=100))
    connack = v5.received()[0]
    assert isinstance(connack, Connack)
    assert not connack.session_present


@pytest.mark.parametrize(
    ("at_connect", "at_disconnect", "kept"), [(100, None, True), (100, 0, False), (100, 50, True), (0, None, False)]
)
def test_disconnect_may_change_the_session_expiry(at_connect: int, at_disconnect: int | None, kept: bool) -> None:
    rig = Rig()
    device = rig.device(level=5, clean=False, properties=Properties(session_expiry_interval=at_connect))
    device.received()
    properties = None if at_disconnect is None else Properties(session_expiry_interval=at_disconnect)
    assert device.send(Disconnect(0, properties)) == []
    assert (rig.broker.session(SCOPE, "lamp") is not None) is kept
    rig.passes(52)
    assert (rig.broker.session(SCOPE, "lamp") is not None) is (kept and at_disconnect != 50)


def test_disconnect_must_not_give_a_session_a_life_it_had_not() -> None:
    device = Rig().device(level=5)
    device.received()
    answer = device.send(Disconnect(0, Properties(session_expiry_interval=10)))
    assert answer == [Disconnect(Reason.PROTOCOL_ERROR)]


def test_unacknowledged_messages_are_sent_again_with_dup() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe("one")
    rig.publish("one", b"1")
    rig.publish("one", b"2")
    first, second = device.received()
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    device.send(Puback(first.packet_id))
    device.lose()
    connack, resent = rig.device(clean=False).received()
    assert connack == Connack(0, True)
    assert resent == Publish("one", b"2", 1, second.packet_id, False, True)


def test_offline_only_the_newest_snapshot_waits() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe(f"{P}/notify", f"{P}/notify-next", "other")
    rig.publish(f"{P}/notify-next", b"in flight", newest_only=True)
    device.received()
    device.lose()
    for payload in (b"1", b"2", b"3"):
        rig.publish(f"{P}/notify-next", payload, newest_only=True)
        rig.publish("other", payload)
    sent = [(each.topic, each.payload) for each in rig.device(clean=False).received() if isinstance(each, Publish)]
    assert sent == [("other", b"1"), ("other", b"2"), (f"{P}/notify-next", b"3"), ("other", b"3")]


def test_a_snapshot_in_flight_is_sent_again_if_nothing_newer_came() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe(f"{P}/notify")
    rig.publish(f"{P}/notify", b"1", newest_only=True)
    device.received()
    device.lose()
    assert rig.device(clean=False).received() == [
        Connack(0, True),
        Publish(f"{P}/notify", b"1", 1, 1, False, True),
    ]


def test_replies_are_never_kept() -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe(f"{P}/get/accepted")
    device.connection.reply(f"{P}/get/accepted", b"1", 1, rig.now)
    assert len(device.received()) == 1
    device.lose()
    device.connection.reply(f"{P}/get/accepted", b"2", 1, rig.now)
    assert rig.device(clean=False).received() == [Connack(0, True)]


def test_the_queue_is_bounded_and_the_oldest_gives_way() -> None:
    rig = Rig(Settings(max_queued=3))
    device = rig.device(clean=False)
    device.subscribe("one")
    device.lose()
    for number in range(5):
        rig.publish("one", str(number).encode())
    again = rig.device(clean=False)
    assert [each.payload for each in again.received() if isinstance(each, Publish)] == [b"2", b"3", b"4"]
    session = rig.broker.session(SCOPE, "lamp")
    assert session is not None
    assert session.dropped == 2


# -- delivery ---------------------------------------------------------------------------------------------------------


def test_the_window_of_unacknowledged_messages() -> None:
    rig = Rig()
    device = rig.device(level=5, properties=Properties(receive_maximum=2))
    device.subscribe("one")
    for number in range(4):
        rig.publish("one", str(number).encode())
    first, second = device.received()
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    (third,) = device.send(Puback(first.packet_id))
    assert isinstance(third, Publish)
    assert third.payload == b"2"
    assert third.packet_id not in (first.packet_id, second.packet_id)


def test_the_window_is_a_hundred_at_most() -> None:
    rig = Rig()
    device = rig.device()
    device.subscribe("one")
    for _ in range(150):
        rig.publish("one")
    sent = device.received()
    assert len(sent) == 100
    answers = device.send(*(Puback(each.packet_id) for each in sent if isinstance(each, Publish)))
    assert len(answers) == 50


def test_one_copy_at_the_highest_granted_qos() -> None:
    rig = Rig()
    device = rig.device()
    device.subscribe("a/b", options=0)
    device.subscribe("a/+", options=1)
    device.subscribe("a/#", options=0)
    rig.publish("a/b")
    (message,) = device.received()
    assert isinstance(message, Publish)
    assert message.qos == 1


def test_receive_is_enforced_on_every_delivery() -> None:
    rig = Rig()
    device = rig.device(clean=False, identity=denying(("iot:Receive", "topic/secret")))
    assert device.subscribe("secret", "open") == (1, 1)
    rig.publish("secret")
    rig.publish("open")
    assert device.publishes() == [("open", b"x")]
    device.lose()
    rig.publish("secret")
    rig.publish("open")
    again = rig.device(clean=False, identity=denying(("iot:Receive", "topic/secret")))
    assert [each.topic for each in again.received() if isinstance(each, Publish)] == ["open"]


def test_no_local_and_retain_as_published() -> None:
    rig = Rig()
    device = rig.device(level=5)
    device.subscribe("a", options=0x01 | 0x04)
    device.subscribe("b", options=0x01 | 0x08)
    assert device.send(Publish("a", b"mine")) == []
    (kept,) = device.send(Publish("b", b"x", retain=True))
    assert isinstance(kept, Publish)
    assert kept.retain


def test_message_properties_and_expiry_travel_to_mqtt_5() -> None:
    rig = Rig()
    v5 = rig.device("v5", level=5)
    v5.subscribe("a", options=0)
    v3 = rig.device("v3")
    v3.subscribe("a", options=0)
    sender = rig.device("sender", level=5)
    sender.received()
    carried = Properties(
        payload_format_indicator=1,
        content_type="t",
        response_topic="r",
        correlation_data=b"c",
        user_property=(("k", "1"), ("k", "2")),
        message_expiry_interval=10,
    )
    sender.send(Publish("a", b"x", properties=carried))
    assert v5.received() == [Publish("a", b"x", properties=carried)]
    assert v3.received() == [Publish("a", b"x")]


@pytest.mark.parametrize(("given", "seconds", "arrives"), [(0, 0.5, True), (0, 1, False), (5, 4, True), (5, 5, False)])
def test_expired_messages_do_not_arrive(given: int, seconds: float, arrives: bool) -> None:
    rig = Rig()
    device = rig.device(clean=False)
    device.subscribe("a")
    device.lose()
    sender = rig.device("sender", level=5)
    sender.send(Publish("a", b"x", 1, 1, properties=Properties(message_expiry_interval=given)))
    rig.passes(seconds)
    again = rig.device(clean=False)
    assert any(isinstance(each, Publish) for each in again.received()) is arrives


def test_remaining_expiry_is_told() -> None:
    rig = Rig()
    properties = Properties(session_expiry_interval=100)
    device = rig.device(level=5, clean=False, properties=properties)
    device.subscribe("a")
    device.lose()
    sender = rig.device("sender", level=5)
    sender.send(Publish("a", b"x", 1, 1, properties=Properties(message_expiry_interval=9_999_999)))
    rig.passes(60)
    again = rig.device(level=5, clean=False, properties=properties)
    message = again.received()[1]
    assert isinstance(message, Publish)
    assert message.properties == Properties(message_expiry_interval=604_740)


def test_aliases_are_used_towards_a_client_that_offers_them() -> None:
    rig = Rig()
    device = rig.device(level=5, properties=Properties(topic_alias_maximum=1))
    device.subscribe("a", "b", options=0)
    for topic in ("a", "a", "b"):
        rig.publish(topic)
    assert device.received() == [
        Publish("a", b"x", properties=Properties(topic_alias=1)),
        Publish("", b"x", properties=Properties(topic_alias=1)),
        Publish("b", b"x"),
    ]


def test_packets_too_large_for_a_client_are_not_sent() -> None:
    rig = Rig()
    device = rig.device(level=5, properties=Properties(maximum_packet_size=100))
    device.received()
    device.subscribe("a")
    rig.publish("a", b"x" * 100)
    rig.publish("a", b"x")
    assert device.publishes() == [("a", b"x")]


def test_retained_messages_are_replayed_to_exact_filters_only() -> None:
    rig = Rig()
    sender = rig.device("sender")
    sender.send(Publish("a/b", b"kept", 1, 1, retain=True))
    device = rig.device()
    device.received()
    answers = device.send(Subscribe(1, (Filter("a/+", 1),)))
    assert [type(each) for each in answers] == [codec.Suback]
    suback, message = device.send(Subscribe(2, (Filter("a/b", 1),)))
    assert suback == codec.Suback(2, (1,))
    assert isinstance(message, Publish)
    assert (message.retain, message.payload, message.qos) == (True, b"kept", 1)
    sender.send(Publish("a/b", b"", retain=True))
    assert device.publishes() == [("a/b", b"")]
    assert len(device.send(Subscribe(3, (Filter("a/b", 1),)))) == 1


@pytest.mark.parametrize(("handling", "first", "second"), [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling(handling: int, first: int, second: int) -> None:
    rig = Rig()
    rig.device("sender").send(Publish("a", b"kept", retain=True))
    device = rig.device(level=5)
    device.received()
    for expected in (first, second):
        answers = device.send(Subscribe(1, (Filter("a", handling << 4),)))
        assert len([each for each in answers if isinstance(each, Publish)]) == expected


def test_shared_subscriptions_share() -> None:
    rig = Rig()
    devices = [rig.device(name) for name in ("x", "y")]
    for device in devices:
        assert device.subscribe("$share/g/a/+") == (1,)
    for _ in range(4):
        rig.publish("a/b")
    assert [len(device.publishes()) for device in devices] == [2, 2]


# -- PUBLISH from the client ------------------------------------------------------------------------------------------


def test_a_job_request_is_acknowledged_and_handed_over() -> None:
    device = Rig().device()
    device.received()
    assert device.send(Publish(f"{P}/j1/update", b"{}", 1, 7)) == [Puback(7)]
    (effect,) = device.effects
    assert isinstance(effect, Request)
    assert effect.claim == TABLE.find(f"{P}/j1/update")
    assert effect.message == Message(f"{P}/j1/update", b"{}", 1)


def test_other_publishes_under_dollar() -> None:
    rig = Rig()
    other = rig.device("other")
    other.subscribe("$aws/#")
    device = rig.device()
    device.received()
    device.send(Publish(f"{P}/nonsense", b"{}", retain=True), Publish("$aws/things/lamp/shadow/get", b"", retain=True))
    requests = [effect for effect in device.effects if isinstance(effect, Request)]
    assert [(each.message, each.claim.seen) for each in requests] == [
        (Message(f"{P}/nonsense", b"{}"), False),
        (Message("$aws/things/lamp/shadow/get", b""), True),
    ]
    assert other.publishes() == []
    assert rig.broker.retained(SCOPE) == {}


@pytest.mark.parametrize(
    "topic", [f"{P}/notify-next", f"{P}/j/update/accepted", "$aws/events/x/y", "$SYS/x", "forbidden"]
)
@pytest.mark.parametrize(
    ("level", "qos", "answer", "ends"),
    [
        (4, 0, [], True),
        (4, 1, [], True),
        (5, 0, [Disconnect(0x87)], True),
        (5, 1, [Puback(3, 0x87)], False),
    ],
)
def test_unauthorised_publishes(topic: str, level: int, qos: int, answer: list[codec.Packet], ends: bool) -> None:
    rig = Rig()
    device = rig.device(level=level, identity=denying(("iot:Publish", "topic/forbidden")))
    device.received()
    assert device.send(Publish(topic, b"x", qos, 3 * qos)) == answer
    assert device.closed is ends
    if ends:
        assert closed(rig).ending is Ending.FORBIDDEN_ACCESS


def test_retaining_needs_its_own_permission() -> None:
    device = Rig().device(level=5, identity=denying(("iot:RetainPublish", "topic/a")))
    device.received()
    assert device.send(Publish("a", b"x", 1, 1, retain=True)) == [Puback(1, 0x87)]
    assert device.send(Publish("a", b"x", 1, 2)) == [Puback(2)]


@pytest.mark.parametrize(("topic", "code"), [("a/+", 0x90), ("#", 0x90), ("", 0x82)])
@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_no_topic_name_ends_the_connection(topic: str, code: int, qos: int) -> None:
    """[MQTT-3.3.2-2] [MQTT-4.13.1-1]"""
    for level, answer in ((4, []), (5, [Disconnect(code)])):
        device = Rig().device(level=level)
        device.received()
        assert device.send(Publish(topic, b"", qos, qos)) == answer
        assert device.closed


def test_an_alias_for_a_filter_ends_the_connection() -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish("a/#", b"", 1, 1, properties=Properties(topic_alias=1))) == [Disconnect(0x90)]


@pytest.mark.parametrize("topic", ["a/b/c/d/e/f/g/h/i", "x" * 257])
def test_topics_that_are_too_long(topic: str) -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish(topic, b"", 1, 1)) == [Puback(1, 0x90)]
    assert device.send(Publish(topic, b"")) == [Disconnect(0x90)]
    old = Rig().device()
    old.received()
    assert old.send(Publish(topic, b"", 1, 1)) == []
    assert old.closed


def test_qos_2_publishes() -> None:
    old = Rig().device()
    old.received()
    assert old.send(Publish("a", b"", 2, 1), codec.Pingreq()) == [codec.Pingresp()]
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish("a", b"", 2, 1)) == [Disconnect(0x9B)]


def test_a_payload_above_128_kib_ends_the_connection() -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish("a", b"x" * 131_072, 1, 1)) == [Puback(1)]
    assert device.send(Publish("a", b"x" * 131_073, 1, 1)) == [Disconnect(0x95)]


def test_topic_aliases_from_a_client() -> None:
    rig = Rig()
    other = rig.device("other")
    other.subscribe("a", options=0)
    device = rig.device(level=5)
    device.received()
    device.send(
        Publish("a", b"1", properties=Properties(topic_alias=8)),
        Publish("", b"2", properties=Properties(topic_alias=8)),
    )
    assert other.publishes() == [("a", b"1"), ("a", b"2")]
    assert device.send(Publish("", b"3", properties=Properties(topic_alias=7))) == [Disconnect(0x82)]


def test_a_topic_alias_above_the_maximum() -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish("a", b"", properties=Properties(topic_alias=9))) == [Disconnect(0x94)]


@pytest.mark.parametrize(
    "properties",
    [Properties(response_topic="a/#"), Properties(response_topic=""), Properties(subscription_identifier=1)],
)
def test_properties_no_client_may_send(properties: Properties) -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Publish("a", b"", properties=properties)) == [Disconnect(0x82)]


# -- SUBSCRIBE --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
def test_nine_filters_end_the_connection(level: int) -> None:
    device = Rig().device(level=level)
    device.received()
    eight = tuple(Filter(str(number), 1) for number in range(8))
    assert device.send(Subscribe(1, eight)) == [codec.Suback(1, (1,) * 8)]
    answer = device.send(Subscribe(1, (*eight, Filter("8", 1))))
    assert answer == ([Disconnect(0x97)] if level == 5 else [])
    assert device.closed


def test_an_unsubscribe_may_name_every_filter_there_is() -> None:
    """AWS bounds the filters of a SUBSCRIBE only."""
    device = Rig().device(level=5)
    names = tuple(str(number) for number in range(48))
    for start in range(0, 48, 8):
        device.subscribe(*names[start : start + 8])
    assert device.send(codec.Unsubscribe(2, names)) == [codec.Unsuback(2, (0,) * 48)]


def test_refused_filters() -> None:
    policy = denying(("iot:Subscribe", "topicfilter/no"), ("iot:Subscribe", "topicfilter/$share/g/no"))
    filters = ("yes", "no", "$share/g/no", "a" * 257, "a/b/c/d/e/f/g/h/i")
    assert Rig().device(identity=policy).subscribe(*filters) == (1, 0x80, 0x80, 0x80, 0x80)
    assert Rig().device(level=5, identity=policy).subscribe(*filters) == (1, 0x87, 0x87, 0x8F, 0x8F)
    strict = Rig(Settings(denials_told=False))
    old = strict.device(identity=policy)
    old.received()
    assert old.send(Subscribe(1, (Filter("no", 1),))) == []
    assert old.closed
    assert strict.device(level=5, identity=policy).subscribe("no") == (0x87,)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [(Filter("a", 2), 0x9B), (Filter("$SYS/#", 1), 0x87), (Filter("$share/g/a", 0x05), 0x82)]
    + [(Filter(name, 1), 0x8F) for name in ("", "a#", "a/#/b", "ab/+e", "$share/g", "$share//a")],
)
def test_filters_that_end_the_connection(wanted: Filter, code: int) -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Subscribe(1, (wanted,))) == [Disconnect(code)]


def test_subscription_identifiers_are_not_available() -> None:
    device = Rig().device(level=5)
    device.received()
    packet = Subscribe(1, (Filter("a", 1),), Properties(subscription_identifier=1))
    assert device.send(packet) == [Disconnect(0xA1)]


def test_qos_2_subscriptions() -> None:
    old = Rig().device()
    old.received()
    assert old.send(Subscribe(1, (Filter("a", 2),))) == []
    assert old.closed
    assert Rig(Settings(lenient_qos2=True)).device().subscribe("a", options=2) == (1,)


def test_fifty_subscriptions() -> None:
    rig = Rig(Settings(max_subscriptions=2))
    device = rig.device(level=5)
    assert device.subscribe("a", "b", "c") == (1, 1, 0x97)
    assert device.subscribe("a") == (1,)
    assert device.send(codec.Unsubscribe(2, ("a", "zz"))) == [codec.Unsuback(2, (0, 0x11))]
    assert device.subscribe("c") == (1,)


def test_interest_in_job_notices_is_told_once() -> None:
    rig = Rig()
    first, second = rig.device("first"), rig.device("second", clean=False)
    first.subscribe(f"{P}/notify", f"{P}/notify-next")
    second.subscribe(f"{P}/#", "$aws/things/+/jobs/notify", "a")
    assert rig.interest == [("lamp", True), ("*", True)]
    assert rig.broker.watches(SCOPE, "any")
    first.lose()
    second.send(codec.Unsubscribe(1, ("$aws/things/+/jobs/notify",)))
    assert rig.interest[2:] == [("*", False)]
    assert rig.broker.watches(SCOPE, "lamp")
    assert not rig.broker.watches(SCOPE, "any")
    second.lose()
    rig.passes(3602)
    assert rig.interest[3:] == [("lamp", False)]


# -- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "published"), [(Disconnect(), False), (Disconnect(4), True), (codec.Suback(1, (0,)), True), (None, True)]
)
def test_when_the_will_is_published(last: codec.Packet | None, published: bool) -> None:
    rig = Rig()
    watcher = rig.device("watcher")
    watcher.subscribe("gone")
    device = rig.device(level=5, will=Will("gone", b"bye", 1))
    if last is None:
        device.lose()
    else:
        device.send(last)
    assert watcher.publishes() == ([("gone", b"bye")] if published else [])


def test_a_will_may_be_a_job_request_and_gets_no_reply() -> None:
    rig = Rig()
    device = rig.device(will=Will(f"{P}/j1/update", b'{"status":"FAILED"}', 1))
    device.lose()
    (request,) = [each for each in rig.left if isinstance(each, Request)]
    assert request.claim == TABLE.find(f"{P}/j1/update")


def test_a_last_publish_before_disconnect_is_carried_out() -> None:
    rig = Rig()
    device = rig.device()
    device.received()
    assert device.send(Publish(f"{P}/get", b"", 1, 1), Disconnect()) == [Puback(1)]
    assert [type(each) for each in device.effects] == [Request]
    assert closed(rig).ending is Ending.CLIENT_INITIATED


# -- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subscribed", "request_qos", "reply_qos"),
    [
        ({}, 0, 0),
        ({}, 1, 1),
        ({f"{P}/get/accepted": 1}, 0, 1),
        ({f"{P}/get/accepted": 0}, 1, 0),
        ({f"{P}/#": 1, f"{P}/get/accepted": 0}, 0, 1),
        ({f"{P}/notify": 1}, 0, 0),
    ],
)
def test_the_qos_of_a_reply(subscribed: dict[str, int], request_qos: int, reply_qos: int) -> None:
    rig = Rig()
    device = rig.device()
    for name, qos in subscribed.items():
        device.subscribe(name, options=qos)
    device.received()
    device.connection.reply(f"{P}/get/accepted", b"{}", request_qos, rig.now)
    (reply,) = device.received()
    assert isinstance(reply, Publish)
    assert (reply.topic, reply.qos, reply.retain) == (f"{P}/get/accepted", reply_qos, False)


def test_a_reply_needs_permission_to_receive() -> None:
    rig = Rig()
    device = rig.device(identity=denying(("iot:Receive", f"topic/{P}/get/accepted")))
    device.received()
    device.connection.reply(f"{P}/get/accepted", b"{}", 1, rig.now)
    assert device.received() == []


def test_only_a_normal_farewell_discards_the_will() -> None:
    """[MQTT-3.14.4-3]"""
    for code, published in ((0x00, []), (0x04, [("gone", b"x")]), (0x80, [("gone", b"x")]), (0x98, [("gone", b"x")])):
        rig = Rig()
        watcher, device = rig.device("watcher"), rig.device(level=5, will=Will("gone", b"x"))
        watcher.subscribe("gone")
        device.send(Disconnect(code))
        assert watcher.publishes() == published


def test_a_farewell_with_a_server_reference_is_an_error() -> None:
    device = Rig().device(level=5)
    device.received()
    assert device.send(Disconnect(0, Properties(server_reference="elsewhere"))) == [Disconnect(0x82)]


def test_authentication_data_without_a_method_is_refused() -> None:
    device = Rig().device(level=5, properties=Properties(authentication_data=b"x"))
    assert device.received() == [Connack(Reason.PROTOCOL_ERROR)]
    assert device.closed


@pytest.mark.parametrize("response", ["", "a/+", "#"])
def test_the_response_topic_of_a_will_is_a_topic(response: str) -> None:
    device = Rig().device(level=5, will=Will("gone", b"", properties=Properties(response_topic=response)))
    assert device.received() == [Connack(Reason.PROTOCOL_ERROR)]
    assert device.closed


@pytest.mark.parametrize("filters", [("a", "+"), ("+", "a")])
def test_a_session_gets_its_own_message_if_one_of_its_filters_wants_it(filters: tuple[str, str]) -> None:
    """No Local is the option of one subscription, not of the session [MQTT-3.8.3-3]."""
    device = Rig().device(level=5)
    device.subscribe(filters[0], options=0b101)
    assert device.send(Publish("a", b"1")) == []
    device.subscribe(filters[1], options=0)
    assert device.send(Publish("a", b"2")) == [Publish("a", b"2")]


def test_unsubscribe_tells_what_was_not_subscribed() -> None:
    device = Rig().device(level=5)
    device.subscribe("a")
    answers = device.send(codec.Unsubscribe(2, ("a", "b", "c" * 257)))
    assert answers == [codec.Unsuback(2, (0x00, 0x11, 0x8F))]


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("name", ["", "c#", "a/#/b", "ab/+e"])
def test_what_is_no_filter_ends_the_connection(level: int, name: str) -> None:
    for packet in (codec.Unsubscribe(2, ("a", name)), Subscribe(2, (Filter("a", 1), Filter(name, 1)))):
        device = Rig().device(level=level)
        device.received()
        assert device.send(packet) == ([Disconnect(0x8F)] if level == 5 else [])
        assert device.closed


# -- the client's Maximum Packet Size ---------------------------------------------------------------------------------


def test_nothing_larger_than_a_client_takes_is_sent() -> None:
    whole = Rig().device(level=5, client_id="c")
    (welcome,) = whole.received()
    size = len(codec.encode(welcome, 5))
    taken = Rig().device(level=5, client_id="c", properties=Properties(maximum_packet_size=size))
    assert taken.received() == [welcome]
    for least, answers in ((size - 1, [Connack(0x95)]), (5, [Connack(0x95)]), (4, [])):
        refused = Rig().device(level=5, client_id="c", properties=Properties(maximum_packet_size=least))
        assert refused.received() == answers
        assert refused.closed
    names = tuple(f"a/{number}" for number in range(size))
    assert taken.send(codec.Unsubscribe(2, names)) == [Disconnect(0x95)]
    assert taken.closed


# -- what waits for a shared subscription -----------------------------------------------------------------------------

SHARED = "$share/workers/tasks/+"


@pytest.mark.parametrize("shared", [SHARED, "$share/workers/tasks/1"])
def test_what_waits_for_a_shared_subscription_is_the_first_comers(shared: str) -> None:
    """Queued for the group, not for the member it was meant for."""
    rig = Rig()
    for name in ("one", "two"):
        member = rig.device(name, clean=False)
        member.subscribe(shared)
        member.lose()
    for number in range(4):
        rig.publish("tasks/1", b"%d" % number)
    back = rig.device("two", clean=False)
    back.received()
    assert sorted(payload for _topic, payload in _acknowledged(rig, back)) == [b"0", b"1", b"2", b"3"]
    assert rig.device("one", clean=False).received() == [Connack(0, True)]


def _acknowledged(rig: Rig, device: Device) -> list[tuple[str, bytes]]:
    """What came to a device in this connection or is resent in the next."""
    device.lose()
    again = rig.device(device.connection.client_id, clean=False)
    packets = again.received()
    return [(each.topic, each.payload) for each in packets if isinstance(each, Publish)]


def test_a_new_member_of_a_shared_subscription_gets_what_waits() -> None:
    rig = Rig()
    member = rig.device("one", clean=False)
    member.subscribe(SHARED)
    member.lose()
    rig.publish("tasks/1", b"x")
    fresh = rig.device("two")
    fresh.received()
    answers = fresh.send(Subscribe(1, (Filter(SHARED, 1),)))
    assert [each.payload for each in answers if isinstance(each, Publish)] == [b"x"]


@pytest.mark.parametrize("clean", [True, False])
def test_what_a_member_did_not_acknowledge_goes_to_another(clean: bool) -> None:
    rig = Rig()
    first, second = rig.device("one", clean=clean), rig.device("two")
    first.subscribe(SHARED)
    rig.publish("tasks/1", b"x")
    second.subscribe(SHARED)
    assert second.received() == []
    first.lose()
    assert second.publishes() == [("tasks/1", b"x")]
    back = rig.device("one", clean=clean)
    assert [each for each in back.received() if isinstance(each, Publish)] == []


def test_what_a_member_leaves_behind_waits_for_one_who_is_away() -> None:
    rig = Rig()
    away = rig.device("away", clean=False)
    away.subscribe(SHARED)
    away.lose()
    member = rig.device("here")
    member.subscribe(SHARED)
    rig.publish("tasks/1", b"x")
    member.lose()
    assert [each.payload for each in rig.device("away", clean=False).received() if isinstance(each, Publish)] == [b"x"]


BARRED = denying(("iot:Receive", "topic/tasks/1"))


def test_a_member_that_may_not_receive_is_passed_over() -> None:
    rig = Rig()
    barred, member = rig.device("barred", identity=BARRED), rig.device("member")
    for each in (barred, member):
        each.subscribe(SHARED)
    for number in range(4):
        rig.publish("tasks/1", b"%d" % number)
    assert [payload for _topic, payload in member.publishes()] == [b"0", b"1", b"2", b"3"]
    assert barred.publishes() == []


def test_what_nobody_here_may_receive_waits_for_one_who_is_away() -> None:
    rig = Rig()
    away = rig.device("away", clean=False)
    away.subscribe(SHARED)
    away.lose()
    rig.device("barred", identity=BARRED).subscribe(SHARED)
    rig.publish("tasks/1", b"x")
    assert [each.payload for each in rig.device("away", clean=False).received() if isinstance(each, Publish)] == [b"x"]


def test_what_waits_for_a_member_that_returns_and_may_not_receive_it_goes_to_others() -> None:
    rig = Rig()
    member = rig.device("one", clean=False)
    member.subscribe(SHARED, "own")
    other = rig.device("two", clean=False)
    other.subscribe(SHARED)
    rig.publish("tasks/1", b"under way")
    for each in (member, other):
        each.lose()
    rig.publish("tasks/1", b"waiting")
    rig.publish("own", b"mine")
    back = rig.device("one", clean=False, identity=BARRED)
    assert [each.payload for each in back.received() if isinstance(each, Publish)] == [b"mine"]
    found = [each.payload for each in rig.device("two", clean=False).received() if isinstance(each, Publish)]
    assert sorted(found) == [b"under way", b"waiting"]


def test_what_a_member_may_not_receive_any_more_goes_to_others() -> None:
    rig = Rig()
    member = rig.device("one", level=5, properties=Properties(receive_maximum=1))
    member.subscribe(SHARED)
    for number in range(3):
        rig.publish("tasks/1", b"%d" % number)
    other = rig.device("two")
    other.subscribe(SHARED)
    member.connection.identity = BARRED
    rig.broker.reconsider(member.connection, rig.now)
    assert [payload for _topic, payload in other.publishes()] == [b"0", b"1", b"2"]


def test_messages_of_ones_own_stay_when_a_shared_subscription_is_taken_over() -> None:
    rig = Rig()
    member = rig.device("one", clean=False)
    member.subscribe(SHARED, "own")
    member.lose()
    rig.publish("own", b"mine")
    rig.publish("tasks/1", b"ours")
    other = rig.device("two")
    other.subscribe(SHARED)
    back = rig.device("one", clean=False)
    assert [each.payload for each in back.received() if isinstance(each, Publish)] == [b"mine"]


def test_an_expired_message_is_not_sent_again() -> None:
    rig = Rig()
    device, sender = rig.device(clean=False), rig.device("sender", level=5)
    device.subscribe("a")
    sender.send(Publish("a", b"x", 1, 1, properties=Properties(message_expiry_interval=10)))
    assert [type(each) for each in device.received()] == [Publish]
    device.lose()
    rig.passes(11)
    assert rig.device(clean=False).received() == [Connack(0, True)]
