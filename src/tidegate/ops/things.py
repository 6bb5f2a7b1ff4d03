"""Things (control reference 17.1): the registry's devices by name.

Thing types and billing groups are not known here yet, so whoever names one is told that it cannot be found.
"""

from __future__ import annotations

from tidegate.core import attributes, texts
from tidegate.ops import handler, membership
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged, ThingNamed
from tidegate.ops.handler import Handler
from tidegate.store import executions, groups, shadows, things
from tidegate.store.database import Conflict, Tx
from tidegate.wire import iot


def create_thing(tx: Tx, call: Call, request: iot.CreateThingRequest) -> iot.CreateThingResponse:
    """Keep a new thing; the same request again is answered alike."""
    name = request.thing_name
    assert name is not None
    wanted = attributes.applied({}, request.attribute_payload)
    _refuse_type(request.thing_type_name)
    if request.billing_group_name:
        raise iot.ResourceNotFoundException(texts.things.billing_group_missing(request.billing_group_name))
    known = things.find(tx, call.scope, name)
    if known is not None:
        return _created_again(call, known, wanted)
    _limit_attributes(name, wanted)
    uuid = call.ids.uuid()
    thing_id = things.insert(tx, call.scope, things.NewThing(name, uuid, wanted), call.now)
    if thing_id is None:
        raise Conflict
    tx.effects.append(ThingNamed(call.account, call.region, name, thing_id))
    return iot.CreateThingResponse(thing_name=name, thing_arn=arn(call, name), thing_id=uuid)


def describe_thing(tx: Tx, call: Call, request: iot.DescribeThingRequest) -> iot.DescribeThingResponse:
    """Everything the registry knows of a thing."""
    thing = found(tx, call, request.thing_name)
    return iot.DescribeThingResponse(
        default_client_id=thing.name,
        thing_name=thing.name,
        thing_id=thing.uuid,
        thing_arn=arn(call, thing.name),
        attributes=thing.attributes,
        version=thing.version,
    )


def update_thing(tx: Tx, call: Call, request: iot.UpdateThingRequest) -> iot.UpdateThingResponse:
    """Replace or merge a thing's attributes; every update is a new version."""
    if request.thing_type_name and request.remove_thing_type:
        raise iot.InvalidRequestException(texts.things.TYPE_SET_AND_REMOVED)
    thing = found(tx, call, request.thing_name)
    _refuse_type(request.thing_type_name)
    _expect_version(thing, request.expected_version)
    wanted = attributes.applied(thing.attributes, request.attribute_payload)
    _limit_attributes(thing.name, wanted)
    things.update(tx, call.scope, thing, wanted)
    if wanted != thing.attributes:
        # Policies may name the attributes of the connected thing (device reference 8.3).
        tx.effects += [PrincipalChanged(call.scope, certificate) for certificate in things.certificates(tx, thing.id)]
    return iot.UpdateThingResponse()


def delete_thing(tx: Tx, call: Call, request: iot.DeleteThingRequest) -> iot.DeleteThingResponse:
    """Remove a thing, its memberships, shadows and pending executions; one that is not there is no error."""
    assert request.thing_name is not None
    thing = things.find(tx, call.scope, request.thing_name)
    if thing is None:
        return iot.DeleteThingResponse()
    _expect_version(thing, request.expected_version)
    if things.certificates(tx, thing.id):
        raise iot.InvalidRequestException(texts.things.thing_has_principals(thing.name))
    membership.deleted(tx, call.now, thing.id)
    # No certificate is attached, so nobody's policies change with the memberships.
    groups.leave_all(tx, thing.id)
    shadows.delete_all(tx, call.scope, thing.name)
    if executions.any_of_thing(tx, thing.id):
        things.bury(tx, call.scope, thing, call.now)
    else:
        things.delete(tx, call.scope, thing)
    tx.effects.append(ThingNamed(call.account, call.region, thing.name, None))
    return iot.DeleteThingResponse()


