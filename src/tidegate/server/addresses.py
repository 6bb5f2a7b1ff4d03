"""Where a running server is reached, and the file that says so."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from tidegate.pki.tls import DEFAULT
from tidegate.server.options import LISTENERS, Address, Options


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
    console: str | None = None
    own: tuple[str, ...] = ()
    """Listeners whose certificates are the operator's own: ``ca`` says nothing of them."""


class Edges(NamedTuple):
    """Where the sockets are bound."""

    http: Address
    https: Address
    mqtts: Address
    shared: Address | None
    console: Address | None = None


def addresses_of(options: Options, edges: Edges, objects: str) -> Addresses:
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
        console=f"{'https' if options.console_tls else 'http'}://{edges.console}" if edges.console else None,
        own=LISTENERS if (options.certificates or {}).get(DEFAULT) else tuple(options.certificates or {}),
    )


def publish(data: Path, addresses: Addresses) -> None:
    """Leave the addresses where ``tidegate env`` and scripts look for them; the file is replaced as a whole."""
    partial = data / "addresses.json.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(addresses)))
    partial.replace(data / "addresses.json")
