"""A whole endpoint on one event loop: folder, threads, callers, listener. It does not know in whose process it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import msgspec

from tidegate.clock import Ids, monotonic, wall_now
from tidegate.net.door import Door
from tidegate.objects import credential
from tidegate.objects.folder import Folder
from tidegate.s3.app import App, Observe
from tidegate.s3.asking import Gate
from tidegate.s3.callers import Callers
from tidegate.s3.listener import Listener
from tidegate.s3.work import LIMITS, Limits, Turns, Work

log = logging.getLogger("tidegate.s3")

_PREDECESSOR_S = 15.0
"""For the process of a server that was killed to let go of the folder."""
_GLANCE_S = 0.05
_CERTIFICATE_S = 60.0
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
    auth: bool = False
    movable: bool = False
    certificate: str | None = None
    key: str | None = None
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
    door: Door | None = None,
) -> AsyncIterator[Listener]:
    """Serve until the block is left, then drain. ``door``: the process's; None makes one.

    Raises:
        BusyError: another process writes to the folder.
        IndexFaultError: the folder's index cannot be opened.
        OSError: the folder cannot be used.
    """
    folder = Folder(Path(settings.folder), ids)
    try:
        await _own(folder)
        with ThreadPoolExecutor(limits.uploads + 4, "tidegate-objects") as executor:
            uploads = Turns(limits.uploads, limits.patience_s, limits.queue)
            downloads = Turns(limits.downloads, limits.patience_s, limits.queue)
            work = Work(folder, executor, uploads, downloads, settings.region)
            own = credential.load_or_create(Path(settings.data), ids)
            callers = Callers(
                gate,
                own,
                account=settings.account,
                auth=settings.auth,
                hosts=(settings.host,),
                movable=settings.movable,
            )
            app = App(work, callers, gate, ids, settings.domains, observe)
            listener = Listener(app.respond, limits, door)
            context = _context(settings)
            await _drop_abandoned(work, limits)
            await listener.open(listening, context, [ip_network(each) for each in settings.balancers])
            tasks = [asyncio.create_task(task) for task in (_renew(context, settings), _tidy(work, limits))]
            try:
                yield listener
            finally:
                for task in tasks:
                    task.cancel()
                await listener.close(settings.grace_s)
    finally:
        folder.close()


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


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(settings.certificate, settings.key)
    return context


async def _renew(context: ssl.SSLContext | None, settings: Settings) -> None:
    """Take up the server's certificate whenever it has been made again."""
    if context is None or settings.certificate is None:
        return
    seen = _changed_at(settings.certificate)
    while True:
        await asyncio.sleep(_CERTIFICATE_S)
        found = _changed_at(settings.certificate)
        if found == seen:
            continue
        try:
            context.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:  # the key is written before the certificate: next time it fits
            log.warning("the renewed certificate cannot be used: %s", error)
        else:
            seen = found


def _changed_at(path: str) -> float:
    return os.stat(path).st_mtime
