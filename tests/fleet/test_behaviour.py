from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.fleet.behaviour import Behaviour, Plan, Report

shares = st.floats(0, 1 / 3)


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 10), st.integers())
def test_a_plan_depends_on_what_it_is_for_and_on_nothing_else(thing: str, job: str, number: int, seed: int) -> None:
    behaviour = Behaviour(seed, quickest=1, slowest=2, failure=0.3, rejection=0.3, silence=0.3)
    assert behaviour.plan(thing, job, number) == behaviour.plan(thing, job, number)


@given(shares, shares, shares)
def test_shares_are_kept(failure: float, rejection: float, silence: float) -> None:
    behaviour = Behaviour(7, failure=failure, rejection=rejection, silence=silence)
    drawn = Counter(behaviour.plan(f"lamp-{number}", "job", 1).ending for number in range(1000))
    for ending, share in (("FAILED", failure), ("REJECTED", rejection), (None, silence)):
        assert drawn[ending] == pytest.approx(1000 * share, abs=70)


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_job_takes_between_the_quickest_and_the_slowest(quickest: float, more: float) -> None:
    behaviour = Behaviour(quickest=quickest, slowest=quickest + more)
    for number in range(20):
        assert quickest <= behaviour.plan("lamp", "job", number).seconds <= quickest + more


def test_reports_share_the_time_and_end_with_the_ending() -> None:
    assert list(Plan("SUCCEEDED", 3.0, 2).reports()) == [
        Report(1.0, "IN_PROGRESS", {"step": "1 of 2", "percent": "50"}),
        Report(1.0, "IN_PROGRESS", {"step": "2 of 2", "percent": "100"}),
        Report(1.0, "SUCCEEDED", {"result": "installed"}),
    ]
    assert [report.status for report in Plan("FAILED", 1.0, 0).reports()] == ["FAILED"]
    assert [report.status for report in Plan("REJECTED", 1.0, 5).reports()] == ["REJECTED"]
    assert list(Plan(None, 1.0, 5).reports()) == []
