"""The four job operations over MQTT: payload in, operation, payload out (device reference 3.2 to 3.8).

The operations are those of the HTTPS data plane; what differs is here: numbers may come as strings, an empty payload is
``{}``, the document is embedded as JSON, ``clientToken`` is echoed, errors have codes of their own.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any

import msgspec

from tidegate.clock import Millis
from tidegate.devices import topics
from tidegate.devices.job_payloads import Accepted, Body, Execution, Rejected
from tidegate.devices.plane import Reply
from tidegate.devices.route import ANSWERS, Asked, Demand, Family, MisaddressedError, Route, UnreadableError
from tidegate.ops import device
from tidegate.ops.device import HANDLERS
from tidegate.ops.handler import Handler, Read, Report
from tidegate.store.database import OutcomeUnknown
from tidegate.wire import constraints, jobs_data
from tidegate.wire.errors import WireError

MAX_TOKEN = 64
"""Bytes of a clientToken, as agents found out on the live service."""
_MAX_UNREAD_TOKEN = 128
_NAMESPACES = 64
"""Those remembered; Greengrass has one."""


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
_BODY = msgspec.json.Decoder(Body)
_ANYTHING = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


class _Refusal(UnreadableError):  # noqa: N818 - a refusal, not a fault
    """A payload that is no request."""

    def __init__(self, code: str, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


def _get_pending(asked: Asked, payload: bytes) -> Demand:
    body = _body(payload)
    request = jobs_data.GetPendingJobExecutionsRequest(thing_name=asked.labels["thingName"])
    return _demand(HANDLERS["iot-jobs-data", "GetPendingJobExecutions"], request, body)


def _start_next(asked: Asked, payload: bytes) -> Demand:
    body = _body(payload)
    request = jobs_data.StartNextPendingJobExecutionRequest(
        thing_name=asked.labels["thingName"],
        status_details=body.status_details,
        step_timeout_in_minutes=_integer("stepTimeoutInMinutes", body.step_timeout_in_minutes, body),
    )
    return _demand(HANDLERS["iot-jobs-data", "StartNextPendingJobExecution"], request, body)


def _describe(asked: Asked, payload: bytes) -> Demand:
    body = _body(payload)
    request = jobs_data.DescribeJobExecutionRequest(
        thing_name=asked.labels["thingName"],
        job_id=asked.labels.get("jobId", device.NEXT),
        include_job_document=body.include_job_document,
        execution_number=_integer("executionNumber", body.execution_number, body),
    )
    return _demand(_describing(asked.labels.get("namespace")), request, body)


def _update(asked: Asked, payload: bytes) -> Demand:
    body = _body(payload)
    request = jobs_data.UpdateJobExecutionRequest(
        thing_name=asked.labels["thingName"],
        job_id=asked.labels["jobId"],
        status=body.status,
        status_details=body.status_details,
        step_timeout_in_minutes=_integer("stepTimeoutInMinutes", body.step_timeout_in_minutes, body),
        expected_version=_integer("expectedVersion", body.expected_version, body),
        include_job_execution_state=body.include_job_execution_state,
        include_job_document=body.include_job_document,
        execution_number=_integer("executionNumber", body.execution_number, body),
    )
    return _demand(_updating(asked.labels.get("namespace")), request, body)


@lru_cache(_NAMESPACES)
def _describing(namespace: str | None) -> Handler:
    """Describe as a topic has it, which sees the jobs of one namespace only."""
    return Read(partial(device.describe_job_execution, namespace=namespace))


@lru_cache(_NAMESPACES)
def _updating(namespace: str | None) -> Handler:
    return Report(partial(device.update_job_execution, namespace=namespace))


def _demand(handler: Handler, request: msgspec.Struct, body: Body) -> Demand:
    found = constraints.violations(request)
    if found:
        text = found[0] if len(found) == 1 else constraints.message(found)
        raise _Refusal("InvalidRequest", text, body.client_token)
    return Demand(handler, request, body.client_token)


def _pending_answer(
    asked: Asked, now: Millis, token: str | None, response: jobs_data.GetPendingJobExecutionsResponse
) -> Reply:
    accepted = Accepted(
        in_progress_jobs=response.in_progress_jobs,
        queued_jobs=response.queued_jobs,
        timestamp=now // 1000,
        client_token=token,
    )
    return _accepted(asked, accepted)


def _execution_answer(
    asked: Asked,
    now: Millis,
    token: str | None,
    response: jobs_data.StartNextPendingJobExecutionResponse | jobs_data.DescribeJobExecutionResponse,
) -> Reply:
    execution = embedded(response.execution) if response.execution is not None else None
    return _accepted(asked, Accepted(execution=execution, timestamp=now // 1000, client_token=token))


def _update_answer(
    asked: Asked, now: Millis, token: str | None, response: jobs_data.UpdateJobExecutionResponse
) -> Reply:
    accepted = Accepted(
        execution_state=response.execution_state,
        job_document=_raw(response.job_document),
        timestamp=now // 1000,
        client_token=token,
    )
    return _accepted(asked, accepted)


def _accepted(asked: Asked, message: Accepted) -> Reply:
    return ((topics.accepted(asked.topic), _ENCODER.encode(message)),)


def embedded(execution: jobs_data.JobExecution) -> Execution:
    """An execution as MQTT shows it: the document is JSON inside JSON, not text."""
    return Execution(
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


def _body(payload: bytes) -> Body:
    """What a payload says; bytes that are no UTF-8 are replaced, because an agent may cut a character in two."""
    if not payload:
        return Body()
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


def _repaired(payload: bytes) -> Body:
    text = payload.decode("utf-8", "replace").encode()
    if text == payload:
        raise _Refusal("InvalidJson", "The payload is not valid JSON.")
    return _body(text)


def _checked_token(body: Body) -> Body:
    if body.client_token is not None and len(body.client_token.encode()) > MAX_TOKEN:
        raise _Refusal("InvalidRequest", f"clientToken has more than {MAX_TOKEN} bytes.")
    return body


def _integer(name: str, value: int | str | None, body: Body) -> int | None:
    """A number, or a numeric string as FreeRTOS and Python v1 send it."""
    if not isinstance(value, str):
        return value
    digits = value[1:] if value[:1] == "-" else value
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise _Refusal("InvalidRequest", f"{name} is not a number.", body.client_token)
    return int(value)


def _refuse(asked: Asked, now: Millis, payload: bytes, token: str | None, error: BaseException) -> Reply:
    """The rejection of a request (device reference 3.8)."""
    state = None
    if isinstance(error, _Refusal):
        code, text, token = error.code, error.message, error.token
    elif isinstance(error, WireError):
        code, text = _CODES.get(type(error), "InternalError"), error.message
        known = error.members.get("execution_state")
        state = known if isinstance(known, jobs_data.JobExecutionState) else None
    elif isinstance(error, MisaddressedError):
        code, text = "InvalidTopic", "The topic does not map to a Jobs operation."
        token = _client_token(payload)
    else:
        code, text, token = "InternalError", _what_failed(error), _client_token(payload)
    rejected = Rejected(code=code, message=text, client_token=token, timestamp=now // 1000, execution_state=state)
    return ((topics.rejected(asked.topic), encode(rejected)),)


def _what_failed(error: BaseException) -> str:
    if isinstance(error, OutcomeUnknown):
        return "It is not known whether the request was carried out: ask for the execution before you repeat it."
    return "The request could not be processed."


def _client_token(payload: bytes) -> str | None:
    """The client token of a payload that is not looked at otherwise, if it can be made out: clients match by it."""
    try:
        request = msgspec.json.decode(payload.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    token = request.get("clientToken") if isinstance(request, dict) else None
    return token if isinstance(token, str) and len(token.encode("utf-8", "replace")) <= _MAX_UNREAD_TOKEN else None


def _is_ours(levels: list[str]) -> bool:
    return levels[-1] in ANSWERS or topics.is_notice(levels)


_DATA = "iot-jobs-data"
_JOB = "$aws/things/{thingName}/jobs/{jobId}"
_NEXT = "$aws/things/{thingName}/jobs/$next"
_DESCRIBED = ((_DATA, "DescribeJobExecution"), _describe, _execution_answer)
_UPDATED = ((_DATA, "UpdateJobExecution"), _update, _update_answer)

FAMILY = Family(
    "things/jobs",
    ours=_is_ours,
    otherwise=None,
    routes=(
        Route("$aws/things/{thingName}/jobs/get", (_DATA, "GetPendingJobExecutions"), _get_pending, _pending_answer),
        Route(
            "$aws/things/{thingName}/jobs/start-next",
            (_DATA, "StartNextPendingJobExecution"),
            _start_next,
            _execution_answer,
        ),
        Route(f"{_NEXT}/get", *_DESCRIBED),
        Route(f"{_NEXT}/namespace-{{namespace}}/get", *_DESCRIBED),
        Route(f"{_JOB}/get", *_DESCRIBED),
        Route(f"{_JOB}/namespace-{{namespace}}/get", *_DESCRIBED),
        Route(f"{_JOB}/update", *_UPDATED),
        Route(f"{_JOB}/namespace-{{namespace}}/update", *_UPDATED),
    ),
    refuse=_refuse,
    together=True,
)
