"""Thing groups (control reference 17.3): trees of static groups, and which things are in them.

A thing may be in several groups but only once below any root, so a walk through a tree never meets it twice. Dynamic
groups (``dynamic_groups``) are described and listed here too; nobody is put into them by hand, and they are in no tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tidegate.core import attributes, index_configuration, texts
from tidegate.core.registry_events import Change, Tie
from tidegate.ops import membership, naming, paging, registry, registry_events, tags, things
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged, PrincipalChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import dynamic_groups as stored_dynamic
from tidegate.store import groups
from tidegate.store import tags as stored_tags
from tidegate.store import things as thing_store
from tidegate.store.database import Conflict, Tx
from tidegate.store.dynamic_groups import DynamicGroup
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

_PAGE_OF_THINGS = 25
"""ListThingsInThingGroup without maxResults, seen on the live service."""

_FEW: Final = 16
"""As many certificates of a thing are judged anew one by one."""


def create_thing_group(tx: Tx, call: Call, request: iot.CreateThingGroupRequest) -> iot.CreateThingGroupResponse:
    """Keep a new group, as a root or below another; the same request again is answered alike."""
    name = request.thing_group_name
    # CreateThingGroup models no LimitExceededException: too many are invalid.
    wrong = tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    properties = request.thing_group_properties or iot.ThingGroupProperties()
    wanted = attributes.applied({}, properties.attribute_payload)
    description = properties.thing_group_description or None
    parent = _static(tx, call, found(tx, call, request.parent_group_name)) if request.parent_group_name else None
    new = groups.NewGroup(name, call.ids.uuid(), parent.id if parent else None, description, wanted)
    known = groups.find(tx, call.scope, name)
    if known is not None:
        return _created_again(tx, call, known, new)
    limit_attributes(call, name, wanted)
    if parent:
        _limit_tree(tx, call, name, parent)
    group_id = groups.insert(tx, call.scope, new, call.now)
    if group_id is None:
        raise Conflict
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    group = groups.Group(group_id, *new, 1, call.now)
    registry_events.group(tx, call, Change.CREATED, group)
    registry_events.tied(tx, call, Tie.ADDED, parent, group)
    return _created(call, name, new.uuid)


def describe_thing_group(tx: Tx, call: Call, request: iot.DescribeThingGroupRequest) -> iot.DescribeThingGroupResponse:
    """A group, its properties and its place in the tree."""
    group = found(tx, call, request.thing_group_name)
    payload = iot.AttributePayload(attributes=group.attributes) if group.attributes else None
    dynamic = stored_dynamic.find(tx, group.id)
    return iot.DescribeThingGroupResponse(
        thing_group_name=group.name,
        thing_group_id=group.uuid,
        thing_group_arn=arn(call, group.name),
        version=group.version,
        thing_group_properties=iot.ThingGroupProperties(
            thing_group_description=group.description, attribute_payload=payload
        ),
        thing_group_metadata=_metadata(tx, call, group),
        index_name=index_configuration.THINGS if dynamic else None,
        query_string=dynamic.query if dynamic else None,
        query_version=index_configuration.QUERY_VERSION if dynamic else None,
        status=dynamic.status if dynamic else None,
    )


def update_thing_group(tx: Tx, call: Call, request: iot.UpdateThingGroupRequest) -> iot.UpdateThingGroupResponse:
    """Replace a group's description and, if given, replace or merge its attributes; its parent is for ever."""
    group = _static(tx, call, found(tx, call, request.thing_group_name))
    expect_version(group, request.expected_version)
    properties = request.thing_group_properties
    wanted = attributes.applied(group.attributes, properties.attribute_payload)
    limit_attributes(call, group.name, wanted)
    description = properties.thing_group_description or None
    version = groups.update(tx, group.id, description, wanted)
    updated = group._replace(description=description, attributes=wanted, version=version)
    registry_events.group(tx, call, Change.UPDATED, updated)
    return iot.UpdateThingGroupResponse(version=version)


def delete_thing_group(tx: Tx, call: Call, request: iot.DeleteThingGroupRequest) -> iot.DeleteThingGroupResponse:
    """Remove a group without children; one that is not there is no error."""
    group = groups.find(tx, call.scope, request.thing_group_name)
    if group is None:
        return iot.DeleteThingGroupResponse()
    _static(tx, call, group)
    expect_version(group, request.expected_version)
    if groups.count_children(tx, group.id):
        raise iot.InvalidRequestException(texts.groups.group_has_children(group.name))
    where = arn(call, group.name)
    targets, members = membership.before_all(tx, group.id), groups.member_ids(tx, group.id)
    _tell_of_deletion(tx, call, group)
    groups.delete(tx, call.scope, group.id, where)
    for each in targets:
        membership.changed(tx, call.now, each, joined=False)
    stored_tags.delete_all(tx, call.scope, where)
    tx.effects.append(PoliciesChanged(call.scope))
    registry.things_changed(tx, call, members)
    return iot.DeleteThingGroupResponse()


