"""Routes, malformed requests and the bytes of answers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tidegate.wire import errors, iot, iot_data, jobs_data, protocol
from tidegate.wire.shapes import Plane

JOB = b'{"targets":["t"]'


def decoded(plane: Plane, method: str, path: str, body: bytes = b"", query: bytes = b"", **headers: str) -> Any:
    found = protocol.route(plane, method, path)
    assert found is not None
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return protocol.decode(*found, query, pairs, body)


def refused(body: bytes, path: str = "/jobs/j", method: str = "PUT", query: bytes = b"") -> str:
    with pytest.raises(errors.SerializationException) as caught:
        decoded("iot", method, path, body, query)
    return caught.value.message


ROUTED = [
    ("iot", "PUT", "/jobs/j-1", "CreateJob", {"jobId": "j-1"}),
    ("iot", "PUT", b"/jobs/j-1", "CreateJob", {"jobId": "j-1"}),
    ("iot", "GET", "/jobs", "ListJobs", {}),
    ("iot", "GET", "/jobs/", "ListJobs", {}),
    ("iot", "GET", "/jobs/j/", "DescribeJob", {"jobId": "j"}),
    ("iot", "POST", "/things/a%3Ab", "CreateThing", {"thingName": "a:b"}),
    ("iot", "GET", "/things/t/jobs", "ListJobExecutionsForThing", {"thingName": "t"}),
    ("iot-jobs-data", "GET", "/things/t/jobs", "GetPendingJobExecutions", {"thingName": "t"}),
    ("iot", "GET", "/things/t/jobs/j", "DescribeJobExecution", {"thingName": "t", "jobId": "j"}),
    ("iot-jobs-data", "GET", "/things/t/jobs/$next", "DescribeJobExecution", {"thingName": "t", "jobId": "$next"}),
    ("iot-jobs-data", "GET", "/things/t/jobs/%24next", "DescribeJobExecution", {"thingName": "t", "jobId": "$next"}),
    ("iot-jobs-data", "PUT", "/things/t/jobs/$next", "StartNextPendingJobExecution", {"thingName": "t"}),
    ("iot-jobs-data", "PUT", "/things/t/jobs/%24next", "StartNextPendingJobExecution", {"thingName": "t"}),
    ("iot", "PUT", "/thing-groups/addThingToThingGroup", "AddThingToThingGroup", {}),
    (
        "iot",
        "POST",
        "/thing-groups/addThingToThingGroup",
        "CreateThingGroup",
        {"thingGroupName": "addThingToThingGroup"},
    ),
    ("iot", "POST", "/attached-policies/a%2Fb", "ListAttachedPolicies", {"target": "a/b"}),
    ("iot-data", "POST", "/topics/a/b", "Publish", {"topic": "a/b"}),
    ("iot-data", "POST", "/topics/a%2Fb/%C3%A9", "Publish", {"topic": "a/b/é"}),
    ("iot-data", "POST", "/topics//a/", "Publish", {"topic": "/a/"}),
    ("iot-data", "GET", "/retainedMessage/a/b", "GetRetainedMessage", {"topic": "a/b"}),
    ("iot-data", "GET", "/retainedMessage", "ListRetainedMessages", {}),
]


@pytest.mark.parametrize(("plane", "method", "path", "name", "labels"), ROUTED)
def test_route(plane: Plane, method: str, path: str, name: str, labels: dict[str, str]) -> None:
    found = protocol.route(plane, method, path)
    assert found is not None
    operation, values = found
    assert (operation.name, operation.plane, values) == (name, plane, labels)


@pytest.mark.parametrize(
    ("plane", "method", "path"),
    [
        ("iot", "GET", ""),
        ("iot", "GET", "/"),
        ("iot", "PUT", "/jobs"),
        ("iot", "PUT", "/jobs/"),
        ("iot", "PUT", "/jobs//cancel"),
        ("iot", "GET", "/jobs/j/k/l/m"),
        ("iot", "HEAD", "/jobs/j"),
        ("iot", "get", "/jobs/j"),
        ("iot", "GET", "/jobs/a/b" + "/c" * 5000),
        ("iot-jobs-data", "PUT", "/jobs/j"),
        ("iot-jobs-data", "PUT", "/things/t/jobs/j"),
        ("iot-data", "POST", "/topics"),
        ("iot-data", "POST", "/topics/"),
    ],
)
def test_unknown_routes(plane: Plane, method: str, path: str) -> None:
    assert protocol.route(plane, method, path) is None


def test_labels_that_are_not_utf8() -> None:
    with pytest.raises(errors.SerializationException):
        protocol.route("iot", "PUT", b"/jobs/%FF")
    with pytest.raises(errors.SerializationException):
        protocol.route("iot", "PUT", b"/jobs/\xff")


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b" {} ", b'{"comment":null}', b'{"other":[{"deep":1}]}'])
def test_an_empty_body_an_empty_object_null_and_unknown_members_are_one(body: bytes) -> None:
    assert decoded("iot", "PUT", "/jobs/j/cancel", body) == iot.CancelJobRequest(job_id="j")


@pytest.mark.parametrize(
    "body",
    [
        JOB,
        b"{",
        b"}",
        b"nonsense",
        b'{"targets":["t"]}x',
        b'{"targets":["t"],}',
        b"{'targets':['t']}",
        b'\xef\xbb\xbf{"targets":["t"]}',
        b'{"targets":["\xff"]}',
        b'{"targets":["t"],"unknown":"\xff"}',
        b'{"targets":["\\ud800"]}',
        b'{"targets":["t"],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"targets":["t"],"x":' + b'{"x":' * 100_000 + b"1" + b"}" * 100_001,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_malformed_bodies(body: bytes) -> None:
    assert refused(body) == "Could not parse request body into json"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[]", "Start of list found where not expected"),
        (b'"x"', "Expected map or null"),
        (b"null", "Expected map or null"),
        (b'{"targets":"t"}', "Expected list or null"),
        (b'{"targets":{"a":1}}', "Start of structure or map found where not expected"),
        (b'{"targets":[1]}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"targets":[null]}', "NULL_VALUE can not be converted to a String"),
        (b'{"description":5}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"description":true}', "BOOLEAN_VALUE can not be converted to a String"),
        (b'{"description":["a"]}', "Start of list found where not expected"),
        (b'{"timeoutConfig":{"inProgressTimeoutInMinutes":"5"}}', "STRING_VALUE can not be converted to a Long"),
        (b'{"timeoutConfig":{"inProgressTimeoutInMinutes":5.5}}', "NUMBER_VALUE can not be converted to a Long"),
        (
            b'{"timeoutConfig":{"inProgressTimeoutInMinutes":9223372036854775808}}',
            "NUMBER_VALUE can not be converted to a Number",
        ),
        (b'{"timeoutConfig":[]}', "Start of list found where not expected"),
        (
            b'{"jobExecutionsRolloutConfig":{"maximumPerMinute":2147483648}}',
            "NUMBER_VALUE can not be converted to a Number",
        ),
        (
            b'{"abortConfig":{"criteriaList":[{"thresholdPercentage":"5"}]}}',
            "STRING_VALUE can not be converted to a Number",
        ),
        (
            b'{"abortConfig":{"criteriaList":[{"thresholdPercentage" :\n "5.5"}]}}',
            "STRING_VALUE can not be converted to a Number",
        ),
        (
            b'{"abortConfig":{"criteriaList":[{"thresholdPercentage":true}]}}',
            "BOOLEAN_VALUE can not be converted to a Double",
        ),
        (b'{"documentParameters":{"a":1}}', "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_wrong_types(body: bytes, text: str) -> None:
    assert refused(body) == text


def test_a_decimals_name_may_stand_elsewhere_with_a_string() -> None:
    body = (
        b'{"targets":["t"],"documentParameters":{"incrementFactor":"2"},"document":"{\\"incrementFactor\\":\\"2\\"}"}'
    )
    request = decoded("iot", "PUT", "/jobs/j", body)
    assert request.document_parameters == {"incrementFactor": "2"}
    assert request.document == '{"incrementFactor":"2"}'


def test_decimals_keep_their_literal() -> None:
    rate = b'{"baseRatePerMinute":1,"incrementFactor":1.50,"rateIncreaseCriteria":{}}'
    body = b'{"targets":["t"],"jobExecutionsRolloutConfig":{"exponentialRate":' + rate + b"}}"
    factor = decoded("iot", "PUT", "/jobs/j", body).job_executions_rollout_config.exponential_rate.increment_factor
    assert (factor, str(factor)) == (Decimal("1.5"), "1.50")


def test_the_last_of_repeated_names_counts() -> None:
    request = decoded("iot", "PUT", "/jobs/j", b'{"targets":["a"],"targets":["b"]}')
    assert request.targets == ["b"]
    assert decoded("iot", "GET", "/jobs", query=b"maxResults=1&maxResults=2").max_results == 2


@pytest.mark.parametrize("body", [b'{"jobId":"k","targets":["t"]}', b'{"jobId":5,"targets":["t"]}'])
def test_a_body_member_named_like_a_label_is_unknown(body: bytes) -> None:
    assert decoded("iot", "PUT", "/jobs/j", body).job_id == "j"


def test_a_body_member_named_like_a_parameter_is_unknown() -> None:
    request = decoded("iot", "PUT", "/jobs/j/cancel", b'{"force":true,"comment":"c"}')
    assert request == iot.CancelJobRequest(job_id="j", comment="c")


def test_get_requests_ignore_a_body() -> None:
    assert decoded("iot", "GET", "/jobs/j", b"nonsense") == iot.DescribeJobRequest(job_id="j")


def test_query_parameters() -> None:
    query = b"status=IN_PROGRESS&maxResults=7&nextToken=a%2Bb+c%3D&unknown=1&&flag"
    request = decoded("iot", "GET", "/jobs", query=query)
    assert request == iot.ListJobsRequest(status="IN_PROGRESS", max_results=7, next_token="a+b c=")
    assert decoded("iot", "DELETE", "/jobs/j", query=b"force=false").force is False
    assert decoded("iot", "DELETE", "/jobs/j", query=b"force=true").force is True


@pytest.mark.parametrize(
    ("path", "method", "query"),
    [
        ("/jobs", "GET", b"maxResults=x"),
        ("/jobs", "GET", b"maxResults="),
        ("/jobs", "GET", b"maxResults=1.0"),
        ("/jobs", "GET", b"maxResults=2147483648"),
        ("/jobs", "GET", b"maxResults=" + b"9" * 5000),
        ("/jobs", "GET", "maxResults=\uff11".encode()),
        ("/jobs", "GET", b"nextToken=%FF"),
        ("/jobs/j", "DELETE", b"force=True"),
        ("/jobs/j", "DELETE", b"force="),
        ("/things/t/jobs/j/executionNumber/x", "DELETE", b""),
        ("/things/t/jobs/j/executionNumber/9223372036854775808", "DELETE", b""),
    ],
)
def test_unreadable_parameters(path: str, method: str, query: bytes) -> None:
    assert refused(b"", path, method, query)


def test_headers() -> None:
    arn = "arn:aws:iot:eu-west-1:123456789012:cert/c"
    request = decoded("iot", "PUT", "/things/t/principals", X_Amzn_Principal=arn)
    assert request == iot.AttachThingPrincipalRequest(thing_name="t", principal=arn)
    with pytest.raises(iot.InvalidRequestException, match="Value null at 'principal'"):
        decoded("iot", "PUT", "/things/t/principals")


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("PUT", "/jobs/j", b"", b'{"targets":["arn:x\\u0000"]}'),
        ("PUT", "/jobs/j", b"", b'{"targets":["t"],"tags":[{"Key":"k","Value":"\\u0000"}]}'),
        ("GET", "/policies/%00", b"", b""),
        ("GET", "/tags", b"resourceArn=a%00", b""),
    ],
)
def test_no_value_may_hold_a_nul(method: str, path: str, query: bytes, body: bytes) -> None:
    with pytest.raises(iot.InvalidRequestException):
        decoded("iot", method, path, body, query)


def test_what_only_spells_a_nul_is_taken() -> None:
    document = '{"a":"\\u0000"}'
    body = json.dumps({"targets": ["t"], "document": document, "unknown": "\0"}).encode()
    assert decoded("iot", "PUT", "/jobs/j", body).document == document


def test_publish_takes_the_body_as_it_is() -> None:
    request = decoded(
        "iot-data",
        "POST",
        "/topics/a/b",
        b"\xff{",
        b"qos=1&retain=true",
        x_amz_mqtt5_user_properties="W3siYSI6ImIifV0=",
    )
    assert request == iot_data.PublishRequest(
        topic="a/b", qos=1, retain=True, payload=b"\xff{", user_properties='[{"a":"b"}]'
    )
    with pytest.raises(errors.SerializationException):
        decoded("iot-data", "POST", "/topics/a", x_amz_mqtt5_user_properties="!")


def test_each_family_has_its_error() -> None:
    with pytest.raises(iot.InvalidRequestException) as caught:
        decoded("iot", "PUT", "/jobs/a%20b", b'{"targets":["t"]}')
    assert caught.value.message == (
        "1 validation error detected: Value 'a b' at 'jobId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )
    with pytest.raises(iot.ValidationException, match="Value 'a b' at 'packageName'"):
        decoded("iot", "PUT", "/packages/a%20b")
    with pytest.raises(jobs_data.InvalidRequestException, match="Value null at 'status'"):
        decoded("iot-jobs-data", "POST", "/things/t/jobs/j")


def test_control_plane_answers_hold_nulls_and_device_answers_do_not() -> None:
    operation = iot.OPERATIONS["CreateJob"]
    status, headers, body = protocol.encode(operation, iot.CreateJobResponse(job_id="j"))
    assert (status, headers) == (200, [(b"Content-Type", b"application/json")])
    assert json.loads(body) == {"jobArn": None, "jobId": "j", "description": None}
    operation = jobs_data.OPERATIONS["StartNextPendingJobExecution"]
    assert protocol.encode(operation, jobs_data.StartNextPendingJobExecutionResponse())[2] == b"{}"
    execution = jobs_data.JobExecution(job_id="j", queued_at=1)
    answer = protocol.encode(operation, jobs_data.StartNextPendingJobExecutionResponse(execution=execution))
    assert answer[2] == b'{"execution":{"jobId":"j","queuedAt":1}}'


def test_answers_without_output_and_with_a_payload() -> None:
    assert protocol.encode(iot.OPERATIONS["DeleteJob"], None)[2] == b"{}"
    shadow = iot_data.GetThingShadowResponse(payload=b'{"state":{}}')
    assert protocol.encode(iot_data.OPERATIONS["GetThingShadow"], shadow)[2] == b'{"state":{}}'


def test_instants_are_seconds_with_milliseconds() -> None:
    template = iot.JobTemplateSummary(created_at=1560787022.733)
    body = protocol.encode(iot.OPERATIONS["ListJobTemplates"], iot.ListJobTemplatesResponse(job_templates=[template]))[
        2
    ]
    assert b'"createdAt":1560787022.733' in body


def test_control_plane_error() -> None:
    error = iot.ResourceAlreadyExistsException("Job j already exists", resource_id="j", resource_arn=None)
    status, headers, body = protocol.encode_error(error)
    assert status == 409
    assert (b"x-amzn-ErrorType", b"ResourceAlreadyExistsException:") in headers
    assert json.loads(body) == {"message": "Job j already exists", "resourceId": "j"}


def test_device_plane_error_carries_the_state() -> None:
    state = jobs_data.JobExecutionState(status="SUCCEEDED", version_number=3)
    error = jobs_data.InvalidStateTransitionException("finished", execution_state=state)
    status, headers, body = protocol.encode_error(error)
    assert status == 409
    assert (b"x-amzn-ErrorType", b"InvalidStateTransitionException") in headers
    assert json.loads(body) == {"message": "finished", "executionState": {"status": "SUCCEEDED", "versionNumber": 3}}


def test_statuses_of_the_front_end_and_the_model() -> None:
    front = {
        errors.SerializationException: 400,
        errors.UnknownOperationException: 404,
        errors.AccessDeniedException: 403,
        errors.UnrecognizedClientException: 403,
        errors.InvalidSignatureException: 403,
        errors.MissingAuthenticationTokenException: 403,
        errors.IncompleteSignatureException: 400,
        errors.RequestExpired: 400,
        errors.RequestEntityTooLargeException: 413,
    }
    modelled = {
        iot.ThrottlingException: 400,
        iot.ServiceQuotaExceededException: 402,
        iot.LimitExceededException: 410,
        iot.UnauthorizedException: 401,
        jobs_data.TerminalStateException: 410,
        jobs_data.ThrottlingException: 429,
    }
    for error, status in (front | modelled).items():
        assert error.http_status == status
        assert error.code == error.__name__
        assert protocol.encode_error(error("text"))[0] == status


def test_the_model_says_which_answers_hold_secrets() -> None:
    marked = {
        name for operations in protocol.OPERATIONS.values() for name, each in operations.items() if each.sensitive
    }
    assert {"CreateKeysAndCertificate", "GetPackageVersion"} <= marked
    assert not marked & {"CreateThing", "DescribeCertificate", "ListThings"}
