"""Shadows through unmodified clients: the device SDKs' shadow clients, boto3, paho (device reference 9)."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

import awsiot
import pytest
from awscrt import mqtt, mqtt_request_response
from awsiot import iotshadow
from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTShadowClient
from botocore.exceptions import ClientError

from tests.e2e.fleet import PATIENCE, Account, Credentials, client
from tests.e2e.mqtt import Device, Inbox, connected
from tests.e2e.sdk import adapted, mqtt_3, mqtt_5

QOS = mqtt.QoS.AT_LEAST_ONCE
_HEAD = "arn:aws:iot:eu-west-1:*:"
_THING = "${iot:Connection.Thing.ThingName}"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{_HEAD}client/*"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [
                f"{_HEAD}topic/$aws/things/{_THING}/shadow/*",
                f"{_HEAD}topic/$aws/things/{_THING}/jobs/*",
            ],
        },
        {  # by itself: where a variable has no value, its whole statement counts for nothing
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": f"{_HEAD}topic/$aws/things/tenant/shadow/*",
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{_HEAD}topicfilter/$aws/things/*"},
        {
            "Effect": "Allow",
            "Action": ["iot:GetThingShadow", "iot:UpdateThingShadow", "iot:DeleteThingShadow"],
            "Resource": [f"{_HEAD}thing/lamp", f"{_HEAD}thing/lamp/config"],
        },
        {"Effect": "Allow", "Action": "iot:ListNamedShadowsForThing", "Resource": f"{_HEAD}thing/lamp"},
    ],
}


def device(account: Account, name: str = "lamp") -> Credentials:
    account.thing(name)
    if not account.iot.list_policies()["policies"]:
        account.policy("shadows", POLICY)
    credentials = account.register(name)
    account.grant(credentials, name, "shadows")
    return credentials


def operator(account: Account) -> Any:
    """boto3's client of the device data plane."""
    return client(account.server, "iot-data", account.id)


def read(response: Any) -> Any:
    return json.loads(response["payload"].read())


def ask(device: Device, request: str, body: Any = None) -> None:
    payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    assert device.publish(f"$aws/things/{device.thing}/shadow/{request}", payload) == 0


REQUESTS = ("shadow/get", "shadow/update", "shadow/delete", "config/update")


def heard(device: Device, *, thing: str = "lamp") -> tuple[str, Any]:
    """What the service sends the device next: the topic below the shadow's, and the body. Requests are passed over."""
    message = device.next()
    while message.topic.endswith(REQUESTS):
        message = device.next()
    assert message.qos == 1
    assert not message.retain
    return message.topic.removeprefix(f"$aws/things/{thing}/shadow/"), message.body


# --- MQTT by hand ---


def test_requests_and_replies(either_account: Account) -> None:
    account = either_account
    with connected(account, device(account), "lamp") as lamp:
        assert lamp.subscribe("$aws/things/lamp/shadow/#") == [1]
        ask(lamp, "get", {"clientToken": "c0"})
        assert heard(lamp) == (
            "get/rejected",
            {"code": 404, "message": "No shadow exists with name: 'lamp'", "clientToken": "c0"},
        )
        ask(lamp, "update", {"state": {"desired": {"on": True}, "reported": {"on": False}}, "clientToken": "c1"})
        topic, delta = heard(lamp)
        assert (topic, delta["state"], delta["clientToken"]) == ("update/delta", {"on": True}, "c1")
        topic, accepted = heard(lamp)
        assert (topic, accepted["version"], accepted["clientToken"]) == ("update/accepted", 1, "c1")
        assert heard(lamp)[0] == "update/documents"
        ask(lamp, "get")
        topic, found = heard(lamp)
        assert (topic, found["state"]["delta"], "clientToken" in found) == ("get/accepted", {"on": True}, False)
        ask(lamp, "update", {"state": {"reported": {"on": True}}, "version": 7, "clientToken": "c2"})
        topic, refused = heard(lamp)
        assert (topic, refused) == (
            "update/rejected",
            {"code": 409, "message": "Version conflict", "clientToken": "c2"},
        )
        for body, message in (
            (b"no json", "Invalid JSON"),
            (b"", "Invalid JSON"),
            ({"clientToken": "c"}, "Missing required node: state"),
        ):
            ask(lamp, "update", body)
            topic, refused = heard(lamp)
            assert (topic, refused["code"], refused["message"]) == ("update/rejected", 400, message)
            assert "timestamp" not in refused
        # Seen on AWS: the text behind the first document is passed over, a version that stands there, too.
        ask(lamp, "update", b'{"state":{"desired":{"on":null,"dim":3}}},"version":7}')
        topic, delta = heard(lamp)
        assert (topic, delta["state"], delta["version"]) == ("update/delta", {"dim": 3}, 2)
        assert [heard(lamp)[0] for _ in range(2)] == ["update/accepted", "update/documents"]
        ask(lamp, "delete", {"clientToken": "c3"})
        topic, gone = heard(lamp)
        assert (topic, gone["version"], gone["clientToken"]) == ("delete/accepted", 2, "c3")
        ask(lamp, "name/config/update", {"state": {"reported": {"rate": 5}}})
        assert heard(lamp)[0] == "name/config/update/accepted"
        topic, told = heard(lamp)
        assert (topic, told["previous"]) == ("name/config/update/documents", None)


