"""A whole server, assembled: store, service, engine, listeners. The command, the demo and the tests all start it here.

    async with server.running(Options(data=Path("tidegate-data"))) as running:
        print(running.addresses.http)

What is opened first is closed last: listeners drain before the engine stops, and the store closes when nobody is left
who could write to it.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import gc
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tidegate import __version__, process
from tidegate.clock import Clock, Ids, MovableClock, RandomIds, SystemClock, wall_now
from tidegate.core import leniency
from tidegate.core.leniency import Leniency
from tidegate.core.throttle import Rates
from tidegate.devices.endpoint import Endpoint
from tidegate.devices.server import Server as MqttServer
from tidegate.devices.shared import Doorman
from tidegate.engine.loop import Engine, Step
from tidegate.engine.pace import Pace
from tidegate.engine.tidying import Tidying
from tidegate.http import refusals
from tidegate.http.app import App
from tidegate.http.callers import Caller
from tidegate.http.control import Control
from tidegate.http.throttle import Throttle
from tidegate.http.visitors import Guard
from tidegate.http.websocket import Handshakes
from tidegate.mqtt.plane import Signer
from tidegate.mqtt.settings import Settings as MqttSettings
from tidegate.mqtt.settings import overridden
from tidegate.net import pages, room
from tidegate.net.door import Door
from tidegate.net.door import Limits as DoorLimits
from tidegate.net.entrance import Networks
from tidegate.net.http1.listener import Listener
from tidegate.net.http1.messages import Limits as ConnectionLimits
from tidegate.net.http1.messages import Peer
from tidegate.ops import access, sweeps
from tidegate.ops.call import Endpoints, Limits
from tidegate.ops.table import HANDLERS
from tidegate.pki import authority, certificates, vault
from tidegate.pki.authority import Authority
from tidegate.pki.chains import Chain
from tidegate.pki.tls import DEFAULT, Suites
from tidegate.pki.vault import Vault, VaultError
from tidegate.runtime import unit
from tidegate.runtime.auditor import Auditor
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.relay import Relay
from tidegate.runtime.service import Service, Settings
from tidegate.runtime.timeline import Timeline
from tidegate.runtime.trust import Own, Trust
from tidegate.runtime.unit import Unit
from tidegate.s3 import assembly
from tidegate.s3.assembly import Choice, Place
from tidegate.store.database import Database, StoreError, Tx
from tidegate.store.sqlite import PATIENCE_SECONDS, SqliteDatabase

log = logging.getLogger("tidegate")

_SERVED = ("server.pem", "server.key", "server-rsa.pem", "server-rsa.key")
_ALLOCATIONS = 20_000
"""Between two looks for cycles."""
_BODY_OF_DOCUMENT = 3
"""How often a document goes into a request that carries it: JSON in JSON, and ``\\uXXXX`` for two bytes."""
_LARGE_RELEASE = 16_000
"""Executions in one transaction while nobody waits for the store: about twenty milliseconds."""


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            found = socket.getaddrinfo(self.host, None) if self.host else []
            return bool(found) and all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)


HTTP = Address("127.0.0.1", 8080)
HTTPS = Address("127.0.0.1", 8443)
MQTTS = Address("127.0.0.1", 8883)
OBJECTS = Address("127.0.0.1", 9000)


_UNBOUND = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
LISTENERS = ("http", "https", "mqtts", "shared", "objects")
"""Their names, as certificates are given to them."""


class Options(NamedTuple):
    """What an operator may choose."""

    data: Path
    http: Address = HTTP
    https: Address = HTTPS
    mqtts: Address = MQTTS
    shared: Address | None = None
    """MQTT, WebSocket and HTTPS for devices on one port, told apart by ALPN: AWS's 443."""
    account: str = "000000000000"
    region: str = "us-east-1"
    auth: bool = False
    clock: Literal["system", "movable"] = "system"
    store: str = "sqlite"
    """``sqlite`` (a file in the data directory) or a PostgreSQL URL."""
    limits: Limits = Limits()
    """The quotas."""
    rollout_ceiling: int | None = None
    """The highest rollout rate a minute, in place of the one in ``limits``."""
    throttles: Rates | None = None
    """Requests a second by (plane, operation); None throttles nothing."""
    master_key: Path | None = None
    """The file of the key that seals the secrets of access keys; None: ``master.key`` in the data directory."""
    strict_aws: bool = False
    """Take no more than AWS takes, and hold MQTT clients to its rates."""
    take: tuple[str, ...] = ()
    """Leniencies (``core.leniency``) that stay in spite of it."""
    mqtt_settings: Mapping[str, Any] | None = None
    """Fields of ``mqtt.settings.Settings`` to set otherwise."""
    objects: tuple[str, ...] = ()
    """A directory, or ``s3://bucket[/prefix]`` once or more; nothing: ``objects`` in the data directory."""
    objects_listen: Address = OBJECTS
    """Where the embedded object storage is served (S3)."""
    objects_tls: bool = False
    objects_url: str = ""
    """What presigned URLs begin with; empty: where the object storage listens."""
    objects_apart: bool = True
    """Serve objects from a process of its own, so that downloads and jobs do not wait for each other."""
    s3_endpoint: str = ""
    """The S3 that holds ``s3://`` buckets; empty: AWS's."""
    names: tuple[str, ...] = ()
    """Further host names and addresses of this server: they go into its certificate, the first one to devices."""
    http_tls: bool = False
    """Serve operators over TLS, too."""
    certificates: Mapping[str, tuple[Chain, ...]] | None = None
    """Certificates of the operator's by listener (``LISTENERS``), "" for all that have none of their own."""
    tls_suites: Suites = "modern"
    enforce_expiry: bool = True
    """Refuse client certificates outside their validity."""
    grace_s: float = 10.0
    """How long requests under way may take when the server stops."""
    balancers: tuple[str, ...] = ()
    """Addresses or networks of balancers: what they pass on begins with a PROXY header, on every listener."""
    door: DoorLimits = DoorLimits()
    """Who is let in, in what numbers."""


