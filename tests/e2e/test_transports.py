"""Real clients on every way in: the shared port by ALPN, WebSocket signed and unsigned, SDK v1 with its own habits."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt import auth, io, mqtt
from awsiot import iotjobs, mqtt5_client_builder, mqtt_connection_builder
from AWSIoTPythonSDK.core.jobs.thingJobManager import jobExecutionStatus as Status
from AWSIoTPythonSDK.core.jobs.thingJobManager import jobExecutionTopicReplyType as Reply
from AWSIoTPythonSDK.core.jobs.thingJobManager import jobExecutionTopicType as Topic
from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTThingJobsClient
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e import javascript
from tests.e2e.fleet import PATIENCE, REGION, Account, Maker, client
from tests.e2e.mqtt import Inbox
from tests.operators import admitted
from tests.servers import options, started

SECRET = "a-secret-of-forty-characters-0123456789"
AWS_HOST = f"a1b2c3-ats.iot.{REGION}.amazonaws.com"
_numbers = itertools.count(700)


def _port(url: str | None) -> int:
    assert url is not None
    return int(url.rpartition(":")[2])


class _Paho:
    """A paho client over any transport."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, client_id: str, **how: Any) -> None:
        self.outcome, self.messages, self.granted = Inbox(), Inbox(), Inbox()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False, **how)
        if tls is not None:
            self.client.tls_set_context(tls)
        self.client.ws_set_options("/mqtt")
        self.client.on_connect = lambda _c, _d, _f, code, _p: self.outcome.put(code.value)
        self.client.on_disconnect = lambda _c, _d, _f, code, _p: self.outcome.put(("gone", code.value))
        self.client.on_message = lambda _c, _d, message: self.messages.put((message.topic, message.payload))
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.granted.put([code.value for code in codes])
        self.client.connect("localhost", port, 60)
        self.client.loop_start()

    def echoes(self) -> None:
        """Subscribes, and gets what it publishes."""
        assert self.outcome.get() == 0
        self.client.subscribe("transport/echo", 1)
        assert self.granted.get() == [1]
        self.client.publish("transport/echo", b"x" * 100_000, 1)
        assert self.messages.get() == ("transport/echo", b"x" * 100_000)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def all_allowed(account: Account) -> Account:
    """An account whose default device policy allows everything."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    account.policy("device", document)
    return account


# -- the shared port --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alpn", [["x-amzn-mqtt-ca"], ["http/1.1", "x-amzn-mqtt-ca"], None], ids=["named", "preferred", "none"]
)
@pytest.mark.parametrize("level", [paho.MQTTv311, paho.MQTTv5])
def test_mqtt_on_the_shared_port(all_allowed: Account, alpn: list[str] | None, level: Any) -> None:
    context = all_allowed.tls(all_allowed.device("pump"))
    if alpn:
        context.set_alpn_protocols(alpn)
    device = _Paho(_port(all_allowed.server.addresses.shared), context, "pump", protocol=level)
    device.echoes()
    device.stop()


def test_the_device_sdk_on_the_shared_port(account: Account) -> None:
    """As its builder connects by default, but for the number 443."""
    credentials = account.device("pump")
    options = io.TlsContextOptions.create_client_with_mtls_from_path(str(credentials.certificate), str(credentials.key))
    options.override_default_trust_store_from_path(None, account.server.addresses.ca)
    options.alpn_list = ["x-amzn-mqtt-ca"]
    bootstrap = io.ClientBootstrap.get_or_create_static_default()
    connection = mqtt.Connection(
        client=mqtt.Client(bootstrap, io.ClientTlsContext(options)),
        host_name="localhost",
        port=_port(account.server.addresses.shared),
        client_id="pump",
        clean_session=False,
    )
    connection.connect().result(PATIENCE)
    _runs_a_job(account, connection, "pump")
    connection.disconnect().result(PATIENCE)


@pytest.mark.parametrize("alpn", ["x-amzn-mqtt-ca", "mqtt", "http/1.1", "h2"])
def test_the_mqtt_port_takes_any_alpn(all_allowed: Account, alpn: str) -> None:
    context = all_allowed.tls(all_allowed.device("pump"))
    context.set_alpn_protocols([alpn])
    device = _Paho(all_allowed.mqtt_port, context, "pump")
    device.echoes()
    device.stop()


@pytest.mark.parametrize(("level", "code"), [(paho.MQTTv311, 134), (paho.MQTTv5, 134)])
def test_a_custom_authorizer_that_does_not_exist_accepts_nobody(account: Account, level: Any, code: int) -> None:
    context = account.tls(None)
    context.set_alpn_protocols(["mqtt"])
    device = _Paho(_port(account.server.addresses.shared), context, "custom", protocol=level)
    assert device.outcome.get() == code
    device.stop()


@pytest.mark.parametrize("alpn", ["x-amzn-http-ca", "http/1.1", None])
def test_https_on_the_shared_port(account: Account, alpn: str | None) -> None:
    credentials = account.device("pump")
    account.job("install", "pump")
    context = account.tls(credentials)
    if alpn:
        context.set_alpn_protocols([alpn])
    connection = http.client.HTTPSConnection(
        "localhost", _port(account.server.addresses.shared), timeout=PATIENCE, context=context
    )
    # A certificate attached to a thing without a policy for jobs over HTTPS is known, and refused.
    connection.request("GET", "/things/pump/jobs")
    assert connection.getresponse().status == 403
    connection.close()


def test_a_client_that_says_nothing_on_the_shared_port_holds_nobody_up(account: Account) -> None:
    port = _port(account.server.addresses.shared)
    context = account.tls(account.device("pump"))
    with socket.create_connection(("localhost", port)), socket.create_connection(("localhost", port)) as plain:
        silent = account.tls(None).wrap_socket(plain, server_hostname="localhost")
        device = _Paho(port, context, "pump")
        assert device.outcome.get() == 0
        device.stop()
        silent.close()


# -- WebSocket --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [paho.MQTTv311, paho.MQTTv5])
@pytest.mark.parametrize("way", ["http", "https", "shared"])
def test_paho_over_websocket(account: Account, way: str, level: Any) -> None:
    addresses = account.server.addresses
    tls = None if way == "http" else account.tls(None)
    device = _Paho(_port(getattr(addresses, way)), tls, f"ws-{way}", protocol=level, transport="websockets")
    device.echoes()
    device.stop()


def test_a_client_certificate_names_the_websocket_client(all_allowed: Account) -> None:
    credentials = all_allowed.device("pump")
    port = all_allowed.https_port
    device = _Paho(port, all_allowed.tls(credentials), "pump", transport="websockets")
    device.echoes()
    broker = all_allowed.server.running.devices.server.broker
    session = broker.session((all_allowed.id, REGION), "pump")
    assert session is not None
    assert session.connection.identity.principal == credentials.certificate_id
    device.stop()


@pytest.fixture(params=[False, True], ids=["auth-off", "auth-on"])
def signed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, maker: Maker
) -> Iterator[tuple[Account, str, str]]:
    """A server that bears a name of AWS's, an account there, and a key of it."""
    folder = tmp_path_factory.mktemp("signed")
    with started(options(folder, auth=request.param, names=(AWS_HOST,))) as server:
        number = next(_numbers)
        account = Account(server, maker, folder)
        account.id = f"{number:012d}"
        key_id, secret = account.id, "any"
        if request.param:
            key_id, secret = f"AKIA{number:016d}", SECRET
            admitted(server, key_id, SECRET, f"arn:aws:iam::{account.id}:user/device")
        account.__dict__["iot"] = client(server, "iot", key_id, secret)
        yield account, key_id, secret


