"""What the engine does when time has come: one bounded step for what is due longest, then when to look again.

A step is one transaction and leaves its bookmark in the job's row, so the engine may die between any two and go on
where it was. What a step decides, it decides from the stored state and ``now`` alone.

A job is looked at when ``wake_at`` has come. What it does then depends on its stage: ROLLOUT queues executions,
CANCEL and END take them away, DELETE removes them; a job in stage NONE only follows its timetable and completes.
Dynamic groups that a step of its own would take too long to fill are filled here too (``dynamic_membership``).
"""

from __future__ import annotations

import json
from collections import Counter

import msgspec

from tidegate.core import rollout, schedule
from tidegate.core.events import JobOperation
from tidegate.core.lifecycle import EXECUTION_MOVES, JOB_MOVES, TERMINAL, Act, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.timetable import Moment, Phase
from tidegate.ops import audit, configuration, dynamic_membership, events, transitions
from tidegate.ops.call import Limits
from tidegate.ops.effects import ExecutionsQueued, JobShown
from tidegate.ops.transitions import Move
from tidegate.store import dynamic_groups, executions, groups, jobs, scopes, tags, things
from tidegate.store.database import Tx
from tidegate.store.jobs import Job

WAITING_CHUNK = 1000
CANCEL_CHUNK = 250
DELETE_CHUNK = 1000
EXPIRE_CHUNK = 250
_EVER = 1 << 62


def sweep(tx: Tx, now: int, limits: Limits, partition: str = "aws") -> int | None:
    """Do one step of what is due, the earliest first.

    Returns:
        When (epoch ms) the engine must look again: ``now`` or earlier if more is due, None if nothing is foreseen.
    """
    deadline, wake, build = _due(tx)
    held = False
    if build is not None and build <= now and all(other is None or build < other for other in (deadline, wake)):
        held = not dynamic_membership.step(tx, now, limits, partition)
    elif deadline is not None and deadline <= now and (wake is None or deadline <= wake):
        _expire(tx, now, until=now if wake is None else min(now, wake))
    elif wake is not None and wake <= now:
        job = jobs.claim_due(tx, now)
        if job is not None:
            _look_at(tx, job, now, limits, partition)
    deadline, wake, build = _due(tx)
    times = (deadline, wake, now + dynamic_membership.LATER if held else build)
    return min((time for time in times if time is not None), default=None)


def _due(tx: Tx) -> tuple[int | None, int | None, int | None]:
    """When the next execution times out, job wants to be looked at, and dynamic group is to be filled further."""
    return executions.next_deadline(tx), jobs.next_wake(tx), dynamic_groups.next_due(tx)


def _look_at(tx: Tx, job: Job, now: int, limits: Limits, partition: str) -> None:
    if job.stage == Stage.DELETE:
        _delete(tx, job, now, partition)
    elif job.stage == Stage.CANCEL:
        cancel(tx, job, now)
    elif job.stage == Stage.END:
        _end(tx, job, now)
    elif job.status in (JobStatus.COMPLETED, JobStatus.CANCELED):
        _retire(tx, job, now)
    else:
        _run(tx, job, now, limits)


# --- time limits of executions --------------------------------------------------------------------------------------


def _expire(tx: Tx, now: int, until: int) -> None:
    """End executions whose time was over by an instant: TIMED_OUT, then abort or retry (control reference 12).

    After a downtime much is due; what came due after ``until`` waits for its turn, behind the job that is due before.
    """
    for thing_id, job_id, number in executions.due(tx, until, EXPIRE_CHUNK):
        found = executions.pending_by_id(tx, thing_id)
        one = next((each for each in found if (each.job_id, each.number) == (job_id, number)), None)
        if one is not None:
            to = Move(EXECUTION_MOVES[one.status, Act.TIME_OUT], one.started_at)
            transitions.move(tx, now, found, one, to)


# --- a job that may run ---------------------------------------------------------------------------------------------


