"""Input that is wrong, or looks it: as bytes on the wire where a client library would not send it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from tests.e2e.fleet import PATIENCE, REGION, Account
from tests.e2e.mqtt import connected
from tests.servers import Started


class Answer(NamedTuple):
    """What came back."""

    status: int
    error: str | None
    body: Any

    @property
    def message(self) -> str:
        text: str = self.body["message"]
        return text


class Raw:
    """Requests without a credential library; the account is named as an unsigned client would."""

    def __init__(self, account: Account) -> None:
        self.host, _, port = account.server.addresses.http.rpartition("//")[2].partition(":")
        self.port = int(port)
        scope = f"{account.id}/20260101/{REGION}/iot/aws4_request"
        self.headers = {
            "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        connection = self.connection()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, self.headers)
            response = connection.getresponse()
            text = response.read()
            return Answer(response.status, response.getheader("x-amzn-ErrorType"), json.loads(text) if text else None)
        finally:
            connection.close()

    def template(self, template_id: str, **members: Any) -> Answer:
        """Create a template; ``description`` and ``document`` have values unless given, None leaves them out."""
        body = {"description": "d", "document": "{}", **members}
        return self.request(
            "PUT", f"/job-templates/{template_id}", {name: value for name, value in body.items() if value is not None}
        )


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


@pytest.fixture
def raw(account: Account) -> Raw:
    return Raw(account)


def _invalid(answer: Answer) -> str:
    assert (answer.status, answer.error) == (400, "InvalidRequestException:"), answer
    return answer.message


def test_the_published_curl_request(server: Started) -> None:
    """Plain HTTP without credentials, with a body, in AWS's form both ways."""
    host, _, port = server.addresses.http.rpartition("//")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    headers = {"accept": "application/json", "content-type": "application/json"}
    body = json.dumps({"description": "Reboot", "document": '{"operation":"reboot"}'})
    connection.request("PUT", "/job-templates/template-1", body, headers)
    response = connection.getresponse()
    assert response.status == 200
    assert json.loads(response.read()) == {
        "jobTemplateArn": "arn:aws:iot:us-east-1:000000000000:jobtemplate/template-1",
        "jobTemplateId": "template-1",
    }
    assert response.getheader("x-amzn-RequestId")
    connection.request("PUT", "/job-templates/template-1", body, headers)
    response = connection.getresponse()
    assert (response.status, response.getheader("x-amzn-ErrorType")) == (409, "ConflictException:")
    assert json.loads(response.read())["resourceId"] == "template-1"
    connection.request("GET", "/job-templates/template-1", headers=headers)
    response = connection.getresponse()
    assert json.loads(response.read())["document"] == '{"operation":"reboot"}'
    connection.close()


def test_the_region_of_the_host_name_counts_without_credentials(server: Started) -> None:
    """The same request as the page prints it, with its host name."""
    host, _, port = server.addresses.http.rpartition("//")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    headers = {"Host": "iot.ap-south-1.amazonaws.com", "content-type": "application/json"}
    connection.request("PUT", "/job-templates/t", json.dumps({"description": "d", "document": "{}"}), headers)
    response = connection.getresponse()
    arn = json.loads(response.read())["jobTemplateArn"]
    assert (response.status, arn) == (200, "arn:aws:iot:ap-south-1:000000000000:jobtemplate/t")
    connection.close()


@pytest.mark.parametrize("length", [1, 64])
def test_template_ids_that_fit(raw: Raw, length: int) -> None:
    assert raw.template("x" * length).body["jobTemplateId"] == "x" * length


