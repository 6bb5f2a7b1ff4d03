"""The blackout calendar: no job goes on while one lasts, and all do afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_holds import SLOW, Operated
from tests.ops.world import MINUTE, retries
from tidegate.core import schedule
from tidegate.ops import why
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.store.database import Database
from tidegate.wire import iot


class Calendar(Operated):
    """A world with a calendar; NOW is midnight."""

    def black(self, name: str, **members: Any) -> None:
        self.own("PutBlackout", blackout_name=name, **members)

    def span(self, name: str, first: int, last: int, **members: Any) -> None:
        """Between two minutes from now on."""
        start, end = (schedule.text_of(NOW + minute * MINUTE) for minute in (first, last))
        self.black(name, start_time=start, end_time=end, **members)


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> Calendar:
    return Calendar(run, database, call)


def test_nothing_goes_on_while_one_lasts(world: Calendar, database: Database) -> None:
    world.create(6, job_executions_rollout_config=SLOW, job_executions_retry_config=retries(FAILED=1))
    assert world.start("t1")
    world.span("freeze", 1, 31)
    assert (world.job().status, world.counts()) == ("IN_PROGRESS", {"queued": 1, "in_progress": 1})
    world.minutes(2)
    assert (world.job().status, world.job().reason_code) == ("SCHEDULED", None)
    assert not world.start("t2")
    world.report("t1", "j", "FAILED")
    asked = why.Asked(world.call.account, world.call.region, "j")
    told = database.read(lambda tx: why.why(tx, asked, world.now, Limits()))
    assert (told.reason, told.until) == ("BLACKOUT", NOW + 31 * MINUTE)
    world.minutes(28)
    assert world.counts() == {"queued": 1, "failed": 1}
    world.minutes(1)
    assert world.job().status == "IN_PROGRESS"
    assert world.counts() == {"queued": 4, "failed": 1}  # one minute's rate, and the retry


def test_one_that_begins_now_and_one_that_is_deleted_count_at_once(world: Calendar) -> None:
    world.create(6, job_executions_rollout_config=SLOW)
    world.span("freeze", 0, 600)
    assert world.job().status == "SCHEDULED"
    world.minutes(60)
    assert world.counts() == {"queued": 2}
    assert [each.blackout_name for each in world.own("ListBlackouts").blackouts] == ["freeze"]
    assert world.own("DeleteBlackout", blackout_name="freeze").blackouts == []
    assert (world.job().status, world.counts()) == ("IN_PROGRESS", {"queued": 4})
    with pytest.raises(iot.ResourceNotFoundException):
        world.own("DeleteBlackout", blackout_name="freeze")


def test_a_job_that_is_created_during_one_begins_afterwards(world: Calendar) -> None:
    world.span("freeze", 0, 60)
    world.create(2)
    assert (world.job().status, world.counts()) == ("SCHEDULED", {})
    world.minutes(61)
    assert (world.job().status, world.counts()) == ("IN_PROGRESS", {"queued": 2})


def test_one_with_a_tag_concerns_jobs_with_that_tag(world: Calendar) -> None:
    world.span("freeze", 0, 60, tag="env=prod")
    [thing] = world.things(1)
    for name, value in (("prod", "prod"), ("test", "test")):
        tags = [iot.Tag(key="env", value=value)]
        world("CreateJob", job_id=name, targets=[thing], document="{}", tags=tags)
    assert (world.job("prod").status, world.job("test").status) == ("SCHEDULED", "IN_PROGRESS")


def test_every_night_again_and_within_windows(world: Calendar) -> None:
    world.black("nights", start_time="cron(0 2 * * ? *)", duration_in_minutes=30)
    window = iot.MaintenanceWindow(start_time="cron(0 1 * * ? *)", duration_in_minutes=120)
    world.things(3)
    group = world.group("g", "t1", "t2", "t3")
    world(
        "CreateJob",
        job_id="j",
        targets=[group],
        document="{}",
        target_selection="CONTINUOUS",
        scheduling_config=iot.SchedulingConfig(maintenance_windows=[window]),
        job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=1),
    )
    seen = []
    for minute in (30, 90, 130, 160, 200, 24 * 60 + 90, 24 * 60 + 130, 24 * 60 + 160):
        world.until(NOW + minute * MINUTE)
        seen.append(world.job().status)
    closed, running = "SCHEDULED", "IN_PROGRESS"
    assert seen == [closed, running, closed, running, closed, running, closed, running]


def test_what_is_wrong_with_one(world: Calendar) -> None:
    for members, words in (
        (
            {"start_time": "cron(x)", "duration_in_minutes": 0, "tag": "=a"},
            ["tag is key=value", "durationInMinutes is"],
        ),
        ({"start_time": "2026-01-01T00:00Z"}, ["Give durationInMinutes with a cron expression, or endTime"]),
        ({"start_time": "2026-01-01T00:00Z", "end_time": "2026-01-01T00:00Z"}, ["later than startTime"]),
        ({"start_time": "soon", "end_time": "2026-01-01T00:00Z"}, ["startTime or endTime"]),
    ):
        with pytest.raises(iot.InvalidRequestException) as caught:
            world.black("b", **members)
        assert all(each in str(caught.value) for each in words), str(caught.value)
