"""What policies are asked with on every way in: the tables of docs/operations.md, key by key."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.frames import Opcode

from tests.docs.pages import text_of
from tests.http.test_devices import Device
from tests.http.test_permissions import SECRET, Operator, document
from tests.http.test_websocket import Client, _signed, opened
from tests.servers import Started, options, started
from tidegate.cli import access as commands
from tidegate.clock import wall_now
from tidegate.core import policy
from tidegate.core.iam import decisions
from tidegate.mqtt import codec
from tidegate.ops import why_denied

Recorded = list[dict[str, Any]]

EVERYTHING = {"Bool": {"aws:SecureTransport": ["true", "false"]}}
"""A condition that is always met, so that policies look at keys."""
LOOKS_AT_TAGS = {"StringEqualsIfExists": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}


def table(heading: str) -> dict[str, set[str]]:
    """The keys that have a value, by column of the table that comes first after a heading."""
    lines = text_of("docs/operations.md").partition(heading)[2].lstrip().splitlines()
    one = itertools.takewhile(
        lambda line: line.startswith("|"), itertools.dropwhile(lambda line: line[:1] != "|", lines)
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in one]
    columns, found = rows[0][1:], rows[2:]
    return {
        column: {row[0].strip("`").lower() for row in found if row[at] == "yes"} for at, column in enumerate(columns, 1)
    }


def named(recorded: Recorded) -> set[str]:
    """The keys of some questions, as the tables name them."""
    families = [
        r"(aws:principaltag/|aws:resourcetag/|aws:requesttag/|iot:connection\.thing\.).*",
        r"(iot:certificate\.).*",
    ]
    keys = {key.lower() for each in recorded for key in each}
    for family in families:
        keys = {re.sub(f"^{family}$", r"\1…", key) for key in keys}
    return keys


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """The context of each question that is put to policies of operators from now on."""
    found: Recorded = []
    decide = decisions.decide

    def recording(identity: Any, session: Any, question: Any) -> Any:
        found.append(dict(question.context))
        return decide(identity, session, question)

    monkeypatch.setattr(decisions, "decide", recording)
    return found


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """The same for policies of devices."""
    found: Recorded = []
    bind = policy.bind

    def recording(policies: Any, context: Mapping[str, Any]) -> Any:
        found.append(dict(context))
        return bind(policies, context)

    monkeypatch.setattr(policy, "bind", recording)
    return found


OPERATORS = "Policies of operators, that is of access keys:"
DEVICES = "Policies of devices, that is of certificates; MQTT over WebSocket with a certificate is MQTT:"


# -- operators ---------------------------------------------------------------------------------------------------------


def everywhere(condition: Mapping[str, Any] = EVERYTHING) -> str:
    return document(("Allow", "*", "*", {**condition, **LOOKS_AT_TAGS}))


def over_http(server: Started, operator: Operator, **changes: Any) -> None:
    iot = server.client("iot", aws_access_key_id=operator.key_id, aws_secret_access_key=SECRET, **changes)
    tags = [{"Key": "team", "Value": "red"}]
    made = iot.create_job_template(jobTemplateId=operator.name, description="d", document="{}", tags=tags)
    iot.tag_resource(resourceArn=made["jobTemplateArn"], tags=tags)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_job(jobId="none")


def over_s3(server: Started, operator: Operator) -> None:
    assert server.addresses.objects is not None
    s3 = boto3.session.Session(operator.key_id, SECRET, region_name="eu-west-1").client(
        "s3", endpoint_url=server.addresses.objects, config=Config(s3={"addressing_style": "path"})
    )
    s3.list_buckets()


def over_websocket(server: Started, operator: Operator) -> codec.Packet:
    with opened(server) as client:
        return connected(client, operator)


def connected(client: Client, operator: Operator) -> codec.Packet:
    assert client.ask(_signed(operator.key_id)).startswith(b"HTTP/1.1 101 ")
    client.send(codec.encode(codec.Connect(4, operator.name), 4))
    return client.packet()


def test_keys_over_http(guarded: Started, asked: Recorded) -> None:
    operator = Operator(guarded, everywhere(), {"team": "red"})
    asked.clear()
    over_http(guarded, operator)
    assert named(asked) == table(OPERATORS)["HTTP and HTTPS"]
    assert {each["aws:securetransport"] for each in asked} == {("false",)}
    assert {each["aws:requestedregion"] for each in asked} == {("eu-west-1",)}


def test_keys_over_https_with_a_signature(guarded: Started, asked: Recorded) -> None:
    operator = Operator(guarded, everywhere(), {"team": "red"})
    jobs = guarded.client(
        "iot-jobs-data",
        endpoint_url=guarded.addresses.https,
        verify=guarded.addresses.ca,
        aws_access_key_id=operator.key_id,
        aws_secret_access_key=SECRET,
    )
    asked.clear()
    with pytest.raises(jobs.exceptions.ResourceNotFoundException):
        jobs.describe_job_execution(jobId="none", thingName="none")
    tags = {"aws:tagkeys", "aws:requesttag/…", "aws:resourcetag/…"}  # there is nothing with tags on the device plane
    assert named(asked) == table(OPERATORS)["HTTP and HTTPS"] - tags
    assert {each["aws:securetransport"] for each in asked} == {("true",)}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A server whose objects are served by a process of their own."""
    with started(options(tmp_path_factory.mktemp("apart"), auth=True, objects_apart=True)) as running:
        yield running


