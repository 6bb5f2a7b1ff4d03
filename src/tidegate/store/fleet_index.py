"""What the fleet index is made from: its configuration, and the registry read in the order of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tidegate.store import groups
from tidegate.store.database import Tx

_ATTRIBUTES: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])


class Connectivity(NamedTuple):
    """What is known of a thing's connection: instants are epoch ms, durations seconds."""

    connected: bool
    at: int
    disconnect_reason: str | None
    keep_alive: int | None
    clean_session: bool | None
    session_expiry: int | None
    client_id: str | None


class Row(NamedTuple):
    """A thing as the registry has it. ``connectivity`` is None for one that never connected."""

    id: int
    name: str
    uuid: str
    attributes: dict[str, str]
    version: int
    type_name: str | None
    billing_group: str | None
    connectivity: Connectivity | None


class Membership(NamedTuple):
    """A thing in a group; ``dynamic`` tells if a query put it there."""

    thing_id: int
    group_id: int
    group_name: str
    dynamic: bool


def configuration(tx: Tx, scope: int, index: str) -> str | None:
    """An index's configuration (JSON); None if it was never given one."""
    row = tx.one("fleet_index_get", {"scope": scope, "name": index})
    return row[0] if row else None


def put_configuration(tx: Tx, scope: int, index: str, config: str) -> None:
    """Replace an index's configuration."""
    tx.run("fleet_index_put", {"scope": scope, "name": index, "config": config})


def thing(tx: Tx, thing_id: int) -> Row | None:
    """One living thing."""
    row = tx.one("fleet_index_thing", {"thing": thing_id})
    return _row(row) if row else None


def scan(
    tx: Tx,
    scope: int,
    *,
    after: str,
    limit: int,
    name: str | None = None,
    group: str | None = None,
    type_name: str | None = None,
    attribute: str | None = None,
    attribute_value: str | None = None,
) -> list[Row]:
    """Things by name, after a name.

    ``name`` is a LIKE form (``!`` escapes) of the lower-case name; ``group`` and ``type_name`` are lower-case names,
    the former also of a billing group. ``attribute`` is the name of an attribute, ``attribute_value`` its lower-case
    value. None leaves it open.
    """
    narrowed = {
        "name": name,
        "group": group,
        "type_name": type_name,
        "attribute": attribute,
        "attribute_value": attribute_value,
    }
    rows = tx.all("fleet_index_scan", {**narrowed, "scope": scope, "after": after, "limit": limit})
    return [_row(row) for row in rows]


class Page(NamedTuple):
    """Some rows' values, how often each is there, and the last row: its value or name, and its thing's inner id."""

    counts: list[tuple[Any, int]]
    last: str
    thing: int = 0


def versions(tx: Tx, scope: int, after: str, limit: int) -> Page:
    """The versions of the next things by name."""
    rows = tx.all("fleet_index_versions", {"scope": scope, "after": after, "limit": limit})
    return Page([(version, count) for version, count, _ in rows], max((row[2] for row in rows), default=after))


def attribute_values(tx: Tx, scope: int, name: str, after: tuple[str, int], limit: int) -> Page:
    """The next values of an attribute, by value and thing."""
    place = {"value": after[0], "thing": after[1]}
    rows = tx.all("fleet_index_attribute_values", {"scope": scope, "name": name, "limit": limit, **place})
    last, _, thing = rows[-1] if rows else (after[0], 0, after[1])
    return Page([(value, count) for value, count, _ in rows], last, thing)


def count_up_to(tx: Tx, scope: int, limit: int) -> int:
    """How many things there are, but at most ``limit``."""
    row = tx.one("fleet_index_count", {"scope": scope, "limit": limit})
    return row[0] if row else 0


def groups_of(tx: Tx, thing_id: int) -> list[Membership]:
    """The groups of one thing, by name."""
    return _memberships(tx.all("fleet_index_groups", {"thing": thing_id}))


def groups_between(tx: Tx, scope: int, first: str, last: str) -> list[Membership]:
    """The groups of all things whose names lie between two, by thing and group name."""
    return _memberships(tx.all("fleet_index_groups_between", {"scope": scope, "first": first, "last": last}))


def scan_groups(tx: Tx, scope: int, after: str, limit: int) -> list[groups.Group]:
    """Thing groups by name, after a name."""
    rows = tx.all("fleet_index_scan_groups", {"scope": scope, "after": after, "limit": limit})
    return [groups.Group(*row)._replace(attributes=_ATTRIBUTES.decode(row[5])) for row in rows]


def _memberships(rows: Sequence[tuple[Any, ...]]) -> list[Membership]:
    return [Membership(row[0], row[1], row[2], row[3] is not None) for row in rows]


def _row(row: tuple[Any, ...]) -> Row:
    found = Row(*row[:7], _connectivity(row[7:]))  # type: ignore[call-arg]  # a slice's length is not known
    return found._replace(attributes=_ATTRIBUTES.decode(row[3]))


def _connectivity(row: tuple[Any, ...]) -> Connectivity | None:
    if row[0] is None:
        return None
    found = Connectivity(*row)
    clean = None if found.clean_session is None else bool(found.clean_session)
    return found._replace(connected=bool(found.connected), clean_session=clean)
