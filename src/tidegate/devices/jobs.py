"""The four job operations over MQTT: payload in, operation, payload out (device reference 3.2 to 3.8).

The operations are those of the HTTPS data plane; what differs is here: numbers may come as strings, an empty payload is
``{}``, the document is embedded as JSON, ``clientToken`` is echoed, errors have codes of their own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from tidegate.devices.turns import Turns
from tidegate.mqtt.plane import Reply, Scope
from tidegate.mqtt.topics import JobsRequest, Operation
from tidegate.ops import audit, device
from tidegate.ops.call import Call, Origin
from tidegate.runtime.service import Service
from tidegate.store.database import Tx, together
from tidegate.wire import constraints, jobs_data
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import MISSING, Required

MAX_TOKEN = 64
"""Bytes of a clientToken, as agents found out on the live service."""

_Integer = int | str | None
_TextMap = dict[str, str]


class _Body(msgspec.Struct, rename="camel", gc=False):
    """Every member that any of the four requests may have."""

    client_token: str | None = None
    status: Required[str] = MISSING
    status_details: _TextMap | None = None
    expected_version: _Integer = None
    execution_number: _Integer = None
    step_timeout_in_minutes: _Integer = None
    include_job_execution_state: bool | None = None
    include_job_document: bool | None = None


class _Execution(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    job_id: str | None
    thing_name: str | None = None
    status: str | None
    status_details: _TextMap | None = None
    queued_at: int | None
    started_at: int | None = None
    last_updated_at: int | None
    approximate_seconds_before_timed_out: int | None = None
    version_number: int | None
    execution_number: int | None
    job_document: msgspec.Raw | None = None


class _Accepted(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    execution: _Execution | None = None
    in_progress_jobs: list[jobs_data.JobExecutionSummary] | None = None
    queued_jobs: list[jobs_data.JobExecutionSummary] | None = None
    execution_state: jobs_data.JobExecutionState | None = None
    job_document: msgspec.Raw | None = None
    timestamp: int
    client_token: str | None = None


class _Rejected(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    code: str
    message: str
    client_token: str | None = None
    timestamp: int
    execution_state: jobs_data.JobExecutionState | None = None


_CODES: dict[type[WireError], str] = {
    device.VersionMismatch: "VersionMismatch",
    jobs_data.InvalidRequestException: "InvalidRequest",
    jobs_data.InvalidStateTransitionException: "InvalidStateTransition",
    jobs_data.ResourceNotFoundException: "ResourceNotFound",
    jobs_data.TerminalStateException: "TerminalStateReached",
    jobs_data.ThrottlingException: "RequestThrottled",
}

_WHAT = {
    "clientToken": "a string",
    "status": "a string",
    "statusDetails": "a map from strings to strings",
    "expectedVersion": "a number",
    "executionNumber": "a number",
    "stepTimeoutInMinutes": "a number",
    "includeJobExecutionState": "true or false",
    "includeJobDocument": "true or false",
}
_BODY = msgspec.json.Decoder(_Body)
_ANYTHING = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


class Requester(Protocol):
    """Who sends requests: the part of an identity that the operations need."""

    principal: str
    scope: Scope
    scope_id: int
    origin: Origin | None
    """None for a device, whose requests are no changes by an operator."""


class _Refusal(Exception):  # noqa: N818 - it is caught where it is raised
    """A payload that is no request."""

    def __init__(self, code: str, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


class _Shape(NamedTuple):
    """How one operation takes its request from a body and puts its response into a reply."""

    run: Callable[[Tx, Call, Any, str | None], Any]
    request: Callable[[JobsRequest, _Body], Any]
    reply: Callable[[Any, int, str | None], _Accepted]


def _get_pending(topic: JobsRequest, body: _Body) -> jobs_data.GetPendingJobExecutionsRequest:
    return jobs_data.GetPendingJobExecutionsRequest(thing_name=topic.thing_name)


def _start_next(topic: JobsRequest, body: _Body) -> jobs_data.StartNextPendingJobExecutionRequest:
    return jobs_data.StartNextPendingJobExecutionRequest(
        thing_name=topic.thing_name,
        status_details=body.status_details,
        step_timeout_in_minutes=_integer("stepTimeoutInMinutes", body.step_timeout_in_minutes, body),
    )


def _describe(topic: JobsRequest, body: _Body) -> jobs_data.DescribeJobExecutionRequest:
    return jobs_data.DescribeJobExecutionRequest(
        thing_name=topic.thing_name,
        job_id=topic.job_id or MISSING,
        include_job_document=body.include_job_document,
        execution_number=_integer("executionNumber", body.execution_number, body),
    )


def _update(topic: JobsRequest, body: _Body) -> jobs_data.UpdateJobExecutionRequest:
    return jobs_data.UpdateJobExecutionRequest(
        thing_name=topic.thing_name,
        job_id=topic.job_id or MISSING,
        status=body.status,
        status_details=body.status_details,
        step_timeout_in_minutes=_integer("stepTimeoutInMinutes", body.step_timeout_in_minutes, body),
        expected_version=_integer("expectedVersion", body.expected_version, body),
        include_job_execution_state=body.include_job_execution_state,
        include_job_document=body.include_job_document,
        execution_number=_integer("executionNumber", body.execution_number, body),
    )


def _pending_reply(response: jobs_data.GetPendingJobExecutionsResponse, timestamp: int, token: str | None) -> _Accepted:
    return _Accepted(
        in_progress_jobs=response.in_progress_jobs,
        queued_jobs=response.queued_jobs,
        timestamp=timestamp,
        client_token=token,
    )


def _execution_reply(
    response: jobs_data.StartNextPendingJobExecutionResponse | jobs_data.DescribeJobExecutionResponse,
    timestamp: int,
    token: str | None,
) -> _Accepted:
    execution = embedded(response.execution) if response.execution is not None else None
    return _Accepted(execution=execution, timestamp=timestamp, client_token=token)


def _update_reply(response: jobs_data.UpdateJobExecutionResponse, timestamp: int, token: str | None) -> _Accepted:
    return _Accepted(
        execution_state=response.execution_state,
        job_document=_raw(response.job_document),
        timestamp=timestamp,
        client_token=token,
    )


_SHAPES = {
    Operation.GET_PENDING: _Shape(
        lambda tx, call, request, _namespace: device.get_pending_job_executions(tx, call, request),
        _get_pending,
        _pending_reply,
    ),
    Operation.START_NEXT: _Shape(
        lambda tx, call, request, _namespace: device.start_next_pending_job_execution(tx, call, request),
        _start_next,
        _execution_reply,
    ),
    Operation.DESCRIBE: _Shape(device.describe_job_execution, _describe, _execution_reply),
    Operation.UPDATE: _Shape(device.update_job_execution, _update, _update_reply),
}
"""Only describe and update have topics with a namespace."""
_CHANGES: dict[type, tuple[str, str]] = {
    jobs_data.StartNextPendingJobExecutionRequest: ("iot-jobs-data", "StartNextPendingJobExecution"),
    jobs_data.UpdateJobExecutionRequest: ("iot-jobs-data", "UpdateJobExecution"),
}
"""Requests that are more than a question."""


def embedded(execution: jobs_data.JobExecution) -> _Execution:
    """An execution as MQTT shows it: the document is JSON inside JSON, not text."""
    return _Execution(
        job_id=execution.job_id,
        thing_name=execution.thing_name,
        status=execution.status,
        status_details=execution.status_details,
        queued_at=execution.queued_at,
        started_at=execution.started_at,
        last_updated_at=execution.last_updated_at,
        approximate_seconds_before_timed_out=execution.approximate_seconds_before_timed_out,
        version_number=execution.version_number,
        execution_number=execution.execution_number,
        job_document=_raw(execution.job_document),
    )


def _raw(document: str | None) -> msgspec.Raw | None:
    """A document as it is, but for white space between its members: small devices have small buffers (11.4)."""
    if document is None:
        return None
    raw = document.encode()
    try:
        return msgspec.Raw(msgspec.json.format(raw, indent=-1))
    except RecursionError:  # so deep that only just could it be created
        return msgspec.Raw(raw)


def encode(message: msgspec.Struct | dict[str, Any]) -> bytes:
    """The JSON of a reply or notification."""
    return _ENCODER.encode(message)


class JobRequests:
    """Carries out job requests for the endpoint."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns: Turns[Reply] = Turns(service.unit)

    def request(self, identity: Requester, topic: JobsRequest, payload: bytes) -> Awaitable[Reply]:
        """Carry out one request; the reply is to be sent when it resolves, the change being durable by then."""
        service = self._service
        call = service.call_at(identity.scope_id, *identity.scope, identity.principal)
        timestamp = call.now // 1000
        shape, namespace = _SHAPES[topic.operation], topic.namespace
        try:
            body = _body(payload)
            request = shape.request(topic, body)
            _check(request, body)
        except _Refusal as refusal:
            return _settled(_rejected(refusal.code, refusal.message, timestamp, refusal.token))

        noted = None if identity.origin is None else audit.of_message(call, identity.origin, _CHANGES, request)

        def work(tx: Tx) -> Reply:
            try:
                response = shape.run(tx, call, request, namespace)
                if noted is not None:
                    audit.append(tx, noted)
            except WireError as error:  # every refusal comes before the first write: nothing has to be undone
                return _refused(error, timestamp, body.client_token)
            return Reply(accepted=True, payload=encode(shape.reply(response, timestamp, body.client_token)))

        return self._turns.run(identity, together(work, (identity.scope_id, topic.thing_name)))


