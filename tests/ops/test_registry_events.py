"""What the registry tells of its changes (device reference 7.5), on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.conftest import Sent
from tidegate.ops.call import Call
from tidegate.ops.effects import EventsWritten
from tidegate.wire import iot

ACCOUNT = "123456789012"
HOME = f"arn:aws:iot:eu-west-1:{ACCOUNT}"
REGISTRY = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
)


def payload(**attributes: str) -> iot.AttributePayload:
    return iot.AttributePayload(attributes=attributes)


def switch(run: Run, *types: str, on: bool = True) -> None:
    run("UpdateEventConfigurations", event_configurations={name: iot.Configuration(enabled=on) for name in types})


@pytest.fixture
def every(run: Run) -> None:
    """Everything the registry can tell is switched on."""
    switch(run, *REGISTRY)


def topics(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [topic.removeprefix("$aws/events/") for topic, _ in found]


def without_ids(event: dict[str, Any]) -> dict[str, Any]:
    """An event but for what tells it from every other."""
    assert len(event["eventId"]) == 36
    return {name: value for name, value in event.items() if name != "eventId"}


def play(run: Run, call: Call) -> None:
    """One of every change."""
    run("CreateThingType", thing_type_name="lamp")
    run("CreateThingGroup", thing_group_name="top")
    run("CreateThingGroup", thing_group_name="g", parent_group_name="top")
    run("CreateThing", thing_name="t", thing_type_name="lamp")
    run("AddThingToThingGroup", thing_group_name="g", thing_name="t")
    run("UpdateThing", thing_name="t", remove_thing_type=True)
    run("RemoveThingFromThingGroup", thing_group_name="g", thing_name="t")
    run("UpdateThingGroup", thing_group_name="g", thing_group_properties=iot.ThingGroupProperties())
    run("DeleteThingGroup", thing_group_name="g")
    run("DeleteThing", thing_name="t")
    run("DeprecateThingType", thing_type_name="lamp")
    run("DeleteThingType", thing_type_name="lamp", call=call._replace(now=NOW + 300_000))


ALL_OF_IT = [
    "thingType/lamp/created",
    "thingGroup/top/created",
    "thingGroup/g/created",
    "thingGroupHierarchy/thingGroup/top/childThingGroup/g/added",
    "thing/t/created",
    "thingTypeAssociation/thing/t/thingType/lamp/added",
    "thingGroupMembership/thingGroup/g/thing/t/added",
    "thing/t/updated",
    "thingTypeAssociation/thing/t/thingType/lamp/removed",
    "thingGroupMembership/thingGroup/g/thing/t/removed",
    "thingGroup/g/updated",
    "thingGroupHierarchy/thingGroup/top/childThingGroup/g/removed",
    "thingGroup/g/deleted",
    "thing/t/deleted",
    "thingType/lamp/updated",
    "thingType/lamp/deleted",
]
FIRST_LEVEL = {
    "THING": "thing",
    "THING_GROUP": "thingGroup",
    "THING_TYPE": "thingType",
    "THING_GROUP_MEMBERSHIP": "thingGroupMembership",
    "THING_GROUP_HIERARCHY": "thingGroupHierarchy",
    "THING_TYPE_ASSOCIATION": "thingTypeAssociation",
}


@pytest.mark.usefixtures("every")
def test_every_change_is_told_in_order(run: Run, call: Call, sent: Sent) -> None:
    play(run, call)
    assert topics(sent()) == ALL_OF_IT


@pytest.mark.parametrize("event_type", REGISTRY)
def test_each_type_is_switched_by_itself(run: Run, call: Call, sent: Sent, event_type: str) -> None:
    switch(run, event_type)
    play(run, call)
    expected = [topic for topic in ALL_OF_IT if topic.split("/")[0] == FIRST_LEVEL[event_type]]
    assert topics(sent()) == expected
    switch(run, event_type, on=False)
    play(run, call)
    assert sent() == []


def test_nothing_is_told_unasked(run: Run, call: Call, sent: Sent) -> None:
    switch(run, "JOB", "JOB_EXECUTION", "POLICY", "CERTIFICATE", "CA_CERTIFICATE")
    effects: list[Any] = []
    play(run, call)
    run("CreateThing", thing_name="u", effects=effects)
    assert sent() == []
    assert not any(isinstance(effect, EventsWritten) for effect in effects)


@pytest.mark.usefixtures("every")
def test_who_listens_is_woken(run: Run, call: Call) -> None:
    effects: list[Any] = []
    run("CreateThing", thing_name="t", effects=effects)
    assert EventsWritten(call.scope) in effects


@pytest.mark.usefixtures("every")
def test_what_a_thing_says(run: Run, call: Call, sent: Sent) -> None:
    run("CreateThingType", thing_type_name="lamp")
    thing = run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    later = call._replace(now=NOW + 1)
    run("UpdateThing", thing_name="t", thing_type_name="lamp", attribute_payload=payload(b="2"), call=later)
    run("DeleteThing", thing_name="t", call=later)
    _, (_, created), (_, updated), (_, added), (_, removed), (_, deleted) = sent()
    common = {
        "eventType": "THING_EVENT",
        "accountId": ACCOUNT,
        "thingId": thing.thing_id,
        "thingName": "t",
    }
    assert without_ids(created) == {
        **common,
        "timestamp": NOW,
        "operation": "CREATED",
        "versionNumber": 1,
        "thingTypeName": None,
        "attributes": {"a": "1"},
    }
    after = {**common, "timestamp": NOW + 1, "versionNumber": 2, "thingTypeName": "lamp", "attributes": {"b": "2"}}
    assert without_ids(updated) == {**after, "operation": "UPDATED"}
    assert without_ids(deleted) == {**after, "operation": "DELETED"}
    association = {
        "eventType": "THING_TYPE_ASSOCIATION_EVENT",
        "timestamp": NOW + 1,
        "thingId": thing.thing_id,
        "thingName": "t",
        "thingTypeName": "lamp",
    }
    assert without_ids(added) == {**association, "operation": "ADDED"}
    assert without_ids(removed) == {**association, "operation": "REMOVED"}


@pytest.mark.usefixtures("every")
def test_what_a_thing_type_says(run: Run, call: Call, sent: Sent) -> None:
    propagating = [
        iot.PropagatingAttribute(user_property_key="k", thing_attribute="model"),
        iot.PropagatingAttribute(user_property_key="c", connection_attribute="iot:ClientId"),
    ]
    properties = iot.ThingTypeProperties(
        thing_type_description="my type",
        searchable_attributes=["b", "a"],
        mqtt5_configuration=iot.Mqtt5Configuration(propagating_attributes=propagating),
    )
    made = run("CreateThingType", thing_type_name="lamp", thing_type_properties=properties)
    run("DeprecateThingType", thing_type_name="lamp", call=call._replace(now=NOW + 5))
    run("DeprecateThingType", thing_type_name="lamp")  # it is already: nothing to tell
    run("DeprecateThingType", thing_type_name="lamp", undo_deprecate=True)
    emptied = iot.ThingTypeProperties(mqtt5_configuration=iot.Mqtt5Configuration())
    run("UpdateThingType", thing_type_name="lamp", thing_type_properties=emptied)
    run("CreateThingType", thing_type_name="plain")
    (_, created), (_, deprecated), (_, undone), (_, updated), (_, plain) = sent()
    common = {
        "eventType": "THING_TYPE_EVENT",
        "accountId": ACCOUNT,
        "thingTypeId": made.thing_type_id,
        "thingTypeName": "lamp",
        "searchableAttributes": ["b", "a"],
        "propagatingAttributes": [
            {"userPropertyKey": "k", "thingAttribute": "model"},
            {"userPropertyKey": "c", "connectionAttribute": "iot:ClientId"},
        ],
        "description": "my type",
    }
    valid = {"timestamp": NOW, "isDeprecated": False, "deprecationDate": None}
    assert without_ids(created) == {**common, **valid, "operation": "CREATED"}
    assert without_ids(deprecated) == {
        **common,
        "operation": "UPDATED",
        "timestamp": NOW + 5,
        "isDeprecated": True,
        "deprecationDate": NOW + 5,
    }
    assert without_ids(undone) == {**common, **valid, "operation": "UPDATED"}
    assert without_ids(updated) == {**common, **valid, "operation": "UPDATED", "propagatingAttributes": []}
    assert (plain["description"], plain["searchableAttributes"], plain["propagatingAttributes"]) == ("", [], [])


@pytest.mark.usefixtures("every")
def test_what_a_thing_group_says(run: Run, sent: Sent) -> None:
    ids = {}
    for name, parent in (("top", None), ("mid", "top"), ("leaf", "mid")):
        made = run("CreateThingGroup", thing_group_name=name, parent_group_name=parent)
        ids[name] = made.thing_group_id
    properties = iot.ThingGroupProperties(thing_group_description="d", attribute_payload=payload(a="1"))
    run("UpdateThingGroup", thing_group_name="leaf", thing_group_properties=properties)
    run("DeleteThingGroup", thing_group_name="leaf")
    found = dict(sent())
    top = found["$aws/events/thingGroup/top/created"]
    assert without_ids(top) == {
        "eventType": "THING_GROUP_EVENT",
        "timestamp": NOW,
        "operation": "CREATED",
        "accountId": ACCOUNT,
        "thingGroupId": ids["top"],
        "thingGroupName": "top",
        "versionNumber": 1,
        "parentGroupName": None,
        "parentGroupId": None,
        "description": "",
        "rootToParentThingGroups": [],
        "attributes": {},
        "dynamicGroupMappingId": None,
    }
    expected = {
        "eventType": "THING_GROUP_EVENT",
        "timestamp": NOW,
        "accountId": ACCOUNT,
        "thingGroupId": ids["leaf"],
        "thingGroupName": "leaf",
        "versionNumber": 2,
        "parentGroupName": "mid",
        "parentGroupId": ids["mid"],
        "description": "d",
        "rootToParentThingGroups": [
            {"groupArn": f"{HOME}:thinggroup/top", "groupId": ids["top"]},
            {"groupArn": f"{HOME}:thinggroup/mid", "groupId": ids["mid"]},
        ],
        "attributes": {"a": "1"},
        "dynamicGroupMappingId": None,
    }
    for change in ("updated", "deleted"):
        event = without_ids(found[f"$aws/events/thingGroup/leaf/{change}"])
        assert event == {**expected, "operation": change.upper()}
    tie = "$aws/events/thingGroupHierarchy/thingGroup/mid/childThingGroup/leaf"
    for change in ("added", "removed"):
        assert without_ids(found[f"{tie}/{change}"]) == {
            "eventType": "THING_GROUP_HIERARCHY_EVENT",
            "timestamp": NOW,
            "operation": change.upper(),
            "accountId": ACCOUNT,
            "thingGroupId": ids["mid"],
            "thingGroupName": "mid",
            "childGroupId": ids["leaf"],
            "childGroupName": "leaf",
        }


@pytest.mark.usefixtures("every")
def test_what_a_membership_says(run: Run, call: Call, sent: Sent) -> None:
    group = run("CreateThingGroup", thing_group_name="g").thing_group_id
    thing = run("CreateThing", thing_name="t").thing_id
    sent()
    membership = {"thing_group_name": "g", "thing_name": "t"}
    run("RemoveThingFromThingGroup", **membership)
    assert sent() == []
    for now in (NOW + 1, NOW + 2):
        run("AddThingToThingGroup", **membership, call=call._replace(now=now))
    run("RemoveThingFromThingGroup", **membership, call=call._replace(now=NOW + 3))
    run("AddThingToThingGroup", **membership, call=call._replace(now=NOW + 4))
    (topic, added), (_, removed), (_, again) = sent()
    assert topic == "$aws/events/thingGroupMembership/thingGroup/g/thing/t/added"
    assert without_ids(added) == {
        "eventType": "THING_GROUP_MEMBERSHIP_EVENT",
        "timestamp": NOW + 1,
        "operation": "ADDED",
        "accountId": ACCOUNT,
        "groupArn": f"{HOME}:thinggroup/g",
        "groupId": group,
        "thingArn": f"{HOME}:thing/t",
        "thingId": thing,
        "membershipId": added["membershipId"],
    }
    assert (removed["operation"], removed["timestamp"]) == ("REMOVED", NOW + 3)
    assert removed["membershipId"] == added["membershipId"] != again["membershipId"]


@pytest.mark.usefixtures("every")
def test_memberships_that_end_with_their_thing_or_group(run: Run, sent: Sent) -> None:
    for name in ("g", "h"):
        run("CreateThingGroup", thing_group_name=name)
    for name in ("t", "u"):
        run("CreateThing", thing_name=name)
        run("UpdateThingGroupsForThing", thing_name=name, thing_groups_to_add=["g", "h"])
    run("UpdateThingGroupsForThing", thing_name="u", thing_groups_to_add=["g"], thing_groups_to_remove=["h"])
    added = {event["membershipId"] for topic, event in sent() if topic.endswith("/added")}
    assert len(added) == 4
    run("DeleteThing", thing_name="t")
    run("DeleteThingGroup", thing_group_name="g")
    found = sent()
    assert topics(found) == [
        "thingGroupMembership/thingGroup/g/thing/t/removed",
        "thingGroupMembership/thingGroup/h/thing/t/removed",
        "thing/t/deleted",
        "thingGroupMembership/thingGroup/g/thing/u/removed",
        "thingGroup/g/deleted",
    ]
    assert {event["membershipId"] for topic, event in found if topic.endswith("/removed")} < added


@pytest.mark.usefixtures("every")
def test_a_new_type_takes_the_place_of_the_old(run: Run, sent: Sent) -> None:
    for name in ("lamp", "pump"):
        run("CreateThingType", thing_type_name=name)
    run("CreateThing", thing_name="t", thing_type_name="lamp")
    sent()
    run("UpdateThing", thing_name="t", thing_type_name="pump")
    run("UpdateThing", thing_name="t", thing_type_name="pump")
    assert topics(sent()) == [
        "thing/t/updated",
        "thingTypeAssociation/thing/t/thingType/lamp/removed",
        "thingTypeAssociation/thing/t/thingType/pump/added",
        "thing/t/updated",
    ]


@pytest.mark.usefixtures("every")
def test_what_changes_nothing_or_is_refused_is_not_told(run: Run, sent: Sent) -> None:
    run("CreateThingType", thing_type_name="lamp")
    run("CreateThingGroup", thing_group_name="g")
    run("CreateThing", thing_name="t")
    sent()
    run("CreateThingType", thing_type_name="lamp")
    run("CreateThingGroup", thing_group_name="g")
    run("CreateThing", thing_name="t")
    for name in ("DeleteThing", "DeleteThingGroup"):
        run(name, **{"thing_name" if name == "DeleteThing" else "thing_group_name": "none"})
    with pytest.raises(iot.VersionConflictException):
        run("DeleteThing", thing_name="t", expected_version=9)
    with pytest.raises(iot.ResourceNotFoundException):
        run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["g", "none"])
    assert sent() == []
