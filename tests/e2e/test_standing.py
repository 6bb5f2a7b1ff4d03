"""What is checked when: a test for every cell of the table in SECURITY.md (``core.standing``), on both stores.

Real clients: paho over TLS and over WebSockets that were signed with SigV4, the device SDK, TLS sessions resumed.
"""

from __future__ import annotations

import asyncio
import datetime
import http.client
import itertools
import json
import math
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from awscrt import auth
from awsiot import mqtt_connection_builder
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signing
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.test_commands import COMMAND
from tests.e2e.authorizing import Service
from tests.e2e.fleet import PATIENCE, REGION, Account, Credentials, Maker, client
from tests.e2e.mqtt import Device, Inbox, RefusedError
from tests.mqtt.live import RawClient
from tests.operators import admitted, vault_of
from tests.ops.x509_samples import MakerCA, make_key
from tests.servers import Started, options, started
from tidegate.cli import access as access_commands
from tidegate.cli import keys as key_commands
from tidegate.clock import RandomIds, wall_now
from tidegate.core.standing import CHECKED, Fact, Moment
from tidegate.mqtt import codec
from tidegate.net.hooks import Hook
from tidegate.ops import iam
from tidegate.store import certificates, device_sessions
from tidegate.store.database import Tx
from tidegate.store.device_sessions import DeviceSession

SECRET = "a-secret-of-forty-characters-0123456789"
_names = itertools.count(1)
_accounts = itertools.count(900_000)

NOT_AUTHORIZED = 135
REFRESH_S, DISCONNECT_S = 300, 600
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: mqtt\r\n\r\n"
)
Sessions = tuple[ssl.SSLContext, dict[int, ssl.SSLSession]]

ENTER = ["iot:Connect", "iot:Subscribe"]
TALK = ["iot:Publish", "iot:Receive", "iot:RetainPublish"]


