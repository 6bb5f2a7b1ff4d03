"""Worked scenarios 17 and 21 to 24 of control reference 23: templates, limits, the registry, paging, error texts."""

from __future__ import annotations

import pytest

from tests.scenarios.scene import Scene, refused


@pytest.fixture
def way() -> str:
    """These need the server."""
    return "server"


def test_17_template(scene: Scene) -> None:
    targets = scene.things(1)
    rate = {"maximumPerMinute": 7}
    scene.create(
        "j", targets, jobExecutionsRolloutConfig=rate, timeoutConfig={"inProgressTimeoutInMinutes": 5}, document="[1]"
    )
    job = scene.arn("job/j")
    override = {"inProgressTimeoutInMinutes": 9}
    scene.iot.create_job_template(jobTemplateId="x", jobArn=job, description="d", timeoutConfig=override)
    template = scene.iot.describe_job_template(jobTemplateId="x")
    assert template["timeoutConfig"] == override
    assert (template["document"], template["jobExecutionsRolloutConfig"]) == ("[1]", rate)
    arn = scene.arn("jobtemplate/x")
    made = scene.iot.create_job(jobId="made", targets=targets, jobTemplateArn=arn)
    assert made["description"] == "d"
    scene.iot.delete_job_template(jobTemplateId="x")
    described = scene.described("made")
    assert (described["jobTemplateArn"], described["timeoutConfig"]) == (arn, override)
    answer = refused(scene.iot.create_job, jobId="late", targets=targets, jobTemplateArn=arn)
    assert (answer.status, answer.code) == (404, "ResourceNotFoundException")


def test_21_limits(scene: Scene) -> None:
    template = {"description": "d", "document": "{}"}
    for number in range(100):
        scene.iot.create_job_template(jobTemplateId=f"x{number}", **template)
    answer = refused(scene.iot.create_job_template, jobTemplateId="x100", **template)
    assert (answer.status, answer.code) == (410, "LimitExceededException")
    assert refused(scene.iot.describe_job_template, jobTemplateId="x100").status == 404
    targets = [scene.arn(f"thing/t{number}") for number in range(101)]
    answer = refused(scene.iot.create_job, jobId="j", targets=targets, document="{}")
    assert (answer.status, answer.code) == (410, "LimitExceededException")
    scene.create("j", scene.things(1))
    details = {f"k{number}": "v" for number in range(11)}
    answer = refused(
        scene.data.update_job_execution, jobId="j", thingName="t1", status="SUCCEEDED", statusDetails=details
    )
    assert answer.status == 400
    presigned = {"roleArn": "arn:aws:iam::123456789012:role/r", "expiresInSec": 3601}
    answer = refused(scene.iot.create_job, jobId="k", targets=targets[:1], document="{}", presignedUrlConfig=presigned)
    assert answer.status == 400
    assert "Member must have value less than or equal to 3600" in answer.message


def test_21_ten_jobs_are_deleted_at_once(still: Scene) -> None:
    targets = still.things(1)
    for number in range(11):
        still.iot.create_job(jobId=f"j{number}", targets=targets, document="{}")
    for number in range(10):
        still.iot.delete_job(jobId=f"j{number}", force=True)
    answer = refused(still.iot.delete_job, jobId="j10", force=True)
    assert (answer.status, answer.code) == (410, "LimitExceededException")


def test_22_registry(scene: Scene) -> None:
    create = scene.iot.create_thing
    payload = {"attributes": {"site": "north"}}
    first = create(thingName="t", attributePayload=payload)
    assert create(thingName="t", attributePayload=payload)["thingId"] == first["thingId"]
    answer = refused(create, thingName="t", attributePayload={"attributes": {"site": "south"}})
    assert (answer.status, answer.code) == (409, "ResourceAlreadyExistsException")
    scene.iot.delete_thing(thingName="nobody")
    four = {"attributes": dict.fromkeys("abcd", "x")}
    answer = refused(create, thingName="u", attributePayload=four)
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    scene.iot.create_thing_type(thingTypeName="lamp")
    create(thingName="u", attributePayload=four, thingTypeName="lamp")
    scene.iot.update_thing(thingName="u", removeThingType=True, attributePayload={"attributes": {}})
    scene.iot.deprecate_thing_type(thingTypeName="lamp")
    scene.minutes(4.9)
    answer = refused(scene.iot.delete_thing_type, thingTypeName="lamp")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert "Please wait for 5 minutes after deprecation and then retry" in answer.message
    scene.minutes(0.1)
    scene.iot.delete_thing_type(thingTypeName="lamp")
    assert refused(scene.iot.describe_thing_type, thingTypeName="lamp").status == 404


def test_23_paging(scene: Scene) -> None:
    targets = scene.things(1)
    for number in range(251):
        scene.iot.create_job(jobId=f"j{number}", targets=targets, document="{}")
    page = scene.iot.list_jobs(maxResults=250)
    assert len(page["jobs"]) == 250
    assert len(scene.iot.list_jobs(maxResults=250, nextToken=page["nextToken"])["jobs"]) == 1
    assert refused(scene.iot.list_jobs, maxResults=251).status == 400
    found = [job["jobId"] for page in scene.iot.get_paginator("list_jobs").paginate() for job in page["jobs"]]
    assert sorted(found) == sorted(f"j{number}" for number in range(251))


def test_24_error_text(scene: Scene) -> None:
    targets = scene.things(1)
    answer = refused(scene.iot.create_job, jobId="a b", targets=targets, document="{}")
    assert (answer.code, answer.message) == (
        "InvalidRequestException",
        "1 validation error detected: Value 'a b' at 'jobId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
    )
    answer = refused(scene.iot.create_job, jobId="j", targets=targets, document="{}", description="line1\nline2")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
