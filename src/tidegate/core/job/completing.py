"""When a job is complete (control reference 7)."""

from __future__ import annotations

from tidegate.core.events import JobOperation
from tidegate.core.job.acts import Act, Reason, Step, Tell, Wait
from tidegate.core.job.state import RETENTION, Job
from tidegate.core.lifecycle import JOB_MOVES, JobAct, Stage


def is_done(job: Job, active: int, waiting: int) -> bool:
    """True if a job that is rolled out has nothing left to do, now or later."""
    if (job.status, JobAct.COMPLETE) not in JOB_MOVES or (job.plan.continuous and not job.ended):
        return False
    return not active and not waiting


def complete(job: Job, acts: tuple[Act, ...], now: int) -> Step:
    """Complete a job that is done; it is purged when its time in the archive is over."""
    status = JOB_MOVES[job.status, JobAct.COMPLETE]
    done = job._replace(status=status, stage=Stage.NONE, updated_at=now, completed_at=now, hold=None)
    return Step(done, (*acts, Tell(JobOperation.COMPLETED)), Wait(Reason.KEPT, now + RETENTION))


def complete_or_wait(
    job: Job, acts: tuple[Act, ...], *, active: int, waiting: int, until: int | None, now: int
) -> Step:
    """Complete a job that is rolled out, or say what keeps it; its timetable wants a look at ``until``."""
    if is_done(job, active, waiting):
        return complete(job, acts, now)
    follows = job.plan.continuous and not job.ended and not active
    return Step(job, acts, Wait(Reason.GROUPS if follows else Reason.EXECUTIONS, until))
