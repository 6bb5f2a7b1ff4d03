"""Signatures, seen from outside: who is let in, and how the others are told."""

from __future__ import annotations

import json
import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.operators import admitted
from tests.servers import Started

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
OTHER_KEY, OTHER_SECRET = "AKIAIOSFODNN7OTHERXX", "otherotherotherotherotherotherotherother"
TEMPLATE = {"description": "d", "document": "{}"}


@pytest.fixture(autouse=True, scope="module")
def _keys(guarded: Started) -> None:
    admitted(guarded, KEY, SECRET, "arn:aws:iam::000000000000:user/operator")
    admitted(guarded, OTHER_KEY, OTHER_SECRET, "arn:aws:iam::999999999999:user/other")


def signed(
    server: Started,
    path: str = "/job-templates",
    *,
    secret: str = SECRET,
    key: str = KEY,
    service: str = "iot",
    query: bool = False,
    expires: int = 60,
    token: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Path and headers of a signed GET."""
    request = AWSRequest(method="GET", url=server.addresses.http + path)
    credentials = Credentials(key, secret, token)
    if query:
        SigV4QueryAuth(credentials, service, "eu-west-1", expires=expires).add_auth(request)
    else:
        SigV4Auth(credentials, service, "eu-west-1").add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path, dict(request.headers.items())


def answer(server: Started, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
    """Status, error code and message of a GET."""
    status, got, body = server.fetch(path, headers=headers)
    return status, got.get("x-amzn-errortype", ""), json.loads(body).get("message", "")


def at(monkeypatch: pytest.MonkeyPatch, offset: timedelta) -> None:
    """Let botocore sign as if its clock were off."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: datetime.now(UTC) + offset)


def test_boto3_with_the_right_key(guarded: Started) -> None:
    iot = guarded.client("iot", aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    made = iot.create_job_template(jobTemplateId="t", **TEMPLATE)
    assert made["jobTemplateArn"] == "arn:aws:iot:eu-west-1:000000000000:jobtemplate/t"
    data = guarded.client("iot-jobs-data", aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    assert data.get_pending_job_executions(thingName="a:b")["queuedJobs"] == []


def test_a_key_belongs_to_the_account_of_its_principal(guarded: Started) -> None:
    mine = guarded.client("iot", aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    other = guarded.client("iot", aws_access_key_id=OTHER_KEY, aws_secret_access_key=OTHER_SECRET)
    made = other.create_job_template(jobTemplateId="theirs", **TEMPLATE)
    assert made["jobTemplateArn"] == "arn:aws:iot:eu-west-1:999999999999:jobtemplate/theirs"
    with pytest.raises(mine.exceptions.ResourceNotFoundException):
        mine.describe_job_template(jobTemplateId="theirs")


@pytest.mark.parametrize("query", [False, True])
def test_both_forms_of_a_signature(guarded: Started, query: bool) -> None:
    assert answer(guarded, *signed(guarded, query=query)) == (200, "", "")


def test_nothing_signed(guarded: Started) -> None:
    expected = (403, "MissingAuthenticationTokenException:", "Missing Authentication Token")
    assert answer(guarded, "/job-templates", {}) == expected


@pytest.mark.parametrize("query", [False, True])
def test_a_wrong_secret(guarded: Started, query: bool) -> None:
    status, code, message = answer(guarded, *signed(guarded, secret="wrong", query=query))
    assert (status, code) == (403, "InvalidSignatureException:")
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


def test_an_unknown_key(guarded: Started) -> None:
    expected = (403, "UnrecognizedClientException:", "The security token included in the request is invalid.")
    assert answer(guarded, *signed(guarded, key="AKIAUNKNOWN")) == expected


def test_a_session_token_of_somebody_else(guarded: Started) -> None:
    assert answer(guarded, *signed(guarded, token="token"))[1] == "UnrecognizedClientException:"


def test_a_header_that_is_not_whole(guarded: Started) -> None:
    path, headers = signed(guarded)
    headers["Authorization"] = headers["Authorization"].partition(", Signature")[0]
    status, code, message = answer(guarded, path, headers)
    assert (status, code) == (400, "IncompleteSignatureException:")
    assert "Authorization header requires 'Signature' parameter." in message


def test_another_body_than_the_signed_one(guarded: Started) -> None:
    request = AWSRequest("PUT", guarded.addresses.http + "/job-templates/x", data=json.dumps(TEMPLATE))
    SigV4Auth(Credentials(KEY, SECRET), "iot", "eu-west-1").add_auth(request)
    changed = {**TEMPLATE, "description": "other"}
    status, headers, _ = guarded.fetch("/job-templates/x", "PUT", changed, dict(request.headers.items()))
    assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException:")


@pytest.mark.parametrize(("minutes", "text"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")])
def test_a_clock_that_is_off(guarded: Started, monkeypatch: pytest.MonkeyPatch, minutes: int, text: str) -> None:
    at(monkeypatch, timedelta(minutes=minutes))
    status, code, message = answer(guarded, *signed(guarded))
    assert (status, code) == (403, "InvalidSignatureException:")
    assert message.startswith(text)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_off(guarded: Started, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    at(monkeypatch, timedelta(minutes=minutes))
    assert answer(guarded, *signed(guarded))[0] == 200


def test_a_presigned_request_lives_as_long_as_it_says(guarded: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, timedelta(minutes=-30))
    assert answer(guarded, *signed(guarded, query=True, expires=3600))[0] == 200
    assert answer(guarded, *signed(guarded, query=True, expires=60))[2].startswith("Signature expired: ")


def test_another_service(guarded: Started) -> None:
    status, code, message = answer(guarded, *signed(guarded, service="dynamodb"))
    assert (status, code) == (403, "InvalidSignatureException:")
    assert message.startswith("Credential should be scoped to correct service")


def test_refusals_come_before_everything_else(guarded: Started) -> None:
    assert answer(guarded, "/no-such-path", {})[1] == "MissingAuthenticationTokenException:"
    status, headers, _ = guarded.fetch("/job-templates/a.b", "PUT", b"{")
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException:")


def test_a_new_key_counts_at_once_and_a_known_one_is_not_read_each_time(guarded: Started) -> None:
    new = "AKIANEWNEWNEWNEWNEWN"
    assert answer(guarded, *signed(guarded, key=new))[1] == "UnrecognizedClientException:"
    admitted(guarded, new, SECRET, "arn:aws:iam::000000000000:user/new")
    assert answer(guarded, *signed(guarded, key=new))[0] == 200


def test_own_pages(guarded: Started) -> None:
    assert guarded.fetch("/_tidegate/health")[0] == 200
    assert guarded.fetch("/metrics")[0] == 200
    assert guarded.fetch("/_tidegate/clock")[0] == 200
    assert guarded.fetch("/_tidegate/reset", "POST")[0] == 403
    status, headers, _ = guarded.fetch("/_tidegate/clock", "POST", {"freeze": True})
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException:")


def test_boto3_sees_the_errors_by_name(guarded: Started) -> None:
    codes: list[Any] = []
    for key, secret in ((KEY, "wrong"), ("AKIANOBODY", SECRET)):
        with pytest.raises(ClientError) as refused:
            guarded.client("iot", aws_access_key_id=key, aws_secret_access_key=secret).list_job_templates()
        codes.append(refused.value.response["Error"]["Code"])
    assert codes == ["InvalidSignatureException", "UnrecognizedClientException"]


@pytest.mark.parametrize(
    ("host", "service", "status"),
    [
        ("iot.eu-west-1.amazonaws.com", "iot", 200),
        ("iot.eu-west-1.amazonaws.com", "execute-api", 200),
        ("iot.eu-west-1.amazonaws.com", "iot-jobs-data", 403),
        ("iot.eu-west-1.amazonaws.com", "iotdata", 403),
        ("iot.eu-west-1.amazonaws.com", "iotdevicegateway", 403),
        ("iot.us-east-1.amazonaws.com", "iot", 403),
        ("a1-ats.iot.eu-west-1.amazonaws.com", "iot", 403),
        ("a1.jobs.iot.eu-west-1.amazonaws.com", "iot", 403),
        ("a1.jobs.iot.eu-west-1.amazonaws.com", "iot-jobs-data", 404),
        ("a1-ats.iot.eu-west-1.amazonaws.com", "iotdata", 404),
        ("a1-ats.iot.us-east-1.amazonaws.com", "iotdata", 403),
        ("localhost", "iot", 200),
        ("localhost", "iotdata", 404),
    ],
)
@pytest.mark.parametrize("query", [False, True])
def test_a_signature_is_good_for_one_endpoint(
    guarded: Started, host: str, service: str, status: int, query: bool
) -> None:
    """The service and the region that were signed for agree with what the host name says."""
    request = AWSRequest("GET", f"https://{host}/job-templates")
    signer = SigV4QueryAuth if query else SigV4Auth
    signer(Credentials(KEY, SECRET), service, "eu-west-1").add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    found = answer(guarded, path, {**dict(request.headers.items()), "Host": host})
    assert found[0] == status
    if status == 403:
        expected = "Credential should be scoped to the service and the region of the endpoint"
        assert found[1] == "InvalidSignatureException:"
        assert found[2].startswith(expected)


def test_what_is_said_twice(guarded: Started) -> None:
    path, headers = signed(guarded, "/job-templates?maxResults=1&maxResults=2")
    status, code, message = answer(guarded, path, headers)
    assert (status, code) == (400, "IncompleteSignatureException:")
    assert "'maxResults'" in message


def test_what_a_message_says_is_signed(guarded: Started) -> None:
    request = AWSRequest("POST", guarded.addresses.http + "/topics/t?qos=1", data=b"x")
    SigV4Auth(Credentials(KEY, SECRET), "iotdata", "eu-west-1").add_auth(request)
    headers = dict(request.headers.items())
    assert guarded.fetch("/topics/t?qos=1", "POST", b"x", headers)[0] == 200
    added = {**headers, "x-amz-mqtt5-user-properties": "W10="}
    assert guarded.fetch("/topics/t?qos=1", "POST", b"x", added)[0] == 403
