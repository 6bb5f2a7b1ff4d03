"""How an execution moves on: the row, the counters, the notices, and the job that may be complete by it.

Every path that ends or starts an execution goes through here, so that counters always equal the rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.core import pending
from tidegate.core.lifecycle import ACTIVE, JOB_MOVES, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.ops.effects import EngineDue, PendingChanged
from tidegate.store import executions, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import Pending

_NEAR_THE_END = 256
"""With at most this many executions left, whoever ends one looks at the whole job. More writers than that never meet."""


def visible(found: Iterable[Pending], namespace: str | None = None, *, of_job: int | None = None) -> list[Pending]:
    """What a device sees of its executions, in order (device reference 3.9).

    QUEUED ones only of jobs IN_PROGRESS, and none of a job that is being deleted. ``of_job`` names a job whose executions
    count as seen all the same: those an ending job is taking away just now.
    """
    seen = [one for one in found if one.namespace == namespace and (one.job_id == of_job or _is_shown(one))]
    return sorted(seen, key=lambda one: (-one.status, one.queued_at, one.job_id, one.number))


def _is_shown(one: Pending) -> bool:
    if one.status == ExecutionStatus.IN_PROGRESS:
        return one.job_status != JobStatus.DELETION_IN_PROGRESS
    return one.job_status == JobStatus.IN_PROGRESS


def announce(tx: Tx, thing_id: int, before: list[Pending], after: list[Pending]) -> None:
    """Have a thing's devices told what changed in its list, if anything did."""
    change = pending.change([one.entry() for one in before], [one.entry() for one in after])
    if change != pending.UNCHANGED:
        tx.effects.append(PendingChanged(thing_id, change))


def withdraw(tx: Tx, thing_id: int, job_id: int, number: int) -> None:
    """Have a thing's devices told that an execution is about to leave their list. Call it before the change."""
    found = executions.pending_by_id(tx, thing_id)
    namespace = next((one.namespace for one in found if one.job_id == job_id), None)
    before = visible(found, namespace, of_job=job_id)
    after = [one for one in before if (one.job_id, one.number) != (job_id, number)]
    announce(tx, thing_id, before, after)


def finish(tx: Tx, job_id: int, now: int) -> None:
    """Complete a job whose last execution has just ended (control reference 7).

    Near the end the job's row is locked and counted again, because on PostgreSQL two devices may end the last two at once
    and neither sees the other before it commits.
    """
    if _active(tx, job_id) > _NEAR_THE_END:
        return
    job = jobs.lock(tx, job_id)
    if job is not None and job.stage == Stage.NONE:
        complete(tx, job, now)


def complete(tx: Tx, job: jobs.Job, now: int) -> bool:
    """Complete a job that is held, rolled out and has nothing left to do; True if it was."""
    status = JOB_MOVES.get((job.status, JobAct.COMPLETE))
    if status is None or job.target_selection != "SNAPSHOT" or _active(tx, job.id):
        return False
    jobs.set_status(tx, job.id, status, Stage.NONE, updated_at=now, completed_at=now, wake_at=None)
    return True


def wake(tx: Tx, job_id: int, now: int) -> None:
    """Have the engine look at a job at once."""
    jobs.set_wake(tx, job_id, now)
    tx.effects.append(EngineDue(now))


def _active(tx: Tx, job_id: int) -> int:
    counts = jobs.counts(tx, job_id)
    return sum(counts[status] for status in ACTIVE)
