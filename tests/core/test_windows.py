"""Maintenance windows: the union of their intervals, and when it changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import cron, schedule, windows
from tidegate.core.windows import State, Window

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EVER = 10**15


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def window(expression: str, minutes: int) -> Window:
    return Window(cron.parse(expression), minutes)


DAILY = [window("cron(0 10 * * ? *)", 60)]
CREATED = at("2026-01-05 08:00")


def state(now: str, *, not_after: str | None = None, of: list[Window] = DAILY, created: int = CREATED) -> State:
    end = None if not_after is None else at(not_after)
    return windows.state(of, not_before=created, not_after=end, now=at(now))


def test_a_daily_window() -> None:
    """Scenario 14: created at 08:00, open from 10:00 to 11:00, then again the next day."""
    assert state("2026-01-05 08:00") == State(open=False, changes_at=at("2026-01-05 10:00"))
    assert state("2026-01-05 10:00") == State(open=True, changes_at=at("2026-01-05 11:00"))
    assert state("2026-01-05 10:59:59") == State(open=True, changes_at=at("2026-01-05 11:00"))
    assert state("2026-01-05 11:00") == State(open=False, changes_at=at("2026-01-06 10:00"))
    assert state("2026-01-05 11:30") == State(open=False, changes_at=at("2026-01-06 10:00"))


def test_seven_rollouts_are_shown() -> None:
    starts = windows.upcoming(DAILY, not_before=CREATED, not_after=None, now=CREATED)
    assert [schedule.text_of(start) for start in starts] == [f"2026-01-{day:02}T10:00:00Z" for day in range(5, 12)]


def test_rollouts_are_cut_by_the_end_and_begin_with_the_start() -> None:
    starts = windows.upcoming(
        DAILY, not_before=at("2026-01-07 10:00"), not_after=at("2026-01-09 10:00"), now=at("2026-01-05 10:30")
    )
    assert starts == [at("2026-01-07 10:00"), at("2026-01-08 10:00")]


def test_an_occurrence_that_is_running_when_the_job_is_created_does_not_count() -> None:
    created = at("2026-01-05 10:30")
    assert state("2026-01-05 10:30", created=created) == State(open=False, changes_at=at("2026-01-06 10:00"))


def test_a_job_created_at_the_very_start_counts() -> None:
    created = at("2026-01-05 10:00")
    assert state("2026-01-05 10:00", created=created) == State(open=True, changes_at=at("2026-01-05 11:00"))


def test_endtime_closes_a_window_and_no_other_opens() -> None:
    assert state("2026-01-05 10:10", not_after="2026-01-05 10:40").changes_at == at("2026-01-05 10:40")
    assert state("2026-01-05 10:40", not_after="2026-01-05 10:40") == State(open=False, changes_at=None)
    assert state("2026-01-05 11:00", not_after="2026-01-06 10:00") == State(open=False, changes_at=None)


def test_overlapping_and_touching_windows_are_one() -> None:
    union = [window("0 10 * * ? *", 60), window("30 10 * * ? *", 60), window("30 11 * * ? *", 30)]
    assert state("2026-01-05 10:45", of=union) == State(open=True, changes_at=at("2026-01-05 12:00"))
    assert state("2026-01-05 11:30", of=union) == State(open=True, changes_at=at("2026-01-05 12:00"))
    assert state("2026-01-05 12:00", of=union) == State(open=False, changes_at=at("2026-01-06 10:00"))


def test_a_window_across_midnight() -> None:
    night = [window("0 23 ? * SAT *", 1430)]
    assert state("2026-01-11 12:00", of=night) == State(open=True, changes_at=at("2026-01-11 22:50"))


def test_windows_without_a_gap_give_an_instant_to_look_again() -> None:
    always = [window("0 0/12 * * ? *", 720)]
    now = at("2026-01-06 10:00")
    is_open, again = windows.state(always, not_before=CREATED, not_after=None, now=now)
    assert is_open
    assert again is not None
    assert now + windows.LOOK_AHEAD <= again < now + windows.LOOK_AHEAD + DAY
    assert windows.state(always, not_before=CREATED, not_after=None, now=again - 1).open


def test_a_window_that_never_comes_again() -> None:
    past = [window("0 10 * * ? 2025", 60)]
    assert state("2026-01-05 10:10", of=past) == State(open=False, changes_at=None)
    assert windows.upcoming(past, not_before=CREATED, not_after=None, now=CREATED) == []


def test_occurrences_at_one_instant_are_one() -> None:
    twice = [window("0 10 * * ? *", 60), window("0 10 ? * MON *", 90)]
    starts = windows.upcoming(twice, not_before=CREATED, not_after=None, now=CREATED)
    assert starts == [at("2026-01-05 10:00") + day * DAY for day in range(7)]
    assert state("2026-01-05 10:00", of=twice).changes_at == at("2026-01-05 11:30")


@pytest.mark.parametrize("not_after", [None, CREATED + 36 * HOUR])
@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 23), st.integers(1, 1430)), min_size=1, max_size=3),
    st.integers(-600, 600),
)
def test_agrees_with_a_list_of_intervals(
    not_after: int | None, shapes: list[tuple[int, int, int]], offset: int
) -> None:
    """Against every interval written out: at each edge, and just before it, the state is as the intervals say."""
    union = [window(f"{quarter * 15} {hour} * * ? *", minutes) for quarter, hour, minutes in shapes]
    not_before = CREATED + offset * MINUTE
    day0 = not_before - not_before % DAY
    intervals = [
        (start, start + minutes * MINUTE)
        for quarter, hour, minutes in shapes
        for day in range(8)
        if (start := day0 + day * DAY + hour * HOUR + quarter * 15 * MINUTE) >= not_before
        and start < (not_after or EVER)
    ]

    def is_open(instant: int) -> bool:
        return instant < (not_after or EVER) and any(start <= instant < end for start, end in intervals)

    edges = sorted({edge for interval in intervals for edge in interval} | {not_before, not_after or not_before})
    for now in [instant for edge in edges if edge < day0 + 4 * DAY for instant in (edge - 1, edge)]:
        found = windows.state(union, not_before=not_before, not_after=not_after, now=now)
        assert found.open == is_open(now)
        if found.changes_at is None:
            assert not any(is_open(edge) for edge in edges if edge > now)
            continue
        assert found.changes_at > now
        between = [edge for edge in edges if now < edge < found.changes_at]
        assert all(is_open(edge) == found.open for edge in between), "it does not change before it says"
        if found.changes_at < now + windows.LOOK_AHEAD:
            assert is_open(found.changes_at) != found.open, "and changes when it says"
