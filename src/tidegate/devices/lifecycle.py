"""Presence and subscription events, and who is connected (device reference 7.4).

``$aws/events/presence/{connected,disconnected,connect_failed}/{clientId}`` and
``$aws/events/subscriptions/{subscribed,unsubscribed}/{clientId}`` are always on, like any message of the service at
QoS 1; nothing is built for topics nobody subscribes to. Client ids with ``+`` or ``#`` get none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from tidegate import clock
from tidegate.devices.observer import Connectivity, Observer
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.session import Closed, Connection, Ending
from tidegate.mqtt.timer_wheel import TimerWheel
from tidegate.store.connectivity import Session

_UNKNOWN = Session()
Place = tuple[str, int]
"""Address and port."""
REMEMBERED_S = 3600
"""How long a client id that is away keeps its version number."""


class Publisher(Protocol):
    """Sends service messages to those who subscribed and may receive them."""

    def publish(self, topic: str, payload: bytes, qos: int, *, scope: Scope) -> None: ...

    def wanted(self, scope: Scope, topic: str) -> bool: ...


class Presence(msgspec.Struct):
    """What is known of a client id that is or was connected; instants in epoch ms."""

    version: int
    session_identifier: str
    since: clock.Millis
    address: str
    left_at: clock.Millis | None = None
    reason: str | None = None


class Lifecycle:
    """Tells the comings and goings of clients."""

    def __init__(self, publisher: Publisher, time: clock.Clock, ids: clock.Ids, observer: Observer) -> None:
        self._observer = observer
        self._publisher = publisher
        self._clock = time
        self._ids = ids
        self._known: dict[tuple[Scope, str], Presence] = {}
        self._gone: TimerWheel[tuple[Scope, str]] = TimerWheel()

    def presence(self, scope: Scope, client_id: str) -> Presence | None:
        """What is known of a client id that is connected, or was within the last hour."""
        return self._known.get((scope, client_id))

    def connected(self, connection: Connection, address: str, source: Place | None, target: Place | None) -> None:
        """A client was let in; ``source`` and ``target`` are the ends of its socket."""
        identity, now = _identity(connection), self._clock.now()
        key = identity.scope, connection.client_id
        former = self._known.get(key)
        version = 0 if former is None else former.version + 1
        if former is not None and former.left_at is not None:
            self._gone.discard(key, former.left_at / 1000 + REMEMBERED_S)
        presence = self._known[key] = Presence(version, self._ids.uuid(), now, address)
        self._event(connection, presence, "presence", "connected", ipAddress=address, versionNumber=version)
        self._record(connection, True, now, None, _session(connection, source, target))

    def closed(self, connection: Connection, effect: Closed, address: str) -> None:
        """A connection is over: one that was let in has left, one that may not connect has failed."""
        if connection.session is not None:
            self._disconnected(connection, effect)
            return
        if effect.ending is Ending.AUTH_ERROR:
            self._observer.refused(address, connection.client_id)
        if connection.identity is not None and effect.ending is Ending.AUTH_ERROR:
            failed = Presence(0, self._ids.uuid(), self._clock.now(), address)
            reason = "AUTHORIZATION_FAILED"
            self._event(
                connection, failed, "presence", "connect_failed", ipAddress=address, connectFailureReason=reason
            )

    def _disconnected(self, connection: Connection, effect: Closed) -> None:
        key = _identity(connection).scope, connection.client_id
        presence, now, reason = self._known.get(key), self._clock.now(), effect.ending.value
        if presence is None:
            return
        presence.left_at, presence.reason = now, reason
        self._gone.add(key, now / 1000 + REMEMBERED_S)
        self._event(
            connection,
            presence,
            "presence",
            "disconnected",
            clientInitiatedDisconnect=effect.ending is Ending.CLIENT_INITIATED,
            disconnectReason=reason,
            versionNumber=presence.version,
        )
        self._record(connection, False, now, reason)

    def subscriptions(self, connection: Connection, kind: str, filters: Sequence[str]) -> None:
        """Filters of one packet took effect (``subscribed``) or are gone (``unsubscribed``)."""
        presence = self._known.get((_identity(connection).scope, connection.client_id))
        if presence is not None and filters:
            self._event(connection, presence, "subscriptions", kind, topics=list(filters))

    def sweep(self) -> None:
        """Forget client ids that have been away for long."""
        for key in self._gone.due(self._clock.now() / 1000):
            presence = self._known.get(key)
            if presence is not None and presence.left_at is not None:
                del self._known[key]

    def _record(
        self,
        connection: Connection,
        connected: bool,
        at: clock.Millis,
        reason: str | None,
        session: Session = _UNKNOWN,
    ) -> None:
        identity = _identity(connection)
        who = identity.scope, connection.client_id, identity.exclusive_thing, identity.principal
        self._observer.came_or_went(Connectivity(*who, connected, at, reason, session))

    def _event(self, connection: Connection, presence: Presence, family: str, kind: str, **members: Any) -> None:
        identity, client_id = _identity(connection), connection.client_id
        topic = f"$aws/events/{family}/{kind}/{client_id}"
        if "+" in client_id or "#" in client_id:
            return
        at = self._clock.now()

        def payload() -> bytes:
            return _payload(identity, client_id, presence, kind, at, members)

        self._observer.event(identity.scope, topic, payload)
        if self._publisher.wanted(identity.scope, topic):
            self._publisher.publish(topic, payload(), 1, scope=identity.scope)


def place(transport: asyncio.BaseTransport | None, which: str) -> Place | None:
    """An end of a socket: ``peername`` or ``sockname``."""
    found = None if transport is None else transport.get_extra_info(which)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None


def _session(connection: Connection, source: Place | None, target: Place | None) -> Session:
    kept = connection.session
    return Session(
        connection.client_id,
        connection.keep_alive,
        kept is None or not kept.keeps,
        0 if kept is None else kept.expiry,
        *(source or (None, None)),
        *(target or (None, None)),
    )


def _payload(
    identity: Identity, client_id: str, presence: Presence, kind: str, at: clock.Millis, members: dict[str, Any]
) -> bytes:
    body: dict[str, Any] = {
        "clientId": client_id,
        "timestamp": at,
        "eventType": kind,
        "sessionIdentifier": presence.session_identifier,
        "principalIdentifier": identity.principal,
    }
    if identity.exclusive_thing is not None:
        body["thingName"] = identity.exclusive_thing
    return msgspec.json.encode(body | members)


def _identity(connection: Connection) -> Identity:
    assert connection.identity is not None
    return connection.identity
