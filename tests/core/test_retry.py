"""When an execution that ended is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import retry
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.core.retry import Criterion, Retry

FAILED, TIMED_OUT = ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT
BOTH = [Criterion("FAILED", 2), Criterion("TIMED_OUT", 1)]


@pytest.mark.parametrize(
    ("criteria", "cause", "used", "expected"),
    [
        ([], FAILED, {}, False),
        (BOTH, FAILED, {}, True),
        (BOTH, FAILED, {FAILED: 1}, True),
        (BOTH, FAILED, {FAILED: 2}, False),
        (BOTH, FAILED, {FAILED: 1, TIMED_OUT: 1}, True),
        (BOTH, TIMED_OUT, {FAILED: 2}, True),
        (BOTH, TIMED_OUT, {TIMED_OUT: 1}, False),
        ([Criterion("FAILED", 2)], TIMED_OUT, {}, False),
        ([Criterion("FAILED", 0)], FAILED, {}, False),
        ([Criterion("ALL", 2)], FAILED, {TIMED_OUT: 1}, True),
        ([Criterion("ALL", 2)], TIMED_OUT, {FAILED: 1, TIMED_OUT: 1}, False),
        ([Criterion("FAILED", 10)], FAILED, {FAILED: 9}, True),
        ([Criterion("FAILED", 25)], FAILED, {FAILED: 24}, True),
    ],
)
def test_budgets(
    criteria: list[Criterion], cause: ExecutionStatus, used: dict[ExecutionStatus, int], expected: bool
) -> None:
    assert retry.may_retry(criteria, cause, used) is expected


@pytest.mark.parametrize("cause", sorted(set(ExecutionStatus) - {FAILED, TIMED_OUT}))
def test_other_ends_are_never_tried_again(cause: ExecutionStatus) -> None:
    assert not retry.may_retry([Criterion("ALL", 10)], cause, {})


def test_when() -> None:
    def when(**given: bool) -> Retry:
        return retry.decide(BOTH, FAILED, {}, **{"job_active": True, **given})

    assert when() is Retry.NOW
    assert when(window_open=False) is Retry.AT_NEXT_WINDOW
    assert when(job_active=False) is Retry.NEVER
    assert when(ended=True) is Retry.NEVER
    assert when(ended=True, window_open=False) is Retry.NEVER
    assert retry.decide(BOTH, FAILED, {FAILED: 2}, job_active=True, window_open=False) is Retry.NEVER


CRITERIA = st.one_of(
    st.integers(0, 10).map(lambda n: [Criterion("ALL", n)]),
    st.tuples(st.integers(0, 10), st.integers(0, 10)).map(
        lambda n: [Criterion("FAILED", n[0]), Criterion("TIMED_OUT", n[1])]
    ),
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(CRITERIA, st.lists(st.sampled_from([FAILED, TIMED_OUT]), min_size=25, max_size=25))
def test_a_thing_is_never_tried_more_than_its_budgets(criteria: list[Criterion], causes: list[ExecutionStatus]) -> None:
    used = {FAILED: 0, TIMED_OUT: 0}
    for cause in causes:
        if retry.may_retry(criteria, cause, used):
            used[cause] += 1
    budget = {criterion.failure_type: criterion.retries for criterion in criteria}
    total = sum(used.values())
    assert total <= sum(budget.values())
    if "ALL" in budget:
        assert total == budget["ALL"], "and all of a budget can be used"
    else:
        assert used[FAILED] <= budget["FAILED"]
        assert used[TIMED_OUT] <= budget["TIMED_OUT"]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 10**13), st.integers(-5000, 5000))
def test_a_retry_is_queued_in_a_later_second(previous: int, elapsed: int) -> None:
    now = previous + elapsed
    queued = retry.queued_at(previous, now)
    assert queued // 1000 > previous // 1000
    assert queued >= now
    if now // 1000 > previous // 1000:
        assert queued == now
    else:
        assert queued % 1000 == 0


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ([], []),
        (BOTH, []),
        ([Criterion("ALL", 10)], []),
        ([Criterion("FAILED", 5), Criterion("TIMED_OUT", 5)], []),
        (
            [Criterion("FAILED", 6), Criterion("TIMED_OUT", 5)],
            ["The total number of retries must be at most 10, not 11."],
        ),
        (
            [Criterion("ALL", 1), Criterion("FAILED", 1)],
            ["Retry criteria for failure type ALL cannot be combined with other failure types."],
        ),
        (
            [Criterion("FAILED", 1), Criterion("FAILED", 1)],
            ["Failure type FAILED appears more than once in the retry criteria."],
        ),
        (
            [Criterion("ALL", 1), Criterion("ALL", 1)],
            ["Failure type ALL appears more than once in the retry criteria."],
        ),
    ],
)
def test_problems(criteria: list[Criterion], expected: list[str]) -> None:
    assert retry.problems(criteria) == expected
