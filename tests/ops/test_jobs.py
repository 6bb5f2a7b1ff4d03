"""Jobs from creation to their end, on both engines: rolled out, carried out, canceled, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.effects import ExecutionsQueued, PendingChanged
from tidegate.ops.quotas import Limits
from tidegate.store.database import Database, locks_rows, transact
from tidegate.wire import iot, jobs_data
from tidegate.wire.errors import WireError

DOCUMENT = '{"operation": "reboot"}'
DEVICE = "iot-jobs-data"


@pytest.fixture
def settle(database: Database, call: Call) -> Any:
    """``settle(now)`` does everything that is due at an instant; returns when the engine must look again."""

    def settle(now: int = NOW, limits: Limits = call.limits, effects: list[Any] | None = None) -> int | None:
        for _ in range(10_000):
            outcome = database.commit([locks_rows(lambda tx: sweeps.sweep(tx, now, limits))])[0]
            again: int | None = outcome.result()
            if effects is not None:
                effects.extend(outcome.effects)
            if again is None or again > now:
                return again
        raise AssertionError("the engine does not come to rest")

    return settle


def things(run: Run, count: int) -> list[str]:
    return [run("CreateThing", thing_name=f"t{number}").thing_arn for number in range(1, count + 1)]


def counts(run: Run, job_id: str) -> dict[str, int]:
    details = run("DescribeJob", job_id=job_id).job.job_process_details
    names = ("queued", "in_progress", "succeeded", "failed", "rejected", "canceled", "removed", "timed_out")
    found = {name: getattr(details, f"number_of_{name}_things") for name in names}
    return {name: count for name, count in found.items() if count}


def report(run: Run, thing: str, job_id: str, status: str, **members: Any) -> jobs_data.UpdateJobExecutionResponse:
    return run("UpdateJobExecution", plane=DEVICE, thing_name=thing, job_id=job_id, status=status, **members)


def test_a_snapshot_job_completes_with_its_last_execution(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 2), document=DOCUMENT, description="first")
    assert run("DescribeJob", job_id="j").job.status == "IN_PROGRESS"
    settle()
    job = run("DescribeJob", job_id="j").job
    assert (job.is_concurrent, job.job_process_details.processing_targets) == (False, None)
    assert counts(run, "j") == {"queued": 2}
    report(run, "t1", "j", "SUCCEEDED")
    assert run("DescribeJob", job_id="j").job.status == "IN_PROGRESS"
    report(run, "t2", "j", "FAILED")
    job = run("DescribeJob", job_id="j").job
    assert (job.status, job.completed_at) == ("COMPLETED", NOW / 1000)
    assert counts(run, "j") == {"succeeded": 1, "failed": 1}


def test_start_next_twice_returns_the_same_execution(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 1), document=DOCUMENT)
    settle()
    first = run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t1", status_details={"step": "1"})
    again = run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t1", status_details={"step": "2"})
    assert first == again
    execution = first.execution
    assert (execution.status, execution.version_number, execution.execution_number) == ("IN_PROGRESS", 2, 1)
    assert (execution.status_details, execution.job_document) == ({"step": "1"}, DOCUMENT)


def test_the_rate_is_never_exceeded_in_any_minute(run: Run, settle: Any) -> None:
    config = iot.JobExecutionsRolloutConfig(maximum_per_minute=3)
    run("CreateJob", job_id="j", targets=things(run, 8), document=DOCUMENT, job_executions_rollout_config=config)
    assert settle(NOW) == NOW + 60_000
    assert counts(run, "j") == {"queued": 3}
    assert settle(NOW + 59_999) == NOW + 60_000
    assert counts(run, "j") == {"queued": 3}
    settle(NOW + 60_000)
    assert counts(run, "j") == {"queued": 6}
    settle(NOW + 3_600_000)
    assert counts(run, "j") == {"queued": 8}


def test_a_thing_in_several_targets_gets_one_execution(run: Run, settle: Any) -> None:
    arns = things(run, 2)
    group = run("CreateThingGroup", thing_group_name="g").thing_group_arn
    child = run("CreateThingGroup", thing_group_name="c", parent_group_name="g").thing_group_arn
    run("AddThingToThingGroup", thing_group_name="c", thing_name="t1")
    run("CreateJob", job_id="j", targets=[arns[0], group, child, arns[1], arns[1]], document=DOCUMENT)
    settle()
    assert counts(run, "j") == {"queued": 2}
    assert run("DescribeJob", job_id="j").job.targets == [arns[0], group, child, arns[1]]


def test_things_that_join_after_the_rollout_began_are_left_out(run: Run, settle: Any, call: Call) -> None:
    things(run, 3)
    group = run("CreateThingGroup", thing_group_name="g").thing_group_arn
    run("AddThingToThingGroup", thing_group_name="g", thing_name="t2")
    run("AddThingToThingGroup", thing_group_name="g", thing_name="t3")
    config = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    run("CreateJob", job_id="j", targets=[group], document=DOCUMENT, job_executions_rollout_config=config)
    settle()
    run("AddThingToThingGroup", call=call._replace(now=NOW + 1), thing_group_name="g", thing_name="t1")
    settle(NOW + 60_000)
    settle(NOW + 120_000)
    assert counts(run, "j") == {"queued": 2}


def test_an_empty_group_completes_at_once(run: Run, settle: Any) -> None:
    group = run("CreateThingGroup", thing_group_name="g").thing_group_arn
    run("CreateJob", job_id="j", targets=[group], document=DOCUMENT)
    settle()
    assert run("DescribeJob", job_id="j").job.status == "COMPLETED"


def test_cancel_without_and_with_force(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 3), document=DOCUMENT)
    settle()
    run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t1")
    run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t2")
    effects: list[Any] = []
    run("CancelJob", job_id="j", reason_code="TEST_1", comment="x", effects=effects)
    settle()
    job = run("DescribeJob", job_id="j").job
    assert (job.status, job.reason_code, job.comment, job.force_canceled) == ("CANCELED", "TEST_1", "x", False)
    assert counts(run, "j") == {"in_progress": 2, "canceled": 1}
    assert [effect.change for effect in effects if isinstance(effect, PendingChanged)] == [(True, True)]
    report(run, "t1", "j", "SUCCEEDED")
    with pytest.raises(iot.InvalidRequestException):
        run("CancelJob", job_id="j")
    run("CancelJob", job_id="j", force=True)
    settle()
    assert counts(run, "j") == {"succeeded": 1, "canceled": 2}
    assert run("DescribeJob", job_id="j").job.status == "CANCELED"
    assert run("DescribeJobExecution", thing_name="t2", job_id="j").execution.force_canceled is True
    with pytest.raises(jobs_data.InvalidStateTransitionException) as refused:
        report(run, "t2", "j", "SUCCEEDED")
    assert refused.value.members["execution_state"].status == "CANCELED"


def test_delete_needs_force_and_frees_the_id(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 2), document=DOCUMENT, tags=[iot.Tag(key="k", value="v")])
    settle()
    with pytest.raises(iot.InvalidStateTransitionException):
        run("DeleteJob", job_id="j")
    run("DeleteJob", job_id="j", force=True)
    assert run("DescribeJob", job_id="j").job.status == "DELETION_IN_PROGRESS"
    assert run("GetPendingJobExecutions", plane=DEVICE, thing_name="t1").queued_jobs == []
    with pytest.raises(iot.ResourceAlreadyExistsException):
        run("CreateJob", job_id="j", targets=[run("DescribeThing", thing_name="t1").thing_arn], document=DOCUMENT)
    with pytest.raises(iot.InvalidStateTransitionException):
        run("DeleteJob", job_id="j", force=True)
    effects: list[Any] = []
    settle(effects=effects)
    assert len([effect for effect in effects if isinstance(effect, PendingChanged)]) == 2
    with pytest.raises(iot.ResourceNotFoundException, match="Job j cannot be found"):
        run("DescribeJob", job_id="j")
    assert run("ListJobExecutionsForThing", thing_name="t1").execution_summaries == []
    run("CreateJob", job_id="j", targets=[run("DescribeThing", thing_name="t1").thing_arn], document=DOCUMENT)


def test_cancel_execution(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 1), document=DOCUMENT)
    settle()
    run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t1")
    with pytest.raises(iot.InvalidStateTransitionException):
        run("CancelJobExecution", thing_name="t1", job_id="j")
    with pytest.raises(iot.VersionConflictException):
        run("CancelJobExecution", thing_name="t1", job_id="j", force=True, expected_version=7)
    run("CancelJobExecution", thing_name="t1", job_id="j", force=True, status_details={"why": "test"})
    execution = run("DescribeJobExecution", thing_name="t1", job_id="j").execution
    assert (execution.status, execution.version_number) == ("CANCELED", 3)
    assert execution.status_details.details_map == {"why": "test"}
    assert run("DescribeJob", job_id="j").job.status == "COMPLETED"


def test_notices_of_three_jobs(run: Run, settle: Any) -> None:
    """The scenario of device reference 3.10."""
    target = things(run, 1)
    for number in (1, 2, 3):
        effects: list[Any] = []
        run("CreateJob", job_id=f"j{number}", targets=target, document=DOCUMENT, effects=effects)
        settle(effects=effects)
        assert [len(effect.thing_ids) for effect in effects if isinstance(effect, ExecutionsQueued)] == [1]

    def changes(name: str, **members: Any) -> list[tuple[bool, bool]]:
        effects: list[Any] = []
        run(name, plane=DEVICE, thing_name="t1", effects=effects, **members)
        return [tuple(effect.change) for effect in effects if isinstance(effect, PendingChanged)]

    assert changes("UpdateJobExecution", job_id="j1", status="IN_PROGRESS") == []
    assert changes("UpdateJobExecution", job_id="j1", status="IN_PROGRESS", status_details={"p": "50"}) == []
    assert changes("UpdateJobExecution", job_id="j3", status="REJECTED") == [(True, False)]
    assert changes("UpdateJobExecution", job_id="j1", status="SUCCEEDED") == [(True, True)]
    assert changes("UpdateJobExecution", job_id="j2", status="SUCCEEDED") == [(True, True)]


def test_overtaking_changes_the_head_but_not_the_list(run: Run, settle: Any) -> None:
    target = things(run, 1)
    for job_id in ("j1", "j2"):
        run("CreateJob", job_id=job_id, targets=target, document=DOCUMENT)
        settle()
    effects: list[Any] = []
    report_to = {"plane": DEVICE, "thing_name": "t1", "job_id": "j2", "status": "IN_PROGRESS"}
    run("UpdateJobExecution", effects=effects, **report_to)
    assert [effect.change for effect in effects] == [(False, True)]


ARN = "arn:aws:iot:eu-west-1:123456789012:"
INVALID, MISSING = iot.InvalidRequestException, iot.ResourceNotFoundException


@pytest.mark.parametrize(
    ("members", "error", "text"),
    [
        ({}, INVALID, "document is required if you do not specify a value for documentSource"),
        ({"document": "{"}, INVALID, "is an invalid JSON document"),
        ({"document": "{}", "document_source": "https://s3.amazonaws.com/b/k"}, INVALID, "at the same time"),
        ({"document": "{}", "targets": ["arn:aws:iot:eu-west-1:999999999999:thing/t1"]}, INVALID, "not the ARN"),
        ({"document": "{}", "targets": ["x"]}, INVALID, "not the ARN"),
        ({"document": "{}", "targets": [f"{ARN}thing/none"]}, MISSING, "Thing none cannot be found"),
        ({"job_template_arn": f"{ARN}jobtemplate/none"}, MISSING, "Job Template none cannot be found"),
        ({"document": "{}", "document_parameters": {"a": "b"}}, INVALID, "managed job templates"),
        (
            {"document": "{}", "targets": [f"{ARN}thing/{number}" for number in range(101)]},
            iot.LimitExceededException,
            "100 targets",
        ),
        (
            {"document": "{}", "timeout_config": iot.TimeoutConfig(in_progress_timeout_in_minutes=0)},
            INVALID,
            "cannot be 0",
        ),
    ],
)
def test_what_create_job_refuses(run: Run, members: dict[str, Any], error: type[WireError], text: str) -> None:
    target = things(run, 1)
    with pytest.raises(error, match=text):
        run("CreateJob", **{"job_id": "j", "targets": target, **members})
    assert run("ListJobs").jobs == []


def test_a_job_takes_what_it_does_not_name_from_its_template(run: Run) -> None:
    rollout = iot.JobExecutionsRolloutConfig(maximum_per_minute=7)
    template = run(
        "CreateJobTemplate",
        job_template_id="tpl",
        description="from the template",
        document=DOCUMENT,
        job_executions_rollout_config=rollout,
        timeout_config=iot.TimeoutConfig(in_progress_timeout_in_minutes=60),
    ).job_template_arn
    own = iot.TimeoutConfig(in_progress_timeout_in_minutes=5)
    answer = run("CreateJob", job_id="j", targets=things(run, 1), job_template_arn=template, timeout_config=own)
    assert answer.description == "from the template"
    run("DeleteJobTemplate", job_template_id="tpl")
    job = run("DescribeJob", job_id="j").job
    assert (job.job_executions_rollout_config, job.timeout_config) == (rollout, own)
    assert job.job_template_arn == template
    assert run("GetJobDocument", job_id="j").document == DOCUMENT
    assert (job.presigned_url_config, job.abort_config) == (iot.PresignedUrlConfig(), None)


def test_empty_structures_are_as_if_not_sent(run: Run) -> None:
    rollout = iot.JobExecutionsRolloutConfig(maximum_per_minute=7)
    template = run(
        "CreateJobTemplate",
        job_template_id="tpl",
        description="d",
        document=DOCUMENT,
        job_executions_rollout_config=rollout,
        timeout_config=iot.TimeoutConfig(in_progress_timeout_in_minutes=60),
    ).job_template_arn
    run(
        "CreateJob",
        job_id="j",
        targets=things(run, 1),
        job_template_arn=template,
        document_parameters={},
        presigned_url_config=iot.PresignedUrlConfig(),
        job_executions_rollout_config=iot.JobExecutionsRolloutConfig(),
        timeout_config=iot.TimeoutConfig(),
        scheduling_config=iot.SchedulingConfig(),
    )
    job = run("DescribeJob", job_id="j").job
    assert (job.job_executions_rollout_config, job.timeout_config.in_progress_timeout_in_minutes) == (rollout, 60)
    assert not job.document_parameters


def test_list_jobs_pages_and_filters(run: Run, settle: Any) -> None:
    target = things(run, 1)
    for number in range(7):
        run(
            "CreateJob",
            job_id=f"j{number}",
            targets=target,
            document=DOCUMENT,
            namespace_id="n" if number % 2 else None,
        )
    run("CancelJob", job_id="j3")
    seen: list[str] = []
    token = None
    while True:
        answer = run("ListJobs", max_results=3, next_token=token)
        seen += [job.job_id for job in answer.jobs]
        token = answer.next_token
        if token is None:
            break
    assert seen == [f"j{number}" for number in range(6, -1, -1)]
    assert [job.job_id for job in run("ListJobs", status="CANCELED").jobs] == ["j3"]
    assert [job.job_id for job in run("ListJobs", namespace_id="n").jobs] == ["j5", "j3", "j1"]
    assert run("ListJobs", next_token="") == run("ListJobs")
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListJobs", next_token=run("ListJobs", max_results=3).next_token, status="CANCELED")


def test_list_executions_pages(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 7), document=DOCUMENT)
    settle()
    report(run, "t5", "j", "REJECTED")
    first = run("ListJobExecutionsForJob", job_id="j", max_results=4)
    second = run("ListJobExecutionsForJob", job_id="j", max_results=4, next_token=first.next_token)
    names = [one.thing_arn.rpartition("/")[2] for one in first.execution_summaries + second.execution_summaries]
    assert sorted(names) == [f"t{number}" for number in range(1, 8)]
    assert second.next_token is None
    rejected = run("ListJobExecutionsForJob", job_id="j", status="REJECTED").execution_summaries
    assert [one.thing_arn.rpartition("/")[2] for one in rejected] == ["t5"]
    assert rejected[0].job_execution_summary.retry_attempt == 0
    assert run("ListJobExecutionsForThing", thing_name="nobody").execution_summaries == []
    [only] = run("ListJobExecutionsForThing", thing_name="t5", job_id="j").execution_summaries
    assert (only.job_id, only.job_execution_summary.status) == ("j", "REJECTED")


def test_a_deleted_thing_ends_its_executions(run: Run, settle: Any) -> None:
    run("CreateJob", job_id="j", targets=things(run, 2), document=DOCUMENT)
    settle()
    report(run, "t1", "j", "SUCCEEDED")
    run("DeleteThing", thing_name="t2")
    settle()
    assert counts(run, "j") == {"succeeded": 1, "removed": 1}
    assert run("DescribeJob", job_id="j").job.status == "COMPLETED"


def test_each_step_of_the_engine_goes_on_from_the_store(run: Run, database: Database, call: Call) -> None:
    limits = call.limits._replace(release_chunk=2)
    things(run, 5)
    group = run("CreateThingGroup", thing_group_name="g").thing_group_arn
    for number in range(1, 6):
        run("AddThingToThingGroup", thing_group_name="g", thing_name=f"t{number}")
    run("CreateJob", job_id="j", targets=[group], document=DOCUMENT, call=call._replace(limits=limits))
    seen = [counts(run, "j")["queued"]]  # the first step is CreateJob's own
    again: int | None = NOW
    while again is not None and again <= NOW:
        again = transact(database, locks_rows(lambda tx: sweeps.sweep(tx, NOW, limits)))
        seen.append(counts(run, "j").get("queued", 0))
    assert seen[:3] == [2, 4, 5]