class Addresses(msgspec.Struct, frozen=True):
    """Where a running server is reached; ``DIR/addresses.json`` holds the same."""

    http: str
    https: str
    mqtts: str
    shared: str | None
    ca: str
    account: str
    region: str
    auth: bool
    clock: str
    objects: str = ""
    own: tuple[str, ...] = ()
    """Listeners whose certificates are the operator's own: ``ca`` says nothing of them."""


class Running(NamedTuple):
    """A server that answers."""

    addresses: Addresses
    service: Service
    engine: Engine
    metrics: Metrics
    timeline: Timeline
    devices: Endpoint
    trust: Trust
    door: Door
    auditor: Auditor


class InUseError(Exception):
    """Another server works on the data directory."""


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Run a server on the present event loop until the block is left, then drain it.

    Raises:
        InUseError: another server works on the data directory.
        StoreError: the store cannot be opened.
        VaultError: the master key cannot be used, or access keys need another.
        InvalidCertificateError: the authority's files are damaged.
        IndexFaultError: the objects' index cannot be opened.
        EndpointFaultError: the objects cannot be served.
        OSError: an address cannot be bound.
    """
    options.data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(_alone(options.data))
        exposed = process.repair(options.data)
        if exposed:
            log.warning("other users could read %s in %s; now they cannot", ", ".join(exposed), options.data)
        service, trust, auditor = await _service(options, stack)
        metrics = Metrics()
        engine = Engine(
            service.unit,
            service.clock,
            Tidying(_step(service.settings, Pace(service.unit))),
            metrics,
            alone=lambda: service.relay is None or service.relay.alone,
        )
        engine.start()
        stack.push_async_callback(engine.stop)
        node = _node(options.data, service.ids) if service.unit.shared else 0
        room.raise_limit()
        unfinished = max(options.door.unfinished, 4 * _largest_body(options))
        settings = _mqtt(options, service.settings.leniency)
        door = Door(settings.at_the_door(options.door._replace(unfinished=unfinished)))
        metrics.door(door.seen)
        devices = Endpoint(service, settings, node=node, door=door)
        stack.push_async_callback(devices.drain, options.grace_s)
        await devices.open()
        timeline = Timeline(service.clock, engine.settle, devices.published)
        objects = await _objects(options, stack, service, metrics, trust, door)
        edges = await _edges(options, stack, service, devices, timeline, metrics, trust)
        addresses = _addresses(options, edges, objects.base)
        _publish(options.data, addresses)
        yield Running(addresses, service, engine, metrics, timeline, devices, trust, door, auditor)


def _mqtt(options: Options, taken: Leniency) -> MqttSettings:
    base = MqttSettings.strict() if options.strict_aws else MqttSettings()
    return dataclasses.replace(
        overridden(base, options.mqtt_settings or {}),
        denials_told=taken.denials_told,
        port_without_alpn=taken.port_without_alpn,
        unsubscribe_filters=taken.unsubscribe_filters,
        receive_maximum=taken.receive_maximum,
    )


def _suites(options: Options) -> Suites:
    """Those that devices and operators are offered; the object storage has those of the option."""
    other = leniency.chosen(strict=options.strict_aws, taken=options.take).other_suites
    return options.tls_suites if other or options.tls_suites == "aws" else "common"


async def _service(options: Options, stack: AsyncExitStack) -> tuple[Service, Trust, Auditor]:
    """Store, certificates and the service over them."""
    clock: Clock = MovableClock() if options.clock == "movable" else SystemClock()
    ids = RandomIds()
    # The store belongs to this thread (SQLite), and nobody is served yet.
    database = open_store(options.data, options.store, clock.now(), serving=True)
    work = unit.over(database)
    relay = _relay(database, work, ids)
    if relay is not None:
        stack.push_async_callback(relay.stop)  # after the last work: the others are to hear of that, too
    stack.push_async_callback(work.close)
    if relay is not None:
        await relay.start()
    issuer = _Issuer(options, ids)
    trust = Trust(
        work,
        issuer.own,
        watched=[options.data / name for name in (*authority.FILES, *_SERVED)],
        beside=(options.certificates or {}),
        suites=_suites(options),
    )
    await trust.start()
    stack.push_async_callback(trust.stop)
    sealed = open_vault(options.data, options.master_key, ids)
    await _adopt_keys(work, sealed, auth=options.auth)
    taken = leniency.chosen(strict=options.strict_aws, taken=options.take)
    settings = Settings(
        account=options.account,
        region=options.region,
        limits=_limits(options),
        leniency=taken,
        enforce_expiry=options.enforce_expiry,
    )
    service = Service(work, clock, ids, settings, issuer, vault=sealed, relay=relay)
    auditor = Auditor(service, sealed)
    await auditor.start(_told(options))
    stack.push_async_callback(auditor.stop)
    return service, trust, auditor


def _told(options: Options) -> dict[str, str]:
    """What the audit log says of how a server was started."""
    places = {"http": options.http, "https": options.https, "mqtts": options.mqtts, "objects": options.objects_listen}
    return {
        "version": __version__,
        "auth": "on" if options.auth else "off",
        "clock": options.clock,
        **{name: str(address) for name, address in places.items()},
        **({} if options.shared is None else {"shared": str(options.shared)}),
    }


def _relay(database: Database, work: Unit, ids: Ids) -> Relay | None:
    """The way to the other servers on a store, where there can be others."""
    if isinstance(database, SqliteDatabase):
        return None
    from tidegate.store import channel  # the driver is an extra
    from tidegate.store.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return Relay(work, database.channel(), ids.uuid(), limit=channel.LIMIT)


def _limits(options: Options) -> Limits:
    ceiling = options.rollout_ceiling
    return options.limits if ceiling is None else options.limits._replace(rollout_per_minute=ceiling)


async def _adopt_keys(work: Unit, sealed: Vault, *, auth: bool) -> None:
    """Seal what an older tidegate kept as it was. Raises ``VaultError`` if keys are there that we cannot open."""
    adopted = await work.transact(lambda tx: access.seal_secrets(tx, sealed))
    if adopted:
        log.info("the secrets of %d access keys were sealed with the master key", adopted)
    foreign = await work.read(lambda tx: access.sealed_elsewhere(tx, sealed))
    if foreign and auth:
        raise VaultError(
            f"the secrets of {len(foreign)} access keys ({foreign[0]} …) are sealed with another master key: start "
            "with the --master-key of the server that made them, or revoke them with `tidegate keys revoke`"
        )


def _node(data: Path, ids: Ids) -> int:
    """This server's number among those on a shared store: its MQTT sessions are kept under it."""
    path = data / "node"
    if not path.exists():
        path.write_text(f"{int(ids.uuid().replace('-', '')[:15], 16)}\n")
    try:
        return int(path.read_text())
    except ValueError:
        raise StoreError(
            f"{path} is damaged: it holds no number. Remove it and start again; devices then begin new sessions"
        ) from None