def _provider(key_id: str, secret: str, token: str | None = None) -> auth.AwsCredentialsProvider:
    return auth.AwsCredentialsProvider.new_static(key_id, secret, token)


def _runs_a_job(account: Account, connection: Any, thing: str) -> None:
    client = iotjobs.IotJobsClient(connection)
    begun = Inbox()
    future, _ = client.subscribe_to_start_next_pending_job_execution_accepted(
        iotjobs.StartNextPendingJobExecutionSubscriptionRequest(thing_name=thing), mqtt.QoS.AT_LEAST_ONCE, begun.put
    )
    future.result(PATIENCE)
    account.job("install", thing)
    client.publish_start_next_pending_job_execution(
        iotjobs.StartNextPendingJobExecutionRequest(thing_name=thing), mqtt.QoS.AT_LEAST_ONCE
    ).result(PATIENCE)
    assert begun.get().execution.job_id == "install"


def test_the_device_sdk_over_websocket(signed: tuple[Account, str, str]) -> None:
    account, *key = signed
    account.thing("browser")
    connection = mqtt_connection_builder.websockets_with_default_aws_signing(
        region=REGION,
        credentials_provider=_provider(*key),
        endpoint="localhost",
        port=account.https_port,
        ca_filepath=account.server.addresses.ca,
        client_id="browser",
    )
    connection.connect().result(PATIENCE)
    _runs_a_job(account, connection, "browser")
    connection.disconnect().result(PATIENCE)


