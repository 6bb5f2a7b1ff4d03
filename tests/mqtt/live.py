"""A server on a loopback port with real TLS, a fake service behind it, and clients to drive it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import hashlib
import ipaddress
import pathlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties

from tests.mqtt.rig import SCOPE, Someone
from tidegate import clock
from tidegate.devices.observer import Connectivity, Observer
from tidegate.devices.plane import Publisher, Reply, Shown, Signer
from tidegate.devices.route import NOWHERE, Asked, MisaddressedError
from tidegate.devices.server import Server
from tidegate.mqtt import codec
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session import Message, Session
from tidegate.mqtt.settings import Settings
from tidegate.net.admission import LIMITS, Admission, Limits
from tidegate.net.entrance import Networks
from tidegate.pki.tls import SERVER_NAME

T = TypeVar("T")
NOW = 1_700_000_000_000
PATIENCE = 120.0
"""Seconds a test waits for something that must happen before it fails."""


class Certificates:
    """A CA, a server certificate and any number of devices' certificates, P-256."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._sign(self._name, self._key.public_key(), True).public_bytes(_PEM))
        self.server = self.issue("server")

    def issue(self, name: str) -> tuple[pathlib.Path, str]:
        """A file with certificate and key, and the certificate id."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), False)
        path = self.folder / f"{name}.pem"
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(certificate.public_bytes(_PEM) + secret)
        return path, hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, ca: bool) -> x509.Certificate:
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
            .not_valid_after(datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server[0])
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.sni_callback = lambda tls, name, _context: setattr(tls, SERVER_NAME, name)
        return context

    def client_context(self, path: pathlib.Path | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        if path is not None:
            context.load_cert_chain(path)
        return context


_PEM = serialization.Encoding.PEM


class FakePlane:
    """A service without a store: it knows certificates by id and answers every request with what it was asked.

    ``held``: requests whose payload is ``hold`` wait until ``let_go``.
    """

    def __init__(self) -> None:
        self.known: dict[str, Someone] = {}
        self.asked: list[tuple[str, str | None, str]] = []
        self.requests: list[tuple[str, Asked, bytes]] = []
        self.seen: queue.Queue[Asked] = queue.Queue()
        self.held: list[tuple[Claim, asyncio.Future[Reply]]] = []
        self.gate: asyncio.Event | None = None
        """Nobody is identified before it is set, if it is there."""

    async def identify(
        self, certificate_der: bytes | None, client_id: str, server_name: str | None, peer: str
    ) -> Identity | None:
        self.asked.append((client_id, server_name, peer))
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        return None if certificate_der is None else self.known.get(hashlib.sha256(certificate_der).hexdigest())

    async def identify_signer(self, signer: Signer, client_id: str, peer: str) -> Identity | None:
        return Someone(scope=signer.scope, principal=signer.principal)

    async def authenticate(self, shown: Shown, client_id: str, known: Identity | None) -> Identity | None:
        right = ("user?x-amz-customauthorizer-name=a", b"right")
        return Someone() if (shown.username, shown.password) == right else None

    async def turn(self, identity: Identity) -> None:
        """There is always room."""

    def request(
        self, identity: Identity, claim: Claim, message: Message, origin: Session | None, publisher: Publisher
    ) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        assert isinstance(claim, Asked)
        if claim.route is NOWHERE:
            future.set_result(self.failed(claim, message.payload, MisaddressedError()))
            return future
        payload = message.payload
        self.requests.append((identity.principal, claim, payload))
        self.seen.put(claim)
        if payload == b"hold":
            self.held.append((claim, future))
        elif payload == b"fail":
            future.set_exception(ValueError("the store is broken"))
        else:
            future.set_result(_reply(claim, payload))
        return future

    def failed(self, claim: Claim, payload: bytes, error: BaseException) -> Reply:
        assert isinstance(claim, Asked)
        assert claim.family.refuse is not None
        return claim.family.refuse(claim, NOW, payload, None, error)

    def let_go(self) -> None:
        for claim, future in self.held:
            future.set_result(_reply(claim, b"held"))
        self.held.clear()


def _reply(claim: Claim, payload: bytes) -> Reply:
    if claim.seen:
        return ()
    return ((f"{claim.topic}/{'rejected' if payload == b'reject' else 'accepted'}", payload),)


class Beat:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Live:
    """A server in a thread of its own."""

    def __init__(self, certificates: Certificates, settings: Settings | None = None, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.balancers: Networks = ()
        self.certificates = certificates
        self.plane = FakePlane()
        self.beat = Beat()
        self.clock = clock.MovableClock(NOW)
        self.settings = settings or Settings(close_timeout=1)
        self.port = 0
        self.unidentified: list[tuple[bytes, str | None, str]] = []
        self.interest: list[tuple[str | None, bool]] = []
        self.connectivity: list[Connectivity] = []
        self._devices: dict[str, tuple[pathlib.Path, str]] = {}
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        self.server = self.run(self._listen())

    async def _listen(self) -> Server:
        server = Server(
            self.plane,
            clock=self.clock,
            ids=clock.SequentialIds(),
            settings=self.settings,
            beat=self.beat,
            admission=Admission(self.limits),
            observer=Observer(
                interest=lambda _scope, name, wanted: self.interest.append((name, wanted)),
                unidentified=lambda *who: self.unidentified.append(who),
                came_or_went=self.connectivity.append,
            ),
        )
        context = self.certificates.server_context()
        _host, self.port = await server.listen("127.0.0.1", 0, context, balancers=self.balancers)
        return server

    def stop(self) -> None:
        self.run(self.server.drain(2))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def start_draining(self) -> concurrent.futures.Future[None]:
        return asyncio.run_coroutine_threadsafe(self.server.drain(PATIENCE), self._loop)

    def run(self, work: Any) -> Any:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def call(self, work: Callable[[], T]) -> T:
        """Call a function on the server's loop."""

        async def there() -> T:
            return work()

        found: T = self.run(there())
        return found

    def until(self, condition: Callable[[], bool]) -> None:
        """Turn the server's loop until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not self.call(condition):
            assert time.monotonic() < deadline, "it never happened"

    def passes(self, seconds: float) -> None:
        """Let time pass in steps the sweep takes for punctual."""
        for _ in range(round(seconds)):
            self.beat.at += 1
            self.call(self.server.sweep)

    def device(self, name: str, identity: Someone | None = None) -> ssl.SSLContext:
        """A registered device; returns its TLS context."""
        if name not in self._devices:
            self._devices[name] = self.certificates.issue(name)
        path, principal = self._devices[name]
        found = identity or Someone()
        found.principal = principal
        self.plane.known[principal] = found
        return self.certificates.client_context(path)

    def principal(self, name: str) -> str:
        return self._devices[name][1]

    def publish(self, topic: str, payload: bytes, *, newest_only: bool = False) -> None:
        self.call(lambda: self.server.publish(topic, payload, 1, scope=SCOPE, newest_only=newest_only))

    @contextlib.contextmanager
    def raw(self, context: ssl.SSLContext) -> Iterator[RawClient]:
        """A TLS connection that speaks packets."""
        with (
            socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            yield RawClient(tls)

    @contextlib.contextmanager
    def paho(self, client_id: str, context: ssl.SSLContext, **options: Any) -> Iterator[PahoClient]:
        """A connected paho client."""
        client = PahoClient(self.port, client_id, context, **options)
        try:
            yield client
        finally:
            client.stop()


class RawClient:
    """Packets over a TLS socket."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self.tls = tls
        self._reader = codec.Reader(1 << 20)

    def connect(self, client_id: str = "raw", level: int = 4, **fields: Any) -> codec.Packet | None:
        self._reader.level = level
        self.send(codec.Connect(level, client_id, **fields))
        return self.read()

    def send(self, *packets: codec.Packet) -> None:
        self.tls.sendall(b"".join(codec.encode(packet, self._reader.level) for packet in packets))

    def read(self) -> codec.Packet | None:
        """The next packet; None when the server has closed the connection."""
        while (packet := self._reader.next_packet()) is None:
            try:
                data = self.tls.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                return None
            if not data:
                return None
            self._reader.feed(data)
        return packet


