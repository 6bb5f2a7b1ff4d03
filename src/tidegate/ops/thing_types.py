"""Thing types (control reference 17.2): what things of a kind share. Before one is deleted, it is deprecated."""

from __future__ import annotations

from tidegate.core import texts
from tidegate.core import thing_types as rules
from tidegate.core.registry_events import Change
from tidegate.ops import paging, registry_events, tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import tags as stored_tags
from tidegate.store import thing_types
from tidegate.store import things as thing_store
from tidegate.store.database import Conflict, Tx
from tidegate.store.thing_types import NewThingType, ThingType
from tidegate.wire import iot, jsontext
from tidegate.wire.timestamps import seconds


def create_thing_type(tx: Tx, call: Call, request: iot.CreateThingTypeRequest) -> iot.CreateThingTypeResponse:
    """Keep a new type; the same request again is answered alike."""
    name = request.thing_type_name
    properties = request.thing_type_properties or iot.ThingTypeProperties()
    # CreateThingType models no LimitExceededException: too many tags are invalid.
    wrong = rules.problems(properties) + tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    new = NewThingType(
        name,
        call.ids.uuid(),
        properties.thing_type_description or None,
        properties.searchable_attributes or [],
        _text(properties.mqtt5_configuration),
    )
    known = thing_types.find(tx, call.scope, name)
    if known is not None:
        return _created_again(call, known, new)
    if not thing_types.insert(tx, call.scope, new, call.now):
        raise Conflict
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    registry_events.thing_type(tx, call, Change.CREATED, found(tx, call, name))
    return _created(call, name, new.uuid)


def describe_thing_type(tx: Tx, call: Call, request: iot.DescribeThingTypeRequest) -> iot.DescribeThingTypeResponse:
    """A type, its properties, and whether and since when it is deprecated."""
    known = found(tx, call, request.thing_type_name)
    return iot.DescribeThingTypeResponse(
        thing_type_name=known.name,
        thing_type_id=known.uuid,
        thing_type_arn=arn(call, known.name),
        thing_type_properties=_properties(known),
        thing_type_metadata=_metadata(known),
    )


def update_thing_type(tx: Tx, call: Call, request: iot.UpdateThingTypeRequest) -> iot.UpdateThingTypeResponse:
    """Replace a type's MQTT 5 configuration: nothing else of it can be changed."""
    properties = request.thing_type_properties or iot.ThingTypeProperties()
    fixed = (properties.thing_type_description, properties.searchable_attributes)
    wrong = [texts.thing_types.MQTT5_ALONE] if any(member is not None for member in fixed) else []
    wrong += rules.problems(properties)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    known = found(tx, call, request.thing_type_name)
    if properties.mqtt5_configuration is not None:
        text = _text(properties.mqtt5_configuration)
        thing_types.put_mqtt5(tx, known.id, text)
        if text != known.mqtt5:  # what is put on the messages of those who are connected changes at once
            tx.effects.append(PoliciesChanged(call.scope))
        registry_events.thing_type(tx, call, Change.UPDATED, known._replace(mqtt5=text))
    return iot.UpdateThingTypeResponse()


def deprecate_thing_type(tx: Tx, call: Call, request: iot.DeprecateThingTypeRequest) -> iot.DeprecateThingTypeResponse:
    """Close a type to further things, or open it again. One that is so already stays so, since when it is."""
    known = found(tx, call, request.thing_type_name)
    deprecated_at = None if request.undo_deprecate else known.deprecated_at or call.now
    if deprecated_at != known.deprecated_at:
        thing_types.put_deprecated(tx, known.id, deprecated_at)
        registry_events.thing_type(tx, call, Change.UPDATED, known._replace(deprecated_at=deprecated_at))
    return iot.DeprecateThingTypeResponse()


