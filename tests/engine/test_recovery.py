"""No time is lost: what came due while nobody ran is done in order and once, whatever the wall clock does."""

from __future__ import annotations

import pytest

from tests.conftest import NOW, Run
from tests.ops.world import DAY, MINUTE, World, retries, timeout
from tidegate.ops.call import Call
from tidegate.ops.effects import ExecutionsQueued
from tidegate.store.database import Database
from tidegate.wire import iot

HOUR = 60 * MINUTE


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> World:
    return World(run, database, call)


def plan(**members: str) -> iot.SchedulingConfig:
    return iot.SchedulingConfig(**members)


def test_timeouts_and_an_end_that_were_missed_come_in_the_order_of_their_times(world: World) -> None:
    """t1 ran out of time before the job's end, t2 would have only after it."""
    targets = world.things(2)
    ends = plan(end_time="2026-01-01T00:40", end_behavior="FORCE_CANCEL")
    world("CreateJob", job_id="j", targets=targets, document="{}", scheduling_config=ends, timeout_config=timeout(30))
    world.device("StartNextPendingJobExecution", "t1")
    world.minutes(15)
    world.device("StartNextPendingJobExecution", "t2")
    world.now += HOUR
    world.settle()
    assert (world.status("t1"), world.status("t2")) == ("TIMED_OUT", "CANCELED")
    assert world.job().status == "COMPLETED"


def test_starts_that_were_missed_come_in_order_and_once(world: World) -> None:
    targets = world.things(1)
    for name, start in (("late", "00:45"), ("early", "00:35"), ("coming", "01:10")):
        starts = plan(start_time=f"2026-01-01T{start}")
        world("CreateJob", job_id=name, targets=targets, document="{}", scheduling_config=starts)
    world.now += HOUR
    world.effects.clear()
    assert world.settle() == NOW + 70 * MINUTE
    queued = [effect for effect in world.effects if isinstance(effect, ExecutionsQueued)]
    assert len(queued) == 2
    pending = world.device("GetPendingJobExecutions", "t1").queued_jobs
    assert {one.job_id for one in pending} == {"early", "late"}
    assert queued[0].job_id > queued[1].job_id  # "late" is the older row: it is the time that decides
    world.effects.clear()
    world.settle()
    assert world.effects == []


def test_a_window_that_came_and_went_stays_closed(world: World) -> None:
    world.things(1)
    group = world.group("g", "t1")
    windows = [iot.MaintenanceWindow(start_time="cron(0 10 * * ? *)", duration_in_minutes=60)]
    members = {"target_selection": "CONTINUOUS", "scheduling_config": iot.SchedulingConfig(maintenance_windows=windows)}
    world("CreateJob", job_id="j", targets=[group], document="{}", **members)
    world.now = NOW + 12 * HOUR
    assert world.settle() == NOW + DAY + 10 * HOUR
    assert (world.job().status, world.counts()) == ("SCHEDULED", {})
    world.until(NOW + DAY + 10 * HOUR)
    assert world.counts() == {"queued": 1}


def test_a_budget_that_was_missed_is_not_caught_up(world: World) -> None:
    names = [arn.rpartition("/")[2] for arn in world.things(5)]
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=2)
    group = world.group("g", *names)
    world("CreateJob", job_id="j", targets=[group], document="{}", job_executions_rollout_config=rate)
    world.now += HOUR
    assert world.settle() == world.now + MINUTE
    assert world.counts() == {"queued": 4}


def test_a_clock_that_goes_back_breaks_nothing(world: World) -> None:
    names = [arn.rpartition("/")[2] for arn in world.things(5)]
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=2)
    members = {"timeout_config": timeout(10), "job_executions_retry_config": retries(TIMED_OUT=1)}
    group = world.group("g", *names)
    world("CreateJob", job_id="j", targets=[group], document="{}", job_executions_rollout_config=rate, **members)
    world.device("StartNextPendingJobExecution", "t1")
    world.now -= 2 * HOUR
    world.settle()
    assert world.counts() == {"queued": 1, "in_progress": 1}
    world.device("StartNextPendingJobExecution", "t2")
    world.minutes(10)
    assert world.attempts("t2") == [(1, 0, "TIMED_OUT"), (2, 1, "QUEUED")]
    assert world.status("t1") == "IN_PROGRESS"
    world.until(NOW + 10 * MINUTE)
    assert world.attempts("t1") == [(1, 0, "TIMED_OUT"), (2, 1, "QUEUED")]
    assert world.counts() == {"queued": 5, "timed_out": 2}
