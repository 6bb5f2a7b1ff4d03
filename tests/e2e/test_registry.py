"""The registry as operators' clients see it: boto3, the AWS CLI, and a subscriber to its events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e import cli
from tests.e2e.fleet import REGION, Account
from tests.e2e.mqtt import Device, connected
from tests.e2e.test_control_plane import refused
from tests.e2e.test_devices import EVERYTHING

REGISTRY_EVENTS = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
)


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


def test_thing_types(account: Account) -> None:
    iot = account.iot
    properties = {
        "thingTypeDescription": "a lamp",
        "searchableAttributes": ["model", "watt"],
        "mqtt5Configuration": {"propagatingAttributes": [{"userPropertyKey": "m", "thingAttribute": "model"}]},
    }
    made = iot.create_thing_type(
        thingTypeName="lamp", thingTypeProperties=properties, tags=[{"Key": "site", "Value": "north"}]
    )
    assert made["thingTypeArn"] == account.arn("thingtype/lamp")
    again = iot.create_thing_type(thingTypeName="lamp", thingTypeProperties=properties)
    assert again["thingTypeId"] == made["thingTypeId"]
    answer = refused(iot.create_thing_type, thingTypeName="lamp")
    assert (answer.status, answer.code) == (409, "ResourceAlreadyExistsException")
    assert answer.response["resourceArn"] == made["thingTypeArn"]
    found = iot.describe_thing_type(thingTypeName="lamp")
    assert found["thingTypeProperties"] == properties
    assert found["thingTypeMetadata"].keys() == {"deprecated", "creationDate"}
    assert iot.list_tags_for_resource(resourceArn=made["thingTypeArn"])["tags"] == [{"Key": "site", "Value": "north"}]
    many = {f"a{number}": "x" for number in range(50)}
    iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload={"attributes": many})
    assert iot.describe_thing(thingName="t")["thingTypeName"] == "lamp"
    assert [thing["thingTypeName"] for thing in iot.list_things(thingTypeName="lamp")["things"]] == ["lamp"]
    answer = refused(iot.update_thing_type, thingTypeName="lamp", thingTypeProperties={"thingTypeDescription": "x"})
    assert (answer.status, answer.message) == (400, "Can only update mqtt5Configuration.")
    iot.deprecate_thing_type(thingTypeName="lamp")
    assert refused(iot.create_thing, thingName="u", thingTypeName="lamp").message == (
        "Can not create new thing with depreated thing type:lamp"
    )
    for name in ("b", "a"):
        iot.create_thing_type(thingTypeName=name)
    pages = iot.get_paginator("list_thing_types").paginate(PaginationConfig={"PageSize": 2})
    assert [one["thingTypeName"] for page in pages for one in page["thingTypes"]] == ["a", "b", "lamp"]


def test_billing_groups(account: Account) -> None:
    iot = account.iot
    properties = {"billingGroupDescription": "paid by the north"}
    made = iot.create_billing_group(billingGroupName="north", billingGroupProperties=properties)
    assert made["billingGroupArn"] == account.arn("billinggroup/north")
    iot.create_thing(thingName="t", billingGroupName="north")
    iot.create_thing(thingName="u")
    iot.add_thing_to_billing_group(billingGroupArn=made["billingGroupArn"], thingArn=account.arn("thing/u"))
    pages = iot.get_paginator("list_things_in_billing_group").paginate(
        billingGroupName="north", PaginationConfig={"PageSize": 1}
    )
    assert [name for page in pages for name in page["things"]] == ["t", "u"]
    iot.create_billing_group(billingGroupName="south")
    answer = refused(iot.add_thing_to_billing_group, billingGroupName="south", thingName="t")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    version = iot.update_billing_group(billingGroupName="north", billingGroupProperties={}, expectedVersion=1)
    assert version["version"] == 2
    answer = refused(iot.delete_billing_group, billingGroupName="north", expectedVersion=1)
    assert (answer.status, answer.code) == (409, "VersionConflictException")
    found = iot.describe_billing_group(billingGroupName="north")
    assert (found["version"], found["billingGroupProperties"]) == (2, {})
    assert iot.describe_thing(thingName="u")["billingGroupName"] == "north"
    iot.delete_billing_group(billingGroupName="north")
    iot.delete_billing_group(billingGroupName="north")
    assert "billingGroupName" not in iot.describe_thing(thingName="u")
    names = [one["groupName"] for one in iot.list_billing_groups(namePrefixFilter="s")["billingGroups"]]
    assert names == ["south"]


def test_the_aws_cli(account: Account, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    aws = cli.aws(account.server, monkeypatch, capfd)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.id)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)

    def run(*arguments: str) -> Any:
        code, output, errors = aws("iot", *arguments)
        assert code == 0, errors
        return json.loads(output) if output.strip() else None

    properties = "thingTypeDescription=a lamp,searchableAttributes=model,watt"
    run("create-thing-type", "--thing-type-name", "lamp", "--thing-type-properties", properties)
    run("create-thing", "--thing-name", "t", "--thing-type-name", "lamp")
    run("deprecate-thing-type", "--thing-type-name", "lamp")
    (listed,) = run("list-thing-types")["thingTypes"]
    assert listed["thingTypeProperties"]["searchableAttributes"] == ["model", "watt"]
    assert listed["thingTypeMetadata"]["deprecated"] is True
    run("deprecate-thing-type", "--thing-type-name", "lamp", "--undo-deprecate")
    run("update-thing", "--thing-name", "t", "--remove-thing-type")
    assert "thingTypeName" not in run("describe-thing", "--thing-name", "t")


def heard(ear: Device, count: int) -> dict[str, Any]:
    """The next events of the registry, among those of who subscribes and connects."""
    found: dict[str, Any] = {}
    while len(found) < count:
        one = ear.next()
        name = one.topic.removeprefix("$aws/events/")
        if not name.startswith(("subscriptions/", "presence/")):
            found[name] = one.body
    return found


def test_registry_events_reach_a_subscriber(account: Account) -> None:
    iot = account.iot
    iot.update_event_configurations(eventConfigurations={name: {"Enabled": True} for name in REGISTRY_EVENTS})
    ears = account.register("watcher")
    iot.attach_policy(policyName=account.policy("all", EVERYTHING), target=ears.arn)
    with connected(account, ears, "watcher") as ear:
        assert ear.subscribe("$aws/events/#") == [1]
        iot.create_thing_type(thingTypeName="lamp")
        made = iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload={"attributes": {"a": "1"}})
        group = iot.create_thing_group(thingGroupName="g")
        iot.create_thing_group(thingGroupName="child", parentGroupName="g")
        iot.add_thing_to_thing_group(thingGroupName="g", thingName="t")
        iot.delete_thing(thingName="t")
        found = heard(ear, 10)
    assert found.keys() == {
        "thingType/lamp/created",
        "thing/t/created",
        "thingTypeAssociation/thing/t/thingType/lamp/added",
        "thingGroup/g/created",
        "thingGroup/child/created",
        "thingGroupHierarchy/thingGroup/g/childThingGroup/child/added",
        "thingGroupMembership/thingGroup/g/thing/t/added",
        "thingGroupMembership/thingGroup/g/thing/t/removed",
        "thingTypeAssociation/thing/t/thingType/lamp/removed",
        "thing/t/deleted",
    }
    created = found["thing/t/created"]
    assert (created["thingId"], created["accountId"], created["operation"]) == (made["thingId"], account.id, "CREATED")
    assert (created["thingTypeName"], created["attributes"]) == ("lamp", {"a": "1"})
    added = found["thingGroupMembership/thingGroup/g/thing/t/added"]
    assert (added["groupArn"], added["groupId"]) == (group["thingGroupArn"], group["thingGroupId"])
    assert (added["thingArn"], added["thingId"]) == (made["thingArn"], made["thingId"])