def _step(settings: Settings, pace: Pace) -> Step:
    large = settings.limits._replace(release_chunk=_LARGE_RELEASE)

    def step(tx: Tx, now: int) -> int | None:
        return sweeps.sweep(tx, now, large if pace.alone() else settings.limits, settings.partition)

    return step


async def _objects(
    options: Options, stack: AsyncExitStack, service: Service, metrics: Metrics, trust: Trust, door: Door
) -> Place:
    """Give the service its object storage; where that is."""
    host, port = options.objects_listen
    choice = Choice(
        options.objects,
        options.s3_endpoint,
        host,
        port,
        trust.chains("objects") if options.objects_tls else (),
        options.tls_suites,
        options.objects_url,
        options.objects_apart,
    )
    serving = assembly.serving(
        choice,
        options.data,
        service,
        metrics,
        auth=options.auth,
        names=options.names,
        grace_s=options.grace_s,
        door=door,
        balancers=options.balancers,
    )
    with _listening("--objects-listen", options.objects_listen):
        place = await stack.enter_async_context(serving)
    endpoints = service.settings.endpoints._replace(objects=place.hosts)
    service.settings = service.settings._replace(endpoints=endpoints)
    return place


class _Edges(NamedTuple):
    """Where the sockets are bound."""

    http: Address
    https: Address
    mqtts: Address
    shared: Address | None


