"""Device shadows, by the name of their thing; the classic shadow's name is the empty one."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Key(NamedTuple):
    """Which shadow."""

    scope: int
    thing: str
    name: str


class Shadow(NamedTuple):
    """A stored shadow; ``document`` is JSON text (``state`` and ``metadata``), None of one that was deleted."""

    version: int
    document: str | None


def get(tx: Tx, key: Key) -> Shadow | None:
    """A shadow, or what is remembered of a deleted one."""
    row = tx.one("shadow_get", key._asdict())
    return Shadow(*row) if row else None


def put(tx: Tx, key: Key, former: Shadow | None, after: Shadow, now: int) -> bool:
    """Set a shadow that is still as it was read; False if somebody else was faster. ``former`` None: there was none."""
    values = {**key._asdict(), **after._asdict(), "now": now}
    if former is None:
        return tx.one("shadow_insert", values) is not None
    existed = int(former.document is not None)
    return tx.one("shadow_put", {**values, "former": former.version, "existed": existed}) is not None


def forget(tx: Tx, after: Key, before: int, limit: int) -> Key | None:
    """Among the next shadows after a key, forget those deleted by an instant (epoch ms); the last key, None at the end.

    There is no index of what is deleted: it would cost every update, and nobody is in a hurry.
    """
    rows = tx.all("shadow_deleted", {**after._asdict(), "before": before, "limit": limit})
    tx.many("shadow_forget", [{**Key(*row[:3])._asdict(), "before": before} for row in rows if row[3]])
    return Key(*rows[-1][:3]) if len(rows) == limit else None


def page(tx: Tx, scope: int, thing: str, after: str, limit: int) -> list[str]:
    """The names of a thing's named shadows, after a name."""
    rows = tx.all("shadow_list", {"scope": scope, "thing": thing, "after": after, "limit": limit})
    return [row[0] for row in rows]


def shadows_of(tx: Tx, thing_id: int) -> dict[str, Shadow]:
    """The shadows of a registered thing by name, but for deleted ones; ``""`` is the classic."""
    return {name: Shadow(version, text) for name, version, text in tx.all("shadow_of_thing", {"thing": thing_id})}
