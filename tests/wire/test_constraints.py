"""The wording, the order and the completeness of constraint messages (control reference 1.5, scenario 24)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tidegate.wire import constraints, fastpath, iot, jobs_data
from tidegate.wire.shapes import Shape

NAME = "[a-zA-Z0-9_-]+"
TEXT = r"[^\p{C}]+"


def job(**members: Any) -> iot.CreateJobRequest:
    return iot.CreateJobRequest(**{"job_id": "j", "targets": ["t"], **members})


def package(**members: Any) -> iot.CreatePackageRequest:
    return iot.CreatePackageRequest(**{"package_name": "p", **members})


def failed(value: str, path: str, clause: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {clause}"


ABORT = {
    "failure_type": "FAILED",
    "action": "CANCEL",
    "threshold_percentage": Decimal(5),
    "min_number_of_executed_things": 1,
}


def abort(**members: Any) -> iot.CreateJobRequest:
    return job(abort_config=iot.AbortConfig(criteria_list=[iot.AbortCriteria(**ABORT | members)]))


ONE = [
    (job(job_id="a b"), failed("'a b'", "jobId", f"Member must satisfy regular expression pattern: {NAME}")),
    (
        package(package_name="a b"),
        failed("'a b'", "packageName", "Member must satisfy regular expression pattern: [a-zA-Z0-9-_.]+"),
    ),
    (
        job(description="line1\nline2"),
        failed("'line1\nline2'", "description", f"Member must satisfy regular expression pattern: {TEXT}"),
    ),
    (job(description=""), failed("''", "description", f"Member must satisfy regular expression pattern: {TEXT}")),
    (job(targets=None), failed("null", "targets", "Member must not be null")),
    (job(targets=[]), failed("'[]'", "targets", "Member must have length greater than or equal to 1")),
    (
        job(targets=["a", "x" * 2049]),
        failed(
            f"'[a, {'x' * 2049}]'",
            "targets",
            "Member must satisfy constraint: [Member must have length less than or equal to 2048, "
            "Member must have length greater than or equal to 0]",
        ),
    ),
    (
        job(description="x" * 2029),
        failed(f"'{'x' * 2029}'", "description", "Member must have length less than or equal to 2028"),
    ),
    (
        job(target_selection="snapshot"),
        failed("'snapshot'", "targetSelection", "Member must satisfy enum value set: [CONTINUOUS, SNAPSHOT]"),
    ),
    (
        job(presigned_url_config=iot.PresignedUrlConfig(expires_in_sec=3601)),
        failed("'3601'", "presignedUrlConfig.expiresInSec", "Member must have value less than or equal to 3600"),
    ),
    (
        job(tags=[iot.Tag(key="a"), iot.Tag(key="a#")]),
        failed(
            "'a#'",
            "tags.2.member.key",
            r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
        ),
    ),
    (
        abort(threshold_percentage=Decimal("100.10")),
        failed(
            "'100.1'",
            "abortConfig.criteriaList.1.member.thresholdPercentage",
            "Member must have value less than or equal to 100",
        ),
    ),
    (
        abort(threshold_percentage=Decimal("1e400")),
        failed(
            "'Infinity'",
            "abortConfig.criteriaList.1.member.thresholdPercentage",
            "Member must have value less than or equal to 100",
        ),
    ),
    (abort(action=None), failed("null", "abortConfig.criteriaList.1.member.action", "Member must not be null")),
    (
        job(document_parameters={"a b": "c"}),
        failed(
            "'{a b=c}'",
            "documentParameters",
            "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
            "Member must have length greater than or equal to 1, "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+]",
        ),
    ),
    (
        job(document_parameters={"a": "\t", "b": "\t"}),
        failed(
            "'{a=\t, b=\t}'",
            "documentParameters",
            "Map value must satisfy constraint: [Member must have length less than or equal to 30720, "
            "Member must have length greater than or equal to 1, "
            rf"Member must satisfy regular expression pattern: {TEXT}]",
        ),
    ),
    (
        iot.CreateThingRequest(thing_name="t", attribute_payload=iot.AttributePayload(attributes={"a b": "c"})),
        failed(
            "'{a b=c}'",
            "attributePayload.attributes",
            "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+]",
        ),
    ),
    (
        jobs_data.UpdateJobExecutionRequest(job_id="j", thing_name="t"),
        failed("null", "status", "Member must not be null"),
    ),
    (
        jobs_data.UpdateJobExecutionRequest(
            job_id="j", thing_name="t", status="FAILED", status_details={str(number): "v" for number in range(11)}
        ),
        failed(
            "'{0=v, 1=v, 2=v, 3=v, 4=v, 5=v, 6=v, 7=v, 8=v, 9=v, 10=v}'",
            "statusDetails",
            "Member must have length less than or equal to 10",
        ),
    ),
    (
        iot.SearchIndexRequest(query_string="*", max_results=501),
        failed("'501'", "maxResults", "Member must have value less than or equal to 500"),
    ),
    (
        iot.ListJobsRequest(max_results=251),
        failed("'251'", "maxResults", "Member must have value less than or equal to 250"),
    ),
]


@pytest.mark.parametrize(("request_", "sentence"), ONE, ids=lambda value: "" if isinstance(value, str) else None)
def test_one_violation(request_: Shape, sentence: str) -> None:
    found = constraints.violations(request_)
    assert found == [sentence]
    assert constraints.message(found) == f"1 validation error detected: {sentence}"


def test_all_violations_stand_in_one_message() -> None:
    request = iot.CreateJobRequest(
        job_id="",
        tags=[iot.Tag()],
        timeout_config=iot.TimeoutConfig(),
        job_executions_retry_config=iot.JobExecutionsRetryConfig(
            criteria_list=[iot.RetryCriteria(failure_type="REJECTED", number_of_retries=11)] * 3
        ),
    )
    found = constraints.violations(request)
    assert found[:3] == [
        failed("''", "jobId", f"Member must satisfy regular expression pattern: {NAME}"),
        failed("''", "jobId", "Member must have length greater than or equal to 1"),
        failed("null", "targets", "Member must not be null"),
    ]
    assert found[3] == failed("null", "tags.1.member.key", "Member must not be null")
    criterion = "RetryCriteria(failureType=REJECTED, numberOfRetries=11)"
    assert found[4] == failed(
        f"'[{criterion}, {criterion}, {criterion}]'",
        "jobExecutionsRetryConfig.criteriaList",
        "Member must have length less than or equal to 2",
    )
    assert len(found) == 5 + 3 * 2
    assert constraints.message(found) == f"11 validation errors detected: {'; '.join(found)}"


ACCEPTED = [
    job(),
    job(description="äöü 漢字 😀", tags=[iot.Tag(key="k"), iot.Tag(key="k", value="")]),
    job(job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=10**6)),
    abort(threshold_percentage=Decimal("-1")),
    package(description=""),
    jobs_data.UpdateJobExecutionRequest(job_id="j", thing_name="t", status="QUEUED", status_details={}),
    jobs_data.UpdateJobExecutionRequest(
        job_id="j", thing_name="t", status="FAILED", status_details={"out": "line 1\nline 2\r\n\t"}
    ),
    jobs_data.DescribeJobExecutionRequest(job_id="$next", thing_name="t"),
]


@pytest.mark.parametrize("request_", ACCEPTED, ids=range(len(ACCEPTED)))
def test_what_is_left_to_the_operations(request_: Shape) -> None:
    assert constraints.violations(request_) == []


def test_increment_factor_is_compared_by_its_literal() -> None:
    def rollout(factor: str) -> iot.ExponentialRolloutRate:
        return iot.ExponentialRolloutRate(
            base_rate_per_minute=1,
            increment_factor=Decimal(factor),
            rate_increase_criteria=iot.RateIncreaseCriteria(number_of_notified_things=1),
        )

    assert [factor for factor in ("1.1", "1.10", "5", "5.0") if constraints.violations(rollout(factor))] == []
    assert constraints.violations(rollout("1.09")) == [
        failed("'1.09'", "incrementFactor", "Member must have value greater than or equal to 1.1")
    ]
    assert constraints.violations(rollout("5.000001")) == [
        failed("'5.000001'", "incrementFactor", "Member must have value less than or equal to 5")
    ]


def test_java_rendering() -> None:
    assert constraints.java({"a": [True, None, Decimal("1.50")], "b": iot.Tag(key="k")}) == (
        "{a=[true, null, 1.5], b=Tag(key=k, value=null)}"
    )


def test_the_compiled_source_holds_no_values_of_requests() -> None:
    text, names = fastpath.source(iot.Tag)
    assert text.startswith("def function(value):\n    v = value.key\n    if v is None:\n        return False\n")
    assert names["accepts"] is fastpath.accepts


def test_what_is_wrong_a_thousand_times_is_not_told_a_thousand_times() -> None:
    tags = [iot.Tag(key="", value="v")] * 20_000
    found = constraints.violations(iot.CreatePolicyRequest(policy_name="p", policy_document="{}", tags=tags))
    assert len(found) == 100
    late = [iot.Tag(key="k", value="v")] * 20_000 + tags[:1]
    found = constraints.violations(iot.CreatePolicyRequest(policy_name="p", policy_document="{}", tags=late))
    assert len(found) == 1
    assert len(constraints.java(tags)) < 50_000
