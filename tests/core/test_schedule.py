"""startTime, endTime and the end of a job."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import lifecycle, schedule
from tidegate.core.lifecycle import Act, ExecutionStatus
from tidegate.core.schedule import EndBehavior

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
NOW = 1_767_600_000_000  # 2026-01-05T08:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05 08:00", NOW),
        ("2026-01-05T08:00", NOW),
        ("2026/01/05 08:00", NOW),
        ("2026-01-05T08:00Z", NOW),
        ("2026-01-05T08:00:00Z", NOW),
        ("2026-01-05T08:00:30.5Z", NOW + 30_500),
        ("2026-01-05T08:00:30.123456+00:00", NOW + 30_123),
        ("2026-01-05T08:00:00.0009", NOW),
        ("2026-01-05 09:30+01:30", NOW),
        ("2026-01-04T23:00-09:00", NOW),
        ("2024-02-29 00:00", 1_709_164_800_000),
        ("1970-01-01 00:00", 0),
        ("0001-01-01 00:00+23:59", -62_135_683_140_000),
    ],
)
def test_parse(text: str, expected: int) -> None:
    assert schedule.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "1767600000",
        "2026-01-05",
        "2026-01-05 8:00",
        "2026-01-05 08:00 ",
        "2026-01-05 08:00\n",
        "2026-01-05  08:00",
        "2026-01-05t08:00z",
        "2026-02-30 08:00",
        "2025-02-29 08:00",
        "0000-01-01 08:00",
        "2026-13-01 08:00",
        "2026-01-05 24:00",
        "2026-01-05 08:60",
        "2026-01-05 08:00:60",
        "2026-01-05 08:00+24:00",
        "2026-01-05 08:00+0100",
        "2026-01-05 08:00.5",
        "2026/01/05 08:00:00",
        "2026/01/05T08:00",
        "2026/01/05 08:00Z",
        "2026-01/05 08:00",
        "\u0662026-01-05 08:00",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        schedule.parse(text)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2198, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - bounds are naive
def test_parse_reads_what_python_writes(moment: datetime) -> None:
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        return
    expected = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert schedule.parse(moment.isoformat(timespec="seconds")) == expected * 1000
    assert schedule.parse(schedule.text_of(expected * 1000)) == expected * 1000


def written(minutes: int) -> str:
    return schedule.text_of(NOW + minutes * MINUTE)


YEAR = 365 * 24 * 60  # minutes


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, []),
        (30, None, []),
        (YEAR, None, []),
        (None, 30, []),
        (None, 2 * YEAR, []),
        (30, 60, []),
        (30, 2 * YEAR, []),
        # scenario 16
        (29, None, ["startTime 2026-01-05T08:29:00Z must be at least 30 minutes from now."]),
        (YEAR + 24 * 60, None, ["startTime 2027-01-06T08:00:00Z must be at most 1 year from now."]),
        (60, 89, ["endTime must be at least 30 minutes after startTime."]),
        (-5, None, ["startTime 2026-01-05T07:55:00Z must be at least 30 minutes from now."]),
        (None, 29, ["endTime 2026-01-05T08:29:00Z must be at least 30 minutes from now."]),
        (None, 2 * YEAR + 1, ["endTime 2028-01-05T08:01:00Z must be at most 2 years from now."]),
        (60, 40, ["endTime must be at least 30 minutes after startTime."]),
    ],
)
def test_limits(start: int | None, end: int | None, expected: list[str]) -> None:
    times = [None if minutes is None else written(minutes) for minutes in (start, end)]
    assert schedule.problems(times[0], times[1], now=NOW) == expected


def test_every_problem_is_told() -> None:
    found = schedule.problems("soon", written(10), now=NOW)
    assert len(found) == 2
    assert found[0].startswith("startTime soon is not a valid time.")
    assert schedule.problems(written(-2 * YEAR), written(2), now=NOW)[2:] == [
        "endTime must be at most 2 years after startTime."
    ]


def test_the_lead_is_a_setting() -> None:
    assert schedule.problems(written(0), written(1), now=NOW, lead=0, apart=0) == []
    assert schedule.problems(written(1), None, now=NOW, lead=90_000) == [
        "startTime 2026-01-05T08:01:00Z must be at least 2 minutes from now."
    ]


Q, RUNNING = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("behavior", "status", "act"),
    [
        (EndBehavior.STOP_ROLLOUT, Q, None),
        (EndBehavior.STOP_ROLLOUT, RUNNING, None),
        (EndBehavior.CANCEL, Q, Act.CANCEL),
        (EndBehavior.CANCEL, RUNNING, None),
        (EndBehavior.FORCE_CANCEL, Q, Act.CANCEL),
        (EndBehavior.FORCE_CANCEL, RUNNING, Act.FORCE_CANCEL),
    ],
)
def test_end_acts(behavior: EndBehavior, status: ExecutionStatus, act: Act | None) -> None:
    assert schedule.END_ACTS.get((behavior, status)) == act


def test_every_end_act_is_a_legal_move_to_canceled() -> None:
    for (_, status), act in schedule.END_ACTS.items():
        assert lifecycle.EXECUTION_MOVES[status, act] is ExecutionStatus.CANCELED
