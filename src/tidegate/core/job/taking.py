"""What takes a job's executions away: its cancellation, its end, its deletion (control reference 8.2, 14.3, 14.5)."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.core import schedule
from tidegate.core.events import JobOperation
from tidegate.core.job import completing
from tidegate.core.job.acts import Act, Drop, Erase, ForgetWaiting, Reason, Record, Step, TakeAway, Tell, Wait
from tidegate.core.job.events import Cancel, Delete, Erased, TookAway
from tidegate.core.job.state import RETENTION, Facts, Job
from tidegate.core.lifecycle import JOB_MOVES, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.lifecycle import Act as ExecutionAct

_CANCEL = dict.fromkeys((ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS), ExecutionAct.CANCEL)
_FORCE_CANCEL = dict.fromkeys(_CANCEL, ExecutionAct.FORCE_CANCEL)
_AT_END = {
    behavior: {status: act for (of, status), act in schedule.END_ACTS.items() if of == behavior}
    for behavior in schedule.EndBehavior
}


def may_cancel(job: Job, *, force: bool) -> bool:
    """Whether a job can be canceled; one that is canceled already once more with force, for what still runs."""
    again = job.status == JobStatus.CANCELED and force and not job.force_canceled
    return (job.status, JobAct.CANCEL) in JOB_MOVES or again


def cancel(job: Job, event: Cancel, now: int) -> Step:
    """CANCELED at once; its executions follow (control reference 14.3)."""
    return canceled(job, now, force=event.force, reason_code=event.reason_code, comment=event.comment)


def canceled(job: Job, now: int, *, force: bool, reason_code: str | None, comment: str | None) -> Step:
    """The same for whoever cancels."""
    job = job._replace(
        status=JobStatus.CANCELED,
        stage=Stage.CANCEL,
        updated_at=now,
        reason_code=reason_code,
        comment=comment,
        force_canceled=force,
        hold=None,
    )
    acts = (ForgetWaiting(), Tell(JobOperation.CANCELLATION_IN_PROGRESS))
    return Step(job, acts, Wait(Reason.BATCH, now))


def may_delete(job: Job, *, force: bool) -> bool:
    """Whether a job can be deleted; one that is active only with force."""
    return (job.status, _deletion(force=force)) in JOB_MOVES


def delete(job: Job, event: Delete, now: int) -> Step:
    """DELETION_IN_PROGRESS at once; its executions go, then the job (control reference 14.5)."""
    status = JOB_MOVES[job.status, _deletion(force=event.force)]
    job = job._replace(status=status, stage=Stage.DELETE, updated_at=now, hold=None)
    return Step(job, (Tell(JobOperation.DELETION_IN_PROGRESS),), Wait(Reason.BATCH, now))


def _deletion(*, force: bool) -> JobAct:
    return JobAct.FORCE_DELETE if force else JobAct.DELETE


def at_end(job: Job) -> Mapping[ExecutionStatus, ExecutionAct]:
    """What endTime does to executions; an execution whose status is no key goes on.

    What is QUEUED of a job that is held never goes on by itself.
    """
    acts = _AT_END[job.plan.end_behavior]
    return acts or _AT_END[schedule.EndBehavior.CANCEL] if job.hold is not None else acts


def end(job: Job, acts: tuple[Act, ...], facts: Facts, now: int) -> Step:
    """A job ends: nothing waits any more, then what endBehavior cancels is canceled.

    The first batch goes with it: after a downtime, timeouts that came due later than the end are next.
    """
    ending = job._replace(ended=True, stage=Stage.END, updated_at=now)
    begun = (ForgetWaiting(), *acts, Record("EndJob", "its endTime has come"))
    after = go_on(ending, facts, now)
    return Step(after.job, (*begun, *after.acts), after.wait or Wait(Reason.BATCH, now))


def go_on(job: Job, facts: Facts, now: int) -> Step:
    """The next batch of what was begun."""
    if job.stage == Stage.DELETE:
        return Step(job, (Erase(),))
    if job.stage == Stage.CANCEL:
        return Step(job, (TakeAway(_FORCE_CANCEL if job.force_canceled else _CANCEL),))
    if at_end(job):
        return Step(job, (TakeAway(at_end(job)),))
    return _has_ended(job, facts, now)


def took_away(job: Job, event: TookAway, now: int) -> Step:
    """A batch of a cancellation or of an end is done."""
    if not event.finished:
        return Step(job, (), Wait(Reason.BATCH, now))
    if job.stage == Stage.CANCEL:
        job = job._replace(stage=Stage.NONE)
        return Step(job, (Tell(JobOperation.CANCELED),), Wait(Reason.KEPT, job.updated_at + RETENTION))
    return _has_ended(job, event.facts, now)


def _has_ended(job: Job, facts: Facts, now: int) -> Step:
    """The job is left to complete with its last execution."""
    job = job._replace(stage=Stage.NONE, hold=None)
    return completing.complete_or_wait(job, (), active=facts.active, waiting=facts.waiting, until=None, now=now)


def erased(job: Job, event: Erased, now: int) -> Step:
    """A batch of a deletion is done; with the last of them the job goes."""
    return Step(job, (Drop(),)) if event.finished else Step(job, (), Wait(Reason.BATCH, now))


def retire(job: Job, now: int) -> Step:
    """A job that ended long ago is purged (control reference 14.6)."""
    retires_at = job.updated_at + RETENTION
    if now < retires_at:
        return Step(job, (), Wait(Reason.KEPT, retires_at))
    why = Record("DeleteJob", "it ended long ago")
    return Step(job._replace(stage=Stage.DELETE), (why,), Wait(Reason.BATCH, now))


def succeeded(facts: Facts) -> int:
    """How many executions are SUCCEEDED."""
    return facts.counts.get(ExecutionStatus.SUCCEEDED, 0)
