"""What MQTT keeps while nobody is connected: sessions, their subscriptions, messages they wait for, retained messages.

A session is known by its node, the number of the server it lives on, and an id that counts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tidegate.store.database import Tx

_PAGE = 1000


class Session(NamedTuple):
    """A persistent session. ``expires_at`` in epoch ms, None while its client is connected."""

    id: int
    account: str
    region: str
    client_id: str
    level: int
    expiry_s: int
    expires_at: int | None


class Subscription(NamedTuple):
    """A filter of a session; ``options`` is MQTT 5's byte."""

    session: int
    filter: str
    options: int


class Message(NamedTuple):
    """A QoS 1 message that a session waits for. ``properties`` as MQTT 5 writes them; ``expires_at`` in epoch ms."""

    session: int
    id: int
    topic: str
    payload: bytes
    retain: bool
    properties: bytes | None
    expires_at: int | None
    newest_only: bool


class Retained(NamedTuple):
    """The retained message of a topic; instants in epoch ms."""

    account: str
    region: str
    scope: int
    topic: str
    payload: bytes
    qos: int
    properties: bytes | None
    expires_at: int | None
    retained_at: int


def put_sessions(tx: Tx, node: int, rows: Sequence[tuple[int, Session]]) -> None:
    """Insert sessions, or set the expiry of those that are there. Each comes with the id of its scope."""
    tx.many(
        "mqtt_session_put",
        [
            {
                "node": node,
                "scope": scope,
                "id": row.id,
                "client_id": row.client_id,
                "level": row.level,
                "expiry_s": row.expiry_s,
                "expires_at": row.expires_at,
            }
            for scope, row in rows
        ],
    )


def delete_sessions(tx: Tx, node: int, ids: Sequence[int]) -> None:
    """Forget sessions with all that is theirs."""
    tx.many("mqtt_session_delete", [{"node": node, "id": each} for each in ids])
    tx.many("mqtt_subscription_clear", [{"node": node, "session": each} for each in ids])
    tx.many("mqtt_message_clear", [{"node": node, "session": each} for each in ids])


def put_subscriptions(tx: Tx, node: int, rows: Sequence[Subscription]) -> None:
    """Insert subscriptions, or replace their options."""
    values = [{"node": node, "session": row.session, "filter": row.filter, "options": row.options} for row in rows]
    tx.many("mqtt_subscription_put", values)


def delete_subscriptions(tx: Tx, node: int, which: Sequence[tuple[int, str]]) -> None:
    """Forget subscriptions, given as session and filter."""
    values = [{"node": node, "session": session, "filter": name} for session, name in which]
    tx.many("mqtt_subscription_delete", values)


def put_messages(tx: Tx, node: int, rows: Sequence[Message]) -> None:
    """Keep messages for their sessions."""
    tx.many(
        "mqtt_message_put",
        [
            {
                **row._asdict(),
                "node": node,
                "retain": int(row.retain),
                "newest_only": int(row.newest_only),
            }
            for row in rows
        ],
    )


def delete_messages(tx: Tx, node: int, which: Sequence[tuple[int, int]]) -> None:
    """Forget messages, given as session and id."""
    tx.many("mqtt_message_delete", [{"node": node, "session": session, "id": each} for session, each in which])


def sessions(tx: Tx, node: int) -> Iterator[tuple[list[Session], list[Subscription], list[Message]]]:
    """Everything kept on a node, a page of sessions with all that is theirs at a time."""
    after = 0
    while rows := tx.all("mqtt_session_list", {"node": node, "after": after, "limit": _PAGE}):
        page = [Session(*row) for row in rows]
        span = {"node": node, "first": page[0].id, "last": page[-1].id}
        subscriptions = [Subscription(*row) for row in tx.all("mqtt_subscription_list", span)]
        yield page, subscriptions, [_message(*row) for row in tx.all("mqtt_message_list", span)]
        after = page[-1].id


def some_sessions(tx: Tx, node: int, most: int) -> list[tuple[Session, list[Subscription]]]:
    """The first sessions of a node, with their subscriptions."""
    page = [Session(*row) for row in tx.all("mqtt_session_list", {"node": node, "after": 0, "limit": most})]
    if not page:
        return []
    span = {"node": node, "first": page[0].id, "last": page[-1].id}
    subscriptions: dict[int, list[Subscription]] = {each.id: [] for each in page}
    for row in tx.all("mqtt_subscription_list", span):
        subscriptions[row[0]].append(Subscription(*row))
    return [(each, subscriptions[each.id]) for each in page]


def nodes(tx: Tx) -> list[int]:
    """The nodes that have sessions."""
    found: list[int] = []
    while row := tx.one("mqtt_session_nodes", {"after": found[-1] if found else -1}):
        found.append(row[0])
    return found


def take(tx: Tx, node: int, first: int, last: int) -> tuple[set[int], list[Message]]:
    """Delete the sessions of a node between two ids with their subscriptions; their ids, and what waits in them.

    Messages stay, to be moved. Of several who try each session is taken by one.
    """
    span = {"node": node, "first": first, "last": last}
    taken = {number for (number,) in tx.all("mqtt_session_take", span)}
    tx.run("mqtt_subscription_take", span)
    found = [_message(*row) for row in tx.all("mqtt_message_list", span)]
    return taken, [each for each in found if each.session in taken]


def move(tx: Tx, node: int, to_node: int, messages: Sequence[tuple[Message, Message]]) -> None:
    """Give messages to sessions of another node, with new ids: as they were and as they are to be."""
    tx.many(
        "mqtt_message_move",
        [
            {
                "node": node,
                "session": old.session,
                "id": old.id,
                "to_node": to_node,
                "to_session": new.session,
                "to_id": new.id,
            }
            for old, new in messages
        ],
    )


def _message(
    session: int,
    number: int,
    topic: str,
    payload: bytes,
    retain: int,
    properties: bytes | None,
    expires_at: int | None,
    newest_only: int,
) -> Message:
    return Message(session, number, topic, payload, bool(retain), properties, expires_at, bool(newest_only))


def put_retained(tx: Tx, rows: Sequence[Retained]) -> None:
    """Keep the last retained message of each topic; account and region are not looked at."""
    tx.many("mqtt_retained_put", [row._asdict() for row in rows])


def delete_retained(tx: Tx, which: Sequence[tuple[int, str]]) -> None:
    """Forget retained messages, given as scope and topic."""
    tx.many("mqtt_retained_delete", [{"scope": scope, "topic": topic} for scope, topic in which])


def retained(tx: Tx) -> Iterator[Retained]:
    """Every retained message of every scope."""
    scope, after = 0, ""
    while rows := tx.all("mqtt_retained_list", {"scope": scope, "after": after, "limit": _PAGE}):
        yield from (Retained(*row) for row in rows)
        scope, after = rows[-1][2], rows[-1][3]
