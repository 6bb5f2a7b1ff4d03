"""The four operations of a device (device reference 3.4 to 3.7 and 4), the same for MQTT and for HTTPS.

They answer with the data plane's structs, documents as text; the MQTT edge embeds the document and adds its own
members. Written to be run by many devices at once: a transition compares the version it read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from tidegate.core import checks, texts, timers
from tidegate.core.lifecycle import DEVICE_REPORTS, EXECUTION_MOVES, Act, ExecutionStatus
from tidegate.core.pending import PendingList
from tidegate.ops import documents, package_shadow, transitions
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Report
from tidegate.ops.transitions import Move
from tidegate.store import executions, jobs
from tidegate.store.database import Tx
from tidegate.store.executions import Execution, Pending
from tidegate.wire import jobs_data

NEXT = "$next"
ANY: Final = "*"
"""Jobs of whatever namespace; none is called so."""
_DETAILS = msgspec.json.Decoder(dict[str, str])


class VersionMismatch(jobs_data.InvalidRequestException):
    """``expectedVersion`` is not the stored one: a code of its own over MQTT, an invalid request over HTTPS."""


def get_pending_job_executions(
    tx: Tx, call: Call, request: jobs_data.GetPendingJobExecutionsRequest
) -> jobs_data.GetPendingJobExecutionsResponse:
    """What waits for a thing, at most ten; a thing nobody knows has nothing (third hand: existence is not checked)."""
    _, found = executions.pending(tx, call.scope, request.thing_name)
    shown = found.visible().shown
    return jobs_data.GetPendingJobExecutionsResponse(
        in_progress_jobs=[summary(one) for one in shown if one.status == ExecutionStatus.IN_PROGRESS],
        queued_jobs=[summary(one) for one in shown if one.status == ExecutionStatus.QUEUED],
    )


def start_next_pending_job_execution(
    tx: Tx, call: Call, request: jobs_data.StartNextPendingJobExecutionRequest
) -> jobs_data.StartNextPendingJobExecutionResponse:
    """Start the head of the list, or return it unchanged if it is running already."""
    _check(call, request.status_details, request.step_timeout_in_minutes, cancellable=False)
    _, found = executions.pending(tx, call.scope, request.thing_name)
    head = found.visible().head
    if head is None:
        return jobs_data.StartNextPendingJobExecutionResponse()
    document = documents.delivered(tx, call.objects, call.account, head, request.thing_name, call.now)
    details = None
    if head.status == ExecutionStatus.QUEUED:
        steps = request.step_timeout_in_minutes
        head = _report(tx, call.now, found, head, Act.REPORT_IN_PROGRESS, request.status_details, steps)
        details = request.status_details or {}
    return jobs_data.StartNextPendingJobExecutionResponse(
        execution=described(tx, head, request.thing_name, call.now, document=document, details=details)
    )


def describe_job_execution(
    tx: Tx, call: Call, request: jobs_data.DescribeJobExecutionRequest, namespace: str | None = ANY
) -> jobs_data.DescribeJobExecutionResponse:
    """One execution, or the head of the list for ``$next``.

    ``namespace`` is that of the topic: jobs of another are not seen. Over HTTPS a job named is found in any.

    Raises:
        ResourceNotFoundException: no such thing, job or execution.
        TerminalStateException: the execution has ended (device reference 3.6).
    """
    with_document = request.include_job_document is not False
    thing_id, found = executions.pending(tx, call.scope, request.thing_name)
    if request.job_id == NEXT:
        head = found.visible(None if namespace == ANY else namespace).head
        if head is None:
            return jobs_data.DescribeJobExecutionResponse()
        execution = _shown(tx, call, head, request.thing_name, with_document=with_document)
        return jobs_data.DescribeJobExecutionResponse(execution=execution)
    wanted = _Wanted(request.thing_name, request.job_id, request.execution_number, namespace)
    one = _addressed(tx, call, wanted, thing_id, found)
    if isinstance(one, Execution):
        raise jobs_data.TerminalStateException(
            texts.jobs.DEVICE_TERMINAL,
            execution_state=state_of(tx, one),
        )
    execution = _shown(tx, call, one, request.thing_name, with_document=with_document)
    return jobs_data.DescribeJobExecutionResponse(execution=execution)


def update_job_execution(
    tx: Tx, call: Call, request: jobs_data.UpdateJobExecutionRequest, namespace: str | None = ANY
) -> jobs_data.UpdateJobExecutionResponse:
    """Report on an execution; ``namespace`` as for describe.

    Raises:
        InvalidRequestException: a member is not valid, or ``VersionMismatch``.
        InvalidStateTransitionException: the execution has ended, or a device may not report that status; carries
            ``execution_state``.
        ResourceNotFoundException: no such thing, job or execution.
    """
    _check(call, request.status_details, request.step_timeout_in_minutes, cancellable=True)
    thing_id, found = executions.pending(tx, call.scope, request.thing_name)
    wanted = _Wanted(request.thing_name, request.job_id, request.execution_number, namespace)
    one = _addressed(tx, call, wanted, thing_id, found)
    if request.expected_version is not None and request.expected_version != one.version:
        raise VersionMismatch(
            texts.jobs.device_version_mismatch(request.expected_version, one.version),
            execution_state=state_of(tx, one),
        )
    act = DEVICE_REPORTS.get(request.status)
    if act is None:
        raise jobs_data.InvalidStateTransitionException(
            texts.jobs.device_status_not_allowed(request.status), execution_state=state_of(tx, one)
        )
    if isinstance(one, Execution):
        raise jobs_data.InvalidStateTransitionException(
            texts.jobs.device_already_finished(request.thing_name, request.job_id, one.status.name),
            execution_state=state_of(tx, one),
        )
    document = None
    if request.include_job_document:
        document = documents.delivered(tx, call.objects, call.account, one, request.thing_name, call.now)
    steps = request.step_timeout_in_minutes
    now_it_is = _report(tx, call.now, found, one, act, request.status_details, steps)
    if now_it_is.status == ExecutionStatus.SUCCEEDED:
        package_shadow.succeeded(tx, call, request.thing_name, one.config)
    response = jobs_data.UpdateJobExecutionResponse(job_document=document)
    if request.include_job_execution_state:
        response.execution_state = state_of(tx, now_it_is)
    return response


def summary(one: Pending) -> jobs_data.JobExecutionSummary:
    """An entry of the pending list as get and notify show it; times are whole epoch seconds."""
    return jobs_data.JobExecutionSummary(
        job_id=one.job_name,
        queued_at=one.queued_at // 1000,
        started_at=None if one.started_at is None else one.started_at // 1000,
        last_updated_at=one.updated_at // 1000,
        version_number=one.version,
        execution_number=one.number,
    )


def described(
    tx: Tx,
    one: Pending,
    thing_name: str | None,
    now: int,
    *,
    document: str | None = None,
    details: Mapping[str, str] | None = None,
) -> jobs_data.JobExecution:
    """An execution as describe, start-next and notify-next show it.

    ``document`` is what ``documents.delivered`` gave; ``details`` saves reading what was just written.
    """
    known = dict(details) if details is not None else _details(tx, one)
    return jobs_data.JobExecution(
        job_id=one.job_name,
        thing_name=thing_name,
        status=one.status.name,
        status_details=known or None,
        queued_at=one.queued_at // 1000,
        started_at=None if one.started_at is None else one.started_at // 1000,
        last_updated_at=one.updated_at // 1000,
        approximate_seconds_before_timed_out=timers.approximate_seconds(_timers(one).deadline, now),
        version_number=one.version,
        execution_number=one.number,
        job_document=document,
    )


def _shown(tx: Tx, call: Call, one: Pending, thing_name: str, *, with_document: bool) -> jobs_data.JobExecution:
    document = documents.delivered(tx, call.objects, call.account, one, thing_name, call.now) if with_document else None
    return described(tx, one, thing_name, call.now, document=document)


def state_of(tx: Tx, one: Pending | Execution) -> jobs_data.JobExecutionState:
    """The state that update and its refusals carry."""
    return jobs_data.JobExecutionState(
        status=one.status.name,
        status_details=_details(tx, one) or None,
        version_number=one.version,
    )


def _report(
    tx: Tx,
    now: int,
    found: PendingList[Pending],
    one: Pending,
    act: Act,
    details: Mapping[str, str] | None,
    step_timeout: int | None,
) -> Pending:
    """Carry out a device's report: its details, its timers, the move and what follows from it."""
    status = EXECUTION_MOVES[one.status, act]
    if details is not None:
        key = (one.thing_id, one.job_id, one.number)
        executions.report_details(tx, key, msgspec.json.encode(details).decode())
    running = executions.NO_TIMERS
    if status == ExecutionStatus.IN_PROGRESS and one.status == ExecutionStatus.QUEUED:
        running = timers.started(one.timeout_minutes, step_timeout, now)
    elif status == ExecutionStatus.IN_PROGRESS:
        running = timers.stepped(_timers(one), step_timeout, now)
    started_at = now if one.started_at is None else one.started_at
    return transitions.move(tx, now, found, one, Move(status, started_at, running))


