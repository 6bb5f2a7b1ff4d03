"""Things, and the index of their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tidegate.store.database import Tx

_ATTRIBUTES: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])
_LAST = "~"
"""Sorts after every character an attribute value may contain (``[a-zA-Z0-9_.,@/:#=\\[\\]-]``)."""


class Thing(NamedTuple):
    """A living thing; ``created_at`` is epoch ms, ``uuid`` the API's thingId, the last two are names."""

    id: int
    name: str
    uuid: str
    attributes: dict[str, str]
    version: int
    created_at: int
    type_name: str | None
    billing_group: str | None


class NewThing(NamedTuple):
    """What a thing starts with."""

    name: str
    uuid: str
    attributes: dict[str, str]
    type_name: str | None = None
    billing_group: str | None = None


def _thing(row: tuple[Any, ...]) -> Thing:
    thing = Thing(*row)
    return thing._replace(attributes=_ATTRIBUTES.decode(row[3]))


def insert(tx: Tx, scope: int, thing: NewThing, now: int) -> int | None:
    """Keep a new thing at version 1; its id, or None if the name is taken."""
    text = msgspec.json.encode(thing.attributes).decode()
    row = tx.one("thing_insert", {**thing._asdict(), "scope": scope, "attributes": text, "now": now})
    if row is None:
        return None
    thing_id: int = row[0]
    _index(tx, scope, thing_id, {}, thing.attributes)
    return thing_id


def find(tx: Tx, scope: int, name: str) -> Thing | None:
    """One living thing by its name."""
    row = tx.one("thing_get", {"scope": scope, "name": name})
    return _thing(row) if row else None


def name_of(tx: Tx, thing_id: int) -> tuple[int, str] | None:
    """(scope, name) of a living thing by its inner id."""
    row = tx.one("thing_name", {"id": thing_id})
    return (row[0], row[1]) if row else None


def update(tx: Tx, scope: int, thing: Thing, attributes: Mapping[str, str], type_name: str | None) -> None:
    """Replace a thing's attributes and type; its version goes up by one."""
    text = msgspec.json.encode(attributes).decode()
    tx.run("thing_update", {"id": thing.id, "attributes": text, "type_name": type_name})
    _index(tx, scope, thing.id, thing.attributes, attributes)


def page(tx: Tx, scope: int, after: str, limit: int) -> list[Thing]:
    """Things by name, after a name."""
    return [_thing(row) for row in tx.all("thing_list", {"scope": scope, "after": after, "limit": limit})]


def page_by_type(tx: Tx, scope: int, type_name: str, after: str, limit: int) -> list[Thing]:
    """Things of a type by name, after a name."""
    wanted = {"scope": scope, "type_name": type_name, "after": after, "limit": limit}
    return [_thing(row) for row in tx.all("thing_list_by_type", wanted)]


def page_by_attribute(
    tx: Tx, scope: int, name: str, value: str, *, prefix: bool, after: tuple[str, int], limit: int
) -> list[tuple[str, Thing]]:
    """(value, thing) of the things whose attribute has this value or begins with it, by value and thing id.

    ``after`` is where to go on: (value, thing id); a list begins at (the wanted value, 0).
    """
    wanted = {"scope": scope, "name": name, "last": value + _LAST if prefix else value}
    rows = tx.all("thing_list_by_attribute", {**wanted, "value": after[0], "thing": after[1], "limit": limit})
    return [(row[0], _thing(row[1:])) for row in rows]


def bury(tx: Tx, scope: int, thing: Thing, now: int) -> None:
    """Take a thing out of the registry but keep its row, because executions refer to it. The name is free again."""
    _index(tx, scope, thing.id, thing.attributes, {})
    tx.run("thing_bury", {"id": thing.id, "now": now})


def delete(tx: Tx, scope: int, thing: Thing) -> None:
    """Remove a thing that nothing refers to."""
    _index(tx, scope, thing.id, thing.attributes, {})
    tx.run("thing_delete", {"id": thing.id})


def ids(tx: Tx, scope: int, names: Sequence[str]) -> dict[str, int]:
    """The inner ids of those of some things that there are, by name."""
    return dict(tx.all("thing_ids", {"scope": scope, "names": msgspec.json.encode(names).decode()}))


def forget(tx: Tx, thing_ids: Iterable[int]) -> None:
    """Remove those of some things that are buried and that nothing refers to any more."""
    tx.many("thing_forget", [{"id": thing_id} for thing_id in sorted(set(thing_ids))])


def certificates(tx: Tx, thing_id: int) -> list[str]:
    """The certificate ids attached to a thing, sorted."""
    return [row[0] for row in tx.all("thing_certificates", {"thing": thing_id})]


def _index(tx: Tx, scope: int, thing_id: int, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    for statement, pairs in (
        ("thing_attribute_delete", before.items() - after.items()),
        ("thing_attribute_insert", after.items() - before.items()),
    ):
        rows = [{"scope": scope, "name": name, "value": value, "thing": thing_id} for name, value in sorted(pairs)]
        tx.many(statement, rows)
