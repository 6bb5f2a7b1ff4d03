"""Switching events on, and what the outbox holds then (device reference 7.1 to 7.3), on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.conftest import Sent
from tests.ops.world import MINUTE, World, abort_when, retries, timeout
from tidegate.core import events as wording
from tidegate.ops.call import Call
from tidegate.ops.effects import EventsWritten
from tidegate.store.database import Database
from tidegate.wire import iot

JOBS = "$aws/events/job/j"
EXECUTIONS = "$aws/events/jobExecution/j"
ARN = "arn:aws:iot:eu-west-1:123456789012:thing"


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> World:
    return World(run, database, call)


def switch(world: World, **types: bool) -> None:
    given = {name: iot.Configuration(enabled=on) for name, on in types.items()}
    world("UpdateEventConfigurations", event_configurations=given)


def topics(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [topic.removeprefix("$aws/events/") for topic, _ in found]


def test_everything_is_off_until_it_is_switched_on(world: World) -> None:
    answer = world("DescribeEventConfigurations")
    assert {name: one.enabled for name, one in answer.event_configurations.items()} == dict.fromkeys(
        wording.EVENT_TYPES, False
    )
    assert len(answer.event_configurations) == 11
    assert (answer.creation_date, answer.last_modified_date) == (None, None)


def test_an_update_leaves_alone_what_it_does_not_name(world: World) -> None:
    switch(world, JOB=True, THING=True)
    world.minutes(1)
    switch(world, JOB_EXECUTION=True, THING=False)
    answer = world("DescribeEventConfigurations")
    assert {name for name, one in answer.event_configurations.items() if one.enabled} == {"JOB", "JOB_EXECUTION"}
    assert (answer.creation_date, answer.last_modified_date) == (NOW / 1000, NOW / 1000 + 60)
    world("UpdateEventConfigurations")
    world("UpdateEventConfigurations", event_configurations={"JOB": iot.Configuration()})
    answer = world("DescribeEventConfigurations")
    assert {name for name, one in answer.event_configurations.items() if one.enabled} == {"JOB_EXECUTION"}


def test_a_scope_is_told_only_what_it_switched_on(world: World, sent: Sent) -> None:
    world("CreateJob", job_id="j", targets=world.things(1), document="{}")
    world.report("t1", "j", "SUCCEEDED")
    world("DeleteJob", job_id="j")
    assert sent() == []
    assert not any(isinstance(effect, EventsWritten) for effect in world.effects)
    switch(world, JOB_EXECUTION=True)
    world("CreateJob", job_id="j", targets=[f"{ARN}/t1"], document="{}")
    world.report("t1", "j", "SUCCEEDED")
    assert topics(sent()) == ["jobExecution/j/succeeded"]
    switch(world, JOB_EXECUTION=False, JOB=True)
    world("DeleteJob", job_id="j")
    assert topics(sent()) == ["job/j/deletion_in_progress", "job/j/deleted"]


def test_what_a_completed_job_says(world: World, sent: Sent) -> None:
    switch(world, JOB=True, JOB_EXECUTION=True)
    targets = world.things(2)
    world("CreateJob", job_id="j", targets=targets, document="{}", description="d")
    world.minutes(1)
    world.report("t1", "j", "SUCCEEDED", status_details={"k": "v"})
    world.report("t2", "j", "FAILED")
    first, second, job = sent()
    assert first == (
        f"{EXECUTIONS}/succeeded",
        {
            "eventType": "JOB_EXECUTION",
            "eventId": first[1]["eventId"],
            "timestamp": NOW // 1000 + 60,
            "operation": "succeeded",
            "jobId": "j",
            "thingArn": f"{ARN}/t1",
            "status": "SUCCEEDED",
            "statusDetails": {"k": "v"},
        },
    )
    assert (second[0], "statusDetails" in second[1]) == (f"{EXECUTIONS}/failed", False)
    assert job == (
        f"{JOBS}/completed",
        {
            "eventType": "JOB",
            "eventId": job[1]["eventId"],
            "timestamp": NOW // 1000 + 60,
            "operation": "completed",
            "jobId": "j",
            "status": "COMPLETED",
            "targetSelection": "SNAPSHOT",
            "targets": targets,
            "description": "d",
            "completedAt": NOW + MINUTE,
            "createdAt": NOW,
            "lastUpdatedAt": NOW + MINUTE,
            "jobProcessDetails": {
                "numberOfCanceledThings": 0,
                "numberOfRejectedThings": 0,
                "numberOfFailedThings": 1,
                "numberOfRemovedThings": 0,
                "numberOfSucceededThings": 1,
            },
        },
    )
    assert len({event["eventId"] for _, event in (first, second, job)}) == 3
    assert wording.complete("{}", origin="1", thing_arn=None) == wording.complete("{}", origin="1", thing_arn=None)


def test_a_cancellation_is_told_when_it_begins_and_when_it_is_done(world: World, sent: Sent) -> None:
    switch(world, JOB=True, JOB_EXECUTION=True)
    world("CreateJob", job_id="j", targets=world.things(2), document="{}")
    world.device("StartNextPendingJobExecution", "t1")
    world("CancelJob", job_id="j", comment="why")
    begun, execution, done = sent()
    assert (begun[0], begun[1]["status"]) == (f"{JOBS}/cancellation_in_progress", "CANCELLATION_IN_PROGRESS")
    assert begun[1]["comment"] == "why"
    assert (execution[0], execution[1]["thingArn"]) == (f"{EXECUTIONS}/canceled", f"{ARN}/t2")
    assert (done[0], done[1]["status"]) == (f"{JOBS}/canceled", "CANCELED")
    assert not {"comment", "completedAt", "jobProcessDetails", "description"} & done[1].keys()
    world("CancelJob", job_id="j", force=True)
    assert topics(sent()) == ["job/j/cancellation_in_progress", "jobExecution/j/canceled", "job/j/canceled"]


def test_a_deletion_is_told_when_it_begins_and_when_it_is_done(world: World, sent: Sent) -> None:
    switch(world, JOB=True, JOB_EXECUTION=True)
    world("CreateJob", job_id="j", targets=world.things(2), document="{}", target_selection="SNAPSHOT")
    world.report("t1", "j", "REJECTED", status_details={"k": "v"})
    world("DeleteJob", job_id="j", force=True)
    rejected, begun, *deleted, gone = sent()
    assert rejected[0] == f"{EXECUTIONS}/rejected"
    assert (begun[0], begun[1]["status"]) == (f"{JOBS}/deletion_in_progress", "DELETION_IN_PROGRESS")
    assert {topic for topic, _ in deleted} == {f"{EXECUTIONS}/deleted"}
    told = {event["thingArn"]: (event["status"], event.get("statusDetails")) for _, event in deleted}
    assert told == {f"{ARN}/t1": ("REJECTED", {"k": "v"}), f"{ARN}/t2": ("QUEUED", None)}
    assert (gone[0], gone[1]["status"], gone[1]["targets"]) == (
        f"{JOBS}/deleted",
        "DELETED",
        [f"{ARN}/t1", f"{ARN}/t2"],
    )


def test_every_attempt_is_told_and_an_abort_is_a_cancellation(world: World, sent: Sent) -> None:
    switch(world, JOB=True, JOB_EXECUTION=True)
    members = {"job_executions_retry_config": retries(TIMED_OUT=1), "abort_config": abort_when("FAILED", "50", 2)}
    targets = world.things(2)
    world("CreateJob", job_id="j", targets=targets, document="{}", timeout_config=timeout(5), **members)
    world.device("StartNextPendingJobExecution", "t1")
    world.minutes(5)
    assert topics(sent()) == ["jobExecution/j/timed_out"]
    world.report("t1", "j", "FAILED")
    failed, begun, canceled, done = sent()
    assert failed[0] == f"{EXECUTIONS}/failed"
    assert begun[0] == f"{JOBS}/cancellation_in_progress"
    assert "FAILED" in begun[1]["comment"]
    assert (canceled[1]["thingArn"], done[0]) == (f"{ARN}/t2", f"{JOBS}/canceled")


def test_a_thing_that_goes_away_is_named_all_the_same(world: World, sent: Sent) -> None:
    switch(world, JOB_EXECUTION=True)
    world("CreateJob", job_id="j", targets=world.things(2), document="{}")
    world("DeleteThing", thing_name="t1")
    world("CancelJobExecution", thing_name="t2", job_id="j")
    world("DeleteJobExecution", thing_name="t2", job_id="j", execution_number=1)
    assert [(topic, event["thingArn"], event["status"]) for topic, event in sent()] == [
        (f"{EXECUTIONS}/removed", f"{ARN}/t1", "REMOVED"),
        (f"{EXECUTIONS}/canceled", f"{ARN}/t2", "CANCELED"),
        (f"{EXECUTIONS}/deleted", f"{ARN}/t2", "CANCELED"),
    ]


def test_what_is_undone_is_not_told(world: World, database: Database, sent: Sent) -> None:
    switch(world, JOB=True)
    world("CreateJob", job_id="j", targets=world.things(1), document="{}")
    with pytest.raises(iot.InvalidStateTransitionException):
        world("DeleteJob", job_id="j")
    assert sent() == []