def _body(payload: bytes) -> _Body:
    """What a payload says; bytes that are no UTF-8 are replaced, because an agent may cut a character in two."""
    if not payload:
        return _Body()
    try:
        return _checked_token(_BODY.decode(payload))
    except msgspec.ValidationError as error:
        reason = str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _repaired(payload)
    try:
        anything = _ANYTHING.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _repaired(payload)
    if not isinstance(anything, dict):
        raise _Refusal("InvalidJson", "The payload is not a JSON object.")
    token = anything.get("clientToken")
    raise _Refusal(
        "InvalidRequest", _wrong_type(reason), token if isinstance(token, str) and len(token) <= MAX_TOKEN else None
    )


def _wrong_type(reason: str) -> str:
    """The sentence about a member that is not what it should be; the decoder's own ends in "at `$.member`"."""
    name = re.split(r"\W", reason.partition("$.")[2])[0]
    return f"{name} must be {_WHAT[name]}." if name in _WHAT else "The payload is not a valid request."


def _repaired(payload: bytes) -> _Body:
    text = payload.decode("utf-8", "replace").encode()
    if text == payload:
        raise _Refusal("InvalidJson", "The payload is not valid JSON.")
    return _body(text)


def _checked_token(body: _Body) -> _Body:
    if body.client_token is not None and len(body.client_token.encode()) > MAX_TOKEN:
        raise _Refusal("InvalidRequest", f"clientToken has more than {MAX_TOKEN} bytes.")
    return body


