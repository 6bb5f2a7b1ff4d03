"""Connections as the HTTPS data plane asks for them: describe, list subscriptions, delete (device reference 2.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tidegate import clock
from tidegate.devices.lifecycle import Place, place
from tidegate.devices.server import Server
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Ending, Message, serving
from tidegate.ops.broker import Sent


class Description(NamedTuple):
    """What is known of a client id that has a session, or was connected within the last hour.

    Instants in epoch ms, durations in seconds. ``thing_name`` as in lifecycle events.
    """

    client_id: str
    connected: bool
    thing_name: str | None
    clean_session: bool
    keep_alive: int | None
    session_expiry: int
    connected_since: clock.Millis | None
    disconnected_since: clock.Millis | None
    disconnect_reason: str | None
    source: Place | None
    target: Place | None


def connected(server: Server, scope: Scope, client_id: str) -> bool:
    """Whether a client is connected here."""
    return serving(server.broker.session(scope, client_id)) is not None


def describe(server: Server, scope: Scope, client_id: str) -> Description | None:
    """What is known of a client id; None if nothing is."""
    session = server.broker.session(scope, client_id)
    presence = server.lifecycle.presence(scope, client_id)
    if session is None and presence is None:
        return None
    connection = serving(session)
    edge = server.edge_of(connection) if connection is not None else None
    transport = edge.transport if edge is not None else None
    identity = connection.identity if connection is not None else None
    return Description(
        client_id,
        connection is not None,
        identity.exclusive_thing if identity is not None else None,
        session is None or not session.keeps,
        connection.keep_alive if connection is not None else None,
        session.expiry if session is not None else 0,
        presence.since if presence is not None and connection is not None else None,
        presence.left_at if presence is not None and connection is None else None,
        presence.reason if presence is not None and connection is None else None,
        place(transport, "peername"),
        place(transport, "sockname"),
    )


def subscriptions(server: Server, scope: Scope, client_id: str) -> list[tuple[str, int]] | None:
    """Filters and granted QoS of a client id, by filter; None if it has no session."""
    session = server.broker.session(scope, client_id)
    if session is None:
        return None
    return sorted((each.filter, each.qos) for each in session.subscriptions.values())


def send(server: Server, scope: Scope, client_id: str, message: Message, done: Callable[[], None]) -> Sent:
    """Send a message to a client that is connected here, at its QoS; ``done`` is called when it has acknowledged it."""
    session = server.broker.session(scope, client_id)
    if session is None or session.connection is None:
        return Sent.ABSENT
    if not session.may_receive(message.topic):
        return Sent.DENIED
    session.send(message, message.qos, done, server.clock.now())
    return Sent.SENT


def delete(
    server: Server, scope: Scope, client_id: str, *, clean_session: bool = False, prevent_will: bool = False
) -> bool:
    """Disconnect a client; with ``clean_session`` its session is gone too. False if there is neither."""
    session = server.broker.session(scope, client_id)
    if session is None:
        return False
    connection = serving(session)
    if connection is not None:
        code, message = Reason.ADMINISTRATIVE_ACTION, "deleted over the API"
        server.end(connection, Ending.API_INITIATED, code, message, will=not prevent_will)
    if clean_session:
        server.broker.forget(scope, client_id, server.clock.now())
    return connection is not None or clean_session
