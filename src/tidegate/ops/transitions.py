"""How executions begin and move on: the row, the counters, the notices, and what a job does when one of them has ended.

Every path that queues or ends an execution goes through here, so that counters always equal the rows, abort criteria
are judged at each end, and a retry is queued in the transaction that ended the attempt before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from tidegate.core import abort, pending, retry, texts
from tidegate.core.events import JobOperation
from tidegate.core.lifecycle import ACTIVE, JOB_MOVES, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.timers import Timers
from tidegate.core.timetable import Phase
from tidegate.ops import audit, configuration, events
from tidegate.ops.effects import EngineDue, PendingChanged
from tidegate.store import events as stored_events
from tidegate.store import executions, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import NO_TIMERS, Pending, Waiting
from tidegate.store.jobs import Job

_NEAR_THE_END = 256
"""With at most this many executions left, whoever ends one looks at the whole job.

More writers than that never meet.
"""
_RUNNING = JobStatus.IN_PROGRESS
_TAKING_AWAY = frozenset({JobStatus.CANCELED, JobStatus.DELETION_IN_PROGRESS})


class Move(NamedTuple):
    """What an execution becomes."""

    status: ExecutionStatus
    started_at: int | None
    timers: Timers = NO_TIMERS
    forced: bool | None = None


def visible(found: Iterable[Pending], namespace: str | None = None, *, of_job: int | None = None) -> list[Pending]:
    """What a device sees of its executions, in order (device reference 3.9).

    QUEUED ones only of jobs IN_PROGRESS, and none of a job that is being deleted. ``of_job`` names a job whose
    executions count as seen all the same: those an ending job is taking away just now.
    """
    seen = [
        one
        for one in found
        if one.namespace == namespace and (one.job_status is _RUNNING or one.job_id == of_job or _is_shown(one))
    ]
    if len(seen) > 1:
        seen.sort(key=lambda one: (-one.status, one.queued_at, one.job_id, one.number))
    return seen


def _is_shown(one: Pending) -> bool:
    if one.status == ExecutionStatus.IN_PROGRESS:
        return one.job_status != JobStatus.DELETION_IN_PROGRESS
    return one.job_status is _RUNNING


def _is_taken_away(one: Pending) -> bool:
    """True for what a canceled or deleted job leaves in its things' lists until the engine has come to it."""
    return one.job_status in _TAKING_AWAY


def move(tx: Tx, now: int, found: list[Pending], one: Pending, to: Move) -> Pending:
    """Move an execution on, with all that follows from it.

    Args:
        tx: where to write.
        now: epoch ms.
        found: every QUEUED or IN_PROGRESS execution of its thing.
        one: which of them.
        to: what it becomes.

    Returns:
        The execution as it is now.
    """
    key = (one.thing_id, one.job_id, one.number)
    executions.move(
        tx, key, one.version, to.status, started_at=to.started_at, now=now, forced=to.forced, timers=to.timers
    )
    jobs.count_move(tx, one.job_id, one.status, to.status)
    moved = one.moved(to.status, to.started_at, now, to.timers)
    after = [moved if other is one else other for other in found]
    if to.status not in ACTIVE:
        after.remove(moved)
        after += _after_the_end(tx, now, moved)
    taken = one.job_id if to.status not in ACTIVE and _is_taken_away(one) else None
    announce(tx, one, visible(found, one.namespace, of_job=taken), visible(after, one.namespace))
    return moved


def announce(tx: Tx, one: Pending, before: list[Pending], after: list[Pending]) -> None:
    """Have a thing's devices told what changed in its list, if anything did."""
    change = pending.change([each.identity() for each in before], [each.identity() for each in after])
    if change != pending.UNCHANGED:
        tx.effects.append(PendingChanged(one.thing_id, change, one.namespace))


def withdraw(tx: Tx, thing_id: int, job_id: int, number: int) -> None:
    """Have a thing's devices told that an execution is about to leave their list for good.

    Call it before the change.
    """
    found = executions.pending_by_id(tx, thing_id)
    one = next((each for each in found if (each.job_id, each.number) == (job_id, number)), None)
    if one is not None:
        before = visible(found, one.namespace, of_job=job_id if _is_taken_away(one) else None)
        announce(tx, one, before, [each for each in before if each is not one])


