"""Role aliases: names by which devices ask for a role's credentials."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class RoleAlias(NamedTuple):
    """A stored role alias; ``duration_s`` is how long its credentials last, instants are epoch ms."""

    id: int
    name: str
    role_arn: str
    duration_s: int
    created_at: int
    updated_at: int


class Name(NamedTuple):
    """What a list shows."""

    id: int
    name: str


def insert(tx: Tx, scope: int, name: str, *, role_arn: str, duration_s: int, now: int) -> bool:
    """Keep a new role alias; False if the name is taken."""
    values = {"scope": scope, "name": name, "role_arn": role_arn, "duration_s": duration_s, "now": now}
    return tx.one("role_alias_insert", values) is not None


def find(tx: Tx, scope: int, name: str) -> RoleAlias | None:
    """One role alias by its name."""
    row = tx.one("role_alias_get", {"scope": scope, "name": name})
    return RoleAlias(*row) if row else None


def count(tx: Tx, scope: int) -> int:
    """How many role aliases a scope has."""
    row = tx.one("role_alias_count", {"scope": scope})
    return row[0] if row else 0


def update(tx: Tx, alias_id: int, *, role_arn: str, duration_s: int, now: int) -> None:
    """Let a role alias mean another role, or last otherwise."""
    tx.run("role_alias_update", {"id": alias_id, "role_arn": role_arn, "duration_s": duration_s, "now": now})


def delete(tx: Tx, alias_id: int) -> None:
    """Remove a role alias."""
    tx.run("role_alias_delete", {"id": alias_id})


def page(tx: Tx, scope: int, after: int, limit: int) -> list[Name]:
    """Role aliases in the order of their creation, after an inner id."""
    return [Name(*row) for row in tx.all("role_alias_list", {"scope": scope, "after": after, "limit": limit})]


def page_newest(tx: Tx, scope: int, before: int, limit: int) -> list[Name]:
    """Role aliases from new to old, before an inner id."""
    rows = tx.all("role_alias_list_newest", {"scope": scope, "before": before, "limit": limit})
    return [Name(*row) for row in rows]
