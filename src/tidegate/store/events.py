"""Events: which of them a scope has switched on, and those on their way to subscribers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.store.database import Tx


class Switch(NamedTuple):
    """A type of events that was switched on or off; instants are epoch ms."""

    event_type: str
    enabled: bool
    created_at: int
    updated_at: int


class Event(NamedTuple):
    """An event that has not been handed over; ``message`` is JSON text that lacks what is only known at the edge.

    With a ``payload`` it is a message of the service that is handed over as it is; from ``expires_at`` (epoch ms) on
    nobody wants it.
    """

    id: int
    account: str
    region: str
    topic: str
    thing_name: str | None
    message: str
    payload: bytes | None = None
    content_type: str | None = None
    expires_at: int | None = None


def switch(tx: Tx, scope: int, event_type: str, *, enabled: bool, now: int) -> None:
    """Switch a type of events on or off."""
    values = {"scope": scope, "event_type": event_type, "enabled": int(enabled), "now": now}
    tx.run("event_switch_put", values)


def switches(tx: Tx, scope: int) -> list[Switch]:
    """Every type that was ever switched."""
    rows = tx.all("event_switch_list", {"scope": scope})
    return [Switch(event_type, bool(enabled), created, updated) for event_type, enabled, created, updated in rows]


def is_on(tx: Tx, scope: int, event_type: str) -> bool:
    """True if a scope wants to hear of a type of events."""
    return tx.one("event_switch_on", {"scope": scope, "event_type": event_type}) is not None


def wants_executions_of(tx: Tx, job_id: int) -> bool:
    """True if the scope of a job wants to hear of executions."""
    return tx.recall("event_switch_on_for_job", {"job": job_id}) is not None


def put(tx: Tx, scope: int, topic: str, message: str) -> None:
    """Send an event on its way."""
    tx.run("event_put", {"scope": scope, "topic": topic, "message": message})


def put_of_thing(tx: Tx, thing_id: int, topic: str, message: str) -> None:
    """Send an event that names a thing on its way; the thing may be deleted already."""
    tx.run("event_put_of_thing", {"thing": thing_id, "topic": topic, "message": message})


def put_message(
    tx: Tx, scope: int, topic: str, payload: bytes, content_type: str | None = None, expires_at: int | None = None
) -> None:
    """Send a message on its way, among the events and in order with them."""
    values = {"scope": scope, "topic": topic, "payload": payload, "content_type": content_type}
    tx.run("event_put_message", {**values, "expires_at": expires_at})


def underway(tx: Tx, after: int, limit: int) -> list[Event]:
    """Events that have not been handed over, in order, those after an id."""
    return [Event(*row) for row in tx.all("event_list", {"after": after, "limit": limit})]


def last(tx: Tx) -> int:
    """The id of the latest event that has not been handed over; 0 if there is none."""
    row = tx.one("event_last", {})
    return row[0] if row and row[0] is not None else 0


def delete(tx: Tx, ids: Iterable[int]) -> None:
    """Forget events that have been handed over."""
    tx.many("event_delete", [{"id": each} for each in ids])
