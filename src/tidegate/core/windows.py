"""Maintenance windows: when a job may roll out (control reference 8.3).

A window opens at each occurrence of its cron expression and stays open for its duration. Several windows are one: the
union of their intervals, so that windows that overlap or touch never close in between. Only occurrences that begin
within [``not_before``, ``not_after``) count: an occurrence that was already running when the job was created does not
open the job, and nothing opens once the job has ended. ``not_before`` is the later of the job's creation and its
startTime, ``not_after`` its endTime. All instants are epoch ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple

from tidegate.core.cron import Cron

MINUTE = 60_000
SHOWN = 7
"""How many coming occurrences DescribeJob shows (``scheduledJobRollouts``)."""

LOOK_AHEAD = 48 * 60 * MINUTE
"""How far an uninterrupted union is followed; one that lasts longer is asked about again then."""


class Once(NamedTuple):
    """What happens at one instant, as ``Cron`` has what recurs."""

    at: int

    def next_after(self, instant: int) -> int | None:
        """The instant, if it is later."""
        return self.at if self.at > instant else None

    def previous_at_or_before(self, instant: int) -> int | None:
        """The instant, unless it is later."""
        return self.at if self.at <= instant else None


class Window(NamedTuple):
    """A window: one that recurs, or one alone."""

    cron: Cron | Once
    duration_minutes: int

    @property
    def duration(self) -> int:
        """In milliseconds."""
        return self.duration_minutes * MINUTE


class State(NamedTuple):
    """Whether rollout is allowed, and when to look again.

    ``changes_at`` is when an open union closes or a closed one opens next; None if it never opens again. A union that
    stays open beyond ``LOOK_AHEAD`` gives an instant at which it is still open.
    """

    open: bool
    changes_at: int | None


def state(windows: Sequence[Window], *, not_before: int, not_after: int | None, now: int) -> State:
    """The union of the windows at ``now``."""
    if not_after is not None and now >= not_after:
        return State(open=False, changes_at=None)
    closes = _closes(windows, not_before, now)
    if closes is None:
        return State(open=False, changes_at=_opens(windows, not_before, not_after, now))
    return State(open=True, changes_at=closes if not_after is None else min(closes, not_after))


def upcoming(
    windows: Sequence[Window], *, not_before: int, not_after: int | None, now: int, count: int = SHOWN
) -> list[int]:
    """The starts of the next occurrences after ``now``, in order; those of several windows at one instant are one."""
    after = max(now, not_before - 1)
    starts: list[int] = []
    for start in merge(*(islice(_starts(window, after), count) for window in windows)):
        if len(starts) == count or (not_after is not None and start >= not_after):
            break
        if not starts or starts[-1] != start:
            starts.append(start)
    return starts


def _starts(window: Window, after: int) -> Iterator[int]:
    start = window.cron.next_after(after)
    while start is not None:
        yield start
        start = window.cron.next_after(start)


def _opens(windows: Sequence[Window], not_before: int, not_after: int | None, now: int) -> int | None:
    return next(iter(upcoming(windows, not_before=not_before, not_after=not_after, now=now, count=1)), None)


def _closes(windows: Sequence[Window], not_before: int, now: int) -> int | None:
    """Where the union that covers ``now`` ends, followed up to LOOK_AHEAD; None if nothing covers it."""
    end = _covered_until(windows, not_before, now)
    while end is not None and end < now + LOOK_AHEAD:
        further = _covered_until(windows, not_before, end)
        if further is None:
            break
        end = further
    return end


def _covered_until(windows: Sequence[Window], not_before: int, instant: int) -> int | None:
    """The latest end of an interval that contains an instant; None if there is none.

    Of each window only the latest occurrence matters: all its intervals are of one length.
    """
    ends = [
        start + window.duration
        for window in windows
        if (start := window.cron.previous_at_or_before(instant)) is not None and start >= not_before
    ]
    return max((end for end in ends if end > instant), default=None)
