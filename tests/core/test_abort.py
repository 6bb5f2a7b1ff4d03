"""When a job is aborted."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import abort
from tidegate.core.abort import Counts, Criterion

FAILED_20 = Criterion("FAILED", Decimal(20), 5)
FIELDS = {"S": "succeeded", "F": "failed", "R": "rejected", "T": "timed_out"}


def counts(ends: str) -> Counts:
    return Counts(**{name: ends.count(letter) for letter, name in FIELDS.items()})


@pytest.mark.parametrize("ends", ["SSSSF", "FSSSS"])
def test_fires_at_the_fifth_whatever_the_order(ends: str) -> None:
    """Scenario 10: 20 % FAILED after at least 5."""
    fired = [n for n in range(len(ends) + 1) if abort.decide([FAILED_20], counts(ends[:n]))]
    assert fired == [5]


@pytest.mark.parametrize(("threshold", "fires"), [("50.00", True), ("50.01", False), ("50", True), ("49.99", True)])
def test_all_counts_every_failure(threshold: str, fires: bool) -> None:
    """Scenario 11: REJECTED 1 + TIMED_OUT 1 of 4 executed."""
    criterion = Criterion("ALL", Decimal(threshold), 1)
    assert (abort.decide([criterion], counts("SSRT")) is criterion) is fires


@pytest.mark.parametrize(("failure_type", "expected"), [("FAILED", 3), ("REJECTED", 2), ("TIMED_OUT", 1), ("ALL", 6)])
def test_types(failure_type: str, expected: int) -> None:
    assert counts("SSSSFFFRRT").of(failure_type) == expected


def test_the_first_in_the_list_decides() -> None:
    one, other = Criterion("ALL", Decimal(10), 1), Criterion("FAILED", Decimal(10), 1)
    assert abort.decide([one, other], counts("SF")) is one
    assert abort.decide([other, one], counts("SF")) is other
    assert abort.decide([other, one], counts("SR")) is one


def test_nothing_executed_aborts_nothing() -> None:
    assert abort.decide([Criterion("ALL", Decimal("0.01"), 0)], Counts()) is None
    assert abort.decide([], counts("FFFF")) is None


def test_thirds_are_compared_exactly() -> None:
    assert abort.decide([Criterion("FAILED", Decimal("33.33"), 1)], counts("FSS"))
    assert not abort.decide([Criterion("FAILED", Decimal("33.34"), 1)], counts("FSS"))


def test_percentage_for_the_comment() -> None:
    assert str(abort.percentage(FAILED_20, counts("SSSSF"))) == "20.00"
    assert str(abort.percentage(FAILED_20, counts("FFS"))) == "66.67"
    assert str(abort.percentage(FAILED_20, Counts())) == "0.00"


COUNTS = st.builds(Counts, *[st.integers(0, 10**7)] * 4)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    COUNTS, st.integers(1, 10_000), st.integers(1, 1000), st.sampled_from(["FAILED", "REJECTED", "TIMED_OUT", "ALL"])
)
def test_agrees_with_fractions(made: Counts, hundredths: int, least: int, failure_type: str) -> None:
    criterion = Criterion(failure_type, Decimal(hundredths) / 100, least)
    met = made.executed >= least and Fraction(100 * made.of(failure_type), made.executed) >= Fraction(hundredths, 100)
    with localcontext() as context:
        context.prec = 3  # the decision does not depend on anybody's context
        assert (abort.decide([criterion], made) is not None) is met


@settings(derandomize=True, max_examples=200, deadline=None)
@given(COUNTS, st.integers(1, 10_000), st.integers(1, 1000))
def test_one_more_failure_never_saves_a_job(made: Counts, hundredths: int, least: int) -> None:
    criteria = [Criterion("FAILED", Decimal(hundredths) / 100, least)]
    if abort.decide(criteria, made):
        assert abort.decide(criteria, made._replace(failed=made.failed + 1))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    COUNTS, st.integers(1, 10_000), st.integers(1, 1000), st.sampled_from(["FAILED", "REJECTED", "TIMED_OUT", "ALL"])
)
def test_so_many_more_are_just_enough(made: Counts, hundredths: int, least: int, failure_type: str) -> None:
    criterion = Criterion(failure_type, Decimal(hundredths) / 100, least)
    kind = "failed" if failure_type == "ALL" else failure_type.lower()

    def met(more: int) -> bool:
        return abort.decide([criterion], made._replace(**{kind: getattr(made, kind) + more})) is not None

    more = abort.more_until(criterion, made)
    if more is None:
        assert (hundredths, met(10**12)) == (10_000, False)
    else:
        assert (met(more), more == 0 or not met(more - 1)) == (True, True)
