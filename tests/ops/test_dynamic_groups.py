"""Dynamic thing groups: control reference 13, 17.4, on both engines."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.indexed import change, connect, create, found, members, report, settle, switch_on
from tests.store.rows import at_once
from tidegate.ops import dynamic_membership, things
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue
from tidegate.ops.quotas import Limits
from tidegate.store import events, scopes
from tidegate.store.database import Database, Tx, locks_rows, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"
OFF = "AWS IoT Fleet Indexing is not enabled. Please enable index by calling UpdateIndexingConfiguration."


@pytest.fixture
def engine(database: Database) -> Any:
    """Lets the engine do what is due."""
    return lambda: settle(database, NOW)


def group(run: Run, name: str, text: str, **members: Any) -> iot.CreateDynamicThingGroupResponse:
    """A dynamic group."""
    response: iot.CreateDynamicThingGroupResponse = run(
        "CreateDynamicThingGroup", thing_group_name=name, query_string=text, **members
    )
    return response


def status(run: Run, name: str) -> str:
    described: str = run("DescribeThingGroup", thing_group_name=name).status
    return described


def properties(description: str | None = None, **attributes: str) -> iot.ThingGroupProperties:
    payload = iot.AttributePayload(attributes=attributes) if attributes else None
    return iot.ThingGroupProperties(thing_group_description=description, attribute_payload=payload)


# --- CreateDynamicThingGroup ---


def test_create(run: Run, engine: Any, call: Call) -> None:
    switch_on(run)
    created = group(run, "warm", "attributes.t>60", thing_group_properties=properties("warm", floor="2"))
    assert created == iot.CreateDynamicThingGroupResponse(
        thing_group_name="warm",
        thing_group_arn=f"{HOME}:thinggroup/warm",
        thing_group_id="00000000-0000-0000-0000-000000000001",
        index_name="AWS_Things",
        query_string="attributes.t>60",
        query_version="2017-09-30",
    )
    engine()
    assert run("DescribeThingGroup", thing_group_name="warm") == iot.DescribeThingGroupResponse(
        thing_group_name="warm",
        thing_group_id=created.thing_group_id,
        thing_group_arn=created.thing_group_arn,
        version=1,
        thing_group_properties=properties("warm", floor="2"),
        thing_group_metadata=iot.ThingGroupMetadata(creation_date=call.now / 1000),
        index_name="AWS_Things",
        query_string="attributes.t>60",
        query_version="2017-09-30",
        status="ACTIVE",
    )
    listed = run("ListThingGroups").thing_groups
    assert [shown.group_name for shown in listed] == ["warm"]


def test_create_finds_its_members_at_once(run: Run) -> None:
    switch_on(run)
    create(run, "hot", t="61")
    create(run, "cold", t="60")
    group(run, "warm", "attributes.t>60")
    assert members(run, "warm") == ["hot"]
    shown = run("ListThingGroupsForThing", thing_name="hot").thing_groups
    assert [one.group_name for one in shown] == ["warm"]
    assert found(run, "thingGroupNames:warm") == ["hot"]


def test_create_again(run: Run) -> None:
    switch_on(run)
    first = group(run, "g", "a", thing_group_properties=properties("d", x="1"))
    again = {"index_name": "AWS_Things", "query_version": "2017-09-30"}
    assert group(run, "g", "a", thing_group_properties=properties("d", x="1"), **again) == first
    for text, given in (("b", properties("d", x="1")), ("a", properties("e", x="1")), ("a", None)):
        with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
            group(run, "g", text, thing_group_properties=given)
        assert caught.value.message == "Thing Group g already exists in current account with different properties"
        assert caught.value.members == {"resource_id": first.thing_group_id, "resource_arn": first.thing_group_arn}


def test_names_are_shared_with_static_groups(run: Run) -> None:
    switch_on(run)
    run("CreateThingGroup", thing_group_name="static")
    with pytest.raises(iot.ResourceAlreadyExistsException):
        group(run, "static", "a")
    group(run, "dynamic", "a")
    with pytest.raises(iot.ResourceAlreadyExistsException):
        run("CreateThingGroup", thing_group_name="dynamic")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"query_string": "a AND"},
            iot.InvalidQueryException,
            "Invalid query string: a term is expected but the query ends (at character 6).",
        ),
        (
            {"query_string": "a b c d e f"},
            iot.InvalidQueryException,
            "Invalid query string: the query has more than 5 terms (at character 11).",
        ),
        (
            {"query_version": "1"},
            iot.InvalidRequestException,
            "Query version 1 is not supported; the supported version is 2017-09-30.",
        ),
        (
            {"index_name": "AWS_ThingGroups"},
            iot.InvalidRequestException,
            "Index AWS_ThingGroups is not supported for dynamic thing groups; the supported index is AWS_Things.",
        ),
        (
            {"tags": [iot.Tag(key="aws:x")]},
            iot.InvalidRequestException,
            "Tag key aws:x begins with aws:, which is reserved.",
        ),
        (
            {"thing_group_properties": properties(**{f"a{number}": "1" for number in range(51)})},
            iot.InvalidRequestException,
            "Thing group g cannot have more than 50 attributes",
        ),
    ],
)
def test_create_refusals(run: Run, given: dict[str, Any], error: type[Exception], message: str) -> None:
    switch_on(run)
    with pytest.raises(error) as caught:
        group(run, "g", **{"text": "a", **{"text" if k == "query_string" else k: v for k, v in given.items()}})
    assert caught.value.message == message  # type: ignore[attr-defined]
    assert run("ListThingGroups").thing_groups == []


def test_five_terms_are_allowed(run: Run) -> None:
    switch_on(run)
    group(run, "g", "a b c d e")


def test_indexing_must_be_on_and_stay_on(run: Run) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as caught:
        group(run, "g", "a")
    assert caught.value.message == OFF
    switch_on(run)
    group(run, "g", "a")
    with pytest.raises(iot.InvalidRequestException) as refused:
        switch_on(run, "OFF")
    message = "Thing indexing cannot be turned off while there are dynamic thing groups. Delete them first."
    assert refused.value.message == message
    run("DeleteDynamicThingGroup", thing_group_name="g")
    switch_on(run, "OFF")


def test_a_hundred_groups(run: Run, call: Call) -> None:
    switch_on(run)
    few = call._replace(limits=Limits(dynamic_groups=2))
    for name in ("a", "b"):
        group(run, name, "x", call=few)
    with pytest.raises(iot.LimitExceededException, match="The limit of 2 dynamic thing groups is reached"):
        group(run, "c", "x", call=few)
    assert group(run, "b", "x", call=few).thing_group_name == "b"
    assert Limits().dynamic_groups == 100


def test_tags(run: Run) -> None:
    switch_on(run)
    created = group(run, "g", "a", tags=[iot.Tag(key="k", value="v")])
    listed = run("ListTagsForResource", resource_arn=created.thing_group_arn)
    assert listed.tags == [iot.Tag(key="k", value="v")]
    run("DeleteDynamicThingGroup", thing_group_name="g")
    group(run, "g", "a")
    assert run("ListTagsForResource", resource_arn=created.thing_group_arn).tags == []


def test_another_account_has_groups_of_its_own(run: Run, database: Database, call: Call) -> None:
    switch_on(run)
    group(run, "g", "*")
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", call.region))
    other = call._replace(scope=scope, account="210987654321")
    run("CreateThing", thing_name="t", call=other)
    assert members(run, "g") == []
    with pytest.raises(iot.ResourceNotFoundException):
        group(run, "g", "*", call=other)


# --- membership ---


def test_members_follow_attributes(run: Run) -> None:
    switch_on(run)
    group(run, "warm", "attributes.t>60")
    create(run, "t", t="61")
    assert members(run, "warm") == ["t"]
    change(run, "t", t="60")
    assert members(run, "warm") == []
    change(run, "t", t="99")
    assert members(run, "warm") == ["t"]
    change(run, "t", t="")
    assert members(run, "warm") == []
    change(run, "t", t="70")
    run("DeleteThing", thing_name="t")
    assert members(run, "warm") == []
    create(run, "t")
    assert members(run, "warm") == []


def test_members_follow_static_groups(run: Run) -> None:
    switch_on(run)
    group(run, "outside", "NOT thingGroupNames:site")
    run("CreateThingGroup", thing_group_name="site")
    create(run, "t")
    assert members(run, "outside") == ["t"]
    run("AddThingToThingGroup", thing_group_name="site", thing_name="t")
    assert members(run, "outside") == []
    run("RemoveThingFromThingGroup", thing_group_name="site", thing_name="t")
    assert members(run, "outside") == ["t"]
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["site"])
    assert members(run, "outside") == []
    run("DeleteThingGroup", thing_group_name="site")
    assert members(run, "outside") == ["t"]


def test_members_follow_types_and_billing_groups(run: Run) -> None:
    switch_on(run)
    run("CreateThingType", thing_type_name="lamp")
    run("CreateBillingGroup", billing_group_name="berlin")
    group(run, "lamps", "thingTypeName:lamp")
    group(run, "berliners", "thingGroupNames:berlin")
    create(run, "t")
    run("UpdateThing", thing_name="t", thing_type_name="lamp")
    run("AddThingToBillingGroup", billing_group_name="berlin", thing_name="t")
    assert (members(run, "lamps"), members(run, "berliners")) == (["t"], ["t"])
    run("UpdateThing", thing_name="t", remove_thing_type=True)
    run("DeleteBillingGroup", billing_group_name="berlin")
    assert (members(run, "lamps"), members(run, "berliners")) == ([], [])


def test_who_joins_and_leaves_is_told(run: Run, engine: Any, database: Database, call: Call) -> None:
    switch_on(run)
    on = {kind: iot.Configuration(enabled=True) for kind in ("THING_GROUP", "THING_GROUP_MEMBERSHIP")}
    run("UpdateEventConfigurations", event_configurations=on)
    group(run, "g", "attributes.v:1")
    create(run, "t", v="1")
    change(run, "t", v="2")
    run(
        "UpdateDynamicThingGroup",
        thing_group_name="g",
        thing_group_properties=properties(),
        query_string="attributes.v:2",
    )
    run("DeleteDynamicThingGroup", thing_group_name="g")
    told = transact(database, lambda tx: [row.topic for row in events.underway(tx, 0, 50)])
    assert told == [
        "$aws/events/thingGroup/g/created",
        "$aws/events/thingGroupMembership/thingGroup/g/thing/t/added",
        "$aws/events/thingGroupMembership/thingGroup/g/thing/t/removed",
        "$aws/events/thingGroup/g/updated",
        "$aws/events/thingGroupMembership/thingGroup/g/thing/t/added",
        "$aws/events/thingGroupMembership/thingGroup/g/thing/t/removed",
        "$aws/events/thingGroup/g/deleted",
    ]


def test_a_query_does_not_see_dynamic_groups(run: Run) -> None:
    switch_on(run)
    group(run, "a", "thingName:t")
    group(run, "b", "thingGroupNames:a")
    group(run, "never", "NOT thingGroupNames:never")
    create(run, "t")
    assert (members(run, "a"), members(run, "b"), members(run, "never")) == (["t"], [], ["t"])
    assert found(run, "thingGroupNames:a") == ["t"]


def test_members_follow_connections(run: Run, database: Database, call: Call) -> None:
    switch_on(run, thing_connectivity_indexing_mode="STATUS")
    group(run, "online", "connectivity.connected:true")
    create(run, "t")
    connect(database, call, "t", True, NOW)
    assert members(run, "online") == ["t"]
    connect(database, call, "t", False, NOW + 2, "CONNECTION_LOST")
    assert members(run, "online") == []
    connect(database, call, "t", True, NOW + 1)
    assert members(run, "online") == []


def test_members_follow_shadows_and_the_configuration(run: Run, engine: Any) -> None:
    switch_on(run, "REGISTRY_AND_SHADOW")
    group(run, "full", "shadow.reported.battery>80")
    create(run, "t")
    report(run, "t", reported={"battery": 81})
    assert members(run, "full") == ["t"]
    report(run, "t", reported={"battery": 80})
    assert members(run, "full") == []
    report(run, "t", reported={"battery": 82})
    report(run, "later", reported={"battery": 99})
    create(run, "later")
    assert members(run, "full") == ["later", "t"]
    run("DeleteThingShadow", plane="iot-data", thing_name="later")
    assert members(run, "full") == ["t"]
    run("DeleteDynamicThingGroup", thing_group_name="full")
    group(run, "any", "82")
    assert members(run, "any") == ["t"]
    switch_on(run)
    engine()
    assert members(run, "any") == []
    switch_on(run, "REGISTRY_AND_SHADOW")
    engine()
    assert (members(run, "any"), status(run, "any")) == (["t"], "ACTIVE")


def test_what_a_group_asks_for_stays_indexed(run: Run) -> None:
    switch_on(run, "REGISTRY_AND_SHADOW", thing_connectivity_indexing_mode="STATUS")
    group(run, "full", "shadow.reported.battery>80")
    with pytest.raises(iot.InvalidRequestException, match=r"1 dynamic thing groups .* shadow indexing is not enabled"):
        switch_on(run, thing_connectivity_indexing_mode="STATUS")
    switch_on(run, "REGISTRY_AND_SHADOW")
    group(run, "online", "attributes.x:1")
    run("DeleteDynamicThingGroup", thing_group_name="full")
    switch_on(run)


def test_older_groups_come_first_at_the_limit_of_ten(run: Run) -> None:
    switch_on(run)
    create(run, "t", x="1")
    for number in range(12):
        group(run, f"g{number:02}", f"attributes.x:1 OR attributes.y:{number}")
    ten = [f"g{number:02}" for number in range(10)]

    def groups_of_t() -> list[str]:
        shown = run("ListThingGroupsForThing", thing_name="t").thing_groups
        return [one.group_name for one in shown]

    assert groups_of_t() == ten
    run("DeleteDynamicThingGroup", thing_group_name="g04")
    assert groups_of_t() == [name for name in [*ten, "g10"] if name != "g04"]
    run("CreateThingGroup", thing_group_name="site")
    with pytest.raises(iot.InvalidRequestException, match="cannot be in more than 10 thing groups"):
        run("AddThingToThingGroup", thing_group_name="site", thing_name="t")
    run("AddThingToThingGroup", thing_group_name="site", thing_name="t", override_dynamic_groups=True)
    assert groups_of_t() == [*[name for name in ten if name != "g04"], "site"]
    run("CreateThingGroup", thing_group_name="yard")
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["yard"], override_dynamic_groups=True)
    assert groups_of_t() == [*[name for name in ten if name not in ("g04", "g09")], "site", "yard"]
    run("RemoveThingFromThingGroup", thing_group_name="site", thing_name="t")
    assert groups_of_t() == [*[name for name in ten if name != "g04"], "yard"]


def test_static_groups_are_not_pushed_out(run: Run) -> None:
    switch_on(run)
    create(run, "t")
    for number in range(10):
        run("CreateThingGroup", thing_group_name=f"s{number}")
        run("AddThingToThingGroup", thing_group_name=f"s{number}", thing_name="t")
    group(run, "g", "thingName:t")
    assert members(run, "g") == []
    run("CreateThingGroup", thing_group_name="s10")
    with pytest.raises(iot.InvalidRequestException, match="cannot be in more than 10 thing groups"):
        run("AddThingToThingGroup", thing_group_name="s10", thing_name="t", override_dynamic_groups=True)
    run("RemoveThingFromThingGroup", thing_group_name="s3", thing_name="t")
    assert members(run, "g") == ["t"]


# --- UpdateDynamicThingGroup, DeleteDynamicThingGroup ---


def test_update(run: Run, engine: Any) -> None:
    switch_on(run)
    create(run, "a", t="61")
    create(run, "b", t="70")
    group(run, "warm", "attributes.t>60", thing_group_properties=properties("old", x="1"))
    members_of = {"thing_group_name": "warm", "thing_group_properties": properties("new")}
    assert run("UpdateDynamicThingGroup", **members_of).version == 2
    assert members(run, "warm") == ["a", "b"]
    updated = run("UpdateDynamicThingGroup", **members_of, query_string="attributes.t>65", expected_version=2)
    assert updated.version == 3
    assert members(run, "warm") == ["b"]
    engine()
    described = run("DescribeThingGroup", thing_group_name="warm")
    assert (described.query_string, described.status, described.version) == ("attributes.t>65", "ACTIVE", 3)
    assert described.thing_group_properties == properties("new", x="1")


def test_update_refusals(run: Run) -> None:
    switch_on(run)
    run("CreateThingGroup", thing_group_name="static")
    group(run, "g", "a")
    given = {"thing_group_properties": properties()}
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing group none cannot be found\.$"):
        run("UpdateDynamicThingGroup", thing_group_name="none", **given)
    with pytest.raises(iot.InvalidRequestException) as static:
        run("UpdateDynamicThingGroup", thing_group_name="static", **given)
    message = f"This operation does not support static thing groups. Thing group arn: {HOME}:thinggroup/static"
    assert static.value.message == message
    with pytest.raises(iot.VersionConflictException):
        run("UpdateDynamicThingGroup", thing_group_name="g", **given, expected_version=2)
    with pytest.raises(iot.InvalidQueryException):
        run("UpdateDynamicThingGroup", thing_group_name="g", **given, query_string="(")
    with pytest.raises(iot.InvalidRequestException, match="Index other is not supported"):
        run("UpdateDynamicThingGroup", thing_group_name="g", **given, index_name="other")
    assert run("DescribeThingGroup", thing_group_name="g").version == 1


def test_delete(run: Run) -> None:
    switch_on(run)
    run("CreateThingGroup", thing_group_name="static")
    create(run, "t")
    group(run, "g", "thingName:t")
    with pytest.raises(iot.VersionConflictException):
        run("DeleteDynamicThingGroup", thing_group_name="g", expected_version=2)
    with pytest.raises(iot.InvalidRequestException, match="does not support static thing groups"):
        run("DeleteDynamicThingGroup", thing_group_name="static")
    run("DeleteDynamicThingGroup", thing_group_name="g", expected_version=1)
    assert run("ListThingGroupsForThing", thing_name="t").thing_groups == []
    assert run("DeleteDynamicThingGroup", thing_group_name="g") == iot.DeleteDynamicThingGroupResponse()
    run("CreateThingGroup", thing_group_name="g")
    assert run("DescribeThingGroup", thing_group_name="g").status is None


# --- what is for static groups only ---


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("UpdateThingGroup", {"thing_group_properties": properties("d")}),
        ("DeleteThingGroup", {}),
        ("AddThingToThingGroup", {"thing_name": "t"}),
        ("RemoveThingFromThingGroup", {"thing_name": "t"}),
        ("CreateThingGroup", {"thing_group_name": "child", "parent_group_name": "g"}),
        ("UpdateThingGroupsForThing", {"thing_name": "t", "thing_groups_to_add": ["g"]}),
        ("UpdateThingGroupsForThing", {"thing_name": "t", "thing_groups_to_remove": ["g"]}),
        ("AttachPolicy", {"policy_name": "p", "target": f"{HOME}:thinggroup/g"}),
    ],
)
def test_operations_for_static_groups(run: Run, operation: str, given: dict[str, Any]) -> None:
    switch_on(run)
    create(run, "t")
    document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
    run("CreatePolicy", policy_name="p", policy_document=document)
    group(run, "g", "thingName:t")
    named = {} if operation in ("UpdateThingGroupsForThing", "AttachPolicy") else {"thing_group_name": "g"}
    with pytest.raises(iot.InvalidRequestException) as caught:
        run(operation, **{**named, **given})
    message = f"This operation does not support dynamic thing groups. Thing group arn: {HOME}:thinggroup/g"
    assert caught.value.message == message
    assert members(run, "g") == ["t"]


def test_a_dynamic_group_has_no_policies(run: Run) -> None:
    switch_on(run)
    created = group(run, "g", "a")
    assert run("ListAttachedPolicies", target=created.thing_group_arn).policies == []


# --- jobs ---


def executions(run: Run, job: str) -> dict[str, str]:
    """Statuses by thing."""
    listed = run("ListJobExecutionsForJob", job_id=job).execution_summaries
    return {one.thing_arn.rpartition("/")[2]: one.job_execution_summary.status for one in listed}


def start(run: Run, job: str, target: str, selection: str) -> None:
    run("CreateJob", job_id=job, targets=[target], document="{}", target_selection=selection)


def test_a_continuous_job_follows_its_group(run: Run, engine: Any) -> None:
    switch_on(run)
    create(run, "a", v="1")
    create(run, "b", v="2")
    target = group(run, "old", "attributes.v<2").thing_group_arn
    assert target is not None
    start(run, "j", target, "CONTINUOUS")
    start(run, "snapshot", target, "SNAPSHOT")
    engine()
    assert executions(run, "j") == executions(run, "snapshot") == {"a": "QUEUED"}
    change(run, "b", v="1")
    change(run, "a", v="2")
    create(run, "c", v="0")
    assert executions(run, "j") == {"a": "REMOVED", "b": "QUEUED", "c": "QUEUED"}
    assert executions(run, "snapshot") == {"a": "QUEUED"}
    run("UpdateDynamicThingGroup", thing_group_name="old", thing_group_properties=properties(), query_string="a")
    assert executions(run, "j") == {"a": "REMOVED", "b": "REMOVED", "c": "REMOVED"}


def test_a_continuous_job_loses_its_group(run: Run, engine: Any) -> None:
    switch_on(run)
    create(run, "a", v="1")
    target = group(run, "old", "attributes.v<2").thing_group_arn
    assert target is not None
    start(run, "j", target, "CONTINUOUS")
    engine()
    run("DeleteDynamicThingGroup", thing_group_name="old")
    assert executions(run, "j") == {"a": "REMOVED"}


# --- large fleets ---


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven things are many."""
    monkeypatch.setattr(dynamic_membership, "SMALL_FLEET", 6)
    monkeypatch.setattr(dynamic_membership, "CHUNK", 2)


