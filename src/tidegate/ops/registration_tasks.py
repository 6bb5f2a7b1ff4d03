"""Bulk registration (reach reference 3.9): a template carried out for each line of an input file.

StartThingRegistrationTask looks the file up, with what its caller may read, and pins it; ``engine.registrations`` reads
it, and has each line carried out here in a transaction of its own, which also says how far the task has come. What
became of the lines is kept until it stands in reports, objects beside the input file.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from tidegate.core import checks, location, texts
from tidegate.core.location import Location, ObjectFaultError, Stat
from tidegate.core.provisioning import template as language
from tidegate.core.provisioning.bulk import Line
from tidegate.core.provisioning.template import InvalidTemplateError, Kind
from tidegate.ops import paging, provisioning
from tidegate.ops.call import Call
from tidegate.ops.effects import RegistrationDue
from tidegate.ops.handler import Handlers, Prepared, Read, Write
from tidegate.ops.provisioning import Brought
from tidegate.store import registration_tasks as stored
from tidegate.store.database import Tx
from tidegate.store.registration_tasks import NewTask, Task
from tidegate.wire import iot
from tidegate.wire.errors import WireError
from tidegate.wire.timestamps import seconds

REPORT_LINES: Final = 2000
"""Of one report: about three megabytes."""
LINKS_LAST_S: Final = 3600
_NEWEST: Final = 1 << 62
_LONGEST_KEY: Final = location.KEY_BYTES - 64
_OVER: Final = ("Completed", "Failed", "Cancelled")


class Overtaken(Exception):  # noqa: N818 - a state, not a fault
    """Another server has done it, or the task takes no further line."""


class Looked(NamedTuple):
    """A task that is to be, or why it is not."""

    task_id: str
    stat: Stat | None
    problems: list[str]


# --- the operators' operations ----------------------------------------------------------------------------------------


def _look(call: Call, request: iot.StartThingRegistrationTaskRequest, _found: None) -> Looked:
    """Look the input file up, as its caller may."""
    task_id, problems = call.ids.uuid(), []
    try:
        language.parse(request.template_body, Kind.REGISTRATION)
    except InvalidTemplateError as error:
        problems.append(str(error))
    if not checks.is_role(request.role_arn, any_account=call.leniency.role_accounts):
        problems.append(texts.provisioning.role_invalid(request.role_arn))
    bucket, key = request.input_file_bucket, request.input_file_key
    if len(key.encode()) > _LONGEST_KEY:
        return Looked(task_id, None, [*problems, texts.provisioning.input_key_too_long(_LONGEST_KEY)])
    call.require("s3:GetObject", bucket, key)
    call.require("s3:PutObject", bucket, report_key(key, task_id, "RESULTS", 1))
    try:
        return Looked(task_id, _stat(call, Location(bucket, key)), problems)
    except ObjectFaultError as error:
        problems.append(texts.provisioning.input_unreadable(f"{bucket}/{key}", error.fault.value))
        return Looked(task_id, None, problems)


def _stat(call: Call, at: Location) -> Stat | None:
    if call.objects is None:
        return None
    if not call.objects.open_to(call.account, at.bucket):
        raise ObjectFaultError(location.Fault.DENIED, f"{at.bucket} is another account's")
    return call.objects.stat(at)


def start_thing_registration_task(
    tx: Tx, call: Call, request: iot.StartThingRegistrationTaskRequest, looked: Looked
) -> iot.StartThingRegistrationTaskResponse:
    """Begin a task.

    Raises:
        InvalidRequestException: template, role or input file are no good, or a task is under way.
    """
    if looked.problems:
        raise iot.InvalidRequestException(" ".join(looked.problems))
    if looked.stat is None:
        raise iot.InvalidRequestException(texts.provisioning.INPUT_STORED_NOWHERE)
    other = stored.under_way(tx, call.scope)
    if other is not None:
        raise iot.InvalidRequestException(texts.provisioning.task_under_way(other))
    new = NewTask(
        looked.task_id,
        call.principal,
        request.template_body,
        request.input_file_bucket,
        request.input_file_key,
        looked.stat.etag,
        request.role_arn,
        looked.stat.size,
        call.now,
    )
    stored.insert(tx, call.scope, new)
    tx.effects.append(RegistrationDue())
    return iot.StartThingRegistrationTaskResponse(task_id=looked.task_id)


def stop_thing_registration_task(
    tx: Tx, call: Call, request: iot.StopThingRegistrationTaskRequest
) -> iot.StopThingRegistrationTaskResponse:
    """Let a task begin no further line; what is done stays.

    Raises:
        ResourceNotFoundException: there is no such task.
        InvalidRequestException: it is over.
    """
    task = _found(tx, call, request.task_id)
    if task.status in _OVER:
        raise iot.InvalidRequestException(texts.provisioning.task_over(task.task_id, task.status))
    stored.cancel(tx, task, now=call.now)
    tx.effects.append(RegistrationDue())
    return iot.StopThingRegistrationTaskResponse()


def describe_thing_registration_task(
    tx: Tx, call: Call, request: iot.DescribeThingRegistrationTaskRequest
) -> iot.DescribeThingRegistrationTaskResponse:
    """How far a task has come."""
    task = _found(tx, call, request.task_id)
    return iot.DescribeThingRegistrationTaskResponse(
        task_id=task.task_id,
        creation_date=seconds(task.created_at),
        last_modified_date=seconds(task.updated_at),
        template_body=task.body,
        input_file_bucket=task.bucket,
        input_file_key=task.key,
        role_arn=task.role_arn,
        status=task.status,
        message=task.message,
        success_count=task.success_count,
        failure_count=task.failure_count,
        percentage_progress=100 * task.input_offset // task.input_size if task.input_size else 100,
    )


def list_thing_registration_tasks(
    tx: Tx, call: Call, request: iot.ListThingRegistrationTasksRequest
) -> iot.ListThingRegistrationTasksResponse:
    """Tasks from new to old."""
    listing = ("ListThingRegistrationTasks", call.scope, request.status)
    where = paging.page(listing, token=request.next_token, size=request.max_results, start=[_NEWEST])
    rows = stored.page(tx, call.scope, request.status, int(where.position[0]), where.size + 1)
    return iot.ListThingRegistrationTasksResponse(
        task_ids=[row.task_id for row in rows[: where.size]],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.id]),
    )


def list_thing_registration_task_reports(
    tx: Tx, call: Call, request: iot.ListThingRegistrationTaskReportsRequest
) -> iot.ListThingRegistrationTaskReportsResponse:
    """URLs of the reports that are written, which last an hour.

    Raises:
        InvalidRequestException: there is no such task; the model knows no other error.
    """
    task = stored.get(tx, call.scope, request.task_id)
    if task is None:
        raise iot.InvalidRequestException(texts.provisioning.task_missing(request.task_id))
    listing = ("ListThingRegistrationTaskReports", call.scope, task.id, request.report_type)
    where = paging.page(listing, token=request.next_token, size=request.max_results, start=[0])
    count = task.error_files if request.report_type == "ERRORS" else task.result_files
    first = int(where.position[0]) + 1
    numbers = list(range(first, min(count, int(where.position[0]) + where.size + 1) + 1))
    return iot.ListThingRegistrationTaskReportsResponse(
        resource_links=[_link(call, task, request.report_type, number) for number in numbers[: where.size]],
        report_type=request.report_type,
        next_token=paging.following(listing, numbers, where.size, lambda number: [number]),
    )


def _link(call: Call, task: Task, kind: str, number: int) -> str:
    if call.objects is None:
        raise iot.InvalidRequestException(texts.provisioning.INPUT_STORED_NOWHERE)
    at = Location(task.bucket, report_key(task.key, task.task_id, kind, number))
    return call.objects.presign("GET", at, signed_at=call.now, expires_s=LINKS_LAST_S)


def report_key(key: str, task_id: str, kind: str, number: int) -> str:
    """Where a report lies, in the bucket of the input file: ``kind`` is RESULTS or ERRORS, ``number`` from 1."""
    return f"{key}.{task_id}/{kind}-{number}"


def _found(tx: Tx, call: Call, task_id: str) -> Task:
    task = stored.get(tx, call.scope, task_id)
    if task is None:
        raise iot.ResourceNotFoundException(texts.provisioning.task_missing(task_id))
    return task


# --- the engine's part ------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """A line with what its template comes to, or why it comes to nothing; None, None: there is nothing on it."""

    line: Line
    brought: Brought | None = None
    refusal: WireError | None = None


def evaluated(call: Call, body: str, line: Line) -> Outcome:
    """What a line comes to, signed. Slow: for before its transaction."""
    if line.empty:
        return Outcome(line)
    parameters = line.parameters()
    if parameters is None:
        return Outcome(line, refusal=iot.InvalidRequestException(texts.provisioning.LINE_INVALID))
    try:
        return Outcome(line, provisioning.brought(call, body, parameters))
    except WireError as error:
        return Outcome(line, refusal=error)


def carry_out(tx: Tx, call: Call, task_id: int, line: Line, brought: Brought) -> None:
    """Do what a line says, whole, and go on behind it.

    Raises:
        WireError: the registry refuses; ``pass_over`` the line.
        Overtaken: it is not to be done here.
    """
    done = provisioning.apply_brought(tx, call, brought)
    _advance(tx, call, task_id, line, failed=False)
    response = {"CertificatePem": done.certificate_pem, "ResourceArns": done.arns}
    result = {"lineNumber": line.number, "offset": line.start, "response": response}
    stored.put_result(tx, task_id, line.number, _json(result), failed=False)


def pass_over(tx: Tx, call: Call, task_id: int, line: Line, refusal: WireError | None) -> None:
    """Go on behind a line that was refused, or is empty. Raises ``Overtaken``."""
    _advance(tx, call, task_id, line, failed=None if refusal is None else True)
    if refusal is not None:
        result = {
            "errorMessage": refusal.message,
            "errorCode": refusal.code,
            "lineNumber": line.number,
            "offset": line.start,
        }
        stored.put_result(tx, task_id, line.number, _json(result), failed=True)


def _advance(tx: Tx, call: Call, task_id: int, line: Line, *, failed: bool | None) -> None:
    if not stored.advance(tx, task_id, start=line.start, end=line.end, line=line.number, failed=failed, now=call.now):
        raise Overtaken


class Report(NamedTuple):
    """A report that is to be written; ``line`` is the last that it tells of."""

    kind: str
    number: int
    line: int
    body: bytes


def next_report(tx: Tx, task: Task) -> Report | None:
    """What of a task's results no report has yet; None: nothing."""
    for kind, files in (("RESULTS", task.result_files), ("ERRORS", task.error_files)):
        rows = stored.results(tx, task.id, REPORT_LINES, failed=kind == "ERRORS")
        if rows:
            return Report(kind, files + 1, rows[-1][0], "".join(f"{row}\n" for _, row in rows).encode())
    return None