def test_replies_are_for_whoever_subscribed(account: Account) -> None:
    credentials = device(account)
    with connected(account, credentials, "lamp") as lamp, connected(account, credentials, "app") as app:
        assert lamp.subscribe("$aws/things/lamp/shadow/update/accepted") == [1]
        # Everything may be subscribed to, but a client that is not the lamp may not receive what is said of it.
        assert app.subscribe("$aws/things/lamp/shadow/#", "$aws/things/tenant/shadow/#") == [1, 1]
        ask(lamp, "update", {"state": {"reported": {"on": True}}})
        assert heard(lamp)[1]["version"] == 1
        lamp.publish("$aws/things/tenant/shadow/update", b'{"state":{}}')
        assert heard(app, thing="tenant")[0] == "update/accepted"
        assert heard(app, thing="tenant")[0] == "update/documents"
    with connected(account, credentials, "lamp") as silent, connected(account, credentials, "app") as app:
        assert app.subscribe("$aws/things/tenant/shadow/+/+") == [1]
        silent.publish("$aws/things/tenant/shadow/get", b"{}")
        assert heard(app, thing="tenant")[1]["version"] == 1
        assert silent.silent()


def test_requests_reach_those_who_subscribe_to_their_topics(account: Account) -> None:
    credentials = device(account)
    with connected(account, credentials, "lamp") as lamp, connected(account, credentials, "app", level=5) as app:
        for request in ("update", "get", "delete", "name/config/update"):
            assert app.subscribe(f"$aws/things/tenant/shadow/{request}") == [1]
        for request, payload in (
            ("update", b'{"state":{}}'),
            ("get", b""),
            ("delete", b""),
            ("name/config/update", b""),
        ):
            assert lamp.publish(f"$aws/things/tenant/shadow/{request}", payload) == 0
            told = app.next()
            assert (told.topic, told.payload) == (f"$aws/things/tenant/shadow/{request}", payload)
        assert lamp.subscribe("$aws/things/lamp/jobs/get") == [1]
        assert lamp.silent()  # it asks there, and its request does not come back


def test_what_operators_do_devices_hear_of(either_account: Account) -> None:
    account = either_account
    data = operator(account)
    with connected(account, device(account), "lamp") as lamp:
        assert lamp.subscribe("$aws/things/lamp/shadow/#", "$aws/things/lamp/shadow/name/config/#") == [1, 1]
        payload = json.dumps({"state": {"desired": {"on": True}}})
        answer = read(data.update_thing_shadow(thingName="lamp", payload=payload))
        assert heard(lamp)[0] == "update/delta"
        assert heard(lamp) == ("update/accepted", answer)
        assert heard(lamp)[0] == "update/documents"
        with pytest.raises(ClientError):
            data.update_thing_shadow(thingName="lamp", payload=json.dumps({"state": {}, "version": 9}))
        read(data.get_thing_shadow(thingName="lamp"))
        answer = read(data.delete_thing_shadow(thingName="lamp"))
        assert heard(lamp) == ("delete/accepted", answer)


def test_only_the_service_answers(account: Account) -> None:
    with connected(account, device(account), "lamp", level=5) as lamp:
        for suffix in ("update/accepted", "update/delta", "get/rejected", "update/documents", "name/n/update/delta"):
            assert lamp.publish(f"$aws/things/lamp/shadow/{suffix}", b"{}") == 0x87
        assert lamp.publish("$aws/things/other/shadow/update", b"{}") == 0x87