def _run(tx: Tx, job: Job, now: int, limits: Limits) -> None:
    """Follow a job's timetable: start it, pause it between windows, end it; queue what may be queued now."""
    configured = configuration.decode(job.config)
    # A job that has ended stays so, even if the clock goes back behind its end.
    over = Moment(Phase.OVER, None)
    moment = over if job.ended else configuration.timetable(configured, job.created_at).at(now)
    if moment.phase == Phase.OVER and not job.ended:
        _begin_to_end(tx, job, now)
        return
    if moment.phase == Phase.OPEN and job.status == JobStatus.SCHEDULED:
        if job.rollout_started_at is None and jobs.count_concurrent(tx, job.scope) >= limits.concurrent_jobs:
            transitions.cancel(tx, now, job, reason_code=None, comment=None, force=False)
            audit.by_engine(tx, job.scope, now, "CancelJob", job.name, "as many jobs run at once as may")
            return
        job = _switch(tx, job, JobAct.START, now)
    if moment.phase == Phase.CLOSED:
        paused = job if job.status == JobStatus.SCHEDULED else _switch(tx, job, JobAct.PAUSE, now)
        jobs.put(tx, paused, wake_at=moment.changes_at)
        return
    again_at = moment.changes_at
    if moment.phase == Phase.OPEN:
        job, again_at = _release(tx, job, configured, moment, now, limits)
    if job.stage == Stage.NONE and transitions.is_done(tx, job):
        transitions.complete(tx, job, now)
    else:
        jobs.put(tx, job, wake_at=again_at)


def _switch(tx: Tx, job: Job, act: JobAct, now: int) -> Job:
    """Start or pause: the QUEUED executions appear in their things' lists, or leave them."""
    if job.rollout_started_at is not None:
        tx.effects.append(JobShown(job.id))
    return job._replace(status=JOB_MOVES[job.status, act], updated_at=now)


def _release(
    tx: Tx, job: Job, configured: configuration.Configuration, moment: Moment, now: int, limits: Limits
) -> tuple[Job, int | None]:
    """Queue what waited for the window, then what the rate allows; the job, and when to go on."""
    waiting = executions.waiting(tx, job.id, WAITING_CHUNK)
    for one in waiting:
        executions.stop_waiting(tx, job.id, one.thing_id)
        transitions.queue_and_announce(tx, now, job._replace(status=JobStatus.IN_PROGRESS), one)
    if len(waiting) == WAITING_CHUNK:
        return job, now
    if job.stage != Stage.ROLLOUT:
        return job, moment.changes_at
    bookmark = _Bookmark.read(job)
    bookmark.slice = _slice(tx, job, configured, bookmark, now, limits)
    recent = jobs.releases(tx, job.id, now - rollout.MINUTE)
    allowance = rollout.slice_allowance(bookmark.slice, recent, now)
    if job.rollout_started_at is None:
        job = job._replace(rollout_started_at=now, updated_at=now)
        bookmark.joined_by = _membership(tx, job, now)
    walk = _Walk(tx, job, bookmark)
    count = walk.release(min(allowance.count, limits.release_chunk), now)
    if count:
        jobs.put_release(tx, job.id, now, count)
        jobs.count_add(tx, job.id, {ExecutionStatus.QUEUED: count})
    job = job._replace(released=job.released + count, stage_cursor=bookmark.text())
    if walk.finished:
        return job._replace(stage=Stage.NONE, stage_cursor=None, updated_at=now), moment.changes_at
    again_at = now if count < allowance.count else allowance.again_at
    return job, again_at if moment.changes_at is None else min(again_at, moment.changes_at)


def _slice(
    tx: Tx, job: Job, configured: configuration.Configuration, bookmark: _Bookmark, now: int, limits: Limits
) -> rollout.Slice:
    """The rate of this minute."""
    config = configured.job_executions_rollout_config
    asked = config.maximum_per_minute if config and config.maximum_per_minute else rollout.DEFAULT_PER_MINUTE
    ceiling = min(asked, limits.rollout_per_minute)
    rate = configuration.exponential_rate(config) if config else None
    if rate is None:
        return rollout.Slice(now, ceiling)
    succeeded = jobs.counts(tx, job.id)[ExecutionStatus.SUCCEEDED] if rate.succeeded else 0
    return rollout.slice_in_force(
        bookmark.slice, rate, notified=job.released, succeeded=succeeded, now=now, ceiling=ceiling
    )


