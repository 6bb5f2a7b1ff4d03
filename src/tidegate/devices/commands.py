"""What devices report of commands, in JSON or CBOR, whatever the command was written in (reach reference 7.3, 7.4).

The commands themselves are messages of the outbox (``devices.event_publisher``).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidegate.clock import Millis
from tidegate.core import command_report, texts
from tidegate.core.command_report import InvalidReportError
from tidegate.devices.plane import Reply
from tidegate.devices.route import Asked, Demand, Family, Format, MisaddressedError, Route, UnreadableError
from tidegate.ops import command_executions
from tidegate.ops.command_executions import UpdateCommandExecutionRequest
from tidegate.store.command_executions import Place
from tidegate.wire import cbor, jobs_data
from tidegate.wire.errors import WireError

_CODES: Final[dict[type[WireError], str]] = {
    jobs_data.InvalidStateTransitionException: "InvalidStateTransition",
    jobs_data.ResourceNotFoundException: "ResourceNotFound",
    jobs_data.TerminalStateException: "TerminalStateReached",
    jobs_data.ThrottlingException: "RequestThrottled",
}
_EXECUTION_LEVELS: Final = 7
"""Of ``$aws/commands/{things|clients}/{id}/executions/{executionId}/response``."""


class _Refusal(UnreadableError):  # noqa: N818 - a refusal, not a fault
    """A payload that is no report."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _update(asked: Asked, payload: bytes) -> Demand:
    labels = asked.labels
    thing = labels.get("thingName")
    target = Place("client", labels["clientId"]) if thing is None else Place("thing", thing)
    try:
        report = command_report.read(_decoded(asked.format, payload))
    except InvalidReportError as error:
        raise _Refusal("InvalidRequest", str(error)) from None
    request = UpdateCommandExecutionRequest(target=target, execution_id=labels["executionId"], report=report)
    return Demand(command_executions.UPDATE, request)


def _decoded(encoded: Format, payload: bytes) -> Any:
    try:
        return cbor.decode(payload) if encoded == "cbor" else msgspec.json.decode(payload)
    except cbor.InvalidCborError:  # there is no code for it: those of the SDK know JSON only
        raise _Refusal("InvalidRequest", texts.commands.NOT_CBOR) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Refusal("InvalidJson", texts.commands.NOT_JSON) from None


def _accepted(asked: Asked, _now: Millis, _token: str | None, execution: str) -> Reply:
    return (_reply(asked, "accepted", {"executionId": execution}),)


def _refuse(asked: Asked, _now: Millis, _payload: bytes, _token: str | None, error: BaseException) -> Reply:
    if isinstance(error, MisaddressedError):
        # A report without a format is no topic of AWS's (7.7); what looks like none at all is dropped.
        levels = asked.topic.split("/")
        if len(levels) != _EXECUTION_LEVELS or levels[-1] != "response":
            return ()
        code, text = "InvalidTopic", texts.commands.NOT_AN_OPERATION
    elif isinstance(error, _Refusal):
        code, text = error.code, error.message
    elif isinstance(error, WireError):
        code, text = _CODES.get(type(error), "InternalError"), error.message
    else:
        code, text = "InternalError", texts.commands.INTERNAL_FAILURE
    execution = asked.topic.split("/")[5]
    return (_reply(asked, "rejected", {"error": code, "errorMessage": text, "executionId": execution}),)


def _reply(asked: Asked, outcome: str, answer: dict[str, str]) -> tuple[str, bytes]:
    """In the format of the update, and in no other (reach reference 11)."""
    place, _, _ = asked.topic.partition("/response")
    body = cbor.encode(answer) if asked.format == "cbor" else msgspec.json.encode(answer)
    return f"{place}/response/{outcome}/{asked.format}", body


def _is_ours(levels: list[str]) -> bool:
    """What the service says: requests, and answers to reports."""
    said = levels[6:]
    return said[:1] == ["request"] or said[:2] in (["response", "accepted"], ["response", "rejected"])


FAMILY = Family(
    "commands",
    ours=_is_ours,
    otherwise=None,
    routes=tuple(
        Route(
            f"$aws/commands/{place}/executions/{{executionId}}/response/{{format}}",
            ("iot-jobs-data", "UpdateCommandExecution"),
            _update,
            _accepted,
            ("command-execution:",),
        )
        for place in ("things/{thingName}", "clients/{clientId}")
    ),
    refuse=_refuse,
)
