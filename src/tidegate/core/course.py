"""How a job went, as curves: what its executions are now, put back into the spans in which they became so.

An execution is counted as queued from its release, as in progress from its beginning, and as what it became from its
end. Nothing else is known of it: what a device reported in between is not kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from tidegate.core.lifecycle import TERMINAL, ExecutionStatus

_SECOND: Final = 1000
WIDTHS: Final = tuple(
    _SECOND * each for each in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 604_800)
)
"""How far apart (ms) the points of a curve may be."""
POINTS: Final = 150
ENDS: Final = tuple(status for status in ExecutionStatus if status in TERMINAL)
_NAMES: Final = ("reason", "reasonCode", "errorCode", "error", "failureReason", "failure", "message", "detailsMap")
"""Where agents put why they failed; AWS names no key."""
_LONGEST: Final = 200
NO_REASON: Final = "no reason given"


class Series(NamedTuple):
    """Curves with a point every ``width`` ms from ``since`` (epoch ms), each at the end of its span.

    ``released`` counts executions that were ever queued; ``by_status`` says what they were, and adds up to it.
    """

    since: int
    width: int
    released: list[int]
    by_status: dict[ExecutionStatus, list[int]]


def width(since: int, until: int) -> int:
    """The width of spans (ms) by which there are at most ``POINTS`` from one instant to another."""
    return next((each for each in WIDTHS if (until - since) // each < POINTS), WIDTHS[-1])


class Course:
    """What is known of a job's executions so far. Changed as they are read."""

    def __init__(self, since: int, width: int) -> None:
        """Spans of ``width`` ms from ``since`` (epoch ms)."""
        self.since = since
        self.width = width
        self.queued: Counter[int] = Counter()
        self.started: Counter[int] = Counter()
        self.ended: Counter[tuple[ExecutionStatus, int]] = Counter()
        self.unstarted: Counter[int] = Counter()
        """Those that ended without having been begun."""
        self.reasons: Counter[tuple[ExecutionStatus, str]] = Counter()
        self.unexplained = 0
        """Failures whose reasons were not read because there were so many."""

    def add(self, status: ExecutionStatus, queued: int, started: int | None, updated: int, count: int) -> None:
        """So many executions that are alike; spans are numbered from 0."""
        queued = max(0, queued)
        self.queued[queued] += count
        begun = None if started is None else max(queued, started)
        if begun is not None:
            self.started[begun] += count
        if status in TERMINAL:
            end = max(queued, updated, 0 if begun is None else begun)
            self.ended[status, end] += count
            if begun is None:
                self.unstarted[end] += count

    def series(self, until: int) -> Series:
        """Its curves as far as ``until`` (epoch ms), or as something happened later."""
        last = max([0, (until - self.since) // self.width, *self.queued, *self.started, *(at for _, at in self.ended)])
        points = range(min(last, 4 * POINTS) + 1)
        released = _summed(self.queued, points)
        begun, without = _summed(self.started, points), _summed(self.unstarted, points)
        ends = {status: _summed(self._ended_as(status), points) for status in ENDS}
        through = [sum(at) for at in zip(*ends.values(), strict=True)]
        queued = [r - b - w for r, b, w in zip(released, begun, without, strict=True)]
        running = [b - (t - w) for b, t, w in zip(begun, through, without, strict=True)]
        by_status = {ExecutionStatus.QUEUED: queued, ExecutionStatus.IN_PROGRESS: running, **ends}
        return Series(self.since, self.width, released, {status: by_status[status] for status in ExecutionStatus})

    def _ended_as(self, wanted: ExecutionStatus) -> Counter[int]:
        return Counter({at: count for (status, at), count in self.ended.items() if status is wanted})

    def ended_after(self, wanted: int, statuses: Sequence[ExecutionStatus]) -> int | None:
        """When (ms after ``since``, the end of a span) so many had ended in one of these ways; None: they have not."""
        count = 0
        by_span = Counter[int]()
        for (status, at), number in self.ended.items():
            if status in statuses:
                by_span[at] += number
        for at in sorted(by_span):
            count += by_span[at]
            if count >= wanted:
                return (at + 1) * self.width
        return None if wanted > count else 0


def _summed(counted: Counter[int], points: range) -> list[int]:
    return list(accumulate(counted[at] for at in points))


def reason(details: str | None) -> str:
    """Why an execution failed, by its statusDetails (JSON): the value of the first name that agents use for it."""
    try:
        found = json.loads(details or "{}")
    except ValueError:
        found = {}
    if not isinstance(found, dict) or not found:
        return NO_REASON
    for name in _NAMES:
        if isinstance(found.get(name), str) and found[name]:
            return str(found[name])[:_LONGEST]
    return ", ".join(f"{name}: {value}" for name, value in sorted(found.items()))[:_LONGEST]
