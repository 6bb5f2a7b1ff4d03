"""What the engine does when time has come: one bounded step for what is due longest, then when to look again.

A step is one transaction and leaves its bookmark in the job's row, so the engine may die between any two and go on
where it was. What a step decides, it decides from the stored state and ``now`` alone.

A job is looked at when ``wake_at`` has come: read, step, apply. What it does then, ``core.job`` says; here is read what
the step asks for, and its acts are carried out, batches of executions among them, of which one sweep does one at most.
Ownership tokens and claim certificates that are over are due like jobs (``fleet_provisioning``).
Commands that time out or are to be deleted are due like jobs (``command_sweeps``).
Dynamic groups that a step of its own would take too long to fill are filled here too (``dynamic_membership``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from tidegate.core import job as machine
from tidegate.core import rollout
from tidegate.core.events import JobOperation
from tidegate.core.job import Fact
from tidegate.core.lifecycle import ACTIVE, EXECUTION_MOVES, TERMINAL, Act, ExecutionStatus, Stage
from tidegate.ops import (
    blackouts,
    command_sweeps,
    dynamic_membership,
    events,
    fleet_provisioning,
    job_state,
    transitions,
)
from tidegate.ops.effects import ExecutionsQueued, RowsHeld
from tidegate.ops.job_state import Bookmark
from tidegate.ops.quotas import Limits
from tidegate.ops.transitions import Move
from tidegate.store import dynamic_groups, executions, groups, jobs, provisioning, scopes, tags, things
from tidegate.store.database import Tx
from tidegate.store.executions import Waiting
from tidegate.store.jobs import Job

WAITING_CHUNK = 1000
CANCEL_CHUNK = 250
DELETE_CHUNK = 1000
EXPIRE_CHUNK = 250
EVER = 1 << 62
"""An instant after every other: whoever joins by then."""


def sweep(tx: Tx, now: int, limits: Limits, partition: str = "aws") -> int | None:
    """Do one step of what is due, the earliest first.

    Returns:
        When (epoch ms) the engine must look again: ``now`` or earlier if more is due, None if nothing is foreseen.
    """
    deadline, wake, build = _due(tx)
    held = False
    beside = _beside(tx)
    others = [at for at in (deadline, wake, build) if at is not None]
    first = min(beside, default=None)
    if first is not None and first <= now and all(first <= at for at in others):
        beside[first](tx, now, min([now, *others]), partition)
    elif build is not None and build <= now and all(other is None or build < other for other in (deadline, wake)):
        held = not dynamic_membership.step(tx, now, limits, partition)
    elif deadline is not None and deadline <= now and (wake is None or deadline <= wake):
        _expire(tx, now, until=now if wake is None else min(now, wake))
    elif wake is not None and wake <= now:
        job = jobs.claim_due(tx, now)
        if job is not None:
            look(tx, job, now, limits, partition)
    deadline, wake, build = _due(tx)
    times = (deadline, wake, *_beside(tx), now + dynamic_membership.LATER if held else build)
    return min((time for time in times if time is not None), default=None)


def _due(tx: Tx) -> tuple[int | None, int | None, int | None]:
    """When the next execution times out, job wants to be looked at, and dynamic group is to be filled further."""
    return executions.next_deadline(tx), jobs.next_wake(tx), dynamic_groups.next_due(tx)


def _beside(tx: Tx) -> dict[int, Callable[[Tx, int, int, str], None]]:
    """When what is no job's is due next, and what does it: (transaction, now, what came due until, partition)."""
    found = {
        provisioning.next_end(tx): lambda tx, now, _until, _partition: fleet_provisioning.expire(tx, now),
        command_sweeps.next_due(tx): command_sweeps.step,
    }
    return {at: step for at, step in found.items() if at is not None}


# --- time limits of executions --------------------------------------------------------------------------------------