def document(*actions: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def function(account: str) -> str:
    """The function that judges an account's clients."""
    return f"arn:aws:lambda:{REGION}:{account}:function:judge"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


class World:
    """An account on one server, or on two that share a PostgreSQL, and somebody there who listens to everything."""

    judge: Service
    """What answers for its custom authorizer: yes to those whose names are in ``told``, with these policies."""
    told: dict[str, list[dict[str, Any]]]
    times: tuple[int, int]
    """Seconds after which it is asked again, and clients are disconnected."""

    def __init__(
        self, servers: list[Started], store: str, maker: Maker, folder: Path, account: str | None = None
    ) -> None:
        self.servers, self.store, self.folder = servers, store, folder
        self.here = self._account(servers[0], maker, account or f"{next(_accounts):012d}")
        self.accounts = [self.here, *(self._account(each, maker, self.here.id) for each in servers[1:])]
        self.policy("all", *ENTER, *TALK, "iotjobsdata:*")
        self.policy("enter", *ENTER)
        self.policy("talk", *TALK)
        self.listener = self.device(self.certificate("all"))
        self.listener.subscribe("w/#")

    def _account(self, server: Started, maker: Maker, number: str) -> Account:
        account = Account(server, maker, self.folder)
        account.id = number
        key_id = f"AKIA{number}0000"
        if server is self.servers[0]:
            admitted(server, key_id, SECRET, f"arn:aws:iam::{number}:user/owner")
        account.__dict__["iot"] = client(server, "iot", key_id, SECRET)
        return account

    def authorized_by(self, judge: Service) -> None:
        """Have a custom authorizer, without a signature of its tokens."""
        self.judge, self.told, judge.answer = judge, {}, self._answer
        self.here.iot.create_authorizer(
            authorizerName="judge", authorizerFunctionArn=function(self.here.id), signingDisabled=True
        )

    def _answer(self, event: dict[str, Any]) -> Any:
        told = event["protocolData"]
        name = told["mqtt"]["username"].partition("?")[0] if "mqtt" in told else told["http"]["headers"]["user"]
        return {
            "isAuthenticated": name in self.told,
            "principalId": name,
            "policyDocuments": self.told.get(name, []),
            "refreshAfterInSeconds": self.times[0],
            "disconnectAfterInSeconds": self.times[1],
        }

    def policy(self, name: str, *actions: str) -> str:
        return self.here.policy(name, document(*actions))

    def certificate(self, *policies: str, until: datetime.datetime | None = None) -> Credentials:
        """A certificate that is attached to a thing and to policies."""
        name = self.name()
        pem, key = self.here.maker.issue(name, until)
        answer = self.here.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
        credentials = self.here.keep(answer["certificateArn"], pem, key)
        for each in policies:
            self.here.iot.attach_policy(policyName=each, target=credentials.arn)
        return credentials

    def name(self) -> str:
        return f"c{next(_names)}"

    def device(self, credentials: Credentials, **how: Any) -> Device:
        return Device(self.here, credentials, self.name(), level=5, **how)

    def set_status(self, credentials: Credentials, status: str, at: int = 0) -> None:
        self.accounts[at].iot.update_certificate(certificateId=credentials.certificate_id, newStatus=status)

    def do(self, work: Callable[[Tx], Any], at: int = 0) -> Any:
        """A change in the store, by one of the servers."""
        server = self.servers[at]
        return server.on_loop(lambda: server.running.service.unit.transact(work))

    def gone(self, device: Device) -> None:
        """Wait until the server has seen the end of a client."""
        until(lambda: self._on_broker(device, lambda session: session is None))

    def _on_broker(self, device: Device, look: Callable[[Any], bool]) -> bool:
        async def there() -> bool:
            broker = self.servers[0].running.devices.server.broker
            return look(broker.session((self.here.id, REGION), device.thing))

        return self.servers[0].on_loop(there)

    def away(self, device: Device) -> None:
        """Wait until the server has seen the end of a connection, though the session lasts."""
        until(lambda: not self._on_broker(device, lambda session: session is not None and session.online))

    def nothing_was_said(self) -> None:
        """No will came to the listener, nor will come: delayed ones go out now."""
        self.servers[0].on_loop(self._let_out)
        marker = self.name().encode()
        data = self.servers[0].client(
            "iot-data",
            region_name=REGION,
            aws_access_key_id=f"AKIA{self.here.id}0000",
            aws_secret_access_key=SECRET,
        )
        data.publish(topic="w/marker", payload=marker, qos=1)
        found = self.listener.next()
        assert (found.topic, found.payload) == ("w/marker", marker)

    async def _let_out(self) -> None:
        server = self.servers[0].running.devices.server
        server.broker.wills.publish_all(server.clock.now())
        while server._orphans:
            await asyncio.wait(set(server._orphans))

    def resumed(self, credentials: Credentials) -> Sessions:
        """TLS sessions at every port, in which the certificate was shown while it counted."""
        context = self.here.tls(credentials)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # its sessions are there with the handshake
        found = {}
        for port in self.ports:
            with self.tls(context, port) as first:
                assert first.session is not None
                found[port] = first.session
        return context, found

    @property
    def ports(self) -> list[int]:
        """Those that take client certificates: MQTT, HTTPS, both."""
        shared = self.servers[0].addresses.shared
        assert shared is not None
        return [self.here.mqtt_port, self.here.https_port, int(shared.rpartition(":")[2])]

    @contextmanager
    def tls(self, context: ssl.SSLContext, port: int, session: ssl.SSLSession | None = None) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection(("localhost", port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as found,
        ):
            assert found.session_reused is (session is not None)
            yield found

    def refuses_resumption(self, sessions: Sessions) -> None:
        """In every way: MQTT, HTTPS, WebSocket."""
        context, known = sessions
        mqtt, https, shared = self.ports
        for port in (mqtt, shared):
            with self.tls(context, port, known[port]) as again:
                assert RawClient(again).connect(self.name()) in (None, codec.Connack(5))
        for port in (https, shared):
            with self.tls(context, port, known[port]) as again:
                again.sendall(b"GET /things/nothing/jobs HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert again.recv(65536).startswith(b"HTTP/1.1 403 ")
            with self.tls(context, port, known[port]) as again:
                again.sendall(UPGRADE)
                assert again.recv(65536).startswith(b"HTTP/1.1 101 ")
                connect = codec.encode(codec.Connect(4, self.name()), 4)
                again.sendall(bytes([0x82, 0x80 | len(connect), 0, 0, 0, 0]) + connect)  # masked with zeros
                answer = again.recv(65536)
                assert answer[:1] in (b"", b"\x88") or codec.encode(codec.Connack(5), 4) in answer

    def close(self) -> None:
        self.listener.close()


def _worlds(stack: ExitStack, kind: str, url: str | None, folder: Path, **more: Any) -> list[Started]:
    if url is None:
        return [stack.enter_context(started(options(folder / kind, auth=True, **more)))]
    key = folder / "shared.key"
    subprocess.run(["sh", "-c", f"umask 077; head -c 32 /dev/urandom | base64 > {key}"], check=True)
    wanted = [options(folder / name, auth=True, store=url, master_key=key, **more) for name in ("first", "second")]
    return [stack.enter_context(started(each)) for each in wanted]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, maker: Maker) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"standing-{request.param}")
    url = None if request.param == "sqlite" else request.getfixturevalue("new_postgres")("tidegate-standing")
    with ExitStack() as stack:
        judge, account = Service(), f"{next(_accounts):012d}"
        stack.callback(judge.close)
        own = {"account": account, "region": REGION, "hooks": {function(account): Hook(judge.url, b"shared")}}
        found = World(_worlds(stack, request.param, url, folder, **own), url or "sqlite", maker, folder, account)
        found.authorized_by(judge)
        stack.callback(found.close)
        yield found


class Later(Protocol):
    def __call__(self, seconds: float, *modules: str) -> None: ...


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Sets the wall clock forward by seconds, as far as certificates and credentials are concerned."""
    every = (
        "devices.endpoint",
        "devices.authentication",
        "devices.signers",
        "devices.custom",
        "mqtt.deadlines",
        "http.devices",
        "http.callers",
    )

    def shift(seconds: float, *modules: str) -> None:
        for module in modules or every:
            monkeypatch.setattr(f"tidegate.{module}.wall_now", lambda: wall_now() + math.ceil(1000 * seconds))

    return shift


# -- who it is about --------------------------------------------------------------------------------------------------


class Subject:
    """A client whose permissions a test takes away: ``talk`` (it may still connect) or everything."""

    cut = False
    """Whether it is cut whatever is taken."""

    def __init__(self, world: World) -> None:
        self.world = world

    def connect(self, **how: Any) -> Device:
        raise NotImplementedError

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        raise NotImplementedError

    def is_refused(self) -> None:
        """It cannot connect."""
        with pytest.raises((RefusedError, ConnectionError, ssl.SSLError)):
            self.connect()

    def at(self, way: Moment) -> int:
        return 1 if way is Moment.THERE else 0


class Attached(Subject):
    """Policies that are attached to a certificate."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.credentials = world.certificate("enter", "talk")

    def connect(self, **how: Any) -> Device:
        return self.world.device(self.credentials, **how)

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        iot = self.world.accounts[self.at(way)].iot
        for name in ["talk"] if what == "talk" else ["talk", "enter"]:
            iot.detach_policy(policyName=name, target=self.credentials.arn)


class Versioned(Attached):
    """A policy that gets another default version."""

    def __init__(self, world: World) -> None:
        Subject.__init__(self, world)
        self.policy = world.policy(world.name(), *ENTER, *TALK)
        self.credentials = world.certificate(self.policy)

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        left = document(*ENTER) if what == "talk" else document("iot:GetThingShadow")
        self.world.accounts[self.at(way)].iot.create_policy_version(
            policyName=self.policy, policyDocument=json.dumps(left), setAsDefault=True
        )


class Key(Subject):
    """A principal, its policies and its key."""

    def __init__(self, world: World, *, lifetime_s: int = 0) -> None:
        super().__init__(world)
        self.name = world.name()
        self.principal = principal = iam.arn(world.here.id, self.name)
        policies = {name: json.dumps(document(*actions)) for name, actions in (("enter", ENTER), ("talk", TALK))}
        vault, ids = vault_of(world.servers[0]), RandomIds()
        world.do(lambda tx: iam.create_principal(tx, principal, wall_now(), policies=policies, tags={}))

        def made(tx: Tx) -> iam.Credentials:
            if lifetime_s:
                return iam.create_session(tx, vault, ids, principal, wall_now(), lifetime_s=lifetime_s)
            return iam.create_key(tx, vault, ids, principal, wall_now())

        self.key = world.do(made)

    def connect(self, **how: Any) -> Device:
        return Device(self.world.here, None, self.world.name(), level=5, signed=self.signed(), **how)

    def is_refused(self) -> None:
        port, path = self.signed()
        found = b""
        with socket.create_connection(("localhost", port), PATIENCE) as plain:
            plain.sendall(UPGRADE.replace(b"/mqtt", path.encode(), 1).replace(b"localhost", b"localhost:%d" % port, 1))
            found = plain.recv(65536)
            if found.startswith(b"HTTP/1.1 101 "):  # the key is good; what the policies say comes after CONNECT
                connect = codec.encode(codec.Connect(4, self.name), 4)
                plain.sendall(bytes([0x82, 0x80 | len(connect), 0, 0, 0, 0]) + connect)
                answer = plain.recv(65536)
                assert codec.encode(codec.Connack(5), 4) in answer
            else:
                assert found.startswith(b"HTTP/1.1 403 ")

    def signed(self) -> tuple[int, str]:
        """Port and path of a WebSocket to the first server."""
        port = int(self.world.servers[0].addresses.http.rpartition(":")[2])
        request = AWSRequest("GET", f"http://localhost:{port}/mqtt")
        signing = Signing(self.key.key_id, self.key.secret, self.key.token)
        SigV4QueryAuth(signing, "iotdevicegateway", REGION, expires=300).add_auth(request)
        return port, "/mqtt?" + urlsplit(request.url).query

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        for name in ["talk"] if what == "talk" else ["talk", "enter"]:
            if way is Moment.BESIDE:
                access_commands.detach_policy(self.name, name, account=self.world.here.id, **self.beside)
            else:
                self.world.do(lambda tx, name=name: iam.detach_policy(tx, self.principal, name), self.at(way))

    @property
    def beside(self) -> dict[str, Any]:
        """Where a command finds the store."""
        return {"data": self.world.folder / "sqlite", "store": self.world.store}


class RevokedKey(Key):
    cut = True

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        if way is Moment.BESIDE:
            key_commands.revoke(self.key.key_id, **self.beside)
        else:
            self.world.do(lambda tx: iam.revoke_key(tx, self.key.key_id), self.at(way))


class DeletedPrincipal(Key):
    cut = True

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        if way is Moment.BESIDE:
            access_commands.delete_principal(self.name, account=self.world.here.id, **self.beside)
        else:
            self.world.do(lambda tx: iam.delete_principal(tx, self.principal), self.at(way))


class OfDevice(Key):
    """The same principal, as the role of a device whose certificate is revoked, or that devices may be no more."""

    cut = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.certificate = world.certificate()
        number, vault = self.certificate.certificate_id, vault_of(world.servers[0])

        def made(tx: Tx) -> iam.Credentials:
            iam.allow_devices(tx, self.principal, 900)
            found = iam.new_session(RandomIds())
            session = DeviceSession(
                key_id=found.key_id,
                secret=vault.seal(found.key_id, found.secret),
                token_digest=iam.token_digest(str(found.token)),
                principal=self.principal,
                scope=certificates.owners(tx, number)[0].scope,
                certificate_id=number,
                thing_name=None,
                thing_type=None,
                expires_at=wall_now() + 900_000,
            )
            device_sessions.insert(tx, session, wall_now())
            return found

        self.key = world.do(made)

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        if way is Moment.BESIDE:
            access_commands.deny_devices(self.name, account=self.world.here.id, **self.beside)
        else:
            self.world.set_status(self.certificate, "REVOKED", self.at(way))


class Revoked(Attached):
    """A certificate that is REVOKED."""

    cut = True

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        self.world.set_status(self.credentials, "REVOKED", self.at(way))


class Judged(Subject):
    """A client that a custom authorizer lets in: its yes, and the policies that it tells."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.name = world.name()
        world.told[self.name], world.times = [document(*ENTER), document(*TALK)], (REFRESH_S, DISCONNECT_S)
        if world.here.iot.describe_authorizer(authorizerName="judge")["authorizerDescription"]["status"] != "ACTIVE":
            world.here.iot.update_authorizer(authorizerName="judge", status="ACTIVE")

    def connect(self, **how: Any) -> Device:
        shown = (self.world.ports[2], f"{self.name}?x-amz-customauthorizer-name=judge")
        return Device(self.world.here, None, self.world.name(), level=5, authorized=shown, **how)

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        self.world.told[self.name] = [document(*ENTER) if what == "talk" else document("iot:GetThingShadow")]
        self.asked_anew(way)

    def asked_anew(self, way: Moment = Moment.HERE) -> None:
        iot = self.world.accounts[self.at(way)].iot
        iot.update_authorizer(authorizerName="judge", status="ACTIVE")


class Disowned(Judged):
    """The authorizer says no by now; nobody tells the server."""

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        del self.world.told[self.name]


class SwitchedOff(Judged):
    """The authorizer is INACTIVE."""

    cut = True

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        iot = self.world.accounts[self.at(way)].iot
        iot.update_authorizer(authorizerName="judge", status="INACTIVE")


class TimedVerdict(Judged):
    """A policy of an authorizer's that begins to deny."""

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        begins, denial = ending_soon(what)
        self.world.told[self.name].append(denial)
        self.asked_anew()
        begins()


class Timed(Attached):
    """A policy that begins to deny while nothing is changed."""

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        begins, denial = ending_soon(what)
        self.world.here.iot.attach_policy(
            policyName=self.world.here.policy(self.world.name(), denial), target=self.credentials.arn
        )
        begins()


class TimedKey(Key):
    """The same of a principal."""

    def take(self, what: str, way: Moment = Moment.HERE) -> None:
        begins, denial = ending_soon(what)
        denies = json.dumps(denial)
        self.world.do(lambda tx: iam.attach_policy(tx, self.principal, "time", denies, wall_now()))
        begins()


def ending_soon(what: str) -> tuple[Callable[[], None], dict[str, Any]]:
    """A denial from an instant on, and what waits for it unless the test is to see it come."""
    at = int(time.time()) + 2
    instant = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"DateGreaterThanEquals": {"aws:CurrentTime": instant}}
    statement = {"Effect": "Deny", "Action": TALK if what == "talk" else "*", "Resource": "*", "Condition": condition}
    wait = (lambda: None) if what == "talk" else (lambda: until(lambda: time.time() >= at))
    return wait, {"Version": "2012-10-17", "Statement": [statement]}