@pytest.mark.usefixtures("large")
def test_the_engine_fills_a_group_of_a_large_fleet(run: Run, engine: Any, database: Database) -> None:
    switch_on(run)
    for number in range(7):
        create(run, f"t{number}", v="1" if number % 2 else "2")
    effects: list[Any] = []
    target = group(run, "odd", "attributes.v:1", effects=effects).thing_group_arn
    assert target is not None
    assert EngineDue(NOW) in effects
    assert (members(run, "odd"), status(run, "odd")) == ([], "BUILDING")
    start(run, "j", target, "CONTINUOUS")
    create(run, "t33", v="1")  # before the engine has come by
    assert members(run, "odd") == ["t33"]
    engine()
    assert (members(run, "odd"), status(run, "odd")) == (["t1", "t3", "t33", "t5"], "ACTIVE")
    assert executions(run, "j") == dict.fromkeys(["t1", "t3", "t33", "t5"], "QUEUED")
    run(
        "UpdateDynamicThingGroup",
        thing_group_name="odd",
        thing_group_properties=properties(),
        query_string="attributes.v:2",
    )
    assert (members(run, "odd"), status(run, "odd")) == (["t1", "t3", "t33", "t5"], "REBUILDING")
    engine()
    assert (members(run, "odd"), status(run, "odd")) == (["t0", "t2", "t4", "t6"], "ACTIVE")
    assert {name for name, state in executions(run, "j").items() if state == "QUEUED"} == {"t0", "t2", "t4", "t6"}