def _expire(tx: Tx, now: int, until: int) -> None:
    """End executions whose time was over by an instant: TIMED_OUT, then abort or retry (control reference 12).

    After a downtime much is due; what came due after ``until`` waits for its turn, behind the job that is due before.
    """
    due = executions.due(tx, until, EXPIRE_CHUNK)
    tx.read_ahead({thing_id for thing_id, _, _ in due})
    for thing_id, job_id, number in due:
        found = executions.pending_by_id(tx, thing_id)
        one = found.named(job_id, number)
        if one is not None:
            to = Move(EXECUTION_MOVES[one.status, Act.TIME_OUT], one.started_at)
            transitions.move(tx, now, found, one, to)


# --- read, step, apply ----------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """What a look at a job asked for: as the machine takes it, and the executions that wait for a window."""

    facts: machine.Facts
    waiting: list[Waiting]


def _read(tx: Tx, row: Job, asked: Container[Fact], now: int, limits: Limits) -> _Reading:
    waiting = executions.waiting(tx, row.id, WAITING_CHUNK) if Fact.WAITING in asked else []
    facts = machine.Facts(
        counts=jobs.counts(tx, row.id) if Fact.COUNTS in asked else {},
        waiting=len(waiting),
        recent=jobs.releases(tx, row.id, now - rollout.MINUTE) if Fact.RELEASES in asked else (),
        room=Fact.ROOM not in asked or jobs.count_concurrent(tx, row.scope) < limits.concurrent_jobs,
        ceiling=limits.rollout_per_minute,
        chunk=limits.release_chunk,
        batch=WAITING_CHUNK,
    )
    return _Reading(facts, waiting)


def facts(tx: Tx, row: Job, now: int, limits: Limits) -> machine.Facts:
    """What a look at a job would be told now."""
    return _read(tx, row, machine.asks(job_state.of(row), now), now, limits).facts


def look(tx: Tx, row: Job, now: int, limits: Limits, partition: str = "aws") -> None:
    """Carry out what a job that is held does now, with at most one batch of its executions."""
    row = blackouts.refreshed(tx, row, partition)
    reading = _read(tx, row, machine.asks(job_state.of(row), now), now, limits)
    _advance(tx, now, row, machine.Look(reading.facts), reading.waiting, partition)


def begin(tx: Tx, job_id: int, now: int, limits: Limits) -> None:
    """Do the first step of a job that is created in this transaction and may run: who asks next finds its executions.

    What is left, the engine does.
    """
    row = jobs.peek(tx, job_id)
    assert row is not None
    look(tx, row, now, limits)


def roll_out_more(tx: Tx, row: Job, position: int, now: int, limits: Limits) -> None:
    """Targets were added from a position on: a job that is rolled out goes on there, as things stand now.

    Its first step is done at once. ``row`` is held.
    """
    if row.stage == Stage.NONE:
        row = row._replace(stage_cursor=Bookmark(position=position).text())
        reading = _read(tx, row, machine.asks(job_state.of(row), now, extended=True), now, limits)
        _advance(tx, now, row, machine.Extended(reading.facts), reading.waiting)
    transitions.wake(tx, row.id, now)


def _advance(
    tx: Tx, now: int, row: Job, event: machine.Event, waiting: Iterable[Waiting] = (), partition: str = "aws"
) -> None:
    """Step from event to event, as the answer of a batch is one; the job is kept whenever a step says so."""
    after: machine.Event | None = event
    while after is not None:
        step = machine.step(job_state.of(row), after, now)
        row, after = job_state.saved(row, step.job), None
        for act in step.acts:
            if isinstance(act, machine.QueueWaiting):
                _queue_waiting(tx, row, now, waiting)
            elif isinstance(act, machine.Begin):
                row = _take_members_of(tx, row, now)
            elif isinstance(act, machine.Drop):
                _drop(tx, row, now, partition)
            else:
                transitions.about_the_job(tx, now, row, act)
        if step.wait is not None:
            jobs.put(tx, row, wake_at=step.wait.until)
        batch = step.acts[-1] if step.acts else None
        if isinstance(batch, machine.Release):
            row, after = _release(tx, row, batch, now)
        elif isinstance(batch, machine.TakeAway):
            row, after = _take_away(tx, row, batch, now)
        elif isinstance(batch, machine.Erase):
            after = _erase(tx, row, now)