# -- what is tried ----------------------------------------------------------------------------------------------------

Try = Callable[[World, Later], None]
WILL = ("w/will", b"gone", 1, True)


def connects(make: Callable[[World], Subject]) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        subject.connect().close()
        subject.take("everything")
        subject.is_refused()

    return attempt


def resumes(make: Callable[[World], Attached]) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        sessions = world.resumed(subject.credentials)
        subject.take("everything")
        world.refuses_resumption(sessions)

    return attempt


def silenced(subject: Subject, device: Device) -> None:
    """Takes away what a client may say, and waits until that counts."""
    subject.take("talk")
    until(lambda: device.publish("s/in") == NOT_AUTHORIZED)


def speaks(make: Callable[[World], Subject]) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        device = subject.connect()
        assert device.publish("w/in", b"heard") in (0, 16)
        assert world.listener.next().payload == b"heard"
        silenced(subject, device)
        assert device.publish("w/in", b"unheard") == NOT_AUTHORIZED
        device.close()
        world.nothing_was_said()

    return attempt


def hears(make: Callable[[World], Subject]) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        device = subject.connect()
        topic = f"h/{world.name()}"
        device.subscribe(topic)
        world.listener.publish(topic, b"one")
        assert device.next().payload == b"one"
        silenced(subject, device)
        assert world.listener.publish(topic, b"two") in (0, 16)
        assert device.publish("s/in") == NOT_AUTHORIZED, "what was sent before the acknowledgement is there by now"
        assert device.messages.empty()
        device.close()

    return attempt


