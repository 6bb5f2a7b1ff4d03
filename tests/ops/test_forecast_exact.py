"""A forecast is the engine, ahead of its time: both agree to the millisecond if the devices do the same."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, Run
from tests.ops.played import Played, Seen
from tests.ops.world import World, retries, timeout
from tidegate.core import schedule
from tidegate.core.forecast import exact
from tidegate.core.forecast import run as runs
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import configuration, job_state
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
_ENDS = (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.REJECTED)


class Table:
    """Devices at random; many do the same at the same instant."""

    def __init__(self, seed: int, weights: tuple[int, int, int], quiet: float) -> None:
        self._seed, self._weights, self._quiet = seed, weights, quiet

    def _chance(self, *what: int) -> random.Random:
        return random.Random(hash((self._seed, *what)))

    def begins(self, thing: int, attempt: int, at: int) -> int | None:
        chance = self._chance(thing, attempt, at)
        if chance.random() < self._quiet:
            return None
        return at + chance.choice((0, 1, 999, 5000, MINUTE, 2 * MINUTE, chance.randrange(3 * 60 * MINUTE)))

    def ends(self, thing: int, attempt: int, began_at: int, now: int) -> tuple[int, ExecutionStatus] | None:
        chance = self._chance(thing, attempt, began_at, 1)
        if chance.random() < self._quiet:
            return None
        run = chance.choice((0, 1, 5000, MINUTE, 2 * MINUTE, chance.randrange(3 * 60 * MINUTE)))
        return began_at + run, chance.choices(_ENDS, self._weights)[0]


def _rates() -> st.SearchStrategy[Any]:
    exponential = st.builds(
        iot.ExponentialRolloutRate,
        base_rate_per_minute=st.integers(1, 3),
        increment_factor=st.sampled_from([Decimal("1.5"), Decimal(3)]),
        rate_increase_criteria=st.one_of(
            st.builds(iot.RateIncreaseCriteria, number_of_notified_things=st.integers(1, 4)),
            st.builds(iot.RateIncreaseCriteria, number_of_succeeded_things=st.integers(1, 4)),
        ),
    )
    return st.one_of(
        st.none(),
        st.builds(iot.JobExecutionsRolloutConfig, maximum_per_minute=st.integers(1, 5)),
        st.builds(iot.JobExecutionsRolloutConfig, maximum_per_minute=st.integers(3, 6), exponential_rate=exponential),
    )


def _aborts() -> st.SearchStrategy[Any]:
    criterion = st.builds(
        iot.AbortCriteria,
        failure_type=st.sampled_from(["FAILED", "REJECTED", "TIMED_OUT", "ALL"]),
        action=st.just("CANCEL"),
        threshold_percentage=st.sampled_from([Decimal(20), Decimal("33.4"), Decimal(60)]),
        min_number_of_executed_things=st.integers(1, 8),
    )
    return st.none() | st.builds(iot.AbortConfig, criteria_list=st.lists(criterion, min_size=1, max_size=2))


def _retries() -> st.SearchStrategy[Any]:
    def config(budgets: dict[str, int]) -> iot.JobExecutionsRetryConfig:
        return retries(**budgets)

    count = st.integers(1, 3)
    each = st.dictionaries(st.sampled_from(["FAILED", "TIMED_OUT"]), count, min_size=1)
    return st.none() | each.map(config) | st.fixed_dictionaries({"ALL": count}).map(config)


@st.composite
def _schedules(draw: Any) -> Any:
    """startTime, endTime, windows, or none of them."""
    start = draw(st.none() | st.integers(31, 300))
    end = draw(st.none() | st.integers(400, 2000))
    windows = draw(
        st.lists(
            st.builds(
                iot.MaintenanceWindow,
                start_time=st.sampled_from(["cron(0 * * * ? *)", "cron(30 0/2 * * ? *)", "cron(10 1,5 * * ? *)"]),
                duration_in_minutes=st.sampled_from([5, 20, 60]),
            ),
            max_size=2,
            unique_by=lambda one: one.start_time,
        )
    )
    if start is None and end is None and not windows:
        return None
    return iot.SchedulingConfig(
        start_time=None if start is None else schedule.text_of(NOW + start * MINUTE),
        end_time=None if end is None else schedule.text_of(NOW + end * MINUTE),
        end_behavior=None if end is None else draw(st.sampled_from(["STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"])),
        maintenance_windows=windows or None,
    )


_JOBS = st.fixed_dictionaries(
    {
        "job_executions_rollout_config": _rates(),
        "abort_config": _aborts(),
        "job_executions_retry_config": _retries(),
        "timeout_config": st.none() | st.integers(1, 90).map(timeout),
        "scheduling_config": st.none() | _schedules(),
        "tags": st.sampled_from([None, [iot.Tag(key="tidegate:on-abort", value="pause")]]),
    }
)
_TABLES = st.builds(
    Table,
    st.integers(0, 1 << 30),
    st.sampled_from([(1, 0, 0), (8, 1, 1), (2, 3, 1)]),
    st.sampled_from([0.0, 0.1]),
)


def _played(
    database: Database, call: Call, run: Run, things: int, settings: dict[str, Any], table: Table, until: int
) -> tuple[Played, runs.Start]:
    database.reset()  # type: ignore[attr-defined]
    scope = transact(database, lambda tx: scopes.ensure(tx, call.account, call.region))
    world = World(run, database, call._replace(scope=scope))
    times = settings["scheduling_config"]
    selection = "CONTINUOUS" if times is not None and times.maintenance_windows else "SNAPSHOT"
    world("CreateJob", job_id="j", targets=world.things(things), document="{}", target_selection=selection, **settings)
    played = Played(world, database, things, table)
    row = played.row()
    plan = configuration.plan(row.config, row.target_selection)
    start = runs.of_new_job(plan, NOW, things, timeout_minutes=row.timeout_minutes, until=until)
    played.until(until)
    return played, start


_FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@_FEW
@given(things=st.integers(1, 12), job=_JOBS, table=_TABLES)
def test_the_forecast_of_a_job_is_what_the_engine_does(
    database: Database, call: Call, run: Run, things: int, job: dict[str, Any], table: Table
) -> None:
    until = NOW + 2 * DAY
    played, start = _played(database, call, run, things, job, table, until)
    foreseen = exact.run(start, table)
    columns = zip(
        foreseen.thing,
        foreseen.attempt,
        foreseen.queued_at,
        foreseen.started_at,
        foreseen.ended_at,
        foreseen.status,
        strict=True,
    )
    seen, row = played.seen(), played.row()
    assert sorted(Seen(*one) for one in columns) == seen
    first = sorted(one.queued_at for one in seen if not one.attempt)
    assert [at for at, count in foreseen.releases for _ in range(count)] == first
    assert foreseen.completed_at == row.completed_at
    hold = job_state.held(row).hold
    if hold is not None:
        assert foreseen.aborted_at == hold.since
    elif row.status == "CANCELED" or not start.job.plan.pauses:
        assert foreseen.aborted_at == (row.updated_at if row.status == "CANCELED" else None)
