"""Both forms of a run agree execution by execution, for they draw the same numbers."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import abort, cron, retry, rollout, windows
from tidegate.core.forecast import draws, exact, model
from tidegate.core.forecast import run as runs
from tidegate.core.forecast.run import Present, Run, Start
from tidegate.core.job import Job, Plan
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.schedule import EndBehavior

pytest.importorskip("numpy")
from tidegate.core.forecast import arrays, crowd

NOW = 1_767_225_600_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE

_rates = st.none() | st.builds(
    rollout.Exponential,
    st.integers(1, 10),
    st.sampled_from([Decimal("1.3"), Decimal(2)]),
    st.none() | st.integers(1, 20),
    st.none() | st.integers(1, 20),
)
_kinds = st.sampled_from(["FAILED", "REJECTED", "TIMED_OUT", "ALL"])
_aborts = st.lists(
    st.builds(abort.Criterion, _kinds, st.sampled_from([Decimal(10), Decimal("33.3")]), st.integers(1, 30)), max_size=2
)
_retries = st.sampled_from(
    [
        (),
        (retry.Criterion("ALL", 2),),
        (retry.Criterion("FAILED", 1), retry.Criterion("TIMED_OUT", 2)),
        (retry.Criterion("TIMED_OUT", 1),),
    ]
)
_windows = st.lists(
    st.builds(
        windows.Window,
        st.sampled_from(["0 * * * ? *", "30 0/3 * * ? *", "10 1,5 * * ? *"]).map(cron.parse),
        st.sampled_from([5 * MINUTE, 20 * MINUTE, 60 * MINUTE]),
    ),
    max_size=1,
).map(tuple)
_blackouts = st.lists(
    st.builds(
        windows.Window,
        st.sampled_from([cron.parse("20 * * * ? *"), windows.Once(NOW + 30 * MINUTE)]),
        st.sampled_from([5, 25, 90]),
    ),
    max_size=1,
).map(tuple)
_plans = st.builds(
    Plan,
    continuous=st.just(False),
    starts_at=st.none() | st.integers(1, 300).map(lambda minutes: NOW + minutes * MINUTE),
    ends_at=st.none() | st.integers(400, 2000).map(lambda minutes: NOW + minutes * MINUTE),
    windows=_windows,
    end_behavior=st.sampled_from(EndBehavior),
    per_minute=st.none() | st.integers(1, 60),
    rate=_rates,
    abort=_aborts.map(tuple),
    retries=_retries,
    pauses=st.booleans(),
    blackouts=_blackouts,
)
_cohorts: Any = {
    "online": st.sampled_from([1, 0.7, 0.01, [0] * 8 + [0.5] * 8 + [0.1] * 8]),
    "start": st.sampled_from([{"p50": "7s", "p99": "20m"}, {"p0": "1s", "p50": "1h", "p100": "5h"}]),
    "run": st.sampled_from([{"p50": "2m", "p90": "4m", "p100": "70m"}, {"p0": "3s", "p100": "10m"}]),
    "failed": st.sampled_from([0, 0.1, 0.4]),
    "rejected": st.sampled_from([0, 0.1]),
    "silent": st.sampled_from([0, 0.05]),
    "stuck": st.sampled_from([0, 0.1]),
}
_fleets = st.fixed_dictionaries(
    {**_cohorts, "cohorts": st.lists(st.fixed_dictionaries({"share": st.just(0.3), **_cohorts}), max_size=2)}
).map(model.parse)


def rows(run: Run) -> list[tuple[int, ...]]:
    """The executions of a run, in order."""
    columns = run.thing, run.attempt, run.queued_at, run.started_at, run.ended_at, run.status
    return sorted(tuple(map(int, one)) for one in zip(*columns, strict=True))


def assert_agree(start: Start, fleet: Any, seed: int) -> None:
    one, other = exact.run(start, draws.Devices(fleet, seed)), arrays.run(start, crowd.Crowd(fleet, seed))
    assert other.releases == one.releases
    assert (other.aborted_at, other.completed_at, other.cut) == (one.aborted_at, one.completed_at, one.cut)
    assert rows(other) == rows(one)


@settings(max_examples=15)
@given(
    plan=_plans,
    fleet=_fleets,
    seed=st.integers(0, 1 << 40),
    things=st.integers(0, 300),
    minutes=st.none() | st.integers(1, 60),
)
def test_a_run_over_arrays_is_the_run_event_by_event(
    plan: Plan, fleet: Any, seed: int, things: int, minutes: int | None
) -> None:
    start = runs.of_new_job(plan, NOW, things, timeout_minutes=minutes, until=NOW + 5 * DAY, chunk=20)
    assert_agree(start, fleet, seed)


@st.composite
def _under_way(draw: Any) -> Start:
    """A job that runs, with executions of its own past."""
    plan = draw(_plans)._replace(starts_at=None, windows=())
    present = []
    for _ in range(draw(st.integers(0, 30))):
        began = draw(st.none() | st.integers(1, 40 * MINUTE))
        limit = draw(st.none() | st.integers(1, 50 * MINUTE))
        status = ExecutionStatus.QUEUED if began is None else ExecutionStatus.IN_PROGRESS
        attempt = draw(st.integers(0, 2))
        started_at = None if began is None else NOW - began
        deadline = None if began is None or limit is None else NOW + limit
        failed = draw(st.integers(0, attempt))
        present.append(Present(status, NOW - 41 * MINUTE, attempt, failed, started_at, deadline))
    to_come, done = draw(st.integers(0, 60)), draw(st.integers(0, 20))
    counts = Counter({ExecutionStatus.SUCCEEDED: done}) + Counter(one.status for one in present)
    released = len(present) + done
    stage = Stage.ROLLOUT if to_come else Stage.NONE
    job = Job(plan, NOW - DAY, JobStatus.IN_PROGRESS, stage, NOW - DAY, NOW - DAY, released=released)
    minutes = draw(st.none() | st.integers(1, 60))
    return Start(job, NOW, to_come, minutes, present, counts=counts, until=NOW + 5 * DAY, ended_things=done)


@settings(max_examples=15)
@given(start=_under_way(), fleet=_fleets, seed=st.integers(0, 1 << 40))
def test_so_is_the_rest_of_a_run(start: Start, fleet: Any, seed: int) -> None:
    assert_agree(start, fleet, seed)
