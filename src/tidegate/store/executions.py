"""Executions: one job on one thing, once. The widest table, and the only one that devices write to."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.core.lifecycle import ExecutionStatus, JobStatus
from tidegate.core.pending import PendingList
from tidegate.core.timers import Timers
from tidegate.store.database import Conflict, Row, Tx

FIRST = (1 << 62, 1 << 62, 1 << 62)
"""Where a list that runs from new to old begins."""
BEFORE_ALL = (-1, -1, -1)
"""Where a walk through a job's executions begins."""

NO_TIMERS = Timers()

_STATUS = list(ExecutionStatus)
_JOB_STATUS = {str(status): status for status in JobStatus}


class Execution(NamedTuple):
    """A stored execution; instants are epoch ms."""

    thing_id: int
    job_id: int
    number: int
    status: ExecutionStatus
    version: int
    queued_at: int
    started_at: int | None
    updated_at: int
    attempt: int
    after_failed: int | None
    forced: int | None
    run_deadline: int | None
    step_deadline: int | None


class Pending(NamedTuple):
    """A QUEUED or IN_PROGRESS execution of a thing, with what a device operation needs of its job."""

    thing_id: int
    job_id: int
    number: int
    status: ExecutionStatus
    version: int
    queued_at: int
    started_at: int | None
    updated_at: int
    attempt: int
    after_failed: int | None
    run_deadline: int | None
    step_deadline: int | None
    job_name: str
    job_status: JobStatus
    namespace: str | None
    timeout_minutes: int | None
    config: str
    """The job's encoded configuration."""

    def moved(self, status: ExecutionStatus, started_at: int | None, now: int, timers: Timers) -> Pending:
        """The same after a ``move``."""
        moved = status, self.version + 1, self.queued_at, started_at, now  # by position: half the cost of _replace
        return Pending._make((*self[:3], *moved, *self[8:10], timers.in_progress, timers.step, *self[12:]))


class Summary(NamedTuple):
    """What a list shows; ``owner`` is the inner id of the thing or job it is listed by, ``name`` that one's name."""

    owner: int
    number: int
    status: ExecutionStatus
    queued_at: int
    started_at: int | None
    updated_at: int
    attempt: int
    name: str


class Waiting(NamedTuple):
    """An execution that is queued when its job's next window opens: a retry, or the first of a late joiner."""

    thing_id: int
    attempt: int
    after_failed: int | None


class Course(NamedTuple):
    """How far an execution came, and when; instants are epoch ms."""

    thing_id: int
    status: ExecutionStatus
    queued_at: int
    started_at: int | None
    updated_at: int
    attempt: int
    after_failed: int | None
    run_deadline: int | None


class Chunk(NamedTuple):
    """One row of a walk through a job's executions; unless it is ``held``, somebody else has it just now."""

    thing_id: int
    number: int
    status: ExecutionStatus
    version: int
    queued_at: int
    started_at: int | None
    held: int


class _Moved(NamedTuple):
    """What ``execution_set`` writes."""

    thing: int
    job: int
    number: int
    version: int
    status: int
    started_at: int | None
    updated_at: int
    forced: int | None
    run_deadline: int | None
    step_deadline: int | None
    deadline: int | None


class _Reported(NamedTuple):
    """What ``execution_details_put`` writes."""

    thing: int
    job: int
    number: int
    details: str


def group_members(tx: Tx, group_id: int, *, after: int, joined_by: int, limit: int) -> list[int]:
    """A group's next members by thing id, as it was at an instant (epoch ms), without those who left since."""
    values = {"group": group_id, "after": after, "joined_by": joined_by, "limit": limit}
    return [row[0] for row in tx.all("execution_group_members", values)]


