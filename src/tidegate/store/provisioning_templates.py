"""Provisioning templates and their versions."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class NewTemplate(NamedTuple):
    """What a template starts with, beside its first version. ``enabled`` is 0 or 1, ``hook`` an ARN."""

    name: str
    type: str
    description: str | None
    enabled: int
    role_arn: str
    hook: str | None
    created_at: int


class Template(NamedTuple):
    """A stored template; instants are epoch ms."""

    id: int
    name: str
    type: str
    description: str | None
    enabled: int
    role_arn: str
    hook: str | None
    default_version: int
    last_version: int
    created_at: int
    updated_at: int


class Version(NamedTuple):
    """One version of a template's body; ``created_at`` is epoch ms."""

    version: int
    body: str
    created_at: int


def insert(tx: Tx, scope: int, new: NewTemplate) -> int | None:
    """Keep a new template, whose version 1 is to be the default; its inner id, or None if the name is taken."""
    row = tx.one("provisioning_template_insert", {"scope": scope, **new._asdict()})
    return row[0] if row else None


def get(tx: Tx, scope: int, name: str) -> Template | None:
    """One template by its name."""
    row = tx.one("provisioning_template_get", {"scope": scope, "name": name})
    return Template(*row) if row else None


def page(tx: Tx, scope: int, after: str, limit: int) -> list[Template]:
    """Templates by name, after a name."""
    rows = tx.all("provisioning_template_list", {"scope": scope, "after": after, "limit": limit})
    return [Template(*row) for row in rows]


def update(tx: Tx, template: Template, *, now: int) -> None:
    """Write what may change: all but name, type and creation."""
    kept = ("id", "description", "enabled", "role_arn", "hook", "default_version", "last_version")
    tx.run("provisioning_template_update", {"now": now, **{name: getattr(template, name) for name in kept}})


def delete(tx: Tx, template: Template) -> None:
    """Remove a template with its versions."""
    tx.run("provisioning_template_version_delete_all", {"template": template.id})
    tx.run("provisioning_template_delete", {"id": template.id})


def insert_version(tx: Tx, template_id: int, version: int, body: str, *, now: int) -> None:
    """Keep a version."""
    tx.run(
        "provisioning_template_version_insert", {"template": template_id, "version": version, "body": body, "now": now}
    )


def version(tx: Tx, template_id: int, number: int) -> Version | None:
    """One version."""
    row = tx.one("provisioning_template_version_get", {"template": template_id, "version": number})
    return Version(*row) if row else None


def versions(tx: Tx, template_id: int, after: int, limit: int) -> list[Version]:
    """Versions by number, after one."""
    values = {"template": template_id, "after": after, "limit": limit}
    return [Version(*row) for row in tx.all("provisioning_template_version_list", values)]


def count_versions(tx: Tx, template_id: int) -> int:
    """How many there are."""
    row = tx.one("provisioning_template_version_count", {"template": template_id})
    return row[0] if row else 0


def delete_version(tx: Tx, template_id: int, number: int) -> None:
    """Remove a version."""
    tx.run("provisioning_template_version_delete", {"template": template_id, "version": number})
