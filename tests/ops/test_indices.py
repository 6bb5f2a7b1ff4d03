"""The configuration of the fleet index: control reference 18.1, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.indexed import switch_on
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot


def groups_on(run: Run, mode: str = "ON", **members: Any) -> None:
    wanted = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode=mode, **members)
    run("UpdateIndexingConfiguration", thing_group_indexing_configuration=wanted)


def test_everything_is_off_until_it_is_switched_on(run: Run) -> None:
    assert run("GetIndexingConfiguration") == iot.GetIndexingConfigurationResponse(
        thing_indexing_configuration=iot.ThingIndexingConfiguration(
            thing_indexing_mode="OFF",
            thing_connectivity_indexing_mode="OFF",
            device_defender_indexing_mode="OFF",
            named_shadow_indexing_mode="OFF",
        ),
        thing_group_indexing_configuration=iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="OFF"),
    )
    assert run("ListIndices").index_names == []


def test_what_was_configured_is_shown_with_the_managed_fields(run: Run) -> None:
    fields = [iot.Field(name="shadow.name.a.desired.x", type="String"), iot.Field(name="attributes.v", type="Number")]
    shown = iot.IndexingFilter(named_shadow_names=["a"])
    switch_on(
        run,
        "REGISTRY_AND_SHADOW",
        thing_connectivity_indexing_mode="STATUS",
        named_shadow_indexing_mode="ON",
        custom_fields=fields,
        filter=shown,
    )
    groups_on(run)
    response = run("GetIndexingConfiguration")
    things = response.thing_indexing_configuration
    assert (things.thing_indexing_mode, things.thing_connectivity_indexing_mode) == ("REGISTRY_AND_SHADOW", "STATUS")
    assert (things.named_shadow_indexing_mode, things.device_defender_indexing_mode) == ("ON", "OFF")
    assert (things.custom_fields, things.filter) == (fields, shown)
    managed = {field.name: field.type for field in things.managed_fields}
    assert managed["shadow.name.*.hasDelta"] == "Boolean"
    assert managed["connectivity.timestamp"] == "Number"
    groups = response.thing_group_indexing_configuration
    assert groups.thing_group_indexing_mode == "ON"
    assert {field.name for field in groups.managed_fields} == {
        "description",
        "parentGroupNames",
        "thingGroupId",
        "thingGroupName",
        "version",
    }


def test_an_update_replaces_one_index_and_leaves_the_other(run: Run) -> None:
    switch_on(run, custom_fields=[iot.Field(name="attributes.v", type="Number")])
    groups_on(run)
    switch_on(run)
    response = run("GetIndexingConfiguration")
    assert response.thing_indexing_configuration.custom_fields is None
    assert response.thing_group_indexing_configuration.thing_group_indexing_mode == "ON"
    run("UpdateIndexingConfiguration")
    assert run("GetIndexingConfiguration") == response


def test_all_that_is_wrong_is_said_and_nothing_is_kept(run: Run) -> None:
    things = iot.ThingIndexingConfiguration(
        thing_indexing_mode="OFF",
        thing_connectivity_indexing_mode="STATUS",
        custom_fields=[iot.Field(name="attributes.v", type="Number")],
    )
    groups = iot.ThingGroupIndexingConfiguration(
        thing_group_indexing_mode="ON", custom_fields=[iot.Field(name="x", type="Number")]
    )
    with pytest.raises(iot.InvalidRequestException) as caught:
        run(
            "UpdateIndexingConfiguration",
            thing_indexing_configuration=things,
            thing_group_indexing_configuration=groups,
        )
    assert caught.value.message == (
        "thingConnectivityIndexingMode cannot be on while thingIndexingMode is OFF. "
        "Custom field attributes.v is not indexed in the given indexing modes. "
        "Custom field x is not indexed in the given indexing modes."
    )
    assert run("ListIndices").index_names == []


def test_indices_are_listed_and_described_while_they_are_on(run: Run) -> None:
    switch_on(run)
    groups_on(run)
    first = run("ListIndices", max_results=1)
    assert first.index_names == ["AWS_ThingGroups"]
    second = run("ListIndices", max_results=1, next_token=first.next_token)
    assert (second.index_names, second.next_token) == (["AWS_Things"], None)
    assert run("DescribeIndex", index_name="AWS_Things") == iot.DescribeIndexResponse(
        index_name="AWS_Things", index_status="ACTIVE", schema="REGISTRY"
    )
    assert run("DescribeIndex", index_name="AWS_ThingGroups").schema == "THING_GROUPS"
    switch_on(run, "OFF")
    groups_on(run, "OFF")
    assert run("ListIndices").index_names == []


@pytest.mark.parametrize("name", ["AWS_Things", "AWS_ThingGroups", "other"])
def test_an_index_that_is_not_there(run: Run, name: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as caught:
        run("DescribeIndex", index_name=name)
    assert caught.value.message == f"Index '{name}' does not exist"


def test_another_account_has_indices_of_its_own(run: Run, call: Call, database: Database) -> None:
    switch_on(run)
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", call.region))
    assert run("ListIndices", call=call._replace(scope=scope, account="210987654321")).index_names == []


def test_named_shadows_need_names(run: Run) -> None:
    for members in ({}, {"filter": iot.IndexingFilter()}, {"filter": iot.IndexingFilter(named_shadow_names=[])}):
        wanted = iot.ThingIndexingConfiguration(
            thing_indexing_mode="REGISTRY", named_shadow_indexing_mode="ON", **members
        )
        with pytest.raises(iot.InvalidRequestException) as caught:
            run("UpdateIndexingConfiguration", thing_indexing_configuration=wanted)
        assert str(caught.value) == "NamedShadowNames Filter must not be empty for enabling NamedShadowIndexingMode"
