"""Custom authorizers."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx

ACTIVE = "ACTIVE"


class Facts(NamedTuple):
    """What can be changed. ``public_keys`` is a JSON object of PEM texts, ``caching`` 0 or 1."""

    function_arn: str
    token_key_name: str | None
    public_keys: str
    status: str
    caching: int


class Authorizer(NamedTuple):
    """A stored authorizer; instants are epoch ms, flags 0 or 1."""

    id: int
    name: str
    function_arn: str
    token_key_name: str | None
    public_keys: str
    status: str
    signing_disabled: int
    caching: int
    is_default: int
    created_at: int
    updated_at: int


class Name(NamedTuple):
    """What a list shows."""

    id: int
    name: str


def insert(tx: Tx, scope: int, name: str, facts: Facts, *, signing_disabled: int, now: int) -> bool:
    """Keep a new authorizer; False if the name is taken."""
    values = {"scope": scope, "name": name, **facts._asdict(), "signing_disabled": signing_disabled, "now": now}
    return tx.one("authorizer_insert", values) is not None


def find(tx: Tx, scope: int, name: str) -> Authorizer | None:
    """One authorizer by its name."""
    row = tx.one("authorizer_get", {"scope": scope, "name": name})
    return Authorizer(*row) if row else None


def by_id(tx: Tx, authorizer_id: int) -> Authorizer | None:
    """One authorizer by its inner id."""
    row = tx.one("authorizer_by_id", {"id": authorizer_id})
    return Authorizer(*row) if row else None


def default(tx: Tx, scope: int) -> Authorizer | None:
    """The one that clients mean who name none."""
    row = tx.one("authorizer_get_default", {"scope": scope})
    return Authorizer(*row) if row else None


def count(tx: Tx, scope: int) -> int:
    """How many authorizers a scope has."""
    row = tx.one("authorizer_count", {"scope": scope})
    return row[0] if row else 0


def update(tx: Tx, authorizer_id: int, facts: Facts, now: int) -> None:
    """Change an authorizer."""
    tx.run("authorizer_update", {"id": authorizer_id, **facts._asdict(), "now": now})


def set_default(tx: Tx, authorizer_id: int, *, is_default: bool) -> None:
    """Make an authorizer the default, or not."""
    tx.run("authorizer_set_default", {"id": authorizer_id, "is_default": int(is_default)})


def delete(tx: Tx, authorizer_id: int) -> None:
    """Remove an authorizer."""
    tx.run("authorizer_delete", {"id": authorizer_id})


def page(tx: Tx, scope: int, status: str, after: int, limit: int) -> list[Name]:
    """Authorizers (``status`` empty: all) in the order of their creation, after an inner id."""
    values = {"scope": scope, "status": status, "after": after, "limit": limit}
    return [Name(*row) for row in tx.all("authorizer_list", values)]


def page_newest(tx: Tx, scope: int, status: str, before: int, limit: int) -> list[Name]:
    """The same from new to old, before an inner id."""
    values = {"scope": scope, "status": status, "before": before, "limit": limit}
    return [Name(*row) for row in tx.all("authorizer_list_newest", values)]
