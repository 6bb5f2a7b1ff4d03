"""Things (control reference 17.1): the registry's devices by name."""

from __future__ import annotations

from tidegate.core import attributes, texts
from tidegate.core.registry_events import Change
from tidegate.ops import membership, paging, registry, registry_events, thing_types
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged, ThingNamed
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import billing_groups, connectivity, executions, groups, things
from tidegate.store.database import Conflict, Tx
from tidegate.store.thing_types import ThingType
from tidegate.wire import iot


def create_thing(tx: Tx, call: Call, request: iot.CreateThingRequest) -> iot.CreateThingResponse:
    """Keep a new thing; the same request again is answered alike."""
    name, type_name, billing_group = request.thing_name, request.thing_type_name, request.billing_group_name
    wanted = attributes.applied({}, request.attribute_payload)
    thing_type = thing_types.found(tx, call, type_name) if type_name else None
    if billing_group and billing_groups.find(tx, call.scope, billing_group) is None:
        raise iot.ResourceNotFoundException(texts.billing_groups.billing_group_missing(billing_group))
    new = things.NewThing(name, call.ids.uuid(), wanted, type_name or None, billing_group or None)
    known = things.find(tx, call.scope, name)
    if known is not None:
        return _created_again(call, known, new)
    if thing_type and thing_type.deprecated_at is not None:
        raise iot.InvalidRequestException(texts.thing_types.deprecated_for_new_thing(thing_type.name))
    _limit_attributes(call, name, new.type_name, wanted)
    thing_id = things.insert(tx, call.scope, new, call.now)
    if thing_id is None:
        raise Conflict
    thing = things.Thing(thing_id, name, new.uuid, wanted, 1, call.now, new.type_name, new.billing_group)
    _tell(tx, call, Change.CREATED, thing, type_before=None)
    tx.effects.append(ThingNamed(call.account, call.region, name, thing_id))
    registry.thing_changed(tx, call, thing_id)
    return iot.CreateThingResponse(thing_name=name, thing_arn=arn(call, name), thing_id=new.uuid)


def describe_thing(tx: Tx, call: Call, request: iot.DescribeThingRequest) -> iot.DescribeThingResponse:
    """Everything the registry knows of a thing."""
    thing = found(tx, call, request.thing_name)
    return iot.DescribeThingResponse(
        default_client_id=thing.name,
        thing_name=thing.name,
        thing_id=thing.uuid,
        thing_arn=arn(call, thing.name),
        thing_type_name=thing.type_name,
        attributes=thing.attributes,
        version=thing.version,
        billing_group_name=thing.billing_group,
    )


def update_thing(tx: Tx, call: Call, request: iot.UpdateThingRequest) -> iot.UpdateThingResponse:
    """Replace or merge a thing's attributes, give it a type or take its type; every update is a new version."""
    if request.thing_type_name and request.remove_thing_type:
        raise iot.InvalidRequestException(texts.things.TYPE_SET_AND_REMOVED)
    thing = found(tx, call, request.thing_name)
    given = thing_types.found(tx, call, request.thing_type_name) if request.thing_type_name else None
    _expect_version(thing, request.expected_version)
    type_name = None if request.remove_thing_type else _type_after(thing, given)
    wanted = attributes.applied(thing.attributes, request.attribute_payload)
    _limit_attributes(call, thing.name, type_name, wanted)
    things.update(tx, call.scope, thing, wanted, type_name)
    updated = thing._replace(attributes=wanted, type_name=type_name, version=thing.version + 1)
    _tell(tx, call, Change.UPDATED, updated, type_before=thing.type_name)
    if (wanted, type_name) != (thing.attributes, thing.type_name):
        # Policies may name the attributes and the type of the connected thing (device reference 8.3).
        tx.effects += [PrincipalChanged(call.scope, certificate) for certificate in things.certificates(tx, thing.id)]
    registry.thing_changed(tx, call, thing.id)
    return iot.UpdateThingResponse()


def delete_thing(tx: Tx, call: Call, request: iot.DeleteThingRequest) -> iot.DeleteThingResponse:
    """Remove a thing, its memberships and pending executions; one that is not there is no error.

    Its shadows outlive it, as AWS's guide says; they have to be deleted by themselves.
    """
    thing = things.find(tx, call.scope, request.thing_name)
    if thing is None:
        return iot.DeleteThingResponse()
    _expect_version(thing, request.expected_version)
    if things.certificates(tx, thing.id):
        raise iot.InvalidRequestException(texts.things.thing_has_principals(thing.name))
    membership.deleted(tx, call.now, thing.id)
    registry_events.leaves_all(tx, call, thing)
    registry_events.typed(tx, call, thing, thing.type_name, None)
    registry_events.thing(tx, call, Change.DELETED, thing)
    # No certificate is attached, so nobody's policies change with the memberships.
    groups.leave_all(tx, thing.id)
    connectivity.delete(tx, thing.id)
    if executions.any_of_thing(tx, thing.id):
        things.bury(tx, call.scope, thing, call.now)
    else:
        things.delete(tx, call.scope, thing)
    tx.effects.append(ThingNamed(call.account, call.region, thing.name, None))
    registry.thing_changed(tx, call, thing.id)
    return iot.DeleteThingResponse()


