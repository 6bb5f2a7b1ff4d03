"""The in-progress timer and the step timer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import timers
from tidegate.core.timers import Timers

MINUTE = 60_000
NOON = 1_767_614_400_000


def after(minutes: int) -> int:
    return NOON + minutes * MINUTE


def test_the_example_of_aws() -> None:
    """In-progress 20 from 12:00; steps 7 at 12:05, 5 at 12:10, 9 at 12:13 (control reference 12)."""
    running = timers.started(20, None, after(0))
    assert running.deadline == after(20)
    running = timers.stepped(running, 7, after(5))
    assert running.deadline == after(12)
    running = timers.stepped(running, 5, after(10))
    assert running.deadline == after(15)
    running = timers.stepped(running, 9, after(13))
    assert running.deadline == after(20)
    assert not running.expired(after(20) - 1)
    assert running.expired(after(20))


def test_no_timer_lasts_for_ever() -> None:
    running = timers.started(None, None, NOON)
    assert running == Timers(None, None)
    assert running.deadline is None
    assert not running.expired(10**15)


def test_a_step_timer_works_alone_and_is_cleared() -> None:
    running = timers.started(None, 5, NOON)
    assert running.deadline == after(5)
    assert timers.stepped(running, None, after(1)) == running
    assert timers.stepped(running, timers.CLEAR, after(1)).deadline is None


def test_clearing_the_step_timer_leaves_the_other() -> None:
    running = timers.started(20, 5, NOON)
    assert timers.stepped(running, -1, after(2)).deadline == after(20)


def test_approximate_seconds() -> None:
    assert timers.approximate_seconds(after(15), after(0)) == 900
    assert timers.approximate_seconds(after(15), after(0) + 1) == 899
    assert timers.approximate_seconds(after(15), after(15)) == 0
    assert timers.approximate_seconds(after(15), after(16)) == 0
    assert timers.approximate_seconds(None, NOON) is None


MINUTES = st.integers(1, 10_080)
UPDATES = st.lists(st.tuples(st.integers(0, 600 * MINUTE), st.one_of(st.none(), st.just(-1), MINUTES)), max_size=8)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.one_of(st.none(), MINUTES), st.one_of(st.none(), MINUTES), UPDATES)
def test_never_early_and_never_past_the_in_progress_timer(
    in_progress: int | None, step: int | None, updates: list[tuple[int, int | None]]
) -> None:
    running, now = timers.started(in_progress, step, NOON), NOON
    latest_step = None if step is None else NOON + step * MINUTE
    for elapsed, minutes in updates:
        now += elapsed
        running = timers.stepped(running, minutes, now)
        if minutes is not None:
            latest_step = None if minutes == -1 else now + minutes * MINUTE
    limits = [
        limit for limit in (latest_step, None if in_progress is None else after(in_progress)) if limit is not None
    ]
    assert running.deadline == (min(limits) if limits else None)
    seconds = timers.approximate_seconds(running.deadline, now)
    if running.deadline is not None and seconds is not None:
        assert running.expired(running.deadline)
        assert not running.expired(running.deadline - 1)
        assert seconds * 1000 <= max(0, running.deadline - now)