def queue(tx: Tx, now: int, job: Job, waiting: Waiting) -> Pending | None:
    """Queue an execution for a thing outside the rollout: a retry, or the first of a thing that joined late.

    None if one is active already: there are never two of one job on one thing. It counts as queued in a later second
    than the one before it, or agents that know the job would pass it over (device reference 5.4).
    """
    latest = executions.get(tx, waiting.thing_id, job.id)
    if latest is not None and latest.status in ACTIVE:
        return None
    number = max(latest.number if latest else 0, executions.last_deleted(tx, waiting.thing_id, job.id)) + 1
    queued_at = retry.queued_at(latest.queued_at, now) if latest else now
    key = (waiting.thing_id, job.id, number)
    executions.queue(tx, key, queued_at=queued_at, attempt=waiting.attempt, after_failed=waiting.after_failed)
    jobs.count_add(tx, job.id, {ExecutionStatus.QUEUED: 1})
    found = executions.pending_by_id(tx, waiting.thing_id)
    return next(each for each in found if (each.job_id, each.number) == (job.id, number))


def queue_and_announce(tx: Tx, now: int, job: Job, waiting: Waiting) -> None:
    """The same, for callers that do not tell the devices themselves."""
    queued = queue(tx, now, job, waiting)
    if queued is not None:
        after = visible(executions.pending_by_id(tx, waiting.thing_id), queued.namespace)
        announce(tx, queued, [each for each in after if each != queued], after)


def _after_the_end(tx: Tx, now: int, ended: Pending) -> list[Pending]:
    """What a job does about an execution that has just ended: abort, retry or complete. The retry, if there is one."""
    if stored_events.wants_executions_of(tx, ended.job_id):
        _tell_of_the_end(tx, now, ended)
    configured = configuration.decode(ended.config)
    if configured.abort_config and ended.status in abort.EXECUTED and judge(tx, now, ended.job_id):
        return []
    queued = _retry(tx, now, configured, ended)
    if not queued:
        # Once for all that end together: the last of them decides.
        tx.gather(("finish", ended.job_id), lambda: now, partial(_finish, ended.job_id))
    return queued


def _tell_of_the_end(tx: Tx, now: int, ended: Pending) -> None:
    job = jobs.peek(tx, ended.job_id)
    if job is not None:
        events.execution_ended(tx, now, job, (ended.thing_id, ended.job_id, ended.number), ended.status)


def judge(tx: Tx, now: int, job_id: int) -> bool:
    """Abort a job if its criteria are met (control reference 10): no more retries, QUEUED executions are canceled.

    The job's row is held while its counters are read: two devices that fail at once must not overlook each other.
    """
    job = jobs.lock(tx, job_id)
    if job is None or (job.status, JobAct.CANCEL) not in JOB_MOVES:
        return False
    criteria = configuration.abort_criteria(configuration.decode(job.config))
    counts = jobs.counts(tx, job_id)
    ends = abort.Counts(
        succeeded=counts[ExecutionStatus.SUCCEEDED],
        failed=counts[ExecutionStatus.FAILED],
        rejected=counts[ExecutionStatus.REJECTED],
        timed_out=counts[ExecutionStatus.TIMED_OUT],
    )
    met = abort.decide(criteria, ends)
    if met is None:
        return False
    comment = texts.jobs.aborted(met.failure_type, abort.percentage(met, ends), met.threshold_percentage)
    cancel(tx, now, job, reason_code=texts.jobs.ABORT_REASON, comment=comment, force=False)
    audit.by_engine(tx, job.scope, now, "AbortJob", job.name, comment)
    return True


def cancel(tx: Tx, now: int, job: Job, *, reason_code: str | None, comment: str | None, force: bool) -> Job:
    """Mark a job that is held as CANCELED; the engine cancels its executions."""
    executions.stop_all_waiting(tx, job.id)
    canceled = job._replace(
        status=JobStatus.CANCELED,
        stage=Stage.CANCEL,
        stage_cursor=None,
        updated_at=now,
        reason_code=reason_code,
        comment=comment,
        force_canceled=int(force),
    )
    jobs.put(tx, canceled, wake_at=now)
    events.job_happened(tx, now, canceled, JobOperation.CANCELLATION_IN_PROGRESS)
    tx.effects.append(EngineDue(now))
    return canceled


