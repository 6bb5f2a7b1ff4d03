"""A whole endpoint on one event loop: folder, threads, callers, listener. It does not know in whose process it runs."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import msgspec

from tidegate.clock import Ids, monotonic, wall_now
from tidegate.core.injected import Injects
from tidegate.files import seen
from tidegate.net import pages
from tidegate.net.admission import Admission
from tidegate.net.http1 import messages
from tidegate.net.http1.listener import Listener
from tidegate.objects import credential
from tidegate.objects.folder import Folder
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.chains import Chain, check
from tidegate.pki.tls import Suites, TrustStore
from tidegate.s3 import app as application
from tidegate.s3.app import App, Observe
from tidegate.s3.asking import Gate
from tidegate.s3.callers import Callers
from tidegate.s3.work import LIMITS, Limits, Slots, Work

log = logging.getLogger("tidegate.s3")

_PREDECESSOR_S = 15.0
"""For the process of a server that was killed to let go of the folder."""
_GLANCE_S = 0.05
_CERTIFICATE_S = 1.0
_TIDY_S = 86_400.0


class BusyError(Exception):
    """Another process writes to the folder."""


class Settings(msgspec.Struct, frozen=True):
    """What an endpoint is told. ``data`` holds the key of the server's own URLs."""

    folder: str
    data: str
    account: str
    region: str
    host: str
    """The host and port that the server's own URLs name."""
    domains: list[str] = []
    """The server's names, below which a bucket may stand in a Host header."""
    names: list[str] = []
    """What its operator calls it: in Host headers, and as the origin of pages that may send requests."""
    listening: str = ""
    """The host it listens on, as the operator names it."""
    auth: bool = False
    movable: bool = False
    chains: list[tuple[str, str]] = []
    """Files of certificates and their keys; none: no TLS."""
    suites: Suites = "modern"
    grace_s: float = 10.0
    balancers: list[str] = []
    """Networks whose connections begin with a PROXY header."""


@asynccontextmanager
async def serving(
    settings: Settings,
    listening: socket.socket,
    gate: Gate,
    ids: Ids,
    observe: Observe,
    limits: Limits = LIMITS,
    admission: Admission | None = None,
    injector: Callable[[], Injects | None] = lambda: None,
) -> AsyncIterator[Listener]:
    """Serve until the block is left, then drain. ``admission``: the process's; None makes one.

    Raises:
        BusyError: another process writes to the folder.
        IndexFaultError: the folder's index cannot be opened.
        OSError: the folder cannot be used.
    """
    folder = Folder(Path(settings.folder), ids)
    try:
        await _own(folder)
        with ThreadPoolExecutor(limits.uploads + 4, "tidegate-objects") as executor:
            uploads = Slots(limits.uploads, limits.patience_s, limits.queue)
            downloads = Slots(limits.downloads, limits.patience_s, limits.queue)
            work = Work(folder, executor, uploads, downloads, settings.region)
            listener = _listener(_app(settings, work, gate, ids, observe, injector), limits, admission)
            store = _store(settings)
            await _drop_abandoned(work, limits)
            context = None if store is None else store.listener("none")
            listener.take(listening, context, [ip_network(each) for each in settings.balancers])
            tasks = [asyncio.create_task(_tidy(work, limits))]
            if store is not None:
                tasks.append(asyncio.create_task(_renew(store, settings)))
            try:
                yield listener
            finally:
                for task in tasks:
                    task.cancel()
                await listener.close(settings.grace_s)
    finally:
        folder.close()


def _app(
    settings: Settings,
    work: Work,
    gate: Gate,
    ids: Ids,
    observe: Observe,
    injector: Callable[[], Injects | None],
) -> App:
    callers = Callers(
        gate,
        credential.load_or_create(Path(settings.data), ids),
        account=settings.account,
        auth=settings.auth,
        hosts=(settings.host,),
        movable=settings.movable,
    )
    own = None if settings.auth else pages.own(settings.names, [settings.listening])
    return App(work, callers, gate, ids, settings.domains, observe, own, injector)


def _listener(app: App, limits: Limits, admission: Admission | None) -> Listener:
    return Listener(
        None,
        messages.Limits(
            request=limits.keep_alive_s,
            keep_alive=limits.keep_alive_s,
            stall_s=limits.stall_s,
            stall_bytes=limits.stall_bytes,
        ),
        converse=app.converse,
        render=application.malformed,
        admission=admission,
        name="objects",
    )


async def _own(folder: Folder) -> None:
    deadline = monotonic() + _PREDECESSOR_S
    while not await asyncio.to_thread(folder.try_to_own):
        if monotonic() > deadline:
            raise BusyError("another process writes to the objects' folder")
        await asyncio.sleep(_GLANCE_S)


async def _tidy(work: Work, limits: Limits) -> None:
    """Drop abandoned uploads once a day."""
    while True:
        await asyncio.sleep(_TIDY_S)
        try:
            await _drop_abandoned(work, limits)
        except (OSError, sqlite3.Error) as error:
            log.warning("abandoned uploads cannot be removed: %s", error)


async def _drop_abandoned(work: Work, limits: Limits) -> None:
    """By the wall clock, by which uploads are dated."""
    dropped = await work.off(work.folder.drop_abandoned, wall_now() - int(limits.abandoned_s * 1000))
    if dropped:
        log.info("%d abandoned multipart uploads were removed", dropped)


def _chains(settings: Settings) -> list[Chain]:
    return [Chain(Path(certificate), Path(key)) for certificate, key in settings.chains]


def _store(settings: Settings) -> TrustStore | None:
    chains = _chains(settings)
    return TrustStore(chains, alpn=["http/1.1"], suites=settings.suites) if chains else None


async def _renew(store: TrustStore, settings: Settings) -> None:
    """Take up certificates that have changed on disk, once they have stayed for a second."""
    chains = _chains(settings)
    files = [path for chain in chains for path in chain]
    known = before = seen(files)
    while True:
        await asyncio.sleep(_CERTIFICATE_S)
        found = seen(files)
        if found == before and found != known:
            known = found
            try:
                check(chains, wall_now())
                store.adopt(store.prepared(()))
            except (InvalidCertificateError, OSError) as error:
                log.error("a new certificate of objects cannot be served: %s; the previous one is served on", error)
        before = found