@pytest.mark.usefixtures("large")
def test_the_engine_goes_on_where_it_was(run: Run, database: Database) -> None:
    switch_on(run)
    for number in range(7):
        create(run, f"t{number}")
    group(run, "all", "*")
    counts = []
    while status(run, "all") != "ACTIVE":
        transact(database, locks_rows(lambda tx: dynamic_membership.step(tx, NOW, Limits(), "aws")))
        counts.append(len(members(run, "all")))
    assert counts[-4:] == [2, 4, 6, 7]


@pytest.mark.usefixtures("large")
def test_a_group_that_changes_while_it_is_filled_is_filled_anew(run: Run, engine: Any, database: Database) -> None:
    switch_on(run)
    for number in range(7):
        create(run, f"t{number}", v=str(number))
    group(run, "g", "attributes.v>=0")
    for _ in range(3):
        transact(database, locks_rows(lambda tx: dynamic_membership.step(tx, NOW, Limits(), "aws")))
    given = {"thing_group_name": "g", "thing_group_properties": properties()}
    run("UpdateDynamicThingGroup", **given, query_string="attributes.v<2")
    assert status(run, "g") == "BUILDING"
    engine()
    assert (members(run, "g"), status(run, "g")) == (["t0", "t1"], "ACTIVE")


@pytest.mark.usefixtures("large")
def test_many_members_that_change_together(run: Run, engine: Any) -> None:
    switch_on(run)
    run("CreateThingGroup", thing_group_name="site")
    for number in range(8):
        create(run, f"t{number}")
        run("AddThingToThingGroup", thing_group_name="site", thing_name=f"t{number}")
    group(run, "outside", "NOT thingGroupNames:site")
    engine()
    assert members(run, "outside") == []
    run("DeleteThingGroup", thing_group_name="site")
    assert status(run, "outside") == "REBUILDING"
    engine()
    assert len(members(run, "outside")) == 8


