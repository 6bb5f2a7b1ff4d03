"""What continuous jobs do when a thing joins or leaves their targets (control reference 13). Snapshots do not care.

A thing that joins gets its execution at once, outside the rollout rate, unless it is a target already in another way;
if a window has to open first, it waits for it. A thing that leaves loses what is QUEUED and is not tried again; what
runs, runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tidegate.core import job as machine
from tidegate.core.lifecycle import ACTIVE, EXECUTION_MOVES, Act, ExecutionStatus
from tidegate.ops import job_state, transitions
from tidegate.ops.transitions import Move
from tidegate.store import executions, groups, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import Pending


class Targets(NamedTuple):
    """Which continuous jobs may gain or lose a thing by a change, and which of them had it before."""

    thing_id: int
    jobs: list[int]
    had: set[int]


def before(tx: Tx, thing_id: int, group_ids: Iterable[int]) -> Targets:
    """What to remember before a thing joins or leaves some groups."""
    concerned = sorted({job_id for group_id in group_ids for job_id in _jobs_over(tx, group_id)})
    return Targets(thing_id, concerned, _covering(tx, concerned, thing_id))


def before_all(tx: Tx, group_id: int) -> list[Targets]:
    """The same for every member of a group that is about to be deleted; nothing if no job is concerned."""
    concerned = sorted(_jobs_over(tx, group_id))
    if not concerned:
        return []
    return [Targets(thing, concerned, _covering(tx, concerned, thing)) for thing in groups.member_ids(tx, group_id)]


def changed(tx: Tx, now: int, targets: Targets, *, joined: bool) -> None:
    """The thing has joined or (``joined`` false) only left: its jobs follow."""
    have = _covering(tx, targets.jobs, targets.thing_id)
    _left(tx, now, targets.had - have, targets.thing_id)
    _joined(tx, now, sorted(have - targets.had), targets.thing_id)
    if joined:
        stayed = sorted(have & targets.had)
        _joined(tx, now, [job_id for job_id in stayed if _is_missed(tx, job_id, targets.thing_id)], targets.thing_id)


def _is_missed(tx: Tx, job_id: int, thing_id: int) -> bool:
    """True for a thing that moved within a job's targets before the rollout came to it.

    The rollout may have passed its new place already.
    """
    row = jobs.lock(tx, job_id)
    if row is None or not machine.missed(job_state.of(row)):
        return False
    return executions.get(tx, thing_id, job_id) is None and not executions.last_deleted(tx, thing_id, job_id)


def _jobs_over(tx: Tx, group_id: int) -> list[int]:
    """The continuous jobs that have a group, or one above it, as a target."""
    line = [*(group.id for group in groups.lineage(tx, group_id)), group_id]
    return [job_id for group in line for job_id in jobs.continuous_of_group(tx, group)]


def _covering(tx: Tx, job_ids: Iterable[int], thing_id: int) -> set[int]:
    return {job_id for job_id in job_ids if jobs.covers(tx, job_id, thing_id)}


def _joined(tx: Tx, now: int, job_ids: Iterable[int], thing_id: int) -> None:
    """A thing has become a target of these jobs; it was none before."""
    for job_id in job_ids:
        row = jobs.lock(tx, job_id)
        if row is None:
            continue
        latest = executions.get(tx, thing_id, job_id)
        active = latest is not None and latest.status in ACTIVE
        for act in machine.step(job_state.of(row), machine.Joined(active), now).acts:
            if isinstance(act, machine.Renew) and latest is not None:
                executions.renew(tx, (thing_id, job_id, latest.number))
            elif isinstance(act, machine.Queue):
                for queued in transitions.carry_out(tx, now, row, act, thing_id):
                    transitions.announce_new(tx, queued)


def _left(tx: Tx, now: int, gone: set[int], thing_id: int) -> None:
    """A thing is no longer a target of these jobs."""
    for job_id in sorted(gone):
        jobs.lock(tx, job_id)
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
        found = found.without(one)
        transitions.wake(tx, one.job_id, now)