@pytest.mark.parametrize(
    ("template_id", "clause"),
    [
        ("x" * 65, "Member must have length less than or equal to 64"),
        ("a.b", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
        (".", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
        ("..", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
        ("%C3%A9", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
        ("a%2Fb", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
        ("a%0A", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"),
    ],
)
def test_template_ids_that_do_not(raw: Raw, template_id: str, clause: str) -> None:
    message = _invalid(raw.template(template_id))
    assert message.startswith("1 validation error detected: Value '")
    assert f"at 'jobTemplateId' failed to satisfy constraint: {clause}" in message


def test_a_template_id_of_no_characters_is_no_route(raw: Raw) -> None:
    answer = raw.template("")
    assert (answer.status, answer.error) == (404, "UnknownOperationException:")


def test_descriptions(raw: Raw) -> None:
    assert raw.template("longest", description="x" * 2028).status == 200
    assert raw.template("emoji", description="\U0001f600" * 1000).status == 200
    assert "less than or equal to 2028" in _invalid(raw.template("x", description="x" * 2029))
    for text in ("line1\nline2", "tab\t", "\x7f", "zero\u200bwidth", "", "end\n"):
        assert "[^\\p{C}]+" in _invalid(raw.template("x", description=text)), text
    message = _invalid(raw.template("x", description=None))
    assert message == (
        "1 validation error detected: Value null at 'description' failed to satisfy constraint: Member must not be null"
    )


def test_documents(raw: Raw) -> None:
    fits = json.dumps({"a": "x" * (32_768 - len('{"a": ""}'))})
    assert len(fits) == 32_768
    assert raw.template("longest", document=fits).status == 200
    assert raw.request("GET", "/job-templates/longest").body["document"] == fits
    _invalid(raw.template("x", document=fits + " "))
    wide = json.dumps({"a": "é" * 16_383}, ensure_ascii=False)
    assert len(wide) < 32_768 < len(wide.encode())
    _invalid(raw.template("x", document=wide))
    for text in ("not json", "{", "{}{}", '{"a":NaN}', "", "'a'"):
        assert _invalid(raw.template("x", document=text)), text


def test_where_a_document_comes_from(raw: Raw, account: Account) -> None:
    source = "https://s3.amazonaws.com/bucket/key"
    assert _invalid(raw.template("x", documentSource=source)) == (
        "Job document and job document source cannot be specified at the same time."
    )
    assert _invalid(raw.template("x", document=None)) == ("Neither job document nor job document source is specified.")
    target = {"targets": [account.thing("t")]}
    job = raw.request("PUT", "/jobs/j", target)
    assert _invalid(job) == "document is required if you do not specify a value for documentSource"
    job = raw.request("PUT", "/jobs/j", {**target, "document": "{}", "documentSource": source})
    assert _invalid(job) == "Job document and job document source cannot be specified at the same time."
    job = raw.request("PUT", "/jobs/j", {**target, "jobTemplateArn": account.arn("jobtemplate/none")})
    assert (job.status, job.error) == (404, "ResourceNotFoundException:")
    assert job.message == "Job Template none cannot be found."


@pytest.mark.parametrize(
    "members",
    [
        '"jobExecutionsRolloutConfig":{"exponentialRate":{"baseRatePerMinute":5,"incrementFactor":1.55,'
        '"rateIncreaseCriteria":{"numberOfNotifiedThings":5}}}',
        '"jobExecutionsRolloutConfig":{"exponentialRate":{"baseRatePerMinute":5,"incrementFactor":5.1,'
        '"rateIncreaseCriteria":{"numberOfNotifiedThings":5}}}',
        '"abortConfig":{"criteriaList":[{"failureType":"ALL","action":"CANCEL","thresholdPercentage":10.999,'
        '"minNumberOfExecutedThings":1}]}',
        '"abortConfig":{"criteriaList":[{"failureType":"ALL","action":"CANCEL","thresholdPercentage":1e400,'
        '"minNumberOfExecutedThings":1}]}',
        '"abortConfig":{"criteriaList":[]}',
        '"timeoutConfig":{"inProgressTimeoutInMinutes":10081}',
        '"jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"FAILED","numberOfRetries":11}]}',
        '"maintenanceWindows":[{"startTime":"cron(61 0 * * ? *)","durationInMinutes":60}]',
        '"tags":[{"Key":"aws:x","Value":"v"}]',
        '"tags":[{"Key":"a","Value":"v"},{"Key":"a","Value":"w"}]',
    ],
)
def test_configurations_out_of_bounds(raw: Raw, members: str) -> None:
    body = f'{{"description":"d","document":"{{}}",{members}}}'
    _invalid(raw.request("PUT", "/job-templates/x", body.encode()))
    assert raw.request("GET", "/job-templates/x").status == 404


def test_two_violations_are_told_at_once(raw: Raw) -> None:
    message = _invalid(raw.template("a b".replace(" ", "%20"), description="x\n"))
    assert message.startswith("2 validation errors detected: ")
    assert "Value 'a b' at 'jobTemplateId'" in message
    assert "at 'description' failed to satisfy constraint" in message


def test_the_same_id_from_fifty_connections(raw: Raw) -> None:
    """One is told that it made the template, all others that it is there."""
    together = threading.Barrier(50)

    def create(number: int) -> tuple[int, int]:
        together.wait(PATIENCE)
        return raw.template("wanted", description=f"by {number}").status, number

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(create, range(50)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 49
    winner = next(number for status, number in answers if status == 200)
    assert raw.request("GET", "/job-templates/wanted").body["description"] == f"by {winner}"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/job-templates/x", "SerializationException:"),
        ("/jobs/x", "SerializationException:"),
    ],
)
@pytest.mark.parametrize("body", [b"{", b'{"description":5}', b"[]", b'"x"', b"\xff\xfe", b'{"description":"\\ud800"}'])
def test_bodies_that_cannot_be_read(raw: Raw, path: str, error: str, body: bytes) -> None:
    if path == "/jobs/x":
        body = body.replace(b'"description":5', b'"targets":5')
    answer = raw.request("PUT", path, body)
    assert answer.status == 400
    assert answer.error in (error, "InvalidRequestException:")


def test_a_truncated_body(raw: Raw) -> None:
    """The client says more than it sends, then closes its side."""
    head = b"PUT /job-templates/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((raw.host, raw.port), PATIENCE) as connection:
        connection.sendall(head + b'{"description":"d","document":"{}"}')
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert raw.request("GET", "/job-templates/cut").status == 404


def test_a_body_of_ten_megabytes(raw: Raw) -> None:
    body = json.dumps({"description": "d", "document": "x" * 10_000_000}).encode()
    answer = raw.request("PUT", "/job-templates/big", body)
    assert answer.status == 413
    assert raw.request("GET", "/job-templates/big").status == 404


def test_requests_that_are_no_http(raw: Raw) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n"):
        with socket.create_connection((raw.host, raw.port), PATIENCE) as connection:
            connection.sendall(garbage)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 "), garbage


# NUL: PostgreSQL's text cannot hold it, SQLite's can; neither may ever see it.

_NUL_BODIES = [
    ("PUT", "/job-templates/x", {"description": "a\0b", "document": "{}"}),
    ("PUT", "/job-templates/x", {"description": "d", "document": '{"a":"\0"}'}),
    ("PUT", "/job-templates/x", {"description": "d", "document": "{}", "jobArn": "arn:aws:iot:x:1:job/\0"}),
    ("PUT", "/job-templates/x", {"description": "d", "document": "{}", "tags": [{"Key": "a\0", "Value": "b"}]}),
    ("PUT", "/job-templates/x", {"description": "d", "document": "{}", "tags": [{"Key": "a", "Value": "\0"}]}),
    ("PUT", "/job-templates/x", {"description": "d", "documentSource": "https://s3.amazonaws.com/b/\0"}),
    ("PUT", "/job-templates/x", {"description": "d", "document": "{}", "presignedUrlConfig": {"roleArn": "\0" * 20}}),
    ("PUT", "/jobs/j", {"targets": ["arn:aws:iot:eu-west-1:1:thing/\0"], "document": "{}"}),
    ("PUT", "/jobs/j", {"targets": ["\0"], "document": "{}"}),
    ("PUT", "/jobs/j", {"targets": ["{own}thing/a\0"], "document": "{}"}),
    ("PUT", "/jobs/j", {"targets": ["{own}thinggroup/a\0"], "document": "{}"}),
    ("PUT", "/jobs/j", {"targets": ["{own}thing/a"], "document": "{}", "jobTemplateArn": "{own}jobtemplate/\0"}),
    ("PUT", "/jobs/j", {"targets": ["{own}thing/a"], "document": "{}", "namespaceId": "\0"}),
    ("PUT", "/jobs/j/cancel", {"comment": "a\0b"}),
    ("PUT", "/jobs/j/cancel", {"reasonCode": "\0"}),
    ("POST", "/things/t", {"attributePayload": {"attributes": {"a\0": "b"}}}),
    ("POST", "/things/t", {"attributePayload": {"attributes": {"a": "\0"}}}),
    ("POST", "/things/t", {"thingTypeName": "\0"}),
    ("POST", "/thing-groups/g", {"parentGroupName": "\0"}),
    ("POST", "/thing-groups/g", {"thingGroupProperties": {"thingGroupDescription": "\0"}}),
    ("PUT", "/thing-groups/addThingToThingGroup", {"thingGroupArn": "\0", "thingArn": "\0"}),
    ("PUT", "/thing-groups/addThingToThingGroup", {"thingGroupArn": "{own}thinggroup/\0", "thingName": "t"}),
    ("POST", "/policies/p", {"policyDocument": "\0"}),
    ("POST", "/policies/p", {"policyDocument": '{"Version":"2012-10-17","Statement":[],"Id":"\0"}'}),
    ("PUT", "/target-policies/p", {"target": "\0"}),
    ("POST", "/target-policies/p", {"target": "{own}cert/\0"}),
    ("POST", "/certificate/register-no-ca", {"certificatePem": "\0"}),
    ("POST", "/tags", {"resourceArn": "\0", "tags": [{"Key": "a", "Value": "b"}]}),
    ("POST", "/tags", {"resourceArn": "{own}job/\0", "tags": [{"Key": "a", "Value": "b"}]}),
    ("POST", "/untag", {"resourceArn": "{own}job/\0", "tagKeys": ["a"]}),
    ("POST", "/untag", {"resourceArn": "{own}job/j", "tagKeys": ["\0"]}),
]


@pytest.mark.parametrize(("method", "path", "body"), _NUL_BODIES)
def test_nul_characters_in_bodies(raw: Raw, account: Account, method: str, path: str, body: dict[str, Any]) -> None:
    text = json.dumps(body).replace("{own}", account.arn(""))
    answer = raw.request(method, path, text.encode())
    assert answer.status == 400, answer


@pytest.mark.parametrize(
    "path",
    [
        "/job-templates/a%00",
        "/jobs/a%00",
        "/jobs/%00/job-document",
        "/things/a%00",
        "/things/a%00/jobs",
        "/things/a%00/jobs/b",
        "/things/a/jobs/b%00",
        "/thing-groups/%00",
        "/thing-groups/%00/things",
        "/policies/%00",
        "/certificates/%00",
        "/jobs?status=%00",
        "/jobs?thingGroupName=%00",
        "/jobs?thingGroupId=%00",
        "/jobs?namespaceId=%00",
        "/jobs?nextToken=%00",
        "/things?attributeName=%00",
        "/things?attributeName=a&attributeValue=%00",
        "/things?thingTypeName=%00",
        "/thing-groups?namePrefixFilter=%00",
        "/thing-groups?parentGroup=%00",
        "/tags?resourceArn=%00",
        "/endpoint?endpointType=%00",
        "/target-policies/none",
    ],
)
def test_nul_characters_in_paths_and_queries(raw: Raw, path: str) -> None:
    answer = raw.request("GET", path)
    if path == "/target-policies/none":
        assert answer.status == 404
    else:
        assert answer.status == 400, answer


def test_nul_characters_from_devices(account: Account) -> None:
    account.thing("t")
    account.job("j", "t")
    for details in ({"a": "\0"}, {"a\0": "b"}):
        with pytest.raises(account.data.exceptions.InvalidRequestException):
            account.data.update_job_execution(jobId="j", thingName="t", status="FAILED", statusDetails=details)
    for thing, job in (("\0", "j"), ("t", "\0")):
        with pytest.raises(account.data.exceptions.InvalidRequestException):
            account.data.update_job_execution(jobId=job, thingName=thing, status="FAILED")
    assert account.counts("j") == {"Queued": 1}


def test_nul_characters_over_mqtt(account: Account) -> None:
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        for members in (
            {"statusDetails": {"a": "\0"}},
            {"statusDetails": {"\0": "a"}},
            {"status": "\0"},
            {"expectedVersion": "\0"},
        ):
            assert device.rejected("j/update", **{"status": "FAILED", **members})["code"] == "InvalidRequest"
        reply = device.ask("get", clientToken="a\0b")
        assert reply.body["clientToken"] == "a\0b"
        assert account.counts("j") == {"Queued": 1}


# MQTT packets.

_CONNECT = bytes.fromhex("100d00044d5154540402003c000174")
"""A CONNECT of client ``t``, MQTT 3.1.1, clean session."""


@pytest.mark.parametrize(
    "packet",
    [
        bytes.fromhex("ffffffffff"),
        b"\x30\xff\xff\xff\xff\x7f",  # a remaining length of five bytes
        b"\x30\x05\x00\x20abc",  # a topic longer than its packet
        b"\x82\x05\x00\x01\x00\x09a",  # a filter longer than its packet
        b"\x82\x02\x00\x01",  # no filter at all
        b"\x32\x03\x00\x01a",  # QoS 1 without a packet identifier
        b"\x30\x80\x80\x80\x10",  # 32 MiB announced
        b"\x30\x04\x00\x02a\x00",  # NUL in a topic
        b"\x30\x04\x00\x02\xc3\x28",  # broken UTF-8 in a topic
        _CONNECT,  # a second one
    ],
)
def test_mqtt_packets_with_wrong_lengths(account: Account, packet: bytes) -> None:
    """The connection ends; the server and everybody else go on."""
    credentials = account.device("t")
    bystander = account.device("u")
    with connected(account, bystander, "u") as other:
        with (
            socket.create_connection(("localhost", account.mqtt_port), PATIENCE) as plain,
            account.tls(credentials).wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(_CONNECT)
            assert tls.recv(4) == bytes.fromhex("20020000")
            tls.sendall(packet)
            assert _rest(tls) == b""
        assert other.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}


@pytest.mark.parametrize("first", [b"\x10\x0d\x00\x04MQTT\x04", b"GET / HTTP/1.1\r\n\r\n", b"\x30\x03\x00\x01a"])
def test_mqtt_connections_that_begin_otherwise(account: Account, first: bytes) -> None:
    """A CONNECT cut short and followed by the end, another protocol, another packet."""
    credentials = account.device("t")
    with (
        socket.create_connection(("localhost", account.mqtt_port), PATIENCE) as plain,
        account.tls(credentials).wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(first)
        if first[0] == 0x10:
            tls.sendall(b"\x00" * 64)
        assert _rest(tls) == b""


def _rest(tls: ssl.SSLSocket) -> bytes:
    """What still comes until the server closes."""
    try:
        return b"".join(iter(lambda: tls.recv(65536), b""))
    except (ConnectionResetError, ssl.SSLEOFError):
        return b""