# --- many at once (PostgreSQL) ---


on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


class Crowd:
    """What several do at once to six things and a few groups; ``queries`` is what the groups ask for in the end."""

    def __init__(self, run: Run, database: Database) -> None:
        self._run = run
        self._database = database
        self.things = [f"t{number}" for number in range(6)]
        self.queries: dict[str, str] = {}

    def act(self, worker: int) -> None:
        {0: self._make_groups, 1: self._change_group, 2: self._fill}.get(worker, lambda: self._change(worker))()

    def _make_groups(self) -> None:
        for number in range(1, 5):
            self.queries[f"g{number}"] = f"attributes.v:[{number} TO 9]"
            group(self._run, f"g{number}", self.queries[f"g{number}"])

    def _change_group(self) -> None:
        for number in range(4):
            self.queries["g0"] = f"attributes.v:[{number} TO 6]"
            given = {"thing_group_name": "g0", "thing_group_properties": properties()}
            self._run("UpdateDynamicThingGroup", **given, query_string=self.queries["g0"])

    def _fill(self) -> None:
        for _ in range(5):
            settle(self._database, NOW)

    def _change(self, worker: int) -> None:
        for number in range(12):
            change(self._run, self.things[(worker + number) % 6], v=str((7 * number + worker) % 10))


@on_postgres
def test_changes_at_once_lose_no_membership(run: Run, database: Database) -> None:
    """Things change while groups are made, changed and filled; in the end every group has whom its query finds."""
    switch_on(run)
    crowd = Crowd(run, database)
    for name in crowd.things:
        create(run, name, v="0")
    group(run, "g0", "attributes.v:[3 TO 7]")
    at_once(7, crowd.act)
    settle(database, NOW + 20)  # those whom the engine had to wait for have ended
    for name, text in crowd.queries.items():
        assert members(run, name) == found(run, text), name
        assert status(run, name) == "ACTIVE"