class _Bookmark(msgspec.Struct):
    """How far a rollout got: the target, the group in it, the last thing of that group; and the minute's rate.

    ``joined_by`` is the instant whose members a snapshot is of; None takes everyone.
    """

    position: int = 0
    group: int = 0
    thing: int = 0
    joined_by: int | None = None
    slice: rollout.Slice | None = None

    @classmethod
    def read(cls, job: Job) -> _Bookmark:
        return msgspec.json.decode(job.stage_cursor, type=cls) if job.stage_cursor else cls()

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def rollout_position(job: Job) -> int:
    """The first of a job's targets that is not rolled out."""
    return _Bookmark.read(job).position


def begin(tx: Tx, job_id: int, now: int, limits: Limits) -> None:
    """Do the first step of a job that is created in this transaction and may run: who asks next finds its executions.

    What is left, the engine does.
    """
    job = jobs.peek(tx, job_id)
    assert job is not None
    _run(tx, job, now, limits)


def roll_out_more(tx: Tx, job: Job, position: int, now: int, limits: Limits) -> None:
    """Targets were added from a position on: a job that is rolled out goes on there, as things stand now.

    Its first step is done at once. ``job`` is held.
    """
    if job.stage == Stage.NONE:
        bookmark = _Bookmark(position=position)
        _run(tx, job._replace(stage=Stage.ROLLOUT, stage_cursor=bookmark.text(), updated_at=now), now, limits)
    transitions.wake(tx, job.id, now)


def _membership(tx: Tx, job: Job, now: int) -> int | None:
    """The instant whose members a rollout that begins now is of, if that matters.

    It is later than now if the clock was set back since somebody joined.
    """
    if job.target_selection == "CONTINUOUS":
        return None
    targets = [target.group_id for target in jobs.targets(tx, job.id) if target.group_id is not None]
    latest = (groups.latest_join(tx, group) for target in targets for group in groups.descendants(tx, target))
    return max([now, *(instant for instant in latest if instant is not None)])


class _Walk:
    """Goes through a job's targets in the order of the request, a group by its members and then its child groups'
    members.

    Of a snapshot only members from before the rollout began are taken; of a continuous job everyone, those who joined
    late having their execution already. A thing met twice is passed over, and so is one whose execution was deleted.
    """

    def __init__(self, tx: Tx, job: Job, bookmark: _Bookmark) -> None:
        self._tx = tx
        self._job = job
        self._joined_by = _EVER if bookmark.joined_by is None else bookmark.joined_by
        self._targets = jobs.targets(tx, job.id)
        self._at = bookmark

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


def _begin_to_end(tx: Tx, job: Job, now: int) -> None:
    """endTime has come: nothing is queued any more (control reference 8.2).

    The job is IN_PROGRESS from here on even if it was between windows: what is QUEUED may still be picked up.
    """
    executions.stop_all_waiting(tx, job.id)
    if job.status == JobStatus.SCHEDULED:
        job = _switch(tx, job, JobAct.START, now)
    ending = job._replace(ended=1, stage=Stage.END, stage_cursor=None, updated_at=now)
    jobs.put(tx, ending, wake_at=now)
    audit.by_engine(tx, job.scope, now, "EndJob", job.name, "its endTime has come")
    _end(tx, ending, now)  # at once: after a downtime, timeouts that came due later than the end are next


