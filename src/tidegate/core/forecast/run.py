"""Where a run begins, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidegate.core import job as machine
from tidegate.core import rollout
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.timetable import Phase

YEAR = 366 * 86_400_000


class Present(NamedTuple):
    """An execution that is QUEUED or IN_PROGRESS when a run begins; instants are epoch ms."""

    status: ExecutionStatus
    queued_at: int
    attempt: int = 0
    after_failed: int = 0
    started_at: int | None = None
    deadline: int | None = None


class Start(NamedTuple):
    """Where a run begins.

    Things are numbered: those that have an execution now, those that wait for a window, then those to come, in the
    order of the rollout.

    Args:
        job: how the job stands.
        now: epoch ms.
        to_come: how many things have not been released.
        timeout_minutes: the job's in-progress timer.
        present: executions that have not ended.
        waiting: (attempt, retries after FAILED) of those that wait for a window.
        counts: executions by status, the ``present`` ones among them.
        recent: releases of the last minute: (instant, count).
        ceiling, chunk: the server's limits of a rate, and of what one step releases.
        until: the run ends here.
        ended_things: things that are through; they are not numbered.
        held: what holds the job; the run is as if it were let go on at its beginning.
    """

    job: machine.Job
    now: int
    to_come: int
    timeout_minutes: int | None = None
    present: Sequence[Present] = ()
    waiting: Sequence[tuple[int, int]] = ()
    counts: Mapping[ExecutionStatus, int] = machine.Facts().counts
    recent: Sequence[tuple[int, int]] = ()
    ceiling: int = rollout.DEFAULT_PER_MINUTE
    chunk: int = rollout.DEFAULT_PER_MINUTE
    until: int = 0
    ended_things: int = 0
    held: str = ""

    @property
    def things(self) -> int:
        """How many things the run is about."""
        return len(self.present) + len(self.waiting) + self.to_come

    @property
    def total(self) -> int:
        """How many things the job is about, those that are through among them."""
        return self.things + self.ended_things


def of_new_job(plan: machine.Plan, now: int, things: int, **members: Any) -> Start:
    """A job that is created now; ``members`` are of ``Start``."""
    closed = plan.timetable(now).at(now).phase == Phase.CLOSED
    status = JobStatus.SCHEDULED if closed else JobStatus.IN_PROGRESS
    job = machine.Job(plan, now, status, Stage.ROLLOUT, now)
    return Start(job, now, things, **{"until": now + 2 * YEAR, **members})


class Run(NamedTuple):
    """What came of a run.

    ``thing`` to ``status`` are columns with a row for each execution, of no particular order; an instant that never
    came is -1. ``releases`` are (instant, count). ``aborted_at`` and ``completed_at`` are None if it did not come to
    that; ``cut`` says that the run was ended before the job came to rest.
    """

    start: Start
    job: machine.Job
    releases: list[tuple[int, int]]
    aborted_at: int | None
    completed_at: int | None
    cut: bool
    thing: Any
    attempt: Any
    queued_at: Any
    started_at: Any
    ended_at: Any
    status: Any
