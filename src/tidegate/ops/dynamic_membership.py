"""Things join and leave dynamic groups as their documents change (control reference 13, 17.4).

Who changes a thing finds out in the same transaction which dynamic groups it belongs to, and continuous jobs follow. A
new or changed query is held against every thing: at once in a small fleet, else by the engine, a chunk a step.

A query sees a thing's static groups only. If it saw the dynamic ones, the answer would hang on who asks first.

On PostgreSQL transactions run at the same time. Of two that change one thing the later sees what the earlier did
(``take_thing``). One that began before a group was made does not know of it, so the engine waits until all of those
have ended before it goes through the things, and does so even if that was done at once already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidegate.core import dynamic_groups as rule
from tidegate.core import query
from tidegate.ops import fleet_index, membership
from tidegate.ops.effects import EngineDue
from tidegate.store import dynamic_groups, groups
from tidegate.store import fleet_index as stored_index
from tidegate.store.database import Tx
from tidegate.store.dynamic_groups import DynamicGroup
from tidegate.store.fleet_index import Membership, Row
from tidegate.wire import iot

SMALL_FLEET = 1000
CHUNK = 200
"""Things the engine looks at in one step."""
_LATER = 20
"""Milliseconds after which the engine asks again if those it waits for have ended."""


def follow(tx: Tx, scope: int, now: int, thing_id: int) -> None:
    """A thing changed: put it into the dynamic groups that it belongs to now, and out of the others."""
    known = dynamic_groups.of_scope(tx, scope)
    if known:
        _follow(tx, scope, now, thing_id, known)


def follow_all(tx: Tx, scope: int, now: int, thing_ids: Sequence[int]) -> None:
    """The same for things that changed together; if they are many, the engine goes through all things."""
    known = dynamic_groups.of_scope(tx, scope)
    if not known:
        return
    if len(thing_ids) > SMALL_FLEET:
        _leave_to_engine(tx, now, known, "REBUILDING")
        return
    for thing_id in thing_ids:
        _follow(tx, scope, now, thing_id, known)


def fill(tx: Tx, scope: int, now: int, changed: Sequence[DynamicGroup], status: str) -> None:
    """Hold new or changed groups, or all of them if the index changed, against every thing."""
    if not changed:
        return
    if stored_index.count_up_to(tx, scope, SMALL_FLEET + 1) > SMALL_FLEET:
        _leave_to_engine(tx, now, changed, status)
        return
    _look_at(tx, scope, now, changed, fleet_index.chunk(tx, scope, "", SMALL_FLEET))
    if dynamic_groups.clock(tx) is not None:
        _leave_to_engine(tx, now, changed, status)
        return
    for group in changed:
        dynamic_groups.put_build(tx, group.id, "ACTIVE")


def step(tx: Tx, now: int) -> None:
    """Go on filling the group that has waited longest."""
    group = dynamic_groups.claim_due(tx, now)
    if group is None:
        return
    if group.waited_since is None and (since := dynamic_groups.clock(tx)) is not None:
        dynamic_groups.put_build(tx, group.id, group.status, waited_since=since, due_at=now)
    elif group.waited_since is not None and dynamic_groups.awaited(tx, group.waited_since):
        dynamic_groups.put_build(tx, group.id, group.status, waited_since=group.waited_since, due_at=now + _LATER)
    else:
        _go_on(tx, now, group)


def _go_on(tx: Tx, now: int, group: DynamicGroup) -> None:
    rows = fleet_index.chunk(tx, group.scope, group.walked_to or "", CHUNK)
    _look_at(tx, group.scope, now, [group], rows)
    if len(rows) < CHUNK:
        dynamic_groups.put_build(tx, group.id, "ACTIVE")
        return
    last = rows[-1][0].name
    dynamic_groups.put_build(tx, group.id, group.status, walked_to=last, waited_since=_nobody(group), due_at=now)


def _nobody(group: DynamicGroup) -> int | None:
    """Those who had to be waited for have ended: an instant before all others, or None where there are none."""
    return None if group.waited_since is None else 0


def _leave_to_engine(tx: Tx, now: int, changed: Iterable[DynamicGroup], status: str) -> None:
    for group in changed:
        dynamic_groups.put_build(tx, group.id, "BUILDING" if group.status == "BUILDING" else status, due_at=now)
    tx.effects.append(EngineDue(now))


def _look_at(
    tx: Tx, scope: int, now: int, changed: Sequence[DynamicGroup], rows: Sequence[tuple[Row, list[Membership]]]
) -> None:
    """Follow those things whose membership in some groups is not what it should be."""
    configuration = fleet_index.configured(tx, scope)
    known = dynamic_groups.of_scope(tx, scope)
    for row, memberships in rows:
        inside = {member.group_id for member in memberships}
        matching = set(_matching(tx, configuration, row, memberships, changed))
        if any((group.id in inside) != (group.id in matching) for group in changed):
            _follow(tx, scope, now, row.id, known)


def _matching(
    tx: Tx,
    configuration: iot.ThingIndexingConfiguration,
    row: Row,
    memberships: Iterable[Membership],
    known: Iterable[DynamicGroup],
) -> list[int]:
    """The groups whose queries find a thing."""
    static = [member for member in memberships if not member.dynamic]
    fields = fleet_index.document(tx, configuration, row, static).fields
    return [group.id for group in known if query.matches(query.parse(group.query, query.MOST_TERMS_OF_GROUP), fields)]


def _follow(tx: Tx, scope: int, now: int, thing_id: int, known: Sequence[DynamicGroup]) -> None:
    if not dynamic_groups.take_thing(tx, thing_id):
        return
    row = stored_index.thing(tx, thing_id)
    if row is None:
        return
    memberships = stored_index.groups_of(tx, thing_id)
    matching = _matching(tx, fleet_index.configured(tx, scope), row, memberships, known)
    granted = rule.granted(matching, sum(not member.dynamic for member in memberships))
    _move(tx, now, thing_id, {member.group_id for member in memberships if member.dynamic}, set(granted))


def _move(tx: Tx, now: int, thing_id: int, current: set[int], wanted: set[int]) -> None:
    """Change a thing's dynamic groups, and let its continuous jobs follow."""
    if current == wanted:
        return
    targets = membership.before(tx, thing_id, sorted(current ^ wanted))
    for group_id in sorted(current - wanted):
        groups.leave(tx, group_id, thing_id)
    joined = [groups.join(tx, group_id, thing_id, now) for group_id in sorted(wanted - current)]
    membership.changed(tx, now, targets, joined=any(joined))
