"""What the engine does when time has come: one bounded step for the job that has waited longest, then when to look again.

A step is one transaction and leaves its bookmark in the job's row, so the engine may die between any two and go on where it
was. What a step decides, it decides from the stored state and ``now`` alone.
"""

from __future__ import annotations

import json

from tidegate.core import rollout
from tidegate.core.lifecycle import EXECUTION_MOVES, Act, ExecutionStatus, JobStatus, Stage
from tidegate.ops import configuration, transitions
from tidegate.ops.call import Limits
from tidegate.ops.effects import ExecutionsQueued
from tidegate.store import executions, groups, jobs, scopes, tags
from tidegate.store.database import Tx
from tidegate.store.jobs import Job

RELEASE_CHUNK = 1000
"""Executions released in one transaction: about two milliseconds, which a device's request may have to wait for."""
CANCEL_CHUNK = 250
DELETE_CHUNK = 1000


def sweep(tx: Tx, now: int, limits: Limits, partition: str = "aws") -> int | None:
    """Do one step of what is due.

    Returns:
        When (epoch ms) the engine must look again: ``now`` or earlier if more is due, None if nothing is foreseen.
    """
    job = jobs.claim_due(tx, now)
    if job is None:
        return jobs.next_wake(tx)
    if job.stage == Stage.ROLLOUT:
        _release(tx, job, now, limits)
    elif job.stage == Stage.CANCEL:
        cancel(tx, job, now)
    elif job.stage == Stage.DELETE:
        _delete(tx, job, partition)
    elif not transitions.complete(tx, job, now):
        jobs.set_wake(tx, job.id, None)
    return jobs.next_wake(tx)


def _release(tx: Tx, job: Job, now: int, limits: Limits) -> None:
    """Queue the next executions that the rate allows."""
    if job.status == JobStatus.SCHEDULED:
        jobs.set_status(tx, job.id, JobStatus.IN_PROGRESS, job.stage, updated_at=now, completed_at=None, wake_at=now)
        job = job._replace(status=JobStatus.IN_PROGRESS)
    started_at = now if job.rollout_started_at is None else job.rollout_started_at
    allowance = rollout.allowance(_rate(job, limits), jobs.releases(tx, job.id, now - rollout.MINUTE), now)
    walk = _Walk(tx, job, started_at)
    count = walk.release(min(allowance.count, RELEASE_CHUNK), now)
    if count:
        jobs.put_release(tx, job.id, now, count)
        jobs.count_add(tx, job.id, {ExecutionStatus.QUEUED: count})
    finished = walk.finished
    wake_at = None if finished else now if count < allowance.count else allowance.again_at
    stage = Stage.NONE if finished else Stage.ROLLOUT
    updated_at = now if finished or job.rollout_started_at is None else job.updated_at
    cursor = None if finished else walk.cursor()
    jobs.set_stage(tx, job, stage, cursor=cursor, started_at=started_at, updated_at=updated_at, wake_at=wake_at)
    if finished:
        transitions.complete(tx, job, now)


def _rate(job: Job, limits: Limits) -> int:
    config = configuration.decode(job.config).job_executions_rollout_config
    asked = config.maximum_per_minute if config and config.maximum_per_minute else rollout.DEFAULT_PER_MINUTE
    return min(asked, limits.rollout_per_minute)


