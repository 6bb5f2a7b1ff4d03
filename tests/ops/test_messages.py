"""Publish, retained messages and connections over HTTPS: what the operations check and answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.mqtt import topics
from tidegate.ops.broker import Connected, Publication, Retained
from tidegate.ops.call import Call
from tidegate.ops.handler import AtBroker
from tidegate.ops.table import HANDLERS
from tidegate.wire import iot_data
from tidegate.wire.errors import WireError

NOW = 1_000_000_000


class Broker:
    """A broker that takes down what it is asked."""

    max_payload, max_message_expiry = 131_072, 604_800

    def __init__(self) -> None:
        self.published: list[Publication] = []
        self.kept: dict[str, Retained] = {}
        self.known: dict[str, Connected] = {}
        self.ended: list[tuple[str, bool, bool]] = []

    def valid(self, topic: str) -> bool:
        return topics.valid_topic(topic)

    def publish(self, call: Call, publication: Publication) -> bool:
        self.published.append(publication)
        return not publication.topic.startswith("$")

    def retained(self, call: Call, topic: str) -> Retained | None:
        return self.kept.get(topic)

    def retained_after(self, call: Call, topic: str, count: int) -> list[Retained]:
        return [each for name, each in sorted(self.kept.items()) if name > topic][:count]

    def connection(self, call: Call, client_id: str) -> Connected | None:
        return self.known.get(client_id)

    def disconnect(self, call: Call, client_id: str, *, clean_session: bool, prevent_will: bool) -> bool:
        self.ended.append((client_id, clean_session, prevent_will))
        return client_id in self.known


class Operations:
    """Operations at a broker."""

    def __init__(self, call: Call) -> None:
        self.call, self.broker = call._replace(now=NOW), Broker()

    def ask(self, name: str, *, call: Call | None = None, **members: Any) -> Any:
        request = iot_data.OPERATIONS[name].request(**members)
        handler = HANDLERS["iot-data", name]
        assert isinstance(handler, AtBroker)
        return handler.run(self.broker, call or self.call, request)

    def refused(self, name: str, **members: Any) -> tuple[type[WireError], str]:
        with pytest.raises(WireError) as caught:
            self.ask(name, **members)
        return type(caught.value), caught.value.message


@pytest.fixture
def operations(call: Call) -> Operations:
    return Operations(call)


def test_a_publish_without_anything_but_its_topic(operations: Operations) -> None:
    assert operations.ask("Publish", topic="a/b", payload=b"") is None
    assert operations.broker.published == [Publication("a/b", b"")]


def test_every_property_travels(operations: Operations) -> None:
    operations.ask(
        "Publish",
        topic="a",
        payload=b"\xff",
        qos=1,
        retain=True,
        user_properties='[{"k":"v"},{"k":"w","l":""}]',
        payload_format_indicator="UTF8_DATA",
        content_type="text/plain",
        response_topic="r/s",
        correlation_data="AAE=",
        message_expiry=60,
    )
    pairs = (("k", "v"), ("k", "w"), ("l", ""))
    assert operations.broker.published == [
        Publication("a", b"\xff", 1, True, 1, "text/plain", "r/s", b"\0\1", pairs, NOW + 60_000)
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('"[{\\"a\\":\\"b\\"}]"', (("a", "b"),)),  # as boto3 sends a str
        ("[]", ()),
        ("null", ()),
        ('[{"a":"\\u00e4"}]', (("a", "ä"),)),
    ],
)
def test_user_properties(operations: Operations, given: str, kept: tuple[tuple[str, str], ...]) -> None:
    operations.ask("Publish", topic="a", user_properties=given)
    assert operations.broker.published[0].user_properties == kept


@pytest.mark.parametrize(
    "given",
    ["{}", "1", "x", '"x"', '[{"a":1}]', '["a"]', '[{"a":null}]', '[{"a":"\\u0000"}]', '[{"\\u0000":"a"}]', "[" * 5000],
)
def test_user_properties_that_are_none(operations: Operations, given: str) -> None:
    error, message = operations.refused("Publish", topic="a", user_properties=given)
    assert (error, "userProperties" in message) == (iot_data.InvalidRequestException, True)
    assert not operations.broker.published


@pytest.mark.parametrize(("seconds", "lasts"), [(0, 1), (1, 1), (604_800, 604_800), (1 << 62, 604_800)])
def test_the_expiry_is_kept_within_its_limits(operations: Operations, seconds: int, lasts: int) -> None:
    operations.ask("Publish", topic="a", message_expiry=seconds)
    assert operations.broker.published[0].expires_at == NOW + 1000 * lasts


def test_every_fault_is_told_at_once(operations: Operations) -> None:
    error, message = operations.refused(
        "Publish",
        topic="a/+",
        response_topic="b/#",
        correlation_data="?",
        user_properties="{}",
        message_expiry=-1,
    )
    assert error is iot_data.InvalidRequestException
    for member in ("topic must", "responseTopic", "correlationData", "userProperties", "messageExpiry"):
        assert member in message


@pytest.mark.parametrize("topic", ["a/+", "#", "1/2/3/4/5/6/7/8/9", "x" * 257, "é" * 129])
def test_topics_that_none_can_publish_to(operations: Operations, topic: str) -> None:
    assert operations.refused("Publish", topic=topic)[0] is iot_data.InvalidRequestException
    assert operations.refused("GetRetainedMessage", topic=topic)[0] is iot_data.InvalidRequestException


def test_a_basic_ingest_prefix_does_not_count(operations: Operations) -> None:
    long = "$aws/rules/my_rule/1/2/3/4/5/6/7/8"
    assert (
        operations.refused("Publish", topic=long)[0] is iot_data.ForbiddenException
    )  # this broker forbids what begins with $
    assert operations.broker.published[0].topic == long


def test_the_largest_payload(operations: Operations) -> None:
    operations.ask("Publish", topic="a", payload=bytes(131_072))
    error, message = operations.refused("Publish", topic="a", payload=bytes(131_073))
    assert error is iot_data.RequestEntityTooLargeException
    assert "131072" in message
    assert len(operations.broker.published) == 1


def test_a_retained_message(operations: Operations) -> None:
    operations.broker.kept["a"] = Retained("a", b"\0x", 1, 77, (("k", "v"), ("k", "w")))
    found = operations.ask("GetRetainedMessage", topic="a")
    assert (found.topic, found.payload, found.qos, found.last_modified_time) == ("a", b"\0x", 1, 77)
    assert json.loads(found.user_properties) == [{"k": "v"}, {"k": "w"}]
    operations.broker.kept["b"] = Retained("b", b"y", 0, 78)
    assert operations.ask("GetRetainedMessage", topic="b").user_properties is None
    assert operations.refused("GetRetainedMessage", topic="c") == (
        iot_data.ResourceNotFoundException,
        "No retained message exists for topic c.",
    )


def test_pages_of_retained_messages(operations: Operations) -> None:
    names = [f"t/{number:03}" for number in range(5)]
    operations.broker.kept = {name: Retained(name, b"abc", 1, 9) for name in reversed(names)}
    seen, token = [], None
    while True:
        page = operations.ask("ListRetainedMessages", max_results=2, next_token=token)
        seen.append([each.topic for each in page.retained_topics])
        token = page.next_token
        if token is None:
            break
    assert seen == [names[:2], names[2:4], names[4:]]
    only = operations.ask("ListRetainedMessages").retained_topics[0]
    assert (only.topic, only.payload_size, only.qos, only.last_modified_time) == ("t/000", 3, 1, 9)


def test_a_token_of_another_list(operations: Operations) -> None:
    operations.broker.kept = {name: Retained(name, b"x", 0, 1) for name in "ab"}
    token = operations.ask("ListRetainedMessages", max_results=1).next_token
    assert operations.refused("ListRetainedMessages", next_token="x")[0] is iot_data.InvalidRequestException
    with pytest.raises(iot_data.InvalidRequestException):
        operations.ask(
            "ListRetainedMessages", call=operations.call._replace(scope=operations.call.scope + 1), next_token=token
        )


def known(*, connected: bool, clean: bool, left_at: int | None = None) -> Connected:
    reason = None if left_at is None else "CONNECTION_LOST"
    since = NOW - 5 if connected else None
    place = ("127.0.0.1", 4711) if connected else None
    return Connected("c", connected, "lamp", clean, 60, 0 if clean else 3600, since, left_at, reason, place, place)


def test_a_connection_and_its_socket_if_it_is_asked_for(operations: Operations) -> None:
    operations.broker.known["c"] = known(connected=True, clean=True)
    found = operations.ask("GetConnection", client_id="c")
    assert (found.connected, found.clean_session, found.thing_name, found.client_id) == (True, True, "lamp", "c")
    assert (found.keep_alive_duration, found.session_expiry, found.connected_since) == (60, 0, NOW - 5)
    assert (found.source_ip, found.source_port, found.target_ip, found.target_port) == (None, None, None, None)
    found = operations.ask("GetConnection", client_id="c", include_socket_information=True)
    assert (found.source_ip, found.source_port, found.target_ip, found.target_port) == ("127.0.0.1", 4711) * 2


HALF_AN_HOUR = 30 * 60_000


@pytest.mark.parametrize(
    ("clean", "left_at", "told"),
    [
        (True, NOW - HALF_AN_HOUR, "CONNECTION_LOST"),
        (True, NOW - HALF_AN_HOUR - 1, "missing"),
        (False, NOW - HALF_AN_HOUR - 1, None),
        (False, NOW - 1, "CONNECTION_LOST"),
    ],
)
def test_who_has_left(operations: Operations, clean: bool, left_at: int, told: str | None) -> None:
    operations.broker.known["c"] = known(connected=False, clean=clean, left_at=left_at)
    if told == "missing":
        assert operations.refused("GetConnection", client_id="c")[0] is iot_data.ResourceNotFoundException
        return
    found = operations.ask("GetConnection", client_id="c")
    assert (found.connected, found.disconnect_reason) == (False, told)
    assert found.disconnected_since == (None if told is None else left_at)


def test_an_unknown_client(operations: Operations) -> None:
    for name in ("GetConnection", "DeleteConnection"):
        assert operations.refused(name, client_id="c") == (
            iot_data.ResourceNotFoundException,
            "No connection or session exists for client c.",
        )


def test_how_a_connection_is_ended(operations: Operations) -> None:
    operations.broker.known["c"] = known(connected=True, clean=False)
    assert operations.ask("DeleteConnection", client_id="c") is None
    operations.ask("DeleteConnection", client_id="c", clean_session=True, prevent_will_message=True)
    assert operations.broker.ended == [("c", False, False), ("c", True, True)]
