"""What one run comes to: a few numbers and a curve, whatever the size of the fleet."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from tidegate.core.forecast.crowd import Crowd
from tidegate.core.forecast.fleet import Cohort
from tidegate.core.forecast.run import Run
from tidegate.core.lifecycle import ExecutionStatus

SHARES: Final = (50, 90, 99, 100)
"""Percent of the things whose end is told."""
_MINUTE = 60_000
WIDTHS: Final = tuple(_MINUTE * each for each in (1, 5, 15, 60, 360, 1440, 10_080))
"""How far apart (ms) the points of a curve may be; each divides the next."""
_MOST_POINTS = 1500
_BINS = 20_000
_THROUGH: Final = [
    int(one)
    for one in (
        ExecutionStatus.SUCCEEDED,
        ExecutionStatus.FAILED,
        ExecutionStatus.REJECTED,
        ExecutionStatus.TIMED_OUT,
    )
]
UNRELEASED: Final = "UNRELEASED"


class Curve(NamedTuple):
    """A point every ``width`` ms after the beginning of the run: things released, in progress, and through."""

    width: int
    released: Any
    in_progress: Any
    ended: Any

    def at_width(self, width: int) -> Curve:
        """The same with fewer points; ``width`` is another of ``WIDTHS``, no smaller one."""
        every = slice(None, None, width // self.width)
        return Curve(width, self.released[every], self.in_progress[every], self.ended[every])


class Summary(NamedTuple):
    """One run in numbers; instants are ms after its beginning, None for what did not come to pass.

    Args:
        ended: when each of ``SHARES`` of all things was through: succeeded, failed, rejected or timed out for good.
        rest: when the last thing happened; None if the run was cut off before.
        completed, aborted: when the job was.
        touched, released: by the abort, or by the end of a run without one: things whose device has begun, and things
            released.
        things: by what became of them: statuses of executions, and UNRELEASED.
        retries, timed_out: executions.
        downloads, bytes_per_second: at their peaks.
    """

    ended: tuple[int | None, ...]
    rest: int | None
    completed: int | None
    aborted: int | None
    touched: int
    released: int
    things: dict[str, int]
    retries: int
    timed_out: int
    downloads: int
    bytes_per_second: float
    curve: Curve

    @property
    def never(self) -> int:
        """Things that have an execution which never ends."""
        return self.things.get("QUEUED", 0) + self.things.get("IN_PROGRESS", 0)


def of(run: Run, crowd: Crowd, cohorts: tuple[Cohort, ...]) -> Summary:
    """Sum a run up."""
    start = run.start
    thing, attempt, started, ended, status = (
        np.asarray(column) for column in (run.thing, run.attempt, run.started_at, run.ended_at, run.status)
    )
    last = _last(thing, attempt, start.things)
    final = attempt == last[thing] if len(thing) else np.zeros(0, dtype=bool)
    through = final & np.isin(status, _THROUGH)
    ends = np.sort(ended[through]) - start.now
    begun = started[started >= 0]
    times = [at for at, _ in run.releases[-1:]] + [int(each.max()) for each in (begun, ended[ended >= 0]) if len(each)]
    rest = max([0, *(at - start.now for at in times)])
    downloads, rate = _downloads(run, crowd, cohorts)
    return Summary(
        ended=tuple(_reached(ends, share, start.total, start.ended_things) for share in SHARES),
        rest=None if run.cut else rest,
        completed=None if run.completed_at is None else run.completed_at - start.now,
        aborted=None if run.aborted_at is None else run.aborted_at - start.now,
        touched=_touched(run, attempt, started),
        released=start.total - start.to_come + sum(count for _, count in run.releases),
        things=_outcomes(run, status[final]),
        retries=int((attempt > 0).sum()) - sum(one.attempt > 0 for one in start.present),
        timed_out=int((status == int(ExecutionStatus.TIMED_OUT)).sum()),
        downloads=downloads,
        bytes_per_second=rate,
        curve=_curve(run, ends, started, ended, rest),
    )


def _last(thing: Any, attempt: Any, things: int) -> Any:
    """The number of the last attempt of each thing."""
    last: Any = np.zeros(things, dtype=np.int8)
    for each in range(1, int(attempt.max(initial=0)) + 1):
        last[thing[attempt == each]] = each
    return last


def _reached(ends: Any, share: int, total: int, before: int) -> int | None:
    wanted = -(-share * total // 100) - before
    if wanted <= 0:
        return 0
    return int(ends[wanted - 1]) if wanted <= len(ends) else None


def _touched(run: Run, attempt: Any, started: Any) -> int:
    start = run.start
    before = start.ended_things + len(start.waiting) + sum(one.attempt > 0 for one in start.present)
    until = run.aborted_at if run.aborted_at is not None else start.until
    return before + int(((attempt == 0) & (started >= 0) & (started <= until)).sum())


def _outcomes(run: Run, status: Any) -> dict[str, int]:
    counts = np.bincount(status, minlength=len(ExecutionStatus)).tolist() if len(status) else []
    found = {ExecutionStatus(kind).name: count for kind, count in enumerate(counts) if count}
    unreleased = run.start.to_come - sum(count for _, count in run.releases)
    return found | ({UNRELEASED: unreleased} if unreleased else {})


def _curve(run: Run, ends: Any, started: Any, ended: Any, rest: int) -> Curve:
    width = next((width for width in WIDTHS if rest <= width * _MOST_POINTS), WIDTHS[-1])
    points = min(rest // width + 2, 2 * _MOST_POINTS)
    start = run.start
    instants = np.array([at for at, _ in run.releases], dtype=np.int64)
    counts = np.array([count for _, count in run.releases], dtype=np.int64)
    begun = started >= 0
    stopped = begun & (ended >= 0)
    running = _cumulated(started[begun] - start.now, width, points) - _cumulated(
        ended[stopped] - start.now, width, points
    )
    released = start.total - start.to_come + _cumulated(instants - start.now, width, points, counts)
    return Curve(width, released, running, start.ended_things + _cumulated(ends, width, points))


def _cumulated(at: Any, width: int, points: int, counts: Any = None) -> Any:
    """How much has happened by each point: at 0, width, 2 width …"""
    place = np.clip(-(-np.asarray(at, dtype=np.int64) // width), 0, points)
    return np.cumsum(np.bincount(place, weights=counts, minlength=points + 1)[:points]).astype(np.int64)


def _downloads(run: Run, crowd: Crowd, cohorts: tuple[Cohort, ...]) -> tuple[int, float]:
    """The most that download at once, and how many bytes a second they take together, to a second or so."""
    if not any(one.artifact_bytes for one in cohorts) or not len(run.thing):
        return 0, 0.0
    begun, until = (np.asarray(each) - run.start.now for each in (run.started_at, run.ended_at))
    cohort = crowd.cohort(np.asarray(run.thing)) if len(cohorts) > 1 else np.zeros(len(begun), dtype=np.int8)
    width = max(1000, int(max(begun.max(), until.max())) // _BINS + 1)
    count, rate = np.zeros(_BINS + 2), np.zeros(_BINS + 2)
    for which, one in enumerate(cohorts):
        known = (begun >= 0) & (cohort == which)
        if one.artifact_bytes and known.any():
            change, rates = _changes(one, begun[known], until[known], width)
            count, rate = count + change, rate + rates
    return int(np.cumsum(count).max()), float(np.cumsum(rate).max())


def _changes(one: Cohort, begun: Any, until: Any, width: int) -> tuple[Any, Any]:
    """How the downloads of a cohort and their bytes a second change from one span of ``width`` ms to the next."""
    if one.bytes_per_second:
        needed = int(1000 * one.artifact_bytes / one.bytes_per_second)
        span = np.where(until >= 0, np.minimum(until - begun, needed), needed)
    else:
        begun, until = begun[until >= 0], until[until >= 0]
        span = until - begun
    first, after = np.minimum(begun // width, _BINS), np.minimum((begun + span) // width, _BINS) + 1

    def change(weights: Any = None) -> Any:
        return np.bincount(first, weights, _BINS + 2) - np.bincount(after, weights, _BINS + 2)

    if one.bytes_per_second:
        return change(), change() * one.bytes_per_second
    return change(), change(1000.0 * one.artifact_bytes / np.maximum(span, 1000))