async def _edges(
    options: Options,
    stack: AsyncExitStack,
    service: Service,
    devices: Endpoint,
    timeline: Timeline,
    metrics: Metrics,
    trust: Trust,
) -> _Edges:
    """Open the device endpoint, the device listener and, last, the listener of operators."""
    expiry = options.enforce_expiry
    called = None if service.settings.leniency.other_names else _called(options)
    certified = trust.store.listener("required", name="mqtts", enforce_expiry=expiry, called=called)
    door, balancers = devices.server.door, [ip_network(each, strict=False) for each in options.balancers]
    with _listening("--mqtts", options.mqtts):
        mqtts = Address(*await devices.server.listen(*options.mqtts, certified, balancers=balancers))
    metrics.connections("mqtts", lambda: devices.server.connections)
    metrics.unsubscribed = lambda: devices.server.unsubscribed
    control = Control(
        service, timeline, metrics, auth=options.auth, reset=lambda: _reset(service, timeline, devices, trust)
    )
    throttle = None if options.throttles is None else Throttle(options.throttles)
    app = App(service, HANDLERS, control, metrics, auth=options.auth, throttle=throttle)
    handshakes = Handshakes(service, lambda *who: devices.server.tunnel(_signer(*who)), auth=options.auth)
    guard = Guard(_own(options), service.ids, auth=options.auth)

    def browsable(name: str) -> ssl.SSLContext:
        return trust.store.listener("optional", name=name, enforce_expiry=expiry, called=called)

    def listener(name: str, *, device: bool, limits: ConnectionLimits = ConnectionLimits()) -> Listener:  # noqa: B008
        made = Listener(
            app.respond,
            limits,
            device=device,
            upgrade=handshakes.upgrade,
            refuse=guard.refuse,
            render=refusals.malformed,
            door=door,
            name=name,
            signed_only=options.auth,
        )
        stack.push_async_callback(made.close, options.grace_s)
        metrics.connections(name, made.connections)
        return made

    with _listening("--https", options.https):
        https = Address(
            *await listener("https", device=True).open(*options.https, browsable("https"), balancers=balancers)
        )
    shared = None
    if options.shared:
        http, context = listener("shared", device=True), browsable("shared")
        shared = await _shared(options.shared, devices.server, http, context, balancers)
    service.settings = service.settings._replace(
        endpoints=_endpoints(options, https, mqtts)._replace(objects=service.settings.endpoints.objects)
    )
    limits = ConnectionLimits()._replace(body=_largest_body(options))
    encrypted = trust.store.listener("none", name="http") if options.http_tls else None
    operators = listener("http", device=False, limits=limits)
    with _listening("--http", options.http):
        bound = Address(*await operators.open(*options.http, encrypted, balancers=balancers))
    return _Edges(bound, https, mqtts, shared)


def _largest_body(options: Options) -> int:
    return max(ConnectionLimits().body, _BODY_OF_DOCUMENT * options.limits.document_bytes)


def _own(options: Options) -> pages.Own:
    """What clients may call this server."""
    places = (options.http, options.https, options.mqtts, options.shared)
    return pages.own(
        (*options.names, urlsplit(options.objects_url).hostname or ""), [place.host for place in places if place]
    )


def _called(options: Options) -> Callable[[str], bool]:
    """Whether a name is one of this server's."""
    own = _own(options)
    return lambda name: pages.stranger(own, name) is None


async def _shared(
    address: Address, devices: MqttServer, http: Listener, context: ssl.SSLContext, balancers: Networks
) -> Address:
    """Open the listener that serves devices in every way; ``http`` has those who speak HTTP."""
    http.watch()
    with _listening("--shared", address):
        bound = await devices.listen(
            *address,
            context,
            lambda ticket: Doorman(devices, http.protocol, ticket),
            name="shared",
            balancers=balancers,
        )
    return Address(*bound)


