"""Domain configurations: names under which devices reach the server, and whose authorizer judges them there."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class New(NamedTuple):
    """What a domain configuration starts with.

    ``domain`` is in lower case, None for the server's own; ``certificates`` is a JSON list of ARNs, ``settings`` a JSON
    object, ``allow_override`` 0 or 1, ``changed_at`` epoch ms.
    """

    name: str
    suffix: str
    domain: str | None
    certificates: str
    service_type: str
    status: str
    authorizer: str | None
    allow_override: int
    settings: str
    changed_at: int


class DomainConfiguration(NamedTuple):
    """A stored one."""

    id: int
    name: str
    suffix: str
    domain: str | None
    certificates: str
    service_type: str
    status: str
    authorizer: str | None
    allow_override: int
    settings: str
    changed_at: int


def insert(tx: Tx, scope: int, new: New) -> bool:
    """Keep a new one; False if the name is taken."""
    return tx.one("domain_configuration_insert", {"scope": scope, **new._asdict()}) is not None


def find(tx: Tx, scope: int, name: str) -> DomainConfiguration | None:
    """One by its name."""
    row = tx.one("domain_configuration_get", {"scope": scope, "name": name})
    return DomainConfiguration(*row) if row else None


def of_domain(tx: Tx, scope: int, domain: str) -> DomainConfiguration | None:
    """The one of a domain, in lower case."""
    row = tx.one("domain_configuration_get_by_domain", {"scope": scope, "domain": domain})
    return DomainConfiguration(*row) if row else None


def count(tx: Tx, scope: int) -> int:
    """How many a scope has."""
    row = tx.one("domain_configuration_count", {"scope": scope})
    return row[0] if row else 0


def update(tx: Tx, changed: DomainConfiguration) -> None:
    """Change status, authorizer and settings."""
    kept = ("id", "status", "authorizer", "allow_override", "settings", "changed_at")
    tx.run("domain_configuration_update", {name: getattr(changed, name) for name in kept})


def delete(tx: Tx, configuration_id: int) -> None:
    """Remove one."""
    tx.run("domain_configuration_delete", {"id": configuration_id})


def page(tx: Tx, scope: int, service_type: str, after: int, limit: int) -> list[DomainConfiguration]:
    """Those of a type of service (empty: all) in the order of their creation, after an inner id."""
    values = {"scope": scope, "service_type": service_type, "after": after, "limit": limit}
    return [DomainConfiguration(*row) for row in tx.all("domain_configuration_list", values)]