def leaves_a_will(make: Callable[[World], Subject]) -> Try:
    """At once, and with a delay during which the permission goes."""

    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        subject.connect(will=WILL).vanish()
        assert world.listener.next()[:2] == WILL[:2], "else nothing is tested here"
        waiting, device = subject.connect(will=WILL, will_delay=3600, clean=False), subject.connect(will=WILL)
        waiting.vanish()
        world.away(waiting)
        if subject.cut:
            subject.take("everything")
            device.ended.get(timeout=PATIENCE)
        else:
            silenced(subject, device)
            device.vanish()
        world.gone(device)
        world.nothing_was_said()

    return attempt


def is_cut(make: Callable[[World], Subject], way: Moment) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        device = subject.connect()
        subject.take("everything", way)
        device.ended.get(timeout=PATIENCE)
        subject.is_refused()

    return attempt


def is_judged_anew(make: Callable[[World], Subject], way: Moment) -> Try:
    """And stays, whatever is taken."""

    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        device = subject.connect()
        subject.take("everything", way)
        until(lambda: device.publish("s/in") == NOT_AUTHORIZED)
        device.close()
        subject.is_refused()

    return attempt


def asks_over_https(credentials: Credentials, world: World, change: Callable[[], None]) -> None:
    answers_over_https(world.here.tls(credentials), change, world.here.https_port)


