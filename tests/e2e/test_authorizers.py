"""Clients without a certificate, judged by a custom authorizer that a real HTTP service answers for.

The device SDK's builders, paho and urllib over real TLS; the tokens are signed with a real key.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import paho.mqtt.client as paho
import pytest
from awscrt import mqtt
from awsiot import mqtt5_client_builder, mqtt_connection_builder
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.authorizing import Service
from tests.e2e.fleet import PATIENCE, REGION
from tests.operators import admitted
from tests.servers import Started, options, started
from tidegate.core.authorizers import Verdict
from tidegate.net import hooks
from tidegate.runtime.authorizers import Admitted, Authorizers
from tidegate.store import authorizers, scopes

ACCOUNT = "000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:auth"
FOREIGN = FUNCTION.replace(ACCOUNT, "999999999999")
LIST = f"{FUNCTION}-list"
SECRET = "a-secret-of-forty-characters-0123456789"
KEY = rsa.generate_private_key(65537, 2048)


def signed(token: str, key: rsa.RSAPrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), SHA256())).decode()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, service: Service
) -> Iterator[Started]:
    where = {
        FUNCTION: hooks.Hook(service.url, b"shared"),
        FOREIGN: hooks.Hook(service.url, b"shared"),
        LIST: hooks.Hook("list:/nowhere"),
    }
    wanted = options(tmp_path_factory.mktemp("authorizers"), auth=True, region=REGION, hooks=where)
    if request.param == "postgres":
        wanted = wanted._replace(store=request.getfixturevalue("new_postgres")("tidegate-authorizers"))
    with started(wanted) as running:
        admitted(running, "AKIA0000000000000000", SECRET, f"arn:aws:iam::{ACCOUNT}:user/owner")
        iot = operator(running)
        pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        iot.create_authorizer(
            authorizerName="signed",
            authorizerFunctionArn=FUNCTION,
            tokenKeyName="Token",
            tokenSigningPublicKeys={"first": pem},
            status="ACTIVE",
        )
        iot.create_authorizer(authorizerName="plain", authorizerFunctionArn=FUNCTION, signingDisabled=True)
        iot.create_thing(thingName="pump")
        yield running


@pytest.fixture(autouse=True)
def _fresh(service: Service) -> None:
    service.events.clear()
    service.answer, service.allowed = service.yes, ["iot:*", "iotjobsdata:*"]


def operator(server: Started) -> Any:
    return server.client(
        "iot", region_name=REGION, aws_access_key_id="AKIA0000000000000000", aws_secret_access_key=SECRET
    )


def port(server: Started) -> int:
    found = urlsplit(server.addresses.shared).port
    assert found is not None
    return found


def built(server: Started, **how: Any) -> dict[str, Any]:
    given = {
        "endpoint": "localhost",
        "port": port(server),
        "ca_filepath": server.addresses.ca,
        "auth_username": "anybody",
        "auth_authorizer_name": "signed",
        "auth_token_key_name": "Token",
        "auth_token_value": "right",
        "auth_authorizer_signature": signed("right"),
        "auth_password": b"pw",
    }
    return {**given, **how}


def test_the_sdk_for_mqtt_3(server: Started, service: Service) -> None:
    connection = mqtt_connection_builder.direct_with_custom_authorizer(
        **built(server), client_id="pump", clean_session=True
    )
    connection.port = port(server)  # the builder insists on 443
    connection.connect().result(PATIENCE)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    heard = lambda topic, payload, **_: inbox.put(payload)  # noqa: E731 - named as the SDK calls it
    connection.subscribe("a/b", mqtt.QoS.AT_LEAST_ONCE, heard)[0].result(PATIENCE)
    connection.publish("a/b", b"hello", mqtt.QoS.AT_LEAST_ONCE)[0].result(PATIENCE)
    assert inbox.get(timeout=PATIENCE) == b"hello"
    connection.disconnect().result(PATIENCE)
    (event,) = service.events
    assert (event["token"], event["signatureVerified"], event["protocols"]) == ("right", True, ["tls", "mqtt"])
    told = event["protocolData"]["mqtt"]
    assert (told["clientId"], base64.b64decode(told["password"])) == ("pump", b"pw")
    assert told["username"].startswith("anybody?")


def test_the_sdk_for_mqtt_5(server: Started) -> None:
    up: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = mqtt5_client_builder.direct_with_custom_authorizer(
        **built(server), client_id="pump", on_lifecycle_connection_success=lambda _: up.put("up")
    )
    client.start()
    assert up.get(timeout=PATIENCE) == "up"
    client.stop()


def test_the_sdk_over_websockets(server: Started, service: Service) -> None:
    """It shows nothing in the handshake, and all in the user name."""
    up: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = mqtt5_client_builder.websockets_with_custom_authorizer(
        **built(server), region=REGION, client_id="pump", on_lifecycle_connection_success=lambda _: up.put("up")
    )
    client.start()
    assert up.get(timeout=PATIENCE) == "up"
    client.stop()
    (event,) = service.events
    assert (event["token"], event["protocols"]) == ("right", ["tls", "http", "mqtt"])


@pytest.mark.parametrize("way", ["headers", "query"])
def test_websockets_whose_handshake_names_it(server: Started, service: Service, way: str) -> None:
    shown = {"x-amz-customauthorizer-name": "signed", "Token": "right"}
    shown["x-amz-customauthorizer-signature"] = signed("right")
    if way == "headers":
        good, bad = WebSocket(server, "/mqtt", shown), WebSocket(server, "/mqtt", {**shown, "Token": "wrong"})
    else:
        good, bad = (WebSocket(server, f"/mqtt?{urlencode(each)}", {}) for each in (shown, {**shown, "Token": "wrong"}))
    assert (good.outcome, bad.outcome) == (0, BAD_USER)
    (event,) = service.events
    assert (event["token"], event["protocols"]) == ("right", ["tls", "http", "mqtt"])
    assert ("token" in event["protocolData"]["http"]["headers"]) is (way == "headers")
    good.stop()
    bad.stop()


def test_websockets_that_show_nothing(server: Started, service: Service) -> None:
    client = WebSocket(server, "/mqtt", {})
    assert client.outcome == BAD_USER
    client.stop()
    assert service.events == []


def test_websockets_are_strangers_at_the_door_until_it_says_yes(server: Started) -> None:
    """One that says nothing holds a place as any unknown client does, and the next one waits for it, not in vain."""
    admission = server.running.admission
    limits = admission.limits
    patient = {"silence_s": PATIENCE, "contested_s": PATIENCE, "handshake_s": PATIENCE}
    admission.limits = limits._replace(max_handshakes_per_address=2, **patient)

    def at_the_door(count: int, waiting: int) -> None:
        end = time.monotonic() + PATIENCE
        while (seen := admission.seen().sockets) != {"silent": 0, "waiting": waiting, "handshaking": count}:
            assert time.monotonic() < end, seen
            time.sleep(0.01)

    shown = {"x-amz-customauthorizer-name": "plain"}
    try:
        first, second, third = (_through_tls(server) for _ in range(3))
        at_the_door(0, 0)
        _ask(first, shown)
        assert first.recv(99).startswith(b"HTTP/1.1 101")
        at_the_door(1, 0)
        good = WebSocket(server, "/mqtt", shown)
        assert good.outcome == 0
        at_the_door(1, 0)  # whom it accepted is no stranger
        _ask(second, shown)
        at_the_door(2, 0)
        _ask(third, shown)
        at_the_door(2, 1)
        first.close()
        assert third.recv(99).startswith(b"HTTP/1.1 101")
        for each in (second, third):
            each.close()
        good.stop()
        at_the_door(0, 0)
    finally:
        admission.limits = limits


def _through_tls(server: Started) -> ssl.SSLSocket:
    plain = socket.create_connection(("localhost", port(server)), PATIENCE)
    context = ssl.create_default_context(cafile=server.addresses.ca)
    context.set_alpn_protocols(["http/1.1"])
    return context.wrap_socket(plain, server_hostname="localhost")


def _ask(tls: ssl.SSLSocket, headers: dict[str, str]) -> None:
    """Ask for a WebSocket."""
    asked = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", **headers}
    asked |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAA", "Sec-WebSocket-Protocol": "mqtt"}
    tls.sendall("".join(["GET /mqtt HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in asked.items()), "\r\n"]).encode())


class WebSocket:
    """paho over a WebSocket whose handshake bears these headers."""

    def __init__(self, server: Started, path: str, headers: dict[str, str]) -> None:
        self.came: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            "pump",
            transport="websockets",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        self.paho.ws_set_options(path, headers)
        self.paho.tls_set_context(ssl.create_default_context(cafile=server.addresses.ca))
        self.paho.on_connect = lambda _c, _u, _f, reason, _p: self.came.put(reason.value)
        self.gone: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.paho.on_disconnect = lambda _c, _u, _f, reason, _p: self.gone.put(reason.value)
        self.paho.connect("localhost", port(server))
        self.paho.loop_start()
        self.outcome = self.came.get(timeout=PATIENCE)

    def stop(self) -> None:
        if self.outcome == 0:
            self.paho.disconnect()
        self.gone.get(timeout=PATIENCE)
        self.paho.loop_stop()
        if (left := self.paho.socket()) is not None:
            left.close()


class Client:
    """paho with the ALPN name ``mqtt``."""

    def __init__(self, server: Started, username: str, password: str = "pw", client_id: str = "pump") -> None:
        context = ssl.create_default_context(cafile=server.addresses.ca)
        context.set_alpn_protocols(["mqtt"])
        self.came: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.gone: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.paho = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self.paho.tls_set_context(context)
        self.paho.username_pw_set(username, password)
        self.paho.on_connect = lambda _c, _u, _f, reason, _p: self.came.put(reason.value)
        self.paho.on_disconnect = lambda _c, _u, _f, reason, _p: self.gone.put(reason.value)
        self.paho.connect("localhost", port(server))
        self.paho.loop_start()
        self.outcome = self.came.get(timeout=PATIENCE)

    def stop(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


BAD_USER = 134
PLAIN = "u?x-amz-customauthorizer-name=plain"


def test_the_policies_are_those_it_told(server: Started, service: Service) -> None:
    service.allowed = ["iot:Publish"]
    refused = Client(server, PLAIN)
    assert refused.outcome == 135, "no iot:Connect"
    refused.stop()


@pytest.mark.parametrize(
    "username",
    [
        "u",  # there is no default
        "u?x-amz-customauthorizer-name=none",
        "u?x-amz-customauthorizer-name=signed",
        "u?x-amz-customauthorizer-name=signed&Token=right",
        f"u?x-amz-customauthorizer-name=signed&Token=wrong&x-amz-customauthorizer-signature={signed('right')}",
        "u?x-amz-customauthorizer-name=signed&Token=right&x-amz-customauthorizer-signature=AAAA",
    ],
)
def test_without_a_signature_that_holds_nobody_is_asked(server: Started, service: Service, username: str) -> None:
    client = Client(server, username)
    assert client.outcome == BAD_USER
    client.stop()
    assert service.events == []


@pytest.mark.parametrize("said", [{"isAuthenticated": False}, {"isAuthenticated": True}, [], "yes"])
def test_anything_but_a_whole_yes_is_a_no(server: Started, service: Service, said: Any) -> None:
    service.answer = lambda _event: said
    client = Client(server, PLAIN)
    assert client.outcome == BAD_USER
    client.stop()
    assert len(service.events) == 1


def test_the_default_authorizer_judges_those_who_name_none(server: Started) -> None:
    iot = operator(server)
    iot.set_default_authorizer(authorizerName="plain")
    client = Client(server, "anybody")
    assert client.outcome == 0
    client.stop()
    iot.clear_default_authorizer()


def test_whom_it_let_in_is_judged_anew_when_it_changes(server: Started, service: Service) -> None:
    iot = operator(server)
    client = Client(server, PLAIN)
    assert client.outcome == 0
    asked = len(service.events)
    iot.create_policy(policyName=f"p{time.time_ns()}", policyDocument=json.dumps(DOCUMENT))
    iot.update_authorizer(authorizerName="plain", enableCachingForHttp=True)
    deadline = time.monotonic() + PATIENCE
    while len(service.events) == asked:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert client.gone.empty(), "it says yes again"
    iot.update_authorizer(authorizerName="plain", status="INACTIVE")
    client.gone.get(timeout=PATIENCE)
    client.stop()
    iot.update_authorizer(authorizerName="plain", status="ACTIVE", enableCachingForHttp=False)


DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}


def test_it_is_asked_again_and_the_connection_ends_as_it_said(
    server: Started, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time

    def passed(seconds: float) -> Callable[[], int]:
        return lambda: int(1000 * (real() + seconds))

    # The client connects at a time when 300 seconds are over but for a second.
    monkeypatch.setattr("tidegate.devices.authentication.wall_now", passed(299.5))
    client = Client(server, PLAIN)
    assert client.outcome == 0
    deadline = time.monotonic() + PATIENCE
    monkeypatch.setattr("tidegate.devices.custom.wall_now", passed(300))
    while len(service.events) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    service.answer = lambda event: {**service.yes(event), "disconnectAfterInSeconds": 300}
    client.stop()
    monkeypatch.undo()
    monkeypatch.setattr("tidegate.mqtt.deadlines.wall_now", passed(299.5))
    short = Client(server, PLAIN)
    assert short.outcome == 0
    short.gone.get(timeout=PATIENCE)
    short.stop()


def fetched(server: Started, path: str, headers: dict[str, str], body: bytes = b"", method: str = "GET") -> Any:
    context = ssl.create_default_context(cafile=server.addresses.ca)
    connection = http.client.HTTPSConnection("localhost", port(server), context=context, timeout=PATIENCE)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def test_the_devices_https_by_headers_and_by_query(server: Started, service: Service) -> None:
    shown = {
        "x-amz-customauthorizer-name": "signed",
        "x-amz-customauthorizer-signature": signed("right"),
        "Token": "right",
    }
    status, body = fetched(server, "/things/pump/jobs", shown)
    assert (status, body["queuedJobs"]) == (200, [])
    assert service.events[-1]["protocols"] == ["tls", "http"]
    assert service.events[-1]["protocolData"]["http"]["headers"]["token"] == "right"
    assert fetched(server, "/things/pump/jobs?x-amz-customauthorizer-name=plain&Token=right", {})[0] == 403
    assert fetched(server, "/things/pump/jobs", {**shown, "Token": "other"})[0] == 403
    assert fetched(server, "/things/pump/jobs", {})[0] == 403, "no signature of any kind"
    assert fetched(server, "/topics/a%2Fb?qos=1", shown, b"x" * 100_000, "POST")[0] == 200
    service.allowed = ["iot:Connect"]
    assert fetched(server, "/things/pump/jobs", shown)[0] == 403


def test_answers_for_https_are_kept_where_the_authorizer_says_so(server: Started, service: Service) -> None:
    iot = operator(server)
    shown = {"x-amz-customauthorizer-name": "plain", "Token": "right"}
    service.answer = lambda event: {**service.yes(event), "isAuthenticated": True}
    context = ssl.create_default_context(cafile=server.addresses.ca)
    connection = http.client.HTTPSConnection("localhost", port(server), context=context, timeout=PATIENCE)

    def ask(**more: str) -> int:
        connection.request("GET", "/things/pump/jobs", headers={**shown, **more})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert [ask(), ask()] == [200, 200]
    assert len(service.events) == 2, "it is not to be kept"
    iot.update_authorizer(authorizerName="plain", enableCachingForHttp=True)
    assert [ask(), ask(), ask(accept="*/*")] == [200, 200, 200]
    assert len(service.events) == 3
    ask(Token="another")
    assert len(service.events) == 4, "who asks shows something else"
    ask()
    assert len(service.events) == 5
    iot.update_authorizer(authorizerName="plain", status="INACTIVE")
    assert ask() == 403, "what is kept ends with the authorizer"
    iot.update_authorizer(authorizerName="plain", status="ACTIVE", enableCachingForHttp=False)
    connection.close()
    _, _, body = server.fetch("/metrics")
    assert b'tidegate_authorizers_total{outcome="accepted"}' in body
    assert b'tidegate_authorizers_total{outcome="unasked"}' in body


def test_conditions_on_topics_hold_for_direct_messages(server: Started, service: Service) -> None:
    """As for the holders of certificates: a denial by a condition is none if the condition's key has no value."""
    denied = {"StringEquals": {"iot:Topic": "secret"}}
    statement = {"Effect": "Deny", "Action": "iot:SendDirectMessage", "Resource": "*", "Condition": denied}
    service.answer = lambda event: {
        **service.yes(event),
        "policyDocuments": [*service.yes(event)["policyDocuments"], {"Version": "2012-10-17", "Statement": statement}],
    }
    shown = {"x-amz-customauthorizer-name": "plain", "Token": "right"}
    service.answer, right = (lambda event: {**right(event), "isAuthenticated": True}), service.answer
    asked = [fetched(server, f"/connections/gone/messages?topic={topic}", shown, b"x", "POST")[0] for topic in TOPICS]
    assert asked == [404, 403], "the first is allowed, and nobody there"


