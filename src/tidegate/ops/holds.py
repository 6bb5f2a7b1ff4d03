"""Holding jobs and letting them go on: what AWS has no operation for, under the permissions ``tidegate:…``.

What a hold does, ``core.job.holding`` says. It is kept with the job and ends with it; DescribeJob tells of it in
``reasonCode`` and ``comment``, which are those that were there before as soon as the hold is over.
"""

from __future__ import annotations

from tidegate.core import job as machine
from tidegate.core import texts
from tidegate.core.job import Hold, HoldKind
from tidegate.core.lifecycle import JobStatus
from tidegate.core.timetable import Phase
from tidegate.ops import job_state, sweeps, transitions
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Report
from tidegate.store import jobs
from tidegate.store.database import Tx
from tidegate.store.jobs import Job
from tidegate.wire import iot
from tidegate.wire.shapes import SparseShape

COMMAND = "command"
"""The edge of commands: nobody hears the effects of their works, so what follows is left to a server's engine."""


class PauseJobRequest(SparseShape):
    """``comment`` is shown instead of the job's own while it is held."""

    __required__ = ("job_id",)
    job_id: str
    comment: str | None = None


class ResumeJobRequest(SparseShape):
    """Which job is to go on."""

    __required__ = ("job_id",)
    job_id: str


class HeldJob(SparseShape):
    """How a job stands after it was held or let go on. ``since`` is epoch ms."""

    job_id: str
    status: str
    hold: str | None = None
    since: int | None = None
    by: str | None = None
    comment: str | None = None


def pause_job(tx: Tx, call: Call, request: PauseJobRequest) -> HeldJob:
    """Hold a job: nothing of it is queued or started until it is resumed.

    Raises:
        ResourceNotFoundException: there is no such job.
        InvalidStateTransitionException: it has ended, or is held already.
    """
    row = locked(tx, call, request.job_id)
    job = job_state.of(row)
    if not machine.may_pause(job):
        held = None if job.hold is None else job.hold.kind
        told = texts.holds.not_pausable(row.name, row.status, held, ended=job.ended)
        raise iot.InvalidStateTransitionException(told)
    hold = Hold(HoldKind.PAUSED, call.now, call.principal, request.comment)
    return follow(tx, call, transitions.advance(tx, call.now, row, machine.Pause(hold)))


def resume_job(tx: Tx, call: Call, request: ResumeJobRequest) -> HeldJob:
    """Let a job go on that was paused, by somebody or by an abort criterion.

    Raises:
        ResourceNotFoundException: there is no such job.
        InvalidStateTransitionException: it is not held, or waits for an approval.
        LimitExceededException: it would begin now, and as many jobs run at once as may.
    """
    row = locked(tx, call, request.job_id)
    hold = job_state.held(row).hold
    if hold is None:
        raise iot.InvalidStateTransitionException(texts.holds.not_held(row.name))
    if hold.kind is HoldKind.APPROVAL:
        raise iot.InvalidStateTransitionException(texts.holds.needs_approval(row.name))
    return let_go_on(tx, call, row)


def let_go_on(tx: Tx, call: Call, row: Job) -> HeldJob:
    """End a hold. Raises LimitExceededException: the job would begin now, and as many run at once as may."""
    begins = row.rollout_started_at is None and job_state.of(row).moment(call.now).phase is Phase.OPEN
    if begins and jobs.count_concurrent(tx, call.scope) >= call.limits.concurrent_jobs:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("concurrent jobs", call.limits.concurrent_jobs))
    return follow(tx, call, transitions.advance(tx, call.now, row, machine.Resume(jobs.counts(tx, row.id))))


def locked(tx: Tx, call: Call, job_id: str) -> Job:
    """A job of the caller's scope, held by this transaction. Raises ResourceNotFoundException."""
    found = jobs.get(tx, call.scope, job_id)
    row = None if found is None else jobs.lock(tx, found.id)
    if row is None or row.status is JobStatus.DELETION_IN_PROGRESS:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(job_id))
    return row


def follow(tx: Tx, call: Call, row: Job) -> HeldJob:
    """Have a job do at once what its hold, or the end of it, means; a server's engine does where a command asked."""
    if call.origin.edge != COMMAND:
        sweeps.look(tx, row, call.now, call.limits, call.partition)
        row = jobs.peek(tx, row.id) or row
    return told(row)


def told(row: Job) -> HeldJob:
    """How a job stands, for whoever asks."""
    hold = job_state.held(row).hold
    if hold is None:
        return HeldJob(job_id=row.name, status=row.status)
    return HeldJob(
        job_id=row.name,
        status=row.status,
        hold=hold.kind,
        since=hold.since,
        by=hold.by or None,
        comment=hold.comment,
    )


HANDLERS: Handlers = {
    ("tidegate", "PauseJob"): Report(pause_job),
    ("tidegate", "ResumeJob"): Report(resume_job),
}
REQUESTS: dict[str, type[SparseShape]] = {"PauseJob": PauseJobRequest, "ResumeJob": ResumeJobRequest}