def _retry(tx: Tx, now: int, configured: configuration.Configuration, ended: Pending) -> list[Pending]:
    """Try an execution again if its job has retries left for it (control reference 11).

    That is decided with the job's row held: a job that is canceled at this moment must not be left with a retry. Ends
    that no job would try again hold nothing.
    """
    if _decide_retry(configured, ended, job_active=True, over=False, window_open=True) == retry.Retry.NEVER:
        return []
    job = jobs.lock(tx, ended.job_id)
    if job is None:
        return []
    configured = configuration.decode(job.config)
    phase = configuration.timetable(configured, job.created_at).at(now).phase
    what = _decide_retry(
        configured,
        ended,
        job_active=job.status in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED),
        over=bool(job.ended) or phase == Phase.OVER,
        window_open=phase == Phase.OPEN and job.status == JobStatus.IN_PROGRESS,
    )
    if what == retry.Retry.NEVER or not _still_wanted(tx, job, ended):
        return []
    failed = (ended.after_failed or 0) + (ended.status == ExecutionStatus.FAILED)
    waiting = Waiting(ended.thing_id, ended.attempt + 1, failed or None)
    if what == retry.Retry.AT_NEXT_WINDOW:
        executions.await_window(tx, job.id, waiting)
        return []
    queued = queue(tx, now, job, waiting)
    return [queued] if queued else []


def _decide_retry(
    configured: configuration.Configuration, ended: Pending, *, job_active: bool, over: bool, window_open: bool
) -> retry.Retry:
    criteria = configuration.retry_criteria(configured)
    if not criteria:
        return retry.Retry.NEVER
    after_failed = ended.after_failed or 0
    used = {ExecutionStatus.FAILED: after_failed, ExecutionStatus.TIMED_OUT: ended.attempt - after_failed}
    return retry.decide(criteria, ended.status, used, job_active=job_active, ended=over, window_open=window_open)


def _still_wanted(tx: Tx, job: Job, ended: Pending) -> bool:
    """A thing that left a continuous job's targets is not tried again (control reference 13)."""
    return job.target_selection == "SNAPSHOT" or jobs.covers(tx, job.id, ended.thing_id)


def _finish(job_id: int, tx: Tx, now: int) -> None:
    finish(tx, job_id, now)


def finish(tx: Tx, job_id: int, now: int) -> None:
    """Complete a job whose last execution has just ended (control reference 7).

    Near the end the job's row is locked and counted again, because on PostgreSQL two devices may end the last two at
    once and neither sees the other before it commits.
    """
    if _active(tx, job_id) > _NEAR_THE_END:
        return
    job = jobs.lock(tx, job_id)
    if job is not None and job.stage == Stage.NONE and is_done(tx, job):
        complete(tx, job, now)


def is_done(tx: Tx, job: Job) -> bool:
    """True if a job that is held and rolled out has nothing left to do, now or later."""
    if (job.status, JobAct.COMPLETE) not in JOB_MOVES or (job.target_selection == "CONTINUOUS" and not job.ended):
        return False
    return not _active(tx, job.id) and not executions.waiting(tx, job.id, 1)


def complete(tx: Tx, job: Job, now: int) -> None:
    """Complete a job that is done; it is purged when its time in the archive is over."""
    done = job._replace(
        status=JOB_MOVES[job.status, JobAct.COMPLETE],
        stage=Stage.NONE,
        stage_cursor=None,
        updated_at=now,
        completed_at=now,
    )
    jobs.put(tx, done, wake_at=now + configuration.RETENTION)
    events.job_happened(tx, now, done, JobOperation.COMPLETED)
    tx.effects.append(EngineDue(now + configuration.RETENTION))


def wake(tx: Tx, job_id: int, now: int) -> None:
    """Have the engine look at a job at once."""
    jobs.hasten(tx, job_id, now)
    tx.effects.append(EngineDue(now))


def _active(tx: Tx, job_id: int) -> int:
    counts = jobs.counts(tx, job_id)
    return sum(counts[status] for status in ACTIVE)
