"""AWS requests over a real socket: routes, errors in AWS's form, planes, scopes. Authentication is off."""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.servers import Started
from tidegate.net.http1.messages import Limits
from tidegate.ops.handler import Read
from tidegate.ops.table import HANDLERS
from tidegate.store.database import StoreUnavailable

TEMPLATE = {"description": "reboot", "document": '{"operation":"reboot"}'}


def error_of(headers: dict[str, str], body: bytes) -> tuple[str, Any]:
    return headers["x-amzn-errortype"], json.loads(body)


def test_a_template_through_boto3(server: Started) -> None:
    iot = server.client("iot")
    made = iot.create_job_template(jobTemplateId="t1", **TEMPLATE)
    assert made["jobTemplateArn"] == "arn:aws:iot:eu-west-1:000000000000:jobtemplate/t1"
    shown = iot.describe_job_template(jobTemplateId="t1")
    assert shown["document"] == TEMPLATE["document"]
    assert uuid.UUID(shown["ResponseMetadata"]["RequestId"])
    assert [entry["jobTemplateId"] for entry in iot.list_job_templates()["jobTemplates"]] == ["t1"]
    with pytest.raises(iot.exceptions.ConflictException) as refused:
        iot.create_job_template(jobTemplateId="t1", **TEMPLATE)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    iot.delete_job_template(jobTemplateId="t1")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_job_template(jobTemplateId="t1")


def test_a_request_without_credentials(server: Started) -> None:
    status, headers, body = server.fetch("/job-templates/curl", "PUT", TEMPLATE)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "jobTemplateArn": "arn:aws:iot:us-east-1:000000000000:jobtemplate/curl",
        "jobTemplateId": "curl",
    }


def test_the_host_name_gives_the_region_of_unsigned_requests(server: Started) -> None:
    host = {"Host": "iot.ap-south-1.amazonaws.com"}
    _, _, body = server.fetch("/job-templates/hosted", "PUT", TEMPLATE, host)
    assert json.loads(body)["jobTemplateArn"].startswith("arn:aws:iot:ap-south-1:")


def test_scopes_do_not_see_each_other(server: Started) -> None:
    here = server.client("iot", aws_access_key_id="111111111111")
    account = server.client("iot", aws_access_key_id="222222222222")
    region = server.client("iot", aws_access_key_id="111111111111", region_name="us-west-2")
    made = here.create_job_template(jobTemplateId="mine", **TEMPLATE)
    assert made["jobTemplateArn"] == "arn:aws:iot:eu-west-1:111111111111:jobtemplate/mine"
    for other in (account, region):
        assert other.list_job_templates()["jobTemplates"] == []
        with pytest.raises(other.exceptions.ResourceNotFoundException):
            other.describe_job_template(jobTemplateId="mine")


def test_two_planes_share_a_path(server: Started) -> None:
    control, data = server.client("iot"), server.client("iot-jobs-data")
    control.create_thing(thingName="a:b")
    assert control.list_job_executions_for_thing(thingName="a:b")["executionSummaries"] == []
    pending = data.get_pending_job_executions(thingName="a:b")
    assert (pending["inProgressJobs"], pending["queuedJobs"]) == ([], [])
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.describe_job_execution(thingName="a:b", jobId="none")
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.describe_job_execution(thingName="a:b", jobId="none")


def test_violations_are_told_together(server: Started) -> None:
    status, headers, body = server.fetch("/job-templates/a.b", "PUT", {"description": "x" * 2029, "document": "{}"})
    code, answer = error_of(headers, body)
    assert (status, code) == (400, "InvalidRequestException:")
    assert answer["message"].startswith("2 validation errors detected: ")
    assert answer["traceId"] == headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}}", b'{"description":1}', b"\xff", b'{"description":"\xff"}', b"[" * 100_000]
)
def test_bodies_that_cannot_be_read(server: Started, body: bytes) -> None:
    status, headers, answer = server.fetch("/job-templates/x", "PUT", body)
    assert (status, error_of(headers, answer)[0]) == (400, "SerializationException:")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/none"),
        ("POST", "/job-templates/x"),
        ("OPTIONS", "/job-templates/x"),
        ("HEAD", "/job-templates/x"),
        ("BREW", "/pot"),
        ("GET", "/job-templates/x/y"),
        ("GET", "/_tidegate"),
        ("GET", "/metrics/x"),
    ],
)
def test_unknown_operations(server: Started, method: str, path: str) -> None:
    status, headers, body = server.fetch(path, method)
    if method == "BREW":  # the parser knows HTTP's methods only
        assert status == 400
        return
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException:")
    assert uuid.UUID(headers["x-amzn-requestid"])
    assert body == b"" if method == "HEAD" else json.loads(body)["message"]