def test_a_shadow_does_not_need_a_registered_thing(account: Account) -> None:
    with connected(account, device(account), "lamp", thing="tenant") as lamp:
        ask(lamp, "update", {"state": {"reported": {"on": True}}})
    found = read(operator(account).get_thing_shadow(thingName="tenant"))
    assert found["state"] == {"reported": {"on": True}}


def test_a_will_is_no_shadow_request(account: Account) -> None:
    credentials = device(account)
    with connected(account, credentials, "watch", thing="tenant") as watch:
        assert watch.subscribe("$aws/things/tenant/shadow/#") == [1]
        will = ("$aws/things/tenant/shadow/update", b'{"state":{"reported":{"on":false}}}')
        lamp = Device(account, credentials, "lamp", will=will)
        lamp.vanish()
        while account.server.running.devices.server.connection_count > 1:
            account.settle()
        ask(watch, "get")
        assert heard(watch, thing="tenant")[1]["code"] == 404


def test_too_many_requests_at_once(account: Account) -> None:
    """The store is kept busy, so that nothing is answered meanwhile."""
    release, entered = threading.Event(), threading.Event()

    def busy(_tx: Any) -> None:
        entered.set()
        release.wait(PATIENCE)

    with connected(account, device(account), "lamp") as lamp:
        lamp.subscribe("$aws/things/lamp/shadow/update/+")
        unit = account.server.running.service.unit
        requests = [{"state": {"reported": {"n": n}}, "clientToken": str(n)} for n in range(30)]

        async def block() -> None:
            unit.transact(busy)

        account.server.on_loop(block)
        assert entered.wait(PATIENCE)
        for request in requests:
            lamp.client.publish("$aws/things/lamp/shadow/update", json.dumps(request), 1)
        release.set()
        outcomes: dict[str, int] = {}
        while len(outcomes) < len(requests):
            topic, body = heard(lamp)
            if topic != "update/documents":
                outcomes[body["clientToken"]] = body.get("code", 200)
        assert set(outcomes.values()) <= {200, 429}
        assert outcomes["0"] == 200
        ask(lamp, "update", {"state": {"reported": {"n": -1}}, "clientToken": "last"})
        while True:
            topic, body = heard(lamp)
            if body.get("clientToken") == "last" and topic == "update/accepted":
                break


def test_updates_are_carried_out_in_the_order_they_came(either_account: Account) -> None:
    account = either_account
    with connected(account, device(account), "lamp") as lamp:
        lamp.subscribe("$aws/things/lamp/shadow/update/+", "$aws/things/lamp/shadow/get/+")
        for number in range(8):
            payload = json.dumps({"state": {"reported": {"n": number}}}).encode()
            lamp.client.publish("$aws/things/lamp/shadow/update", payload, 1)
        lamp.client.publish("$aws/things/lamp/shadow/get", b"", 1)
        found = [heard(lamp) for _ in range(17)]
    assert [topic for topic, _ in found] == ["update/accepted", "update/documents"] * 8 + ["get/accepted"]
    accepted = [body for topic, body in found if topic == "update/accepted"]
    assert [(body["version"], body["state"]["reported"]["n"]) for body in accepted] == [(n + 1, n) for n in range(8)]
    assert found[-1][1]["state"] == {"reported": {"n": 7}}


# --- HTTPS ---


