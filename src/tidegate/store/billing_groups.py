"""Billing groups: flat groups of things, at most one for each thing."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx

_LAST = "~"
"""Sorts after every character a name may contain (``[a-zA-Z0-9:_-]``)."""


class BillingGroup(NamedTuple):
    """A stored billing group; ``created_at`` is epoch ms, ``uuid`` the API's billingGroupId."""

    id: int
    name: str
    uuid: str
    description: str | None
    version: int
    created_at: int


def insert(tx: Tx, scope: int, name: str, *, uuid: str, description: str | None, now: int) -> bool:
    """Keep a new billing group at version 1; False if the name is taken."""
    values = {"scope": scope, "name": name, "uuid": uuid, "description": description, "now": now}
    return tx.one("billing_group_insert", values) is not None


def find(tx: Tx, scope: int, name: str) -> BillingGroup | None:
    """One billing group by its name."""
    row = tx.one("billing_group_get", {"scope": scope, "name": name})
    return BillingGroup(*row) if row else None


def count(tx: Tx, scope: int) -> int:
    """How many billing groups a scope has."""
    row = tx.one("billing_group_count", {"scope": scope})
    return row[0] if row else 0


def update(tx: Tx, group_id: int, description: str | None) -> int:
    """Replace a billing group's description; its new version."""
    row = tx.one("billing_group_update", {"id": group_id, "description": description})
    assert row is not None, f"billing group {group_id} is gone"
    version: int = row[0]
    return version


def delete(tx: Tx, scope: int, group: BillingGroup) -> list[int]:
    """Remove a billing group; the inner ids of the things that were in it."""
    left = [row[0] for row in tx.all("billing_group_leave_all", {"scope": scope, "name": group.name})]
    tx.run("billing_group_delete", {"id": group.id})
    return sorted(left)


def page(tx: Tx, scope: int, *, prefix: str, after: str, limit: int) -> list[str]:
    """The names that begin with ``prefix``, after a name."""
    # Both lower bounds are tight on every page, whichever of them the planner takes to the index.
    bounds = {"after": after, "first": max(prefix, after), "last": prefix + _LAST, "limit": limit}
    return [row[0] for row in tx.all("billing_group_list", {"scope": scope, **bounds})]


def join(tx: Tx, name: str, thing_id: int) -> None:
    """Put a thing that is in no billing group into one."""
    tx.run("billing_group_join", {"name": name, "thing": thing_id})


def leave(tx: Tx, thing_id: int) -> None:
    """Take a thing out of its billing group."""
    tx.run("billing_group_leave", {"thing": thing_id})


def members(tx: Tx, scope: int, name: str, after: str, limit: int) -> list[str]:
    """The names of the things in a billing group, after a name."""
    wanted = {"scope": scope, "group": name, "after": after, "limit": limit}
    return [row[0] for row in tx.all("billing_group_member_list", wanted)]
