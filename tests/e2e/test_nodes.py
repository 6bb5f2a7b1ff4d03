"""Two servers on one PostgreSQL: what one of them commits, the devices of the other hear of (real clients)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import PATIENCE, Account, Credentials, Maker, client
from tests.e2e.mqtt import Message, connected
from tests.e2e.nodes import EVERYTHING, Nodes, coming, until
from tests.servers import options, started
from tidegate.ops.effects import Missed


@pytest.fixture
def nodes(tmp_path: Path, new_postgres: Callable[[str], str], maker: Maker) -> Iterator[Nodes]:
    url = new_postgres("tidegate-nodes")
    first, second = (options(tmp_path / name, store=url) for name in ("first", "second"))
    with started(first) as one, started(second) as two:
        yield Nodes(one, two, url, maker, tmp_path)


def offers(job_id: str) -> Callable[[Message], bool]:
    """A notify-next that shows a job."""
    return lambda message: (
        message.topic.endswith("/notify-next") and message.body.get("execution", {}).get("jobId") == job_id
    )


def test_a_device_hears_of_a_job_made_at_another_server(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    with connected(nodes.there, credentials, "lamp") as device:
        assert device.subscribe("$aws/things/lamp/jobs/notify-next", "$aws/things/lamp/jobs/notify") == [1, 1]
        nodes.here.job("j1", "lamp")
        assert until(device, offers("j1")).body["execution"]["jobDocument"] == {"operation": "j1"}
        nodes.here.iot.cancel_job(jobId="j1")
        nodes.here.settle()
        assert until(device, lambda message: message.topic.endswith("notify-next")).body.keys() == {"timestamp"}


def test_a_thing_that_comes_to_exist_elsewhere_is_listened_for(nodes: Nodes) -> None:
    credentials = nodes.device("watcher")
    with connected(nodes.there, credentials, "watcher") as device:
        device.subscribe("$aws/things/later/jobs/notify-next")
        nodes.here.thing("later")
        nodes.here.job("j1", "later")
        assert until(device, offers("j1"))


def test_what_one_server_issued_gets_in_at_the_other(nodes: Nodes, tmp_path: Path) -> None:
    """Each has an authority of its own, and those of all are trusted."""
    for number, (issuer, other) in enumerate(((nodes.here, nodes.there), (nodes.there, nodes.here))):
        name = f"lamp-{number}"
        made = issuer.iot.create_keys_and_certificate(setAsActive=True)
        credentials = Credentials(made["certificateArn"], tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        credentials.certificate.write_text(made["certificatePem"])
        credentials.key.write_text(made["keyPair"]["PrivateKey"])
        issuer.thing(name)
        issuer.policy(f"all-{name}", EVERYTHING)
        issuer.grant(credentials, name, f"all-{name}")
        with coming(other, credentials, name) as device:
            device.accepted("get")


def test_a_certificate_revoked_elsewhere_is_disconnected(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    with connected(nodes.there, credentials, "lamp") as device:
        nodes.here.iot.update_certificate(certificateId=credentials.certificate_id, newStatus="REVOKED")
        device.ended.get(timeout=PATIENCE)


def test_a_policy_detached_elsewhere_counts(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    with connected(nodes.there, credentials, "lamp") as device:
        assert device.publish("some/topic") in (0, 16)
        nodes.here.iot.detach_policy(policyName="all-lamp", target=credentials.arn)
        deadline = time.monotonic() + PATIENCE
        while device.publish("some/topic") != -1:
            assert time.monotonic() < deadline


def test_a_shadow_changed_elsewhere_has_its_delta(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    text = "ä" * 3000  # more bytes in all than a NOTIFY holds
    with connected(nodes.there, credentials, "lamp") as device:
        device.subscribe("$aws/things/lamp/shadow/update/#")
        data = client(nodes.servers[0], "iot-data", nodes.here.id)
        for colour in ("red", text):
            data.update_thing_shadow(
                thingName="lamp", payload=json.dumps({"state": {"desired": {"colour": colour}}}).encode()
            )
            topics = {}
            for _ in range(3):
                message = device.next()
                topics[message.topic.removeprefix("$aws/things/lamp/shadow/update/")] = message.body
            assert topics.keys() == {"accepted", "documents", "delta"}
            assert topics["delta"]["state"] == {"colour": colour}
        assert device.messages.empty()


def test_an_event_reaches_the_subscribers_of_every_server_once(nodes: Nodes) -> None:
    here, there = nodes.device("here"), nodes.device("there")
    nodes.here.iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": True}})
    topic = "$aws/events/job/#"
    with connected(nodes.here, here, "here") as one, connected(nodes.there, there, "there") as two:
        for device in (one, two):
            device.subscribe(topic)
        for number in range(3):
            nodes.here.job(f"j{number}", "here")
            nodes.here.iot.cancel_job(jobId=f"j{number}")
            nodes.here.settle()
        seen = []
        for device in (one, two):
            found = [device.next().body for _ in range(6)]
            seen.append([(body["eventType"], body["jobId"], body["operation"]) for body in found])
            assert len({body["eventId"] for body in found}) == 6
            assert device.messages.empty()
        assert seen[0] == seen[1]


def test_a_client_that_connects_elsewhere_is_let_go(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    with (
        connected(nodes.here, credentials, "lamp", level=5) as former,
        connected(nodes.there, credentials, "lamp", level=5) as device,
    ):
        assert former.ended.get(timeout=PATIENCE) == 142  # session taken over
        assert device.publish("some/topic") in (0, 16)
        assert device.ended.empty()


def test_presence_is_told_at_every_server(nodes: Nodes) -> None:
    credentials = nodes.device("watcher")
    with connected(nodes.there, credentials, "watcher") as watcher:
        watcher.subscribe("$aws/events/presence/+/lamp")
        with connected(nodes.here, credentials, "lamp"):
            connects = watcher.next()
        leaves = watcher.next()
    assert [message.topic.split("/")[3] for message in (connects, leaves)] == ["connected", "disconnected"]
    assert connects.body["sessionIdentifier"] == leaves.body["sessionIdentifier"]


def test_a_message_published_over_https_reaches_the_clients_of_every_server(nodes: Nodes) -> None:
    here, there = nodes.device("here"), nodes.device("there")
    data = client(nodes.servers[0], "iot-data", nodes.here.id)
    with connected(nodes.here, here, "here") as one, connected(nodes.there, there, "there") as two:
        for device in (one, two):
            device.subscribe("news/#")
        data.publish(topic="news/today", payload=b"x" * 10_000, qos=1, retain=True)
        data.publish(topic="news/later", payload=b"y", qos=0)
        for device in (one, two):
            assert [(found.topic, len(found.payload)) for found in (device.next(), device.next())] == [
                ("news/today", 10_000),
                ("news/later", 1),
            ]
            assert device.messages.empty()
    there_data = client(nodes.servers[1], "iot-data", nodes.here.id)
    assert there_data.get_retained_message(topic="news/today")["payload"] == b"x" * 10_000


def test_a_store_emptied_by_one_server_is_empty_for_the_other(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    with connected(nodes.there, credentials, "lamp") as device:
        assert nodes.there.iot.list_things()["things"]
        status, _, _ = nodes.servers[0].fetch("/_tidegate/reset", "POST")
        assert status == 200
        device.ended.get(timeout=PATIENCE)
    nodes.there.thing("new")
    assert [thing["thingName"] for thing in nodes.here.iot.list_things()["things"]] == ["new"]


def test_a_device_trusted_at_one_server_is_let_in_at_once_by_the_other(nodes: Nodes) -> None:
    for number in range(3):
        credentials = nodes.device(f"t{number}")
        with connected(nodes.there, credentials, f"t{number}") as device:
            assert device.publish("some/topic") in (0, 16)


def test_nothing_is_missed_when_the_servers_were_deaf(nodes: Nodes) -> None:
    credentials, revoked = nodes.device("lamp"), nodes.device("revoked")
    with connected(nodes.there, credentials, "lamp") as device, connected(nodes.there, revoked, "revoked") as other:
        device.subscribe("$aws/things/lamp/jobs/notify-next")
        for number in range(3):
            assert nodes.deafen() >= 1
            nodes.here.job(f"j{number}", "lamp")
            assert until(device, offers(f"j{number}"))
            nodes.here.iot.cancel_job(jobId=f"j{number}")
            nodes.here.settle()
            deadline = time.monotonic() + PATIENCE
            while nodes.listening() < 2:
                assert time.monotonic() < deadline
        nodes.deafen()
        nodes.here.iot.update_certificate(certificateId=revoked.certificate_id, newStatus="REVOKED")
        other.ended.get(timeout=PATIENCE)
        assert device.ended.empty()


def test_what_a_server_that_vanished_did_not_tell_is_found_out(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are swallowed, as if it had died between the commit and the telling."""
    credentials = nodes.device("lamp")
    with connected(nodes.there, credentials, "lamp") as device:
        device.subscribe("$aws/things/lamp/jobs/notify-next")
        with started(options(tmp_path / "third", store=nodes.url)) as third:
            relay = third.running.service.relay
            assert relay is not None

            async def swallow(_texts: object) -> None:
                """Say nothing."""

            monkeypatch.setattr(relay._channel, "send", swallow)
            nodes.servers[0].on_loop(nodes.servers[0].running.engine.stop)
            nodes.servers[1].on_loop(nodes.servers[1].running.engine.stop)
            account = Account(third, nodes.here.maker, tmp_path)
            account.id = nodes.here.id
            account.job("j1", "lamp")
            assert device.messages.empty()
        assert until(device, offers("j1"))