def list_things(tx: Tx, call: Call, request: iot.ListThingsRequest) -> iot.ListThingsResponse:
    """Things by name, or those with an attribute by its value."""
    if request.attribute_value is not None and request.attribute_name is None:
        raise iot.InvalidRequestException(texts.things.ATTRIBUTE_VALUE_ALONE)
    if request.attribute_name is not None and request.thing_type_name is not None:
        raise iot.InvalidRequestException(texts.things.ATTRIBUTE_AND_TYPE)
    if request.thing_type_name is not None:
        return iot.ListThingsResponse(things=[])
    if request.attribute_name is not None:
        return _list_by_attribute(tx, call, request, request.attribute_name)
    listing = ("ListThings", call.account, call.region)
    page = handler.page(listing, token=request.next_token, size=request.max_results, start=[""])
    rows = things.page(tx, call.scope, str(page.position[0]), page.size + 1)
    token = handler.following(listing, rows, page.size, lambda thing: [thing.name])
    return iot.ListThingsResponse(things=[_summary(call, thing) for thing in rows[: page.size]], next_token=token)


def _list_by_attribute(tx: Tx, call: Call, request: iot.ListThingsRequest, name: str) -> iot.ListThingsResponse:
    # A name without a value asks for every thing that has the attribute.
    prefix = bool(request.use_prefix_attribute_value) or request.attribute_value is None
    value = request.attribute_value or ""
    listing = ("ListThings", call.account, call.region, name, value, prefix)
    page = handler.page(listing, token=request.next_token, size=request.max_results, start=[value, 0])
    after = (str(page.position[0]), int(page.position[1]))
    rows = things.page_by_attribute(tx, call.scope, name, value, prefix=prefix, after=after, limit=page.size + 1)
    token = handler.following(listing, rows, page.size, lambda row: [row[0], row[1].id])
    return iot.ListThingsResponse(things=[_summary(call, thing) for _, thing in rows[: page.size]], next_token=token)


def arn(call: Call, name: str) -> str:
    """A thing's ARN."""
    return call.arn(f"thing/{name}")


def found(tx: Tx, call: Call, name: str | None) -> things.Thing:
    """The thing of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    assert name is not None
    thing = things.find(tx, call.scope, name)
    if thing is None:
        raise iot.ResourceNotFoundException(texts.things.thing_missing(name))
    return thing


def _created_again(call: Call, known: things.Thing, wanted: dict[str, str]) -> iot.CreateThingResponse:
    where = arn(call, known.name)
    if known.attributes != wanted:
        message = texts.things.thing_exists(known.name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=known.uuid, resource_arn=where)
    return iot.CreateThingResponse(thing_name=known.name, thing_arn=where, thing_id=known.uuid)


def _refuse_type(name: str | None) -> None:
    if name:
        raise iot.ResourceNotFoundException(texts.things.thing_type_missing(name))


def _expect_version(thing: things.Thing, expected: int | None) -> None:
    if expected is not None and expected != thing.version:
        raise iot.VersionConflictException(texts.things.thing_version_differs(thing.name))


def _limit_attributes(name: str, wanted: dict[str, str]) -> None:
    limit = attributes.OF_UNTYPED_THING
    if len(wanted) > limit:
        raise iot.InvalidRequestException(texts.things.too_many_attributes(f"Thing {name} without a thing type", limit))


def _summary(call: Call, thing: things.Thing) -> iot.ThingAttribute:
    return iot.ThingAttribute(
        thing_name=thing.name,
        thing_arn=arn(call, thing.name),
        attributes=thing.attributes,
        version=thing.version,
    )


HANDLERS = {
    ("iot", "CreateThing"): Handler(create_thing, partial="thing types and billing groups"),
    ("iot", "DescribeThing"): Handler(describe_thing, reads=True),
    ("iot", "UpdateThing"): Handler(update_thing, partial="thing types"),
    ("iot", "DeleteThing"): Handler(delete_thing),
    ("iot", "ListThings"): Handler(list_things, reads=True, partial="thing types"),
}
