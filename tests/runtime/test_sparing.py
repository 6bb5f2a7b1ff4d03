"""One line of the log a minute and cause."""

from __future__ import annotations

import logging

import pytest

from tidegate import sparing
from tidegate.sparing import Sparing


def test_one_line_a_minute_of_each_cause(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    monkeypatch.setattr(sparing, "monotonic", lambda: now)
    lines = Sparing(logging.getLogger("tidegate.test"))
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


def test_two_servers_in_a_process_do_not_silence_each_other(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tidegate.test")
    Sparing(log).error("full")
    Sparing(log).error("full")
    assert len(caplog.records) == 2
