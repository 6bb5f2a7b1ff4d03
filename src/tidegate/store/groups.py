"""Static thing groups: trees that are fixed when a group is created, and the things in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tidegate.store.database import Tx

_ATTRIBUTES: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])
_LAST = "~"
"""Sorts after every character a name may contain (``[a-zA-Z0-9:_-]``)."""


class Group(NamedTuple):
    """A stored group; ``created_at`` is epoch ms, ``uuid`` the API's thingGroupId, ``parent_id`` None at a root."""

    id: int
    name: str
    uuid: str
    parent_id: int | None
    description: str | None
    attributes: dict[str, str]
    version: int
    created_at: int


class NewGroup(NamedTuple):
    """What a group starts with."""

    name: str
    uuid: str
    parent_id: int | None
    description: str | None
    attributes: dict[str, str]


class Named(NamedTuple):
    """What a list of groups shows."""

    id: int
    name: str


class Member(NamedTuple):
    """A thing in a group: what a list of members shows."""

    group_id: int
    thing_id: int
    thing_name: str


class Membership(NamedTuple):
    """A thing in a group: what is told of it when the group goes away; ``joined_at`` is epoch ms."""

    thing_name: str
    thing_uuid: str
    joined_at: int


def _group(row: tuple[Any, ...]) -> Group:
    group = Group(*row)
    return group._replace(attributes=_ATTRIBUTES.decode(row[5]))


def insert(tx: Tx, scope: int, group: NewGroup, now: int) -> int | None:
    """Keep a new group at version 1; its id, or None if the name is taken."""
    text = msgspec.json.encode(group.attributes).decode()
    row = tx.one("group_insert", {**group._asdict(), "scope": scope, "attributes": text, "now": now})
    return row[0] if row else None


def find(tx: Tx, scope: int, name: str) -> Group | None:
    """One group by its name."""
    row = tx.one("group_get", {"scope": scope, "name": name})
    return _group(row) if row else None


def find_by_uuid(tx: Tx, scope: int, uuid: str) -> Group | None:
    """One group by its thingGroupId."""
    row = tx.one("group_get_by_uuid", {"scope": scope, "uuid": uuid})
    return _group(row) if row else None


def update(tx: Tx, group_id: int, description: str | None, attributes: Mapping[str, str]) -> int:
    """Replace a group's description and attributes; its new version."""
    text = msgspec.json.encode(attributes).decode()
    row = tx.one("group_update", {"id": group_id, "description": description, "attributes": text})
    assert row is not None, f"group {group_id} is gone"
    version: int = row[0]
    return version


def delete(tx: Tx, scope: int, group_id: int, arn: str) -> None:
    """Remove a group without children: its memberships and the policies attached to its ARN go with it."""
    tx.run("group_member_delete_all", {"group": group_id})
    tx.run("group_policy_delete_all", {"scope": scope, "arn": arn})
    tx.run("group_delete", {"id": group_id})


def count_children(tx: Tx, group_id: int) -> int:
    """How many groups name this one as their parent."""
    row = tx.one("group_count_children", {"group": group_id})
    return row[0] if row else 0


def lineage(tx: Tx, group_id: int) -> list[Group]:
    """The groups above one, the root first; empty at a root."""
    return [_group(row) for row in tx.all("group_lineage", {"group": group_id})]


def descendants(tx: Tx, group_id: int) -> list[int]:
    """The ids of a group and of all below it, by id: itself first, because a parent is older than its children."""
    return [row[0] for row in tx.all("group_descendants", {"group": group_id})]


def groups_of_thing(tx: Tx, thing_id: int, *, ancestors: bool = False) -> list[Group]:
    """The groups a thing is in, by name; with ``ancestors`` those above them too, whose policies apply as well."""
    return [_group(row) for row in tx.all("group_above_thing" if ancestors else "group_of_thing", {"thing": thing_id})]


def page(tx: Tx, scope: int, *, roots: bool, prefix: str, after: str, limit: int) -> list[Named]:
    """Groups by name whose names begin with ``prefix``, after a name; with ``roots`` only those without a parent."""
    return _named(tx, "group_list_roots" if roots else "group_list", {"scope": scope}, prefix, after, limit)


def page_below(tx: Tx, parent: int, *, children: bool, prefix: str, after: str, limit: int) -> list[Named]:
    """The same below a group; with ``children`` only those it is the parent of."""
    return _named(
        tx, "group_list_children" if children else "group_list_below", {"parent": parent}, prefix, after, limit
    )


def _named(tx: Tx, statement: str, where: dict[str, int], prefix: str, after: str, limit: int) -> list[Named]:
    # Both lower bounds are tight on every page, whichever of them the planner takes to the index.
    bounds = {"after": after, "first": max(prefix, after), "last": prefix + _LAST, "limit": limit}
    return [Named(*row) for row in tx.all(statement, {**where, **bounds})]


def latest_join(tx: Tx, group_id: int) -> int | None:
    """When (epoch ms) the last of a group's members joined: a walk through all of them."""
    row = tx.one("group_latest_join", {"group": group_id})
    return row[0] if row else None


def member_ids(tx: Tx, group_id: int) -> list[int]:
    """The inner ids of every thing that was put into a group itself."""
    return [row[0] for row in tx.all("group_member_ids", {"group": group_id})]


def member_count(tx: Tx, group_id: int) -> int:
    """How many things are in a group itself."""
    row = tx.one("group_member_count", {"group": group_id})
    return int(row[0]) if row else 0


def joined_at(tx: Tx, group_id: int, thing_id: int) -> int | None:
    """When (epoch ms) a thing joined a group; None if it is not in it."""
    row = tx.one("group_joined_at", {"group": group_id, "thing": thing_id})
    return row[0] if row else None


def all_members(tx: Tx, group_id: int) -> list[Membership]:
    """Every thing that was put into a group itself."""
    return [Membership(*row) for row in tx.all("group_member_list_all", {"group": group_id})]


def join(tx: Tx, group_id: int, thing_id: int, now: int) -> bool:
    """Put a thing into a group; False if it is there already."""
    return tx.one("group_member_insert", {"group": group_id, "thing": thing_id, "now": now}) is not None


def leave(tx: Tx, group_id: int, thing_id: int) -> bool:
    """Take a thing out of a group; False if it was not there."""
    return tx.run("group_member_delete", {"group": group_id, "thing": thing_id}) > 0


def leave_all(tx: Tx, thing_id: int) -> None:
    """Take a thing out of every group."""
    tx.run("group_member_delete_thing", {"thing": thing_id})


def members(tx: Tx, group_id: int, *, recursive: bool, after: tuple[int, int], limit: int) -> list[Member]:
    """Things in a group (``recursive``: and in all below it), by group id and thing id, after (group id, thing id)."""
    since = max(after[0], group_id)
    inhabited = _inhabited(tx, group_id, since) if recursive else [group_id]
    found: list[Member] = []
    for group in inhabited:
        start = after[1] if group == after[0] else 0
        rows = tx.all("group_member_list", {"group": group, "after": start, "limit": limit - len(found)})
        found += [Member(group, *row) for row in rows]
        if len(found) == limit:
            break
    return found


def _inhabited(tx: Tx, group_id: int, since: int) -> list[int]:
    return [row[0] for row in tx.all("group_inhabited", {"group": group_id, "since": since})]
