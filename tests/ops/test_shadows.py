"""Device shadows: device reference 9, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tidegate.engine.tidying import Tidying
from tidegate.ops import registry
from tidegate.ops import shadows as operations
from tidegate.ops.call import Call
from tidegate.ops.effects import ShadowMessages
from tidegate.store import scopes, shadows, things
from tidegate.store.database import Database, transact
from tidegate.store.shadows import Key, Shadow
from tidegate.wire import iot_data

SECONDS = 1_767_225_600
HOUR = 3_600_000


class Device:
    """Requests about one thing's shadow, as JSON, and what subscribers were told."""

    def __init__(self, run: Any, thing: str = "t", name: str | None = None) -> None:
        self._run = run
        self._where = {"plane": "iot-data", "thing_name": thing, "shadow_name": name}
        self.told: list[tuple[str, Any]] = []

    def update(self, state: Any, **members: Any) -> Any:
        payload = json.dumps({"state": state, **members}).encode()
        return self._ask("UpdateThingShadow", payload=payload)

    def get(self) -> Any:
        return self._ask("GetThingShadow")

    def delete(self) -> Any:
        return self._ask("DeleteThingShadow")

    def _ask(self, operation: str, **members: Any) -> Any:
        effects: list[Any] = []
        response = self._run(operation, **self._where, **members, effects=effects)
        self.told = [
            (message.topic, json.loads(message.payload))
            for effect in effects
            if isinstance(effect, ShadowMessages)
            for message in effect.messages
        ]
        return json.loads(response.payload)