def answers_over_https(context: ssl.SSLContext, change: Callable[[], None], port: int, headers: Any = ()) -> None:
    """On one connection that is kept alive."""
    connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
    found = []
    for act in (lambda: None, change):
        act()
        connection.request("GET", "/things/nothing/jobs", headers=dict(headers))
        with connection.getresponse() as response:
            response.read()
            found.append(response.status)
    connection.close()
    assert found == [200, 403]


def revoked_over_https(world: World, _later: Later) -> None:
    credentials = world.certificate("all")
    asks_over_https(credentials, world, lambda: world.set_status(credentials, "REVOKED"))


def timed_over_https(world: World, _later: Later) -> None:
    subject = Timed(world)
    world.here.iot.attach_policy(policyName="all", target=subject.credentials.arn)
    asks_over_https(subject.credentials, world, lambda: subject.take("everything"))


def all_of(*attempts: Try) -> Try:
    def attempt(world: World, later: Later) -> None:
        for one in attempts:
            one(world, later)

    return attempt


# -- validity ---------------------------------------------------------------------------------------------------------


def ending(world: World, seconds: float = 120) -> tuple[Credentials, float]:
    """A certificate, and the instant (epoch s) at which it ends."""
    end = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=seconds)
    return world.certificate("all", until=end), end.timestamp()


def shortly_before(end: float, later: Later, connect: Callable[[], Device]) -> Device:
    """A client that comes in before an instant (epoch s), as shortly as the machine lets it."""
    for left in (0.3, 1.0, 4.0, 16.0):
        later(end - left - time.time())
        try:
            return connect()
        except (RefusedError, OSError, ValueError):
            continue
    return connect()


def expired_connects(world: World, _later: Later) -> None:
    credentials, _ = ending(world, -10)
    with pytest.raises((RefusedError, ConnectionError, ssl.SSLError)):
        world.device(credentials)


def expired_resumes(world: World, later: Later) -> None:
    credentials, end = ending(world)
    sessions = world.resumed(credentials)
    later(end - time.time())
    world.refuses_resumption(sessions)


def expired_over_https(world: World, later: Later) -> None:
    credentials, end = ending(world)
    asks_over_https(credentials, world, lambda: later(end - time.time()))


def expires(world: World, later: Later) -> None:
    credentials, end = ending(world)
    begun = time.monotonic()
    device = shortly_before(end, later, lambda: world.device(credentials))
    device.ended.get(timeout=PATIENCE)
    assert time.monotonic() - begun > 0.05, "it was let in, and cut then"


def expired_will(world: World, later: Later) -> None:
    credentials, end = ending(world)
    waiting = world.device(credentials, will=WILL, will_delay=3600, clean=False)
    waiting.vanish()
    world.away(waiting)
    device = shortly_before(end, later, lambda: world.device(credentials, will=WILL))
    device.ended.get(timeout=PATIENCE)
    world.gone(device)
    world.nothing_was_said()


# -- temporary credentials --------------------------------------------------------------------------------------------

LIFETIME_S = iam.SHORTEST_SESSION_S


def temporary_connects(world: World, later: Later) -> None:
    subject = Key(world, lifetime_s=LIFETIME_S)
    subject.connect().close()
    later(LIFETIME_S)
    subject.is_refused()


def temporary_expires(world: World, later: Later) -> None:
    end = time.time() + LIFETIME_S
    subject = Key(world, lifetime_s=LIFETIME_S)
    device = shortly_before(end, later, subject.connect)
    device.ended.get(timeout=PATIENCE)
    subject.is_refused()


def temporary_will(world: World, later: Later) -> None:
    end = time.time() + LIFETIME_S
    subject = Key(world, lifetime_s=LIFETIME_S)
    waiting = subject.connect(will=WILL, will_delay=3600, clean=False)
    waiting.vanish()
    world.away(waiting)
    device = shortly_before(end, later, lambda: subject.connect(will=WILL))
    device.ended.get(timeout=PATIENCE)
    world.gone(device)
    world.nothing_was_said()


# -- custom authorizers -----------------------------------------------------------------------------------------------


def judged_over_https(make: Callable[[World], Judged]) -> Try:
    def attempt(world: World, _later: Later) -> None:
        subject = make(world)
        world.told[subject.name] = [document("iotjobsdata:*")]
        shown = {"user": subject.name, "x-amz-customauthorizer-name": "judge"}
        answers_over_https(world.here.tls(None), lambda: subject.take("everything"), world.ports[2], shown)

    return attempt


def refused_policies_over_https(world: World, _later: Later) -> None:
    subject = Judged(world)
    world.told[subject.name] = [document("iotjobsdata:*")]
    shown = {"user": subject.name, "x-amz-customauthorizer-name": "judge"}
    answers_over_https(world.here.tls(None), lambda: subject.take("talk"), world.ports[2], shown)


def soon_asked(subject: Judged, later: Later, **how: Any) -> Device:
    """A client whose authorizer is about to be asked anew."""
    later(REFRESH_S - 0.3, "devices.authentication")
    device = subject.connect(**how)
    later(REFRESH_S, "devices.custom")
    return device


def asked_anew(world: World, later: Later) -> None:
    subject = Disowned(world)
    device = soon_asked(subject, later, will=WILL)
    subject.take("everything")
    device.ended.get(timeout=PATIENCE)
    subject.is_refused()
    world.gone(device)
    world.nothing_was_said()


