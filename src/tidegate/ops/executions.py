"""Executions as the control plane sees them (control reference 15): every attempt of every job on every thing."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.core import checks, texts, timers
from tidegate.core.lifecycle import EXECUTION_MOVES, Act, ExecutionStatus
from tidegate.ops import events, transitions
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Report
from tidegate.ops.paging import following, page
from tidegate.ops.transitions import Move
from tidegate.store import executions, jobs, things
from tidegate.store.database import Conflict, Tx
from tidegate.store.executions import Execution, Summary
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds


def describe_job_execution(
    tx: Tx, call: Call, request: iot.DescribeJobExecutionRequest
) -> iot.DescribeJobExecutionResponse:
    """One execution, without a number the latest; no document on this plane."""
    found = _execution(tx, call, request.thing_name, request.job_id, request.execution_number)
    text = executions.details(tx, (found.thing_id, found.job_id, found.number))
    return iot.DescribeJobExecutionResponse(
        execution=iot.JobExecution(
            job_id=request.job_id,
            status=found.status.name,
            force_canceled=None if found.forced is None else bool(found.forced),
            status_details=iot.JobExecutionStatusDetails(details_map=msgspec.json.decode(text) if text else None),
            thing_arn=call.arn(f"thing/{request.thing_name}"),
            queued_at=seconds(found.queued_at),
            started_at=seconds(found.started_at),
            last_updated_at=seconds(found.updated_at),
            execution_number=found.number,
            version_number=found.version,
            approximate_seconds_before_timed_out=timers.approximate_seconds(
                timers.Timers(found.run_deadline, found.step_deadline).deadline, call.now
            ),
        )
    )


def list_job_executions_for_job(
    tx: Tx, call: Call, request: iot.ListJobExecutionsForJobRequest
) -> iot.ListJobExecutionsForJobResponse:
    """A job's executions, latest queued first."""
    job = jobs.get(tx, call.scope, request.job_id)
    if job is None:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(request.job_id))
    listing = ("ListJobExecutionsForJob", call.scope, job.id, request.status)
    where = page(listing, token=request.next_token, size=request.max_results, start=executions.FIRST)
    rows = executions.page_by_job(tx, job.id, _status(request.status), _place(where.position), where.size + 1)
    return iot.ListJobExecutionsForJobResponse(
        execution_summaries=[
            iot.JobExecutionSummaryForJob(thing_arn=call.arn(f"thing/{row.name}"), job_execution_summary=_summary(row))
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, _position),
    )


def list_job_executions_for_thing(
    tx: Tx, call: Call, request: iot.ListJobExecutionsForThingRequest
) -> iot.ListJobExecutionsForThingResponse:
    """A thing's executions, latest queued first; a thing nobody knows has none (third hand)."""
    filters = (request.status, request.namespace_id, request.job_id)
    listing = ("ListJobExecutionsForThing", call.scope, request.thing_name, *filters)
    where = page(listing, token=request.next_token, size=request.max_results, start=executions.FIRST)
    thing = things.find(tx, call.scope, request.thing_name)
    rows = (
        []
        if thing is None
        else executions.page_by_thing(
            tx,
            thing.id,
            status=_status(request.status),
            namespace=request.namespace_id,
            job_name=request.job_id,
            before=_place(where.position),
            limit=where.size + 1,
        )
    )
    return iot.ListJobExecutionsForThingResponse(
        execution_summaries=[
            iot.JobExecutionSummaryForThing(job_id=row.name, job_execution_summary=_summary(row))
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, _position),
    )