TOPICS = ("open", "secret")


def test_what_a_stranger_says_makes_no_account(server: Started, service: Service) -> None:
    host = "iot.999999999999.aa-nowhere-1.example"
    shown = {"host": host, "x-amz-customauthorizer-name": "plain", "Token": "right"}
    assert fetched(server, "/things/pump/jobs", shown)[0] == 403
    assert service.events == []
    unit = server.running.service.unit
    found = server.on_loop(lambda: unit.read(lambda tx: scopes.find(tx, "999999999999", "aa-nowhere-1")))
    assert found is None


@pytest.mark.parametrize("function", [FOREIGN, LIST, f"{FUNCTION}2"])
def test_a_function_is_a_service_of_the_same_account(server: Started, service: Service, function: str) -> None:
    """Else an account could ask another's what it says of tokens, and a list is none that can be asked."""
    iot = operator(server)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="Access denied during lambda validation"):
        iot.create_authorizer(authorizerName="other", authorizerFunctionArn=function, signingDisabled=True)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="Access denied during lambda validation"):
        iot.update_authorizer(authorizerName="plain", authorizerFunctionArn=function)
    # One that was kept by an earlier version is not asked either.
    unit = server.running.service.unit
    known = server.on_loop(lambda: unit.read(lambda tx: authorizers.find(tx, 1, "plain")))
    assert known is not None
    facts = authorizers.Facts(*[getattr(known, name) for name in authorizers.Facts._fields])

    def keep(name: str) -> None:
        changed = facts._replace(function_arn=name)
        server.on_loop(lambda: unit.transact(lambda tx: authorizers.update(tx, known.id, changed, known.updated_at)))

    keep(function)
    try:
        client = Client(server, PLAIN)
        client.stop()
        with pytest.raises(iot.exceptions.InvalidRequestException, match="nobody answers for"):
            iot.test_invoke_authorizer(authorizerName="plain", token="right")
    finally:
        keep(FUNCTION)
    assert client.outcome == BAD_USER
    assert service.events == []