def test_boto3(either_account: Account) -> None:
    data = operator(either_account)
    with pytest.raises(data.exceptions.ResourceNotFoundException, match="No shadow exists with name: 'a:1'"):
        data.get_thing_shadow(thingName="a:1")
    payload = json.dumps({"state": {"desired": {"on": True}}})
    assert read(data.update_thing_shadow(thingName="a:1", payload=payload))["version"] == 1
    for name in ("config", "$package"):
        data.update_thing_shadow(thingName="a:1", shadowName=name, payload=payload)
    assert read(data.get_thing_shadow(thingName="a:1", shadowName="$package"))["state"]["desired"] == {"on": True}
    listed = data.list_named_shadows_for_thing(thingName="a:1", pageSize=1)
    assert listed["results"] == ["$package"]
    rest = data.list_named_shadows_for_thing(thingName="a:1", nextToken=listed["nextToken"])
    assert rest["results"] == ["config"]
    with pytest.raises(data.exceptions.ConflictException, match="Version conflict"):
        data.update_thing_shadow(thingName="a:1", payload=json.dumps({"state": {}, "version": 5}))
    with pytest.raises(data.exceptions.RequestEntityTooLargeException):
        data.update_thing_shadow(thingName="a:1", payload=json.dumps({"state": {"desired": {"x": "y" * 9000}}}))
    with pytest.raises(data.exceptions.UnsupportedDocumentEncodingException):
        data.update_thing_shadow(thingName="a:1", payload=b'{"state":"\xff"}')
    with pytest.raises(data.exceptions.InvalidRequestException, match="at 'shadowName' failed to satisfy constraint"):
        data.get_thing_shadow(thingName="a:1", shadowName="a b")
    assert read(data.delete_thing_shadow(thingName="a:1"))["version"] == 1
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.delete_thing_shadow(thingName="a:1")


# --- the device SDK ---


@pytest.mark.parametrize("transport", [mqtt_3, adapted], ids=["mqtt-3.1.1", "mqtt-5"])
def test_the_shadow_client_of_the_device_sdk(account: Account, transport: Any) -> None:
    with transport(account, device(account), "lamp") as connection:
        shadows = iotshadow.IotShadowClient(connection)
        accepted, rejected, deltas, documents, got = Inbox(), Inbox(), Inbox(), Inbox(), Inbox()
        where = {"thing_name": "lamp", "shadow_name": "config"}
        for subscribe, request, inbox in (
            ("update_named_shadow_accepted", iotshadow.UpdateNamedShadowSubscriptionRequest, accepted),
            ("update_named_shadow_rejected", iotshadow.UpdateNamedShadowSubscriptionRequest, rejected),
            ("named_shadow_delta_updated_events", iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest, deltas),
            ("named_shadow_updated_events", iotshadow.NamedShadowUpdatedSubscriptionRequest, documents),
            ("get_named_shadow_accepted", iotshadow.GetNamedShadowSubscriptionRequest, got),
        ):
            future, _ = getattr(shadows, f"subscribe_to_{subscribe}")(request(**where), QOS, inbox.put)
            future.result(PATIENCE)
        state = iotshadow.ShadowState(desired={"rate": 5}, reported={"rate": 1})
        shadows.publish_update_named_shadow(
            iotshadow.UpdateNamedShadowRequest(**where, state=state, client_token="c"), QOS
        ).result(PATIENCE)
        reply = accepted.get()
        assert (reply.version, reply.client_token, reply.state.desired) == (1, "c", {"rate": 5})
        assert deltas.get().state == {"rate": 5}
        event = documents.get()
        assert event.previous is None
        assert (event.current.version, event.current.state.reported) == (1, {"rate": 1})
        shadows.publish_update_named_shadow(
            iotshadow.UpdateNamedShadowRequest(**where, state=state, version=9, client_token="d"), QOS
        ).result(PATIENCE)
        refused = rejected.get()
        assert (refused.code, refused.message, refused.client_token) == (409, "Version conflict", "d")
        shadows.publish_get_named_shadow(iotshadow.GetNamedShadowRequest(**where), QOS).result(PATIENCE)
        found = got.get()
        assert (found.state.delta, found.version) == ({"rate": 5}, 1)
        assert found.metadata.desired["rate"]["timestamp"] == int(reply.timestamp.timestamp())


