"""Just-in-time registration (device reference 8.6): a certificate registers itself when its device first connects.

It is unknown, and an ACTIVE authority that was registered with auto-registration has signed it. It is kept as
PENDING_ACTIVATION, an event tells whoever subscribed, and the connection is refused. So is every further one, each with
an event, until somebody activates the certificate.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.clock import Ids
from tidegate.core import registrations
from tidegate.ops import audit, identity
from tidegate.ops.effects import EventsWritten
from tidegate.pki import certificates as x509
from tidegate.store import ca_certificates, certificates, events
from tidegate.store.ca_certificates import Issuer
from tidegate.store.database import Tx

PENDING = "PENDING_ACTIVATION"


class Attempt(NamedTuple):
    """A CONNECT with a certificate that is not ACTIVE in any scope."""

    certificate: x509.Certificate
    server_name: str | None
    source_ip: str


def is_awaited(tx: Tx, attempt: Attempt) -> bool:
    """Whether there may be an authority for it: cheap, for most unknown certificates are nobody's."""
    return any(map(_registers, ca_certificates.of_subject(tx, attempt.certificate.issuer_key)))


def register(tx: Tx, attempt: Attempt, *, now: int, ids: Ids) -> None:
    """Keep the certificate if it is new, and tell of it as long as it waits."""
    certificate = attempt.certificate
    found = ca_certificates.of_subject(tx, certificate.issuer_key)
    issuers = [ca for ca in found if _registers(ca) and x509.signed_by(certificate, x509.parse(ca.pem))]
    issuer = identity.meant(issuers, attempt.server_name)
    if issuer is None or not _waits(tx, issuer, certificate, now, ids, attempt.source_ip):
        return
    message = registrations.message(
        certificate_id=certificate.certificate_id,
        ca_certificate_id=issuer.certificate_id,
        account=issuer.account,
        source_ip=attempt.source_ip,
        now=now,
    )
    events.put(tx, issuer.scope, registrations.topic(issuer.certificate_id), message)
    tx.effects.append(EventsWritten(issuer.scope))


def _registers(ca: Issuer) -> bool:
    return ca.status == "ACTIVE" and bool(ca.auto_registration)


def _waits(tx: Tx, issuer: Issuer, certificate: x509.Certificate, now: int, ids: Ids, source: str) -> bool:
    """Whether the certificate awaits activation, kept now or before."""
    known = certificates.get(tx, issuer.scope, certificate.certificate_id)
    if known is not None:
        return known.status == PENDING
    new = certificates.NewCertificate(
        certificate_id=certificate.certificate_id,
        uuid=ids.uuid(),
        pem=certificate.pem,
        status=PENDING,
        mode=issuer.mode,
        registered=0,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=now,
        ca_certificate_id=issuer.certificate_id,
    )
    if not certificates.insert(tx, issuer.scope, new):
        return False
    audit.registered_itself(tx, issuer.account, issuer.region, certificate.certificate_id, now, source)
    return True
