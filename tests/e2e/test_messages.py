"""Messages and connections over HTTPS through unmodified clients: boto3, curl, the AWS CLI, paho (iot-data)."""

from __future__ import annotations

import base64
import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as MqttProperties

from tests.e2e import cli
from tests.e2e.fleet import PATIENCE, Account, Credentials, client
from tests.e2e.mqtt import Device, GoneError, connected

_HEAD = "arn:aws:iot:eu-west-1:*:"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def devices(account: Account, *names: str, policy: Any = ANYTHING) -> list[Credentials]:
    account.policy("messages", policy)
    made = []
    for name in names:
        account.thing(name)
        made.append(account.register(name))
        account.grant(made[-1], name, "messages")
    return made


def operator(account: Account) -> Any:
    """boto3's client of the device data plane."""
    return client(account.server, "iot-data", account.id)


def refusal(call: Any, **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


class Properties:
    """The MQTT 5 properties a device is sent."""

    def __init__(self, device: Device) -> None:
        self._seen: queue.Queue[Any] = queue.Queue()

        def on_message(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
            self._seen.put((message.payload, message.properties.json()))  # type: ignore[union-attr]

        device.client.on_message = on_message

    def next(self) -> Any:
        return self._seen.get(timeout=PATIENCE)


# --- Publish ---


def test_a_publish_reaches_a_subscriber_at_its_quality(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp") as lamp:
        assert lamp.subscribe("a/b", qos=1) == [1]
        data = operator(account)
        data.publish(topic="a/b", qos=1, payload=b"\x00\xff")
        assert lamp.next() == ("a/b", b"\x00\xff", 1, False)
        data.publish(topic="a/b", payload="text")
        assert lamp.next() == ("a/b", b"text", 0, False)
        data.publish(topic="a/b")
        assert lamp.next() == ("a/b", b"", 0, False)


def test_properties_reach_a_subscriber_of_mqtt_5(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp", level=5) as lamp:
        seen = Properties(lamp)
        assert lamp.subscribe("a") == [1]
        operator(account).publish(
            topic="a",
            qos=1,
            payload=b"x",
            userProperties='[{"k":"v"},{"k":"w"}]',
            payloadFormatIndicator="UTF8_DATA",
            contentType="text/plain; charset=utf-8",
            responseTopic="answers/lamp",
            correlationData=base64.b64encode(b"\x00\x01").decode(),
            messageExpiry=60,
        )
        payload, properties = seen.next()
        assert payload == b"x"
        assert properties["UserProperty"] == [("k", "v"), ("k", "w")]
        assert properties["PayloadFormatIndicator"] == 1
        assert properties["ContentType"] == "text/plain; charset=utf-8"
        assert properties["ResponseTopic"] == "answers/lamp"
        assert bytes.fromhex(properties["CorrelationData"]) == b"\x00\x01"
        assert 0 < properties["MessageExpiryInterval"] <= 60
        operator(account).publish(topic="a")
        assert seen.next() == (b"", {})


def test_a_publish_waits_for_a_client_that_is_away(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp", clean=False) as lamp:
        lamp.subscribe("a")
    operator(account).publish(topic="a", qos=1, payload=b"later")
    with connected(account, credentials, "lamp", clean=False) as lamp:
        assert lamp.present
        assert lamp.next().payload == b"later"


def test_accounts_do_not_meet(account: Account, either_account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp") as lamp:
        lamp.subscribe("a")
        operator(either_account).publish(topic="a", qos=1, payload=b"theirs", retain=True)
        operator(account).publish(topic="a", qos=1, payload=b"ours")
        assert lamp.next().payload == b"ours"
    assert operator(account).list_retained_messages()["retainedTopics"] == []


@pytest.mark.parametrize("topic", ["a/+/b", "#", "a/b/c/d/e/f/g/h/i", "x" * 257])
def test_topics_that_are_none(account: Account, topic: str) -> None:
    assert refusal(operator(account).publish, topic=topic) == (400, "InvalidRequestException")


def test_sizes(account: Account) -> None:
    data = operator(account)
    data.publish(topic="a", payload=bytes(131_072))
    assert refusal(data.publish, topic="a", payload=bytes(131_073)) == (413, "RequestEntityTooLargeException")


# --- reserved topics ---


def test_a_job_request_is_carried_out(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    account.job("job", "lamp")
    data = operator(account)
    with connected(account, credentials, "lamp") as lamp:
        lamp.subscribe("$aws/things/lamp/jobs/#")
        data.publish(topic="$aws/things/lamp/jobs/start-next", payload=b"{}")
        status = account.iot.describe_job_execution(jobId="job", thingName="lamp")["execution"]["status"]
        assert status == "IN_PROGRESS"
        data.publish(topic="$aws/things/lamp/jobs/job/update", payload=b'{"status":"SUCCEEDED"}', retain=True)
        status = account.iot.describe_job_execution(jobId="job", thingName="lamp")["execution"]["status"]
        assert status == "SUCCEEDED"
        for expected in ("notify", "notify-next"):  # the replies go nowhere (device reference 3.3.10)
            assert lamp.next().topic == f"$aws/things/lamp/jobs/{expected}"
        assert lamp.silent()
    data.publish(topic="$aws/things/lamp/jobs/no/such/topic")
    data.publish(topic="$aws/things/lamp/jobs/job/update", payload=b"no JSON")
    assert data.list_retained_messages()["retainedTopics"] == []


def test_a_shadow_request_is_carried_out(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    data = operator(account)
    with connected(account, credentials, "lamp") as lamp:
        lamp.subscribe("$aws/things/lamp/shadow/#")
        data.publish(topic="$aws/things/lamp/shadow/update", payload=b'{"state":{"reported":{"on":true}}}')
        shadow = json.loads(data.get_thing_shadow(thingName="lamp")["payload"].read())
        assert shadow["state"] == {"reported": {"on": True}}
        assert lamp.next().topic == "$aws/things/lamp/shadow/update"
        assert lamp.next().topic == "$aws/things/lamp/shadow/update/accepted"
        assert lamp.next().topic == "$aws/things/lamp/shadow/update/documents"
        data.publish(topic="$aws/things/lamp/shadow/update", payload=b"{")
        assert lamp.next().topic == "$aws/things/lamp/shadow/update"
        refused = lamp.next()
        assert (refused.topic, refused.body["code"]) == ("$aws/things/lamp/shadow/update/rejected", 400)


def test_basic_ingest_is_taken_and_told_to_nobody(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp") as lamp:
        assert lamp.subscribe("a/b") == [1]
        operator(account).publish(topic="$aws/rules/my_rule/a/b", qos=1, payload=b"x")
        assert lamp.publish("$aws/rules/my_rule/a/b", b"x") == 0
        assert lamp.silent()


@pytest.mark.parametrize(
    "topic",
    [
        "$aws/things/lamp/jobs/notify",
        "$aws/things/lamp/jobs/get/accepted",
        "$aws/things/lamp/shadow/update/delta",
        "$aws/events/job/j/completed",
        "$SYS/broker",
    ],
)
def test_where_only_the_service_speaks(account: Account, topic: str) -> None:
    assert refusal(operator(account).publish, topic=topic, payload=b"{}") == (403, "ForbiddenException")


# --- retained messages ---


def test_a_retained_message_comes_and_goes(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    data = operator(account)
    assert refusal(data.get_retained_message, topic="state/lamp") == (404, "ResourceNotFoundException")
    data.publish(topic="state/lamp", qos=1, retain=True, payload=b"\x00on", userProperties='[{"k":"v"}]')
    found = data.get_retained_message(topic="state/lamp")
    assert (found["topic"], found["payload"], found["qos"]) == ("state/lamp", b"\x00on", 1)
    assert json.loads(found["userProperties"]) == [{"k": "v"}]
    assert found["lastModifiedTime"] > 1_600_000_000_000
    with connected(account, credentials, "lamp") as lamp:
        lamp.subscribe("state/lamp")
        assert lamp.next() == ("state/lamp", b"\x00on", 1, True)
        assert lamp.publish("state/other", b"mine", retain=True) == 0
        assert data.get_retained_message(topic="state/other")["payload"] == b"mine"
        data.publish(topic="state/lamp", retain=True)
        assert lamp.next() == ("state/lamp", b"", 0, False)
    assert refusal(data.get_retained_message, topic="state/lamp") == (404, "ResourceNotFoundException")
    assert [each["topic"] for each in data.list_retained_messages()["retainedTopics"]] == ["state/other"]


def test_pages_of_retained_messages(account: Account) -> None:
    data = operator(account)
    names = [f"page/{number}" for number in range(5)]
    for name in reversed(names):
        data.publish(topic=name, retain=True, qos=1, payload=b"abc")
    pages = data.get_paginator("list_retained_messages").paginate(PaginationConfig={"PageSize": 2})
    found = [page["retainedTopics"] for page in pages]
    assert [[each["topic"] for each in page] for page in found] == [names[:2], names[2:4], names[4:]]
    assert (found[0][0]["payloadSize"], found[0][0]["qos"]) == (3, 1)
    assert refusal(data.list_retained_messages, nextToken="other") == (400, "InvalidRequestException")
    assert refusal(data.list_retained_messages, maxResults=201) == (400, "InvalidRequestException")


# --- connections ---


def test_what_is_known_of_a_connection(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    data = operator(account)
    assert refusal(data.get_connection, clientId="lamp") == (404, "ResourceNotFoundException")
    with connected(account, credentials, "lamp", clean=False):
        found = data.get_connection(clientId="lamp", includeSocketInformation=True)
        assert (found["connected"], found["cleanSession"], found["clientId"]) == (True, False, "lamp")
        assert (found["keepAliveDuration"], found["sessionExpiry"]) == (1200, 3600)
        assert (found["sourceIp"], found["targetPort"]) == ("127.0.0.1", account.mqtt_port)
        assert found["connectedSince"] > 1_600_000_000_000
        assert "disconnectReason" not in found
        assert "sourceIp" not in data.get_connection(clientId="lamp")


@pytest.mark.parametrize("prevented", [False, True])
def test_a_connection_is_ended(either_account: Account, prevented: bool) -> None:
    account = either_account
    lamp, watcher = devices(account, "lamp", "watcher")
    data = operator(account)
    with connected(account, watcher, "watcher") as seen:
        seen.subscribe("wills/lamp")
        gone = Device(account, lamp, "lamp", clean=False, will=("wills/lamp", b"bye"))
        gone.subscribe("a")
        data.delete_connection(clientId="lamp", preventWillMessage=prevented)
        with pytest.raises(GoneError):
            gone.next()
        gone.client.loop_stop()
        if not prevented:
            assert seen.next().payload == b"bye"
        assert seen.silent()
    found = data.get_connection(clientId="lamp")
    assert (found["connected"], found["disconnectReason"]) == (False, "API_INITIATED_DISCONNECT")
    assert refusal(data.delete_connection, clientId="lamp") == (404, "ResourceNotFoundException")
    with connected(account, lamp, "lamp", clean=False) as back:
        assert back.present
    data.delete_connection(clientId="lamp", cleanSession=True)
    with connected(account, lamp, "lamp", clean=False) as back:
        assert not back.present


def test_client_ids_that_are_none(account: Account) -> None:
    for client_id in ("$me", "x" * 129):
        assert refusal(operator(account).delete_connection, clientId=client_id) == (400, "InvalidRequestException")
    assert refusal(operator(account).get_connection, clientId="a/b c+ä") == (404, "ResourceNotFoundException")


# --- with a client certificate ---


class Curl:
    """curl with a device's certificate, as AWS's guide shows it."""

    def __init__(self, account: Account, credentials: Credentials) -> None:
        self._base = f"https://localhost:{account.https_port}"
        ca = account.server.addresses.ca
        files = ["--cacert", ca, "--cert", str(credentials.certificate), "--key", str(credentials.key)]
        self._command = ["curl", "-sS", "--tlsv1.2", "--max-time", "20", "-w", "\n%{http_code}", *files]

    def __call__(self, method: str, path: str, *options: str) -> tuple[int, Any]:
        command = [*self._command, "--request", method, *options, self._base + path]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        body, _, status = ran.stdout.rpartition(b"\n")
        return int(status), json.loads(body) if body else None


LIMITED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{_HEAD}topic/a/*"},
        {
            "Effect": "Allow",
            "Action": ["iot:RetainPublish", "iot:GetRetainedMessage"],
            "Resource": f"{_HEAD}topic/a/kept",
        },
        {"Effect": "Allow", "Action": ["iot:GetConnection", "iot:DeleteConnection"], "Resource": f"{_HEAD}client/lamp"},
    ],
}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_a_certificate_may_do_what_its_policies_allow(account: Account) -> None:
    (credentials,) = devices(account, "lamp", policy=LIMITED)
    curl, forbidden = Curl(account, credentials), (403, {"message": "Forbidden"})
    with connected(account, credentials, "lamp") as lamp:
        lamp.subscribe("a/b", "a/kept")
        assert curl("POST", "/topics/a/b?qos=1", "--data", '{ "message": "Hello" }')[0] == 200
        assert lamp.next() == ("a/b", b'{ "message": "Hello" }', 1, False)
        assert curl("POST", "/topics/b?qos=1", "--data", "x") == forbidden
        assert curl("POST", "/topics/a/b?retain=true", "--data", "x") == forbidden
        assert curl("POST", "/topics/a/kept?retain=true", "--data", "x")[0] == 200
        assert lamp.next().topic == "a/kept"
        status, found = curl("GET", "/retainedMessage/a%2Fkept")
        assert (status, found["payload"], found["qos"]) == (200, base64.b64encode(b"x").decode(), 0)
        assert curl("GET", "/retainedMessage/a/b") == forbidden
        assert curl("GET", "/retainedMessage") == forbidden
        assert curl("GET", "/connections/other") == forbidden
        assert curl("GET", "/connections/lamp")[1]["connected"] is True
        assert curl("POST", "/topics/a/b?qos=2")[0] == 400
        assert curl("POST", "/topics/a/b?qos=x")[0] == 400
        assert curl("DELETE", "/connections/lamp") == (200, {})
        with pytest.raises(GoneError):
            lamp.next()


SENDER = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["iot:Connect", "iot:Receive"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "iot:SendDirectMessage",
            "Resource": f"{_HEAD}client/lamp",
            "Condition": {"StringEquals": {"iot:Topic": "a/b"}},
        },
        {
            "Effect": "Allow",
            "Action": "iot:StartCommandExecution",
            "Resource": [f"{_HEAD}command/reboot", f"{_HEAD}thing/lamp"],
        },
    ],
}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_device_tells_another_what_its_policies_allow(account: Account) -> None:
    lamp, _other = devices(account, "lamp", "other", policy=SENDER)
    for name in ("reboot", "erase"):
        account.iot.create_command(commandId=name, payload={"content": b"x"})
    curl, forbidden = Curl(account, lamp), (403, {"message": "Forbidden"})

    def start(command: str, target: str) -> tuple[int, Any]:
        arns = {"commandArn": account.arn(f"command/{command}"), "targetArn": account.arn(f"thing/{target}")}
        return curl("POST", "/command-executions", "--data", json.dumps(arns))

    with connected(account, lamp, "lamp") as receiver:
        assert curl("POST", "/connections/lamp/messages?topic=a%2Fb", "--data", "hi")[0] == 200
        assert receiver.next() == ("a/b", b"hi", 0, False)
        assert curl("POST", "/connections/lamp/messages?topic=a%2Fc", "--data", "hi") == forbidden
        assert curl("POST", "/connections/other/messages?topic=a%2Fb", "--data", "hi") == forbidden
    status, begun = start("reboot", "lamp")
    assert status == 200
    target = account.arn("thing/lamp")
    assert account.iot.get_command_execution(executionId=begun["executionId"], targetArn=target)["status"] == "CREATED"
    assert start("erase", "lamp") == forbidden
    assert start("reboot", "other") == forbidden


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_policy_for_everything_lists_retained_messages(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    assert Curl(account, credentials)("GET", "/retainedMessage?maxResults=1") == (200, {"retainedTopics": []})


# --- with the AWS CLI ---


def test_the_cli(account: Account, monkeypatch: pytest.MonkeyPatch, capfd: Any, tmp_path: Path) -> None:
    aws = cli.aws(account.server, monkeypatch, capfd)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.id)
    payload = tmp_path / "payload"
    payload.write_bytes(b"on")
    told = ["--user-properties", '[{"k":"v"}]', "--payload", f"fileb://{payload}"]
    code, output, errors = aws("iot-data", "publish", "--topic", "cli/a", "--retain", "--qos", "1", *told)
    assert (code, output, errors) == (0, "", "")
    _, output, _ = aws("iot-data", "get-retained-message", "--topic", "cli/a")
    found = json.loads(output)
    assert base64.b64decode(found["payload"]) == b"on"
    assert json.loads(base64.b64decode(found["userProperties"])) == [{"k": "v"}]
    _, output, _ = aws("iot-data", "list-retained-messages")
    assert [each["topic"] for each in json.loads(output)["retainedTopics"]] == ["cli/a"]
    code, _, errors = aws("iot-data", "delete-connection", "--client-id", "nobody")
    assert code
    assert "(ResourceNotFoundException) when calling the DeleteConnection operation" in errors


# --- to one client ---


@pytest.mark.parametrize("level", [4, 5])
def test_a_direct_message_needs_no_subscription(account: Account, level: int) -> None:
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp", level=level) as lamp:
        data = operator(account)
        sent = data.send_direct_message(clientId="lamp", topic="a/b", payload=b"hi")
        assert sent["message"]
        assert sent["traceId"]
        assert lamp.next() == ("a/b", b"hi", 0, False)
        data.send_direct_message(clientId="lamp", topic="a/b", payload=b"", confirmation=True, timeout=15)
        assert lamp.next() == ("a/b", b"", 1, False)
        assert lamp.silent()


def test_a_direct_message_has_the_properties_of_mqtt_5(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    with connected(account, credentials, "lamp", level=5) as lamp:
        seen = Properties(lamp)
        operator(account).send_direct_message(
            clientId="lamp",
            topic="a",
            payload=b"x",
            userProperties='[{"k":"v"}]',
            payloadFormatIndicator="UTF8_DATA",
            contentType="text/plain",
            responseTopic="answers",
            correlationData=base64.b64encode(b"\x00").decode(),
        )
        payload, properties = seen.next()
        assert payload == b"x"
        assert properties["UserProperty"] == [("k", "v")]
        assert (properties["ContentType"], properties["ResponseTopic"]) == ("text/plain", "answers")
        assert (properties["PayloadFormatIndicator"], properties["CorrelationData"]) == (1, "00")


def test_direct_messages_that_are_not_sent(either_account: Account) -> None:
    account = either_account
    send = operator(account).send_direct_message
    deaf = [*ANYTHING["Statement"], {"Effect": "Deny", "Action": "iot:Receive", "Resource": f"{_HEAD}topic/secret"}]
    (credentials,) = devices(account, "lamp", policy={"Version": "2012-10-17", "Statement": deaf})
    absent = (404, "ResourceNotFoundException")
    assert refusal(send, clientId="lamp", topic="a") == absent
    with connected(account, credentials, "lamp", clean=False) as lamp:
        lamp.subscribe("#")
        for members in ({"topic": "a/#"}, {"topic": "a", "responseTopic": "+"}, {"topic": "a", "correlationData": "?"}):
            assert refusal(send, clientId="lamp", **members) == (400, "InvalidRequestException")
        for seconds in (0, 16):
            wanted = {"topic": "a", "confirmation": True, "timeout": seconds}
            assert refusal(send, clientId="lamp", **wanted) == (400, "InvalidRequestException")
        send(clientId="lamp", topic="a", timeout=16)  # which counts with confirmation alone
        assert lamp.next().topic == "a"
        assert refusal(send, clientId="lamp", topic="secret") == (403, "ForbiddenException")
        assert refusal(send, clientId="lamp", topic="$aws/things/lamp/jobs/notify") == (403, "ForbiddenException")
        too_large = (413, "RequestEntityTooLargeException")
        assert refusal(send, clientId="lamp", topic="a", payload=b"x" * 131_073) == too_large
        assert lamp.silent()
    assert refusal(send, clientId="lamp", topic="a", confirmation=True) == absent  # a session is not enough
    with connected(account, credentials, "lamp", clean=False) as lamp:
        assert lamp.silent()


def test_a_client_that_does_not_confirm(account: Account) -> None:
    (credentials,) = devices(account, "lamp")
    go_on = threading.Event()
    with connected(account, credentials, "lamp", clean=False) as lamp:
        listen = lamp.client.on_message

        def dawdle(*message: Any) -> None:  # paho acknowledges when it returns
            go_on.wait(PATIENCE)
            listen(*message)  # type: ignore[misc]

        lamp.client.on_message = dawdle
        wanted = {"clientId": "lamp", "topic": "a", "confirmation": True, "timeout": 1}
        assert refusal(operator(account).send_direct_message, **wanted) == (504, "GatewayTimeoutException")
        go_on.set()
        assert lamp.next().topic == "a"
        assert operator(account).send_direct_message(**{**wanted, "timeout": 15})["message"]


def test_subscriptions_are_listed(either_account: Account) -> None:
    account = either_account
    (credentials,) = devices(account, "lamp")
    listing = operator(account).list_subscriptions
    assert refusal(listing, clientId="lamp") == (404, "ResourceNotFoundException")
    names = sorted(f"a/{number:02}/#" for number in range(45))
    with connected(account, credentials, "lamp", clean=False) as lamp:
        for start in range(0, 45, 8):
            lamp.subscribe(*names[start : start + 8])
        lamp.subscribe("b", qos=0)
    found, token, pages = [], None, 0
    while token or not pages:
        page = listing(clientId="lamp", **({"nextToken": token} if token else {}))
        found += [(one["topicFilter"], one["qos"]) for one in page["subscriptions"]]
        token, pages = page.get("nextToken"), pages + 1
    assert (found, pages) == ([*((name, 1) for name in names), ("b", 0)], 3)
    assert len(listing(clientId="lamp", maxResults=200)["subscriptions"]) == 46
    assert refusal(listing, clientId="lamp", nextToken="x") == (400, "InvalidRequestException")


# --- what a thing's type puts on its messages ---


def test_messages_bear_what_the_type_of_their_thing_says(either_account: Account) -> None:
    account = either_account
    account.iot.create_thing_type(
        thingTypeName="lamp",
        thingTypeProperties={
            "mqtt5Configuration": {
                "propagatingAttributes": [
                    {"userPropertyKey": "site", "thingAttribute": "site"},
                    {"userPropertyKey": "none", "thingAttribute": "missing"},
                    {"userPropertyKey": "who", "connectionAttribute": "iot:Thing.ThingName"},
                ]
            }
        },
    )
    lamp, other = devices(account, "lamp", "other")
    account.iot.update_thing(thingName="lamp", thingTypeName="lamp", attributePayload={"attributes": {"site": "Kiel"}})

    def publish(device: Device, payload: bytes, **properties: Any) -> list[tuple[str, str]]:
        options = {}
        if properties:
            options["properties"] = MqttProperties(PacketTypes.PUBLISH)
            options["properties"].UserProperty = properties["user"]
        device.client.publish("a", payload, 1, **options)
        seen, found = following.next()
        assert seen == payload
        named: list[tuple[str, str]] = found.get("UserProperty", [])
        return named

    with connected(account, other, "other", level=5) as watcher:
        following = Properties(watcher)
        watcher.subscribe("a")
        for level in (4, 5):
            with connected(account, lamp, "lamp", level=level) as device:
                assert publish(device, b"1") == [("site", "Kiel"), ("who", "lamp")]
        with connected(account, lamp, "lamp", level=5) as device:
            own = [("site", "mine")]
            assert publish(device, b"2", user=own) == [*own, ("site", "Kiel"), ("who", "lamp")]
            account.iot.update_thing(thingName="lamp", attributePayload={"attributes": {"site": "Oslo"}})
            assert publish(device, b"3") == [("site", "Oslo"), ("who", "lamp")]
            client_id = [{"userPropertyKey": "id", "connectionAttribute": "iot:ClientId"}]
            account.iot.update_thing_type(
                thingTypeName="lamp",
                thingTypeProperties={"mqtt5Configuration": {"propagatingAttributes": client_id}},
            )
            assert publish(device, b"4") == [("id", "lamp")]
            account.iot.update_thing(thingName="lamp", removeThingType=True)
            assert publish(device, b"5") == []
        operator(account).publish(topic="a", payload=b"6")
        assert following.next() == (b"6", {})
