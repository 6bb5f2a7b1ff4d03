"""Commands through unmodified clients: boto3 on one side, paho and the AWS IoT Device SDK on the other (reach 7.8)."""

from __future__ import annotations

import json
import queue
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import cbor2
import pytest
from awscrt import mqtt5
from botocore.exceptions import ClientError
from paho.mqtt import client as paho

from tests.e2e import sdk
from tests.e2e.fleet import PATIENCE, REGION, Account, Credentials, Maker
from tests.e2e.mqtt import Device, connected
from tests.e2e.test_time import heard, move, watcher
from tests.servers import Started, options, started
from tools.ordeal._acknowledged import Server

_HEAD = "arn:aws:iot:eu-west-1:*:"
_MINE = "$aws/commands/things/${iot:Connection.Thing.ThingName}/executions"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "iot:Publish",
            "Resource": [f"{_HEAD}topic/{_MINE}/*/response", f"{_HEAD}topic/{_MINE}/*/response/json"],
        },
        {
            "Effect": "Allow",
            "Action": "iot:Receive",
            "Resource": [
                f"{_HEAD}topic/{_MINE}/*/{end}"
                for end in ("request", "request/json", "response/accepted/json", "response/rejected/json")
            ],
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{_HEAD}topicfilter/{_MINE}/*"},
    ],
}
"""The guide's (7.7): a device gets its own commands, and JSON alone."""
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
REBOOT = {"payload": {"content": b'{"reboot":true}', "contentType": "application/json"}}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def timed_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    store = request.param
    if store == "postgres":
        store = request.getfixturevalue("new_postgres")("tidegate-commands")
    with started(options(tmp_path_factory.mktemp("commands"), clock="movable", store=store)) as server:
        yield server


@pytest.fixture
def timed(timed_server: Started, maker: Maker, tmp_path: Path) -> Account:
    """An account on a server whose time the test moves."""
    move(timed_server, freeze=True)
    return Account(timed_server, maker, tmp_path)


def lamp(account: Account, policy: Any = POLICY) -> Credentials:
    """Thing ``lamp`` with a certificate."""
    account.thing("lamp")
    credentials = account.register("lamp")
    account.grant(credentials, "lamp", account.policy("commands", policy))
    return credentials


def start(account: Account, command: str = "reboot", target: str = "thing/lamp", **members: Any) -> str:
    started = account.data.start_command_execution(
        targetArn=account.arn(target), commandArn=account.arn(f"command/{command}"), **members
    )
    execution: str = started["executionId"]
    return execution


def found(account: Account, execution: str, target: str = "thing/lamp") -> dict[str, Any]:
    answer: dict[str, Any] = account.iot.get_command_execution(
        executionId=execution, targetArn=account.arn(target), includeResult=True
    )
    return answer


def topic(execution: str, end: str, target: str = "things/lamp") -> str:
    return f"$aws/commands/{target}/executions/{execution}/{end}"


def properties(device: Device) -> Callable[[], Any]:
    """What MQTT 5 says of each further message that the device is sent."""
    seen: queue.Queue[Any] = queue.Queue()

    def on_message(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        seen.put((message.topic, message.payload, message.properties.json()))  # type: ignore[union-attr]

    device.client.on_message = on_message
    return lambda: seen.get(timeout=PATIENCE)


def refusal(call: Any, **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def test_a_device_obeys(timed: Account) -> None:
    timed.iot.create_command(commandId="reboot", **REBOOT)
    with (
        connected(timed, lamp(timed), "lamp", level=5) as device,
        connected(timed, watcher(timed), "watcher") as seen,
    ):
        assert seen.subscribe("$aws/events/commandExecution/+/#") == [1]
        assert device.subscribe(topic("+", "request/#"), topic("+", "response/accepted/json")) == [1, 1]
        following = properties(device)
        execution = start(timed, executionTimeoutSeconds=60)
        where, payload, about = following()
        assert (where, payload) == (topic(execution, "request/json"), b'{"reboot":true}')
        assert about["ContentType"] == "application/json"
        assert about["MessageExpiryInterval"] == 60
        assert about["PayloadFormatIndicator"] == 1
        assert device.publish(topic(execution, "response/json"), b'{"status":"IN_PROGRESS"}') == 0
        assert following()[:2] == (
            topic(execution, "response/accepted/json"),
            json.dumps({"executionId": execution}, separators=(",", ":")).encode(),
        )
        report = {
            "status": "SUCCEEDED",
            "statusReason": {"reasonCode": "200", "reasonDescription": "rebooted"},
            "result": {"uptime": {"s": "3"}, "ok": {"b": True}, "raw": {"bin": "AAE="}},
        }
        device.publish(topic(execution, "response/json"), json.dumps(report).encode())
        following()
        answer = found(timed, execution)
        assert answer["status"] == "SUCCEEDED"
        assert answer["statusReason"] == report["statusReason"]
        assert answer["result"] == {"uptime": {"S": "3"}, "ok": {"B": True}, "raw": {"BIN": b"\0\1"}}
        assert answer["startedAt"] == answer["createdAt"] == answer["completedAt"]
        told = heard(seen, 3)
        assert [name for name, _ in told] == [
            f"commandExecution/reboot/{status}" for status in ("CREATED", "IN_PROGRESS", "SUCCEEDED")
        ]
        assert told[2][1]["statusReason"] == report["statusReason"]


def test_a_device_that_comes_back_in_time(timed: Account) -> None:
    timed.iot.create_command(commandId="reboot", **REBOOT)
    credentials = lamp(timed)
    for level in (4, 5):
        with connected(timed, credentials, "lamp", level=level, clean=False) as device:
            device.subscribe(topic("+", "request/json"))
        execution = start(timed, executionTimeoutSeconds=600)
        move(timed.server, advance=500)
        with connected(timed, credentials, "lamp", level=level, clean=False) as device:
            assert device.present
            assert device.next()[:2] == (topic(execution, "request/json"), b'{"reboot":true}')
            device.subscribe(topic(execution, "response/accepted/json"))
            device.publish(topic(execution, "response/json"), b'{"status":"SUCCEEDED"}')
            assert device.next().topic == topic(execution, "response/accepted/json")
        move(timed.server, advance=200)
        assert found(timed, execution)["status"] == "SUCCEEDED"


def test_a_device_that_comes_back_too_late(timed: Account) -> None:
    timed.iot.create_command(commandId="reboot", **REBOOT)
    credentials = lamp(timed)
    for level in (4, 5):
        with connected(timed, credentials, "lamp", level=level, clean=False) as device:
            device.subscribe(topic("+", "request/json"))
        late = start(timed)
        move(timed.server, advance=11)
        answer = found(timed, late)
        assert (answer["status"], answer["statusReason"]["reasonCode"]) == ("TIMED_OUT", "$NO_RESPONSE_FROM_DEVICE")
        assert "completedAt" not in answer
        execution = start(timed)
        with connected(timed, credentials, "lamp", level=level, clean=False) as device:
            assert device.present
            assert device.next().topic == topic(execution, "request/json")  # and not the one before
            # It had been told by other means after all: a late report wins, and is the last.
            device.subscribe(topic(late, "response/accepted/json"), topic(late, "response/rejected/json"))
            for status, outcome in (("IN_PROGRESS", "rejected"), ("SUCCEEDED", "accepted"), ("FAILED", "rejected")):
                device.publish(topic(late, "response/json"), json.dumps({"status": status}).encode())
                reply = device.next()
                assert reply.topic == topic(late, f"response/{outcome}/json"), reply
            assert reply.body["error"] == "TerminalStateReached"
            assert reply.body["executionId"] == late
        assert found(timed, late)["status"] == "SUCCEEDED"


def test_a_client_that_is_no_thing_and_cbor(timed: Account) -> None:
    template = '{"level": "${aws:iot:commandexecution::parameter:level}"}'
    timed.iot.create_command(
        commandId="dim",
        payloadTemplate=template,
        preprocessor={"awsJsonSubstitution": {"outputFormat": "CBOR"}},
        mandatoryParameters=[{"name": "level", "type": "INTEGER", "defaultValue": {"I": 3}}],
    )
    timed.iot.create_command(commandId="plain", payload={"content": b"on", "contentType": "text/plain"})
    credentials = lamp(timed, ANYTHING)
    target = "clients/gateway 1"
    with connected(timed, credentials, "gateway 1") as device:
        device.subscribe(topic("+", "request/cbor", target), topic("+", "request", target))
        execution = start(timed, "dim", "client/gateway 1", parameters={"level": {"I": 7}})
        request = device.next()
        assert request.topic == topic(execution, "request/cbor", target)
        assert cbor2.loads(request.payload) == {"level": 7}
        report = {"status": "FAILED", "result": {"raw": {"bin": b"\0\1"}}}
        device.publish(topic(execution, "response/cbor", target), cbor2.dumps(report))
        reply = device.next()  # though it has not subscribed to it
        assert reply.topic == topic(execution, "response/accepted/cbor", target)
        assert cbor2.loads(reply.payload) == {"executionId": execution}
        answer = found(timed, execution, "client/gateway 1")
        assert (answer["status"], answer["result"]) == ("FAILED", {"raw": {"BIN": b"\0\1"}})
        assert answer["parameters"] == {"level": {"I": 7}}
        execution = start(timed, "plain", "client/gateway 1")
        assert device.next()[:2] == (topic(execution, "request", target), b"on")


def test_reports_that_are_none(timed: Account) -> None:
    timed.iot.create_command(commandId="reboot", **REBOOT)
    with connected(timed, lamp(timed, ANYTHING), "lamp") as device:
        execution = start(timed)

        def rejected(end: str, payload: bytes, of: str = execution, place: str = "things/lamp") -> str:
            assert device.publish(topic(of, end, place), payload) == 0
            reply = device.next()
            encoded = "cbor" if end.endswith("cbor") else "json"
            assert reply.topic == topic(of, f"response/rejected/{encoded}", place)
            body = cbor2.loads(reply.payload) if encoded == "cbor" else reply.body
            assert body["executionId"] == of
            assert body["errorMessage"]
            code: str = body["error"]
            return code

        assert rejected("response/json", b"{") == "InvalidJson"
        assert rejected("response/json", b"[]") == "InvalidRequest"
        assert rejected("response/json", b'{"status":"CREATED"}') == "InvalidRequest"
        assert rejected("response/json", b'{"status":"SUCCEEDED","result":{}}') == "InvalidRequest"
        assert rejected("response", b'{"status":"SUCCEEDED"}') == "InvalidTopic"
        assert rejected("response/json", b'{"status":"SUCCEEDED"}', "no") == "ResourceNotFound"
        assert rejected("response/json", b'{"status":"FAILED"}', place="things/other") == "ResourceNotFound"
        assert rejected("response/json", b'{"status":"FAILED"}', place="clients/lamp") == "ResourceNotFound"
        whole = cbor2.dumps({"status": "SUCCEEDED"})
        for broken in (b"", whole[:-1], whole + b"\0", b"\xbf\x66status", b"\x9b" + b"\xff" * 8, b"\x81" * 1000):
            assert rejected("response/cbor", broken) == "InvalidRequest"
        assert found(timed, execution)["status"] == "CREATED"


def test_only_the_service_sends_commands(timed: Account) -> None:
    with connected(timed, lamp(timed, ANYTHING), "lamp", level=5) as device:
        for end in ("request/json", "request"):
            assert device.publish(topic("e", end), b"{}") == 135
        assert device.publish(topic("e", "response/accepted/json"), b"{}") == 144  # and it has too many slashes
    assert refusal(
        timed.server.client("iot-data", aws_access_key_id=timed.id).publish, topic=topic("e", "request/json")
    ) == (403, "ForbiddenException")


def test_a_policy_may_keep_a_device_from_the_commands_of_others(timed: Account) -> None:
    timed.thing("other")
    with connected(timed, lamp(timed), "lamp", level=5) as device:
        assert device.subscribe(topic("+", "request/#", "things/other")) == [135]
        assert device.publish(topic("e", "response/json", "things/other"), b"{}") == 135


def test_the_device_sdk(timed: Account) -> None:
    """The sequence of the SDK's Commands client over its MQTT 5 client, which is what the client consists of."""
    timed.iot.create_command(commandId="reboot", **REBOOT)
    arrived: queue.Queue[mqtt5.PublishPacket] = queue.Queue()

    def received(data: Any) -> None:
        arrived.put(data.publish_packet)

    with sdk.mqtt_5(timed, lamp(timed), "lamp", on_publish_received=received) as client:

        def subscribe(*filters: str) -> None:
            wanted = [mqtt5.Subscription(each, mqtt5.QoS.AT_LEAST_ONCE) for each in filters]
            answer = client.subscribe(mqtt5.SubscribePacket(wanted)).result(PATIENCE)
            assert all(code == mqtt5.SubackReasonCode.GRANTED_QOS_1 for code in answer.reason_codes)

        subscribe(topic("+", "request/+"))
        execution = start(timed, executionTimeoutSeconds=30)
        request = arrived.get(timeout=PATIENCE)
        assert (request.content_type, request.message_expiry_interval_sec) == ("application/json", 30)
        subscribe(topic(execution, "response/accepted/json"), topic(execution, "response/rejected/json"))
        packet = mqtt5.PublishPacket(
            topic=topic(execution, "response/json"), qos=mqtt5.QoS.AT_LEAST_ONCE, payload=b'{"status":"SUCCEEDED"}'
        )
        client.publish(packet).result(PATIENCE)
        assert arrived.get(timeout=PATIENCE).topic == topic(execution, "response/accepted/json")
    assert found(timed, execution)["status"] == "SUCCEEDED"


def test_every_operation(timed: Account) -> None:
    iot = timed.iot
    made = iot.create_command(commandId="reboot", displayName="Reboot", tags=[{"Key": "k", "Value": "v"}], **REBOOT)
    arn = made["commandArn"]
    assert arn == timed.arn("command/reboot")
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "k", "Value": "v"}]
    got = iot.get_command(commandId="reboot")
    assert got["payload"] == REBOOT["payload"]
    assert (got["deprecated"], got["pendingDeletion"], got["namespace"]) == (False, False, "AWS-IoT")
    assert iot.update_command(commandId="reboot", description="d")["displayName"] == "Reboot"
    listed = [one["commandId"] for page in iot.get_paginator("list_commands").paginate() for one in page["commands"]]
    assert listed == ["reboot"]
    timed.thing("lamp")
    executions = [start(timed, clientToken=f"t{number}") for number in range(5)]
    assert start(timed, clientToken="t0") == executions[0]
    pager = iot.get_paginator("list_command_executions")
    pages = list(pager.paginate(commandArn=arn, sortOrder="ASCENDING", PaginationConfig={"PageSize": 2}))
    assert len(pages) == 3
    assert [one["executionId"] for page in pages for one in page["commandExecutions"]] == executions
    target = {"targetArn": timed.arn("thing/lamp")}
    deleted = {"executionId": executions[0], **target}
    assert refusal(iot.delete_command_execution, **deleted) == (409, "ConflictException")
    move(timed.server, advance=10)
    iot.delete_command_execution(**deleted)
    assert refusal(iot.get_command_execution, **deleted) == (404, "ResourceNotFoundException")
    iot.update_command(commandId="reboot", deprecated=True)
    wanted = {**target, "commandArn": arn}
    assert refusal(timed.data.start_command_execution, **wanted) == (400, "ValidationException")
    assert iot.delete_command(commandId="reboot")["statusCode"] == 202
    assert iot.get_command(commandId="reboot")["pendingDeletion"] is True
    move(timed.server, advance=12 * 3600)
    assert refusal(iot.get_command, commandId="reboot") == (404, "ResourceNotFoundException")
    assert iot.delete_command(commandId="reboot")["statusCode"] == 204
    assert refusal(iot.create_command, commandId="none") == (400, "ValidationException")
    assert refusal(timed.data.start_command_execution, **wanted) == (404, "ResourceNotFoundException")


# --- a server that dies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_a_server_that_dies_between_command_and_answer(
    store: str, tmp_path: Path, new_postgres: Callable[[str], str]
) -> None:
    where = "sqlite" if store == "sqlite" else new_postgres("tidegate-commands-killed")
    world = _Mortal(tmp_path, where)
    try:
        _obey_across_deaths(world)
    finally:
        world.server.kill()


def _obey_across_deaths(world: _Mortal) -> None:
    world.client("iot").create_thing(thingName="lamp")
    world.client("iot").create_command(commandId="reboot", **REBOOT)
    device = world.device()
    device.subscribe(topic("+", "request/json"))
    answered = world.start()
    assert device.next().topic == topic(answered, "request/json")
    world.killed_and_started_again()
    device = world.device()
    assert device.present
    device.publish(topic(answered, "response/json"), b'{"status":"SUCCEEDED"}')
    while device.next().topic != topic(answered, "response/accepted/json"):
        pass  # what it had not acknowledged comes again
    device.close()
    waiting, unanswered = world.start(), world.start(executionTimeoutSeconds=1)
    world.killed_and_started_again()
    device = world.device()
    assert device.present
    seen = {device.next().topic}
    assert topic(waiting, "request/json") in seen
    device.publish(topic(waiting, "response/json"), b'{"status":"REJECTED"}')
    while device.next().topic != topic(waiting, "response/accepted/json"):
        pass
    assert world.status(answered) == "SUCCEEDED"
    assert world.status(waiting) == "REJECTED"
    while world.status(unanswered) == "CREATED":
        pass  # its second passes
    assert world.status(unanswered) == "TIMED_OUT"
    device.close()


class _Mortal:
    """A server that can be killed, and a device that knows it by its data directory alone."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store = folder, store
        self.server = Server(folder / "data", store).wait()

    def killed_and_started_again(self) -> None:
        self.server.kill()
        self.server = Server(self._folder / "data", self._store).wait()

    @property
    def mqtt_port(self) -> int:
        return self.server.mqtt_port

    def client(self, service: str) -> Any:
        session = boto3.session.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=f"http://{self.server.http}")

    def start(self, **members: Any) -> str:
        arns = {"targetArn": self._arn("thing/lamp"), "commandArn": self._arn("command/reboot")}
        wanted = {"executionTimeoutSeconds": 3600, **arns, **members}
        execution: str = self.client("iot-jobs-data").start_command_execution(**wanted)["executionId"]
        return execution

    def status(self, execution: str) -> str:
        wanted = {"executionId": execution, "targetArn": self._arn("thing/lamp")}
        status: str = self.client("iot").get_command_execution(**wanted)["status"]
        return status

    @staticmethod
    def _arn(resource: str) -> str:
        return f"arn:aws:iot:{REGION}:000000000000:{resource}"

    def device(self) -> Device:
        return Device(self, self._credentials(), "lamp", clean=False)  # type: ignore[arg-type]

    def _credentials(self) -> tuple[Path, Path]:
        certificate, key = self._folder / "lamp.pem", self._folder / "lamp.key"
        if not certificate.exists():
            iot = self.client("iot")
            made = iot.create_keys_and_certificate(setAsActive=True)
            iot.create_policy(policyName="lamp", policyDocument=json.dumps(ANYTHING))
            iot.attach_policy(policyName="lamp", target=made["certificateArn"])
            certificate.write_text(made["certificatePem"])
            key.write_text(made["keyPair"]["PrivateKey"])
        return certificate, key

    def tls(self, files: tuple[Path, Path]) -> Any:
        context = ssl.create_default_context(cafile=self.server.ca)
        context.load_cert_chain(*files)
        return context
