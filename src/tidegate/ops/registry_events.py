"""Telling of changes in the registry: things, types, groups and what ties them (device reference 7.5).

Each function writes an event into the outbox if its scope has switched the type on. Those about something that goes
away are called before it does.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tidegate.core import events as wording
from tidegate.core import registry_events
from tidegate.core.registry_events import Change, Tie
from tidegate.ops.call import Where
from tidegate.ops.effects import EventsWritten
from tidegate.store import events, groups
from tidegate.store.database import Tx
from tidegate.store.groups import Group
from tidegate.store.thing_types import ThingType
from tidegate.store.things import Thing
from tidegate.wire import iot


class Named(Protocol):
    """What is told of a group and of a thing when one joins or leaves the other."""

    @property
    def id(self) -> int:
        """Its inner id."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def uuid(self) -> str:
        """The API's thingGroupId or thingId."""
        ...


def thing(tx: Tx, call: Where, change: Change, it: Thing) -> None:
    """A thing was created or updated, or is about to be deleted."""
    if not events.is_on(tx, call.scope, wording.THING):
        return
    message = registry_events.thing_message(
        change,
        account=call.account,
        thing_id=it.uuid,
        name=it.name,
        version=it.version,
        type_name=it.type_name,
        attributes=it.attributes,
        now=call.now,
    )
    _put(tx, call, registry_events.thing_topic(it.name, change), message)


def thing_type(tx: Tx, call: Where, change: Change, it: ThingType) -> None:
    """A type was created or updated, deprecation and its undoing included, or is about to be deleted."""
    if not events.is_on(tx, call.scope, wording.THING_TYPE):
        return
    message = registry_events.thing_type_message(
        change,
        account=call.account,
        type_id=it.uuid,
        name=it.name,
        deprecated_at=it.deprecated_at,
        searchable=it.searchable,
        propagating=_propagating(it.mqtt5),
        description=it.description,
        now=call.now,
    )
    _put(tx, call, registry_events.thing_type_topic(it.name, change), message)


def typed(tx: Tx, call: Where, it: Thing, before: str | None, after: str | None) -> None:
    """A thing's type has changed: it had one or none before, and has one or none now."""
    if before == after or not events.is_on(tx, call.scope, wording.THING_TYPE_ASSOCIATION):
        return
    for tie, name in ((Tie.REMOVED, before), (Tie.ADDED, after)):
        if name is not None:
            message = registry_events.association_message(
                tie, thing_id=it.uuid, thing_name=it.name, type_name=name, now=call.now
            )
            _put(tx, call, registry_events.association_topic(it.name, name, tie), message)


def group(tx: Tx, call: Where, change: Change, it: Group, *, dynamic_id: str | None = None) -> None:
    """A group was created or updated, or is about to be deleted; ``dynamic_id`` is a dynamic one's."""
    if not events.is_on(tx, call.scope, wording.THING_GROUP):
        return
    above = groups.lineage(tx, it.id)
    message = registry_events.group_message(
        change,
        account=call.account,
        group_id=it.uuid,
        name=it.name,
        version=it.version,
        parent=(above[-1].name, above[-1].uuid) if above else None,
        above=[(call.arn(f"thinggroup/{one.name}"), one.uuid) for one in above],
        description=it.description,
        attributes=it.attributes,
        now=call.now,
        dynamic_id=dynamic_id,
    )
    _put(tx, call, registry_events.group_topic(it.name, change), message)


def tied(tx: Tx, call: Where, tie: Tie, parent: Group | None, child: Group) -> None:
    """A group came to be below its parent or no longer is; nothing is told of a root."""
    if parent is None or not events.is_on(tx, call.scope, wording.THING_GROUP_HIERARCHY):
        return
    message = registry_events.hierarchy_message(
        tie,
        account=call.account,
        parent_id=parent.uuid,
        parent_name=parent.name,
        child_id=child.uuid,
        child_name=child.name,
        now=call.now,
    )
    _put(tx, call, registry_events.hierarchy_topic(parent.name, child.name, tie), message)


def joined(tx: Tx, call: Where, it: Named, thing: Named) -> None:
    """A thing has just joined a group."""
    if _tells_of_members(tx, call):
        _membership(tx, call, Tie.ADDED, (it.name, it.uuid), (thing.name, thing.uuid), call.now)


def leaves(tx: Tx, call: Where, it: Named, thing: Named) -> None:
    """A thing is about to leave a group; nothing is told if it is not in it."""
    if _tells_of_members(tx, call):
        joined_at = groups.joined_at(tx, it.id, thing.id)
        if joined_at is not None:
            _membership(tx, call, Tie.REMOVED, (it.name, it.uuid), (thing.name, thing.uuid), joined_at)


def leaves_all(tx: Tx, call: Where, thing: Thing) -> None:
    """A thing is about to leave all its groups."""
    if _tells_of_members(tx, call):
        for it in groups.groups_of_thing(tx, thing.id):
            leaves(tx, call, it, thing)


def all_leave(tx: Tx, call: Where, it: Named) -> None:
    """All its things are about to leave a group."""
    if _tells_of_members(tx, call):
        for row in groups.all_members(tx, it.id):
            _membership(tx, call, Tie.REMOVED, (it.name, it.uuid), (row.thing_name, row.thing_uuid), row.joined_at)


def _tells_of_members(tx: Tx, call: Where) -> bool:
    return events.is_on(tx, call.scope, wording.THING_GROUP_MEMBERSHIP)


def _membership(tx: Tx, call: Where, tie: Tie, group: tuple[str, str], thing: tuple[str, str], joined_at: int) -> None:
    message = registry_events.membership_message(
        tie,
        account=call.account,
        group_arn=call.arn(f"thinggroup/{group[0]}"),
        group_id=group[1],
        thing_arn=call.arn(f"thing/{thing[0]}"),
        thing_id=thing[1],
        joined_at=joined_at,
        now=call.now,
    )
    _put(tx, call, registry_events.membership_topic(group[0], thing[0], tie), message)


def _propagating(mqtt5: str | None) -> list[dict[str, str]]:
    configuration = msgspec.json.decode(mqtt5, type=iot.Mqtt5Configuration) if mqtt5 else iot.Mqtt5Configuration()
    given = [msgspec.to_builtins(one) for one in configuration.propagating_attributes or []]
    return [{name: value for name, value in one.items() if value is not None} for one in given]


def _put(tx: Tx, call: Where, topic: str, message: str) -> None:
    events.put(tx, call.scope, topic, message)
    tx.effects.append(EventsWritten(call.scope))