def test_the_mqtt_5_client_of_the_device_sdk_over_websocket(signed: tuple[Account, str, str]) -> None:
    account, *key = signed
    account.thing("browser")
    up, down = Inbox(), Inbox()
    client = mqtt5_client_builder.websockets_with_default_aws_signing(
        region=REGION,
        credentials_provider=_provider(*key),
        endpoint="localhost",
        port=_port(account.server.addresses.shared),
        ca_filepath=account.server.addresses.ca,
        client_id="browser",
        on_lifecycle_connection_success=up.put,
        on_lifecycle_stopped=down.put,
    )
    client.start()
    assert up.get().negotiated_settings.client_id == "browser"
    _runs_a_job(account, client.new_connection(), "browser")
    client.stop()
    down.get()


def test_the_device_sdk_with_a_wrong_key(signed: tuple[Account, str, str]) -> None:
    account, key_id, _ = signed
    connection = mqtt_connection_builder.websockets_with_default_aws_signing(
        region=REGION,
        credentials_provider=_provider(key_id, "wrong"),
        endpoint="localhost",
        port=account.https_port,
        ca_filepath=account.server.addresses.ca,
        client_id="browser",
    )
    if account.server.addresses.auth:
        with pytest.raises(Exception, match="WEBSOCKET_UPGRADE_FAILURE"):
            connection.connect().result(PATIENCE)
    else:
        connection.connect().result(PATIENCE)
        connection.disconnect().result(PATIENCE)


def _v1_job(device: AWSIoTMQTTThingJobsClient, account: Account, thing: str) -> None:
    replies = Inbox()
    assert device.connect(600)
    device.createJobSubscription(
        lambda _c, _u, message: replies.put(json.loads(message.payload)),
        Topic.JOB_START_NEXT_TOPIC,
        Reply.JOB_ACCEPTED_REPLY_TYPE,
    )
    account.job("install", thing)
    assert device.sendJobsStartNext({"StartedBy": "v1"})
    execution = replies.get()["execution"]
    assert (execution["jobId"], execution["versionNumber"]) == ("install", 2)
    done = Inbox()
    device.createJobSubscription(
        lambda _c, _u, message: done.put(json.loads(message.payload)),
        Topic.JOB_UPDATE_TOPIC,
        Reply.JOB_ACCEPTED_REPLY_TYPE,
        "+",
    )
    assert device.sendJobsUpdate("install", Status.JOB_EXECUTION_SUCCEEDED, {"done": "yes"}, expectedVersion=2)
    assert "timestamp" in done.get()
    assert device.disconnect()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_v1_sdk_over_websocket(signed: tuple[Account, str, str]) -> None:
    """Its key has 128 bytes, it signs for iotdata, offers an extension, and insists on a host name of AWS's."""
    account, key_id, secret = signed
    account.thing("old")
    port = account.https_port
    device = AWSIoTMQTTThingJobsClient("old", "old", QoS=1, useWebsocket=True)
    device.configureEndpoint(AWS_HOST, port)
    device.configureCredentials(account.server.addresses.ca)
    device.configureIAMCredentials(key_id, secret)
    device.configureMQTTOperationTimeout(PATIENCE)
    device.configureSocketFactory(lambda: socket.create_connection(("localhost", port)))
    _v1_job(device, account, "old")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_v1_sdk_with_a_certificate(all_allowed: Account) -> None:
    credentials = all_allowed.device("old")
    device = AWSIoTMQTTThingJobsClient("old", "old", QoS=1)
    device.configureEndpoint("localhost", all_allowed.mqtt_port)
    device.configureCredentials(all_allowed.server.addresses.ca, str(credentials.key), str(credentials.certificate))
    device.configureMQTTOperationTimeout(PATIENCE)
    _v1_job(device, all_allowed, "old")


@pytest.mark.parametrize("level", [4, 5])
def test_mqtt_js_over_websocket(account: Account, level: int) -> None:
    url = f"ws://localhost:{_port(account.server.addresses.http)}/mqtt"
    assert javascript.lines_of("echo.js", "mqtt", url, str(level)) == ["node/echo hello"]
