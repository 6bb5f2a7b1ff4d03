"""How executions begin and move on: the row, the counters, the notices, and what a job does when one of them has ended.

Every path that queues or ends an execution goes through here, so that counters always equal the rows, abort criteria
are judged at each end, and a retry is queued in the transaction that ended the attempt before it. What a job does about
an end, ``core.job`` says; here it is read, asked and carried out.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from tidegate.core import job as machine
from tidegate.core import retry
from tidegate.core.lifecycle import ACTIVE, ExecutionStatus, JobStatus
from tidegate.core.pending import UNCHANGED, PendingList
from tidegate.core.timers import Timers
from tidegate.ops import audit, configuration, events, job_state
from tidegate.ops.effects import EngineDue, JobShown, PendingChanged
from tidegate.store import events as stored_events
from tidegate.store import executions, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import NO_TIMERS, Pending, Waiting
from tidegate.store.jobs import Job

_NEAR_THE_END = 256
"""With at most this many executions left, whoever ends one looks at the whole job.

More writers than that, who end one each, never meet.
"""
_AT_ONCE = 32
"""Transactions that end many at once: on PostgreSQL four sets of devices' reports a server, and its engine.

Whoever has ended some looks at the job, too, if so many others that end no more each could end what is left.
"""


class Move(NamedTuple):
    """What an execution becomes."""

    status: ExecutionStatus
    started_at: int | None
    timers: Timers = NO_TIMERS
    forced: bool | None = None


def move(tx: Tx, now: int, found: PendingList[Pending], one: Pending, to: Move) -> Pending:
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
    if to.status in ACTIVE:
        if to.status is not one.status:
            before = found.visible(one.namespace)
            if before.head is not one or to.status is not ExecutionStatus.IN_PROGRESS:  # else it stays where it is
                announce(tx, one, before, found.changed(one, moved).visible(one.namespace))
    else:
        retried = _after_the_end(tx, now, moved)
        before = found.visible(one.namespace, ending=one)
        alone = not retried and one.job_status is JobStatus.IN_PROGRESS  # nothing else comes, or goes unseen
        after = before.without(one) if alone else found.without(one).joined(retried).visible(one.namespace)
        announce(tx, one, before, after)
    return moved


def announce(tx: Tx, one: Pending, before: PendingList[Pending], after: PendingList[Pending]) -> None:
    """Have a thing's devices told what changed in its list, if anything did."""
    change = before.change_to(after)
    if change != UNCHANGED:
        tx.effects.append(PendingChanged(one.thing_id, change, one.namespace))


def withdraw(tx: Tx, thing_id: int, job_id: int, number: int) -> None:
    """Have a thing's devices told that an execution is about to leave their list for good.

    Call it before the change.
    """
    found = executions.pending_by_id(tx, thing_id)
    one = found.named(job_id, number)
    if one is not None:
        before = found.visible(one.namespace, ending=one)
        announce(tx, one, before, before.without(one))


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
    return executions.pending_by_id(tx, waiting.thing_id).named(job.id, number)


def queue_and_announce(tx: Tx, now: int, job: Job, waiting: Waiting) -> None:
    """The same, for callers that do not tell the devices themselves."""
    queued = queue(tx, now, job, waiting)
    if queued is not None:
        announce_new(tx, queued)


def announce_new(tx: Tx, queued: Pending) -> None:
    """Have a thing's devices told of an execution that was just queued."""
    after = executions.pending_by_id(tx, queued.thing_id).visible(queued.namespace)
    announce(tx, queued, PendingList([each for each in after if each != queued]), after)


def _after_the_end(tx: Tx, now: int, ended: Pending) -> list[Pending]:
    """Carry out what a job does about an execution that has just ended. The retry, if there is one.

    The job's row is held while that is decided: two devices that fail at once must not overlook each other, and a job
    that is canceled at this moment must not be left with a retry. Ends that need no decision hold nothing.
    """
    if stored_events.wants_executions_of(tx, ended.job_id):
        _tell_of_the_end(tx, now, ended)
    asked = machine.asks_at_end(configuration.plan(ended.config), ended.status, ended.attempt, ended.after_failed or 0)
    row = jobs.lock_last(tx, ended.job_id) if asked else None
    if asked is None or row is None:
        _settle_later(tx, now, ended.job_id)
        return []
    state = job_state.of(row)
    member = not (asked.retry and state.plan.continuous) or jobs.covers(tx, row.id, ended.thing_id)
    counts = jobs.counts(tx, row.id) if asked.counts else None
    event = machine.Ended(ended.status, ended.attempt, ended.after_failed or 0, member, counts)
    step = machine.step(state, event, now)
    row = keep(tx, now, row, step)
    queued: list[Pending] = []
    for act in step.acts:
        if isinstance(act, machine.Settle):
            _settle_later(tx, now, row.id)
        elif isinstance(act, machine.Queue):
            queued += carry_out(tx, now, row, act, ended.thing_id)
    return queued


