"""Presence events and the conditions of CONNECT, by real clients against a whole server (device reference 7.4, 8.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.fleet import Account
from tests.e2e.mqtt import Device, RefusedError, connected
from tidegate.devices.connectivity import Recorder
from tidegate.devices.observer import Connectivity

LEVELS = pytest.mark.parametrize("level", [4, 5], ids=["mqtt-3.1.1", "mqtt-5"])


def _allow(*statements: dict[str, Any]) -> dict[str, Any]:
    rest = {"Effect": "Allow", "Action": ["iot:Publish", "iot:Subscribe", "iot:Receive"], "Resource": "*"}
    connects = [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*", **each} for each in statements]
    return {"Version": "2012-10-17", "Statement": [rest, *connects]}


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


@LEVELS
def test_presence_and_subscriptions_are_told(account: Account, level: int) -> None:
    account.policy("device", _allow({}))
    watching, credentials = account.device("watcher"), account.register("pump")
    account.thing("pump")
    account.grant(credentials, "pump", "device", thingPrincipalType="EXCLUSIVE_THING")
    with connected(account, watching, "watcher", level=level) as watcher:
        assert watcher.subscribe("$aws/events/presence/+/serial-7", "$aws/events/subscriptions/#") == [1, 1]
        with connected(account, credentials, "serial-7", level=level) as pump:
            pump.subscribe("a", "b")
        found = [watcher.next() for _ in range(3 + 1)]
    kinds = [each.topic.removeprefix("$aws/events/") for each in found]
    assert kinds == [
        "subscriptions/subscribed/watcher",
        "presence/connected/serial-7",
        "subscriptions/subscribed/serial-7",
        "presence/disconnected/serial-7",
    ]
    for each in found[1:]:
        assert each.body["thingName"] == "pump"
        assert each.body["principalIdentifier"] == credentials.certificate_id
    assert found[1].body["ipAddress"] in ("127.0.0.1", "::1")
    assert found[2].body["topics"] == ["a", "b"]
    assert found[3].body["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert found[1].body["sessionIdentifier"] == found[3].body["sessionIdentifier"]


@LEVELS
@pytest.mark.parametrize("clean", [True, False])
def test_a_policy_may_ask_for_persistent_sessions(account: Account, level: int, clean: bool) -> None:
    condition = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    account.policy("device", _allow({"Condition": condition}))
    credentials = account.device("pump")
    if clean:
        with pytest.raises(RefusedError):
            Device(account, credentials, "pump", level=level, clean=True)
    else:
        Device(account, credentials, "pump", level=level, clean=False).close()


@LEVELS
def test_a_policy_may_forbid_persistent_sessions(account: Account, level: int) -> None:
    condition = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    account.policy("device", _allow({}, {"Effect": "Deny", "Condition": condition}))
    credentials = account.device("pump")
    with pytest.raises(RefusedError):
        Device(account, credentials, "pump", level=level, clean=False)
    Device(account, credentials, "pump", level=level, clean=True).close()


def test_connectivity_reaches_whoever_records_it(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Connectivity] = []
    monkeypatch.setattr(Recorder, "record", lambda _self, what: seen.append(what))
    credentials = account.device("pump")
    with connected(account, credentials, "pump") as device:
        device.ask("get")
    with connected(account, credentials, "pump") as device:
        device.ask("get")
    ours = [each for each in seen if each.scope[0] == account.id]
    assert [(each.client_id, each.connected) for each in ours][:3] == [("pump", True), ("pump", False), ("pump", True)]
    assert ours[1].reason == "CLIENT_INITIATED_DISCONNECT"


def test_the_fleet_index_knows_who_is_connected(account: Account) -> None:
    indexing = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
    account.iot.update_indexing_configuration(thingIndexingConfiguration=indexing)
    credentials = account.device("pump")

    def found(query: str) -> list[str]:
        account.settle()
        return [each["thingName"] for each in account.iot.search_index(queryString=query).get("things", [])]

    with connected(account, credentials, "pump") as device:
        device.ask("get")
        assert found("connectivity.connected:true") == ["pump"]
    gone = lambda: found("connectivity.connected:false")  # noqa: E731
    deadline = 50
    while gone() != ["pump"]:
        deadline -= 1
        assert deadline, "the index never heard of it"
    assert found("connectivity.connected:true") == []
