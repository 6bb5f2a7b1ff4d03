"""Billing groups (control reference 17.5): flat, at most one for each thing, never a job's target."""

from __future__ import annotations

from tidegate.core import texts
from tidegate.ops import naming, paging, registry, tags, things
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import billing_groups
from tidegate.store import tags as stored_tags
from tidegate.store import things as thing_store
from tidegate.store.billing_groups import BillingGroup
from tidegate.store.database import Conflict, Tx
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds


def create_billing_group(tx: Tx, call: Call, request: iot.CreateBillingGroupRequest) -> iot.CreateBillingGroupResponse:
    """Keep a new billing group; the same request again is answered alike."""
    name = request.billing_group_name
    # CreateBillingGroup models no LimitExceededException: too many tags, or groups, are invalid.
    wrong = tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    description = _description(request.billing_group_properties)
    known = billing_groups.find(tx, call.scope, name)
    if known is not None:
        return _created_again(call, known, description)
    most = call.limits.billing_groups
    if most and billing_groups.count(tx, call.scope) >= most:
        raise iot.InvalidRequestException(texts.requests.limit_exceeded("billing groups", most))
    uuid = call.ids.uuid()
    if not billing_groups.insert(tx, call.scope, name, uuid=uuid, description=description, now=call.now):
        raise Conflict
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    return _created(call, name, uuid)


def describe_billing_group(
    tx: Tx, call: Call, request: iot.DescribeBillingGroupRequest
) -> iot.DescribeBillingGroupResponse:
    """A billing group and its properties."""
    group = found(tx, call, request.billing_group_name)
    return iot.DescribeBillingGroupResponse(
        billing_group_name=group.name,
        billing_group_id=group.uuid,
        billing_group_arn=arn(call, group.name),
        version=group.version,
        billing_group_properties=iot.BillingGroupProperties(billing_group_description=group.description),
        billing_group_metadata=iot.BillingGroupMetadata(creation_date=seconds(group.created_at)),
    )


def update_billing_group(tx: Tx, call: Call, request: iot.UpdateBillingGroupRequest) -> iot.UpdateBillingGroupResponse:
    """Replace a billing group's description."""
    group = found(tx, call, request.billing_group_name)
    _expect_version(group, request.expected_version)
    description = _description(request.billing_group_properties)
    return iot.UpdateBillingGroupResponse(version=billing_groups.update(tx, group.id, description))


def delete_billing_group(tx: Tx, call: Call, request: iot.DeleteBillingGroupRequest) -> iot.DeleteBillingGroupResponse:
    """Remove a billing group, its things stay; one that is not there is no error."""
    group = billing_groups.find(tx, call.scope, request.billing_group_name)
    if group is None:
        return iot.DeleteBillingGroupResponse()
    _expect_version(group, request.expected_version)
    left = billing_groups.delete(tx, call.scope, group)
    stored_tags.delete_all(tx, call.scope, arn(call, group.name))
    registry.things_changed(tx, call, left)
    return iot.DeleteBillingGroupResponse()


def list_billing_groups(tx: Tx, call: Call, request: iot.ListBillingGroupsRequest) -> iot.ListBillingGroupsResponse:
    """Billing groups by name."""
    prefix = request.name_prefix_filter or ""
    listing = ("ListBillingGroups", call.account, call.region, prefix)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    names = billing_groups.page(tx, call.scope, prefix=prefix, after=str(page.position[0]), limit=page.size + 1)
    shown = [iot.GroupNameAndArn(group_name=name, group_arn=arn(call, name)) for name in names[: page.size]]
    token = paging.following(listing, names, page.size, lambda name: [name])
    return iot.ListBillingGroupsResponse(billing_groups=shown, next_token=token)


def list_things_in_billing_group(
    tx: Tx, call: Call, request: iot.ListThingsInBillingGroupRequest
) -> iot.ListThingsInBillingGroupResponse:
    """The names of the things in a billing group."""
    listing = ("ListThingsInBillingGroup", call.account, call.region, request.billing_group_name)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    group = found(tx, call, request.billing_group_name)
    names = billing_groups.members(tx, call.scope, group.name, str(page.position[0]), page.size + 1)
    token = paging.following(listing, names, page.size, lambda name: [name])
    return iot.ListThingsInBillingGroupResponse(things=names[: page.size], next_token=token)


