"""Thing types: what things of a kind have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tidegate.store.database import Tx

_NAMES: msgspec.json.Decoder[list[str]] = msgspec.json.Decoder(list[str])


class ThingType(NamedTuple):
    """A stored type; instants are epoch ms, ``uuid`` is the API's thingTypeId, ``mqtt5`` JSON text."""

    id: int
    name: str
    uuid: str
    description: str | None
    searchable: list[str]
    mqtt5: str | None
    deprecated_at: int | None
    created_at: int


class NewThingType(NamedTuple):
    """What a type starts with."""

    name: str
    uuid: str
    description: str | None
    searchable: list[str]
    mqtt5: str | None


def _type(row: tuple[Any, ...]) -> ThingType:
    found = ThingType(*row)
    return found._replace(searchable=_NAMES.decode(row[4]))


def insert(tx: Tx, scope: int, thing_type: NewThingType, now: int) -> bool:
    """Keep a new type; False if the name is taken."""
    text = msgspec.json.encode(thing_type.searchable).decode()
    values = {**thing_type._asdict(), "scope": scope, "searchable": text, "now": now}
    return tx.one("thing_type_insert", values) is not None


def find(tx: Tx, scope: int, name: str) -> ThingType | None:
    """One type by its name."""
    row = tx.one("thing_type_get", {"scope": scope, "name": name})
    return _type(row) if row else None


def page(tx: Tx, scope: int, after: str, limit: int) -> list[ThingType]:
    """Types by name, after a name."""
    return [_type(row) for row in tx.all("thing_type_list", {"scope": scope, "after": after, "limit": limit})]


def put_mqtt5(tx: Tx, type_id: int, mqtt5: str | None) -> None:
    """Replace a type's MQTT 5 configuration."""
    tx.run("thing_type_put_mqtt5", {"id": type_id, "mqtt5": mqtt5})


def put_deprecated(tx: Tx, type_id: int, deprecated_at: int | None) -> None:
    """Deprecate a type at an instant (epoch ms); None takes it back."""
    tx.run("thing_type_put_deprecated", {"id": type_id, "deprecated_at": deprecated_at})


def delete(tx: Tx, type_id: int) -> None:
    """Remove a type that no thing has."""
    tx.run("thing_type_delete", {"id": type_id})
