"""What each operation on a job answers in each status of the job: control reference 14, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.world import MINUTE, World
from tidegate.ops.call import Call
from tidegate.store.database import Database
from tidegate.wire import iot
from tidegate.wire.errors import WireError

STATUSES = ("SCHEDULED", "IN_PROGRESS", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS")
GROUPS = "arn:aws:iot:eu-west-1:123456789012:thinggroup/"
THINGS = "arn:aws:iot:eu-west-1:123456789012:thing/"


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> World:
    """A thing in a group, and another group."""
    made = World(run, database, call)
    made("CreateThing", thing_name="t")
    for name in ("g", "h"):
        made("CreateThingGroup", thing_group_name=name)
    made("AddThingToThingGroup", thing_group_name="g", thing_name="t")
    return made


def job_in(world: World, status: str) -> None:
    """Job ``j`` in a status; nothing moves on by itself afterwards."""
    schedule = iot.SchedulingConfig(start_time="2026-06-01 00:00") if status == "SCHEDULED" else None
    kind = "SNAPSHOT" if status == "COMPLETED" else "CONTINUOUS"
    targets = [GROUPS + "g"]
    world("CreateJob", job_id="j", targets=targets, document="{}", target_selection=kind, scheduling_config=schedule)
    if status == "COMPLETED":
        world.report("t", "j", "SUCCEEDED")
    if status == "CANCELED":
        world("CancelJob", job_id="j", reason_code="FIRST", comment="first")
    world.engine_runs = False
    if status == "DELETION_IN_PROGRESS":
        world("DeleteJob", job_id="j", force=True)
    assert world("DescribeJob", job_id="j").job.status == status
    world.now += MINUTE


def outcome(world: World, operation: str, **members: Any) -> tuple[str, str]:
    """The error of a call and its text; twice nothing if it went well."""
    try:
        world(operation, job_id="j", **members)
    except WireError as error:
        return error.code, error.message
    return "", ""


@pytest.mark.parametrize("status", STATUSES)
def test_update_job(world: World, status: str) -> None:
    job_in(world, status)
    found = outcome(world, "UpdateJob", description="new")
    job = world("DescribeJob", job_id="j").job
    if status in ("SCHEDULED", "IN_PROGRESS"):
        assert (found, job.description, job.last_updated_at) == (("", ""), "new", (NOW + MINUTE) / 1000)
    else:
        assert found == ("InvalidRequestException", f"Job j in status {status} cannot be updated.")
        assert (job.description, job.last_updated_at) == (None, NOW / 1000)


@pytest.mark.parametrize("status", STATUSES)
def test_associate_targets(world: World, status: str) -> None:
    job_in(world, status)
    found = outcome(world, "AssociateTargetsWithJob", targets=[GROUPS + "h"], comment="more")
    job = world("DescribeJob", job_id="j").job
    if status == "IN_PROGRESS":
        assert (found, job.targets, job.comment) == (("", ""), [GROUPS + "g", GROUPS + "h"], "more")
        assert (job.job_process_details.processing_targets, job.is_concurrent) == (None, False)
        assert job.last_updated_at == (NOW + MINUTE) / 1000
    else:
        assert found[0] == "InvalidRequestException"
        assert (job.targets, job.last_updated_at) == ([GROUPS + "g"], NOW / 1000)


def test_a_comment_beside_known_targets_is_a_change(world: World) -> None:
    job_in(world, "IN_PROGRESS")
    assert outcome(world, "AssociateTargetsWithJob", targets=[GROUPS + "g"]) == ("", "")
    assert world("DescribeJob", job_id="j").job.last_updated_at == NOW / 1000
    assert outcome(world, "AssociateTargetsWithJob", targets=[GROUPS + "g"], comment="again") == ("", "")
    job = world("DescribeJob", job_id="j").job
    assert (job.comment, job.last_updated_at) == ("again", (NOW + MINUTE) / 1000)


@pytest.mark.parametrize("force", [None, False, True])
@pytest.mark.parametrize("status", STATUSES)
def test_cancel_job(world: World, status: str, force: bool | None) -> None:
    job_in(world, status)
    found = outcome(world, "CancelJob", force=force, reason_code="SECOND", comment="second")
    job = world("DescribeJob", job_id="j").job
    if status in ("SCHEDULED", "IN_PROGRESS") or (status == "CANCELED" and force):
        assert found == ("", "")
        assert (job.status, job.force_canceled) == ("CANCELED", bool(force))
        assert (job.reason_code, job.comment, job.completed_at) == ("SECOND", "second", None)
    else:
        assert found == ("InvalidRequestException", f"Job j is in status {status} and cannot be canceled")
        assert (job.status, job.reason_code) == (status, "FIRST" if status == "CANCELED" else None)


@pytest.mark.parametrize("force", [None, False, True])
@pytest.mark.parametrize("status", STATUSES)
def test_delete_job(world: World, status: str, force: bool | None) -> None:
    job_in(world, status)
    found = outcome(world, "DeleteJob", force=force)
    if status in ("COMPLETED", "CANCELED") or (force and status != "DELETION_IN_PROGRESS"):
        assert found == ("", "")
        assert world("DescribeJob", job_id="j").job.status == "DELETION_IN_PROGRESS"
        world.settle()
        assert outcome(world, "DescribeJob") == ("ResourceNotFoundException", "Job j cannot be found.")
        return
    without = "" if status == "DELETION_IN_PROGRESS" else " without force"
    text = f"Job j is in status {status} and cannot be deleted{without}"
    assert found == ("InvalidStateTransitionException", text)
    assert world("DescribeJob", job_id="j").job.status == status


@pytest.mark.parametrize("status", STATUSES)
def test_reading_is_possible_in_every_status(world: World, status: str) -> None:
    job_in(world, status)
    assert world("GetJobDocument", job_id="j").document == "{}"
    rows = world("ListJobExecutionsForJob", job_id="j").execution_summaries
    assert len(rows) == (0 if status == "SCHEDULED" else 1)
    assert [each.job_id for each in world("ListJobs", status=status).jobs] == ["j"]
    others = [each for each in STATUSES if each != status]
    assert [world("ListJobs", status=each).jobs for each in others] == [[], [], [], []]
    assert outcome(world, "CreateJob", targets=[THINGS + "t"], document="{}") == (
        "ResourceAlreadyExistsException",
        "Job j already exists",
    )


@pytest.mark.parametrize(
    "target",
    [
        THINGS,
        GROUPS,
        "t",
        "arn:aws:iot:eu-west-1:123456789012:billinggroup/b",
        "arn:aws:iot:us-east-1:123456789012:thing/t",
        "arn:aws:iot:eu-west-1:210987654321:thing/t",
        "arn:aws-cn:iot:eu-west-1:123456789012:thing/t",
        "arn:aws:s3:eu-west-1:123456789012:thing/t",
    ],
)
def test_what_is_no_target(world: World, target: str) -> None:
    assert outcome(world, "CreateJob", targets=[THINGS + "t", target], document="{}") == (
        "InvalidRequestException",
        f"{target} is not the ARN of a thing or thing group of this account and region.",
    )


def test_who_asks_next_finds_the_executions_of_a_new_job(world: World) -> None:
    world.engine_runs = False
    world("CreateThing", thing_name="u")
    world("CreateJob", job_id="j", targets=[GROUPS + "g", THINGS + "u"], document="{}", target_selection="CONTINUOUS")
    assert world("DescribeJobExecution", thing_name="t", job_id="j").execution.status == "QUEUED"
    job = world("DescribeJob", job_id="j").job
    details = job.job_process_details
    assert (details.number_of_queued_things, details.processing_targets, job.is_concurrent) == (2, None, False)
    world("CreateThing", thing_name="v")
    world("AddThingToThingGroup", thing_group_name="h", thing_name="v")
    world("AssociateTargetsWithJob", job_id="j", targets=[GROUPS + "h"])
    assert world("DescribeJobExecution", thing_name="v", job_id="j").execution.status == "QUEUED"
    world("CancelJob", job_id="j")
    assert world("DescribeJobExecution", thing_name="v", job_id="j").execution.status == "CANCELED"


def test_a_new_job_keeps_its_rate(world: World) -> None:
    world.engine_runs = False
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    world("CreateThing", thing_name="u")
    targets = [THINGS + "t", THINGS + "u"]
    world("CreateJob", job_id="j", targets=targets, document="{}", job_executions_rollout_config=rate)
    job = world("DescribeJob", job_id="j").job
    details = job.job_process_details
    assert (details.number_of_queued_things, details.processing_targets) == (1, [THINGS + "u"])
    assert job.is_concurrent
    world.settle()
    assert world.counts() == {"queued": 1}
    world.now += MINUTE
    world.settle()
    assert world.counts() == {"queued": 2}


def test_a_new_job_for_an_empty_group_is_complete(world: World) -> None:
    world.engine_runs = False
    world("CreateJob", job_id="j", targets=[GROUPS + "h"], document="{}")
    job = world("DescribeJob", job_id="j").job
    assert (job.status, job.completed_at) == ("COMPLETED", NOW / 1000)