def _end(tx: Tx, job: Job, now: int) -> None:
    """Cancel what endBehavior cancels, then leave the job to complete with its last execution."""
    behavior = configuration.end_behavior(configuration.decode(job.config))
    acts = {status: schedule.END_ACTS.get((behavior, status)) for status in ExecutionStatus}
    left = _take_away(tx, job, now, acts) if any(acts.values()) else None
    if left is not None:
        jobs.put(tx, job._replace(stage_cursor=left), wake_at=now)
        return
    job = job._replace(stage=Stage.NONE, stage_cursor=None)
    if transitions.is_done(tx, job):
        transitions.complete(tx, job, now)
    else:
        jobs.put(tx, job, wake_at=None)


def cancel(tx: Tx, job: Job, now: int) -> None:
    """Cancel the next executions of a canceled job: QUEUED ones, with force those IN_PROGRESS too."""
    act = Act.FORCE_CANCEL if job.force_canceled else Act.CANCEL
    left = _take_away(tx, job, now, dict.fromkeys(ExecutionStatus, act))
    if left is not None:
        jobs.put(tx, job._replace(stage_cursor=left), wake_at=now)
    else:
        canceled = job._replace(stage=Stage.NONE, stage_cursor=None)
        jobs.put(tx, canceled, wake_at=job.updated_at + configuration.RETENTION)
        events.job_happened(tx, now, canceled, JobOperation.CANCELED)


def _take_away(tx: Tx, job: Job, now: int, acts: dict[ExecutionStatus, Act | None]) -> str | None:
    """End the next executions as ``acts`` says by status; the bookmark for those after them, if there are any."""
    after = tuple(json.loads(job.stage_cursor)) if job.stage_cursor else (-1, -1, -1)
    chunk = executions.chunk_of_job(tx, job.id, after, CANCEL_CHUNK)
    for row in chunk:
        if row.status in TERMINAL:
            continue
        # On PostgreSQL its device may have reported since the chunk was read: what counts is what is there now.
        found = executions.pending_by_id(tx, row.thing_id)
        one = next((each for each in found if (each.job_id, each.number) == (job.id, row.number)), None)
        act = acts.get(one.status) if one else None
        status = EXECUTION_MOVES.get((one.status, act)) if one and act else None
        if one is None or status is None:
            continue
        forced = True if act == Act.FORCE_CANCEL else None
        transitions.move(tx, now, found, one, Move(status, one.started_at, forced=forced))
    if len(chunk) < CANCEL_CHUNK:
        return None
    return json.dumps([chunk[-1].queued_at, chunk[-1].thing_id, chunk[-1].number])


def _retire(tx: Tx, job: Job, now: int) -> None:
    """Purge a job that ended long ago; wake at that time if it has not come."""
    retires_at = job.updated_at + configuration.RETENTION
    if now < retires_at:
        jobs.put(tx, job, wake_at=retires_at)
    else:
        jobs.put(tx, job._replace(stage=Stage.DELETE, stage_cursor=None), wake_at=now)
        audit.by_engine(tx, job.scope, now, "DeleteJob", job.name, "it ended long ago")


def _delete(tx: Tx, job: Job, now: int, partition: str) -> None:
    """Delete the next executions of a job, and with the last of them the job."""
    chunk = executions.hold_of_job(tx, job.id, DELETE_CHUNK)
    for row in chunk:
        if row.status in (ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS):
            transitions.withdraw(tx, row.thing_id, job.id, row.number)
    keys = [(row.thing_id, job.id, row.number) for row in chunk]
    events.executions_deleted(tx, now, job, zip(keys, [row.status for row in chunk], strict=True))
    executions.delete(tx, keys)
    jobs.count_add(tx, job.id, {status: -count for status, count in Counter(row.status for row in chunk).items()})
    things.forget(tx, [row.thing_id for row in chunk])
    if len(chunk) == DELETE_CHUNK:
        jobs.put(tx, job, wake_at=now)
        return
    where = scopes.name(tx, job.scope)
    assert where is not None
    tags.delete_all(tx, job.scope, f"arn:{partition}:iot:{where[1]}:{where[0]}:job/{job.name}")
    events.job_happened(tx, now, job, JobOperation.DELETED)
    jobs.delete(tx, job.id)