@pytest.mark.parametrize("transport", [mqtt_3, mqtt_5], ids=["mqtt-3.1.1", "mqtt-5"])
def test_the_request_response_client_of_the_device_sdk(account: Account, transport: Any) -> None:
    with transport(account, device(account), "lamp") as connection:
        options = mqtt_request_response.ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=int(PATIENCE),
        )
        shadows = iotshadow.IotShadowClientV2(connection, options)
        with pytest.raises(awsiot.V2ServiceException) as refused:
            shadows.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(PATIENCE)
        error = refused.value.modeled_error
        assert (error.code, error.message) == (404, "No shadow exists with name: 'lamp'")
        deltas, states = Inbox(), Inbox()
        stream = shadows.create_shadow_delta_updated_stream(
            iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name="lamp"),
            awsiot.ServiceStreamOptions(incoming_event_listener=deltas.put, subscription_status_listener=states.put),
        )
        stream.open()
        assert states.get().type == mqtt_request_response.SubscriptionStatusEventType.SUBSCRIPTION_ESTABLISHED
        state = iotshadow.ShadowState(desired={"on": True})
        done = shadows.update_shadow(iotshadow.UpdateShadowRequest(thing_name="lamp", state=state)).result(PATIENCE)
        assert (done.version, done.state.desired) == (1, {"on": True})
        assert deltas.get().state == {"on": True}
        found = shadows.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(PATIENCE)
        assert found.state.delta == {"on": True}
        cleared = iotshadow.ShadowState(desired=None, desired_is_nullable=True)
        shadows.update_shadow(iotshadow.UpdateShadowRequest(thing_name="lamp", state=cleared)).result(PATIENCE)
        found = shadows.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(PATIENCE)
        assert found.state.desired is None
        gone = shadows.delete_shadow(iotshadow.DeleteShadowRequest(thing_name="lamp")).result(PATIENCE)
        assert gone.version == 2
        del stream  # a stream ends when nobody holds it


@pytest.mark.filterwarnings("ignore")  # it is older than what Python has against it
def test_the_first_device_sdk(account: Account) -> None:
    credentials = device(account)
    shadows = AWSIoTMQTTShadowClient("lamp")
    shadows.configureEndpoint("localhost", account.mqtt_port)
    shadows.configureCredentials(account.server.addresses.ca, str(credentials.key), str(credentials.certificate))
    assert shadows.connect()
    lamp = shadows.createShadowHandlerWithName("lamp", True)
    replies, deltas = Inbox(), Inbox()
    lamp.shadowRegisterDeltaCallback(lambda payload, status, _token: deltas.put((status, json.loads(payload))))

    def keep(payload: str, status: str, _token: str) -> None:
        replies.put((status, json.loads(payload)))

    lamp.shadowGet(keep, 10)
    status, missing = replies.get()
    assert (status, missing["code"], missing["message"]) == ("rejected", 404, "No shadow exists with name: 'lamp'")
    lamp.shadowUpdate('{"state":{"reported":{"on":false}}}', keep, 10)
    status, accepted = replies.get()
    assert (status, accepted["version"]) == ("accepted", 1)
    operator(account).update_thing_shadow(thingName="lamp", payload='{"state":{"desired":{"on":true}}}')
    status, delta = deltas.get()
    assert (status, delta["state"]) == ("delta/lamp", {"on": True})
    for n in range(10):  # its own: it drops a delta that is not newer than the last accepted version
        lamp.shadowUpdate(json.dumps({"state": {"desired": {"n": n}}}), keep, 10)
        assert replies.get()[0] == "accepted"
        assert deltas.get()[1]["state"]["n"] == n
    lamp.shadowDelete(keep, 10)
    assert replies.get()[0] == "accepted"
    shadows.disconnect()


# --- a certificate over HTTPS ---


def test_a_certificate_over_https(account: Account) -> None:
    credentials = device(account)

    def fetch(method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPSConnection(
            "localhost", account.https_port, context=account.tls(credentials), timeout=PATIENCE
        )
        connection.request(method, path, body)
        response = connection.getresponse()
        found = json.loads(response.read())
        connection.close()
        return response.status, found

    update = b'{"state":{"reported":{"on":true}}}'
    assert fetch("POST", "/things/lamp/shadow", update)[0] == 200
    assert fetch("GET", "/things/lamp/shadow")[1]["state"] == {"reported": {"on": True}}
    assert fetch("POST", "/things/lamp/shadow?name=config", update)[0] == 200
    assert fetch("POST", "/things/lamp/shadow?name=secret", update) == (403, {"message": "Forbidden"})
    assert fetch("GET", "/things/other/shadow") == (403, {"message": "Forbidden"})
    status, listed = fetch("GET", "/api/things/shadow/ListNamedShadowsForThing/lamp")
    assert (status, listed["results"]) == (200, ["config"])
    assert fetch("DELETE", "/things/lamp/shadow?name=config")[0] == 200
    status, missing = fetch("GET", "/things/lamp/shadow?name=config")
    assert (status, missing["message"]) == (404, "No shadow exists with name: 'config'")
