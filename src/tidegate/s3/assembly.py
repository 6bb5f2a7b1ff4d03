"""Object storage as an operator chooses it: the embedded folder with its endpoint, or an S3 elsewhere."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from tidegate.aws.sigv4 import Key
from tidegate.clock import Ids, MovableClock
from tidegate.net.admission import Admission
from tidegate.net.http1 import listener
from tidegate.objects import credential
from tidegate.objects.embedded import Embedded
from tidegate.objects.folder import Folder
from tidegate.objects.presign import Site
from tidegate.objects.s3 import Allowed, RemoteS3
from tidegate.pki.chains import Chain
from tidegate.pki.tls import Suites
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.s3 import apart, endpoint
from tidegate.s3.endpoint import Settings
from tidegate.s3.gate import LocalGate

_REMOTE = "s3://"
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_DOMAINS = ("localhost",)


class Choice(NamedTuple):
    """What an operator may choose."""

    places: tuple[str, ...] = ()
    """``s3://bucket[/prefix]`` once or more; or one directory; nothing: ``objects`` in the data directory."""
    s3_endpoint: str = ""
    """Base URL of the S3 elsewhere; empty: AWS's of the region."""
    host: str = "127.0.0.1"
    port: int = 0
    chains: tuple[Chain, ...] = ()
    """Certificates to serve with; none: no TLS."""
    suites: Suites = "modern"
    url: str = ""
    """Scheme, host and port that presigned URLs name; empty: where the endpoint listens."""
    apart: bool = True
    """Serve from a process of its own."""

    @property
    def remote(self) -> bool:
        """Whether the objects are elsewhere."""
        return bool(self.places) and self.places[0].startswith(_REMOTE)


class Own(NamedTuple):
    """The server's own objects, which are still to be served."""

    choice: Choice
    listening: socket.socket
    site: Site
    folder: Path
    data: Path


class Storage(NamedTuple):
    """What operations reach, the base URL for clients here, and every ``host:port`` that names it in a URL."""

    objects: Embedded | RemoteS3
    base: str
    hosts: tuple[str, ...]
    own: Own | None = None
    """None if the objects are elsewhere."""


@asynccontextmanager
async def opened(
    choice: Choice, data: Path, ids: Ids, *, region: str, bounded: bool, names: tuple[str, ...]
) -> AsyncIterator[Storage]:
    """Bind the address of the object storage and open its folder, or find the one elsewhere.

    ``bounded``: a bucket is for its own account only.

    Raises:
        IndexFaultError: the folder's index cannot be opened.
        OSError: the address cannot be bound, or the folder not be used.
    """
    if choice.remote:
        site = remote_site(choice, region, os.environ)
        objects = RemoteS3(site, _environment_key(os.environ), [_allowed(place) for place in choice.places])
        yield Storage(objects, site.base, (site.host,))
        return
    async with AsyncExitStack() as stack:
        listening = listener.bind(choice.host, choice.port)
        stack.callback(listening.close)
        base = f"{'https' if choice.chains else 'http'}://{_at(listening)}"
        site = Site(choice.url or _reachable(base, names), region)
        path = Path(choice.places[0]) if choice.places else data / "objects"
        folder = await asyncio.to_thread(Folder, path, ids)
        stack.callback(folder.close)
        key = await asyncio.to_thread(credential.load_or_create, data, ids)
        own = Own(choice, listening, site, path, data)
        yield Storage(Embedded(folder, site, key, bounded=bounded), base, _hosts(base, site, names), own)


@asynccontextmanager
async def serving(
    own: Own,
    service: Service,
    metrics: Metrics,
    *,
    auth: bool,
    names: tuple[str, ...],
    grace_s: float,
    admission: Admission,
    balancers: tuple[str, ...] = (),
) -> AsyncIterator[None]:
    """Serve the server's own objects.

    Raises:
        EndpointFaultError: the endpoint does not start.
    """
    async with AsyncExitStack() as stack:
        stack.callback(own.listening.close)  # whoever comes when nobody serves any more is not to wait
        settings = msgspec.structs.replace(
            _settings(own, service),
            domains=_domains(own.site, names),
            names=[*names, urlsplit(own.choice.url).hostname or ""],
            listening=own.choice.host,
            auth=auth,
            grace_s=grace_s,
            balancers=list(balancers),
        )
        count = await _endpoint(stack, own.choice, settings, own.listening, service, metrics, admission)
        metrics.count_connections("objects", count)
        yield


def _settings(own: Own, service: Service) -> Settings:
    """What the endpoint is told; it may run in another directory."""
    return Settings(
        folder=os.path.abspath(own.folder),
        data=os.path.abspath(own.data),
        account=service.settings.account,
        region=service.settings.region,
        host=own.site.host,
        movable=isinstance(service.clock, MovableClock),
        chains=[(os.path.abspath(chain.certificate), os.path.abspath(chain.key)) for chain in own.choice.chains],
        suites=own.choice.suites,
    )


async def _endpoint(
    stack: AsyncExitStack,
    choice: Choice,
    settings: Settings,
    listening: socket.socket,
    service: Service,
    metrics: Metrics,
    admission: Admission,
) -> Callable[[], int]:
    """Start the endpoint; what counts its connections."""
    gate = LocalGate(service)

    def observe(operation: str, status: int, seconds: float) -> None:
        metrics.observe("s3", operation, status, seconds)

    if choice.apart:
        process = await stack.enter_async_context(apart.serving(settings, listening, gate, observe))
        metrics.admission(lambda: process.admission)
        return lambda: process.connection_count
    ids: Ids = service.ids
    within = await stack.enter_async_context(
        endpoint.serving(
            settings, listening, gate, ids, observe, admission=admission, injector=lambda: service.injector
        )
    )
    return within.connection_count


def remote_site(choice: Choice, region: str, environment: Mapping[str, str]) -> Site:
    """The S3 elsewhere."""
    named = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or region
    return Site((choice.s3_endpoint or f"https://s3.{named}.amazonaws.com").rstrip("/"), named)


def _environment_key(environment: Mapping[str, str]) -> Key | None:
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    return Key(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None) if key_id and secret else None


def _allowed(place: str) -> Allowed:
    bucket, _, prefix = place.removeprefix(_REMOTE).partition("/")
    return Allowed(bucket, prefix)


def _at(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reachable(base: str, names: tuple[str, ...]) -> str:
    """Where devices find what listens at ``base``: by the server's first name where it listens on all addresses."""
    parts = urlsplit(base)
    if parts.hostname not in _ANYWHERE:
        return base
    return f"{parts.scheme}://{names[0] if names else 'localhost'}:{parts.port}"


def _hosts(base: str, site: Site, names: tuple[str, ...]) -> tuple[str, ...]:
    """Hosts in URLs that mean this server's objects."""
    parts = urlsplit(base)
    ported = [f"{name}:{parts.port}" for name in ("localhost", "127.0.0.1", *names)]
    return tuple(dict.fromkeys([parts.netloc, site.host, *ported]))


def _domains(site: Site, names: tuple[str, ...]) -> list[str]:
    """Names below which a bucket may stand in a host name."""
    named = urlsplit(site.base).hostname or ""
    return list(dict.fromkeys([*_DOMAINS, named.lower(), *(name.lower() for name in names)]))