@pytest.fixture
def device(run: Any) -> Device:
    return Device(run)


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The things that the registry was told have changed."""
    found: list[int] = []
    monkeypatch.setattr(registry, "thing_changed", lambda _tx, _call, thing_id: found.append(thing_id))
    return found


def test_a_shadow_from_its_beginning_to_its_end(device: Device) -> None:
    created = device.update({"desired": {"colour": "red"}}, clientToken="c1")
    assert created == {
        "state": {"desired": {"colour": "red"}},
        "metadata": {"desired": {"colour": {"timestamp": SECONDS}}},
        "version": 1,
        "timestamp": SECONDS,
        "clientToken": "c1",
    }
    assert device.get() == {
        "state": {"desired": {"colour": "red"}, "delta": {"colour": "red"}},
        "metadata": {"desired": {"colour": {"timestamp": SECONDS}}},
        "version": 1,
        "timestamp": SECONDS,
    }
    device.update({"reported": {"colour": "red"}})
    found = device.get()
    assert found["state"] == {"desired": {"colour": "red"}, "reported": {"colour": "red"}}
    assert found["version"] == 2
    assert device.delete() == {"version": 2, "timestamp": SECONDS}
    with pytest.raises(iot_data.ResourceNotFoundException, match="No shadow exists with name: 't'"):
        device.get()


def test_who_is_told_what(device: Device) -> None:
    answer = device.update({"desired": {"a": 1}}, clientToken="c1")
    state = {"desired": {"a": 1}}
    times = {"desired": {"a": {"timestamp": SECONDS}}}
    assert device.told == [
        (
            "$aws/things/t/shadow/update/delta",
            {
                "version": 1,
                "timestamp": SECONDS,
                "state": {"a": 1},
                "metadata": {"a": {"timestamp": SECONDS}},
                "clientToken": "c1",
            },
        ),
        ("$aws/things/t/shadow/update/accepted", answer),
        (
            "$aws/things/t/shadow/update/documents",
            {
                "previous": None,
                "current": {"state": state, "metadata": times, "version": 1},
                "timestamp": SECONDS,
                "clientToken": "c1",
            },
        ),
    ]
    device.update({"reported": {"b": 2}})
    assert [topic.rpartition("/")[2] for topic, _ in device.told] == ["delta", "accepted", "documents"]
    assert device.told[2][1]["previous"] == {"state": state, "metadata": times, "version": 1}
    device.update({"reported": {"a": 1}})
    assert [topic.rpartition("/")[2] for topic, _ in device.told] == ["accepted", "documents"]
    device.get()
    assert device.told == []
    answer = device.delete()
    assert device.told == [("$aws/things/t/shadow/delete/accepted", answer)]


def test_a_refusal_tells_nobody(run: Any, device: Device) -> None:
    device.update({"desired": {"a": 1}})
    effects: list[Any] = []
    payload = b'{"state":{"desired":{"a":2}},"version":7}'
    with pytest.raises(iot_data.ConflictException, match="Version conflict"):
        run("UpdateThingShadow", plane="iot-data", thing_name="t", payload=payload, effects=effects)
    assert effects == []
    assert device.get()["version"] == 1


def test_versions_outlive_a_shadow(device: Device) -> None:
    device.update({"desired": {"a": 1}}, version=0)
    device.update({"desired": {"a": 2}}, version=1)
    device.delete()
    with pytest.raises(iot_data.ConflictException):
        device.update({"desired": {"b": 1}}, version=7)
    assert device.update({"desired": {"b": 1}}, version=2)["version"] == 3
    found = device.get()
    assert found["state"]["desired"] == {"b": 1}
    assert device.told == []
    device.delete()
    assert device.update({"desired": {"b": 1}})["version"] == 4
    assert device.told[2][1]["previous"] is None


def test_setting_the_state_to_null_keeps_the_shadow(device: Device) -> None:
    device.update({"desired": {"a": 1}, "reported": {"a": 1}})
    assert device.update(None)["state"] is None
    assert device.get() == {"state": {}, "metadata": {}, "version": 2, "timestamp": SECONDS}


def test_named_shadows_are_shadows_of_their_own(run: Any, device: Device) -> None:
    named = Device(run, name="$package")
    device.update({"desired": {"a": 1}})
    assert named.update({"reported": {"b": 2}})["version"] == 1
    assert named.told[0][0] == "$aws/things/t/shadow/name/$package/update/accepted"
    assert named.get()["state"] == {"reported": {"b": 2}}
    device.delete()
    assert named.get()["version"] == 1
    named.delete()
    with pytest.raises(iot_data.ResourceNotFoundException, match=r"No shadow exists with name: '\$package'"):
        named.delete()


def test_sizes(device: Device, call: Call, run: Any) -> None:
    device.update({"desired": {"a": "x" * 4000}})
    with pytest.raises(iot_data.RequestEntityTooLargeException):
        device.update({"reported": {"a": "x" * 4200}})
    larger = call._replace(limits=call.limits._replace(shadow_bytes=30_720))
    payload = json.dumps({"state": {"reported": {"a": "x" * 20_000}}}).encode()
    run("UpdateThingShadow", plane="iot-data", call=larger, thing_name="t", payload=payload)
    assert device.get()["version"] == 2


def test_text_of_any_kind(device: Device) -> None:
    state = {"desired": {"ключ": "\0 \u2028 😀", "n": 12345678901234567890123, "f": 0.1}}
    device.update(state)
    assert device.get()["state"]["desired"] == state["desired"]


def test_an_empty_payload(run: Any) -> None:
    with pytest.raises(iot_data.InvalidRequestException, match="Invalid JSON"):
        run("UpdateThingShadow", plane="iot-data", thing_name="t", payload=b"")


def test_listing(run: Any, call: Call) -> None:
    names = [f"s{number}" for number in range(7)]
    for name in reversed(names):
        Device(run, name=name).update({"desired": {"a": 1}})
    Device(run).update({"desired": {"a": 1}})
    Device(run, thing="other", name="else").update({"desired": {"a": 1}})
    Device(run, name="s3").delete()
    names.remove("s3")
    found: list[str] = []
    token, pages = None, 0
    while token or not pages:
        members = {"thing_name": "t", "page_size": 2, "next_token": token}
        page = run("ListNamedShadowsForThing", plane="iot-data", **members)
        assert page.timestamp == SECONDS
        found += page.results
        token, pages = page.next_token, pages + 1
    assert (found, pages) == (names, 3)
    whole = run("ListNamedShadowsForThing", plane="iot-data", thing_name="t")
    assert (whole.results, whole.next_token) == (names, None)
    assert run("ListNamedShadowsForThing", plane="iot-data", thing_name="nobody").results == []
    with pytest.raises(iot_data.InvalidRequestException, match="Invalid nextToken"):
        run("ListNamedShadowsForThing", plane="iot-data", thing_name="t", next_token="what")


def test_scopes_do_not_meet(run: Any, call: Call, database: Database, device: Device) -> None:
    device.update({"desired": {"a": 1}})
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    other = call._replace(scope=scope, account="210987654321")
    with pytest.raises(iot_data.ResourceNotFoundException):
        run("GetThingShadow", plane="iot-data", call=other, thing_name="t")


def test_shadows_outlive_their_thing(run: Any, device: Device) -> None:
    run("CreateThing", thing_name="t")
    device.update({"desired": {"a": 1}})
    Device(run, name="n").update({"desired": {"a": 1}})
    run("DeleteThing", thing_name="t")
    assert run("ListNamedShadowsForThing", plane="iot-data", thing_name="t").results == ["n"]
    assert device.update({"desired": {"a": 2}})["version"] == 2
    run("CreateThing", thing_name="t")
    assert device.get()["state"]["desired"] == {"a": 2}


def test_the_registry_hears_of_changes(run: Any, device: Device, changed: list[int]) -> None:
    device.update({"desired": {"a": 1}})
    assert changed == []  # nobody has registered it
    run("CreateThing", thing_name="t")
    del changed[:]
    device.update({"desired": {"a": 2}})
    device.get()
    assert len(changed) == 1
    device.delete()
    assert changed == [changed[0]] * 2


def test_documents_for_the_index(run: Any, device: Device, database: Database, call: Call) -> None:
    run("CreateThing", thing_name="t")
    device.update({"desired": {"a": 1}})
    Device(run, name="n").update({"reported": {"b": 1}})
    gone = Device(run, name="gone")
    gone.update({"reported": {"b": 1}})
    gone.delete()
    thing = transact(database, lambda tx: things.find(tx, call.scope, "t"))
    assert thing is not None
    found = transact(database, lambda tx: shadows.shadows_of(tx, thing.id))
    assert {name: one.version for name, one in found.items()} == {"": 1, "n": 1}
    assert {name: json.loads(one.document or "") for name, one in found.items()} == {
        "": {"state": {"desired": {"a": 1}}, "metadata": {"desired": {"a": {"timestamp": SECONDS}}}},
        "n": {"state": {"reported": {"b": 1}}, "metadata": {"reported": {"b": {"timestamp": SECONDS}}}},
    }


def test_a_shadow_is_set_only_as_it_was_read(database: Database, call: Call) -> None:
    key = Key(call.scope, "t", "")

    def put(former: Shadow | None, after: Shadow) -> bool:
        return transact(database, lambda tx: shadows.put(tx, key, former, after, call.now))

    first, deleted = Shadow(1, "{}"), Shadow(1, None)
    assert put(None, first)
    assert not put(None, first)
    assert not put(deleted, Shadow(2, "{}"))
    assert put(first, deleted)
    assert not put(first, Shadow(2, "{}"))
    assert put(deleted, Shadow(2, "{}"))
    assert transact(database, lambda tx: shadows.get(tx, key)) == Shadow(2, "{}")


def test_a_deleted_shadow_is_forgotten_after_two_days(
    database: Database, call: Call, run: Any, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page a step, and never one that is there, or that was made anew."""
    monkeypatch.setattr(operations, "_FORGET_CHUNK", 2)
    steps = Tidying(lambda tx, now: None)

    def tidied(now: int) -> None:
        for _ in range(5):
            transact(database, lambda tx: steps(tx, now))

    kept, again = Device(run, name="kept"), Device(run, name="again")
    for each in (device, kept, again, *(Device(run, name=f"n{number}") for number in range(4))):
        each.update({"reported": {"a": 1}})
    device.delete()
    again.delete()
    again.update({"reported": {"a": 2}})
    tidied(call.now + 48 * HOUR - 1)
    assert transact(database, lambda tx: shadows.get(tx, Key(call.scope, "t", ""))) == Shadow(1, None)
    tidied(call.now + 48 * HOUR)  # looked at just now
    assert transact(database, lambda tx: shadows.get(tx, Key(call.scope, "t", ""))) == Shadow(1, None)
    tidied(call.now + 49 * HOUR)
    assert transact(database, lambda tx: shadows.get(tx, Key(call.scope, "t", ""))) is None
    assert kept.get()["version"] == 1
    assert again.get()["version"] == 2
    assert device.update({"reported": {"a": 1}})["version"] == 1, "it begins anew"