@pytest.mark.parametrize("where", ["guarded", "apart"])
def test_keys_over_s3(where: str, asked: Recorded, request: pytest.FixtureRequest) -> None:
    server: Started = request.getfixturevalue(where)
    operator = Operator(server, everywhere(), {"team": "red"})
    asked.clear()
    over_s3(server, operator)
    assert named(asked) == table(OPERATORS)["S3"]


def test_keys_over_websocket(guarded: Started, asked: Recorded) -> None:
    operator = Operator(guarded, everywhere(), {"team": "red"})
    asked.clear()
    assert over_websocket(guarded, operator) == codec.Connack(0)
    assert named(asked) == table(OPERATORS)["MQTT over WebSocket"]
    assert {each["aws:securetransport"] for each in asked} == {("false",)}


def test_keys_of_simulate(tmp_path: Path, asked: Recorded) -> None:
    commands.create_principal("ci", policy=("ReadOnlyAccess",), tag=("team=red",), data=tmp_path)
    assert commands.simulate("ci", action="iot:ListJobs", region="eu-west-1", data=tmp_path) == 0
    assert named(asked) == table(OPERATORS)["`access simulate`"]
    assert asked[0]["aws:requestedregion"] == ("eu-west-1",)
    (tmp_path / "addresses.json").write_text('{"region": "eu-north-1"}')
    commands.simulate("ci", action="iot:ListJobs", data=tmp_path)
    assert asked[-1]["aws:requestedregion"] == ("eu-north-1",)