# --- a job that may run ---------------------------------------------------------------------------------------------


def _queue_waiting(tx: Tx, row: Job, now: int, waiting: Iterable[Waiting]) -> None:
    for one in waiting:
        executions.stop_waiting(tx, row.id, one.thing_id)
        transitions.queue_and_announce(tx, now, row, one)


def _take_members_of(tx: Tx, row: Job, now: int) -> Job:
    """A rollout begins now: of a snapshot, remember the instant whose members it is of.

    It is later than now if the clock was set back since somebody joined.
    """
    if row.target_selection == "CONTINUOUS":
        return row
    targets = [target.group_id for target in jobs.targets(tx, row.id) if target.group_id is not None]
    latest = (groups.latest_join(tx, group) for target in targets for group in groups.descendants(tx, target))
    bookmark = Bookmark.read(row)
    bookmark.joined_by = max([now, *(instant for instant in latest if instant is not None)])
    return row._replace(stage_cursor=bookmark.text())


def _release(tx: Tx, row: Job, release: machine.Release, now: int) -> tuple[Job, machine.Event]:
    """Queue what the rate allows, as far as there are things left."""
    walk = _Walk(tx, row, Bookmark.read(row))
    count = walk.release(release.limit, now)
    if count:
        jobs.put_release(tx, row.id, now, count)
        jobs.count_add(tx, row.id, {ExecutionStatus.QUEUED: count})
    row = row._replace(stage_cursor=walk.bookmark.text())
    counts = jobs.counts(tx, row.id) if walk.finished else {}
    return row, machine.Released(release, count, walk.finished, machine.Facts(counts))


class _Walk:
    """Goes through a job's targets in the order of the request, a group by its members and then its child groups'
    members.

    Of a snapshot only members from before the rollout began are taken; of a continuous job everyone, those who joined
    late having their execution already. A thing met twice is passed over, and so is one whose execution was deleted.
    """

    def __init__(self, tx: Tx, job: Job, bookmark: Bookmark) -> None:
        self._tx = tx
        self._job = job
        self._joined_by = EVER if bookmark.joined_by is None else bookmark.joined_by
        self._targets = jobs.targets(tx, job.id)
        self.bookmark = self._at = bookmark

    @property
    def finished(self) -> bool:
        return self._at.position >= len(self._targets)

    def release(self, allowed: int, now: int) -> int:
        """Queue at most ``allowed`` executions; how many were queued."""
        count = 0
        while self._arrive() and count < allowed:
            thing_id = self._targets[self._at.position].thing_id
            queued = self._release_thing(thing_id, now) if thing_id else self._release_members(allowed - count, now)
            if queued:
                self._tx.effects.append(ExecutionsQueued(self._job.id, queued, self._job.namespace))
                count += len(queued)
        return count

    def _arrive(self) -> bool:
        """Go to the next place that has things left, if there is one.

        Asked before the allowance is looked at, so that a job whose last thing is released is rolled out at once and
        not when the rate would allow another.
        """
        while not self.finished:
            target = self._targets[self._at.position]
            if target.thing_id:
                return True
            assert target.group_id is not None
            for group in groups.descendants(self._tx, target.group_id):
                if group > self._at.group:
                    self._at.group, self._at.thing = group, 0
                if group == self._at.group and self._members(1):
                    return True
            self._next_target()
        return False

    def _members(self, limit: int) -> list[int]:
        place = {"after": self._at.thing, "joined_by": self._joined_by, "limit": limit}
        return executions.group_members(self._tx, self._at.group, **place)

    def _release_thing(self, thing_id: int, now: int) -> list[int]:
        released = executions.release_thing(self._tx, self._job.id, thing_id, now=now)
        self._next_target()
        return [thing_id] if released else []

    def _release_members(self, limit: int, now: int) -> list[int]:
        group, members = self._at.group, self._members(limit)
        queued = executions.release_group(self._tx, self._job.id, group, members, joined_by=self._joined_by, now=now)
        self._at.thing = members[-1]
        return queued

    def _next_target(self) -> None:
        self._at.position, self._at.group, self._at.thing = self._at.position + 1, 0, 0


