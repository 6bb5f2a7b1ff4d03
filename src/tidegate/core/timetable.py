"""When a job may run: its start, its maintenance windows and its end, taken together (control reference 8)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from tidegate.core import windows

_EVER = -(1 << 62)
"""An instant before every other."""


class Phase(Enum):
    """Where an instant lies."""

    CLOSED = "before the start, or between windows"
    OPEN = "executions may be released and started"
    OVER = "past endTime"


class Moment(NamedTuple):
    """A phase, and when (epoch ms) to look again; None if it lasts. ``black``: a blackout closes it."""

    phase: Phase
    changes_at: int | None
    black: bool = False


class Timetable(NamedTuple):
    """A job's times in epoch ms; None for what it does not have."""

    created_at: int
    starts_at: int | None = None
    ends_at: int | None = None
    windows: tuple[windows.Window, ...] = ()
    blackouts: tuple[windows.Window, ...] = ()

    @property
    def opens_from(self) -> int:
        """Windows that began earlier than this do not count."""
        return max(self.created_at, self.starts_at or self.created_at)

    def at(self, now: int) -> Moment:
        """The phase at an instant. A blackout closes what would be open, also one that began before the job."""
        moment = self._without_blackouts(now)
        if not self.blackouts or moment.phase is Phase.OVER:
            return moment
        black = windows.state(self.blackouts, not_before=_EVER, not_after=None, now=now)
        if black.open:
            return Moment(Phase.CLOSED, _earlier(black.changes_at, self.ends_at), black=True)
        return (
            moment
            if moment.phase is Phase.CLOSED
            else Moment(Phase.OPEN, _earlier(moment.changes_at, black.changes_at))
        )

    def _without_blackouts(self, now: int) -> Moment:
        if self.ends_at is not None and now >= self.ends_at:
            return Moment(Phase.OVER, None)
        if self.windows:
            state = windows.state(self.windows, not_before=self.opens_from, not_after=self.ends_at, now=now)
            return Moment(Phase.OPEN if state.open else Phase.CLOSED, _earlier(state.changes_at, self.ends_at))
        if self.starts_at is not None and now < self.starts_at:
            return Moment(Phase.CLOSED, _earlier(self.starts_at, self.ends_at))
        return Moment(Phase.OPEN, self.ends_at)

    def coming(self, now: int) -> list[int]:
        """The starts of the next seven windows."""
        return windows.upcoming(self.windows, not_before=self.opens_from, not_after=self.ends_at, now=now)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
