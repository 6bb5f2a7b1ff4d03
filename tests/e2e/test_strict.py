"""Every leniency both ways (docs/strict-aws.md): taken, refused with --strict-aws, taken again with --take."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.fleet import Account, Maker
from tests.e2e.mqtt import Device, Inbox, RefusedError
from tests.servers import options, started
from tidegate.core.leniency import PLACES, STRICT, Leniency, chosen
from tidegate.mqtt import codec

_numbers = itertools.count(1)
_AT_ONCE = 20
"""Of AWS's hundred a second's publishes would be used up."""


@pytest.fixture(scope="module", params=["as a rule", "strict", "strict, taking all"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Account, bool]]:
    """An account, and whether leniencies hold there."""
    folder = tmp_path_factory.mktemp("strict")
    take = Leniency._fields if request.param.endswith("all") else ()
    wanted = options(folder, strict_aws=request.param != "as a rule", take=take)
    wanted = wanted._replace(mqtt_settings={"max_unacknowledged": _AT_ONCE})
    with started(wanted) as server:
        yield Account(server, Maker(), folder), request.param != "strict"


def refused(call: Callable[..., Any], **members: Any) -> str | None:
    try:
        call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def role_accounts(account: Account) -> bool:
    role = "arn:aws:iam::1:role/x"
    name = f"t{next(_numbers)}"
    config = {"roleArn": role, "expiresInSec": 60}
    codes = {
        refused(
            account.iot.create_job_template,
            jobTemplateId=name,
            description="d",
            document="{}",
            presignedUrlConfig=config,
        ),
        refused(
            account.iot.update_package_configuration, versionUpdateByJobsConfig={"enabled": False, "roleArn": role}
        ),
    }
    if codes == {None}:
        return True
    assert codes == {"InvalidRequestException", "ValidationException"}
    return False


def denials_told(account: Account) -> bool:
    credentials = account.device(f"d{next(_numbers)}")
    try:
        Device(account, credentials, "somebody-else").close()
    except RefusedError as error:
        return error.args == (135,) or error.args == (5,)
    raise AssertionError


def port_without_alpn(account: Account) -> bool:
    thing = f"a{next(_numbers)}"
    context = account.tls(account.device(thing))
    outcome = Inbox()
    client = paho.Client(CallbackAPIVersion.VERSION2, thing, reconnect_on_failure=False)
    client.tls_set_context(context)
    client.on_connect = lambda _c, _d, _f, code, _p: outcome.put(code.value)
    client.on_disconnect = lambda _c, _d, _f, _code, _p: outcome.put("closed")
    client.connect("localhost", _port(account.server.addresses.shared), 60)
    client.loop_start()
    told = outcome.get()
    client.disconnect()
    client.loop_stop()
    taken = {bool(told == 0)}
    for names in ([], ["http/1.1"]):
        taken.add(_answered(account, account.tls(account.device(f"a{next(_numbers)}")), names))
    assert _answered(account, account.tls(account.device(f"a{next(_numbers)}")), ["x-amzn-http-ca"])
    assert _answered(account, account.tls(None), []), "who signs needs none"
    (every,) = taken
    return every


def _answered(account: Account, context: ssl.SSLContext, names: list[str]) -> bool:
    """Whether HTTPS on the shared port is answered at all."""
    context.set_alpn_protocols(names)
    port = _port(account.server.addresses.shared)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("GET", "/things/lamp/jobs")
        connection.getresponse()
    except (ConnectionError, http.client.BadStatusLine, ssl.SSLError):
        return False
    else:
        return True
    finally:
        connection.close()


def _port(url: str | None) -> int:
    assert url is not None
    return int(url.rpartition(":")[2])


def _handshake(account: Account, context: ssl.SSLContext, protocol: str | None) -> int:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **({"Sec-WebSocket-Protocol": protocol} if protocol else {}),
    }
    connection = http.client.HTTPSConnection("localhost", account.https_port, context=context, timeout=20)
    connection.request("GET", "/mqtt", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def websocket_certificates(account: Account) -> bool:
    status = _handshake(account, account.tls(account.device(f"w{next(_numbers)}")), "mqtt")
    assert status in (101, 403)
    return status == 101


def websocket_without_protocol(account: Account) -> bool:
    status = _handshake(account, account.tls(None), None)
    assert status in (101, 400)
    return status == 101


def unsubscribe_filters(account: Account) -> bool:
    thing = f"u{next(_numbers)}"
    device = Device(account, account.device(thing), thing)
    done = Inbox()
    device.client.on_unsubscribe = lambda *_told: done.put(True)
    device.client.on_disconnect = lambda *_told: done.put(False)
    device.client.unsubscribe([f"a/{number}" for number in range(9)])
    taken = bool(done.get())
    device.close()
    return taken


def receive_maximum(account: Account) -> bool:
    thing = f"r{next(_numbers)}"
    with (
        socket.create_connection(("localhost", account.mqtt_port), 20) as plain,
        account.tls(account.device(thing)).wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        topic = f"$aws/things/{thing}/jobs/get"
        burst = [codec.Publish(topic, b"{}", 1, number) for number in range(1, _AT_ONCE + 2)]
        tls.sendall(b"".join(codec.encode(each, codec.V5) for each in (codec.Connect(5, thing), *burst)))
        reader, codes = codec.Reader(1 << 20, codec.V5), set()
        while len(codes) < len(burst):
            packet = reader.next_packet()
            if isinstance(packet, codec.Disconnect):
                assert packet.code == codec.Reason.RECEIVE_MAXIMUM_EXCEEDED
                assert codes == set(range(1, _AT_ONCE + 1)), "what was accepted is acknowledged first"
                return False
            if isinstance(packet, codec.Puback):
                codes.add(packet.packet_id)
            elif packet is None:
                reader.feed(tls.recv(65_536))
        return True


def detail_line_breaks(account: Account) -> bool:
    thing = f"l{next(_numbers)}"
    credentials = account.device(thing)
    job = f"j{next(_numbers)}"
    account.job(job, thing)
    details = {"output": "two\nlines"}
    report = {"jobId": job, "thingName": thing, "status": "IN_PROGRESS", "statusDetails": details}
    code = refused(account.data.update_job_execution, **report)
    device = Device(account, credentials, thing)
    told = device.ask(f"{job}/update", status="IN_PROGRESS", statusDetails=details)
    device.close()
    if code is None:
        assert told.topic.endswith("accepted")
        return True
    assert (code, told.body["code"]) == ("InvalidRequestException", "InvalidRequest")
    return False


def other_suites(account: Account) -> bool:
    context = account.tls(account.device(f"s{next(_numbers)}"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+CHACHA20")
    with socket.create_connection(("localhost", account.mqtt_port), 20) as plain:
        try:
            context.wrap_socket(plain, server_hostname="localhost").close()
        except (ssl.SSLError, ConnectionResetError):
            return False
        return True


def other_names(account: Account) -> bool:
    context = account.tls(account.device(f"n{next(_numbers)}"))
    context.check_hostname = False

    def lets_in(port: int, name: str | None) -> bool:
        with socket.create_connection(("localhost", port), 20) as plain:
            try:
                context.wrap_socket(plain, server_hostname=name).close()
            except (ssl.SSLError, ConnectionResetError):
                return False
            return True

    ports = (account.mqtt_port, account.https_port, _port(account.server.addresses.shared))
    for name in (None, "localhost", "123456789012.localhost", "gateway", "a1b2-ats.iot.eu-west-1.amazonaws.com"):
        assert all(lets_in(port, name) for port in ports), name
    (every,) = {lets_in(port, "iot.example.com") for port in ports}
    return every


TESTS: dict[str, Callable[[Account], bool]] = {
    "role_accounts": role_accounts,
    "denials_told": denials_told,
    "port_without_alpn": port_without_alpn,
    "websocket_certificates": websocket_certificates,
    "websocket_without_protocol": websocket_without_protocol,
    "unsubscribe_filters": unsubscribe_filters,
    "receive_maximum": receive_maximum,
    "detail_line_breaks": detail_line_breaks,
    "other_suites": other_suites,
    "other_names": other_names,
}


@pytest.mark.parametrize("name", Leniency._fields)
def test_a_leniency(world: tuple[Account, bool], name: str) -> None:
    account, taken = world
    assert TESTS[name](account) is taken


def test_every_leniency_has_its_row_and_its_switch() -> None:
    assert tuple(PLACES) == Leniency._fields
    assert not any(STRICT)
    assert all(Leniency())
    for name in Leniency._fields:
        assert chosen(strict=True, taken=[name]) == STRICT._replace(**{name: True})
    assert chosen(strict=False, taken=()) == Leniency()


def test_a_role_is_one_of_iam_all_the_same(account: Account) -> None:
    for role in ("arn:aws:iam::x:role/long", "arn:aws:s3::1:role/longer", "arn:aws:iam::1:user/longer"):
        config = {"roleArn": role, "expiresInSec": 60}
        template = {"jobTemplateId": "t", "description": "d", "document": json.dumps({})}
        code = refused(account.iot.create_job_template, **template, presignedUrlConfig=config)
        assert code == "InvalidRequestException"
