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
from tidegate.ops import fleet_index, membership, registry_events
from tidegate.ops.call import Sweep, Where
from tidegate.ops.effects import EngineDue
from tidegate.ops.quotas import Limits
from tidegate.store import dynamic_groups, groups, scopes
from tidegate.store import fleet_index as stored_index
from tidegate.store.database import Tx
from tidegate.store.dynamic_groups import DynamicGroup
from tidegate.store.fleet_index import Membership, Row
from tidegate.wire import iot

SMALL_FLEET = 1000
CHUNK = 100
"""Things the engine looks at in one step."""
LATER = 20
"""Milliseconds after which the engine looks again where others are at work: transactions, or another engine."""


def follow(tx: Tx, call: Where, thing_id: int) -> None:
    """A thing changed: put it into the dynamic groups that it belongs to now, and out of the others."""
    known = dynamic_groups.of_scope(tx, call.scope)
    if known:
        _follow(tx, call, thing_id, known)


def follow_all(tx: Tx, call: Where, thing_ids: Sequence[int]) -> None:
    """The same for things that changed together; if they are many, the engine goes through all things."""
    known = dynamic_groups.of_scope(tx, call.scope)
    if not known:
        return
    if len(thing_ids) > SMALL_FLEET:
        _leave_to_engine(tx, call.now, known, "REBUILDING")
        return
    for thing_id in thing_ids:
        _follow(tx, call, thing_id, known)


def fill(tx: Tx, call: Where, changed: Sequence[DynamicGroup], status: str) -> None:
    """Hold new or changed groups, or all of them if the index changed, against every thing."""
    if not changed:
        return
    if stored_index.count_up_to(tx, call.scope, SMALL_FLEET + 1) > SMALL_FLEET:
        _leave_to_engine(tx, call.now, changed, status)
        return
    _look_at(tx, call, changed, fleet_index.chunk(tx, call.scope, "", SMALL_FLEET))
    if dynamic_groups.clock(tx) is not None:
        _leave_to_engine(tx, call.now, changed, status)
        return
    for group in changed:
        dynamic_groups.put_build(tx, group.id, "ACTIVE")


def step(tx: Tx, now: int, limits: Limits, partition: str) -> bool:
    """Go on filling the group that has waited longest; False if other engines have all there are."""
    group = dynamic_groups.claim_due(tx, now)
    if group is None:
        return False
    if group.waited_since is None and (since := dynamic_groups.clock(tx)) is not None:
        dynamic_groups.put_build(tx, group.id, group.status, waited_since=since, due_at=now)
    elif group.waited_since is not None and dynamic_groups.awaited(tx, group.waited_since):
        dynamic_groups.put_build(tx, group.id, group.status, waited_since=group.waited_since, due_at=now + LATER)
    else:
        where = scopes.name(tx, group.scope)
        assert where is not None
        _go_on(tx, Sweep(group.scope, *where, now, limits, partition), group)
    return True


def _go_on(tx: Tx, call: Where, group: DynamicGroup) -> None:
    rows = fleet_index.chunk(tx, call.scope, group.walked_to or "", CHUNK)
    _look_at(tx, call, [group], rows)
    if len(rows) < CHUNK:
        dynamic_groups.put_build(tx, group.id, "ACTIVE")
        return
    # Those who had to be waited for have ended: an instant before all others, or None where there are none.
    nobody = None if group.waited_since is None else 0
    last = rows[-1][0].name
    dynamic_groups.put_build(tx, group.id, group.status, walked_to=last, waited_since=nobody, due_at=call.now)


def _leave_to_engine(tx: Tx, now: int, changed: Iterable[DynamicGroup], status: str) -> None:
    for group in changed:
        dynamic_groups.put_build(tx, group.id, "BUILDING" if group.status == "BUILDING" else status, due_at=now)
    tx.effects.append(EngineDue(now))


def _look_at(
    tx: Tx, call: Where, changed: Sequence[DynamicGroup], rows: Sequence[tuple[Row, list[Membership]]]
) -> None:
    """Follow those things whose membership in some groups is not what it should be."""
    configuration = fleet_index.configured(tx, call.scope)
    known = dynamic_groups.of_scope(tx, call.scope)
    for row, memberships in rows:
        inside = {member.group_id for member in memberships}
        matching = {group.id for group in _matching(tx, configuration, row, memberships, changed)}
        if any((group.id in inside) != (group.id in matching) for group in changed):
            _follow(tx, call, row.id, known)


def _matching(
    tx: Tx,
    configuration: iot.ThingIndexingConfiguration,
    row: Row,
    memberships: Iterable[Membership],
    known: Iterable[DynamicGroup],
) -> list[DynamicGroup]:
    """The groups whose queries find a thing."""
    static = [member for member in memberships if not member.dynamic]
    fields = fleet_index.document(tx, configuration, row, static).fields
    return [group for group in known if query.matches(query.parse(group.query, query.MOST_TERMS_OF_GROUP), fields)]


def _follow(tx: Tx, call: Where, thing_id: int, known: Sequence[DynamicGroup]) -> None:
    if not dynamic_groups.take_thing(tx, thing_id):
        return
    row = stored_index.thing(tx, thing_id)
    if row is None:
        return
    memberships = stored_index.groups_of(tx, thing_id)
    matching = _matching(tx, fleet_index.configured(tx, call.scope), row, memberships, known)
    static = sum(not member.dynamic for member in memberships)
    current = {member.group_id for member in memberships if member.dynamic}
    _move(
        tx,
        call,
        row,
        known,
        current,
        set(rule.granted((group.id for group in matching), static, call.limits.groups_per_thing)),
    )


def _move(tx: Tx, call: Where, thing: Row, known: Sequence[DynamicGroup], current: set[int], wanted: set[int]) -> None:
    """Change a thing's dynamic groups; its continuous jobs follow, and whoever listens is told."""
    if current == wanted:
        return
    targets = membership.before(tx, thing.id, sorted(current ^ wanted))
    for group in known:
        if group.id in current - wanted:
            registry_events.leaves(tx, call, group, thing)
            groups.leave(tx, group.id, thing.id)
    joining = [group for group in known if group.id in wanted - current]
    for group in joining:
        groups.join(tx, group.id, thing.id, call.now)
        registry_events.joined(tx, call, group, thing)
    membership.changed(tx, call.now, targets, joined=bool(joining))