class _Walk:
    """Goes through a job's targets in the order of the request, a group by its members and then its child groups' members.

    Only members from before the rollout began are taken: what a snapshot is of. A thing met twice has its execution already
    and is passed over.
    """

    def __init__(self, tx: Tx, job: Job, started_at: int) -> None:
        self._tx = tx
        self._job = job
        self._started_at = started_at
        self._targets = jobs.targets(tx, job.id)
        bookmark: list[int] = json.loads(job.stage_cursor) if job.stage_cursor else [0, 0, 0]
        self._position, self._group, self._thing = bookmark

    @property
    def finished(self) -> bool:
        return self._position >= len(self._targets)

    def cursor(self) -> str:
        return json.dumps([self._position, self._group, self._thing])

    def release(self, allowed: int, now: int) -> int:
        """Queue at most ``allowed`` executions; how many were queued."""
        count = 0
        while self._arrive() and count < allowed:
            thing_id = self._targets[self._position].thing_id
            queued = self._release_thing(thing_id, now) if thing_id else self._release_members(allowed - count, now)
            if queued:
                self._tx.effects.append(ExecutionsQueued(self._job.id, queued))
                count += len(queued)
        return count

    def _arrive(self) -> bool:
        """Go to the next place that has things left, if there is one.

        Asked before the allowance is looked at, so that a job whose last thing is released is rolled out at once and not
        when the rate would allow another.
        """
        while not self.finished:
            target = self._targets[self._position]
            if target.thing_id:
                return True
            assert target.group_id is not None
            for group in groups.descendants(self._tx, target.group_id):
                if group > self._group:
                    self._group, self._thing = group, 0
                if group == self._group and self._members(1)[1]:
                    return True
            self._next_target()
        return False

    def _members(self, limit: int) -> tuple[int | None, int]:
        return executions.group_cursor(
            self._tx, self._group, after=self._thing, joined_by=self._started_at, limit=limit
        )

    def _release_thing(self, thing_id: int, now: int) -> list[int]:
        released = executions.release_thing(self._tx, self._job.id, thing_id, now=now)
        self._next_target()
        return [thing_id] if released else []

    def _release_members(self, limit: int, now: int) -> list[int]:
        last, _ = self._members(limit)
        assert last is not None
        span = {"after": self._thing, "through": last, "joined_by": self._started_at}
        queued = executions.release_group(self._tx, self._job.id, self._group, **span, now=now)
        self._thing = last
        return queued

    def _next_target(self) -> None:
        self._position, self._group, self._thing = self._position + 1, 0, 0


def cancel(tx: Tx, job: Job, now: int) -> None:
    """Cancel the next executions of a canceled job: QUEUED ones, with force those IN_PROGRESS too."""
    after = tuple(json.loads(job.stage_cursor)) if job.stage_cursor else (-1, -1, -1)
    chunk = executions.chunk_of_job(tx, job.id, after, CANCEL_CHUNK)
    act = Act.FORCE_CANCEL if job.force_canceled else Act.CANCEL
    for row in chunk:
        status = EXECUTION_MOVES.get((row.status, act))
        if status is None:
            continue
        key = (row.thing_id, job.id, row.number)
        transitions.withdraw(tx, *key)
        forced = True if job.force_canceled else None
        if executions.set_status(tx, key, row.version, status, started_at=row.started_at, now=now, forced=forced):
            jobs.count_move(tx, job.id, row.status, status)
    if len(chunk) == CANCEL_CHUNK:
        last = chunk[-1]
        cursor = json.dumps([last.queued_at, last.thing_id, last.number])
        stage, wake_at = Stage.CANCEL, now
    else:
        cursor, stage, wake_at = None, Stage.NONE, None
    started_at = job.rollout_started_at
    jobs.set_stage(tx, job, stage, cursor=cursor, started_at=started_at, updated_at=job.updated_at, wake_at=wake_at)


def _delete(tx: Tx, job: Job, partition: str) -> None:
    """Delete the next executions of a job, and with the last of them the job."""
    chunk = executions.chunk_of_job(tx, job.id, (-1, -1, -1), DELETE_CHUNK)
    for row in chunk:
        if row.status in (ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS):
            transitions.withdraw(tx, row.thing_id, job.id, row.number)
    executions.delete(tx, [(row.thing_id, job.id, row.number) for row in chunk])
    if len(chunk) < DELETE_CHUNK:
        where = scopes.name(tx, job.scope)
        assert where is not None
        tags.delete_all(tx, job.scope, f"arn:{partition}:iot:{where[1]}:{where[0]}:job/{job.name}")
        jobs.delete(tx, job.id)
