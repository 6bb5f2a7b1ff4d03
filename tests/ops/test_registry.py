"""Whoever derives something from the registry hears of each thing that changed, once it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.conftest import Run
from tidegate.ops import registry
from tidegate.ops.call import Call
from tidegate.store import things
from tidegate.store.database import Database, Tx
from tidegate.wire import iot


@pytest.fixture
def changed(run: Run, database: Database, call: Call, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the things that changed, in order; t and u are in group g and in billing group b, v in nothing."""
    found: list[str] = []
    names: dict[int, str] = {}

    def remember(tx: Tx, call: Call, thing_id: int) -> None:
        known = things.name_of(tx, thing_id)
        names[thing_id] = known[1] if known else names[thing_id]
        found.append(names[thing_id] + ("" if known else " is gone"))

    def remember_all(tx: Tx, call: Call, thing_ids: Sequence[int]) -> None:
        for thing_id in thing_ids:
            remember(tx, call, thing_id)

    monkeypatch.setattr(registry, "thing_changed", remember)
    monkeypatch.setattr(registry, "things_changed", remember_all)
    run("CreateThingType", thing_type_name="lamp")
    for name in "gh":
        run("CreateThingGroup", thing_group_name=name)
    run("CreateBillingGroup", billing_group_name="b")
    for name in "tu":
        run("CreateThing", thing_name=name, billing_group_name="b")
        run("AddThingToThingGroup", thing_group_name="g", thing_name=name)
    run("CreateThing", thing_name="v")
    found.clear()
    return found


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        ("CreateThing", {"thing_name": "new"}, ["new"]),
        ("CreateThing", {"thing_name": "v"}, []),
        ("UpdateThing", {"thing_name": "v", "thing_type_name": "lamp"}, ["v"]),
        ("UpdateThing", {"thing_name": "v", "attribute_payload": iot.AttributePayload(attributes={"a": "1"})}, ["v"]),
        ("DeleteThing", {"thing_name": "t"}, ["t is gone"]),
        ("DeleteThing", {"thing_name": "none"}, []),
        ("AddThingToThingGroup", {"thing_name": "v", "thing_group_name": "g"}, ["v"]),
        ("AddThingToThingGroup", {"thing_name": "t", "thing_group_name": "g"}, []),
        ("RemoveThingFromThingGroup", {"thing_name": "t", "thing_group_name": "g"}, ["t"]),
        ("RemoveThingFromThingGroup", {"thing_name": "v", "thing_group_name": "g"}, []),
        (
            "UpdateThingGroupsForThing",
            {"thing_name": "t", "thing_groups_to_add": ["h"], "thing_groups_to_remove": ["g"]},
            ["t"],
        ),
        ("UpdateThingGroupsForThing", {"thing_name": "t", "thing_groups_to_add": ["g"]}, []),
        ("DeleteThingGroup", {"thing_group_name": "g"}, ["t", "u"]),
        ("AddThingToBillingGroup", {"thing_name": "v", "billing_group_name": "b"}, ["v"]),
        ("AddThingToBillingGroup", {"thing_name": "t", "billing_group_name": "b"}, []),
        ("RemoveThingFromBillingGroup", {"thing_name": "t", "billing_group_name": "b"}, ["t"]),
        ("RemoveThingFromBillingGroup", {"thing_name": "v", "billing_group_name": "b"}, []),
        ("DeleteBillingGroup", {"billing_group_name": "b"}, ["t", "u"]),
    ],
)
def test_who_changed(
    run: Run, changed: list[str], operation: str, members: dict[str, Any], expected: list[str]
) -> None:
    run(operation, **members)
    assert changed == expected
