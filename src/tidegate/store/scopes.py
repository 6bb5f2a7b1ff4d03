"""Scopes: an account and a region. Every other row belongs to one."""

from __future__ import annotations

from tidegate.store.database import Conflict, Tx


def find(tx: Tx, account: str, region: str) -> int | None:
    """The id of a scope that has been used before."""
    row = tx.one("scope_get", {"account": account, "region": region})
    return row[0] if row else None


def ensure(tx: Tx, account: str, region: str) -> int:
    """The id of a scope, made if need be."""
    known = find(tx, account, region)
    if known is not None:
        return known
    row = tx.one("scope_insert", {"account": account, "region": region})
    if row is None:
        raise Conflict
    scope: int = row[0]
    return scope


def name(tx: Tx, scope: int) -> tuple[str, str] | None:
    """(account, region) of a scope id."""
    row = tx.one("scope_name", {"id": scope})
    return (row[0], row[1]) if row else None


def touch(tx: Tx, account: str, region: str) -> None:
    """Write a scope as it is: shows that the store can be written."""
    tx.run("scope_touch", {"account": account, "region": region})


def regions(tx: Tx, account: str) -> list[str]:
    """The regions in which an account was used, by name."""
    return [row[0] for row in tx.all("scope_regions", {"account": account})]