def _integer(name: str, value: int | str | None, body: _Body) -> int | None:
    """A number, or a numeric string as FreeRTOS and Python v1 send it."""
    if not isinstance(value, str):
        return value
    digits = value[1:] if value[:1] == "-" else value
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise _Refusal("InvalidRequest", f"{name} is not a number.", body.client_token)
    return int(value)


def _check(request: msgspec.Struct, body: _Body) -> None:
    found = constraints.violations(request)
    if found:
        text = found[0] if len(found) == 1 else constraints.message(found)
        raise _Refusal("InvalidRequest", text, body.client_token)


def _refused(error: WireError, timestamp: int, token: str | None) -> Reply:
    state = error.members.get("execution_state")
    known = state if isinstance(state, jobs_data.JobExecutionState) else None
    code = _CODES.get(type(error), "InternalError")
    return _rejected(code, error.message, timestamp, token, known)


def _rejected(
    code: str, message: str, timestamp: int, token: str | None, state: jobs_data.JobExecutionState | None = None
) -> Reply:
    rejected = _Rejected(code=code, message=message, client_token=token, timestamp=timestamp, execution_state=state)
    return Reply(accepted=False, payload=encode(rejected))


def _settled(reply: Reply) -> asyncio.Future[Reply]:
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    future.set_result(reply)
    return future
