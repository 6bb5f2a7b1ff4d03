"""What the broker does with what it carries: filters, sessions, wills, retained messages, shadows."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from tidegate.conformance.assertions import UnmetError, holds, same
from tidegate.conformance.chapters.mqtt import listening, topics
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import DOCUMENT, Chapter

chapter = Chapter("mqtt")  # a chapter with what the devices\' plane does
expects = chapter.expects

# -- the broker -------------------------------------------------------------------------------------------------------


def _passes(at: Endpoint, filter_: str, topic: str, heard: bool) -> None:
    device, base = at.device(), at.name("t")
    device.subscribe(f"{base}/{filter_}")
    device.publish(f"{base}{topic}", b"x")
    found = [each.topic for each in device.heard(at.name("m"))]
    same(found, [f"{base}{topic}"] if heard else [], "messages")


for _filter, _topic, _heard in (
    ("+", "/a", True),
    ("+", "/a/b", False),
    ("#", "/a", True),
    ("#", "/a/b/c", True),
    ("#", "", False),
    ("a/+/c", "/a/b/c", True),
    ("A", "/a", False),
):
    chapter.expects(
        f"filter-{_filter}-{_topic.strip('/') or 'parent'}",
        f"`t/{_filter}` {'matches' if _heard else 'does not match'} `t{_topic}`",
        "device 2.3",
        DOCUMENT,
    )(partial(_passes, filter_=_filter, topic=_topic, heard=_heard))


@expects("nine-filters", "More than eight filters in one SUBSCRIBE end the connection", "device 2.3", DOCUMENT)
def _(at: Endpoint) -> None:
    device = at.device()
    device.client.subscribe([(f"{at.name()}/{number}", 0) for number in range(9)])
    device._taken(device.ended, "the end of the connection")


@expects("qos-2", "A PUBLISH with QoS 2 is not acknowledged", "device 2.4", DOCUMENT)
def _(at: Endpoint) -> None:
    device = at.device()
    device.client.publish(at.name(), b"x", 2)
    device._taken(device.ended, "DISCONNECT")


@expects("taken-over", "A second connection of a client id ends the first", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.name("twin")
    first = at.device(client_id=name)
    at.device(client_id=name)
    device_code = first._taken(first.ended, "the end of the first connection")
    same(device_code, 0x8E, "reason of the DISCONNECT")


@expects("will", "The will of a client that vanishes is published", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, watcher = at.name("will"), at.device()
    watcher.subscribe(topic)
    at.device(will=(topic, b"gone")).vanish()
    same(watcher.next("the will").payload, b"gone", "payload")


@expects("no-will", "The will of a client that says goodbye is not", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, watcher = at.name("will"), at.device()
    watcher.subscribe(topic)
    at.device(will=(topic, b"gone")).close()
    same([each.payload for each in watcher.heard(at.name("m"))], [], "messages")


@expects("retained", "A retained message comes to a later subscriber of its topic", "device 2.6", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, device = at.name("retained"), at.device()
    device.publish(topic, b"kept", retain=True)
    other = at.device()
    other.subscribe(topic)
    found = other.next("the retained message")
    device.publish(topic, b"", retain=True)
    same((found.payload, found.retain), (b"kept", True), "payload and flag")


@expects("retained-wildcard", "… and not to a filter with a wildcard", "device 2.6", DOCUMENT)
def _(at: Endpoint) -> None:
    base, device = at.name("retained"), at.device()
    device.publish(f"{base}/a", b"kept", retain=True)
    other = at.device()
    other.subscribe(f"{base}/+")
    found = [each.payload for each in other.heard(at.name("m"))]
    device.publish(f"{base}/a", b"", retain=True)
    same(found, [], "messages")


@expects(
    "connack", "CONNACK tells QoS 1, receive maximum 100, eight aliases, no subscription ids", "device 2.7", DOCUMENT
)
def _(at: Endpoint) -> None:
    found = at.device().properties
    shown = (
        getattr(found, "MaximumQoS", None),
        getattr(found, "ReceiveMaximum", None),
        getattr(found, "TopicAliasMaximum", None),
        getattr(found, "SubscriptionIdentifierAvailable", None),
    )
    same(shown, (1, 100, 8, 0), "properties")


@expects("keep-alive", "A keep alive below 30 s becomes 30", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    same(getattr(at.device(keep_alive=10).properties, "ServerKeepAlive", None), 30, "Server Keep Alive")


@expects("reserved", "A client cannot publish what only the service says", "device 2.5", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    watcher = listening(at, thing)
    with suppress(UnmetError):  # the connection may end
        device.publish(f"{topics(thing)}/notify", {"forged": True})
    same([each.body for each in watcher.heard(at.name("m"))], [], "messages")


# -- shadows ----------------------------------------------------------------------------------------------------------


def _shadow(thing: str) -> str:
    return f"$aws/things/{thing}/shadow"


@expects("shadow-none", "A shadow that does not exist is rejected with 404", "device 9.4", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/get/accepted", f"{_shadow(thing)}/get/rejected")
    device.rejected(f"{_shadow(thing)}/get", 404)


@expects("shadow-update", "An update is accepted with the next version and metadata", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/accepted", f"{_shadow(thing)}/update/rejected")
    found = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})
    same((found["version"], found["state"]), (1, {"reported": {"a": 1}}), "version and state")
    holds("a" in found["metadata"]["reported"], "metadata", found)


@expects("shadow-delta", "What is desired and not reported comes as delta", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/delta")
    body = {"state": {"desired": {"a": 1, "b": 2}, "reported": {"a": 1}}}
    device.publish(f"{_shadow(thing)}/update", body)
    same(device.next("the delta").body["state"], {"b": 2}, "state")


@expects("shadow-version", "An update with another version is rejected with 409", "device 9.4", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/accepted", f"{_shadow(thing)}/update/rejected")
    device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})
    device.rejected(f"{_shadow(thing)}/update", 409, {"state": {"reported": {"a": 2}}, "version": 9})


@expects("shadow-null", "null takes a key away", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(*(f"{_shadow(thing)}/{topic}/accepted" for topic in ("update", "get")))
    for state in ({"a": 1, "b": 2}, {"a": None}):
        device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": state}})
    same(device.accepted(f"{_shadow(thing)}/get")["state"]["reported"], {"b": 2}, "reported")


@expects("shadow-version-survives", "A deleted shadow goes on counting when it is made again", "device 9.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(*(f"{_shadow(thing)}/{topic}/accepted" for topic in ("update", "delete")))
    first = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})["version"]
    device.accepted(f"{_shadow(thing)}/delete", b"")
    again = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})["version"]
    holds(again > first, f"a version above {first}", again)
