"""Messages between clients of two servers on one PostgreSQL (real clients)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Maker, client
from tests.e2e.mqtt import connected
from tests.e2e.nodes import Nodes
from tests.servers import options, started


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, new_postgres: Callable[[str], str]
) -> Iterator[tuple[Any, Any, str]]:
    url = new_postgres("tidegate-carried")
    folder = tmp_path_factory.mktemp("carried")
    rates = {("iot", "ListThingTypes"): 0.001}
    first, second = (options(folder / name, store=url, throttles=rates) for name in ("first", "second"))
    with started(first) as one, started(second) as two:
        yield one, two, url


@pytest.fixture
def nodes(pair: tuple[Any, Any, str], maker: Maker, tmp_path: Path) -> Nodes:
    """An account of its own at both."""
    first, second, url = pair
    return Nodes(first, second, url, maker, tmp_path)


def test_a_message_reaches_the_clients_of_the_other_server(nodes: Nodes) -> None:
    """Once SUBACK is there, and in the order of its publisher; whatever the size."""
    sends, hears = nodes.device("sends"), nodes.device("hears")
    with connected(nodes.here, sends, "sends") as one, connected(nodes.there, hears, "hears") as two:
        for topic_filter, topic in (("exact/a", "exact/a"), ("wild/+/#", "wild/b/c")):
            assert two.subscribe(topic_filter) == [1]
            for number in range(20):
                assert one.publish(topic, b"%d" % number, number % 2 if number < 19 else 1) == 0
            found = [two.next() for _ in range(20)]
            assert [(each.topic, each.payload) for each in found] == [(topic, b"%d" % n) for n in range(20)]
            assert [each.qos for each in found] == [number % 2 if number < 19 else 1 for number in range(20)]
        one.publish("exact/a", bytes(100_000))
        assert two.next().payload == bytes(100_000)
        two.client.unsubscribe("exact/a")
        two.subscribe("other")  # whose answer comes after the other one
        one.publish("exact/a", b"nobody's")
        one.publish("wild/x/y", b"last")
        assert two.next().payload == b"last"


def test_properties_travel_with_a_message(nodes: Nodes) -> None:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    sends, hears = nodes.device("sends"), nodes.device("hears")
    with connected(nodes.here, sends, "sends", level=5) as one, connected(nodes.there, hears, "hears", level=5) as two:
        got: list[Any] = []
        listen = two.client.on_message
        two.client.on_message = lambda c, d, m: (got.append(m.properties), listen(c, d, m))  # type: ignore[misc]
        two.subscribe("a/b")
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType, properties.ResponseTopic, properties.CorrelationData = "text/plain", "re", b"\xff"
        properties.UserProperty = [("k", "v")]
        properties.MessageExpiryInterval = 600
        one.client.publish("a/b", b"x", 1, properties=properties)
        two.next()
    (found,) = got
    assert (found.ContentType, found.ResponseTopic, found.CorrelationData) == ("text/plain", "re", b"\xff")
    assert found.UserProperty == [("k", "v")]
    assert 590 <= found.MessageExpiryInterval <= 600


def test_a_request_about_a_shadow_is_seen_at_the_other_server(nodes: Nodes) -> None:
    asks, hears = nodes.device("lamp"), nodes.device("hears")
    with connected(nodes.here, asks, "lamp") as one, connected(nodes.there, hears, "hears") as two:
        two.subscribe("$aws/things/lamp/shadow/#")
        one.publish("$aws/things/lamp/shadow/update", b'{"state": {"reported": {"on": true}}}')
        found = {two.next().topic.rpartition("shadow/")[2] for _ in range(3)}
        assert found == {"update", "update/accepted", "update/documents"}


def test_a_client_hears_nothing_twice(nodes: Nodes) -> None:
    """Of a message over HTTPS, of its own server, of the other."""
    here, there = nodes.device("here"), nodes.device("there")
    data = client(nodes.servers[1], "iot-data", nodes.here.id)
    with connected(nodes.here, here, "here") as one, connected(nodes.there, there, "there") as two:
        for each in (one, two):
            each.subscribe("t/#", "t/a")
        one.publish("t/a", b"1")
        two.publish("t/a", b"2")
        data.publish(topic="t/a", payload=b"3", qos=1)
        for each in (one, two):
            assert sorted(each.next().payload for _ in range(3)) == [b"1", b"2", b"3"]
            assert each.messages.empty()


def test_who_was_deaf_meanwhile_has_the_message_of_quality_one(nodes: Nodes) -> None:
    """It is told until it was heard; PUBACK waits for that."""
    sends, hears = nodes.device("sends"), nodes.device("hears")
    with connected(nodes.here, sends, "sends") as one, connected(nodes.there, hears, "hears") as two:
        two.subscribe("t")
        for number in range(30):
            if number == 10:
                assert nodes.deafen() >= 2
            assert one.publish("t", b"%d" % number) == 0
        assert [two.next().payload for _ in range(30)] == [b"%d" % number for number in range(30)]
        deadline = time.monotonic() + 60
        while nodes.listening() < 2:
            assert time.monotonic() < deadline


def test_a_retained_message_is_retained_at_every_server(nodes: Nodes) -> None:
    """PUBACK says so; so it is with one that deletes."""
    sends, hears = nodes.device("sends"), nodes.device("hears")
    data = client(nodes.servers[1], "iot-data", nodes.here.id)
    with connected(nodes.here, sends, "sends") as one, connected(nodes.there, hears, "hears") as two:
        assert one.publish("state", b"on", retain=True) == 0
        two.subscribe("state")
        assert two.next()[1:] == (b"on", 1, True)
        assert data.get_retained_message(topic="state")["payload"] == b"on"
        nodes.deafen()
        assert one.publish("state", b"", retain=True) == 0
        assert one.publish("other", b"off", retain=True) == 0
        assert [each["topic"] for each in data.list_retained_messages()["retainedTopics"]] == ["other"]


def test_a_message_to_a_shared_subscription_goes_to_one_member_of_all(nodes: Nodes) -> None:
    """To each its share, and none twice, also of what the service publishes."""
    names = ["one", "two", "three"]
    credentials = [nodes.device(name) for name in names]
    places = [nodes.here, nodes.there, nodes.there]
    with (
        connected(places[0], credentials[0], "one") as one,
        connected(places[1], credentials[1], "two") as two,
        connected(places[2], credentials[2], "three") as three,
    ):
        members = [one, two, three]
        for each in members:
            assert each.subscribe("$share/g/t/#", "$share/g/$aws/events/presence/#") == [1, 1]
        sent = {b"%d" % number for number in range(60)}
        for number in range(60):
            members[number % 2].publish("t/x", b"%d" % number)
        with connected(nodes.here, credentials[0], "guest"):
            pass
        for each in members:
            each.subscribe("end")
        one.publish("end", b"end")
        got = []
        for each in members:
            mine = []
            while (found := each.next()).topic != "end":
                mine.append(found)
            assert len(mine) > 5
            got += mine
        assert sorted(found.payload for found in got if found.topic == "t/x") == sorted(sent)
        events = [found.topic.split("/")[3] for found in got if found.topic.endswith("/guest")]
        assert sorted(events) == ["connected", "disconnected"]


def test_what_waits_for_a_shared_subscription_goes_to_the_member_that_comes_elsewhere(nodes: Nodes) -> None:
    sends, member = nodes.device("sends"), nodes.device("member")
    with connected(nodes.there, member, "away", clean=False) as away:
        away.subscribe("$share/g/t")
    with connected(nodes.here, sends, "sends") as one:
        for number in range(10):
            assert one.publish("t", b"%d" % number) == 0
    with connected(nodes.here, member, "back") as back:
        back.subscribe("$share/g/t")
        assert [back.next().payload for _ in range(10)] == [b"%d" % number for number in range(10)]
    with connected(nodes.there, member, "away", clean=False) as away:
        away.subscribe("end")
        away.publish("end")
        assert away.next().topic == "end"


def test_a_rate_is_one_for_all_servers(nodes: Nodes) -> None:
    """Asked within a tenth of a second both may answer; after it, what one has answered counts at the other."""
    nodes.here.iot.list_thing_types()
    throttle = nodes.servers[1].running.app._throttle
    deadline = time.monotonic() + 60
    while not any(account == nodes.here.id for account, *_ in throttle._buckets):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(nodes.there.iot.exceptions.ThrottlingException):
        nodes.there.iot.list_thing_types()
