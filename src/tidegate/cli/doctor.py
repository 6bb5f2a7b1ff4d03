"""``tidegate doctor``: would a server run well with this configuration on this machine? Says what to do if not."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cyclopts import Parameter

from tidegate.cli import configuration
from tidegate.cli.configuration import Configuration
from tidegate.clock import wall_now
from tidegate.net import room
from tidegate.pki import authority, chains, vault
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.vault import VaultError
from tidegate.s3 import assembly
from tidegate.s3.assembly import Choice
from tidegate.server import InUseError, Options, directory
from tidegate.store import migrations, raw
from tidegate.store.database import StoreError

OK, WARNING, FAULT = "ok", "WARNING", "FAULT"
_DAY_MS = 24 * 3600 * 1000
_SOON_DAYS = 30
_SKEW_MS = 2000
_LITTLE, _TOO_LITTLE = 5 << 30, 200 << 20
_FEW_FILES = 10_000
_PATIENCE_S = 5.0


class Finding(NamedTuple):
    """What was looked at, how it is, and what there is to say or to do."""

    state: str
    subject: str
    text: str


def doctor(*, given: Annotated[Configuration, Parameter(name="*")] = Configuration()) -> int:  # noqa: B008 - frozen
    """Look at certificates, clocks, limits, disk, database, ports and S3, and say what to do. It changes nothing.

    Beside a running server, or before the first start. Ends with 0, or 1 if there is a fault; warnings are none.
    """
    found = list(examine(configuration.of(given)))
    for state, subject, text in found:
        print(f"{state:8} {subject}: {text}")
    faults = sum(finding.state == FAULT for finding in found)
    print(f"{faults} faults, {sum(finding.state == WARNING for finding in found)} warnings.")
    return 1 if faults else 0


def examine(options: Options) -> Iterator[Finding]:
    """Everything that was found."""
    unguarded = configuration.unguarded(options)
    if unguarded:
        yield Finding(FAULT, "listeners", unguarded.replace("\n", " "))
    runs = _runs(options.data)
    yield Finding(OK, "server", "one runs on the data directory" if runs else "none runs on the data directory")
    for part in (_directory, _disk, _files, _store, _keys, _certificates, _own_certificates, _objects):
        yield from part(options)
    if not runs:
        yield from _ports(options)


def _runs(data: Path) -> bool:
    if not (data / "lock").exists():
        return False
    try:
        with directory.alone(data, restoring=True):
            return False
    except InUseError:
        return True


def _directory(options: Options) -> Iterator[Finding]:
    data = options.data
    if (data / directory.RESTORING).exists():
        yield Finding(FAULT, "data directory", f"{data} holds half a backup: give `tidegate restore` again")
    elif not data.exists():
        parent = next(path for path in (data, *data.absolute().parents) if path.exists())
        if os.access(parent, os.W_OK):
            yield Finding(OK, "data directory", f"{data} will be made at the first start")
        else:
            yield Finding(FAULT, "data directory", f"{data} cannot be made: {parent} is not this user's to write")
    elif not os.access(data, os.W_OK | os.X_OK):
        yield Finding(FAULT, "data directory", f"{data} is not this user's to write: chown it to the server's user")
    else:
        yield Finding(OK, "data directory", str(data.resolve()))


def _disk(options: Options) -> Iterator[Finding]:
    parent = next(path for path in (options.data, *options.data.absolute().parents) if path.exists())
    free = shutil.disk_usage(parent).free
    state = FAULT if free < _TOO_LITTLE else WARNING if free < _LITTLE else OK
    yield Finding(state, "disk", f"{free / (1 << 30):.1f} GiB are free" + ("" if state == OK else ": make room"))


def _files(_options: Options) -> Iterator[Finding]:
    most = room.raise_limit()
    if most < _FEW_FILES:
        yield Finding(
            WARNING,
            "open files",
            f"{most:,} may be open, room for {room.room(most).sockets:,} connections: raise the hard limit (ulimit "
            "-Hn, LimitNOFILE) above the number of devices",
        )
    else:
        yield Finding(OK, "open files", f"room for {room.room(most).sockets:,} connections")


def _store(options: Options) -> Iterator[Finding]:
    if options.store == "sqlite" and not (options.data / "tidegate.db").exists():
        yield Finding(OK, "store", "an SQLite file will be made at the first start")
        return
    try:
        with raw.snapshot(options.data, options.store) as found:
            applied = [(step.number, step.checksum) for step in found.applied()]
            pending = migrations.pending(found.dialect, applied)
            there = found.clock()
    except StoreError as error:
        yield Finding(FAULT, "store", str(error))
        return
    if pending and applied:
        yield Finding(WARNING, "store", f"{len(pending)} migrations are done at the next start: take a backup before")
    else:
        yield Finding(OK, "store", "its schema is this version's" if applied else "it is empty")
    if there is not None:
        yield _clock("PostgreSQL", there)


def _clock(whose: str, there: int) -> Finding:
    off = abs(there - wall_now())
    if off > _SKEW_MS:
        return Finding(
            WARNING,
            "clock",
            f"{off / 1000:.1f} s from that of {whose}: have NTP keep both, for signatures and timers",
        )
    return Finding(OK, "clock", f"within {_SKEW_MS // 1000} s of that of {whose}")


def _keys(options: Options) -> Iterator[Finding]:
    path = options.master_key or options.data / vault.FILE
    if path.exists():
        try:
            vault.read(path)
        except (VaultError, OSError) as error:
            yield Finding(FAULT, "master key", str(error))
        else:
            yield Finding(OK, "master key", str(path))
    elif options.master_key:
        yield Finding(FAULT, "master key", f"{path} is not there: (umask 077; openssl rand -base64 32 > {path})")
    elif options.store != "sqlite" and options.auth:
        yield Finding(
            WARNING, "master key", "several servers on a store need one: --master-key FILE for each of them, all alike"
        )


def _certificates(options: Options) -> Iterator[Finding]:
    try:
        known = authority.bundle(options.data) if (options.data / authority.BUNDLE).exists() else []
        authority.load(options.data) if known else {}
    except (InvalidCertificateError, OSError, ValueError) as error:
        yield Finding(FAULT, "authority", str(error))
        return
    for each in known:
        yield _ends(f"authority {each.subject.rfc4514_string()}", each, "tidegate rotate authority")


def _ends(subject: str, certificate: x509.Certificate, what: str) -> Finding:
    left = certificate.not_valid_after_utc.timestamp() * 1000 - wall_now()
    end = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    if left < 0:
        return Finding(FAULT, subject, f"ended on {end}: {what}")
    if left < _SOON_DAYS * _DAY_MS:
        return Finding(WARNING, subject, f"ends on {end}: {what}")
    return Finding(OK, subject, f"until {end}")


def _own_certificates(options: Options) -> Iterator[Finding]:
    for name, given in (options.certificates or {}).items():
        subject = f"certificate of {name or 'the listeners'}"
        try:
            chains.check(given, wall_now())
            for chain in given:
                leaf = x509.load_pem_x509_certificates(chain.certificate.read_bytes())[0]
                yield _ends(subject, leaf, "put a new one in its place")
        except (InvalidCertificateError, OSError, ValueError) as error:
            yield Finding(FAULT, subject, str(error))


def _objects(options: Options) -> Iterator[Finding]:
    choice = Choice(options.objects, options.s3_endpoint)
    if not choice.remote:
        if len(options.objects) == 0 and options.store != "sqlite":
            yield Finding(WARNING, "objects", "an embedded folder is one server's: with several, keep them in an S3")
        return
    if not os.environ.get("AWS_ACCESS_KEY_ID"):
        yield Finding(WARNING, "objects", "AWS_ACCESS_KEY_ID is not set: only what the S3 shows to all can be had")
    base = assembly.remote_site(choice, options.region, os.environ).base
    try:
        status, date = _asked(base)
    except (OSError, http.client.HTTPException) as error:
        yield Finding(FAULT, "objects", f"{base} cannot be reached: {error}")
        return
    yield Finding(OK, "objects", f"{base} answers ({status})")
    if date:
        yield _clock(base, int(parsedate_to_datetime(date).timestamp() * 1000))


def _asked(base: str) -> tuple[int, str | None]:
    """The status and date of any answer."""
    parts = urlsplit(base)
    kind: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    more = {}
    if parts.scheme == "https":
        kind, more = http.client.HTTPSConnection, {"context": ssl.create_default_context()}
    connection = kind(parts.hostname, parts.port, timeout=_PATIENCE_S, **more)
    try:
        connection.request("HEAD", "/")
        response = connection.getresponse()
        return response.status, response.getheader("Date")
    finally:
        connection.close()


def _ports(options: Options) -> Iterator[Finding]:
    listeners = {"http": options.http, "https": options.https, "mqtts": options.mqtts, "shared": options.shared}
    if not Choice(options.objects).remote:
        listeners["objects-listen"] = options.objects_listen
    for name, address in listeners.items():
        if address is None or not address.port:
            continue
        try:
            family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
        except OSError as error:
            told = f"{address}: {error.strerror}. Choose with --{name} HOST:PORT, or end the program that has it"
            yield Finding(FAULT, "port", told)
        else:
            yield Finding(OK, "port", f"{address} is free for --{name}")
