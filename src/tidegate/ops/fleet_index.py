"""The documents of the fleet index, made from the registry, shadows and connections whenever they are asked for.

Nothing is kept twice, so an index is never behind what it is made from and never being built (control reference 18.3
allows both).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

from tidegate.core import index_configuration, indexing
from tidegate.core.indexing import IndexedGroup, IndexedThing, Narrowed, Stored
from tidegate.store import fleet_index, groups, shadows
from tidegate.store.database import Tx
from tidegate.store.fleet_index import Connectivity, Membership, Row
from tidegate.wire import iot, jsontext

CHUNK = 200
"""Things read at once."""
Ahead = deque[Any]
"""Rows that a walk has read and not looked at yet; None behind the last. A later transaction goes on there."""
T = TypeVar("T")


def configured(tx: Tx, scope: int) -> iot.ThingIndexingConfiguration:
    """What the index of things holds; everything is off until it is switched on."""
    text = fleet_index.configuration(tx, scope, index_configuration.THINGS)
    return jsontext.from_json(iot.ThingIndexingConfiguration, text) if text else index_configuration.OFF


def groups_configured(tx: Tx, scope: int) -> iot.ThingGroupIndexingConfiguration:
    """The same of the index of thing groups."""
    text = fleet_index.configuration(tx, scope, index_configuration.GROUPS)
    return jsontext.from_json(iot.ThingGroupIndexingConfiguration, text) if text else index_configuration.GROUPS_OFF


def document(
    tx: Tx, configuration: iot.ThingIndexingConfiguration, thing: Row, memberships: Iterable[Membership]
) -> IndexedThing:
    """A thing as the index has it, given its memberships."""
    return indexing.thing(
        indexing.Parts(
            name=thing.name,
            uuid=thing.uuid,
            type_name=thing.type_name,
            groups=[
                *(member.group_name for member in memberships),
                *([thing.billing_group] if thing.billing_group else []),
            ],
            attributes=thing.attributes,
            version=thing.version,
            shadows=_indexed_shadows(tx, configuration, thing.id),
            connectivity=_connectivity(thing) if index_configuration.connectivity(configuration) else None,
        )
    )


def _indexed_shadows(tx: Tx, configuration: iot.ThingIndexingConfiguration, thing_id: int) -> dict[str, Stored]:
    wanted = set(index_configuration.named_shadows(configuration))
    if index_configuration.classic_shadow(configuration):
        wanted.add(indexing.CLASSIC)
    if not wanted:
        return {}
    known = shadows.shadows_of(tx, thing_id)
    return {name: (one.version, one.document or "{}") for name, one in known.items() if name in wanted}


def _connectivity(thing: Row) -> iot.ThingConnectivity:
    known: Connectivity | None = thing.connectivity
    if known is None:  # never connected: not connected since the epoch (AWS CLI's example of get-statistics)
        return iot.ThingConnectivity(connected=False, timestamp=0)
    return iot.ThingConnectivity(
        connected=known.connected,
        timestamp=known.at,
        disconnect_reason=known.disconnect_reason,
        keep_alive_duration=known.keep_alive,
        clean_session=known.clean_session,
        session_expiry=known.session_expiry,
        client_id=known.client_id,
    )


# --- walks ---


def chunk(
    tx: Tx, scope: int, after: str, limit: int, narrowed: Narrowed | None = None
) -> list[tuple[Row, list[Membership]]]:
    """The next things by name, with their groups."""
    known = narrowed or Narrowed()
    rows = fleet_index.scan(tx, scope, after=after, limit=limit, **known._asdict())
    if known != Narrowed() and len(rows) < limit:  # few among many: those between them would be read in vain
        return [(row, fleet_index.groups_of(tx, row.id)) for row in rows]
    together = fleet_index.groups_between(tx, scope, rows[0].name, rows[-1].name) if rows else []
    by_thing = {thing: list(members) for thing, members in groupby(together, lambda member: member.thing_id)}
    return [(row, by_thing.get(row.id, [])) for row in rows]


def things(
    tx: Tx,
    scope: int,
    configuration: iot.ThingIndexingConfiguration,
    ahead: Ahead,
    *,
    after: str = "",
    narrowed: Narrowed | None = None,
) -> Iterator[IndexedThing]:
    """Every thing of the index by name, but for some that ``narrowed`` rules out."""
    known = _walk(lambda last: chunk(tx, scope, last, CHUNK, narrowed), lambda one: one[0].name, ahead, after)
    return (document(tx, configuration, row, memberships) for row, memberships in known)


def thing_groups(tx: Tx, scope: int, ahead: Ahead, after: str = "") -> Iterator[IndexedGroup]:
    """Every thing group of the index by name."""
    known = _walk(lambda last: fleet_index.scan_groups(tx, scope, last, CHUNK), lambda one: one.name, ahead, after)
    return (_group(tx, row) for row in known)


def _walk(read: Callable[[str], list[T]], name: Callable[[T], str], ahead: Ahead, after: str) -> Iterator[T]:
    while True:
        if not ahead:
            rows = read(after)
            ahead.extend(rows if len(rows) == CHUNK else [*rows, None])
        one = ahead.popleft()
        if one is None:
            return
        after = name(one)
        yield one


def _group(tx: Tx, row: groups.Group) -> IndexedGroup:
    above: Sequence[groups.Group] = groups.lineage(tx, row.id) if row.parent_id is not None else []
    shown = iot.ThingGroupDocument(
        thing_group_name=row.name,
        thing_group_id=row.uuid,
        thing_group_description=row.description,
        attributes=row.attributes or None,
        parent_group_names=[group.name for group in above] or None,
    )
    return indexing.group(shown, row.version)