def list_things(tx: Tx, call: Call, request: iot.ListThingsRequest) -> iot.ListThingsResponse:
    """Things by name, all or those of a type, or those with an attribute by its value."""
    if request.attribute_value is not None and request.attribute_name is None:
        raise iot.InvalidRequestException(texts.things.ATTRIBUTE_VALUE_ALONE)
    if request.attribute_name is not None and request.thing_type_name is not None:
        raise iot.InvalidRequestException(texts.things.ATTRIBUTE_AND_TYPE)
    if request.attribute_name is not None:
        return _list_by_attribute(tx, call, request, request.attribute_name)
    listing = ("ListThings", call.account, call.region, request.thing_type_name)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    after, limit = str(page.position[0]), page.size + 1
    if request.thing_type_name:
        rows = things.page_by_type(tx, call.scope, request.thing_type_name, after, limit)
    else:
        rows = things.page(tx, call.scope, after, limit)
    token = paging.following(listing, rows, page.size, lambda thing: [thing.name])
    return iot.ListThingsResponse(things=[_summary(call, thing) for thing in rows[: page.size]], next_token=token)


def _list_by_attribute(tx: Tx, call: Call, request: iot.ListThingsRequest, name: str) -> iot.ListThingsResponse:
    # A name without a value asks for every thing that has the attribute.
    prefix = bool(request.use_prefix_attribute_value) or request.attribute_value is None
    value = request.attribute_value or ""
    listing = ("ListThings", call.account, call.region, name, value, prefix)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[value, 0])
    after = (str(page.position[0]), int(page.position[1]))
    rows = things.page_by_attribute(tx, call.scope, name, value, prefix=prefix, after=after, limit=page.size + 1)
    token = paging.following(listing, rows, page.size, lambda row: [row[0], row[1].id])
    return iot.ListThingsResponse(things=[_summary(call, thing) for _, thing in rows[: page.size]], next_token=token)


def arn(call: Call, name: str) -> str:
    """A thing's ARN."""
    return call.arn(f"thing/{name}")


def found(tx: Tx, call: Call, name: str) -> things.Thing:
    """The thing of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    thing = things.find(tx, call.scope, name)
    if thing is None:
        raise iot.ResourceNotFoundException(texts.things.thing_missing(name))
    return thing


def _created_again(call: Call, known: things.Thing, new: things.NewThing) -> iot.CreateThingResponse:
    where = arn(call, known.name)
    before = (known.attributes, known.type_name, known.billing_group)
    if before != (new.attributes, new.type_name, new.billing_group):
        message = texts.things.thing_exists(known.name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=known.uuid, resource_arn=where)
    return iot.CreateThingResponse(thing_name=known.name, thing_arn=where, thing_id=known.uuid)


def _type_after(thing: things.Thing, given: ThingType | None) -> str | None:
    """The type of a thing that is given one or none. A deprecated one is refused unless the thing has it already."""
    if given is None or given.name == thing.type_name:
        return thing.type_name
    if given.deprecated_at is not None:
        raise iot.InvalidRequestException(texts.thing_types.deprecated_for_thing(given.name))
    return given.name


def _tell(tx: Tx, call: Call, change: Change, thing: things.Thing, *, type_before: str | None) -> None:
    registry_events.thing(tx, call, change, thing)
    registry_events.typed(tx, call, thing, type_before, thing.type_name)


def _expect_version(thing: things.Thing, expected: int | None) -> None:
    if expected is not None and expected != thing.version:
        raise iot.VersionConflictException(texts.things.thing_version_differs(thing.name))


def _limit_attributes(call: Call, name: str, type_name: str | None, wanted: dict[str, str]) -> None:
    # AWS also limits a thing to 47 KB: fifty attributes of the greatest length are smaller.
    limit = call.limits.attributes_per_typed_thing if type_name else call.limits.attributes_per_thing
    if len(wanted) > limit:
        owner = f"Thing {name}" if type_name else f"Thing {name} without a thing type"
        raise iot.InvalidRequestException(texts.things.too_many_attributes(owner, limit))


def _summary(call: Call, thing: things.Thing) -> iot.ThingAttribute:
    return iot.ThingAttribute(
        thing_name=thing.name,
        thing_type_name=thing.type_name,
        thing_arn=arn(call, thing.name),
        attributes=thing.attributes,
        version=thing.version,
    )


HANDLERS: Handlers = {
    ("iot", "CreateThing"): Write(create_thing),
    ("iot", "DescribeThing"): Read(describe_thing),
    ("iot", "UpdateThing"): Write(update_thing),
    ("iot", "DeleteThing"): Write(delete_thing),
    ("iot", "ListThings"): Read(list_things),
}
