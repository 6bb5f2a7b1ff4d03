"""Worked scenarios 1 to 6 of control reference 23: a job's life, its cancellation and its end."""

from __future__ import annotations

from tests.scenarios.scene import Scene, refused


def test_01_snapshot_happy_path(scene: Scene) -> None:
    scene.create("j", scene.things(2))
    job = scene.described()
    assert (job["status"], job["isConcurrent"]) == ("IN_PROGRESS", False)
    assert "processingTargets" not in job["jobProcessDetails"]
    assert scene.counts("j") == {"Queued": 2}
    scene.minutes(3)
    scene.report("t1", "SUCCEEDED")
    scene.report("t2", "FAILED")
    job = scene.described()
    assert job["status"] == "COMPLETED"
    assert round(job["completedAt"].timestamp() * 1000) == scene.now
    assert scene.counts("j") == {"Succeeded": 1, "Failed": 1}


def test_02_duplicate_ids(scene: Scene) -> None:
    targets = scene.things(1)
    scene.create("j", targets)
    again = refused(scene.iot.create_job, jobId="j", targets=targets, document="{}")
    assert (again.status, again.code) == (409, "ResourceAlreadyExistsException")
    assert again.response["resourceArn"] == scene.arn("job/j")
    template = {"jobTemplateId": "x", "description": "d", "document": "{}"}
    scene.iot.create_job_template(**template)
    again = refused(scene.iot.create_job_template, **template)
    assert (again.status, again.code) == (409, "ConflictException")


def test_03_defaults(scene: Scene) -> None:
    scene.create("j", scene.things(2))
    job = scene.described()
    assert job["targetSelection"] == "SNAPSHOT"
    assert (job["presignedUrlConfig"], job["jobExecutionsRolloutConfig"], job["timeoutConfig"]) == ({}, {}, {})
    assert "abortConfig" not in job
    details = job["jobProcessDetails"]
    assert len(details) == 8
    assert sum(details.values()) == details["numberOfQueuedThings"] == 2


def test_04_cancel_without_and_with_force(scene: Scene) -> None:
    scene.create("j", scene.things(3))
    scene.start("t1")
    scene.start("t3")
    scene.iot.cancel_job(jobId="j", reasonCode="TEST_1", comment="x")
    scene.settle()
    job = scene.described()
    assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "TEST_1", "x")
    assert [scene.state(thing) for thing in ("t1", "t2", "t3")] == ["IN_PROGRESS", "CANCELED", "IN_PROGRESS"]
    scene.report("t3", "SUCCEEDED")
    assert scene.status("j") == "CANCELED"
    scene.iot.cancel_job(jobId="j", force=True)
    scene.settle()
    execution = scene.execution("t1")
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)


def test_05_delete_rules(scene: Scene) -> None:
    targets = scene.things(1)
    scene.create("j", targets)
    answer = refused(scene.iot.delete_job, jobId="j")
    assert (answer.status, answer.code) == (409, "InvalidStateTransitionException")
    scene.iot.delete_job(jobId="j", force=True)
    scene.settle()
    assert refused(scene.iot.describe_job, jobId="j").status == 404
    scene.create("j", targets)
    assert scene.counts("j") == {"Queued": 1}


def test_05_deletion_is_visible_while_it_lasts(still: Scene) -> None:
    still.iot.create_job(jobId="j", targets=still.things(1), document="{}")
    still.iot.delete_job(jobId="j", force=True)
    assert still.status("j") == "DELETION_IN_PROGRESS"


def test_06_execution_cancel(scene: Scene) -> None:
    scene.create("j", scene.things(1))
    scene.start("t1")
    cancel = scene.iot.cancel_job_execution
    answer = refused(cancel, jobId="j", thingName="t1")
    assert (answer.status, answer.code) == (409, "InvalidStateTransitionException")
    answer = refused(cancel, jobId="j", thingName="t1", expectedVersion=7, force=True)
    assert (answer.status, answer.code) == (409, "VersionConflictException")
    cancel(jobId="j", thingName="t1", force=True, expectedVersion=2)
    scene.settle()
    assert (scene.state("t1"), scene.status("j")) == ("CANCELED", "COMPLETED")