@on_postgres
@pytest.mark.parametrize("guarded", [True, False])
def test_a_change_under_way_while_a_group_is_made(
    run: Run, database: Database, engine: Any, call: Call, guarded: bool
) -> None:
    """A transaction that cannot know of the group yet commits after the group was filled; the engine waits for it."""
    switch_on(run)
    create(run, "t", v="0")
    written, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        payload = iot.AttributePayload(attributes={"v": "1"})
        things.update_thing(tx, call, iot.UpdateThingRequest(thing_name="t", attribute_payload=payload))
        written.set()
        assert go_on.wait(20)

    with ThreadPoolExecutor(1) as pool:
        change_under_way = pool.submit(transact, database, locks_rows(slow) if guarded else slow)
        assert written.wait(20)
        group(run, "g", "attributes.v:1")
        engine()
        assert (members(run, "g"), status(run, "g")) == ([], "BUILDING")
        go_on.set()
        change_under_way.result(20)
    settle(database, NOW + 20)
    assert (members(run, "g"), status(run, "g")) == (["t"], "ACTIVE")


@on_postgres
def test_two_changes_of_one_thing_see_each_other(run: Run, database: Database, call: Call) -> None:
    """Attributes and the connection change at once; the group that asks for both has the thing, whoever is first."""
    switch_on(run, thing_connectivity_indexing_mode="STATUS")
    group(run, "g", "attributes.v:1 connectivity.connected:true")
    settle(database, NOW)
    for number in range(20):
        name = f"t{number}"
        create(run, name, v="0")
        at_once(2, lambda who, name=name: connect(database, call, name, True, NOW) if who else change(run, name, v="1"))
        assert name in members(run, "g")


@on_postgres
def test_shadows_and_attributes_change_at_once(run: Run, database: Database) -> None:
    """A device's report, which guards itself with locks, and an operator's update, which is SERIALIZABLE."""
    switch_on(run, "REGISTRY_AND_SHADOW")
    group(run, "g", "attributes.v:1 shadow.reported.on:true")
    settle(database, NOW)
    for number in range(20):
        name = f"t{number}"
        create(run, name, v="0")
        acts = (lambda name=name: change(run, name, v="1"), lambda name=name: report(run, name, reported={"on": True}))
        at_once(2, lambda who, acts=acts: acts[who]())
        assert name in members(run, "g")


@on_postgres
@pytest.mark.usefixtures("large")
def test_several_engines_fill_several_groups(run: Run, database: Database) -> None:
    switch_on(run)
    for number in range(9):
        create(run, f"t{number}", v=str(number))
    for number in range(4):
        group(run, f"g{number}", f"attributes.v>={number}")
    at_once(3, lambda _: settle(database, NOW))
    settle(database, NOW + 20)  # an engine waits for what the others have under way
    for number in range(4):
        assert members(run, f"g{number}") == [f"t{one}" for one in range(number, 9)]
        assert status(run, f"g{number}") == "ACTIVE"