def cancel_job_execution(tx: Tx, call: Call, request: iot.CancelJobExecutionRequest) -> None:
    """Cancel one execution: QUEUED, or IN_PROGRESS with force.

    Raises:
        InvalidStateTransitionException: it has ended, or it runs and ``force`` is not set.
        VersionConflictException: ``expectedVersion`` is not the stored one.
    """
    problems = checks.status_details(request.status_details or {})
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    found = _execution(tx, call, request.thing_name, request.job_id, None)
    executions.lock(tx, found)
    if request.expected_version is not None and request.expected_version != found.version:
        raise iot.VersionConflictException(texts.requests.version_conflict(request.expected_version, found.version))
    status = EXECUTION_MOVES.get((found.status, Act.FORCE_CANCEL if request.force else Act.CANCEL))
    if status is None and found.status == ExecutionStatus.IN_PROGRESS:
        raise iot.InvalidStateTransitionException(texts.jobs.EXECUTION_NEEDS_FORCE)
    if status is None:
        raise iot.InvalidStateTransitionException(
            texts.jobs.execution_not_cancelable(request.thing_name, request.job_id)
        )
    pending = executions.pending_by_id(tx, found.thing_id)
    one = pending.named(found.job_id, found.number)
    if one is None:
        raise Conflict
    if request.status_details is not None:
        key = (found.thing_id, found.job_id, found.number)
        executions.put_details(tx, key, msgspec.json.encode(request.status_details).decode())
    to = Move(status, one.started_at, forced=True if request.force else None)
    transitions.move(tx, call.now, pending, one, to)


def delete_job_execution(tx: Tx, call: Call, request: iot.DeleteJobExecutionRequest) -> None:
    """Delete one execution for good; one that runs only with force. The job's counters shrink with it (15.3).

    Raises:
        InvalidStateTransitionException: it is IN_PROGRESS and ``force`` is not set.
    """
    found = _execution(tx, call, request.thing_name, request.job_id, request.execution_number)
    executions.lock(tx, found)  # before its job, as devices do
    job = jobs.lock_last(tx, found.job_id)
    if job is None or (request.namespace_id is not None and request.namespace_id != job.namespace):
        raise iot.ResourceNotFoundException(texts.jobs.execution_missing(request.thing_name, request.job_id))
    if found.status == ExecutionStatus.IN_PROGRESS and not request.force:
        raise iot.InvalidStateTransitionException(texts.jobs.execution_needs_force(found.status.name))
    transitions.withdraw(tx, found.thing_id, found.job_id, found.number)
    key = (found.thing_id, found.job_id, found.number)
    events.executions_deleted(tx, call.now, job, [(key, found.status)])
    executions.delete(tx, [key])
    executions.remember_deleted(tx, key)
    jobs.count_add(tx, found.job_id, {found.status: -1})
    transitions.finish(tx, found.job_id, call.now)


def _execution(tx: Tx, call: Call, thing_name: str, job_name: str, number: int | None) -> Execution:
    job = jobs.get(tx, call.scope, job_name)
    if job is None:
        raise iot.ResourceNotFoundException(texts.jobs.execution_of_missing_job(job_name))
    thing = things.find(tx, call.scope, thing_name)
    found = executions.get(tx, thing.id, job.id, number) if thing else None
    if found is None:
        raise iot.ResourceNotFoundException(texts.jobs.execution_missing(thing_name, job_name))
    return found


def _summary(row: Summary) -> iot.JobExecutionSummary:
    return iot.JobExecutionSummary(
        status=row.status.name,
        queued_at=seconds(row.queued_at),
        started_at=seconds(row.started_at),
        last_updated_at=seconds(row.updated_at),
        execution_number=row.number,
        retry_attempt=row.attempt,
    )


def _status(name: str | None) -> ExecutionStatus | None:
    return None if name is None else ExecutionStatus[name]


def _place(position: list[Any]) -> tuple[int, int, int]:
    return position[0], position[1], position[2]


def _position(row: Summary) -> tuple[int, int, int]:
    return row.queued_at, row.owner, row.number


HANDLERS: Handlers = {
    ("iot", "DescribeJobExecution"): Read(describe_job_execution),
    ("iot", "ListJobExecutionsForJob"): Read(list_job_executions_for_job),
    ("iot", "ListJobExecutionsForThing"): Read(list_job_executions_for_thing),
    ("iot", "CancelJobExecution"): Report(cancel_job_execution),
    ("iot", "DeleteJobExecution"): Report(delete_job_execution),
}