def delete_thing_type(tx: Tx, call: Call, request: iot.DeleteThingTypeRequest) -> iot.DeleteThingTypeResponse:
    """Remove a type that has been deprecated for a while and that no thing has."""
    known = found(tx, call, request.thing_type_name)
    rest = call.limits.thing_type_rest
    if known.deprecated_at is None:
        raise iot.InvalidRequestException(texts.thing_types.not_deprecated(known.name))
    if call.now < known.deprecated_at + rest:
        raise iot.InvalidRequestException(texts.thing_types.deprecated_too_late(known.name, -(-rest // 60_000)))
    if thing_store.page_by_type(tx, call.scope, known.name, "", 1):
        raise iot.InvalidRequestException(texts.thing_types.thing_type_in_use(known.name))
    registry_events.thing_type(tx, call, Change.DELETED, known)
    thing_types.delete(tx, known.id)
    stored_tags.delete_all(tx, call.scope, arn(call, known.name))
    return iot.DeleteThingTypeResponse()


def list_thing_types(tx: Tx, call: Call, request: iot.ListThingTypesRequest) -> iot.ListThingTypesResponse:
    """Types by name, or the one with a name."""
    listing = ("ListThingTypes", call.account, call.region, request.thing_type_name)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    if request.thing_type_name:
        only = thing_types.find(tx, call.scope, request.thing_type_name)
        return iot.ListThingTypesResponse(thing_types=[_definition(call, only)] if only else [])
    rows = thing_types.page(tx, call.scope, str(page.position[0]), page.size + 1)
    token = paging.following(listing, rows, page.size, lambda row: [row.name])
    return iot.ListThingTypesResponse(
        thing_types=[_definition(call, row) for row in rows[: page.size]], next_token=token
    )


def arn(call: Call, name: str) -> str:
    """A type's ARN."""
    return call.arn(f"thingtype/{name}")


def found(tx: Tx, call: Call, name: str) -> ThingType:
    """The type of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    known = thing_types.find(tx, call.scope, name)
    if known is None:
        raise iot.ResourceNotFoundException(texts.thing_types.thing_type_missing(name))
    return known


def _created(call: Call, name: str, uuid: str) -> iot.CreateThingTypeResponse:
    return iot.CreateThingTypeResponse(thing_type_name=name, thing_type_arn=arn(call, name), thing_type_id=uuid)


def _created_again(call: Call, known: ThingType, new: NewThingType) -> iot.CreateThingTypeResponse:
    # Searchable attributes are a set: the order they are given in says nothing.
    before = (known.description, sorted(known.searchable), known.mqtt5)
    if before != (new.description, sorted(new.searchable), new.mqtt5):
        message = texts.thing_types.thing_type_exists(known.name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=known.uuid, resource_arn=arn(call, known.name))
    return _created(call, known.name, known.uuid)


def _definition(call: Call, known: ThingType) -> iot.ThingTypeDefinition:
    return iot.ThingTypeDefinition(
        thing_type_name=known.name,
        thing_type_arn=arn(call, known.name),
        thing_type_properties=_properties(known),
        thing_type_metadata=_metadata(known),
    )


def _properties(known: ThingType) -> iot.ThingTypeProperties:
    return iot.ThingTypeProperties(
        thing_type_description=known.description,
        searchable_attributes=known.searchable or None,
        mqtt5_configuration=jsontext.from_json(iot.Mqtt5Configuration, known.mqtt5) if known.mqtt5 else None,
    )


def _metadata(known: ThingType) -> iot.ThingTypeMetadata:
    return iot.ThingTypeMetadata(
        deprecated=known.deprecated_at is not None,
        deprecation_date=seconds(known.deprecated_at),
        creation_date=seconds(known.created_at),
    )


def _text(configuration: iot.Mqtt5Configuration | None) -> str | None:
    """The stored form of an MQTT 5 configuration; None if it propagates nothing."""
    given = configuration.propagating_attributes if configuration else None
    return jsontext.to_json(configuration) if given else None


HANDLERS: Handlers = {
    ("iot", "CreateThingType"): Write(create_thing_type),
    ("iot", "DescribeThingType"): Read(describe_thing_type),
    ("iot", "UpdateThingType"): Write(update_thing_type),
    ("iot", "DeleteThingType"): Write(delete_thing_type),
    ("iot", "DeprecateThingType"): Write(deprecate_thing_type),
    ("iot", "ListThingTypes"): Read(list_thing_types),
}
TAGGABLE = {"thingtype": tags.named(thing_types.find)}
