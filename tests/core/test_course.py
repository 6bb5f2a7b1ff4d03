"""How a job went, as curves: against the same told naively."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import course
from tidegate.core.course import ENDS, NO_REASON, Course
from tidegate.core.lifecycle import TERMINAL, ExecutionStatus

Q, I, S, F = (ExecutionStatus[name] for name in ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED"))  # noqa: E741


class Execution(NamedTuple):
    status: ExecutionStatus
    queued: int
    started: int | None
    updated: int

    def was(self, at: int) -> ExecutionStatus | None:
        """What it was at the end of a span; None before it was queued."""
        if at < self.queued:
            return None
        if self.status in TERMINAL and at >= self.updated:
            return self.status
        return Q if self.started is None or at < self.started else I


@st.composite
def executions(draw: st.DrawFn) -> Execution:
    status = draw(st.sampled_from(ExecutionStatus))
    queued, waited, took = (draw(st.integers(0, 20)) for _ in range(3))
    never_begun = status is Q or (status not in (I, S) and draw(st.booleans()))
    started = None if never_begun else queued + waited
    return Execution(status, queued, started, queued + waited + took)


@settings(max_examples=100)
@given(st.lists(executions(), max_size=30), st.integers(0, 70))
def test_it_says_what_each_execution_was(made: list[Execution], until: int) -> None:
    found = Course(1000, 10)
    for one in made:
        found.add(*one, 1)
    series = found.series(1000 + until * 10)
    assert len(series.released) > until
    for at, released in enumerate(series.released):
        was = [one.was(at) for one in made]
        assert released == sum(each is not None for each in was)
        assert {status: series.by_status[status][at] for status in ExecutionStatus} == {
            status: was.count(status) for status in ExecutionStatus
        }


@settings(max_examples=50)
@given(st.lists(executions(), max_size=30), st.integers(1, 30))
def test_when_so_many_had_ended(made: list[Execution], wanted: int) -> None:
    found = Course(0, 10)
    for one in made:
        found.add(*one, 1)
    ends = sorted(one.updated for one in made if one.status in TERMINAL)
    expected = (ends[wanted - 1] + 1) * 10 if len(ends) >= wanted else None
    assert found.ended_after(wanted, ENDS) == expected


@pytest.mark.parametrize("days", [0, 0.01, 1, 30, 400])
def test_there_are_never_too_many_points(days: float) -> None:
    span = int(days * 86_400_000)
    assert span // course.width(5, 5 + span) < course.POINTS


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (None, NO_REASON),
        ("{}", NO_REASON),
        ("no JSON", NO_REASON),
        ('{"reason": "disk full", "step": "3"}', "disk full"),
        ('{"step": "3", "code": "E7"}', "code: E7, step: 3"),
        ('{"error": ""}', "error: "),
        ('{"message": "%s"}' % ("x" * 5000), "x" * 200),
    ],
)
def test_a_reason_is_what_agents_call_one(details: str | None, told: str) -> None:
    assert course.reason(details) == told
