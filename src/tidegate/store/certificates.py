"""Certificates, and the things they are attached to."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx

NEWEST = 1 << 62
"""Where a list that runs from new to old begins."""
ALL = 1 << 31
"""A page that holds everything."""


class NewCertificate(NamedTuple):
    """What a certificate starts with. Instants are epoch ms.

    ``registered`` is 1 if its owner brought it and it is not vouched for by ``ca_certificate_id``, a registered CA.
    """

    certificate_id: str
    uuid: str
    pem: str
    status: str
    mode: str
    registered: int
    not_before: int
    not_after: int
    created_at: int
    ca_certificate_id: str | None = None


class Certificate(NamedTuple):
    """A stored certificate; instants are epoch ms."""

    id: int
    certificate_id: str
    uuid: str
    pem: str
    status: str
    mode: str
    not_before: int
    not_after: int
    created_at: int
    updated_at: int
    version: int
    registered: int
    ca_certificate_id: str | None


class CertificateSummary(NamedTuple):
    """What a list shows."""

    id: int
    certificate_id: str
    status: str
    mode: str
    created_at: int


class Owner(NamedTuple):
    """A scope that knows a certificate; its validity in epoch ms."""

    scope: int
    account: str
    region: str
    id: int
    pem: str
    status: str
    mode: str
    not_before: int
    not_after: int


class AttachedThing(NamedTuple):
    """A thing that a certificate is attached to; ``attributes`` is a JSON object, ``exclusive`` 0 or 1.

    ``mqtt5`` is the MQTT 5 configuration of its type, as JSON, where that was asked for.
    """

    id: int
    name: str
    attributes: str
    exclusive: int
    type_name: str | None
    mqtt5: str | None = None


class Principal(NamedTuple):
    """A certificate that is attached to a thing."""

    id: int
    certificate_id: str
    exclusive: int


def insert(tx: Tx, scope: int, certificate: NewCertificate) -> bool:
    """Keep a new certificate; False if the scope knows it already."""
    return tx.one("certificate_insert", {"scope": scope, **certificate._asdict()}) is not None


def get(tx: Tx, scope: int, certificate_id: str) -> Certificate | None:
    """One certificate by the fingerprint that is its id."""
    row = tx.one("certificate_get", {"scope": scope, "certificate_id": certificate_id})
    return Certificate(*row) if row else None


def owners(tx: Tx, certificate_id: str) -> list[Owner]:
    """Every scope that knows a certificate, in the order in which they came to know it."""
    return [Owner(*row) for row in tx.all("certificate_owners", {"certificate_id": certificate_id})]


def page(tx: Tx, scope: int, after: int, limit: int) -> list[CertificateSummary]:
    """Certificates in the order of their creation, after an inner id."""
    rows = tx.all("certificate_list", {"scope": scope, "after": after, "limit": limit})
    return [CertificateSummary(*row) for row in rows]


def page_newest(tx: Tx, scope: int, before: int, limit: int) -> list[CertificateSummary]:
    """Certificates from new to old, before an inner id (first ``NEWEST``)."""
    rows = tx.all("certificate_list_newest", {"scope": scope, "before": before, "limit": limit})
    return [CertificateSummary(*row) for row in rows]


def registered(tx: Tx, after: int, limit: int) -> list[tuple[int, str]]:
    """(inner id, PEM) of what owners brought, in every scope: the certificates TLS listeners trust by themselves."""
    return [(row[0], row[1]) for row in tx.all("certificate_registered", {"after": after, "limit": limit})]


def page_of_ca(tx: Tx, scope: int, ca_certificate_id: str, after: int, limit: int) -> list[CertificateSummary]:
    """Certificates registered under a CA, in the order of their creation, after an inner id."""
    values = {"scope": scope, "ca_certificate_id": ca_certificate_id, "after": after, "limit": limit}
    return [CertificateSummary(*row) for row in tx.all("certificate_of_ca", values)]


def page_of_ca_newest(tx: Tx, scope: int, ca_certificate_id: str, before: int, limit: int) -> list[CertificateSummary]:
    """The same from new to old, before an inner id (first ``NEWEST``)."""
    values = {"scope": scope, "ca_certificate_id": ca_certificate_id, "before": before, "limit": limit}
    return [CertificateSummary(*row) for row in tx.all("certificate_of_ca_newest", values)]


def outlive_ca(tx: Tx, scope: int, ca_certificate_id: str) -> None:
    """A CA is going away: TLS listeners must trust what was registered under it by itself."""
    tx.run("certificate_outlive_ca", {"scope": scope, "ca_certificate_id": ca_certificate_id})


def set_status(tx: Tx, inner_id: int, status: str, *, now: int) -> None:
    """Change the status."""
    tx.run("certificate_set_status", {"id": inner_id, "status": status, "now": now})


def delete(tx: Tx, inner_id: int) -> None:
    """Remove a certificate; its attachments must be gone."""
    tx.run("certificate_delete", {"id": inner_id})


def attach(tx: Tx, thing_id: int, inner_id: int, *, exclusive: bool) -> None:
    """Attach a certificate to a thing it is not attached to."""
    tx.run("certificate_attach", {"thing": thing_id, "certificate": inner_id, "exclusive": int(exclusive)})


def detach(tx: Tx, thing_id: int, inner_id: int) -> bool:
    """Undo an attachment; False if there was none."""
    return tx.run("certificate_detach", {"thing": thing_id, "certificate": inner_id}) > 0


def attachment(tx: Tx, thing_id: int, inner_id: int) -> bool | None:
    """Whether the attachment is exclusive; None if there is none."""
    row = tx.one("certificate_attachment", {"thing": thing_id, "certificate": inner_id})
    return bool(row[0]) if row else None


def things(
    tx: Tx, inner_id: int, *, after: int = 0, limit: int = ALL, exclusive: bool | None = None
) -> list[AttachedThing]:
    """The things a certificate is attached to, by inner id, after one; ``exclusive`` is a filter."""
    values = {"certificate": inner_id, "after": after, "limit": limit, "exclusive": _flag(exclusive)}
    return [AttachedThing(*row) for row in tx.all("certificate_things", values)]


def things_for_client(tx: Tx, scope: int, inner_id: int, client_id: str | None) -> list[AttachedThing]:
    """Those of its things that a connection can mean: the one with its client id as name, or the exclusive one."""
    values = {"scope": scope, "certificate": inner_id, "client_id": client_id}
    return [AttachedThing(*row) for row in tx.all("certificate_things_for_client", values)]


def of_thing(tx: Tx, thing_id: int, *, after: int, limit: int, exclusive: bool | None = None) -> list[Principal]:
    """The certificates of a thing, by inner id, after one; ``exclusive`` is a filter."""
    values = {"thing": thing_id, "after": after, "limit": limit, "exclusive": _flag(exclusive)}
    return [Principal(*row) for row in tx.all("certificate_of_thing", values)]


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
