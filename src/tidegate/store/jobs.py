"""Jobs: the row, its document, its targets, its counters and the memory of its releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.store.database import Row, Tx

_DELETES = (
    "job_document_delete",
    "job_target_delete",
    "job_counter_delete",
    "job_release_delete",
    "approval_delete",
    "execution_waiting_delete_job",
    "execution_deleted_delete_job",
)

_STATUSES = tuple(ExecutionStatus)
_JOB_STATUS = {str(status): status for status in JobStatus}
_STAGE = {str(stage): stage for stage in Stage}


class Job(NamedTuple):
    """A stored job; instants are epoch ms, ``config`` is the encoded configuration, ``stage_cursor`` a bookmark.

    ``hold`` is who holds it and what is forgiven, ``blackouts`` those that concern it, encoded (``ops.job_state``,
    ``ops.blackouts``).
    """

    id: int
    scope: int
    name: str
    status: JobStatus
    stage: Stage
    target_selection: str
    namespace: str | None
    description: str | None
    template_arn: str | None
    document_source: str | None
    config: str
    created_at: int
    updated_at: int
    completed_at: int | None
    reason_code: str | None
    comment: str | None
    force_canceled: int | None
    timeout_minutes: int | None
    rollout_started_at: int | None
    released: int
    ended: int
    stage_cursor: str | None
    hold: str | None = None
    blackouts: str | None = None


class NewJob(NamedTuple):
    """What a job starts with."""

    name: str
    status: JobStatus
    stage: Stage
    target_selection: str
    namespace: str | None
    description: str | None
    template_arn: str | None
    document_source: str | None
    config: str
    timeout_minutes: int | None
    created_at: int
    wake_at: int | None
    hold: str | None = None
    blackouts: str | None = None


class Target(NamedTuple):
    """One target: its ARN as given and the thing or the group it names."""

    position: int
    arn: str
    thing_id: int | None
    group_id: int | None


class JobSummary(NamedTuple):
    """What a list shows."""

    id: int
    name: str
    status: JobStatus
    stage: Stage
    target_selection: str
    created_at: int
    updated_at: int
    completed_at: int | None


class Filter(NamedTuple):
    """Which jobs a list shows; None is every one."""

    status: str | None = None
    target_selection: str | None = None
    namespace: str | None = None
    group_id: int | None = None


def _job(row: Row | None) -> Job | None:
    if row is None:
        return None
    return Job._make((*row[:3], _JOB_STATUS[row[3]], _STAGE[row[4]], *row[5:]))


def insert(tx: Tx, scope: int, job: NewJob) -> int | None:
    """Keep a new job; its id, or None if the name is taken."""
    row = tx.one("job_insert", {"scope": scope, **job._asdict()})
    return row[0] if row else None


def get(tx: Tx, scope: int, name: str) -> Job | None:
    """One job by its id in the API."""
    return _job(tx.one("job_get", {"scope": scope, "name": name}))


def lock(tx: Tx, job_id: int) -> Job | None:
    """One job by its inner id, held until the end of the transaction."""
    return _job(tx.lock("job_lock", {"id": job_id}))


def lock_last(tx: Tx, job_id: int) -> Job | None:
    """The same for a work that has changed executions and counters before: nobody waits for those who holds a job."""
    return _job(tx.lock_last("job_lock", {"id": job_id}))


def claim_due(tx: Tx, now: int) -> Job | None:
    """The job that has waited longest for the engine, held until the end of the transaction."""
    found = _job(tx.one("job_claim", {"now": now}))
    return None if found is None else lock(tx, found.id)


def next_wake(tx: Tx) -> int | None:
    """When (epoch ms) the engine must look at some job again; None if at none."""
    row = tx.one("job_next_wake", {})
    return row[0] if row else None


def peek(tx: Tx, job_id: int) -> Job | None:
    """One job by its inner id, without holding it."""
    return _job(tx.one("job_peek", {"id": job_id}))


def put(tx: Tx, job: Job, *, wake_at: int | None) -> None:
    """Write what changes in a job's life back, and when (epoch ms) the engine must look at it again."""
    tx.run("job_put", {**job._asdict(), "wake_at": wake_at})


