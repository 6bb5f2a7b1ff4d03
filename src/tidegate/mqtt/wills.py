"""Wills that wait for their delay: published when it is over or the session ends, unless the client returns first.

They are kept in memory: a server that stops publishes them all, one that is killed takes them along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tidegate.clock import Millis
from tidegate.mqtt.session import Closed, Connection, Effect, Publication, Session
from tidegate.mqtt.wheel import Wheel

Publish = Callable[[Connection, Effect, Millis], None]


class _Waiting(NamedTuple):
    connection: Connection
    will: Effect
    closed_at: Millis
    due: float


class Wills:
    """The waiting wills, one for a session at most."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: dict[Session, _Waiting] = {}
        self._wheel: Wheel[Session] = Wheel()

    def take(self, connection: Connection, effect: Closed, session: Session, now: Millis) -> None:
        """A connection is over: publish its will, or keep it for as long as the client asked and the session lives."""
        if effect.will is None:
            return
        delay = min(effect.will_delay, session.expiry)
        if not delay:
            self._publish(connection, effect.will, now)
            return
        due = now / 1000 + delay
        self._waiting[session] = _Waiting(connection, effect.will, now, due)
        self._wheel.add(session, due)

    def returned(self, session: Session) -> None:
        """The client is back in its session: nothing is published [MQTT-3.1.3-9]."""
        waiting = self._waiting.pop(session, None)
        if waiting is not None:
            self._wheel.discard(session, waiting.due)

    def ended(self, session: Session, now: Millis) -> None:
        """The session is over, and with it every delay."""
        waiting = self._waiting.pop(session, None)
        if waiting is None:
            return
        self._wheel.discard(session, waiting.due)
        will = waiting.will
        if isinstance(will, Publication) and will.message.expires_at is not None:  # it counts from now on
            later = will.message.expires_at + now - waiting.closed_at
            will = Publication(msgspec.structs.replace(will.message, expires_at=later))
        self._publish(waiting.connection, will, now)

    def sweep(self, now: Millis) -> None:
        """Publish those whose delay is over."""
        for session in self._wheel.due(now / 1000):
            self.ended(session, now)

    def publish_all(self, now: Millis) -> None:
        """Publish what waits: the server ends."""
        for session in list(self._waiting):
            self.ended(session, now)