def test_a_change_counts_within_the_same_millisecond(server: Started) -> None:
    service = server.running.service
    known = server.on_loop(lambda: service.unit.read(lambda tx: authorizers.find(tx, 1, "plain")))
    assert known is not None
    verdict, asking = Verdict("p", (), (), 300, 300), Authorizers(service)

    def stands(before: authorizers.Authorizer) -> bool:
        return server.on_loop(lambda: asking.stands(Admitted(verdict, 1, ACCOUNT, REGION, before)))

    assert stands(known)
    assert not stands(known._replace(function_arn="another"))


def test_domain_configurations_by_boto3(server: Started, service: Service) -> None:
    iot = operator(server)
    made = iot.create_domain_configuration(
        domainConfigurationName="d",
        domainName="iot.example.com",
        serverCertificateArns=[f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c"],
        authorizerConfig={"defaultAuthorizerName": "plain", "allowAuthorizerOverride": False},
    )
    assert iot.describe_domain_configuration(domainConfigurationName="d")["domainName"] == "iot.example.com"
    listed = iot.list_domain_configurations(serviceType="DATA")["domainConfigurations"]
    assert [each["domainConfigurationArn"] for each in listed] == [made["domainConfigurationArn"]]
    # Over HTTPS the Host header names the domain: its authorizer judges, whichever the client asks for.
    shown = {"host": "iot.example.com", "x-amz-customauthorizer-name": "signed", "Token": "right"}
    assert fetched(server, "/things/pump/jobs", shown)[0] == 403, "plain has no key of a token: the service says no"
    assert [(event.get("token"), event["signatureVerified"]) for event in service.events] == [(None, False)]
    iot.update_domain_configuration(domainConfigurationName="d", removeAuthorizerConfig=True)
    iot.update_domain_configuration(domainConfigurationName="d", domainConfigurationStatus="DISABLED")
    iot.delete_domain_configuration(domainConfigurationName="d")


def test_each_connection_is_judged_for_itself(server: Started, service: Service) -> None:
    for _ in range(2):
        client = Client(server, PLAIN)
        assert client.outcome == 0
        client.stop()
    assert len(service.events) == 2


def test_test_invoke_authorizer(server: Started, service: Service) -> None:
    iot = operator(server)
    said = iot.test_invoke_authorizer(authorizerName="signed", token="right", tokenSignature=signed("right"))
    assert (said["isAuthenticated"], said["principalId"], said["refreshAfterInSeconds"]) == (True, "pump1", 300)
    assert len(said["policyDocuments"]) == 1
    assert iot.test_invoke_authorizer(authorizerName="plain", token="wrong")["isAuthenticated"] is False
    iot.test_invoke_authorizer(
        authorizerName="plain",
        mqttContext={"username": "u", "password": b"p", "clientId": "c"},
        tlsContext={"serverName": "s"},
    )
    assert service.events[-1]["protocolData"] == {
        "tls": {"serverName": "s"},
        "mqtt": {"username": "u", "password": "cA==", "clientId": "c"},
    }
    with pytest.raises(iot.exceptions.InvalidRequestException, match="does not hold"):
        iot.test_invoke_authorizer(authorizerName="signed", token="right", tokenSignature=signed("wrong"))
    service.answer = lambda _event: {"isAuthenticated": True}
    with pytest.raises(iot.exceptions.InvalidResponseException, match="principalId"):
        iot.test_invoke_authorizer(authorizerName="plain", token="t")
