"""Software packages, and what an account has chosen for all of them."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Package(NamedTuple):
    """A stored package; ``default_version`` is a version's name, instants are epoch ms."""

    id: int
    name: str
    description: str | None
    default_version: str | None
    created_at: int
    updated_at: int


class Configuration(NamedTuple):
    """Whether jobs keep the ``$package`` shadows of things, and the role that was named for it."""

    enabled: bool
    role_arn: str | None


def insert(tx: Tx, scope: int, name: str, description: str | None, now: int) -> bool:
    """Keep a new package; False if the name is taken."""
    values = {"scope": scope, "name": name, "description": description, "now": now}
    return tx.one("package_insert", values) is not None


def get(tx: Tx, scope: int, name: str) -> Package | None:
    """One package by its name."""
    row = tx.one("package_get", {"scope": scope, "name": name})
    return Package(*row) if row else None


def update(tx: Tx, package: Package, now: int) -> None:
    """Write what can change of a package."""
    tx.run("package_update", {**package._asdict(), "now": now})


def page(tx: Tx, scope: int, after: str, limit: int) -> list[Package]:
    """Packages by name, after a name."""
    return [Package(*row) for row in tx.all("package_list", {"scope": scope, "after": after, "limit": limit})]


def count(tx: Tx, scope: int) -> int:
    """How many there are."""
    row = tx.one("package_count", {"scope": scope})
    return row[0] if row else 0


def delete(tx: Tx, package: Package) -> None:
    """Remove a package that has no versions."""
    tx.run("package_delete", {"id": package.id})


def configuration(tx: Tx, scope: int) -> Configuration:
    """What a scope has chosen; nothing is switched on until it does."""
    row = tx.one("package_configuration_get", {"scope": scope})
    return Configuration(bool(row[0]), row[1]) if row else Configuration(False, None)


def configure(tx: Tx, scope: int, chosen: Configuration, now: int) -> None:
    """Keep what a scope chooses."""
    values = {"scope": scope, "enabled": int(chosen.enabled), "role_arn": chosen.role_arn, "now": now}
    tx.run("package_configuration_put", values)