def release_group(tx: Tx, job_id: int, group_id: int, members: list[int], *, joined_by: int, now: int) -> list[int]:
    """Queue executions for a run of a group's members, at least one, as ``group_members`` gave them.

    Returns:
        The ids of the things that had none of this job yet.
    """
    span = {"job": job_id, "first": members[0], "last": members[-1], "now": now}
    values = {**span, "group": group_id, "joined_by": joined_by}
    # RETURNING doubles the cost of the insert. Without it the index tells the new ones by their instant, if it is new.
    if tx.one("execution_queued_at", {**span, "limit": 1}) is not None:
        return [row[0] for row in tx.all("execution_release_group_returning", values)]
    deleted = tx.one("execution_deleted_any", {"job": job_id})  # as a rule none was, and the test for each is saved
    if tx.run("execution_release_group" if deleted else "execution_release_members", values) == len(members):
        return members
    return [row[0] for row in tx.all("execution_queued_at", {**span, "limit": len(members)})]


def release_thing(tx: Tx, job_id: int, thing_id: int, *, now: int) -> bool:
    """Queue an execution for one thing; False if it is gone or has one."""
    return tx.one("execution_release_thing", {"job": job_id, "thing": thing_id, "now": now}) is not None


_NOTHING: PendingList[Pending] = PendingList()


def pending(tx: Tx, scope: int, thing_name: str) -> tuple[int | None, PendingList[Pending]]:
    """(thing id, its QUEUED and IN_PROGRESS executions in no order); (None, ()) if there is no such thing."""
    rows = tx.ahead((scope, thing_name))
    if rows is None:
        rows = tx.all("execution_pending", {"scope": scope, "thing_name": thing_name})
    return _pending(rows)


def pending_by_id(tx: Tx, thing_id: int) -> PendingList[Pending]:
    """The same for a thing already known."""
    rows = tx.ahead(thing_id)
    return _pending(tx.all("execution_pending_by_id", {"thing": thing_id}) if rows is None else rows)[1]


def _pending(rows: list[Row]) -> tuple[int | None, PendingList[Pending]]:
    if not rows:
        return None, _NOTHING
    thing_id: int = rows[0][0]
    if rows[0][1] is None:
        return thing_id, _NOTHING
    # Positions as in the statements: this is the hot path of devices.
    return thing_id, PendingList(
        [Pending._make((*row[:3], _STATUS[row[3]], *row[4:13], _JOB_STATUS[row[13]], *row[14:17])) for row in rows]
    )


def _execution(row: Row | None) -> Execution | None:
    if row is None:
        return None
    return Execution._make((*row[:3], _STATUS[row[3]], *row[4:]))


def get(tx: Tx, thing_id: int, job_id: int, number: int | None = None) -> Execution | None:
    """One execution; without a number the latest of that job on that thing."""
    key = {"thing": thing_id, "job": job_id}
    if number is None:
        return _execution(tx.one("execution_latest", key))
    return _execution(tx.one("execution_get", {**key, "number": number}))


def put(
    tx: Tx,
    key: tuple[int, int, int],
    version: int,
    status: ExecutionStatus,
    *,
    started_at: int | None,
    now: int,
    forced: bool | None = None,
    timers: Timers = NO_TIMERS,
) -> bool:
    """Move (thing, job, number) on from a version; False if another writer was first."""
    row = _moved(key, version, status, started_at, now, forced, timers)
    return tx.run("execution_set", row._asdict()) == 1


def move(
    tx: Tx,
    key: tuple[int, int, int],
    version: int,
    status: ExecutionStatus,
    *,
    started_at: int | None,
    now: int,
    forced: bool | None = None,
    timers: Timers = NO_TIMERS,
) -> None:
    """The same for a work that is run again if another writer was first (``Conflict``); it may be written later."""
    tx.later("execution_set_later", _moved(key, version, status, started_at, now, forced, timers))


def _moved(
    key: tuple[int, int, int],
    version: int,
    status: ExecutionStatus,
    started_at: int | None,
    now: int,
    forced: bool | None,
    timers: Timers,
) -> _Moved:
    forced_as_number = None if forced is None else int(forced)
    deadlines = timers.in_progress, timers.step, timers.deadline
    return _Moved(*key, version, int(status), started_at, now, forced_as_number, *deadlines)


def queue(
    tx: Tx, key: tuple[int, int, int], *, queued_at: int, attempt: int = 0, after_failed: int | None = None
) -> None:
    """Queue one execution (thing, job, number)."""
    values = {"thing": key[0], "job": key[1], "number": key[2], "queued_at": queued_at}
    tx.run("execution_queue", {**values, "attempt": attempt, "after_failed": after_failed})