def told_anew(world: World, later: Later) -> None:
    subject = Judged(world)
    device = soon_asked(subject, later)
    world.told[subject.name] = [document(*ENTER)]
    until(lambda: device.publish("s/in") == NOT_AUTHORIZED)
    device.close()


def doubted_will(refresh_s: int, disconnect_s: int) -> Try:
    """It waits until the authorizer is to be asked again, who says no by then."""

    def attempt(world: World, later: Later) -> None:
        subject = Disowned(world)
        world.times = (refresh_s, disconnect_s)
        subject.connect(will=WILL).vanish()
        assert world.listener.next()[:2] == WILL[:2], "else nothing is tested here"
        waiting = subject.connect(will=WILL, will_delay=3600, clean=False)
        waiting.vanish()
        world.away(waiting)
        subject.take("everything")
        later(min(refresh_s, disconnect_s), "devices.custom")
        world.nothing_was_said()

    return attempt


def disconnected(world: World, later: Later) -> None:
    subject = Judged(world)
    later(DISCONNECT_S - 0.3, "mqtt.deadlines")
    device = subject.connect(will=WILL)
    device.ended.get(timeout=PATIENCE)
    subject.connect().close()
    world.nothing_was_said()


# -- commands ---------------------------------------------------------------------------------------------------------


def command(world: World) -> str:
    payload = {"content": b"{}", "contentType": "application/json"}
    made = world.here.iot.create_command(commandId=world.name(), namespace="AWS-IoT", payload=payload)
    return str(made["commandArn"])


def commanding(world: World) -> Any:
    return client(world.servers[0], "iot-jobs-data", f"AKIA{world.here.id}0000", SECRET)


def deprecated(world: World, _later: Later) -> None:
    """By an operator, and by a device that may."""
    arn, target, iot = command(world), world.here.arn(f"client/{world.name()}"), world.here.iot
    credentials = world.certificate(world.policy(world.name(), "iot:StartCommandExecution"))
    body = json.dumps({"commandArn": arn, "targetArn": target}).encode()

    def by_device() -> int:
        connection = http.client.HTTPSConnection(
            "localhost", world.here.https_port, timeout=PATIENCE, context=world.here.tls(credentials)
        )
        connection.request("POST", "/command-executions", body)
        with connection.getresponse() as response:
            response.read()
        connection.close()
        return response.status

    assert by_device() == 200
    commanding(world).start_command_execution(commandArn=arn, targetArn=target)
    for take in (
        lambda: iot.update_command(commandId=arn.rpartition("/")[2], deprecated=True),
        lambda: iot.delete_command(commandId=arn.rpartition("/")[2]),
    ):
        take()
        assert by_device() == 400
        with pytest.raises(iot.exceptions.ClientError, match="ValidationException"):
            commanding(world).start_command_execution(commandArn=arn, targetArn=target)


def another_reports(world: World, _later: Later) -> None:
    """By its own topic; whether it may use that of the other says its policy."""
    device, other = (world.device(world.certificate("all")) for _ in range(2))
    target = world.here.arn(f"client/{device.thing}")
    begun = commanding(world).start_command_execution(commandArn=command(world), targetArn=target)["executionId"]
    report = json.dumps({"status": "SUCCEEDED"}).encode()
    told = {}
    for each in (other, device):
        each.publish(f"$aws/commands/clients/{each.thing}/executions/{begun}/response/json", report)
        told[each] = each.next()
        each.close()
    assert told[other].body["error"] == "ResourceNotFound"
    assert told[device].topic.endswith("/response/accepted/json")


def timed_out(world: World, _later: Later) -> None:
    """Its time is over while its device is away, whose session keeps what is for it."""
    credentials, name = world.certificate("all"), world.name()
    topic = f"$aws/commands/clients/{name}/executions/+/request/+"

    def connected() -> Device:
        return Device(world.here, credentials, name, level=5, clean=False)

    device, target = connected(), world.here.arn(f"client/{name}")
    device.subscribe(topic)
    started = commanding(world).start_command_execution
    arn = command(world)
    begun = started(commandArn=arn, targetArn=target)["executionId"]
    assert begun in device.next().topic
    device.close()
    world.away(device)
    late = started(commandArn=arn, targetArn=target, executionTimeoutSeconds=1)["executionId"]

    def status() -> str:
        return str(world.here.iot.get_command_execution(executionId=late, targetArn=target)["status"])

    until(lambda: status() == "TIMED_OUT")
    device = connected()
    device.publish(f"$aws/commands/clients/{name}/executions/{begun}/response/json", b'{"status": "SUCCEEDED"}')
    assert device.next().topic.endswith("/response/accepted/json"), "nothing before it"
    device.close()


# -- the rest ---------------------------------------------------------------------------------------------------------


def registers_itself(world: World, _later: Later) -> None:
    iot, maker = world.here.iot, MakerCA(world.name())
    made = iot.register_ca_certificate(
        caCertificate=maker.pem, certificateMode="SNI_ONLY", setAsActive=True, allowAutoRegistration=True
    )

    def tries() -> int:
        key = make_key()
        pem = maker.leaf(world.name(), key)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        with pytest.raises((RefusedError, ConnectionError, ssl.SSLError)):
            world.device(world.here.keep(pem, pem, secret))
        world.servers[0].on_loop(world.servers[0].running.devices.published)
        return len(iot.list_certificates_by_ca(caCertificateId=made["certificateId"])["certificates"])

    assert tries() == 1
    iot.update_ca_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    assert tries() == 1


