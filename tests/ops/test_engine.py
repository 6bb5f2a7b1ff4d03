"""What becomes of a job's settings over time, on both stores, beside the worked scenarios (``tests/scenarios``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.world import DAY, MINUTE, World, abort_when, retries, timeout
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.store.database import Database, locks_rows
from tidegate.wire import iot, jobs_data

DOCUMENT = "{}"
MIDNIGHT = NOW  # 2026-01-01T00:00:00Z, a Thursday


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> World:
    return World(run, database, call)


# --- retries (7, 8) -------------------------------------------------------------------------------------------------


def test_a_budget_that_is_spent_leaves_the_failure(world: World) -> None:
    config = retries(FAILED=1)
    world("CreateJob", job_id="j", targets=world.things(1), document=DOCUMENT, job_executions_retry_config=config)
    world.report("t1", "j", "FAILED")
    world.report("t1", "j", "FAILED")
    assert world.attempts("t1") == [(1, 0, "FAILED"), (2, 1, "FAILED")]
    assert world.job().status == "COMPLETED"


def test_a_retry_is_queued_in_a_later_second(world: World) -> None:
    config = retries(FAILED=1)
    world("CreateJob", job_id="j", targets=world.things(1), document=DOCUMENT, job_executions_retry_config=config)
    first = world.device("StartNextPendingJobExecution", "t1").execution
    world.report("t1", "j", "FAILED", status_details={"why": "x"})
    second = world.device("DescribeJobExecution", "t1", job_id="$next").execution
    assert (second.execution_number, second.version_number, second.status) == (2, 1, "QUEUED")
    assert second.status_details is None
    assert second.queued_at > first.queued_at


# --- timers (9) -----------------------------------------------------------------------------------------------------


def test_step_timers_replace_one_another_below_the_timeout(world: World) -> None:
    """12:12, 12:15, 12:20: the example of control reference 12."""
    world("CreateJob", job_id="j", targets=world.things(1), document=DOCUMENT, timeout_config=timeout(20))
    world.device("StartNextPendingJobExecution", "t1")

    def step(minutes: int) -> int:
        world.report("t1", "j", "IN_PROGRESS", step_timeout_in_minutes=minutes)
        answer = world.device("DescribeJobExecution", "t1", job_id="j").execution
        seconds: int = answer.approximate_seconds_before_timed_out
        return seconds

    world.minutes(5)
    assert step(7) == 7 * 60
    world.minutes(5)
    assert step(5) == 5 * 60
    world.minutes(3)
    assert step(9) == 7 * 60
    assert step(-1) == 7 * 60
    world.minutes(7)
    assert world.status("t1") == "TIMED_OUT"
    with pytest.raises(jobs_data.InvalidStateTransitionException):
        world.report("t1", "j", "SUCCEEDED")


# --- abort (10, 11) -------------------------------------------------------------------------------------------------


def test_an_aborted_job_does_not_retry_and_lets_run_what_runs(world: World) -> None:
    members = {"abort_config": abort_when("FAILED", "50", 1), "job_executions_retry_config": retries(FAILED=3)}
    world("CreateJob", job_id="j", targets=world.things(3), document=DOCUMENT, **members)
    world.device("StartNextPendingJobExecution", "t2")
    world.report("t1", "j", "FAILED")
    assert world.job().status == "CANCELED"
    assert world.counts() == {"failed": 1, "in_progress": 1, "canceled": 1}
    world.report("t2", "j", "FAILED")
    assert world.attempts("t2") == [(1, 0, "FAILED")]


def test_new_abort_criteria_are_judged_at_once(world: World) -> None:
    world("CreateJob", job_id="j", targets=world.things(3), document=DOCUMENT)
    world.report("t1", "j", "FAILED")
    world("UpdateJob", job_id="j", abort_config=abort_when("FAILED", "10", 1))
    assert world.job().status == "CANCELED"


# --- rollout rate (12) ----------------------------------------------------------------------------------------------


# --- continuous jobs (13) -------------------------------------------------------------------------------------------


def test_a_thing_below_a_child_group_belongs_to_the_target(world: World) -> None:
    world.things(1)
    group = world.group("g")
    world("CreateThingGroup", thing_group_name="a", parent_group_name="g")
    world("CreateThingGroup", thing_group_name="b", parent_group_name="g")
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, target_selection="CONTINUOUS")
    world("AddThingToThingGroup", thing_group_name="a", thing_name="t1")
    assert world.attempts("t1") == [(1, 0, "QUEUED")]
    members = {"thing_groups_to_remove": ["a"], "thing_groups_to_add": ["b"]}
    world("UpdateThingGroupsForThing", thing_name="t1", **members)
    assert world.attempts("t1") == [(1, 0, "QUEUED")]
    world("DeleteThingGroup", thing_group_name="b")
    assert world.attempts("t1") == [(1, 0, "REMOVED")]


def test_leaving_one_of_two_targets_changes_nothing(world: World) -> None:
    world.things(1)
    targets = [world.group("g", "t1"), world.group("h", "t1")]
    world("CreateJob", job_id="j", targets=targets, document=DOCUMENT, target_selection="CONTINUOUS")
    world("RemoveThingFromThingGroup", thing_group_name="g", thing_name="t1")
    assert world.attempts("t1") == [(1, 0, "QUEUED")]
    world("RemoveThingFromThingGroup", thing_group_name="h", thing_name="t1")
    assert world.attempts("t1") == [(1, 0, "REMOVED")]


def test_leaving_ends_the_retries_and_rejoining_renews_them(world: World) -> None:
    world.things(1)
    group = world.group("g", "t1")
    members = {"target_selection": "CONTINUOUS", "job_executions_retry_config": retries(FAILED=1)}
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, **members)
    world.report("t1", "j", "FAILED")
    world.device("StartNextPendingJobExecution", "t1")
    world("RemoveThingFromThingGroup", thing_group_name="g", thing_name="t1")
    assert world.status("t1") == "IN_PROGRESS"
    world.report("t1", "j", "FAILED")
    assert world.attempts("t1") == [(1, 0, "FAILED"), (2, 1, "FAILED")]
    world("AddThingToThingGroup", thing_group_name="g", thing_name="t1")
    world.report("t1", "j", "FAILED")
    assert world.attempts("t1")[2:] == [(3, 0, "FAILED"), (4, 1, "QUEUED")]


def test_late_joiners_do_not_wait_for_the_rate(world: World) -> None:
    names = [arn.rpartition("/")[2] for arn in world.things(5)]
    group = world.group("g", *names[:3])
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    members = {"target_selection": "CONTINUOUS", "job_executions_rollout_config": rate}
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, **members)
    world.now += 1
    for name in names[3:]:
        world("AddThingToThingGroup", thing_group_name="g", thing_name=name)
    assert world.counts() == {"queued": 3}
    world.minutes(3)
    assert world.counts() == {"queued": 5}


def test_a_deleted_thing_leaves_its_continuous_job(world: World) -> None:
    world.things(2)
    group = world.group("g", "t1", "t2")
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, target_selection="CONTINUOUS")
    world.device("StartNextPendingJobExecution", "t1")
    world("DeleteThing", thing_name="t1")
    assert world.counts() == {"queued": 1, "removed": 1}


def test_associated_groups_are_rolled_out(world: World) -> None:
    world.things(3)
    first, second = world.group("g", "t1"), world.group("h", "t1", "t2", "t3")
    world("CreateJob", job_id="j", targets=[first], document=DOCUMENT, target_selection="CONTINUOUS")
    world("AssociateTargetsWithJob", job_id="j", targets=[second, first], comment="more")
    assert world.counts() == {"queued": 3}
    job = world.job()
    assert (job.targets, job.comment) == ([first, second], "more")
    with pytest.raises(iot.InvalidRequestException):
        world("AssociateTargetsWithJob", job_id="j", targets=["arn:aws:iot:eu-west-1:123456789012:thing/t1"])
    world("CreateJob", job_id="snap", targets=[first], document=DOCUMENT)
    with pytest.raises(iot.InvalidRequestException):
        world("AssociateTargetsWithJob", job_id="snap", targets=[second])


# --- windows and schedules (14, 15, 16) -----------------------------------------------------------------------------


def windowed(world: World, **members: Any) -> None:
    plan = iot.SchedulingConfig(
        maintenance_windows=[iot.MaintenanceWindow(start_time="cron(0 10 * * ? *)", duration_in_minutes=60)]
    )
    config = {"target_selection": "CONTINUOUS", "scheduling_config": plan, "document": DOCUMENT}
    world("CreateJob", job_id="j", **config, **members)


def pending(world: World, thing: str) -> tuple[int, int]:
    answer = world.device("GetPendingJobExecutions", thing)
    return len(answer.queued_jobs), len(answer.in_progress_jobs)


def test_a_window_that_is_open_already_does_not_count(world: World) -> None:
    world.until(MIDNIGHT + 10 * 60 * MINUTE + 30 * MINUTE)
    world.things(1)
    windowed(world, targets=[world.group("g", "t1")])
    world.minutes(10)
    assert (world.job().status, world.counts()) == ("SCHEDULED", {})
    world.until(MIDNIGHT + DAY + 10 * 60 * MINUTE)
    assert (world.job().status, world.counts()) == ("IN_PROGRESS", {"queued": 1})


def test_windows_need_a_continuous_job(world: World) -> None:
    window = iot.MaintenanceWindow(start_time="0 10 * * ? *", duration_in_minutes=60)
    plan = iot.SchedulingConfig(maintenance_windows=[window])
    targets = world.things(1)
    with pytest.raises(iot.InvalidRequestException):
        world("CreateJob", job_id="j", targets=targets, document=DOCUMENT, scheduling_config=plan)


def test_a_job_starts_when_it_is_told_to(world: World) -> None:
    plan = iot.SchedulingConfig(start_time="2026-01-01T02:00")
    world.things(2)
    group = world.group("g", "t1")
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, scheduling_config=plan)
    world.minutes(60)
    world("AddThingToThingGroup", thing_group_name="g", thing_name="t2")
    assert (world.job().status, world.counts()) == ("SCHEDULED", {})
    world.minutes(60)
    assert (world.job().status, world.counts()) == ("IN_PROGRESS", {"queued": 2})


def test_a_job_that_meets_the_ceiling_at_its_start_is_canceled(world: World) -> None:
    world.call = world.call._replace(limits=Limits(concurrent_jobs=1))
    targets = world.things(2)
    plan = iot.SchedulingConfig(start_time="2026-01-01T02:00")
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    world("CreateJob", job_id="late", targets=targets, document=DOCUMENT, scheduling_config=plan)
    world.minutes(119.5)
    world("CreateJob", job_id="j", targets=targets, document=DOCUMENT, job_executions_rollout_config=rate)
    with pytest.raises(iot.LimitExceededException):
        world("CreateJob", job_id="k", targets=targets, document=DOCUMENT)
    world.minutes(0.5)
    assert world.job("late").status == "CANCELED"


# --- management -----------------------------------------------------------------------------------------------------


def test_what_update_job_refuses(world: World) -> None:
    world(
        "CreateJob",
        job_id="j",
        targets=world.things(1),
        document=DOCUMENT,
        job_executions_retry_config=retries(FAILED=2),
    )
    with pytest.raises(iot.InvalidRequestException, match="other than 0"):
        world("UpdateJob", job_id="j", job_executions_retry_config=retries(FAILED=3))
    world("UpdateJob", job_id="j", job_executions_retry_config=retries(FAILED=0), description="new")
    assert world.job().description == "new"
    world.report("t1", "j", "FAILED")
    assert world.job().status == "COMPLETED"
    with pytest.raises(iot.InvalidRequestException, match="Job j in status COMPLETED cannot be updated"):
        world("UpdateJob", job_id="j", description="late")


def test_delete_job_execution(world: World) -> None:
    world("CreateJob", job_id="j", targets=world.things(3), document=DOCUMENT)
    world.device("StartNextPendingJobExecution", "t1")
    with pytest.raises(iot.InvalidStateTransitionException):
        world("DeleteJobExecution", thing_name="t1", job_id="j", execution_number=1)
    world("DeleteJobExecution", thing_name="t1", job_id="j", execution_number=1, force=True)
    world("DeleteJobExecution", thing_name="t2", job_id="j", execution_number=1)
    assert world.counts() == {"queued": 1}
    with pytest.raises(iot.ResourceNotFoundException):
        world("DescribeJobExecution", thing_name="t1", job_id="j")
    world.report("t3", "j", "SUCCEEDED")
    assert world.job().status == "COMPLETED"


def test_a_job_is_purged_two_years_after_its_end(world: World) -> None:
    world("CreateJob", job_id="j", targets=world.things(1), document=DOCUMENT)
    world.report("t1", "j", "SUCCEEDED")
    world.until(NOW + 730 * DAY - 1)
    assert world.job().status == "COMPLETED"
    world.until(NOW + 730 * DAY)
    with pytest.raises(iot.ResourceNotFoundException):
        world.job()


# --- found by the simulation ----------------------------------------------------------------------------------------


def test_an_execution_that_outlives_its_membership_has_its_retries_back_after_rejoining(world: World) -> None:
    world.things(1)
    group = world.group("g", "t1")
    members = {"target_selection": "CONTINUOUS", "job_executions_retry_config": retries(FAILED=1)}
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, **members)
    world.report("t1", "j", "FAILED")
    world.device("StartNextPendingJobExecution", "t1")
    world("RemoveThingFromThingGroup", thing_group_name="g", thing_name="t1")
    world("AddThingToThingGroup", thing_group_name="g", thing_name="t1")
    world.report("t1", "j", "FAILED")
    assert [status for _, _, status in world.attempts("t1")] == ["FAILED", "FAILED", "QUEUED"]


def test_switching_retries_off_drops_those_that_wait_for_a_window(world: World) -> None:
    world.things(1)
    windowed(world, targets=[world.group("g", "t1")], job_executions_retry_config=retries(FAILED=1))
    world.until(MIDNIGHT + 10 * 60 * MINUTE)
    world.device("StartNextPendingJobExecution", "t1")
    world.until(MIDNIGHT + 11 * 60 * MINUTE)
    world.report("t1", "j", "FAILED")
    world("UpdateJob", job_id="j", job_executions_retry_config=retries(FAILED=0))
    world.until(MIDNIGHT + DAY + 10 * 60 * MINUTE)
    assert world.attempts("t1") == [(1, 0, "FAILED")]


def test_the_number_of_a_deleted_execution_is_not_given_again(world: World) -> None:
    world.things(1)
    group = world.group("g", "t1")
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, target_selection="CONTINUOUS")
    world("DeleteJobExecution", thing_name="t1", job_id="j", execution_number=1)
    world("RemoveThingFromThingGroup", thing_group_name="g", thing_name="t1")
    world("AddThingToThingGroup", thing_group_name="g", thing_name="t1")
    assert world.attempts("t1") == [(2, 0, "QUEUED")]


def test_a_job_that_has_ended_stays_so_when_the_clock_goes_back(world: World) -> None:
    plan = iot.SchedulingConfig(end_time="2026-01-01T01:00:00Z")
    world.until(MIDNIGHT + 1)
    world.things(1)
    group = world.group("g", "t1")
    config = {"target_selection": "CONTINUOUS", "scheduling_config": plan}
    world("CreateJob", job_id="j", targets=[group], document=DOCUMENT, **config)
    world.until(MIDNIGHT + 60 * MINUTE)
    world.now = MIDNIGHT + 30 * MINUTE
    world("CreateThing", thing_name="late")
    world("AddThingToThingGroup", thing_group_name="g", thing_name="late")
    assert world.attempts("late") == []
    world.report("t1", "j", "SUCCEEDED")
    assert world.job().status == "COMPLETED"


def test_a_thing_that_moves_behind_the_rollout_is_not_missed(world: World) -> None:
    names = [arn.rpartition("/")[2] for arn in world.things(3)]
    first, second = world.group("a", names[0]), world.group("b", names[1], names[2])
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    config = {"target_selection": "CONTINUOUS", "job_executions_rollout_config": rate}
    world("CreateJob", job_id="j", targets=[first, second], document=DOCUMENT, **config)
    world.minutes(1)
    members = {"thing_groups_to_remove": ["b"], "thing_groups_to_add": ["a"]}
    world("UpdateThingGroupsForThing", thing_name=names[2], **members)
    world.minutes(5)
    assert world.counts() == {"queued": 3}


def test_a_job_that_is_being_deleted_counts_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "DELETE_CHUNK", 2)
    world("CreateJob", job_id="j", targets=world.things(5), document=DOCUMENT)
    world._run("DeleteJob", job_id="j", force=True)
    world._database.commit([locks_rows(lambda tx: sweeps.sweep(tx, world.now, world.call.limits))])
    found = world._run("DescribeJob", job_id="j").job
    assert (found.status, found.job_process_details.number_of_queued_things) == ("DELETION_IN_PROGRESS", 3)