def hasten(tx: Tx, job_id: int, wake_at: int) -> None:
    """Have the engine look at a job at an instant, if it would not do so earlier."""
    tx.run("job_hasten", {"id": job_id, "wake_at": wake_at})


def set_config(tx: Tx, job: Job, *, updated_at: int) -> None:
    """Write a changed description and configuration back."""
    values = {"id": job.id, "description": job.description, "config": job.config}
    tx.run("job_set_config", {**values, "timeout_minutes": job.timeout_minutes, "updated_at": updated_at})


def remark(tx: Tx, job_id: int, comment: str | None, *, updated_at: int) -> None:
    """Put a job's comment, and when it was changed last (epoch ms)."""
    tx.run("job_remark", {"id": job_id, "comment": comment, "updated_at": updated_at})


def continuous_of_group(tx: Tx, group_id: int) -> list[int]:
    """The CONTINUOUS jobs, not ended, that name a group as a target."""
    return [row[0] for row in tx.all("job_continuous_of_group", {"group": group_id})]


def covers(tx: Tx, job_id: int, thing_id: int) -> bool:
    """True if a thing is a target of a job, or in a group that is, or below one."""
    return tx.one("job_covers", {"job": job_id, "thing": thing_id}) is not None


def page(tx: Tx, scope: int, wanted: Filter, before: int, limit: int) -> list[JobSummary]:
    """Jobs, newest first, older than the inner id ``before``."""
    rows = tx.all("job_list", {"scope": scope, **wanted._asdict(), "before": before, "limit": limit})
    return [JobSummary._make((*row[:2], _JOB_STATUS[row[2]], _STAGE[row[3]], *row[4:])) for row in rows]


def count_active(tx: Tx, scope: int) -> int:
    """How many are SCHEDULED or IN_PROGRESS."""
    row = tx.one("job_count_active", {"scope": scope})
    return row[0] if row else 0


def count_concurrent(tx: Tx, scope: int) -> int:
    """How many are being rolled out or canceled."""
    row = tx.one("job_count_concurrent", {"scope": scope})
    return row[0] if row else 0


def count_deleting(tx: Tx, scope: int) -> int:
    """How many are DELETION_IN_PROGRESS."""
    row = tx.one("job_count_deleting", {"scope": scope})
    return row[0] if row else 0


def delete(tx: Tx, job_id: int) -> None:
    """Remove a job that has no executions left, with all that hangs on it."""
    tx.settle(("counts", job_id))
    for statement in _DELETES:
        tx.run(statement, {"job": job_id})
    tx.run("job_delete", {"id": job_id})


def put_document(tx: Tx, job_id: int, document: str, *, before: str | None = None, delivery: str | None = None) -> None:
    """Keep the document a job was created with.

    Args:
        tx: where to write.
        job_id: the job's inner id.
        document: what the control plane shows.
        before: what it was before placeholders were replaced, if any were.
        delivery: its pieces around the URLs that each device gets, if it has any.
    """
    tx.run("job_document_insert", {"job": job_id, "document": document, "before": before, "delivery": delivery})


def document(tx: Tx, job_id: int) -> str:
    """A job's document."""
    text: str = _document("job_document_get", tx, job_id)[0]
    return text


def document_before(tx: Tx, job_id: int) -> str:
    """A job's document before placeholders were replaced."""
    text: str = _document("job_document_before", tx, job_id)[0]
    return text


def document_delivery(tx: Tx, job_id: int) -> tuple[str, str | None]:
    """A job's document and, if devices get URLs in it, its pieces around them."""
    row = _document("job_document_delivery", tx, job_id)
    return row[0], row[1]


