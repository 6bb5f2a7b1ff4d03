"""What continuous jobs do when a thing joins or leaves their targets (control reference 13). Snapshots do not care.

A thing that joins gets its execution at once, outside the rollout rate, unless it is a target already in another way; if a
window has to open first, it waits for it. A thing that leaves loses what is QUEUED and is not tried again; what runs, runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tidegate.core.lifecycle import EXECUTION_MOVES, Act, ExecutionStatus, JobStatus
from tidegate.core.timetable import Phase
from tidegate.ops import configuration, transitions
from tidegate.ops.transitions import Move
from tidegate.store import executions, groups, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import Pending, Waiting


def concerned(tx: Tx, group_id: int) -> list[int]:
    """The continuous jobs that have a group, or one above it, as a target."""
    above = [group.id for group in groups.lineage(tx, group_id)]
    found = {job_id for group in (*above, group_id) for job_id in jobs.continuous_of_group(tx, group)}
    return sorted(found)


def covered(tx: Tx, job_ids: Iterable[int], thing_id: int) -> set[int]:
    """Those of some jobs whose targets include a thing now."""
    return {job_id for job_id in job_ids if jobs.covers(tx, job_id, thing_id)}


def joined(tx: Tx, now: int, job_ids: Iterable[int], thing_id: int) -> None:
    """A thing has become a target of these jobs; it was none before."""
    for job_id in job_ids:
        job = jobs.lock(tx, job_id)
        if job is None or job.ended or job.rollout_started_at is None:
            continue  # the rollout has not begun: the thing is in time for it
        moment = configuration.timetable(configuration.decode(job.config), job.created_at).at(now)
        waiting = Waiting(thing_id, 0, None)
        if moment.phase == Phase.OPEN and job.status == JobStatus.IN_PROGRESS:
            transitions.queue_and_announce(tx, now, job, waiting)
        elif moment.phase != Phase.OVER:
            executions.await_window(tx, job.id, waiting)


def left(tx: Tx, now: int, job_ids: Iterable[int], thing_id: int) -> None:
    """A thing is no longer a target of these jobs."""
    gone = set(job_ids)
    for job_id in gone:
        executions.stop_waiting(tx, job_id, thing_id)
    _remove(tx, now, thing_id, lambda one: one.job_id in gone and one.status == ExecutionStatus.QUEUED)


def deleted(tx: Tx, now: int, thing_id: int) -> None:
    """A thing is going away: all its executions end, of whatever job."""
    executions.stop_waiting_of_thing(tx, thing_id)
    _remove(tx, now, thing_id, lambda one: True)


def _remove(tx: Tx, now: int, thing_id: int, chosen: Callable[[Pending], bool]) -> None:
    found = executions.pending_by_id(tx, thing_id)
    for one in [each for each in found if chosen(each)]:
        to = Move(EXECUTION_MOVES[one.status, Act.REMOVE], one.started_at)
        transitions.move(tx, now, found, one, to)
        found = [each for each in found if each is not one]
        transitions.wake(tx, one.job_id, now)
