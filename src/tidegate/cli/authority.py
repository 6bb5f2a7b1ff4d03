"""``tidegate authority``: who signs the certificates of devices and of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from tidegate.cli import options
from tidegate.cli.options import Data, Store
from tidegate.clock import wall_now
from tidegate.pki import authority, succession
from tidegate.pki.chains import Chain

app = App(name="authority", help="Certificate authorities of the data directory.")

_ROLES = {
    authority.KEY: "issues",
    authority.RSA_KEY: "issues for RSA keys",
    **dict.fromkeys(authority.OLD.values(), "old: signs the server's certificate until it is retired"),
}


@app.command
def show(*, data: Data = options.DATA) -> None:
    """Show what is in ca.pem, and which of it has its key here."""
    table = Table("subject", "key here", "role", "until", "SHA-256")
    signers = authority.load(data)
    for each in authority.bundle(data):
        keys = [name for name, signer in signers.items() if signer.certificate == each][:1]
        end = f"{each.not_valid_after_utc:%Y-%m-%d}"
        table.add_row(_name(each), *(keys or [""]), _ROLES[keys[0]] if keys else "trusted", end, _digest(each))
    Console(width=220).print(table)


@app.command(name="import")
def bring(
    certificate: Annotated[
        Path, Parameter(help="PEM: the authority's certificate, then those above it, the root last.")
    ],
    key: Annotated[Path, Parameter(help="PEM: the authority's key. The root's is not needed.")],
    *,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Have an authority of yours, an intermediate as a rule, issue from now on; before the first start or later."""
    note(data, store, "ImportAuthority", {"certificate": certificate.read_bytes()})
    succession.bring(data, Chain(certificate, key), now=wall_now())
    print(
        f"It issues devices' certificates. If there was another: give every device the new {data / authority.BUNDLE}, "
        "then: tidegate rotate authority --retire"
    )


def note(data: Path, store: str, operation: str, parameters: dict[str, Any]) -> None:
    """Have the audit log tell what is about to be done to the authorities, and which there are."""
    with options.database(data, store) as database:
        before = {name: _digest(signer.certificate) for name, signer in authority.load(data).items()}
        options.file_change(database, operation, data / authority.BUNDLE, parameters, before)


def _digest(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