def will_is_refused(world: World, _later: Later) -> None:
    for kind in ("iot:Publish", "iot:RetainPublish"):
        allowed = [action for action in (*ENTER, *TALK) if action != kind]
        credentials = world.certificate(world.policy(world.name(), *allowed))
        world.device(credentials).close()
        with pytest.raises(RefusedError, match="135"):
            world.device(credentials, will=WILL)


def retained_will(world: World, _later: Later) -> None:
    """It may be published but not retained any more."""
    policy = world.policy(world.name(), *ENTER, *TALK)
    credentials = world.certificate(policy)
    device = world.device(credentials, will=WILL)
    left = document(*ENTER, "iot:Publish", "iot:Receive")
    world.here.iot.create_policy_version(policyName=policy, policyDocument=json.dumps(left), setAsDefault=True)
    until(lambda: device.publish("s/in", retain=True) == NOT_AUTHORIZED)
    device.vanish()
    world.gone(device)
    world.nothing_was_said()


def another_claims(world: World, _later: Later) -> None:
    """The token of one certificate, shown by another of the same account and policy, registers nothing."""
    iot, name = world.here.iot, world.name()
    certificate = {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}
    body = {"Resources": {"certificate": {"Type": "AWS::IoT::Certificate", "Properties": certificate}}}
    iot.create_provisioning_template(
        templateName=name,
        templateBody=json.dumps(body),
        enabled=True,
        provisioningRoleArn=f"arn:aws:iam::{world.here.id}:role/provisioning",
    )

    def answer(device: Device, topic: str, request: dict[str, Any]) -> Any:
        assert device.publish(topic, json.dumps(request).encode()) == 0
        return device.next().body

    holder, other = (world.device(world.certificate("all")) for _ in range(2))
    offer = answer(holder, "$aws/certificates/create/json", {})
    shown = {"certificateOwnershipToken": offer["certificateOwnershipToken"]}
    provision = f"$aws/provisioning-templates/{name}/provision/json"
    assert answer(other, provision, shown)["errorCode"] == "InvalidCertificateOwnershipToken"
    assert (
        iot.describe_certificate(certificateId=offer["certificateId"])["certificateDescription"]["status"] != "ACTIVE"
    )
    assert "errorCode" not in answer(holder, provision, shown)
    assert (
        iot.describe_certificate(certificateId=offer["certificateId"])["certificateDescription"]["status"] == "ACTIVE"
    )


POLICIES: dict[Fact, Callable[[World], Subject]] = {
    Fact.ATTACHMENTS: Attached,
    Fact.DEVICE_POLICY: Versioned,
    Fact.PRINCIPAL_POLICIES: Key,
    Fact.VERDICT_POLICIES: Judged,
}
CHANGING: dict[Fact, Callable[[World], Subject]] = {
    **POLICIES,
    Fact.CERTIFICATE: Revoked,
    Fact.KEY: RevokedKey,
    Fact.PRINCIPAL: DeletedPrincipal,
    Fact.BEHIND: OfDevice,
    Fact.AUTHORIZER: SwitchedOff,
}
CELLS: dict[tuple[Fact, Moment], Try] = {
    **{(fact, Moment.CONNECT): connects(make) for fact, make in CHANGING.items()},
    **{(fact, Moment.PARTING): leaves_a_will(make) for fact, make in CHANGING.items()},
    **{(fact, Moment.IN): speaks(make) for fact, make in POLICIES.items()},
    **{(fact, Moment.OUT): hears(make) for fact, make in POLICIES.items()},
    **{
        (fact, way): is_cut(make, way)
        for fact, make in CHANGING.items()
        if fact is not Fact.VERDICT_POLICIES  # they change with the authorizer
        for way in (Moment.HERE, Moment.THERE)
    },
    **{
        (fact, way): is_judged_anew(POLICIES[fact], way)
        for fact in (Fact.ATTACHMENTS, Fact.DEVICE_POLICY)
        for way in (Moment.HERE, Moment.THERE)
    },
    **{
        (fact, Moment.BESIDE): is_cut(CHANGING[fact], Moment.BESIDE)
        for fact in (Fact.KEY, Fact.PRINCIPAL, Fact.BEHIND, Fact.PRINCIPAL_POLICIES)
    },
    (Fact.CERTIFICATE, Moment.RESUMPTION): resumes(Revoked),
    (Fact.ATTACHMENTS, Moment.RESUMPTION): resumes(Attached),
    (Fact.DEVICE_POLICY, Moment.RESUMPTION): resumes(Versioned),
    (Fact.CERTIFICATE, Moment.IN): revoked_over_https,
    (Fact.VALIDITY, Moment.CONNECT): expired_connects,
    (Fact.VALIDITY, Moment.RESUMPTION): expired_resumes,
    (Fact.VALIDITY, Moment.IN): expired_over_https,
    (Fact.VALIDITY, Moment.PARTING): expired_will,
    (Fact.VALIDITY, Moment.END): expires,
    (Fact.AUTHORITY, Moment.CONNECT): registers_itself,
    (Fact.CREDENTIALS, Moment.CONNECT): temporary_connects,
    (Fact.CREDENTIALS, Moment.PARTING): temporary_will,
    (Fact.CREDENTIALS, Moment.END): temporary_expires,
    (Fact.TIME, Moment.CONNECT): all_of(connects(Timed), connects(TimedKey)),
    (Fact.TIME, Moment.RESUMPTION): resumes(Timed),
    (Fact.TIME, Moment.IN): all_of(speaks(Timed), speaks(TimedKey), speaks(TimedVerdict), timed_over_https),
    (Fact.TIME, Moment.OUT): all_of(hears(Timed), hears(TimedKey)),
    (Fact.TIME, Moment.PARTING): all_of(leaves_a_will(Timed), leaves_a_will(TimedKey)),
    (Fact.AUTHORIZER, Moment.IN): judged_over_https(SwitchedOff),
    (Fact.VERDICT, Moment.CONNECT): connects(Disowned),
    (Fact.VERDICT, Moment.IN): judged_over_https(Disowned),
    (Fact.VERDICT, Moment.PARTING): doubted_will(REFRESH_S, DISCONNECT_S),
    (Fact.VERDICT, Moment.END): asked_anew,
    (Fact.VERDICT_POLICIES, Moment.IN): all_of(speaks(Judged), refused_policies_over_https),
    (Fact.VERDICT_POLICIES, Moment.END): told_anew,
    (Fact.VERDICT_TIME, Moment.PARTING): doubted_will(DISCONNECT_S, REFRESH_S),
    (Fact.VERDICT_TIME, Moment.END): disconnected,
    (Fact.CLAIM, Moment.IN): another_claims,
    (Fact.COMMAND, Moment.IN): deprecated,
    (Fact.EXECUTION, Moment.IN): another_reports,
    (Fact.EXECUTION, Moment.OUT): timed_out,
    (Fact.WILL, Moment.CONNECT): will_is_refused,
    (Fact.WILL, Moment.PARTING): retained_will,
}
TABLE = [(fact, moment) for fact, cells in CHECKED.items() for moment in cells]


