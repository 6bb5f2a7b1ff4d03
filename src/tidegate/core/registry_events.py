"""Registry events: their topics and what they say (device reference 7.5).

Instants are epoch ms, here even ``timestamp``. A text that is not there is empty, a list or map without entries too:
consumers that AWS publishes take no null there. Null is left where its documents print it: a thing without a type, a
group without a parent, a type that is not deprecated. As with jobs, ``eventId`` is given when the event leaves.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

_TOPICS = "$aws/events"
_NAMESPACE = uuid.UUID("b0b7ed1e-6b5b-5b6c-9f0f-1b7f0a3c5d21")


class Change(StrEnum):
    """What became of a thing, a type or a group; the last level of the topic."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Tie(StrEnum):
    """What became of a relation between two of them; the last level of the topic."""

    ADDED = "added"
    REMOVED = "removed"


def thing_topic(name: str, change: Change) -> str:
    """Where a thing's event is published."""
    return f"{_TOPICS}/thing/{name}/{change}"


def thing_type_topic(name: str, change: Change) -> str:
    """Where a type's event is published; deprecation and its undoing are updates."""
    return f"{_TOPICS}/thingType/{name}/{change}"


def association_topic(thing_name: str, type_name: str, tie: Tie) -> str:
    """Where it is published that a thing has a type, or no longer."""
    return f"{_TOPICS}/thingTypeAssociation/thing/{thing_name}/thingType/{type_name}/{tie}"


def group_topic(name: str, change: Change) -> str:
    """Where a group's event is published."""
    return f"{_TOPICS}/thingGroup/{name}/{change}"


def membership_topic(group_name: str, thing_name: str, tie: Tie) -> str:
    """Where it is published that a thing joined or left a group."""
    return f"{_TOPICS}/thingGroupMembership/thingGroup/{group_name}/thing/{thing_name}/{tie}"


def hierarchy_topic(parent_name: str, child_name: str, tie: Tie) -> str:
    """Where it is published that a group came to be below another, or no longer is."""
    return f"{_TOPICS}/thingGroupHierarchy/thingGroup/{parent_name}/childThingGroup/{child_name}/{tie}"


def thing_message(
    change: Change,
    *,
    account: str,
    thing_id: str,
    name: str,
    version: int,
    type_name: str | None,
    attributes: Mapping[str, str],
    now: int,
) -> str:
    """What a thing's event says."""
    return _message(
        "THING_EVENT",
        change,
        now,
        accountId=account,
        thingId=thing_id,
        thingName=name,
        versionNumber=version,
        thingTypeName=type_name,
        attributes=attributes,
    )


def thing_type_message(
    change: Change,
    *,
    account: str,
    type_id: str,
    name: str,
    deprecated_at: int | None,
    searchable: Sequence[str],
    propagating: Sequence[Mapping[str, str]],
    description: str | None,
    now: int,
) -> str:
    """What a type's event says; ``propagating`` as in its MQTT 5 configuration, without what is unset."""
    return _message(
        "THING_TYPE_EVENT",
        change,
        now,
        accountId=account,
        thingTypeId=type_id,
        thingTypeName=name,
        isDeprecated=deprecated_at is not None,
        deprecationDate=deprecated_at,
        searchableAttributes=searchable,
        propagatingAttributes=propagating,
        description=description or "",
    )


def association_message(tie: Tie, *, thing_id: str, thing_name: str, type_name: str, now: int) -> str:
    """What it says that a thing has a type, or no longer. This event names no account."""
    return _message(
        "THING_TYPE_ASSOCIATION_EVENT", tie, now, thingId=thing_id, thingName=thing_name, thingTypeName=type_name
    )


def group_message(
    change: Change,
    *,
    account: str,
    group_id: str,
    name: str,
    version: int,
    parent: tuple[str, str] | None,
    above: Sequence[tuple[str, str]],
    description: str | None,
    attributes: Mapping[str, str],
    now: int,
    dynamic_id: str | None = None,
) -> str:
    """What a group's event says.

    Args:
        change: what became of it.
        account: whose it is.
        group_id: the API's thingGroupId.
        name: its name.
        version: the latest it had.
        parent: (name, id) of the group right above it.
        above: (ARN, id) of all above it, the root first.
        description: None if it has none.
        attributes: its own.
        now: epoch ms.
        dynamic_id: of a dynamic group, its ``dynamicGroupMappingId``.
    """
    parent_name, parent_id = parent or (None, None)
    return _message(
        "THING_GROUP_EVENT",
        change,
        now,
        accountId=account,
        thingGroupId=group_id,
        thingGroupName=name,
        versionNumber=version,
        parentGroupName=parent_name,
        parentGroupId=parent_id,
        description=description or "",
        rootToParentThingGroups=[{"groupArn": arn, "groupId": uid} for arn, uid in above],
        attributes=attributes,
        dynamicGroupMappingId=dynamic_id,
    )


def membership_message(
    tie: Tie,
    *,
    account: str,
    group_arn: str,
    group_id: str,
    thing_arn: str,
    thing_id: str,
    joined_at: int,
    now: int,
) -> str:
    """What it says that a thing joined or left a group.

    ``membershipId`` is one for both, and another when the thing joins again: it is made from who joined what, when.
    """
    membership = uuid.uuid5(_NAMESPACE, f"{group_id} {thing_id} {joined_at}")
    return _message(
        "THING_GROUP_MEMBERSHIP_EVENT",
        tie,
        now,
        accountId=account,
        groupArn=group_arn,
        groupId=group_id,
        thingArn=thing_arn,
        thingId=thing_id,
        membershipId=str(membership),
    )


def hierarchy_message(
    tie: Tie, *, account: str, parent_id: str, parent_name: str, child_id: str, child_name: str, now: int
) -> str:
    """What it says that a group came to be below another, or no longer is."""
    return _message(
        "THING_GROUP_HIERARCHY_EVENT",
        tie,
        now,
        accountId=account,
        thingGroupId=parent_id,
        thingGroupName=parent_name,
        childGroupId=child_id,
        childGroupName=child_name,
    )


def _message(event_type: str, operation: Change | Tie, now: int, **members: Any) -> str:
    head = {"eventType": event_type, "eventId": "", "timestamp": now, "operation": operation.name}
    return msgspec.json.encode({**head, **members}).decode()