def test_an_operation_that_is_not_implemented(server: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(HANDLERS, ("iot", "ListJobTemplates"))
    with pytest.raises(ClientError, match="ListJobTemplates is not implemented by this server") as refused:
        server.client("iot").list_job_templates()
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("name", "path", "code"),
    [
        ("ListJobTemplates", "/job-templates", "InternalFailureException:"),
        ("ListManagedJobTemplates", "/managed-job-templates", "InternalServerException:"),
    ],
)
def test_an_unexpected_error_leaves_its_trace_in_the_log_only(
    server: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, path: str, code: str
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret reason")

    monkeypatch.setitem(HANDLERS, ("iot", name), Read(broken))
    status, headers, body = server.fetch(path)
    assert (status, headers["x-amzn-errortype"]) == (500, code)
    assert b"secret" not in body
    assert headers["x-amzn-requestid"] in caplog.text
    assert "ZeroDivisionError: the secret reason" in caplog.text
    assert server.fetch("/job-templates/x")[0] == 404


@pytest.mark.parametrize("plane", ["iot", "iot-jobs-data"])
def test_a_store_that_does_not_answer(server: Started, monkeypatch: pytest.MonkeyPatch, plane: str) -> None:
    def full(*_: Any) -> None:
        raise StoreUnavailable("disk full")

    name = "ListJobExecutionsForThing" if plane == "iot" else "GetPendingJobExecutions"
    monkeypatch.setitem(HANDLERS, (plane, name), Read(full))
    client = server.client(plane)
    call = client.list_job_executions_for_thing if plane == "iot" else client.get_pending_job_executions
    with pytest.raises(client.exceptions.ServiceUnavailableException, match="Nothing was changed"):
        call(thingName="t")


def test_a_body_of_ten_megabytes(server: Started) -> None:
    status, headers, body = server.fetch("/job-templates/big", "PUT", b"x" * 10_000_000)
    assert (status, headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert str(Limits().body) in json.loads(body)["message"]


def test_a_region_that_is_none(server: Started) -> None:
    credential = "AWS4-HMAC-SHA256 Credential=k/20260101/R%20X;--/iot/aws4_request, SignedHeaders=host, Signature=0"
    status, headers, body = server.fetch("/job-templates", headers={"Authorization": credential})
    assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException:")
    assert json.loads(body)["message"] == "Credential should be scoped to a valid region."


def test_fifty_at_once_make_one(server: Started) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def create(_number: int) -> int:
        return server.fetch("/job-templates/once", "PUT", TEMPLATE)[0]

    with ThreadPoolExecutor(50) as threads:
        statuses = sorted(threads.map(create, range(50)))
    assert statuses == [200] + [409] * 49


def test_answers_with_private_keys_are_kept_by_no_cache(server: Started) -> None:
    status, headers, body = server.fetch("/keys-and-certificate", "POST", {})
    assert status == 200
    assert "PRIVATE KEY" in json.loads(body)["keyPair"]["PrivateKey"]
    assert headers["cache-control"] == "no-store"
    assert "cache-control" not in server.fetch("/things")[1]


def test_browsers_take_no_answer_for_what_it_is_not(server: Started) -> None:
    for path in ("/things", "/nothing", "/_tidegate/health"):
        assert server.fetch(path)[1]["x-content-type-options"] == "nosniff"
    with urllib.request.urlopen(server.addresses.objects, timeout=30) as response:
        assert response.headers["x-content-type-options"] == "nosniff"