def list_thing_groups(tx: Tx, call: Call, request: iot.ListThingGroupsRequest) -> iot.ListThingGroupsResponse:
    """Groups by name: all below a parent, without a parent all there are.

    ``recursive`` false leaves the direct children, or the roots. It has no default in the model; left out it is true:
    seen on AWS (moto issue 2961), while an example of the guide shows direct children only.
    """
    prefix = request.name_prefix_filter or ""
    level = request.recursive is False
    listing = ("ListThingGroups", call.account, call.region, request.parent_group, prefix, level)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    after, limit = str(page.position[0]), page.size + 1
    if request.parent_group:
        parent = found(tx, call, request.parent_group)
        rows = groups.page_below(tx, parent.id, children=level, prefix=prefix, after=after, limit=limit)
    else:
        rows = groups.page(tx, call.scope, roots=level, prefix=prefix, after=after, limit=limit)
    token = paging.following(listing, rows, page.size, lambda group: [group.name])
    return iot.ListThingGroupsResponse(thing_groups=_named(call, rows[: page.size]), next_token=token)


def list_thing_groups_for_thing(
    tx: Tx, call: Call, request: iot.ListThingGroupsForThingRequest
) -> iot.ListThingGroupsForThingResponse:
    """The groups a thing was put into and, as the guide says, those above them, by name."""
    listing = ("ListThingGroupsForThing", call.account, call.region, request.thing_name)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    thing = things.found(tx, call, request.thing_name)
    belongs = groups.groups_of_thing(tx, thing.id, ancestors=True)
    rows = [group for group in belongs if group.name > str(page.position[0])]
    token = paging.following(listing, rows, page.size, lambda group: [group.name])
    return iot.ListThingGroupsForThingResponse(thing_groups=_named(call, rows[: page.size]), next_token=token)


def list_things_in_thing_group(
    tx: Tx, call: Call, request: iot.ListThingsInThingGroupRequest
) -> iot.ListThingsInThingGroupResponse:
    """The names of the things in a group, with ``recursive`` also of those in the groups below it."""
    recursive = bool(request.recursive)
    listing = ("ListThingsInThingGroup", call.account, call.region, request.thing_group_name, recursive)
    page = paging.page(listing, token=request.next_token, size=request.max_results or _PAGE_OF_THINGS, start=[0, 0])
    group = found(tx, call, request.thing_group_name)
    after = (int(page.position[0]), int(page.position[1]))
    rows = groups.members(tx, group.id, recursive=recursive, after=after, limit=page.size + 1)
    token = paging.following(listing, rows, page.size, lambda member: [member.group_id, member.thing_id])
    names = [member.thing_name for member in rows[: page.size]]
    return iot.ListThingsInThingGroupResponse(things=names, next_token=token)


def add_thing_to_thing_group(
    tx: Tx, call: Call, request: iot.AddThingToThingGroupRequest
) -> iot.AddThingToThingGroupResponse:
    """Put a thing into a group; one that is there already is no error."""
    group, thing = _named_in(tx, call, request)
    gives_way = _gives_way(tx, thing, override=bool(request.override_dynamic_groups))
    targets = membership.before(tx, thing.id, [group.id, *(one.id for one in gives_way)])
    joins = _joins(tx, call, thing, [], [group], gives_way)
    if joins:
        _join(tx, call, joins[0], thing)
        _announce(tx, call, thing)
        membership.changed(tx, call.now, targets, joined=True)
        registry.thing_changed(tx, call, thing.id)
    return iot.AddThingToThingGroupResponse()


def remove_thing_from_thing_group(
    tx: Tx, call: Call, request: iot.RemoveThingFromThingGroupRequest
) -> iot.RemoveThingFromThingGroupResponse:
    """Take a thing out of a group; one that is not in it is no error."""
    group, thing = _named_in(tx, call, request)
    targets = membership.before(tx, thing.id, [group.id])
    if _leave(tx, call, group, thing):
        _announce(tx, call, thing)
        membership.changed(tx, call.now, targets, joined=False)
        registry.thing_changed(tx, call, thing.id)
    return iot.RemoveThingFromThingGroupResponse()


