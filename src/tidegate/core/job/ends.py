"""What a job does about one of its executions: abort, else retry, else complete (control reference 10, 11, 7, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tidegate.core import abort, retry, texts
from tidegate.core.job import completing, holding, taking
from tidegate.core.job.acts import Queue, Record, Renew, Settle, Step
from tidegate.core.job.events import Ended, Joined, Judged, Settled
from tidegate.core.job.state import Hold, HoldKind, Job, Plan
from tidegate.core.lifecycle import JOB_MOVES, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.timetable import Phase

Counts = Mapping[ExecutionStatus, int]


class Asks(NamedTuple):
    """What must be known of a job after an end, with the job held.

    ``counts``: its executions by status; ``retry``: whether the thing is still a target.
    """

    counts: bool
    retry: bool


def asks(plan: Plan, cause: ExecutionStatus, attempt: int, after_failed: int) -> Asks | None:
    """What must be known to decide what follows from an end, told as in ``Ended``.

    None if nobody has to hold the job, because nothing follows but, perhaps, its completion.
    """
    counts = bool(plan.abort) and cause in abort.EXECUTED
    again = False
    if plan.retries and cause in retry.RETRYABLE:
        again = _decide(plan, cause, attempt, after_failed) != retry.Retry.NEVER
    return Asks(counts, again) if counts or again else None


def ended(job: Job, event: Ended, now: int) -> Step:
    """Abort before retry before completion: an aborted job tries nothing again."""
    met = None if event.counts is None else _met(job, event.counts, now)
    if met is not None and met.job.hold is None:
        return met
    if met is None:
        return Step(job, (_follows(job, event, now),))
    return met._replace(acts=(*met.acts, _follows(met.job, event, now)))  # a retry waits for whoever lets it go on


def _follows(job: Job, event: Ended, now: int) -> Queue | Settle:
    # A thing that left a continuous job's targets is not tried again (control reference 13).
    if event.cause not in retry.RETRYABLE or (job.plan.continuous and not event.member):
        return Settle()
    phase = job.moment(now).phase
    when = _decide(
        job.plan,
        event.cause,
        event.attempt,
        event.after_failed,
        job_active=job.status in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED),
        ended=phase == Phase.OVER,
        window_open=phase == Phase.OPEN and _runs(job),
    )
    if when == retry.Retry.NEVER:
        return Settle()
    failed = event.after_failed + (event.cause == ExecutionStatus.FAILED)
    return Queue(when, event.attempt + 1, failed)


def _runs(job: Job) -> bool:
    return job.status == JobStatus.IN_PROGRESS and job.hold is None


def _decide(
    plan: Plan,
    cause: ExecutionStatus,
    attempt: int,
    after_failed: int,
    *,
    job_active: bool = True,
    ended: bool = False,
    window_open: bool = True,
) -> retry.Retry:
    used = {ExecutionStatus.FAILED: after_failed, ExecutionStatus.TIMED_OUT: attempt - after_failed}
    return retry.decide(plan.retries, cause, used, job_active=job_active, ended=ended, window_open=window_open)


def may_settle(job: Job) -> bool:
    """Whether the end of its last execution would complete a job as it stands (``Settled``)."""
    return job.stage == Stage.NONE and completing.is_done(job, active=0, waiting=0)


def settled(job: Job, event: Settled, now: int) -> Step:
    """The last execution of a job that is rolled out completes it."""
    if job.stage == Stage.NONE and completing.is_done(job, event.facts.active, event.facts.waiting):
        return completing.complete(job, (), now)
    return Step(job)


def judged(job: Job, event: Judged, now: int) -> Step:
    """New abort criteria are judged at once (control reference 14.2)."""
    return _met(job, event.counts, now) or Step(job)


def _met(job: Job, counts: Counts, now: int) -> Step | None:
    """Abort a job if its criteria are met (control reference 10): no more retries, QUEUED executions are canceled.

    One that ``pauses`` is held instead, if nothing holds it yet and it has not ended.
    """
    pauses = job.plan.pauses and not job.ended
    if (job.status, JobAct.CANCEL) not in JOB_MOVES or (pauses and not holding.may_pause(job)):
        return None
    how = abort.counts(counts).since(job.forgiven)
    met = abort.decide(job.plan.abort, how)
    if met is None:
        return None
    comment = texts.jobs.aborted(met.failure_type, abort.percentage(met, how), met.threshold_percentage)
    if pauses:
        held = holding.held(job._replace(hold=Hold(HoldKind.CRITERION, now, comment=comment), updated_at=now), now)
        return held._replace(acts=(*held.acts, Record("PauseJob", comment)))
    canceled = taking.canceled(job, now, force=False, reason_code=texts.jobs.ABORT_REASON, comment=comment)
    return canceled._replace(acts=(*canceled.acts, Record("AbortJob", comment)))


def joined(job: Job, event: Joined, now: int) -> Step:
    """A thing became a target of a continuous job: it does not wait for the rate (control reference 13)."""
    if job.ended or job.began_at is None:
        return Step(job)  # the rollout has not begun: the thing is in time for it
    phase = job.moment(now).phase
    if event.active:
        # It runs on as the execution of this membership, with all its retries (control reference 11).
        return Step(job, (Renew(),))
    if phase == Phase.OPEN and _runs(job):
        return Step(job, (Queue(retry.Retry.NOW),))
    return Step(job) if phase == Phase.OVER else Step(job, (Queue(retry.Retry.AT_NEXT_WINDOW),))
