"""Holding jobs: pause and resume, and abort criteria that pause. What a held job does, tests/core/job/scripts tell."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.world import MINUTE, World, abort_when, retries, timeout
from tidegate.core import schedule
from tidegate.ops.call import Call
from tidegate.ops.effects import JobShown
from tidegate.ops.quotas import Limits
from tidegate.store.database import Database
from tidegate.wire import iot

SLOW = iot.JobExecutionsRolloutConfig(maximum_per_minute=2)
PAUSES = [iot.Tag(key="tidegate:on-abort", value="pause")]


class Operated(World):
    """A world whose operators hold jobs."""

    def __init__(self, run: Run, database: Database, call: Call) -> None:
        super().__init__(run, database, call._replace(principal="ann"))

    def own(self, operation: str, **members: Any) -> Any:
        return self(operation, plane="tidegate", **members)

    def pause(self, comment: str | None = None) -> Any:
        return self.own("PauseJob", job_id="j", comment=comment)

    def resume(self) -> Any:
        return self.own("ResumeJob", job_id="j")

    def create(self, things: int = 6, **members: Any) -> None:
        self("CreateJob", job_id="j", targets=self.things(things), document="{}", **members)

    def start(self, thing: str) -> bool:
        return self.device("StartNextPendingJobExecution", thing).execution is not None


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> Operated:
    return Operated(run, database, call)


def test_nothing_is_released_or_started_while_a_job_is_paused(world: Operated) -> None:
    world.create(job_executions_rollout_config=SLOW)
    assert world.start("t1")
    world.minutes(1)
    world.effects.clear()
    found = world.pause("a strange noise")
    assert (found.hold, found.since, found.by, found.comment) == ("PAUSED", NOW + MINUTE, "ann", "a strange noise")
    assert any(isinstance(effect, JobShown) for effect in world.effects)
    world.minutes(60)
    job = world.job()
    assert (job.status, job.reason_code, job.comment) == ("SCHEDULED", "PAUSED", "a strange noise")
    assert (job.is_concurrent, world.counts()) == (False, {"queued": 3, "in_progress": 1})
    assert not world.start("t2")
    with pytest.raises(iot.InvalidStateTransitionException, match="held already: PAUSED"):
        world.pause()
    world.report("t1", "j", "SUCCEEDED")
    assert world.counts() == {"queued": 3, "succeeded": 1}


def test_the_rate_does_not_catch_up(world: Operated) -> None:
    world.create(job_executions_rollout_config=SLOW, description="d")
    world.pause()
    world.minutes(60)
    assert world.resume().hold is None
    job = world.job()
    assert (job.status, job.reason_code, job.comment) == ("IN_PROGRESS", None, None)
    assert world.counts() == {"queued": 4}
    world.minutes(1)
    assert world.counts() == {"queued": 6}
    assert world.start("t2")


def test_what_fails_meanwhile_is_tried_again_afterwards_and_timers_run(world: Operated) -> None:
    world.create(2, job_executions_retry_config=retries(ALL=1), timeout_config=timeout(10))
    assert world.start("t1")
    assert world.start("t2")
    world.pause()
    world.report("t1", "j", "FAILED")
    world.minutes(11)
    assert world.counts() == {"failed": 1, "timed_out": 1}
    world.resume()
    assert world.counts() == {"queued": 2, "failed": 1, "timed_out": 1}


def test_a_continuous_job_queues_afterwards_what_joined(world: Operated) -> None:
    world.things(2)
    target = world.group("g", "t1")
    world("CreateJob", job_id="j", targets=[target], document="{}", target_selection="CONTINUOUS")
    world.pause()
    world("AddThingToThingGroup", thing_group_name="g", thing_name="t2")
    assert world.counts() == {"queued": 1}
    world.resume()
    assert world.counts() == {"queued": 2}


def test_a_scheduled_job_that_is_paused_passes_its_start_and_ends_at_its_end(world: Operated) -> None:
    times = iot.SchedulingConfig(
        start_time=schedule.text_of(NOW + 40 * MINUTE),
        end_time=schedule.text_of(NOW + 100 * MINUTE),
        end_behavior="STOP_ROLLOUT",
    )
    world.create(2, scheduling_config=times)
    world.pause()
    world.minutes(60)
    assert (world.job().status, world.counts()) == ("SCHEDULED", {})
    world.minutes(60)
    assert (world.job().status, world.job().reason_code) == ("COMPLETED", None)
    with pytest.raises(iot.InvalidStateTransitionException, match="is not held"):
        world.resume()
    with pytest.raises(iot.InvalidStateTransitionException, match="is in status COMPLETED and cannot be paused"):
        world.pause()


def test_a_job_that_begins_when_it_is_resumed_needs_room(run: Run, database: Database, call: Call) -> None:
    world = Operated(run, database, call._replace(limits=Limits(concurrent_jobs=1)))
    world.create(3, scheduling_config=iot.SchedulingConfig(start_time=schedule.text_of(NOW + 40 * MINUTE)))
    world.pause()
    world("CreateJob", job_id="other", targets=[world.call.arn("thing/t1")], document="{}")
    world.minutes(60)
    world("CancelJob", job_id="other")
    target = [world.call.arn(f"thing/t{n}") for n in (1, 2, 3)]
    world("CreateJob", job_id="third", targets=target, document="{}", job_executions_rollout_config=SLOW)
    with pytest.raises(iot.LimitExceededException, match="concurrent jobs"):
        world.resume()
    assert world.job().reason_code == "PAUSED"
    world.minutes(1)
    world.resume()
    assert world.job().status == "IN_PROGRESS"


def test_cancel_and_delete_end_a_hold(world: Operated) -> None:
    world.create(2)
    world.pause("wait")
    world("CancelJob", job_id="j", comment="no more")
    job = world.job()
    assert (job.status, job.reason_code, job.comment) == ("CANCELED", None, "no more")
    assert world.counts() == {"canceled": 2}
    world("DeleteJob", job_id="j")
    with pytest.raises(iot.ResourceNotFoundException):
        world.pause()


def test_a_criterion_holds_a_job_that_says_so(world: Operated) -> None:
    world.create(6, abort_config=abort_when("FAILED", "50", 2), tags=PAUSES)
    world.report("t1", "j", "FAILED")
    world.report("t2", "j", "FAILED")
    job = world.job()
    assert (job.status, job.reason_code) == ("SCHEDULED", "PAUSED_BY_ABORT_CRITERION")
    assert job.comment.startswith("100.00 percent of the finished executions ended as FAILED")
    assert world.counts() == {"queued": 4, "failed": 2}
    assert not world.start("t3")
    world.resume()
    assert world.start("t3")
    world.report("t3", "j", "SUCCEEDED")
    world.report("t4", "j", "SUCCEEDED")
    world.report("t5", "j", "FAILED")
    assert world.job().status == "IN_PROGRESS"  # one of three since
    world.report("t6", "j", "FAILED")
    assert world.job().status == "COMPLETED"  # nothing is left that could be held


def test_without_the_tag_it_is_canceled_as_ever(world: Operated) -> None:
    tags = [iot.Tag(key="tidegate:on-abort", value="cancel")]
    world.create(6, abort_config=abort_when("FAILED", "50", 1), tags=tags)
    world.report("t1", "j", "FAILED")
    assert world.job().status == "CANCELED"
    with pytest.raises(iot.InvalidRequestException, match="The tag tidegate:on-abort takes cancel or pause"):
        world.create(6, tags=[iot.Tag(key="tidegate:on-abort", value="stop")])


def test_a_server_says_what_holds_for_jobs_without_the_tag(run: Run, database: Database, call: Call) -> None:
    world = Operated(run, database, call._replace(on_abort="pause"))
    [thing] = world.things(1)
    criterion = {"abort_config": abort_when("FAILED", "50", 1)}
    second = world("CreateThing", thing_name="other").thing_arn
    for name, value in (("plain", None), ("own", "cancel")):
        tags = None if value is None else [iot.Tag(key="tidegate:on-abort", value=value)]
        world("CreateJob", job_id=name, targets=[thing, second], document="{}", tags=tags, **criterion)
        world.report("t1", name, "FAILED")
    assert world.job("plain").reason_code == "PAUSED_BY_ABORT_CRITERION"
    assert world.job("own").status == "CANCELED"


def test_new_criteria_hold_at_once(world: Operated) -> None:
    world.create(6, tags=PAUSES)
    world.report("t1", "j", "FAILED")
    world("UpdateJob", job_id="j", abort_config=abort_when("FAILED", "50", 1))
    assert world.job().reason_code == "PAUSED_BY_ABORT_CRITERION"
    assert world.counts() == {"queued": 5, "failed": 1}