def test_a_look_at_everything_offers_what_is_pending_in_every_list(nodes: Nodes) -> None:
    credentials = nodes.device("lamp")
    nodes.here.job("j1", "lamp", namespaceId="ns")
    with connected(nodes.there, credentials, "lamp") as device:
        device.subscribe("$aws/things/lamp/jobs/notify-next-namespace-ns", "$aws/things/lamp/jobs/notify-next")

        async def look() -> None:
            nodes.servers[1].running.service.unit.hear([Missed()])

        nodes.servers[1].on_loop(look)
        found = [device.next() for _ in range(2)]
        assert {message.topic: message.body.get("execution", {}).get("jobId") for message in found} == {
            "$aws/things/lamp/jobs/notify-next": None,
            "$aws/things/lamp/jobs/notify-next-namespace-ns": "j1",
        }


def test_a_client_is_known_at_every_server(nodes: Nodes) -> None:
    """What an operator asks one server about a client, the server that has it answers."""
    credentials = nodes.device("lamp")
    here = client(nodes.servers[0], "iot-data", nodes.here.id)
    missing = here.exceptions.ResourceNotFoundException
    with coming(nodes.there, credentials, "lamp") as device:
        assert device.subscribe("a", "b/#") == [1, 1]
        found = here.get_connection(clientId="lamp", includeSocketInformation=True)
        assert (found["connected"], found["sourceIp"]) == (True, "127.0.0.1")
        rows: list[Any] = []
        page = here.list_subscriptions(clientId="lamp", maxResults=1)
        while True:
            rows += page["subscriptions"]
            if "nextToken" not in page:
                break
            page = here.list_subscriptions(clientId="lamp", maxResults=1, nextToken=page["nextToken"])
        assert [(row["topicFilter"], row["qos"]) for row in rows] == [("a", 1), ("b/#", 1)]
        here.send_direct_message(clientId="lamp", topic="now", payload=b"{}", confirmation=True, timeout=15)
        assert until(device, lambda message: message.topic == "now").body == {}
        whole = b'"' + bytes(60_000).replace(b"\0", b"x") + b'"'  # many pieces of the servers' channel
        here.send_direct_message(clientId="lamp", topic="large", payload=whole)
        assert len(until(device, lambda message: message.topic == "large").body) == 60_000
        with pytest.raises(here.exceptions.ForbiddenException):
            here.send_direct_message(clientId="lamp", topic="$aws/things/lamp/jobs/notify", payload=b"{}")
        with pytest.raises(missing):
            here.get_connection(clientId="nobody")
        here.delete_connection(clientId="lamp")
        assert device.ended.get(timeout=PATIENCE) != 0
    with pytest.raises(missing):
        here.send_direct_message(clientId="lamp", topic="now", payload=b"{}")
    with pytest.raises(missing):
        here.list_subscriptions(clientId="lamp")
    assert here.get_connection(clientId="lamp")["connected"] is False
