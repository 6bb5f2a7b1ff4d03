"""What a device reports of a command: status, reason, results, as JSON or CBOR has them (reach reference 7.4)."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tidegate.core import texts
from tidegate.core.command import REPORTS, Act
from tidegate.wire import iot

_CODE: Final = re.compile(r"[A-Z0-9_-]{1,64}")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,32}")
_DESCRIPTION: Final = 1024
_KINDS: Final = {"s": "a text", "b": "true or false", "bin": "bytes, in JSON as Base64"}

Results = dict[str, iot.CommandExecutionResult]


class Report(NamedTuple):
    """A report that is well formed."""

    act: Act
    reason: iot.StatusReason | None
    result: Results | None


class InvalidReportError(ValueError):
    """A report that is none; the message names everything that is wrong with it."""


def read(body: Any) -> Report:
    """The report that a decoded payload is; members that nobody knows are passed over.

    Raises:
        InvalidReportError: it is none.
    """
    if not isinstance(body, dict):
        raise InvalidReportError(texts.commands.REPORT_NO_OBJECT)
    status, reason, result = (body.get(name) for name in ("status", "statusReason", "result"))
    act = REPORTS.get(status) if isinstance(status, str) else None
    problems = [] if act is not None else [texts.commands.status_unknown(list(REPORTS))]
    problems += _reason_problems(reason) if reason is not None else []
    problems += _result_problems(result) if result is not None else []
    if problems or act is None:
        raise InvalidReportError(" ".join(problems))
    return Report(
        act,
        None if reason is None else iot.StatusReason(**_snake(reason)),
        None if result is None else {name: _result(value) for name, value in result.items()},
    )


def _snake(reason: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason_code": reason["reasonCode"], "reason_description": reason.get("reasonDescription")}


def _reason_problems(reason: Any) -> Iterator[str]:
    if not isinstance(reason, dict):
        yield texts.commands.REASON_NO_OBJECT
        return
    code, description = reason.get("reasonCode"), reason.get("reasonDescription")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        yield texts.commands.REASON_CODE_INVALID
    if description is not None and not (
        isinstance(description, str)
        and len(description) <= _DESCRIPTION
        and not any(unicodedata.category(each).startswith("C") for each in description)
    ):
        yield texts.commands.REASON_DESCRIPTION_INVALID


def _result_problems(result: Any) -> Iterator[str]:
    if not isinstance(result, dict):
        yield texts.commands.RESULT_NO_OBJECT
        return
    if not result:
        yield texts.commands.RESULT_EMPTY
    for name, value in result.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield texts.commands.RESULT_NAME_INVALID
        elif isinstance(value, str):
            yield texts.commands.RESULT_IS_STRING
        elif not isinstance(value, dict) or len(value) != 1 or not _fits(*next(iter(value.items()))):
            yield texts.commands.result_invalid(name, _KINDS)


def _fits(kind: Any, value: Any) -> bool:
    if kind == "s":
        return isinstance(value, str) and value != "" and "\0" not in value
    if kind == "b":
        return isinstance(value, bool)
    return kind == "bin" and bool(_bytes(value))


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, bytes):  # CBOR has bytes
        return value
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def _result(value: Mapping[str, Any]) -> iot.CommandExecutionResult:
    if "bin" in value:
        return iot.CommandExecutionResult(bin=_bytes(value["bin"]))
    return iot.CommandExecutionResult(**value)