class PahoClient:
    """paho-mqtt with its callbacks turned into queues."""

    def __init__(
        self,
        port: int,
        client_id: str,
        context: ssl.SSLContext,
        *,
        level: int = 4,
        clean: bool = True,
        expiry: int = 0,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.connected: queue.Queue[tuple[bool, int]] = queue.Queue()
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.ended: queue.Queue[int] = queue.Queue()
        self.granted: queue.Queue[list[int]] = queue.Queue()
        self.acknowledged: queue.Queue[int] = queue.Queue()
        v5 = level == 5
        options: dict[str, Any] = {} if v5 else {"clean_session": clean}
        protocol = paho.MQTTv5 if v5 else paho.MQTTv311
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=protocol, reconnect_on_failure=False, **options
        )
        self.client.tls_set_context(context)
        if will is not None:
            self.client.will_set(will[0], will[1], 1)
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_disconnect = lambda _client, _data, _flags, code, _properties: self.ended.put(code.value)
        self.client.on_subscribe = lambda _client, _data, _id, codes, _properties: self.granted.put(
            [code.value for code in codes]
        )
        self.client.on_publish = lambda _client, _data, _id, code, _properties: self.acknowledged.put(code.value)
        properties = None
        if v5 and expiry:
            properties = PahoProperties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry
        start = {"clean_start": clean, "properties": properties} if v5 else {}
        self.client.connect("localhost", port, 1200, **start)
        self.client.loop_start()
        self.present, self.code = self.connected.get(timeout=PATIENCE)

    def _on_connect(self, _client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        self.connected.put((flags.session_present, code.value))

    def subscribe(self, *filters: str) -> list[int]:
        self.client.subscribe([(name, paho.SubscribeOptions(1) if self._v5 else 1) for name in filters])
        return self.granted.get(timeout=PATIENCE)

    @property
    def _v5(self) -> bool:
        return self.client.protocol == paho.MQTTv5

    def publish(self, topic: str, payload: bytes = b"", qos: int = 1, *, retain: bool = False) -> int:
        """Publish and, at QoS 1, return the PUBACK's code."""
        self.client.publish(topic, payload, qos, retain)
        return self.acknowledged.get(timeout=PATIENCE)

    def message(self) -> tuple[str, bytes]:
        found = self.messages.get(timeout=PATIENCE)
        return found.topic, found.payload

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