def _timers(one: Pending) -> timers.Timers:
    return timers.Timers(one.run_deadline, one.step_deadline)


class _Wanted(NamedTuple):
    """Which execution a request names; ``number`` None is the latest."""

    thing_name: str
    job_name: str
    number: int | None
    namespace: str | None

    def among(self, found: PendingList[Pending]) -> list[Pending]:
        return [
            one
            for one in found
            if one.job_name == self.job_name
            and self.number in (None, one.number)
            and self.namespace in (ANY, one.namespace)
        ]


def _addressed(
    tx: Tx, call: Call, wanted: _Wanted, thing_id: int | None, found: PendingList[Pending]
) -> Pending | Execution:
    """The execution a request names: among the pending ones, else (an ``Execution``) one that has ended."""
    named = wanted.among(found)
    if named:
        return max(named, key=lambda one: one.number)
    job = jobs.get(tx, call.scope, wanted.job_name)
    ended = None
    if job and thing_id and wanted.namespace in (ANY, job.namespace):
        ended = executions.get(tx, thing_id, job.id, wanted.number)
    if ended is None:
        missing = texts.jobs.device_execution_missing(wanted.thing_name, wanted.job_name)
        raise jobs_data.ResourceNotFoundException(missing)
    return ended


def _details(tx: Tx, one: Pending | Execution) -> dict[str, str]:
    if one.status is ExecutionStatus.QUEUED:
        return {}  # nobody has reported on it yet
    text = executions.details(tx, (one.thing_id, one.job_id, one.number))
    return _DETAILS.decode(text) if text else {}


def _check(call: Call, details: Mapping[str, str] | None, step_timeout: int | None, *, cancellable: bool) -> None:
    problems = checks.status_details(details, lines=call.leniency.detail_line_breaks) if details else []
    if step_timeout is not None:
        problems += checks.step_timeout(step_timeout, cancellable=cancellable)
    if problems:
        raise jobs_data.InvalidRequestException(" ".join(problems))


HANDLERS: Handlers = {
    ("iot-jobs-data", "GetPendingJobExecutions"): Read(get_pending_job_executions),
    ("iot-jobs-data", "StartNextPendingJobExecution"): Report(start_next_pending_job_execution),
    ("iot-jobs-data", "DescribeJobExecution"): Read(describe_job_execution),
    ("iot-jobs-data", "UpdateJobExecution"): Report(update_job_execution),
}
