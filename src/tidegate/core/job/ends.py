"""What a job does about one of its executions: abort, else retry, else complete (control reference 10, 11, 7, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tidegate.core import abort, retry, texts
from tidegate.core.job import completing, taking
from tidegate.core.job.acts import Queue, Record, Renew, Settle, Step
from tidegate.core.job.events import Ended, Joined, Judged, Settled
from tidegate.core.job.state import Job, Plan
from tidegate.core.lifecycle import JOB_MOVES, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.timetable import Phase

Counts = Mapping[ExecutionStatus, int]


class Asks(NamedTuple):
    """What must be known of a job after an end. If nothing, nobody has to hold the job: there is only ``Settle``.

    ``counts``: its executions by status; ``retry``: the job itself and whether the thing is still a target.
    """

    counts: bool
    retry: bool

    @property
    def nothing(self) -> bool:
        """Whether the end is followed by nothing but, perhaps, the job's completion."""
        return not (self.counts or self.retry)


_NOTHING = Asks(counts=False, retry=False)


def asks(plan: Plan, event: Ended) -> Asks:
    """What must be known to decide what follows from an end."""
    if not plan.abort and not plan.retries:
        return _NOTHING
    again = retry.decide(plan.retries, event.cause, _used(event), job_active=True)
    return Asks(counts=bool(plan.abort) and event.cause in abort.EXECUTED, retry=again != retry.Retry.NEVER)


def ended(job: Job, event: Ended, now: int) -> Step:
    """Abort before retry before completion: an aborted job tries nothing again."""
    aborted = None if event.counts is None else _aborted(job, event.counts, now)
    if aborted is not None:
        return aborted
    phase = job.moment(now).phase
    when = retry.decide(
        job.plan.retries,
        event.cause,
        _used(event),
        job_active=job.status in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED),
        ended=phase == Phase.OVER,
        window_open=phase == Phase.OPEN and job.status == JobStatus.IN_PROGRESS,
    )
    # A thing that left a continuous job's targets is not tried again (control reference 13).
    if when == retry.Retry.NEVER or (job.plan.continuous and not event.member):
        return Step(job, (Settle(),))
    failed = event.after_failed + (event.cause == ExecutionStatus.FAILED)
    return Step(job, (Queue(when, event.attempt + 1, failed),))


def _used(event: Ended) -> retry.Used:
    return {
        ExecutionStatus.FAILED: event.after_failed,
        ExecutionStatus.TIMED_OUT: event.attempt - event.after_failed,
    }


def settled(job: Job, event: Settled, now: int) -> Step:
    """The last execution of a job that is rolled out completes it."""
    if job.stage == Stage.NONE and completing.is_done(job, event.facts.active, event.facts.waiting):
        return completing.complete(job, (), now)
    return Step(job)


def judged(job: Job, event: Judged, now: int) -> Step:
    """New abort criteria are judged at once (control reference 14.2)."""
    return _aborted(job, event.counts, now) or Step(job)


def _aborted(job: Job, counts: Counts, now: int) -> Step | None:
    """Abort a job if its criteria are met (control reference 10): no more retries, QUEUED executions are canceled."""
    if (job.status, JobAct.CANCEL) not in JOB_MOVES:
        return None
    how = abort.Counts(
        succeeded=counts.get(ExecutionStatus.SUCCEEDED, 0),
        failed=counts.get(ExecutionStatus.FAILED, 0),
        rejected=counts.get(ExecutionStatus.REJECTED, 0),
        timed_out=counts.get(ExecutionStatus.TIMED_OUT, 0),
    )
    met = abort.decide(job.plan.abort, how)
    if met is None:
        return None
    comment = texts.jobs.aborted(met.failure_type, abort.percentage(met, how), met.threshold_percentage)
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
    if phase == Phase.OPEN and job.status == JobStatus.IN_PROGRESS:
        return Step(job, (Queue(retry.Retry.NOW),))
    return Step(job) if phase == Phase.OVER else Step(job, (Queue(retry.Retry.AT_NEXT_WINDOW),))
