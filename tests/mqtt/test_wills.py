"""Wills: when they are published, and how long they wait (device reference 2.1; MQTT 5, 3.1.3.2.2)."""

from __future__ import annotations

import pytest

from tests.mqtt.rig import Device, Rig, Someone, denying
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Connack, Disconnect, Properties, Publish, Reason, Will
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.session import Ask

HOUR = Properties(session_expiry_interval=3600)


def _watched(delay: int | None, *, expiry: int = 3600, **will: object) -> tuple[Rig, Device, Device]:
    rig = Rig()
    watcher = rig.device("watcher", level=5)
    watcher.subscribe("will")
    properties = Properties(will_delay_interval=delay, **will)  # type: ignore[arg-type]
    mortal = rig.device(
        "mortal",
        level=5,
        properties=Properties(session_expiry_interval=expiry),
        will=Will("will", b"gone", 1, False, properties),
    )
    return rig, watcher, mortal


def test_without_a_delay_it_is_published_at_once() -> None:
    _rig, watcher, mortal = _watched(None)
    mortal.lose()
    assert watcher.publishes() == [("will", b"gone")]


def test_it_waits_for_its_delay() -> None:
    rig, watcher, mortal = _watched(60)
    mortal.lose()
    assert watcher.publishes() == []
    rig.passes(59)
    assert watcher.publishes() == []
    rig.passes(2)
    assert watcher.publishes() == [("will", b"gone")]
    rig.passes(100)
    assert watcher.publishes() == [], "once"


def test_a_client_that_returns_to_its_session_takes_it_back() -> None:
    rig, watcher, mortal = _watched(60)
    mortal.lose()
    rig.passes(30)
    rig.device("mortal", level=5, clean=False, properties=HOUR)
    rig.passes(100)
    assert watcher.publishes() == []


def test_a_client_that_wants_a_new_session_lets_it_out() -> None:
    rig, watcher, mortal = _watched(60)
    mortal.lose()
    rig.device("mortal", level=5, clean=True)
    assert watcher.publishes() == [("will", b"gone")]


def test_the_end_of_the_session_ends_the_delay() -> None:
    rig, watcher, mortal = _watched(600, expiry=10)
    mortal.lose()
    rig.passes(12)
    assert watcher.publishes() == [("will", b"gone")]
    _rig, watcher, mortal = _watched(600, expiry=0)
    mortal.lose()
    assert watcher.publishes() == [("will", b"gone")]


def test_its_own_expiry_begins_with_its_publication() -> None:
    rig, watcher, mortal = _watched(60, message_expiry_interval=10)
    mortal.lose()
    rig.passes(62)
    (message,) = [each for each in watcher.received() if isinstance(each, Publish)]
    assert message.properties == Properties(message_expiry_interval=10)


def test_a_server_that_stops_lets_them_out() -> None:
    rig, watcher, mortal = _watched(60)
    mortal.lose()
    rig.broker.wills.publish_all(rig.now)
    assert watcher.publishes() == [("will", b"gone")]


@pytest.mark.parametrize("code", [Reason.SUCCESS, Reason.DISCONNECT_WITH_WILL])
def test_a_farewell(code: Reason) -> None:
    _rig, watcher, mortal = _watched(None)
    mortal.send(Disconnect(code))
    assert watcher.publishes() == ([("will", b"gone")] if code else [])


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("will", "reason"),
    [
        (Will("will/#", b""), Reason.TOPIC_NAME_INVALID),
        (Will("$aws/events/presence/connected/x", b""), Reason.TOPIC_NAME_INVALID),
        (Will("a/b/c/d/e/f/g/h/i", b""), Reason.TOPIC_NAME_INVALID),
        (Will("w", b"", 2), Reason.QOS_NOT_SUPPORTED),
    ],
)
def test_wills_that_cannot_be(level: int, will: Will, reason: Reason) -> None:
    device = Rig().device(level=level, will=will)
    assert device.closed
    assert device.received() == ([Connack(reason)] if level == 5 else [])


@pytest.mark.parametrize("action", ["iot:Publish", "iot:RetainPublish"])
def test_a_will_that_is_not_allowed_refuses_the_connection(action: str) -> None:
    device = Rig().device(identity=denying((action, "topic/w")), will=Will("w", b"", 1, True))
    assert device.received() == [codec.Connack(5)]
    assert device.closed


# -- whose it is when it goes out -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["iot:Publish", "iot:RetainPublish"])
@pytest.mark.parametrize("delay", [0, 60])
def test_what_is_no_longer_allowed_is_not_published(action: str, delay: int) -> None:
    rig = Rig()
    watcher = rig.device("watcher", level=5)
    watcher.subscribe("will")
    will = Will("will", b"gone", 1, True, Properties(will_delay_interval=delay))
    mortal = rig.device("mortal", level=5, properties=HOUR, will=will)
    mortal.connection.identity = denying((action, "topic/will"))
    mortal.lose()
    rig.passes(62)
    assert watcher.publishes() == []


class _Holder:
    """Lets the test say who the client is by now."""

    def __init__(self, *, later_only: bool) -> None:
        self.later_only = later_only
        self.asked: list[object] = []

    def pressed(self) -> bool:
        return False

    def wake(self) -> None:
        """Nothing waits."""

    def doubt(self, *, later: bool) -> Ask | None:
        return self.asked.append if later or not self.later_only else None

    def answer(self, identity: Identity | None) -> None:
        (then,) = self.asked
        then(identity)  # type: ignore[operator]


@pytest.mark.parametrize("delay", [0, 60])
@pytest.mark.parametrize(
    ("found", "published"),
    [
        (Someone(), True),
        (None, False),
        (denying(("iot:Publish", "topic/will")), False),
        (Someone(scope=("210987654321", "eu-west-1")), False),
    ],
    ids=["the same", "nobody", "less", "of another account"],
)
def test_who_the_client_is_by_now_is_asked(found: Someone | None, delay: int, published: bool) -> None:
    rig, watcher, mortal = _watched(delay)
    holder = mortal.connection.holder = _Holder(later_only=delay > 0)
    mortal.lose()
    rig.passes(delay + 2)
    assert watcher.publishes() == [], "nothing goes out before that is known"
    holder.answer(found)
    assert watcher.publishes() == ([("will", b"gone")] if published else [])
