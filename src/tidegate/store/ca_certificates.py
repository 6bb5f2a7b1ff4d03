"""CA certificates that operators registered, and the code that proves they hold the key."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class NewCACertificate(NamedTuple):
    """What a CA starts with. Instants are epoch ms; ``registration_config`` is JSON, ``auto_registration`` 0 or 1."""

    certificate_id: str
    uuid: str
    pem: str
    subject_key: str
    status: str
    mode: str
    auto_registration: int
    registration_config: str | None
    not_before: int
    not_after: int
    created_at: int


class CACertificate(NamedTuple):
    """A stored CA; instants are epoch ms."""

    id: int
    certificate_id: str
    uuid: str
    pem: str
    status: str
    mode: str
    auto_registration: int
    registration_config: str | None
    not_before: int
    not_after: int
    created_at: int
    updated_at: int
    version: int


class CACertificateSummary(NamedTuple):
    """What a list shows, and is filtered by."""

    id: int
    certificate_id: str
    status: str
    created_at: int
    registration_config: str | None


class Issuer(NamedTuple):
    """A CA of some scope that may have signed a certificate."""

    scope: int
    account: str
    region: str
    certificate_id: str
    pem: str
    status: str
    mode: str
    auto_registration: int
    registration_config: str | None = None


def insert(tx: Tx, scope: int, ca: NewCACertificate) -> bool:
    """Keep a new CA; False if the scope knows it already."""
    return tx.one("ca_certificate_insert", {"scope": scope, **ca._asdict()}) is not None


def get(tx: Tx, scope: int, certificate_id: str) -> CACertificate | None:
    """One CA by the fingerprint that is its id."""
    row = tx.one("ca_certificate_get", {"scope": scope, "certificate_id": certificate_id})
    return CACertificate(*row) if row else None


def page(tx: Tx, scope: int, after: int, limit: int, template: str | None = None) -> list[CACertificateSummary]:
    """CAs in the order of their registration, after an inner id; those that name a provisioning template, or all."""
    values = {"scope": scope, "after": after, "limit": limit, "config": _naming(template)}
    rows = tx.all("ca_certificate_list", values)
    return [CACertificateSummary(*row) for row in rows]


def page_newest(tx: Tx, scope: int, before: int, limit: int, template: str | None = None) -> list[CACertificateSummary]:
    """CAs from new to old, before an inner id; those that name a provisioning template, or all."""
    values = {"scope": scope, "before": before, "limit": limit, "config": _naming(template)}
    rows = tx.all("ca_certificate_list_newest", values)
    return [CACertificateSummary(*row) for row in rows]


def _naming(template: str | None) -> str | None:
    """What the stored JSON of a configuration that names a template is like; within a body quotes are escaped."""
    return None if template is None else f'%"templateName":"{template.replace("_", "!_")}"%'


def of_subject(tx: Tx, subject_key: str) -> list[Issuer]:
    """The CAs of every scope with this whole name, in the order of their registration."""
    return [Issuer(*row) for row in tx.all("ca_certificate_of_subject", {"subject_key": subject_key})]


def registered(tx: Tx, after: int, limit: int) -> list[tuple[int, str]]:
    """(inner id, PEM) of every CA of every scope: TLS listeners trust what they signed."""
    return [(row[0], row[1]) for row in tx.all("ca_certificate_registered", {"after": after, "limit": limit})]


def update(
    tx: Tx, ca: CACertificate, *, status: str, auto_registration: int, registration_config: str | None, now: int
) -> None:
    """Change what may change."""
    values = {"status": status, "auto_registration": auto_registration, "registration_config": registration_config}
    tx.run("ca_certificate_update", {"id": ca.id, "now": now, **values})


def delete(tx: Tx, inner_id: int) -> None:
    """Remove a CA; what it signed stays."""
    tx.run("ca_certificate_delete", {"id": inner_id})


def code(tx: Tx, scope: int) -> str | None:
    """The registration code of a scope, if it has one."""
    row = tx.one("registration_code_get", {"scope": scope})
    return row[0] if row else None


def set_code(tx: Tx, scope: int, text: str) -> None:
    """Give a scope without a code its first."""
    tx.run("registration_code_insert", {"scope": scope, "code": text})


def forget_code(tx: Tx, scope: int) -> bool:
    """Drop the code; False if there was none."""
    return tx.run("registration_code_delete", {"scope": scope}) > 0