def carry_out(tx: Tx, now: int, row: Job, act: machine.Queue, thing_id: int) -> list[Pending]:
    """Queue an execution now, or have it wait for the window; what was queued, which nobody has been told of."""
    waiting = Waiting(thing_id, act.attempt, act.after_failed or None)
    if act.when == retry.Retry.AT_NEXT_WINDOW:
        executions.await_window(tx, row.id, waiting)
        return []
    queued = queue(tx, now, row, waiting)
    return [queued] if queued else []


def _tell_of_the_end(tx: Tx, now: int, ended: Pending) -> None:
    job = jobs.peek(tx, ended.job_id)
    if job is not None:
        events.execution_ended(tx, now, job, (ended.thing_id, ended.job_id, ended.number), ended.status)


def judge(tx: Tx, now: int, row: Job) -> bool:
    """Judge the abort criteria of a job that is held; whether it was aborted."""
    step = machine.step(job_state.of(row), machine.Judged(jobs.counts(tx, row.id)), now)
    keep(tx, now, row, step)
    return step.wait is not None


def advance(tx: Tx, now: int, row: Job, event: machine.Event) -> Job:
    """Carry out what a job that is held does about an event that asks for no batch."""
    return keep(tx, now, row, machine.step(job_state.of(row), event, now))


def keep(tx: Tx, now: int, row: Job, step: machine.Step) -> Job:
    """Do what a step says of the job itself, and keep the job as it is now; the engine is told when to look at it."""
    if step.wait is None:
        return row
    row = job_state.saved(row, step.job)
    for act in step.acts:
        about_the_job(tx, now, row, act)
    jobs.put(tx, row, wake_at=step.wait.until)
    if step.wait.until is not None:
        tx.effects.append(EngineDue(step.wait.until))
    return row


def about_the_job(tx: Tx, now: int, row: Job, act: machine.Act) -> None:
    """Do an act that is about a job as a whole; the others are nothing here."""
    if isinstance(act, machine.Show):
        tx.effects.append(JobShown(row.id))
    elif isinstance(act, machine.ForgetWaiting):
        executions.stop_all_waiting(tx, row.id)
    elif isinstance(act, machine.Tell):
        events.job_happened(tx, now, row, act.operation)
    elif isinstance(act, machine.Record):
        audit.by_engine(tx, row.scope, now, act.operation, row.name, act.why)


class _Ends:
    """How many executions of a job a transaction has ended, and when."""

    __slots__ = ("count", "now")

    def __init__(self, now: int) -> None:
        self.now = now
        self.count = 0


def _settle_later(tx: Tx, now: int, job_id: int) -> None:
    """Once for all that end together: the last of them decides."""
    ends = tx.gather(("finish", job_id), partial(_Ends, now), partial(_finish, job_id))
    ends.count += 1


def _finish(job_id: int, tx: Tx, ends: _Ends) -> None:
    finish(tx, job_id, ends.now, ends.count)


def finish(tx: Tx, job_id: int, now: int, ended: int = 1) -> None:
    """Complete a job whose last execution has just ended (control reference 7); this transaction ``ended`` so many.

    Near the end the job's row is locked and counted again, because on PostgreSQL two devices may end the last two at
    once and neither sees the other before it commits.
    """
    if machine.active(jobs.counts(tx, job_id)) > _NEAR_THE_END + _AT_ONCE * ended:
        return
    row = jobs.lock_last(tx, job_id)
    if row is None or not machine.may_settle(job_state.of(row)):
        return
    counts = jobs.counts(tx, job_id)
    if not machine.active(counts):  # nothing more is read for a job that goes on
        waiting = len(executions.waiting(tx, job_id, 1))
        advance(tx, now, row, machine.Settled(machine.Facts(counts, waiting)))


def wake(tx: Tx, job_id: int, now: int) -> None:
    """Have the engine look at a job at once."""
    jobs.lock(tx, job_id)
    jobs.hasten(tx, job_id, now)
    tx.effects.append(EngineDue(now))
