"""What of a forecast somebody ought to know, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.core import abort
from tidegate.core.forecast import report
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.forecast.report import Report
from tidegate.core.forecast.summary import UNRELEASED

_MINUTE = 60_000
_WORST: Final = {"FAILED": "failed", "REJECTED": "rejected", "TIMED_OUT": "stuck", abort.ALL: "failed"}
"""What every device would have to do for a criterion to be met as early as can be."""
_WRONG: Final = {"FAILED": "fails", "REJECTED": "rejects", "TIMED_OUT": "times out", abort.ALL: "fails"}


def of(found: Report, fleet: Fleet) -> list[str]:
    """Everything there is to say, the gravest first."""
    return [
        *_held(found),
        *_abort(found),
        *_unfinished(found),
        *_criteria(found, fleet),
        *_windows(found, fleet),
        *_timeout(found, fleet),
    ]


def duration(milliseconds: float | None) -> str:
    """``45 s``, ``12 min``, ``6 h 05 min``, ``3 d 04 h``; ``never`` for None."""
    if milliseconds is None:
        return "never"
    seconds = round(milliseconds / 1000)
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours < 100 else f"{hours // 24} d {hours % 24:02d} h"


def _share(part: float, whole: float) -> str:
    percent = 100 * part / whole if whole else 0
    return f"{percent:.2f} %" if 0 < percent < 1 else f"{percent:.0f} %"


def _held(found: Report) -> Iterator[str]:
    if found.start.held:
        yield f"The job is held ({found.start.held}): this is what happens if it is let go on now."


def _abort(found: Report) -> Iterator[str]:
    if found.abort_chance:
        met = "paused by an abort criterion" if found.start.job.plan.pauses else "aborted"
        yield (
            f"It is {met} in {found.abort_chance:.0%} of the runs, in the median after"
            f" {duration(found.abort_after.p50)}, when {found.touched_at_abort.p50:,.0f} devices have begun it and"
            f" {found.released_at_abort.p50:,.0f} have been notified."
        )


def _unfinished(found: Report) -> Iterator[str]:
    start, total = found.start, found.start.total
    unreleased = found.things.get(UNRELEASED)
    if unreleased is not None and unreleased.p50 and not found.abort_chance and start.job.plan.ends_at is not None:
        yield f"The end time comes before {_share(total - unreleased.p50, total)} are released."
    elif unreleased is not None and unreleased.p50 and not found.abort_chance:
        yield f"{unreleased.p50:,.0f} things are not released within the time that was looked at."
    never = found.never
    if never.p50:
        running = found.things.get("IN_PROGRESS")
        why = "" if start.timeout_minutes or not running or not running.p50 else ", for want of a timeout among others"
        share = _share(never.p50, total)
        yield f"{never.p50:,.0f} things ({share}) never end{why}: the job does not complete by itself."


def _criteria(found: Report, fleet: Fleet) -> Iterator[str]:
    """Each criterion alone, where every device does what it is there for."""
    start = found.start
    if not start.job.plan.abort:
        yield "Nothing stops it: it has no abort criterion."
    for one in start.job.plan.abort:
        named = (
            f"The abort criterion on {one.failure_type} ({one.threshold_percentage} % of {one.min_executed} or more)"
        )
        plan = start.job.plan._replace(abort=(one,))
        worst = start._replace(job=start.job._replace(plan=plan))
        run = report.one(worst, fleet.all_end(_WORST[one.failure_type]), found.seed)
        if run.aborted is not None:
            yield (
                f"{named} cannot trip before {run.touched:,} devices have begun it: so many have after"
                f" {duration(run.aborted)} if every device {_WRONG[one.failure_type]}."
            )
        elif one.failure_type == "TIMED_OUT" and not start.timeout_minutes:
            yield f"{named} can never trip: without a timeout nothing times out."
        else:
            yield f"{named} does not trip even if every device {_WRONG[one.failure_type]}."


def _windows(found: Report, fleet: Fleet) -> Iterator[str]:
    windows = found.start.job.plan.windows
    longest = max((one.duration for one in windows), default=None)
    slow = [one for one in fleet.cohorts if longest is not None and one.run.value(0.9) > longest]
    for one in slow:
        yield (
            f"The window of {duration(longest)} is shorter than the p90 run time of {duration(one.run.value(0.9))}"
            f"{_of(fleet, one.name)}: what runs when it closes runs on."
        )


def _timeout(found: Report, fleet: Fleet) -> Iterator[str]:
    minutes = found.start.timeout_minutes
    for one in fleet.cohorts if minutes else ():
        late = 1 - one.run.share((minutes or 0) * _MINUTE)
        if late > 0:
            share = _share(late, 1)
            yield f"{share} of the run times{_of(fleet, one.name)} are longer than the timeout of {minutes} min."


def _of(fleet: Fleet, name: str) -> str:
    return f" of {name}" if len(fleet.cohorts) > 1 else ""
