"""Dynamic thing groups (control reference 17.4): made, changed and deleted here; the rest is as for static groups."""

from __future__ import annotations

from tidegate.core import attributes, index_configuration, query, texts
from tidegate.core.registry_events import Change
from tidegate.ops import dynamic_membership, fleet_index, groups, membership, registry, registry_events, searches, tags
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Write
from tidegate.store import dynamic_groups
from tidegate.store import groups as stored_groups
from tidegate.store import tags as stored_tags
from tidegate.store.database import Conflict, Tx
from tidegate.store.dynamic_groups import DynamicGroup
from tidegate.store.groups import Group, NewGroup
from tidegate.wire import iot


def create_dynamic_thing_group(
    tx: Tx, call: Call, request: iot.CreateDynamicThingGroupRequest
) -> iot.CreateDynamicThingGroupResponse:
    """Keep a new group and find its members; the same request again is answered alike."""
    name, text = request.thing_group_name, request.query_string
    wrong = tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    configured = _index(tx, call, request.index_name)
    searches.fitting(text, searches.parsed(text, request.query_version, query.MOST_TERMS_OF_GROUP), configured)
    new = _new(call, name, request.thing_group_properties)
    known = stored_groups.find(tx, call.scope, name)
    if known is not None:
        return _created_again(tx, call, known, new, text)
    groups.limit_attributes(call, name, new.attributes)
    limit = call.limits.dynamic_groups
    if dynamic_groups.count(tx, call.scope) >= limit:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("dynamic thing groups", limit))
    group_id = stored_groups.insert(tx, call.scope, new, call.now)
    if group_id is None:
        raise Conflict
    dynamic_groups.insert(tx, group_id, call.scope, text)
    stored_tags.put(tx, call.scope, groups.arn(call, name), tags.as_map(request.tags))
    registry_events.group(tx, call, Change.CREATED, Group(group_id, *new, 1, call.now), dynamic_id=new.uuid)
    dynamic_membership.fill(tx, call, [_dynamic(tx, group_id)], "BUILDING")
    return _created(call, name, new.uuid, text)


def update_dynamic_thing_group(
    tx: Tx, call: Call, request: iot.UpdateDynamicThingGroupRequest
) -> iot.UpdateDynamicThingGroupResponse:
    """Change a group's description, attributes or query; with another query its members are found anew."""
    group = groups.found(tx, call, request.thing_group_name)
    dynamic = _known(tx, call, group)
    groups.expect_version(group, request.expected_version)
    configured = _index(tx, call, request.index_name)
    text = request.query_string or dynamic.query
    tree = searches.parsed(text, request.query_version, query.MOST_TERMS_OF_GROUP)
    if request.query_string is not None:
        searches.fitting(text, tree, configured)
    properties = request.thing_group_properties
    wanted = attributes.applied(group.attributes, properties.attribute_payload)
    groups.limit_attributes(call, group.name, wanted)
    description = properties.thing_group_description or None
    version = stored_groups.update(tx, group.id, description, wanted)
    updated = group._replace(description=description, attributes=wanted, version=version)
    registry_events.group(tx, call, Change.UPDATED, updated, dynamic_id=group.uuid)
    if text != dynamic.query:
        dynamic_groups.update(tx, group.id, text)
        dynamic_membership.fill(tx, call, [_dynamic(tx, group.id)], "REBUILDING")
    return iot.UpdateDynamicThingGroupResponse(version=version)


def delete_dynamic_thing_group(
    tx: Tx, call: Call, request: iot.DeleteDynamicThingGroupRequest
) -> iot.DeleteDynamicThingGroupResponse:
    """Remove a group; one that is not there is no error."""
    group = stored_groups.find(tx, call.scope, request.thing_group_name)
    if group is None:
        return iot.DeleteDynamicThingGroupResponse()
    _known(tx, call, group)
    groups.expect_version(group, request.expected_version)
    where = groups.arn(call, group.name)
    targets, members = membership.before_all(tx, group.id), stored_groups.member_ids(tx, group.id)
    registry_events.all_leave(tx, call, group)
    registry_events.group(tx, call, Change.DELETED, group, dynamic_id=group.uuid)
    dynamic_groups.delete(tx, group.id)
    stored_groups.delete(tx, call.scope, group.id, where)
    for each in targets:
        membership.changed(tx, call.now, each, joined=False)
    stored_tags.delete_all(tx, call.scope, where)
    registry.things_changed(tx, call, members)  # each has a place free, which another group may have waited for
    return iot.DeleteDynamicThingGroupResponse()


def _new(call: Call, name: str, properties: iot.ThingGroupProperties | None) -> NewGroup:
    given = properties or iot.ThingGroupProperties()
    wanted = attributes.applied({}, given.attribute_payload)
    return NewGroup(name, call.ids.uuid(), None, given.thing_group_description or None, wanted)


def _index(tx: Tx, call: Call, name: str | None) -> iot.ThingIndexingConfiguration:
    """What the index a group is to follow holds."""
    if name is not None and name != index_configuration.THINGS:
        problem = texts.fleet_index.index_unsupported(name, index_configuration.THINGS)
        raise iot.InvalidRequestException(problem)
    configured = fleet_index.configured(tx, call.scope)
    if not index_configuration.is_on(configured):
        raise iot.ResourceNotFoundException(texts.fleet_index.INDEXING_OFF)
    return configured


def _created(call: Call, name: str, uuid: str, text: str) -> iot.CreateDynamicThingGroupResponse:
    return iot.CreateDynamicThingGroupResponse(
        thing_group_name=name,
        thing_group_arn=groups.arn(call, name),
        thing_group_id=uuid,
        index_name=index_configuration.THINGS,
        query_string=text,
        query_version=index_configuration.QUERY_VERSION,
    )


def _created_again(tx: Tx, call: Call, known: Group, new: NewGroup, text: str) -> iot.CreateDynamicThingGroupResponse:
    dynamic = dynamic_groups.find(tx, known.id)
    same = (known.description, known.attributes) == (new.description, new.attributes)
    if dynamic is None or dynamic.query != text or not same:
        raise groups.already_exists(call, known)
    return _created(call, known.name, known.uuid, text)


def _known(tx: Tx, call: Call, group: Group) -> DynamicGroup:
    """What is dynamic about a group.

    Raises:
        InvalidRequestException: it is a static one.
    """
    dynamic = dynamic_groups.find(tx, group.id)
    if dynamic is None:
        raise iot.InvalidRequestException(texts.fleet_index.group_is_static(groups.arn(call, group.name)))
    return dynamic


def _dynamic(tx: Tx, group_id: int) -> DynamicGroup:
    found = dynamic_groups.find(tx, group_id)
    assert found is not None
    return found


HANDLERS: Handlers = {
    ("iot", "CreateDynamicThingGroup"): Write(create_dynamic_thing_group),
    ("iot", "UpdateDynamicThingGroup"): Write(update_dynamic_thing_group),
    ("iot", "DeleteDynamicThingGroup"): Write(delete_dynamic_thing_group),
}