@contextmanager
def _listening(option: str, wanted: Address) -> Iterator[None]:
    """Say which option is to be changed where an address cannot be bound."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNBOUND:
            raise
        reason = os.strerror(error.errno)
        raise OSError(f"{wanted}: {reason}. Choose with {option} HOST:PORT; port 0 takes a free one") from error


def _signer(caller: Caller | None, peer: Peer) -> Signer | None:
    if caller is None:
        return None
    key_id = caller.identity.key_id if caller.identity is not None else None
    return Signer(caller.principal, (caller.account, caller.region), key_id, peer.tls)


async def _reset(service: Service, timeline: Timeline, devices: Endpoint, trust: Trust) -> None:
    await devices.journal.settled()
    await service.reset()
    await trust.reload()
    devices.reset()
    await timeline.present()


def _endpoints(options: Options, https: Address, mqtts: Address) -> Endpoints:
    """What DescribeEndpoint tells devices: a name that the server's certificate holds."""
    host = options.names[0] if options.names else "localhost"
    data, jobs = f"{host}:{mqtts.port}", f"{host}:{https.port}"
    return Endpoints(data=data, jobs=jobs, credential_provider=jobs)


def _addresses(options: Options, edges: _Edges, objects: str) -> Addresses:
    return Addresses(
        http=f"{'https' if options.http_tls else 'http'}://{edges.http}",
        https=f"https://{edges.https}",
        mqtts=f"mqtts://{edges.mqtts}",
        shared=f"https://{edges.shared}" if edges.shared else None,
        ca=str((options.data / "ca.pem").resolve()),
        account=options.account,
        region=options.region,
        auth=options.auth,
        clock=options.clock,
        objects=objects,
        own=LISTENERS if (options.certificates or {}).get(DEFAULT) else tuple(options.certificates or {}),
    )


def _publish(data: Path, addresses: Addresses) -> None:
    """Leave the addresses where ``tidegate env`` and scripts look for them; the file is replaced as a whole."""
    partial = data / "addresses.json.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(addresses)))
    partial.replace(data / "addresses.json")


def settle_heap() -> None:
    """Tell the garbage collector that what has been made so far stays, and to look less often from now on.

    For a process that is a server and nothing else. What a request makes dies by its reference counts; looking for
    cycles as often as Python does by default costs a sixth of all requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def open_vault(data: Path, master_key: Path | None, ids: Ids) -> Vault:
    """The vault of a server or command: of the key that was named, or of the data directory's own.

    Raises:
        VaultError: the key cannot be used.
    """
    return vault.load_or_create(data, ids) if master_key is None else vault.load(master_key, ids)


def open_store(data: Path, store: str, now: int, *, serving: bool = False) -> Database:
    """Open the store that ``store`` names: ``sqlite`` in the data directory, or a PostgreSQL URL. Blocks.

    ``serving``: it will be used through a ``Unit``, which tries again by itself what meets a lock.

    Raises:
        StoreError: it cannot be opened.
    """
    if store == "sqlite":
        return SqliteDatabase(data / "tidegate.db", now=now, patience_seconds=0 if serving else PATIENCE_SECONDS)
    try:
        from tidegate.store.postgres import LOCK_WAIT_MS, PostgresDatabase  # the driver is an extra
    except ImportError:
        raise StoreError("a PostgreSQL store needs its driver: pip install 'tidegate[postgres]'") from None
    return PostgresDatabase(store, now=now, lock_wait_ms=unit.LOCK_WAIT_MS if serving else LOCK_WAIT_MS)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data directory: two servers on one SQLite file would each be right alone and wrong together."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"another server is running on {data}") from None
        yield
    finally:
        os.close(descriptor)


class _Issuer:
    """Our authority as the operations ask for it, and as listeners do."""

    def __init__(self, options: Options, ids: Ids) -> None:
        self._options = options
        self._ids = ids
        self._signer = self._load()

    def _load(self) -> Authority:
        return authority.load_or_create(self._options.data, now=wall_now(), ids=self._ids, rsa_too=True)

    def own(self) -> Own:
        """Read the files again; they may have changed. Blocks."""
        self._signer = signer = self._load()
        chains = signer.server_files(self._options.data, self._options.names, now=wall_now(), ids=self._ids)
        return Own(signer.trusted, chains)

    def issue(self, public_key_pem: str) -> str:
        key = certificates.accepted_key(load_pem_public_key(public_key_pem.encode()))
        return self._signer.issue_device(key, now=wall_now(), ids=self._ids).pem

    def issue_for_request(self, csr_pem: str) -> str:
        return self._signer.issue_for_request(csr_pem, now=wall_now(), ids=self._ids).pem