# --- a job that takes its executions away ---------------------------------------------------------------------------


def _take_away(tx: Tx, row: Job, taking: machine.TakeAway, now: int) -> tuple[Job, machine.Event]:
    """End the next executions as the act says by status; the job with the bookmark for those after them.

    What devices are just changing is passed over, and the bookmark says so: it is gone through once more at the end.
    """
    queued_at, thing, number, *more = json.loads(row.stage_cursor) if row.stage_cursor else executions.BEFORE_ALL
    chunk = executions.chunk_of_job(tx, row.id, (queued_at, thing, number), CANCEL_CHUNK)
    tx.read_ahead({each.thing_id for each in chunk if each.held and each.status not in TERMINAL})
    for each in chunk:
        if each.status in TERMINAL or not each.held:
            continue
        found = executions.pending_by_id(tx, each.thing_id)
        one = found.named(row.id, each.number)
        act = taking.acts.get(one.status) if one else None
        status = EXECUTION_MOVES.get((one.status, act)) if one and act else None
        if one is None or status is None:
            continue
        forced = True if act == Act.FORCE_CANCEL else None
        transitions.move(tx, now, found, one, Move(status, one.started_at, forced=forced))
    passed_over = any(more) or not all(each.held for each in chunk)
    if len(chunk) < CANCEL_CHUNK and passed_over:
        tx.effects.append(RowsHeld())
        return row._replace(stage_cursor=None), machine.TookAway(finished=False)
    if len(chunk) < CANCEL_CHUNK:
        counts = {} if row.stage == Stage.CANCEL else jobs.counts(tx, row.id)
        return row, machine.TookAway(finished=True, facts=machine.Facts(counts))
    left = json.dumps([chunk[-1].queued_at, chunk[-1].thing_id, chunk[-1].number, passed_over])
    return row._replace(stage_cursor=left), machine.TookAway(finished=False)


def _erase(tx: Tx, row: Job, now: int) -> machine.Event:
    """Delete the next executions of a job, but those that devices are just changing."""
    looked_at = executions.hold_of_job(tx, row.id, DELETE_CHUNK)
    chunk = [each for each in looked_at if each.held]
    if len(chunk) < len(looked_at):
        tx.effects.append(RowsHeld())
    active = [each for each in chunk if each.status in ACTIVE]
    tx.read_ahead({each.thing_id for each in active})
    for each in active:
        transitions.withdraw(tx, each.thing_id, row.id, each.number)
    keys = [(each.thing_id, row.id, each.number) for each in chunk]
    events.executions_deleted(tx, now, row, zip(keys, [each.status for each in chunk], strict=True))
    executions.delete(tx, keys)
    jobs.count_add(tx, row.id, {status: -count for status, count in Counter(each.status for each in chunk).items()})
    things.forget(tx, [each.thing_id for each in chunk])
    return machine.Erased(finished=len(chunk) == len(looked_at) < DELETE_CHUNK)


def _drop(tx: Tx, row: Job, now: int, partition: str) -> None:
    """Delete a job that has no executions left."""
    where = scopes.name(tx, row.scope)
    assert where is not None
    tags.delete_all(tx, row.scope, f"arn:{partition}:iot:{where[1]}:{where[0]}:job/{row.name}")
    events.job_happened(tx, now, row, JobOperation.DELETED)
    jobs.delete(tx, row.id)
