"""The time of a server under test: it stands still, and moves as far as a test says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.clock import Millis
from tidegate.runtime.timeline import Moment, Timeline


class Clock:
    """Every method returns once all that was due has been done, each thing at its own time and in order.

    Instants are aware datetimes in UTC, exact to the millisecond. Time can go back; what was done stays done.
    """

    def __init__(self, timeline: Timeline, run: Callable[[Coroutine[Any, Any, Moment]], Moment]) -> None:
        """``run`` runs a coroutine on the server's event loop and waits for it."""
        self._timeline = timeline
        self._run = run

    @property
    def now(self) -> datetime:
        """The present instant."""
        return _instant(self._run(self._timeline.present()).now)

    @property
    def next_event(self) -> datetime | None:
        """When something is due next: a release, a timer, the start or end of a job or of a window."""
        due = self._run(self._timeline.present()).next_at
        return None if due is None else _instant(due)

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
        return _instant(self._run(self._timeline.advance(round(span / timedelta(milliseconds=1)))).now)

    def set(self, instant: datetime | str | Millis) -> datetime:
        """Go to an instant: a datetime, ISO 8601 text (both UTC unless they say otherwise) or epoch milliseconds."""
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        if isinstance(instant, datetime):
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
            instant = round(aware.timestamp() * 1000)
        return _instant(self._run(self._timeline.set(instant)).now)

    def to_next_event(self) -> datetime | None:
        """Go to the next instant at which something is due; returns it, or None if nothing is (time stays)."""
        due = self.next_event
        if due is not None:
            self._run(self._timeline.to_next_event())
        return due


def _instant(instant: Millis) -> datetime:
    return datetime.fromtimestamp(instant // 1000, UTC) + timedelta(milliseconds=instant % 1000)
