"""One line of the log a minute and cause."""

from __future__ import annotations

import logging

import pytest

from tidegate import rate_limited_log
from tidegate.rate_limited_log import RateLimitedLog


def test_one_line_a_minute_of_each_cause(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    monkeypatch.setattr(rate_limited_log, "monotonic", lambda: now)
    lines = RateLimitedLog(logging.getLogger("tidegate.test"))
    for number in range(1000):
        lines.error("%s could not be stored", number)
        lines.warning("another cause")
    assert [record.getMessage() for record in caplog.records] == ["0 could not be stored", "another cause"]
    caplog.clear()
    now += 60
    lines.error("%s could not be stored", "x")
    lines.error("%s could not be stored", "y")
    assert [record.getMessage() for record in caplog.records] == [
        "x could not be stored (and 999 times more since the last such line)"
    ]


def test_one_line_of_each_kind_where_one_template_is_for_several(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 5.0
    monkeypatch.setattr(rate_limited_log, "monotonic", lambda: now)
    lines = RateLimitedLog(logging.getLogger("tidegate.test"))

    def told(kind: str) -> list[str]:
        caplog.clear()
        lines.warning("refused by its %s", kind, kind=kind)
        return caplog.messages

    assert told("Host") == ["refused by its Host"]
    assert [told("Host") for _ in range(7)] == [[]] * 7
    assert told("Origin") == ["refused by its Origin"]
    now += 60
    assert told("Host") == ["refused by its Host (and 7 times more since the last such line)"]
    assert told("Host") == []


def test_two_servers_in_a_process_do_not_silence_each_other(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tidegate.test")
    RateLimitedLog(log).error("full")
    RateLimitedLog(log).error("full")
    assert len(caplog.records) == 2