def test_every_cell_has_a_test() -> None:
    assert set(CELLS) == set(TABLE)
    assert set(CHECKED) == set(Fact)


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: f"{cell[0].name}-{cell[1].name}".lower())
def test_a_cell(world: World, cell: tuple[Fact, Moment], later: Later) -> None:
    if cell[1] is Moment.THERE and len(world.servers) == 1:
        return  # nobody shares a SQLite store
    CELLS[cell](world, later)


# -- beyond the table -------------------------------------------------------------------------------------------------


def test_the_device_sdk_is_cut_by_a_command_beside_the_server(world: World) -> None:
    """As operators type it, in a process of its own."""
    subject = Key(world)
    lost = Inbox()
    connection = mqtt_connection_builder.websockets_with_default_aws_signing(
        region=REGION,
        credentials_provider=auth.AwsCredentialsProvider.new_static(subject.key.key_id, subject.key.secret),
        endpoint="localhost",
        port=world.here.https_port,
        ca_filepath=world.servers[0].addresses.ca,
        client_id=world.name(),
        on_connection_interrupted=lambda connection, error, **_: lost.put(error),
    )
    connection.connect().result(PATIENCE)
    where = [f"--{name}={value}" for name, value in subject.beside.items()]
    subprocess.run([*COMMAND, "keys", "revoke", subject.key.key_id, *where], check=True, timeout=300)
    lost.get()
    subject.is_refused()
    connection.disconnect().result(PATIENCE)


def test_a_certificate_ends_by_the_clock_of_the_machine(world: World) -> None:
    for seconds in (3, 12, 48):
        credentials, end = ending(world, seconds)
        with suppress(RefusedError, OSError):  # the machine took longer than that
            device = world.device(credentials)
            break
    device.ended.get(timeout=PATIENCE)
    assert time.time() >= end - 0.01, "not before"
    with pytest.raises((RefusedError, ConnectionError, ssl.SSLError)):
        world.device(credentials)


def test_a_revocation_does_not_lead_into_another_account(world: World, maker: Maker) -> None:
    """Neither over MQTT nor over HTTPS, unless the device names that account."""
    other = World(world.servers[:1], world.store, maker, world.folder)
    credentials = world.certificate("all")
    pem = credentials.certificate.read_text()
    twin = other.here.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    other.here.iot.attach_policy(policyName="all", target=twin["certificateArn"])
    device = world.device(credentials)
    world.set_status(credentials, "REVOKED")
    device.ended.get(timeout=PATIENCE)
    with pytest.raises(RefusedError):
        world.device(credentials)
    connection = http.client.HTTPSConnection(
        "localhost", world.here.https_port, timeout=PATIENCE, context=world.here.tls(credentials)
    )
    found = []
    for host in ("localhost", f"{other.here.id}.localhost"):
        connection.request("GET", "/things/nothing/jobs", headers={"Host": host})
        with connection.getresponse() as response:
            response.read()
            found.append(response.status)
    connection.close()
    other.close()
    assert found == [403, 200]


def test_a_shared_subscription_passes_over_whom_a_policy_bars(world: World) -> None:
    bar = world.name()
    statement = {"Effect": "Deny", "Action": "iot:Receive", "Resource": "arn:aws:iot:*:*:topic/tasks/*"}
    world.here.policy(bar, {"Version": "2012-10-17", "Statement": [statement]})
    barred, member = world.device(world.certificate("all", bar)), world.device(world.certificate("all"))
    for each in (barred, member):
        each.subscribe("$share/workers/tasks/+")
    for number in range(4):
        world.listener.publish("tasks/1", b"%d" % number)
    assert [member.next().payload for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    assert barred.publish("s/in") in (0, 16)
    assert barred.messages.empty()
    for each in (barred, member):
        each.close()