def update_thing_groups_for_thing(
    tx: Tx, call: Call, request: iot.UpdateThingGroupsForThingRequest
) -> iot.UpdateThingGroupsForThingResponse:
    """Take a thing out of some groups, then put it into others: all of it or nothing.

    Leaving comes first, so that a thing can move within a hierarchy and at the limit of its groups.
    """
    if not request.thing_name:
        raise iot.InvalidRequestException(texts.groups.THING_UNNAMED)
    thing = things.found(tx, call, request.thing_name)
    left = [_static(tx, call, found(tx, call, name)) for name in request.thing_groups_to_remove or []]
    joined = [_static(tx, call, found(tx, call, name)) for name in request.thing_groups_to_add or []]
    gives_way = _gives_way(tx, thing, override=bool(request.override_dynamic_groups))
    concerned = [*(group.id for group in (*left, *joined)), *(group.id for group in gives_way)]
    targets = membership.before(tx, thing.id, concerned)
    joins = _joins(tx, call, thing, left, joined, gives_way)
    has_left = [_leave(tx, call, group, thing) for group in left]
    for join in joins:
        _join(tx, call, join, thing)
    if any(has_left) or joins:
        _announce(tx, call, thing)
        membership.changed(tx, call.now, targets, joined=bool(joins))
        registry.thing_changed(tx, call, thing.id)
    return iot.UpdateThingGroupsForThingResponse()


def _announce(tx: Tx, call: Call, thing: thing_store.Thing) -> None:
    """Other policies apply to the thing: to whoever connects as it, and to nobody else.

    A thing of very many certificates is told of by one effect, which looks at the connections instead.
    """
    known = thing_store.certificates(tx, thing.id)
    few = len(known) <= _FEW
    tx.effects += [PrincipalChanged(call.scope, each) for each in known] if few else [PoliciesChanged(call.scope)]


def arn(call: Call, name: str) -> str:
    """A group's ARN."""
    return call.arn(f"thinggroup/{name}")