def add_thing_to_billing_group(
    tx: Tx, call: Call, request: iot.AddThingToBillingGroupRequest
) -> iot.AddThingToBillingGroupResponse:
    """Put a thing into a billing group; one that is in it already is no error, one that is in another is."""
    group, thing = _named_in(tx, call, request)
    if thing.billing_group not in (None, group.name):
        raise iot.InvalidRequestException(
            texts.billing_groups.thing_in_other_group(thing.name, str(thing.billing_group))
        )
    if thing.billing_group is None:
        billing_groups.join(tx, group.name, thing.id)
        registry.thing_changed(tx, call, thing.id)
    return iot.AddThingToBillingGroupResponse()


def remove_thing_from_billing_group(
    tx: Tx, call: Call, request: iot.RemoveThingFromBillingGroupRequest
) -> iot.RemoveThingFromBillingGroupResponse:
    """Take a thing out of a billing group; one that is not in it is no error."""
    group, thing = _named_in(tx, call, request)
    if thing.billing_group == group.name:
        billing_groups.leave(tx, thing.id)
        registry.thing_changed(tx, call, thing.id)
    return iot.RemoveThingFromBillingGroupResponse()


def arn(call: Call, name: str) -> str:
    """A billing group's ARN."""
    return call.arn(f"billinggroup/{name}")


def found(tx: Tx, call: Call, name: str) -> BillingGroup:
    """The billing group of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    group = billing_groups.find(tx, call.scope, name)
    if group is None:
        raise iot.ResourceNotFoundException(texts.billing_groups.billing_group_missing(name))
    return group


def _created(call: Call, name: str, uuid: str) -> iot.CreateBillingGroupResponse:
    return iot.CreateBillingGroupResponse(
        billing_group_name=name, billing_group_arn=arn(call, name), billing_group_id=uuid
    )


def _created_again(call: Call, known: BillingGroup, description: str | None) -> iot.CreateBillingGroupResponse:
    if known.description != description:
        message = texts.billing_groups.billing_group_exists(known.name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=known.uuid, resource_arn=arn(call, known.name))
    return _created(call, known.name, known.uuid)


def _description(properties: iot.BillingGroupProperties | None) -> str | None:
    return (properties.billing_group_description or None) if properties else None


def _expect_version(group: BillingGroup, expected: int | None) -> None:
    if expected is not None and expected != group.version:
        raise iot.VersionConflictException(texts.billing_groups.billing_group_version_differs(group.name))


def _named_in(
    tx: Tx, call: Call, request: iot.AddThingToBillingGroupRequest | iot.RemoveThingFromBillingGroupRequest
) -> tuple[BillingGroup, thing_store.Thing]:
    group = naming.name_of(call, naming.BILLING_GROUP, request.billing_group_name, request.billing_group_arn)
    thing = naming.name_of(call, naming.THING_OF_BILLING_GROUP, request.thing_name, request.thing_arn)
    return found(tx, call, group), things.found(tx, call, thing)


HANDLERS: Handlers = {
    ("iot", "CreateBillingGroup"): Write(create_billing_group),
    ("iot", "DescribeBillingGroup"): Read(describe_billing_group),
    ("iot", "UpdateBillingGroup"): Write(update_billing_group),
    ("iot", "DeleteBillingGroup"): Write(delete_billing_group),
    ("iot", "ListBillingGroups"): Read(list_billing_groups),
    ("iot", "ListThingsInBillingGroup"): Read(list_things_in_billing_group),
    ("iot", "AddThingToBillingGroup"): Write(add_thing_to_billing_group),
    ("iot", "RemoveThingFromBillingGroup"): Write(remove_thing_from_billing_group),
}
TAGGABLE = {"billinggroup": tags.named(billing_groups.find)}
