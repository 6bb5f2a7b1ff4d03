"""What a session writes down of itself, so that it outlives the server (ADR 20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from tidegate.clock import Millis
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session.messages import Delivery, Retained

Done = Callable[[bool], None]
"""Called once it is known whether the store has taken what was written down; False: not yet, it is tried again."""


class SessionState(msgspec.Struct, gc=False):
    """The row of a session. ``expiry`` in seconds, ``expires_at`` None while its client is connected."""

    scope: Scope
    client_id: str
    level: int
    expiry: int
    expires_at: Millis | None


class Stored(msgspec.Struct):
    """A session as it was written."""

    number: int
    state: SessionState
    filters: list[tuple[str, int]]
    waiting: list[Delivery]


class Journal(Protocol):
    """Where changes are written down. ``changes`` counts them.

    ``alone``: no other server has to hear of a subscription before it counts.
    """

    changes: int
    alone: bool

    def number(self) -> int:
        """The next number of a session or a message."""
        ...

    def session(self, number: int, state: SessionState) -> None:
        """A session began, or its expiry changed."""
        ...

    def ended(self, number: int) -> None:
        """A session is over, with all that was its."""
        ...

    def subscription(self, session: int, topic_filter: str, options: int | None) -> None:
        """A subscription has these options now; None: it is gone."""
        ...

    def message(self, session: int, number: int, delivery: Delivery | None) -> None:
        """A session waits for a message; None: no longer."""
        ...

    def retained(self, scope: Scope, topic: str, retained: Retained | None) -> None:
        """The retained message of a topic; None: it has none."""
        ...

    def when_written(self, done: Done) -> None:
        """Call back when everything written down by now is on disk."""
        ...


class Forgetful:
    """Keeps nothing: for an endpoint without a store."""

    changes = 0
    alone = True

    def number(self) -> int:
        return 0

    def session(self, number: int, state: SessionState) -> None:
        """Forget it."""

    def ended(self, number: int) -> None:
        """Forget it."""

    def subscription(self, session: int, topic_filter: str, options: int | None) -> None:
        """Forget it."""

    def message(self, session: int, number: int, delivery: Delivery | None) -> None:
        """Forget it."""

    def retained(self, scope: Scope, topic: str, retained: Retained | None) -> None:
        """Forget it."""

    def when_written(self, done: Done) -> None:
        done(True)