def test_nobody_tidies_while_something_is_due(database: Database) -> None:
    asked: list[str] = []

    class Watching:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            raise AssertionError(name)

    Tidying(lambda tx, now: now)(Watching(), SECONDS)
    assert asked == []


def at_once(database: Database, work: Callable[[int], Any], count: int) -> list[Any]:
    """Do a work several times: all at once where the engine can, else one after the other."""
    if not database.concurrent:
        return [work(number) for number in range(count)]
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(work, range(count)))


def test_updates_at_once_lose_nothing(run: Any, database: Database) -> None:
    def update(number: int) -> int:
        version: int = Device(run).update({"reported": {f"k{number}": number}})["version"]
        return version

    assert sorted(at_once(database, update, 40)) == list(range(1, 41))
    assert Device(run).get()["state"]["reported"] == {f"k{number}": number for number in range(40)}


def test_of_several_that_expect_a_version_one_wins(run: Any, database: Database) -> None:
    Device(run).update({"reported": {"n": -1}})

    def update(number: int) -> bool:
        try:
            Device(run).update({"reported": {"n": number}}, version=1)
        except iot_data.ConflictException:
            return False
        return True

    won = at_once(database, update, 8)
    assert won.count(True) == 1
    assert Device(run).get()["state"]["reported"]["n"] == won.index(True)