DENIALS: list[dict[str, Any]] = [
    {"Bool": {"aws:SecureTransport": "false"}},
    {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
    {"NumericGreaterThan": {"aws:EpochTime": "1577836800"}},
    {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
    {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
    {"StringEquals": {"aws:PrincipalTag/team": "red"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}},
    {"Bool": {"aws:ViaAWSService": "false"}},
    {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
]


@pytest.mark.parametrize("condition", DENIALS, ids=lambda condition: next(iter(next(iter(condition.values())))))
def test_a_deny_holds_on_every_way_in(guarded: Started, condition: dict[str, Any]) -> None:
    barred = Operator(guarded, document(("Allow", "*", "*"), ("Deny", "*", "*", condition)), {"team": "red"})
    for way in (over_http, over_s3):
        with pytest.raises(ClientError):
            way(guarded, barred)
    assert over_websocket(guarded, barred) == codec.Connack(5)


def test_the_time_is_judged_for_each_message(tmp_path: Path) -> None:
    with started(options(tmp_path, auth=True, clock="movable")) as server, opened(server) as client:
        end = (server.running.service.clock.now() // 1000 + 60) * 1000
        until = {"NumericLessThan": {"aws:EpochTime": str(end // 1000)}}
        operator = Operator(server, document(("Allow", "*", "*", until)))
        assert connected(client, operator) == codec.Connack(0)
        message = codec.encode(codec.Publish("t", b"x", qos=1, packet_id=1), 4)
        for _ in range(2):
            client.send(message)
            assert client.packet() == codec.Puback(1)
        server.on_loop(lambda: server.running.timeline.set(end))
        client.send(message)
        assert [frame for frame in iter(client.frame, None) if frame[0] is Opcode.BINARY] == []


# -- devices -----------------------------------------------------------------------------------------------------------

ALLOWED = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["iot:*", "iotjobsdata:*"], "Resource": "*"}]}
)
CERTIFIED = {"aws:securetransport": ("true",), "aws:requestedregion": ("eu-west-1",)}


class Holder:
    """A thing, and a device with a certificate of its own."""

    def __init__(self, server: Started, folder: Path, name: str, statement: str = ALLOWED) -> None:
        iot = server.client("iot")
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.create_thing(thingName=name, attributePayload={"attributes": {"site": "north"}})
        iot.create_policy(policyName=name, policyDocument=statement)
        iot.attach_policy(policyName=name, target=made["certificateArn"])
        iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
        self.server, self.iot, self.name = server, iot, name
        self.arn, self.certificate_id = made["certificateArn"], made["certificateId"]
        self.device = Device(server, folder, made["certificatePem"], made["keyPair"]["PrivateKey"])

    @contextlib.contextmanager
    def mqtt(self) -> Iterator[tuple[socket.socket, codec.Packet]]:
        """A connection by MQTT with a will, and the answer to its CONNECT."""
        port = urlsplit(self.server.addresses.mqtts).port
        will = codec.Will("will", b"x")
        plain = socket.create_connection(("localhost", port or 0), 20)
        with self.device.context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(codec.encode(codec.Connect(4, self.name, will=will), 4))
            yield secure, received(secure)


def received(connection: socket.socket) -> codec.Packet:
    reader = codec.Reader(1 << 20)
    reader.level = 4
    while (found := reader.next_packet()) is None:
        data = connection.recv(4096)
        if not data:
            raise ConnectionResetError
        reader.feed(data)
    return found


@pytest.fixture
def looking(server: Started, tmp_path: Path, request: pytest.FixtureRequest) -> Holder:
    """A device with a policy that looks at how it connects."""
    looks = json.loads(ALLOWED)
    looking_into = "${iot:Certificate.Subject.CommonName}"  # a certificate is read only for policies that do
    looks["Statement"][0]["Condition"] = {"StringNotEquals": {"iot:LastWillTopic": f"no-{looking_into}"}}
    name = re.sub(r"\W", "-", request.node.name)
    return Holder(server, tmp_path, name, json.dumps(looks))


def fixed(recorded: Recorded) -> None:
    for each in recorded:
        assert {key: each[key] for key in CERTIFIED} == CERTIFIED


def test_keys_over_mqtt(looking: Holder, bound: Recorded) -> None:
    expected = table(DEVICES)["MQTT"]
    with looking.mqtt() as (_, answer):
        assert answer == codec.Connack(0)
    fixed(bound)
    at_connect = {"iot:connectattributes", "iot:lastwilltopic"}
    assert [named([each]) - expected for each in bound if named([each]) != expected] == [at_connect]


def test_keys_over_https_with_a_certificate(looking: Holder, bound: Recorded) -> None:
    looking.device.fetch(f"/things/{looking.name}/jobs")
    fixed(bound)
    assert named(bound) == table(DEVICES)["HTTPS"]


def test_keys_of_test_authorization(looking: Holder, bound: Recorded) -> None:
    infos = [{"actionType": "CONNECT", "resources": ["arn:aws:iot:eu-west-1:000000000000:client/c"]}]
    looking.iot.test_authorization(principal=looking.arn, clientId=looking.name, authInfos=infos)
    fixed(bound)
    assert named(bound) == table(DEVICES)["TestAuthorization"]


def test_keys_of_why_denied(looking: Holder, bound: Recorded) -> None:
    question = why_denied.Question(
        "iot:Publish", "topic/t", "000000000000", "eu-west-1", thing=looking.name, client_id=looking.name
    )
    unit = looking.server.running.service.unit
    looking.server.on_loop(lambda: unit.read(lambda tx: why_denied.why(tx, question, wall_now())))
    fixed(bound)
    assert named(bound) == table(DEVICES)["`why-denied`"]


def test_the_time_is_judged_for_each_message_of_a_device(movable: Started, tmp_path: Path) -> None:
    clock = movable.running.service.clock
    end = (clock.now() // 1000 + 60) * 1000
    statement = json.loads(ALLOWED)
    statement["Statement"].append(
        {
            "Effect": "Deny",
            "Action": "iot:Publish",
            "Resource": "*",
            "Condition": {"NumericGreaterThanEquals": {"aws:EpochTime": str(end // 1000)}},
        }
    )
    holder = Holder(movable, tmp_path, "timed", json.dumps(statement))
    message = codec.encode(codec.Publish("t", b"x", qos=1, packet_id=1), 4)
    with holder.mqtt() as (connection, answer):
        assert answer == codec.Connack(0)
        for _ in range(2):
            connection.sendall(message)
            assert received(connection) == codec.Puback(1)
        movable.on_loop(lambda: movable.running.timeline.set(end))
        connection.sendall(message)
        with pytest.raises(ConnectionResetError):
            received(connection)


def test_policies_that_do_not_look_at_the_time_are_bound_once(looking: Holder, bound: Recorded) -> None:
    with looking.mqtt() as (connection, _):
        bound.clear()
        connection.sendall(codec.encode(codec.Publish("t", b"x", qos=1, packet_id=1), 4))
        assert received(connection) == codec.Puback(1)
    assert bound == []
