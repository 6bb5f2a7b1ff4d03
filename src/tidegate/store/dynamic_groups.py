"""Thing groups whose members are those a query finds; name, version and members stand with the static ones."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class DynamicGroup(NamedTuple):
    """What makes a thing group a dynamic one.

    ``status`` is ACTIVE, or BUILDING or REBUILDING while the engine fills it; ``walked_to`` is then the name of the
    last thing it looked at. ``waited_since`` is None where nobody has to be waited for.
    """

    id: int
    scope: int
    name: str
    uuid: str
    query: str
    status: str
    walked_to: str | None
    waited_since: int | None


def insert(tx: Tx, group_id: int, scope: int, query: str) -> None:
    """Make a thing group a dynamic one."""
    tx.run("dynamic_group_insert", {"group": group_id, "scope": scope, "query": query})


def find(tx: Tx, group_id: int) -> DynamicGroup | None:
    """What is dynamic about a thing group; None if it is a static one."""
    row = tx.one("dynamic_group_get", {"group": group_id})
    return DynamicGroup(*row) if row else None


def of_scope(tx: Tx, scope: int) -> list[DynamicGroup]:
    """Every dynamic group, the oldest first."""
    return [DynamicGroup(*row) for row in tx.all("dynamic_group_of_scope", {"scope": scope})]


def count(tx: Tx, scope: int) -> int:
    """How many there are."""
    row = tx.one("dynamic_group_count", {"scope": scope})
    return row[0] if row else 0


def update(tx: Tx, group_id: int, query: str) -> None:
    """Give a group another query."""
    tx.run("dynamic_group_update", {"group": group_id, "query": query})


def delete(tx: Tx, group_id: int) -> None:
    """Forget that a group was dynamic."""
    tx.run("dynamic_group_delete", {"group": group_id})


def of_thing(tx: Tx, thing_id: int) -> list[DynamicGroup]:
    """The dynamic groups a thing is in, the oldest first."""
    return [DynamicGroup(*row) for row in tx.all("dynamic_group_of_thing", {"thing": thing_id})]


# --- filling ---


def put_build(
    tx: Tx,
    group_id: int,
    status: str,
    *,
    walked_to: str | None = None,
    waited_since: int | None = None,
    due_at: int | None = None,
) -> None:
    """Set how far the filling of a group is, and when (epoch ms) the engine goes on; None when it is done."""
    values = {"status": status, "walked_to": walked_to, "waited_since": waited_since, "due_at": due_at}
    tx.run("dynamic_group_build", {**values, "group": group_id})


def next_due(tx: Tx) -> int | None:
    """When the engine must go on filling a group; None if none is being filled."""
    row = tx.one("dynamic_group_next_due", {})
    return row[0] if row else None


def claim_due(tx: Tx, now: int) -> DynamicGroup | None:
    """The group that has waited longest to be filled further, for this engine alone; None if others have them all."""
    row = tx.one("dynamic_group_claim_due", {"now": now})
    return DynamicGroup(*row) if row else None


def clock(tx: Tx) -> int | None:
    """An instant to compare with ``awaited``; None on an engine whose works run one after another."""
    row = tx.one("dynamic_group_clock", {})
    return row[0] if row else None


def awaited(tx: Tx, since: int) -> bool:
    """Whether a work is still under way that began before an instant of ``clock``."""
    return tx.one("dynamic_group_awaited", {"since": since}) is not None


def take_thing(tx: Tx, thing_id: int) -> bool:
    """Be the one who finds out which groups a thing belongs to, until the commit; False if the thing is gone."""
    return tx.one("dynamic_group_take_thing", {"thing": thing_id}) is not None
