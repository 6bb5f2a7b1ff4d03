"""The two timers of an execution that is IN_PROGRESS (control reference 12, device reference 5.2).

The in-progress timer comes from the job, starts when the execution becomes IN_PROGRESS and never moves again. The step
timer is set by the device; each new value replaces the one before, and none outlives the in-progress timer. A timer is
kept as its deadline (epoch ms), None if it does not run; both end with the execution.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MINUTE = 60_000
LEAST_MINUTES: Final = 1
MOST_MINUTES: Final = 10_080
CLEAR: Final = -1
"""The ``stepTimeoutInMinutes`` that stops the step timer."""


class Timers(NamedTuple):
    """The deadlines of one execution."""

    in_progress: int | None = None
    step: int | None = None

    @property
    def deadline(self) -> int | None:
        """The earlier of the two: when the execution times out."""
        if self.in_progress is None or self.step is None:
            return self.step if self.in_progress is None else self.in_progress
        return min(self.in_progress, self.step)

    def expired(self, now: int) -> bool:
        """Whether the execution is to become TIMED_OUT."""
        return self.deadline is not None and now >= self.deadline


def started(in_progress_minutes: int | None, step_minutes: int | None, now: int) -> Timers:
    """The timers of an execution that becomes IN_PROGRESS now; None for a timer that was not asked for."""
    in_progress = None if in_progress_minutes is None else now + in_progress_minutes * MINUTE
    return stepped(Timers(in_progress), step_minutes, now)


def stepped(timers: Timers, step_minutes: int | None, now: int) -> Timers:
    """The timers after a device's update: None leaves the step timer alone, -1 stops it, anything else restarts it."""
    if step_minutes is None:
        return timers
    return timers._replace(step=None if step_minutes == CLEAR else now + step_minutes * MINUTE)


def approximate_seconds(deadline: int | None, now: int) -> int | None:
    """``approximateSecondsBeforeTimedOut``: whole seconds left, 0 if the deadline has passed, None without one."""
    return None if deadline is None else max(0, (deadline - now) // 1000)
