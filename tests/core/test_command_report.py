"""What a device reports of a command: reach reference 7.4."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import command_report
from tidegate.core.command import Act
from tidegate.core.command_report import InvalidReportError, Report
from tidegate.wire import iot


def test_a_report() -> None:
    body = {
        "deviceId": "AWS's sample sends it",
        "executionId": "e",
        "status": "FAILED",
        "statusReason": {"reasonCode": "E-1_X", "reasonDescription": "é"},
        "result": {"a": {"s": "x"}, "b": {"b": False}, "c": {"bin": "AAE="}, "d": {"bin": b"\0"}},
    }
    assert command_report.read(body) == Report(
        Act.REPORT_FAILED,
        iot.StatusReason(reason_code="E-1_X", reason_description="é"),
        {
            "a": iot.CommandExecutionResult(s="x"),
            "b": iot.CommandExecutionResult(b=False),
            "c": iot.CommandExecutionResult(bin=b"\0\1"),
            "d": iot.CommandExecutionResult(bin=b"\0"),
        },
    )
    assert command_report.read({"status": "IN_PROGRESS"}) == Report(Act.REPORT_IN_PROGRESS, None, None)
    assert command_report.read({"status": "TIMED_OUT", "result": None}).act is Act.REPORT_TIMED_OUT


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"status": "CREATED"}, "status must be one of IN_PROGRESS"),
        ({"status": None}, "status must be"),
        ({"status": ["FAILED"]}, "status must be"),
        ({"statusReason": "x"}, "statusReason must be an object"),
        ({"statusReason": {}}, "reasonCode must be"),
        ({"statusReason": {"reasonCode": ""}}, "reasonCode must be"),
        ({"statusReason": {"reasonCode": "$NO_RESPONSE_FROM_DEVICE"}}, "reasonCode must be"),
        ({"statusReason": {"reasonCode": "X" * 65}}, "reasonCode must be"),
        ({"statusReason": {"reasonCode": "X", "reasonDescription": "x" * 1025}}, "reasonDescription"),
        ({"statusReason": {"reasonCode": "X", "reasonDescription": "a\nb"}}, "reasonDescription"),
        ({"result": []}, "result must be an object"),
        ({"result": {}}, "At least 1 command execution result is required"),
        ({"result": {"a": "text"}}, "Value cannot be a STRING"),
        ({"result": {"a" * 33: {"s": "x"}}}, "A name in result"),
        ({"result": {"a": {"S": "x"}}}, "The result a must be"),
        ({"result": {"a": {"s": "x", "b": True}}}, "The result a must be"),
        ({"result": {"a": {"s": ""}}}, "The result a must be"),
        ({"result": {"a": {"b": 1}}}, "The result a must be"),
        ({"result": {"a": {"bin": "not base64"}}}, "The result a must be"),
        ({"result": {"a": {"bin": ""}}}, "The result a must be"),
    ],
)
def test_reports_that_are_none(members: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidReportError, match=wrong.replace("$", r"\$")):
        command_report.read({"status": "SUCCEEDED", **members})


def test_edges() -> None:
    reason = {"reasonCode": "X" * 64, "reasonDescription": "x" * 1024}
    command_report.read({"status": "FAILED", "statusReason": reason, "result": {"a" * 32: {"s": "x"}}})


def test_every_violation_at_once() -> None:
    with pytest.raises(InvalidReportError) as raised:
        command_report.read({"status": "x", "statusReason": {}, "result": {}})
    assert all(words in str(raised.value) for words in ("status must", "reasonCode", "At least 1"))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "statusReason", "result", "s", "bin"]) | st.binary(), inner)
    ),
    max_leaves=10,
)


@given(ANY)
def test_nothing_that_a_device_sends_is_a_fault(body: Any) -> None:
    with contextlib.suppress(InvalidReportError):
        assert command_report.read(body).act in Act
