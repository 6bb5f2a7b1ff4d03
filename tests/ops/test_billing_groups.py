"""Billing groups: control reference 17.5, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"


def properties(description: str | None) -> iot.BillingGroupProperties:
    return iot.BillingGroupProperties(billing_group_description=description)


@pytest.fixture
def groups(run: Run) -> None:
    """Billing groups a and b, things t and u in none."""
    for name in "ab":
        run("CreateBillingGroup", billing_group_name=name)
    for name in "tu":
        run("CreateThing", thing_name=name)


def group_of(run: Run, thing: str) -> str | None:
    found: str | None = run("DescribeThing", thing_name=thing).billing_group_name
    return found


def members(run: Run, group: str) -> list[str]:
    found: list[str] = run("ListThingsInBillingGroup", billing_group_name=group).things
    return found


# --- CreateBillingGroup, DescribeBillingGroup ---


def test_create_and_describe_billing_group(run: Run) -> None:
    created = run("CreateBillingGroup", billing_group_name="a:1", billing_group_properties=properties("d"))
    assert created == iot.CreateBillingGroupResponse(
        billing_group_name="a:1",
        billing_group_arn=f"{HOME}:billinggroup/a:1",
        billing_group_id="00000000-0000-0000-0000-000000000001",
    )
    assert run("DescribeBillingGroup", billing_group_name="a:1") == iot.DescribeBillingGroupResponse(
        billing_group_name="a:1",
        billing_group_id=created.billing_group_id,
        billing_group_arn=f"{HOME}:billinggroup/a:1",
        version=1,
        billing_group_properties=properties("d"),
        billing_group_metadata=iot.BillingGroupMetadata(creation_date=NOW / 1000),
    )


def test_create_billing_group_again(run: Run) -> None:
    first = run("CreateBillingGroup", billing_group_name="a", billing_group_properties=properties("d"))
    assert run("CreateBillingGroup", billing_group_name="a", billing_group_properties=properties("d")) == first
    for other in (None, properties("other"), properties("")):
        with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
            run("CreateBillingGroup", billing_group_name="a", billing_group_properties=other)
        assert caught.value.message == "Billing Group a already exists in current account with different properties"
        assert caught.value.members == {
            "resource_id": first.billing_group_id,
            "resource_arn": first.billing_group_arn,
        }
    plain = run("CreateBillingGroup", billing_group_name="plain")
    assert run("CreateBillingGroup", billing_group_name="plain", billing_group_properties=properties("")) == plain


def test_billing_groups_have_a_namespace_of_their_own(run: Run) -> None:
    run("CreateThingGroup", thing_group_name="a")
    run("CreateBillingGroup", billing_group_name="a")
    run("CreateThing", thing_name="t")
    run("AddThingToThingGroup", thing_group_name="a", thing_name="t")
    assert members(run, "a") == []
    with pytest.raises(iot.InvalidRequestException):
        run("CreateJob", job_id="j", targets=[f"{HOME}:billinggroup/a"], document="{}")


def test_create_billing_group_up_to_the_limit(run: Run, call: Call) -> None:
    tight = call._replace(limits=call.limits._replace(billing_groups=2))
    for name in "ab":
        run("CreateBillingGroup", billing_group_name=name, call=tight)
    with pytest.raises(iot.InvalidRequestException, match="limit of 2 billing groups"):
        run("CreateBillingGroup", billing_group_name="c", call=tight)
    run("CreateBillingGroup", billing_group_name="a", call=tight)  # it is there already
    run("DeleteBillingGroup", billing_group_name="a")
    run("CreateBillingGroup", billing_group_name="c", call=tight)
    assert call.limits.billing_groups == 20_000


def test_describe_billing_group_unknown(run: Run) -> None:
    for operation in ("DescribeBillingGroup", "ListThingsInBillingGroup", "UpdateBillingGroup"):
        with pytest.raises(iot.ResourceNotFoundException, match=r"^Billing group none cannot be found\.$"):
            run(operation, billing_group_name="none")


def test_billing_groups_of_another_scope_are_not_seen(run: Run, call: Call, database: Database) -> None:
    run("CreateBillingGroup", billing_group_name="a")
    other = call._replace(scope=transact(database, lambda tx: scopes.ensure(tx, call.account, "us-east-1")))
    assert run("ListBillingGroups", call=other).billing_groups == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeBillingGroup", billing_group_name="a", call=other)


# --- UpdateBillingGroup ---


def test_update_billing_group(run: Run) -> None:
    run("CreateBillingGroup", billing_group_name="a", billing_group_properties=properties("d"))
    update = {"billing_group_name": "a", "billing_group_properties": properties("e")}
    assert run("UpdateBillingGroup", **update, expected_version=1).version == 2
    with pytest.raises(iot.VersionConflictException) as caught:
        run("UpdateBillingGroup", **update, expected_version=1)
    assert caught.value.message == "The version for billing group a does not match the expected version."
    described = run("DescribeBillingGroup", billing_group_name="a")
    assert (described.version, described.billing_group_properties) == (2, properties("e"))
    assert run("UpdateBillingGroup", billing_group_name="a", billing_group_properties=properties(None)).version == 3
    assert run("DescribeBillingGroup", billing_group_name="a").billing_group_properties == properties(None)


# --- DeleteBillingGroup ---


@pytest.mark.usefixtures("groups")
def test_delete_billing_group_releases_its_things(run: Run) -> None:
    for name in "tu":
        run("AddThingToBillingGroup", billing_group_name="a", thing_name=name)
    run("DeleteBillingGroup", billing_group_name="a")
    assert (group_of(run, "t"), group_of(run, "u")) == (None, None)
    run("CreateBillingGroup", billing_group_name="a")
    assert members(run, "a") == []
    run("AddThingToBillingGroup", billing_group_name="b", thing_name="t")


def test_delete_billing_group_that_is_not_there_succeeds(run: Run) -> None:
    assert run("DeleteBillingGroup", billing_group_name="none", expected_version=3) == iot.DeleteBillingGroupResponse()


@pytest.mark.usefixtures("groups")
def test_delete_billing_group_expected_version(run: Run) -> None:
    with pytest.raises(iot.VersionConflictException):
        run("DeleteBillingGroup", billing_group_name="a", expected_version=2)
    run("DeleteBillingGroup", billing_group_name="a", expected_version=1)
    assert [one.group_name for one in run("ListBillingGroups").billing_groups] == ["b"]


# --- AddThingToBillingGroup, RemoveThingFromBillingGroup ---


@pytest.mark.usefixtures("groups")
def test_add_and_remove(run: Run) -> None:
    for _ in range(2):
        run("AddThingToBillingGroup", billing_group_name="a", thing_name="t")
        assert (group_of(run, "t"), group_of(run, "u")) == ("a", None)
    run("RemoveThingFromBillingGroup", billing_group_name="b", thing_name="t")
    assert group_of(run, "t") == "a"
    for _ in range(2):
        run("RemoveThingFromBillingGroup", billing_group_name="a", thing_name="t")
        assert (group_of(run, "t"), members(run, "a")) == (None, [])
    assert run("DescribeThing", thing_name="t").version == 1


@pytest.mark.usefixtures("groups")
def test_a_thing_is_in_one_billing_group(run: Run) -> None:
    run("AddThingToBillingGroup", billing_group_name="a", thing_name="t")
    with pytest.raises(iot.InvalidRequestException, match=r"^Thing t already belongs to billing group a$"):
        run("AddThingToBillingGroup", billing_group_name="b", thing_name="t")
    assert group_of(run, "t") == "a"
    run("UpdateThing", thing_name="t")
    assert group_of(run, "t") == "a"


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("operation", ["AddThingToBillingGroup", "RemoveThingFromBillingGroup"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"thing_name": "t"}, "Both billingGroupName and billingGroupArn cannot be null"),
        ({"billing_group_name": "a"}, "Both thingName and thingArn cannot be null"),
        (
            {"billing_group_name": "a", "billing_group_arn": f"{HOME}:billinggroup/b", "thing_name": "t"},
            "BillingGroupName billingGroupArn does not match specified billingGroupName in request",
        ),
        (
            {"billing_group_name": "a", "thing_arn": f"{HOME}:thing/t", "thing_name": "u"},
            "ThingName thingArn does not match specified thingName in request",
        ),
        (
            {"billing_group_arn": f"{HOME}:thinggroup/a", "thing_name": "t"},
            f"{HOME}:thinggroup/a is not the ARN of a billing group of this account and region.",
        ),
    ],
)
def test_naming_badly(run: Run, operation: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as caught:
        run(operation, **given)
    assert caught.value.message == message


@pytest.mark.usefixtures("groups")
def test_naming_by_arn(run: Run) -> None:
    arns = {"billing_group_arn": f"{HOME}:billinggroup/a", "thing_arn": f"{HOME}:thing/t"}
    run("AddThingToBillingGroup", **arns)
    assert members(run, "a") == ["t"]
    run("RemoveThingFromBillingGroup", **arns, billing_group_name="a", thing_name="t")
    assert members(run, "a") == []


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("operation", ["AddThingToBillingGroup", "RemoveThingFromBillingGroup"])
def test_naming_what_is_not_there(run: Run, operation: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Billing group none cannot be found\.$"):
        run(operation, billing_group_name="none", thing_name="t")
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing none cannot be found\.$"):
        run(operation, billing_group_name="a", thing_name="none")


# --- lists ---


def pages(run: Run, operation: str, member: str, **filters: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    token = None
    while not found or token:
        page = run(operation, max_results=2, next_token=token, **filters)
        found.append(list(getattr(page, member)))
        token = page.next_token
    return found


def test_list_billing_groups(run: Run) -> None:
    for name in ("b1", "B", "b", "b2", "c"):
        run("CreateBillingGroup", billing_group_name=name)
    found = pages(run, "ListBillingGroups", "billing_groups")
    assert [[one.group_name for one in page] for page in found] == [["B", "b"], ["b1", "b2"], ["c"]]
    assert found[0][0] == iot.GroupNameAndArn(group_name="B", group_arn=f"{HOME}:billinggroup/B")
    found = pages(run, "ListBillingGroups", "billing_groups", name_prefix_filter="b")
    assert [[one.group_name for one in page] for page in found] == [["b", "b1"], ["b2"]]
    token = run("ListBillingGroups", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListBillingGroups", name_prefix_filter="b", next_token=token)


@pytest.mark.usefixtures("groups")
def test_list_things_in_billing_group(run: Run) -> None:
    for name in ("c", "B", "a", "A", "d"):
        run("CreateThing", thing_name=name, billing_group_name="a")
    assert pages(run, "ListThingsInBillingGroup", "things", billing_group_name="a") == [["A", "B"], ["a", "c"], ["d"]]
    run("DeleteThing", thing_name="B")
    assert members(run, "a") == ["A", "a", "c", "d"]
    token = run("ListThingsInBillingGroup", billing_group_name="a", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListThingsInBillingGroup", billing_group_name="b", next_token=token)
