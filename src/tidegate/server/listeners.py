"""Every way in but the object storage's: sockets, and what answers behind them."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from ipaddress import ip_network
from urllib.parse import urlsplit

from tidegate.devices.endpoint import Endpoint
from tidegate.devices.plane import Signer
from tidegate.devices.server import Server as MqttServer
from tidegate.devices.shared import ProtocolDetector
from tidegate.http import refusals
from tidegate.http.app import App
from tidegate.http.callers import Caller
from tidegate.http.control import Control
from tidegate.http.visitors import Guard
from tidegate.http.websocket import Handshakes
from tidegate.net import pages
from tidegate.net.entrance import Networks
from tidegate.net.http1.listener import Listener, plainly
from tidegate.net.http1.messages import Limits as ConnectionLimits
from tidegate.net.http1.messages import Peer, Respond
from tidegate.ops.call import Endpoints
from tidegate.ops.table import HANDLERS
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.runtime.timeline import Timeline
from tidegate.runtime.trust import Trust
from tidegate.server.addresses import Edges
from tidegate.server.options import Address, Options

_BODY_OF_DOCUMENT = 3
"""How often a document goes into a request that carries it: JSON in JSON, and ``\\uXXXX`` for two bytes."""
_UNBOUND = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})


async def opened(
    options: Options,
    stack: AsyncExitStack,
    service: Service,
    devices: Endpoint,
    timeline: Timeline,
    metrics: Metrics,
    trust: Trust,
) -> tuple[Edges, App]:
    """Open the device endpoint, the device listener and, last, the listener of operators."""
    expiry = options.enforce_expiry
    called = None if service.settings.leniency.other_names else _called(options)
    certified = trust.store.listener("required", name="mqtts", enforce_expiry=expiry, called=called)
    admission, balancers = devices.server.admission, [ip_network(each, strict=False) for each in options.balancers]
    with naming("--mqtts", options.mqtts):
        mqtts = Address(*await devices.server.listen(*options.mqtts, certified, balancers=balancers))
    metrics.count_connections("mqtts", lambda: devices.server.connection_count)
    metrics.unsubscribed(lambda: devices.server.unsubscribed)
    metrics.outcomes, metrics.sent, metrics.authorized = devices.outcomes, devices.sent, service.authorized
    control = Control(
        service, timeline, metrics, auth=options.auth, reset=lambda: _reset(service, timeline, devices, trust)
    )
    app = App(service, HANDLERS, control, metrics, devices.broker_call, auth=options.auth)
    app.choose(options.throttles)
    handshakes = Handshakes(
        service, lambda who, peer, shown: devices.server.tunnel(_signer(who, peer), shown), auth=options.auth
    )
    guard = Guard(_own(options), service.ids, auth=options.auth)

    def browsable(name: str) -> ssl.SSLContext:
        return trust.store.listener("optional", name=name, enforce_expiry=expiry, called=called)

    def listener(
        name: str,
        *,
        device: bool,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008
        pages: Respond | None = None,
    ) -> Listener:
        """``pages`` answers browsers in place of the API: they sign nothing, and it keeps other sites out itself."""
        made = Listener(
            pages or app.respond,
            limits,
            device=device,
            upgrade=None if pages else handshakes.upgrade,
            refuse=None if pages else guard.refuse,
            render=plainly if pages else refusals.malformed,
            admission=admission,
            name=name,
            signed_only=options.auth and not pages,
        )
        stack.push_async_callback(made.close, options.grace_s)
        metrics.count_connections(name, made.connection_count)
        return made

    with naming("--https", options.https):
        https = Address(
            *await listener("https", device=True).open(*options.https, browsable("https"), balancers=balancers)
        )
    shared = None
    if options.shared:
        http, context = listener("shared", device=True), browsable("shared")
        shared = await _shared(options.shared, devices.server, http, context, balancers)
    service.reached_at(_endpoints(options, https, mqtts, service.settings.endpoints.objects))
    limits = ConnectionLimits()._replace(body=largest_body(options))
    encrypted = trust.store.listener("none", name="http") if options.http_tls else None
    operators = listener("http", device=False, limits=limits)
    with naming("--http", options.http):
        bound = Address(*await operators.open(*options.http, encrypted, balancers=balancers))
    console = None
    if options.console is not None:
        made = partial(listener, "console", device=False)
        console = await _console(options, options.console, app, service, metrics, trust, made, balancers)
    return Edges(bound, https, mqtts, shared, console), app


async def _console(
    options: Options,
    wanted: Address,
    app: App,
    service: Service,
    metrics: Metrics,
    trust: Trust,
    listener: Callable[..., Listener],
    balancers: Networks,
) -> Address:
    """Open the console."""
    from tidegate.console.app import Console  # its templates' engine takes time to load, and not every server has one

    context = trust.store.listener("none", name="console") if options.console_tls else None
    console = Console(app, service, _own(options), metrics, auth=options.auth, tls=options.console_tls)
    served = listener(pages=console.respond)
    with naming("--console", wanted):
        try:
            found = await served.open(*wanted, context, balancers=balancers)
        except OSError as error:
            if not options.console_anywhere or error.errno != errno.EADDRINUSE:
                raise
            found = await served.open(wanted.host, 0, context, balancers=balancers)
    console.listens(found[1])
    return Address(*found)


def largest_body(options: Options) -> int:
    return max(ConnectionLimits().body, _BODY_OF_DOCUMENT * options.limits.document_bytes)


def _own(options: Options) -> pages.Names:
    """What clients may call this server."""
    places = (options.http, options.https, options.mqtts, options.shared, options.console)
    return pages.own(
        (*options.names, urlsplit(options.objects_url).hostname or ""), [place.host for place in places if place]
    )


def _called(options: Options) -> Callable[[str], bool]:
    """Whether a name is one of this server's."""
    own = _own(options)
    return lambda name: pages.host_refusal(own, name) is None


async def _shared(
    address: Address, devices: MqttServer, http: Listener, context: ssl.SSLContext, balancers: Networks
) -> Address:
    """Open the listener that serves devices in every way; ``http`` has those who speak HTTP."""
    http.watch()
    with naming("--shared", address):
        bound = await devices.listen(
            *address,
            context,
            lambda ticket: ProtocolDetector(devices, http.protocol, ticket),
            name="shared",
            balancers=balancers,
        )
    return Address(*bound)


@contextmanager
def naming(option: str, wanted: Address) -> Iterator[None]:
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


def _endpoints(options: Options, https: Address, mqtts: Address, objects: tuple[str, ...]) -> Endpoints:
    """What DescribeEndpoint tells devices: a name that the server's certificate holds."""
    host = options.names[0] if options.names else "localhost"
    data, jobs = f"{host}:{mqtts.port}", f"{host}:{https.port}"
    return Endpoints(data=data, jobs=jobs, credential_provider=jobs, objects=objects)