def written(tx: Tx, call: Call, task: Task, report: Report) -> None:
    """Count a report that lies where it is to lie, and forget what it tells. Raises ``Overtaken``."""
    failed = report.kind == "ERRORS"
    counted = task._replace(error_files=report.number) if failed else task._replace(result_files=report.number)
    if not stored.filed(tx, counted, now=call.now):
        raise Overtaken
    stored.drop_results(tx, task.id, report.line, failed=failed)


def close(tx: Tx, call: Call, task: Task, fault: str | None = None) -> None:
    """End a task whose reports are written, or with ``fault`` cannot be."""
    if fault is not None:
        for failed in (False, True):
            stored.drop_results(tx, task.id, task.line, failed=failed)
    status = "Failed" if fault is not None else task.outcome or "Cancelled"
    stored.close(tx, task.id, status, fault or task.message, now=call.now)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


HANDLERS: Handlers = {
    ("iot", "StartThingRegistrationTask"): Prepared(start_thing_registration_task, prepare=_look),
    ("iot", "StopThingRegistrationTask"): Write(stop_thing_registration_task),
    ("iot", "DescribeThingRegistrationTask"): Read(describe_thing_registration_task),
    ("iot", "ListThingRegistrationTasks"): Read(list_thing_registration_tasks),
    ("iot", "ListThingRegistrationTaskReports"): Read(list_thing_registration_task_reports),
}
