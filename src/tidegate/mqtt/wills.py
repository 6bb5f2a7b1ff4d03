"""Wills: published at once, or when their delay is over or the session ends, unless the client returns first.

Whose will goes out is asked then: nothing of a client that is nobody any more, and nothing it may not publish by now.
They are kept in memory: a server that stops publishes them all, one that is killed takes them along.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from tidegate.clock import Millis
from tidegate.mqtt.codec import Will
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.session import Ask, Closed, Connection, Session, denied_to_will
from tidegate.mqtt.timer_wheel import TimerWheel

log = logging.getLogger("tidegate.mqtt")

Publish = Callable[[Connection, Will, Millis], None]


class _Waiting(NamedTuple):
    connection: Connection
    will: Will
    doubt: Ask | None
    due: float


class Wills:
    """Lets wills out. At most one waits for a session."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: dict[Session, _Waiting] = {}
        self._wheel: TimerWheel[Session] = TimerWheel()

    def take(self, connection: Connection, effect: Closed, session: Session, now: Millis) -> None:
        """A connection is over: publish its will, or keep it for as long as the client asked and the session lives."""
        will = effect.will
        if will is None:
            return
        asked = will.properties.will_delay_interval if will.properties is not None else None
        delay = min(asked or 0, session.expiry)
        doubt = connection.holder.doubt(later=delay > 0)
        if not delay:
            self._let_out(connection, will, doubt, now)
            return
        due = now / 1000 + delay
        self._waiting[session] = _Waiting(connection, will, doubt, due)
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
        self._let_out(waiting.connection, waiting.will, waiting.doubt, now)

    def sweep(self, now: Millis) -> None:
        """Publish those whose delay is over."""
        for session in self._wheel.due(now / 1000):
            self.ended(session, now)

    def publish_all(self, now: Millis) -> None:
        """Publish what waits: the server ends."""
        for session in list(self._waiting):
            self.ended(session, now)

    def _let_out(self, connection: Connection, will: Will, doubt: Ask | None, now: Millis) -> None:
        def found(identity: Identity | None) -> None:
            denied = _denied(connection, identity, will)
            if denied is None:
                connection.identity = identity
                self._publish(connection, will, now)
            else:
                log.info("client %r: its will is not published: %s", connection.client_id, denied)

        if doubt is None:
            found(connection.identity)
        else:
            doubt(found)


def _denied(connection: Connection, identity: Identity | None, will: Will) -> str | None:
    """Why a will may not be published, for the log; None if it may."""
    session = connection.session
    if identity is None or session is None or identity.scope != session.scope:
        return "what let it in counts no more"
    denied = denied_to_will(identity, connection.client_id, will)
    return None if denied is None else f"{denied} is not allowed"
