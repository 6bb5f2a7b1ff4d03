"""The time of a server under test: it stands still, and moves as far as a test says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.clock import Millis, MovableClock
from tidegate.engine.loop import Engine


class Clock:
    """Every method returns once all that was due has been done, each thing at its own time and in order.

    Instants are aware datetimes in UTC, exact to the millisecond. Time can go back; what was done stays done.
    """

    def __init__(
        self, clock: MovableClock, engine: Engine, run: Callable[[Coroutine[Any, Any, Millis | None]], Millis | None]
    ) -> None:
        """``run`` runs a coroutine on the server's event loop and waits for it."""
        self._clock = clock
        self._engine = engine
        self._run = run

    @property
    def now(self) -> datetime:
        """The present instant."""
        return _moment(self._clock.now())

    @property
    def next_event(self) -> datetime | None:
        """When something is due next: a release, a timer, the start or end of a job or of a window."""
        due = self._run(self._engine.settle())
        return None if due is None else _moment(due)

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, milliseconds: float = 0
    ) -> datetime:
        """Go ahead by a span; returns the new instant.

        Raises:
            ValueError: the span is negative.
        """
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
        if span < timedelta(0):
            raise ValueError("advance goes ahead; use set to go back")
        return self._travel(self._clock.now() + round(span / timedelta(milliseconds=1)))

    def set(self, instant: datetime | str | Millis) -> datetime:
        """Go to an instant: a datetime, ISO 8601 text (both UTC unless they say otherwise) or epoch milliseconds."""
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        if isinstance(instant, datetime):
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
            instant = round(aware.timestamp() * 1000)
        return self._travel(instant)

    def to_next_event(self) -> datetime | None:
        """Go to the next instant at which something is due; returns it, or None if nothing is (time stays)."""
        due = self.next_event
        if due is not None:
            self._run(self._engine.travel(None))
        return due

    def _travel(self, target: Millis) -> datetime:
        self._run(self._engine.travel(target))
        return self.now


def _moment(instant: Millis) -> datetime:
    return datetime.fromtimestamp(instant // 1000, UTC) + timedelta(milliseconds=instant % 1000)