def due(tx: Tx, now: int, limit: int) -> list[tuple[int, int, int]]:
    """(thing, job, number) of the executions whose time is over, the earliest deadline first."""
    return [(row[0], row[1], row[2]) for row in tx.all("execution_due", {"now": now, "limit": limit})]


def latest_start(tx: Tx) -> int | None:
    """When (epoch ms) the latest of the executions with a timer was started."""
    row = tx.one("execution_latest_start", {})
    return row[0] if row else None


def move_timers(tx: Tx, span: tuple[int, int], now: int) -> None:
    """Let every running timer end as long after ``now`` as it would have after the end of ``span``.

    The clock was last seen at the beginning of ``span`` and would be at its end, had it not been set to ``now``: what
    was written since the setting, by the new clock, stays.
    """
    seen, before = span
    values = {"now": now, "shift": now - before}
    tx.run("execution_move_timers", {**values, "before": before, "after": now - (before - seen)})
    if now < before:
        tx.run("execution_move_starts", values)
    tx.run("execution_deadline_anew", {})


def set_back(tx: Tx, before: int, now: int) -> None:
    """The same only for timers that were set later than it is now: they went by a clock that was ahead, for sure.

    Their starts are moved with them, so that who does this twice does it once.
    """
    tx.run("execution_set_back", {"now": now, "shift": now - before})
    tx.run("execution_deadline_anew", {})


def next_deadline(tx: Tx) -> int | None:
    """When (epoch ms) the next execution times out."""
    row = tx.one("execution_next_deadline", {})
    return row[0] if row else None


def await_window(tx: Tx, job_id: int, waiting: Waiting) -> None:
    """Have an execution queued when the job's next window opens."""
    values = {"thing": waiting.thing_id, "attempt": waiting.attempt, "after_failed": waiting.after_failed}
    tx.run("execution_waiting_put", {"job": job_id, **values})


def renew(tx: Tx, key: tuple[int, int, int]) -> None:
    """Give (thing, job, number) all its retries again."""
    tx.run("execution_renew", {"thing": key[0], "job": key[1], "number": key[2]})


def waiting(tx: Tx, job_id: int, limit: int) -> list[Waiting]:
    """Executions that wait for the job's next window."""
    return [Waiting(*row) for row in tx.all("execution_waiting_of_job", {"job": job_id, "limit": limit})]


def stop_waiting(tx: Tx, job_id: int, thing_id: int) -> None:
    """Queue nothing for a thing when the window opens."""
    tx.run("execution_waiting_delete", {"job": job_id, "thing": thing_id})


def stop_waiting_retries(tx: Tx, job_id: int) -> None:
    """Retry nothing when the window opens."""
    tx.run("execution_waiting_delete_retries", {"job": job_id})


def stop_all_waiting(tx: Tx, job_id: int) -> None:
    """Queue nothing when the window opens."""
    tx.run("execution_waiting_delete_job", {"job": job_id})


def stop_waiting_of_thing(tx: Tx, thing_id: int) -> None:
    """Queue nothing for a thing that is going away."""
    tx.run("execution_waiting_delete_thing", {"thing": thing_id})


def page_of_job(tx: Tx, job_id: int, after: tuple[int, int, int], limit: int) -> list[Chunk]:
    """A job's next executions as ``chunk_of_job``, but nothing is kept as it is."""
    place = {"queued_at": after[0], "thing": after[1], "number": after[2]}
    return _chunk(tx.all("execution_page_of_job", {"job": job_id, "limit": limit, **place}))


def active_of_job(tx: Tx, job_id: int, limit: int) -> list[Course]:
    """A job's executions that have not ended, the first queued first."""
    return [_course(row) for row in tx.all("execution_active_of_job", {"job": job_id, "limit": limit})]


def course_of_job(tx: Tx, job_id: int, limit: int) -> list[Course]:
    """All of a job's executions, the first queued first."""
    return [_course(row) for row in tx.all("execution_course_of_job", {"job": job_id, "limit": limit})]


def _course(row: Row) -> Course:
    return Course._make((row[0], _STATUS[row[1]], *row[2:]))


