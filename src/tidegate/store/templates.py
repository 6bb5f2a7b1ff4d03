"""Job templates."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Template(NamedTuple):
    """A stored template; ``config`` is the encoded configuration, ``created_at`` epoch ms."""

    name: str
    description: str
    document: str | None
    document_source: str | None
    config: str
    created_at: int


class TemplateSummary(NamedTuple):
    """What a list shows."""

    name: str
    description: str
    created_at: int


def insert(tx: Tx, scope: int, template: Template) -> bool:
    """Keep a new template; False if the name is taken."""
    return tx.one("template_insert", {"scope": scope, **template._asdict()}) is not None


def get(tx: Tx, scope: int, name: str) -> Template | None:
    """One template by its id."""
    row = tx.one("template_get", {"scope": scope, "name": name})
    return Template(*row) if row else None


def page(tx: Tx, scope: int, after: str, limit: int) -> list[TemplateSummary]:
    """Templates by name, after a name."""
    return [TemplateSummary(*row) for row in tx.all("template_list", {"scope": scope, "after": after, "limit": limit})]


def count(tx: Tx, scope: int) -> int:
    """How many there are."""
    row = tx.one("template_count", {"scope": scope})
    return row[0] if row else 0


def delete(tx: Tx, scope: int, name: str) -> bool:
    """Remove one; False if there was none."""
    return tx.one("template_delete", {"scope": scope, "name": name}) is not None