def _document(statement: str, tx: Tx, job_id: int) -> Row:
    row = tx.recall(statement, {"job": job_id})
    assert row is not None, f"job {job_id} has no document"
    return row


def put_targets(tx: Tx, job_id: int, targets: Iterable[Target]) -> None:
    """Keep what a job was aimed at, in the order of the request."""
    tx.many("job_target_insert", [{"job": job_id, **target._asdict()} for target in targets])


def targets(tx: Tx, job_id: int) -> list[Target]:
    """What a job is aimed at, in the order of the request."""
    return [Target(*row) for row in tx.all("job_target_list", {"job": job_id})]


def count_move(tx: Tx, job_id: int, source: ExecutionStatus, target: ExecutionStatus) -> None:
    """One execution went from a status to another."""
    if source != target:
        deltas = _deltas(tx, job_id)
        deltas[source] -= 1
        deltas[target] += 1


def count_add(tx: Tx, job_id: int, deltas: Mapping[ExecutionStatus, int]) -> None:
    """Change several counters of a job by sums."""
    gathered = _deltas(tx, job_id)
    for status, delta in deltas.items():
        gathered[status] += delta


def _deltas(tx: Tx, job_id: int) -> list[int]:
    """What will be added to a job's counters, by status: one write for all that share a commit."""
    return tx.gather(("counts", job_id), _no_deltas, partial(_put_deltas, job_id))


def _no_deltas() -> list[int]:
    return [0] * len(ExecutionStatus)


def _put_deltas(job_id: int, tx: Tx, deltas: list[int]) -> None:
    # Who holds the job counts apart from the others, and so waits for none of them.
    values = {"job": job_id, "held": tx.has_locked("job_lock", {"id": job_id})}
    tx.many(
        "job_counter_add",
        [{**values, "status": status, "delta": delta} for status, delta in enumerate(deltas) if delta],
    )


def counts(tx: Tx, job_id: int) -> dict[ExecutionStatus, int]:
    """Executions of a job by status, every status named."""
    tx.settle(("counts", job_id))
    found = {status: int(count) for status, count in tx.all("job_counter_list", {"job": job_id})}
    return {status: found.get(status, 0) for status in _STATUSES}


def put_release(tx: Tx, job_id: int, released_at: int, count: int) -> None:
    """Remember how many executions were released at an instant."""
    tx.run("job_release_put", {"job": job_id, "released_at": released_at, "count": count})


def miscounted(tx: Tx, limit: int) -> list[tuple[int, int, int, int]]:
    """(job, status, counted, found) where a job's counters are not what its executions are: there must be none."""
    return [(row[0], row[1], row[2], row[3]) for row in tx.all("job_miscounted", {"limit": limit})]


def hasten_active(tx: Tx, now: int) -> None:
    """Have every job looked at that may still do something."""
    statuses = {"scheduled": str(JobStatus.SCHEDULED), "in_progress": str(JobStatus.IN_PROGRESS)}
    tx.run("job_hasten_active", {"now": now, **statuses})


def hasten_scope(tx: Tx, scope: int, now: int) -> None:
    """Have every job of a scope looked at that may still do something."""
    statuses = {"scheduled": str(JobStatus.SCHEDULED), "in_progress": str(JobStatus.IN_PROGRESS)}
    tx.run("job_hasten_scope", {"scope": scope, "now": now, **statuses})


def carry_releases(tx: Tx, after: int, until: int, now: int) -> None:
    """Let the releases between two instants (the second included) count as if they were made now, for every job."""
    span = {"after": after, "until": until}
    for job_id, count in tx.all("job_release_between", span):
        tx.run("job_release_forget", {**span, "job": job_id})
        put_release(tx, job_id, now, count)


def releases(tx: Tx, job_id: int, after: int) -> list[tuple[int, int]]:
    """(instant, count) of the releases later than an instant."""
    return [(row[0], row[1]) for row in tx.all("job_release_recent", {"job": job_id, "after": after})]
