"""The worked scenarios of control reference 23 through boto3, as far as one process without schedules goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.fleet import Account, Maker
from tests.servers import options, started


class Refusal:
    """What a refused call answered."""

    def __init__(self, error: ClientError) -> None:
        self.response = error.response
        self.status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        self.code = error.response["Error"]["Code"]
        self.message = error.response["Error"]["Message"]


def refused(call: Callable[..., Any], **members: Any) -> Refusal:
    with pytest.raises(ClientError) as raised:
        call(**members)
    return Refusal(raised.value)


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


@pytest.fixture
def still(tmp_path: Path, maker: Maker) -> Iterator[Account]:
    """An account on a server whose engine does nothing: what begins there does not end."""
    with started(options(tmp_path / "still")) as server:
        server.on_loop(server.running.engine.stop)
        yield Account(server, maker, tmp_path)


@pytest.fixture
def timed(tmp_path: Path, maker: Maker) -> Iterator[Account]:
    """An account on a server whose time the test moves."""
    with started(options(tmp_path / "timed", clock="movable")) as server:
        yield Account(server, maker, tmp_path)


def test_snapshot_happy_path_and_defaults(account: Account) -> None:
    """Scenarios 1 and 3."""
    for name in ("t1", "t2"):
        account.thing(name)
    account.job("j", "t1", "t2")
    job = account.iot.describe_job(jobId="j")["job"]
    assert job["status"] == "IN_PROGRESS"
    assert job["isConcurrent"] is False
    assert job["targetSelection"] == "SNAPSHOT"
    assert job["targets"] == [account.arn("thing/t1"), account.arn("thing/t2")]
    assert (job["presignedUrlConfig"], job["jobExecutionsRolloutConfig"], job["timeoutConfig"]) == ({}, {}, {})
    assert not {"abortConfig", "jobExecutionsRetryConfig", "schedulingConfig", "completedAt"} & job.keys()
    assert job["jobProcessDetails"] == {
        "numberOfCanceledThings": 0,
        "numberOfSucceededThings": 0,
        "numberOfFailedThings": 0,
        "numberOfRejectedThings": 0,
        "numberOfQueuedThings": 2,
        "numberOfInProgressThings": 0,
        "numberOfRemovedThings": 0,
        "numberOfTimedOutThings": 0,
    }
    for name, status in (("t1", "SUCCEEDED"), ("t2", "FAILED")):
        account.data.start_next_pending_job_execution(thingName=name)
        account.data.update_job_execution(jobId="j", thingName=name, status=status)
    account.settle()
    job = account.iot.describe_job(jobId="j")["job"]
    assert job["status"] == "COMPLETED"
    assert job["completedAt"] >= job["createdAt"]
    assert account.counts("j") == {"Succeeded": 1, "Failed": 1}


def test_duplicate_ids(account: Account) -> None:
    """Scenario 2."""
    thing = account.thing("t")
    account.job("j", "t")
    again = refused(account.iot.create_job, jobId="j", targets=[thing], document="{}")
    assert (again.status, again.code, again.message) == (
        409,
        "ResourceAlreadyExistsException",
        "Job j already exists",
    )
    assert (again.response["resourceId"], again.response["resourceArn"]) == ("j", account.arn("job/j"))
    template = {"jobTemplateId": "x", "description": "d", "document": "{}"}
    account.iot.create_job_template(**template)
    again = refused(account.iot.create_job_template, **template)
    assert (again.status, again.code, again.response["resourceId"]) == (409, "ConflictException", "x")


def test_cancel_without_and_with_force(account: Account) -> None:
    """Scenario 4."""
    for name in ("t1", "t2", "t3"):
        account.thing(name)
    account.job("j", "t1", "t2", "t3")
    for name in ("t1", "t3"):
        account.data.start_next_pending_job_execution(thingName=name)
    account.iot.cancel_job(jobId="j", reasonCode="TEST_1", comment="x")
    account.settle()
    job = account.iot.describe_job(jobId="j")["job"]
    assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "TEST_1", "x")
    assert account.counts("j") == {"Canceled": 1, "InProgress": 2}
    account.data.update_job_execution(jobId="j", thingName="t3", status="SUCCEEDED")
    assert account.status("j") == "CANCELED"
    account.iot.cancel_job(jobId="j", force=True)
    account.settle()
    assert account.counts("j") == {"Canceled": 2, "Succeeded": 1}
    execution = account.iot.describe_job_execution(jobId="j", thingName="t1")["execution"]
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)
    assert account.iot.describe_job(jobId="j")["job"]["forceCanceled"] is True


def test_delete_rules(account: Account) -> None:
    """Scenario 5."""
    thing = account.thing("t")
    account.job("j", "t", tags=[{"Key": "a", "Value": "b"}])
    answer = refused(account.iot.delete_job, jobId="j")
    assert (answer.status, answer.code) == (409, "InvalidStateTransitionException")
    account.iot.delete_job(jobId="j", force=True)
    account.settle()
    gone = refused(account.iot.describe_job, jobId="j")
    assert (gone.status, gone.code, gone.message) == (404, "ResourceNotFoundException", "Job j cannot be found.")
    assert account.data.get_pending_job_executions(thingName="t")["queuedJobs"] == []
    assert account.iot.create_job(jobId="j", targets=[thing], document="{}")["jobId"] == "j"
    assert account.iot.list_tags_for_resource(resourceArn=account.arn("job/j"))["tags"] == []


def test_deletion_is_visible_and_limited(still: Account) -> None:
    """Scenarios 5 and 21: ten jobs at most in DELETION_IN_PROGRESS."""
    still.thing("t")
    target = [still.arn("thing/t")]
    for number in range(11):
        still.iot.create_job(jobId=f"j{number}", targets=target, document="{}")
    for number in range(10):
        still.iot.delete_job(jobId=f"j{number}", force=True)
    answer = refused(still.iot.delete_job, jobId="j10", force=True)
    assert (answer.status, answer.code) == (410, "LimitExceededException")
    assert still.status("j0") == "DELETION_IN_PROGRESS"
    assert refused(still.iot.create_job, jobId="j0", targets=target, document="{}").status == 409
    again = refused(still.iot.delete_job, jobId="j0", force=True)
    assert again.code == "InvalidStateTransitionException"


def test_execution_cancel(account: Account) -> None:
    """Scenario 6."""
    account.thing("t")
    account.job("j", "t")
    account.data.start_next_pending_job_execution(thingName="t")
    cancel = account.iot.cancel_job_execution
    answer = refused(cancel, jobId="j", thingName="t")
    assert (answer.status, answer.code) == (409, "InvalidStateTransitionException")
    answer = refused(cancel, jobId="j", thingName="t", force=True, expectedVersion=7)
    assert (answer.status, answer.code) == (409, "VersionConflictException")
    cancel(jobId="j", thingName="t", force=True, expectedVersion=2)
    account.settle()
    execution = account.iot.describe_job_execution(jobId="j", thingName="t")["execution"]
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)
    assert account.status("j") == "COMPLETED"
    answer = refused(cancel, jobId="j", thingName="t", force=True)
    assert (answer.status, answer.code) == (409, "InvalidStateTransitionException")


def test_templates(account: Account) -> None:
    """Scenario 17."""
    thing = account.thing("t")
    abort = {
        "criteriaList": [
            {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 12.25, "minNumberOfExecutedThings": 5}
        ]
    }
    rollout = {
        "exponentialRate": {
            "baseRatePerMinute": 50,
            "incrementFactor": 1.5,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
        },
        "maximumPerMinute": 1000,
    }
    account.job(
        "j", "t", abortConfig=abort, jobExecutionsRolloutConfig=rollout, timeoutConfig={"inProgressTimeoutInMinutes": 7}
    )
    created = account.iot.create_job_template(
        jobTemplateId="x",
        jobArn=account.arn("job/j"),
        description="from a job",
        timeoutConfig={"inProgressTimeoutInMinutes": 9},
        tags=[{"Key": "k", "Value": "v"}],
    )
    assert created["jobTemplateArn"] == account.arn("jobtemplate/x")
    template = account.iot.describe_job_template(jobTemplateId="x")
    assert template["document"] == json.dumps({"operation": "j"})
    assert template["timeoutConfig"] == {"inProgressTimeoutInMinutes": 9}
    assert (template["abortConfig"], template["jobExecutionsRolloutConfig"]) == (abort, rollout)
    assert account.iot.list_tags_for_resource(resourceArn=account.arn("jobtemplate/x"))["tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    made = account.iot.create_job(
        jobId="from-template",
        targets=[thing],
        jobTemplateArn=account.arn("jobtemplate/x"),
        jobExecutionsRolloutConfig={"maximumPerMinute": 5},
    )
    assert made["description"] == "from a job"
    account.iot.delete_job_template(jobTemplateId="x")
    job = account.iot.describe_job(jobId="from-template")["job"]
    assert job["jobTemplateArn"] == account.arn("jobtemplate/x")
    assert job["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 5}
    assert job["timeoutConfig"] == {"inProgressTimeoutInMinutes": 9}
    missing = refused(
        account.iot.create_job, jobId="late", targets=[thing], jobTemplateArn=account.arn("jobtemplate/x")
    )
    assert (missing.status, missing.message) == (404, "Job Template x cannot be found.")
    assert refused(account.iot.delete_job_template, jobTemplateId="x").status == 404


def test_limits(account: Account) -> None:
    """Scenario 21."""
    create = account.iot.create_job_template
    for number in range(100):
        create(jobTemplateId=f"x{number}", description="d", document="{}")
    answer = refused(create, jobTemplateId="x100", description="d", document="{}")
    assert (answer.status, answer.code) == (410, "LimitExceededException")
    targets = [account.arn(f"thing/t{number}") for number in range(101)]
    answer = refused(account.iot.create_job, jobId="j", targets=targets, document="{}")
    assert (answer.status, answer.code) == (410, "LimitExceededException")
    assert refused(account.iot.create_job, jobId="j", targets=targets[:100], document="{}").status == 404
    account.thing("t")
    account.job("j", "t")
    details = {f"k{number}": "v" for number in range(11)}
    answer = refused(
        account.data.update_job_execution, jobId="j", thingName="t", status="IN_PROGRESS", statusDetails=details
    )
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    answer = refused(
        account.iot.create_job,
        jobId="k",
        targets=targets[:1],
        document="{}",
        presignedUrlConfig={"roleArn": "arn:aws:iam::1:role/x", "expiresInSec": 3601},
    )
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message.endswith(
        "Value '3601' at 'presignedUrlConfig.expiresInSec' failed to satisfy constraint: "
        "Member must have value less than or equal to 3600"
    )


def test_registry(account: Account) -> None:
    """Scenario 22."""
    create = account.iot.create_thing
    attributes = {"attributes": {"site": "north"}}
    first = create(thingName="t", attributePayload=attributes)
    assert create(thingName="t", attributePayload=attributes)["thingId"] == first["thingId"]
    answer = refused(create, thingName="t", attributePayload={"attributes": {"site": "south"}})
    assert (answer.status, answer.code, answer.response["resourceArn"]) == (
        409,
        "ResourceAlreadyExistsException",
        account.arn("thing/t"),
    )
    account.iot.delete_thing(thingName="never-was")
    four = {"attributes": dict.fromkeys("abcd", "x")}
    answer = refused(create, thingName="u", attributePayload=four)
    assert (answer.status, answer.code) == (400, "InvalidRequestException")


def test_paging(account: Account) -> None:
    """Scenario 23."""
    target = [account.thing("t")]
    for number in range(251):
        account.iot.create_job(jobId=f"j{number}", targets=target, document="{}")
    page = account.iot.list_jobs(maxResults=250)
    assert len(page["jobs"]) == 250
    (last,) = account.iot.list_jobs(maxResults=250, nextToken=page["nextToken"])["jobs"]
    assert last["jobId"] not in {job["jobId"] for job in page["jobs"]}
    assert refused(account.iot.list_jobs, maxResults=251).status == 400
    pages = account.iot.get_paginator("list_jobs").paginate(PaginationConfig={"PageSize": 100})
    found = [job["jobId"] for page in pages for job in page["jobs"]]
    assert len(found) == 251
    assert set(found) == {f"j{number}" for number in range(251)}
    answer = refused(account.iot.list_jobs, nextToken="made-up")
    assert (answer.status, answer.code, answer.message) == (400, "InvalidRequestException", "Invalid nextToken")


def test_error_text(account: Account) -> None:
    """Scenario 24."""
    target = [account.thing("t")]
    answer = refused(account.iot.create_job, jobId="a b", targets=target, document="{}")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message == (
        "1 validation error detected: Value 'a b' at 'jobId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )
    answer = refused(account.iot.create_job, jobId="j", targets=target, document="{}", description="line1\nline2")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")


def test_the_rollout_keeps_its_rate(timed: Account) -> None:
    """Control reference 9.1, minute by minute on a clock that the test moves."""
    iot = timed.iot
    iot.create_thing_group(thingGroupName="g")
    for number in range(7):
        timed.thing(f"t{number}")
        iot.add_thing_to_thing_group(thingGroupName="g", thingName=f"t{number}")
    iot.create_job(
        jobId="j",
        targets=[timed.arn("thinggroup/g")],
        document="{}",
        jobExecutionsRolloutConfig={"maximumPerMinute": 3},
    )

    def advance(seconds: float) -> None:
        status, _, body = timed.server.fetch("/_tidegate/clock", "POST", {"advance": seconds})
        assert status == 200, body

    released = []
    for seconds in (0, 59.999, 0.001, 59.999, 0.001, 60):
        advance(seconds)
        released.append(timed.counts("j").get("Queued", 0))
    assert released == [3, 3, 6, 6, 7, 7]
    queued = iot.list_job_executions_for_job(jobId="j")["executionSummaries"]
    assert len({one["thingArn"] for one in queued}) == 7