def page_by_job(
    tx: Tx, job_id: int, status: ExecutionStatus | None, before: tuple[int, int, int], limit: int
) -> list[Summary]:
    """A job's executions, latest queued first, before (queued_at, thing id, number)."""
    place = {"queued_at": before[0], "thing": before[1], "number": before[2]}
    rows = tx.all("execution_list_by_job", {"job": job_id, "status": status, "limit": limit, **place})
    return [Summary._make((*row[:2], _STATUS[row[2]], *row[3:])) for row in rows]


def page_by_thing(
    tx: Tx,
    thing_id: int,
    *,
    status: ExecutionStatus | None,
    namespace: str | None,
    job_name: str | None,
    before: tuple[int, int, int],
    limit: int,
) -> list[Summary]:
    """A thing's executions, latest queued first, before (queued_at, job id, number)."""
    place = {"queued_at": before[0], "job": before[1], "number": before[2]}
    wanted = {"thing": thing_id, "status": status, "namespace": namespace, "job_name": job_name, "limit": limit}
    rows = tx.all("execution_list_by_thing", {**wanted, **place})
    return [Summary._make((*row[:2], _STATUS[row[2]], *row[3:])) for row in rows]


def lock(tx: Tx, found: Execution) -> None:
    """Keep an execution as it was found until the transaction ends. Raises ``Conflict`` if it is no more."""
    row = tx.one("execution_lock", {"thing": found.thing_id, "job": found.job_id, "number": found.number})
    if row is None or row[0] != found.version:
        raise Conflict


def chunk_of_job(tx: Tx, job_id: int, after: tuple[int, int, int], limit: int) -> list[Chunk]:
    """A job's next executions, earliest queued first, after (queued_at, thing id, number).

    Those that are active are kept as they are until the transaction ends.
    """
    place = {"queued_at": after[0], "thing": after[1], "number": after[2]}
    return _chunk(tx.all("execution_chunk_of_job", {"job": job_id, "limit": limit, **place}))


def hold_of_job(tx: Tx, job_id: int, limit: int) -> list[Chunk]:
    """A job's earliest executions, kept as they are until the transaction ends."""
    return _chunk(tx.all("execution_hold_of_job", {"job": job_id, "limit": limit}))


def _chunk(rows: list[Row]) -> list[Chunk]:
    return [Chunk(row[0], row[1], _STATUS[row[2]], *row[3:]) for row in rows]


def delete(tx: Tx, keys: list[tuple[int, int, int]]) -> None:
    """Remove executions (thing, job, number) and their details."""
    rows = [{"thing": thing, "job": job, "number": number} for thing, job, number in keys]
    tx.many("execution_details_delete", rows)
    tx.many("execution_delete", rows)


def remember_deleted(tx: Tx, key: tuple[int, int, int]) -> None:
    """Keep in mind that (thing, job, number) was deleted by itself: its job does not give the number again."""
    tx.run("execution_deleted_put", {"thing": key[0], "job": key[1], "number": key[2]})


def last_deleted(tx: Tx, thing_id: int, job_id: int) -> int:
    """The highest number of a job on a thing that was deleted by itself; 0 if none was."""
    row = tx.one("execution_deleted_get", {"thing": thing_id, "job": job_id})
    return row[0] if row else 0


def any_of_thing(tx: Tx, thing_id: int) -> bool:
    """True if some execution refers to a thing."""
    return tx.one("execution_exists_for_thing", {"thing": thing_id}) is not None


def put_details(tx: Tx, key: tuple[int, int, int], details: str) -> None:
    """Replace the status details (JSON text) of (thing, job, number)."""
    tx.run("execution_details_put", {"thing": key[0], "job": key[1], "number": key[2], "details": details})


def report_details(tx: Tx, key: tuple[int, int, int], details: str) -> None:
    """The same with a ``move``; it may be written later."""
    tx.later("execution_details_put_later", _Reported(*key, details))


def details(tx: Tx, key: tuple[int, int, int]) -> str | None:
    """The status details (JSON text) of (thing, job, number), if it has any."""
    row = tx.one("execution_details_get", {"thing": key[0], "job": key[1], "number": key[2]})
    return row[0] if row else None