def found(tx: Tx, call: Call, name: str) -> groups.Group:
    """The group of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    group = groups.find(tx, call.scope, name)
    if group is None:
        raise iot.ResourceNotFoundException(texts.groups.group_missing(name))
    return group


def _created(call: Call, name: str, uuid: str) -> iot.CreateThingGroupResponse:
    return iot.CreateThingGroupResponse(thing_group_name=name, thing_group_arn=arn(call, name), thing_group_id=uuid)


def already_exists(call: Call, known: groups.Group) -> iot.ResourceAlreadyExistsException:
    """The error for a name that another group has."""
    message = texts.groups.group_exists(known.name)
    return iot.ResourceAlreadyExistsException(message, resource_id=known.uuid, resource_arn=arn(call, known.name))


def _created_again(tx: Tx, call: Call, known: groups.Group, new: groups.NewGroup) -> iot.CreateThingGroupResponse:
    same = known[3:6] == new[2:5]  # parent, description, attributes
    if not same or stored_dynamic.find(tx, known.id):
        raise already_exists(call, known)
    return _created(call, known.name, known.uuid)


def _metadata(tx: Tx, call: Call, group: groups.Group) -> iot.ThingGroupMetadata:
    above = groups.lineage(tx, group.id)
    return iot.ThingGroupMetadata(
        parent_group_name=above[-1].name if above else None,
        root_to_parent_thing_groups=_named(call, above) if above else None,
        creation_date=seconds(group.created_at),
    )


def _named(call: Call, rows: Sequence[groups.Named | groups.Group]) -> list[iot.GroupNameAndArn]:
    return [iot.GroupNameAndArn(group_name=row.name, group_arn=arn(call, row.name)) for row in rows]


def expect_version(group: groups.Group, expected: int | None) -> None:
    """Refuse a request that was meant for another version of a group."""
    if expected is not None and expected != group.version:
        raise iot.VersionConflictException(texts.groups.group_version_differs(group.name))


def limit_attributes(call: Call, name: str, wanted: dict[str, str]) -> None:
    """Refuse more attributes than a group may have."""
    most = call.limits.attributes_per_group
    if len(wanted) > most:
        raise iot.InvalidRequestException(texts.things.too_many_attributes(f"Thing group {name}", most))


def _limit_tree(tx: Tx, call: Call, name: str, parent: groups.Group) -> None:
    deepest, most = call.limits.thing_group_depth, call.limits.children_per_group
    if len(groups.lineage(tx, parent.id)) + 2 > deepest:
        raise iot.InvalidRequestException(texts.groups.group_too_deep(name, deepest))
    if groups.count_children(tx, parent.id) >= most:
        raise iot.InvalidRequestException(texts.groups.too_many_children(parent.name, most))


def _named_in(
    tx: Tx, call: Call, request: iot.AddThingToThingGroupRequest | iot.RemoveThingFromThingGroupRequest
) -> tuple[groups.Group, thing_store.Thing]:
    group = naming.name_of(call, naming.THING_GROUP, request.thing_group_name, request.thing_group_arn)
    thing = naming.name_of(call, naming.THING_OF_GROUP, request.thing_name, request.thing_arn)
    return _static(tx, call, found(tx, call, group)), things.found(tx, call, thing)


def _static(tx: Tx, call: Call, group: groups.Group) -> groups.Group:
    """A group that must be a static one.

    Raises:
        InvalidRequestException: it is dynamic.
    """
    if stored_dynamic.find(tx, group.id):
        raise iot.InvalidRequestException(texts.fleet_index.group_is_dynamic(arn(call, group.name)))
    return group


def _tell_of_deletion(tx: Tx, call: Call, group: groups.Group) -> None:
    registry_events.all_leave(tx, call, group)
    above = groups.lineage(tx, group.id)
    registry_events.tied(tx, call, Tie.REMOVED, above[-1] if above else None, group)
    registry_events.group(tx, call, Change.DELETED, group)


def _leave(tx: Tx, call: Call, group: groups.Group | DynamicGroup, thing: thing_store.Thing) -> bool:
    registry_events.leaves(tx, call, group, thing)
    return groups.leave(tx, group.id, thing.id)


def _gives_way(tx: Tx, thing: thing_store.Thing, *, override: bool) -> list[DynamicGroup]:
    """The dynamic groups that static ones may push a thing out of, the newest last."""
    return stored_dynamic.of_thing(tx, thing.id) if override else []


class _Joins(NamedTuple):
    """A group that a thing joins, and the dynamic group that loses it for that."""

    group: groups.Group
    loses: DynamicGroup | None


def _joins(
    tx: Tx,
    call: Call,
    thing: thing_store.Thing,
    left: list[groups.Group],
    joined: list[groups.Group],
    gives_way: list[DynamicGroup],
) -> list[_Joins]:
    """Which groups a thing joins that it is not in, once it has left others.

    At the limit the newest of the dynamic groups that give way loses the thing (control reference 17.3).
    """
    leaves, most = {group.id for group in left}, call.limits.groups_per_thing
    roots = {one.id: _root(tx, one.id) for one in groups.groups_of_thing(tx, thing.id) if one.id not in leaves}
    found = []
    for group in joined:
        if group.id in roots:
            continue
        root, loses = _root(tx, group.id), None
        if root in roots.values():
            raise iot.InvalidRequestException(texts.groups.thing_in_hierarchy(thing.name, group.name))
        if len(roots) >= most:
            if not gives_way:
                raise iot.InvalidRequestException(texts.groups.thing_in_too_many_groups(thing.name, most))
            loses = gives_way.pop()
            roots.pop(loses.id, None)
        roots[group.id] = root
        found.append(_Joins(group, loses))
    return found


def _root(tx: Tx, group_id: int) -> int:
    """The group at the top of a group's hierarchy."""
    lineage = groups.lineage(tx, group_id)
    return lineage[0].id if lineage else group_id


def _join(tx: Tx, call: Call, joins: _Joins, thing: thing_store.Thing) -> None:
    if joins.loses is not None:
        _leave(tx, call, joins.loses, thing)
    groups.join(tx, joins.group.id, thing.id, call.now)
    registry_events.joined(tx, call, joins.group, thing)


HANDLERS: Handlers = {
    ("iot", "CreateThingGroup"): Write(create_thing_group),
    ("iot", "DescribeThingGroup"): Read(describe_thing_group),
    ("iot", "UpdateThingGroup"): Write(update_thing_group),
    ("iot", "DeleteThingGroup"): Write(delete_thing_group),
    ("iot", "ListThingGroups"): Read(list_thing_groups),
    ("iot", "ListThingGroupsForThing"): Read(list_thing_groups_for_thing),
    ("iot", "ListThingsInThingGroup"): Read(list_things_in_thing_group),
    ("iot", "AddThingToThingGroup"): Write(add_thing_to_thing_group),
    ("iot", "RemoveThingFromThingGroup"): Write(remove_thing_from_thing_group),
    ("iot", "UpdateThingGroupsForThing"): Write(update_thing_groups_for_thing),
}
TAGGABLE = {"thinggroup": tags.named(groups.find)}
