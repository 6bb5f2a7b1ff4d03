"""Just-in-time registration (device reference 8.6): a certificate registers itself when its device first connects.

It is unknown, and an ACTIVE authority that was registered with auto-registration has signed it. It is kept as
PENDING_ACTIVATION, an event tells whoever subscribed, and the connection is refused. So is every further one, each with
an event, until somebody activates the certificate.

Of an authority with a ``registrationConfig`` no event tells: its provisioning template is carried out instead, with
what the certificate says of its subject (reach reference 3.11), and the next connection is let in. Where the template
is refused the certificate waits, and each connection is another attempt.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.clock import Ids
from tidegate.core import registrations, texts
from tidegate.core.provisioning import plan as planning
from tidegate.core.provisioning import refusals
from tidegate.core.provisioning import template as language
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.core.provisioning.template import InvalidTemplateError, Kind
from tidegate.ops import audit, identity, provisioning
from tidegate.ops import ca_certificates as ca_operations
from tidegate.ops.call import Call
from tidegate.ops.effects import EventsWritten
from tidegate.ops.provisioning import Applied
from tidegate.pki import certificates as x509
from tidegate.store import ca_certificates, certificates, events
from tidegate.store import provisioning_templates as templates
from tidegate.store.ca_certificates import Issuer
from tidegate.store.database import Tx
from tidegate.wire import iot

PENDING = "PENDING_ACTIVATION"


class Attempt(NamedTuple):
    """A CONNECT with a certificate that is not ACTIVE in any scope."""

    certificate: x509.Certificate
    server_name: str | None
    source_ip: str


def is_awaited(tx: Tx, attempt: Attempt) -> bool:
    """Whether there may be an authority for it: cheap, for most unknown certificates are nobody's."""
    return any(map(_registers, ca_certificates.of_subject(tx, attempt.certificate.issuer_key)))


class Awaited(NamedTuple):
    """A certificate that waits for its authority's template to be carried out."""

    scope: int
    account: str
    region: str
    certificate: x509.Certificate
    config: iot.RegistrationConfig


def register(tx: Tx, attempt: Attempt, *, now: int, ids: Ids) -> Awaited | None:
    """Keep the certificate if it is new, and tell of it as long as it waits, or return what a template is there for."""
    certificate = attempt.certificate
    found = ca_certificates.of_subject(tx, certificate.issuer_key)
    issuers = [ca for ca in found if _registers(ca) and x509.signed_by(certificate, x509.parse(ca.pem))]
    issuer = identity.meant(issuers, attempt.server_name)
    if issuer is None or not _waits(tx, issuer, certificate, now, ids, attempt.source_ip):
        return None
    config = ca_operations.config_of(issuer.registration_config)
    if config is not None and (config.template_body or config.template_name):
        return Awaited(issuer.scope, issuer.account, issuer.region, certificate, config)
    message = registrations.message(
        certificate_id=certificate.certificate_id,
        ca_certificate_id=issuer.certificate_id,
        account=issuer.account,
        source_ip=attempt.source_ip,
        now=now,
    )
    events.put(tx, issuer.scope, registrations.topic(issuer.certificate_id), message)
    tx.effects.append(EventsWritten(issuer.scope))
    return None


def provision(tx: Tx, call: Call, awaited: Awaited) -> Applied:
    """Carry out the template for a certificate that waits.

    Raises:
        RefusedError: there is no template that can be carried out for it. Nothing may be kept.
    """
    certificate_id = awaited.certificate.certificate_id
    name, body = _template(tx, call, awaited.config)
    try:
        parsed = language.parse(body, Kind.JITP)
    except InvalidTemplateError as error:  # kept by a version that did not look
        raise RefusedError(refusals.INVALID_TEMPLATE, str(error)) from error
    known = language.subject_parameters(certificate_id, awaited.certificate.subject)
    plan = planning.evaluate(parsed, {}, known)
    found = certificates.get(tx, call.scope, certificate_id)
    if found is None or found.status != PENDING:
        raise RefusedError(refusals.PROVISIONING_FAILED, texts.provisioning.NO_LONGER_WAITS)
    if plan.certificate is None or plan.certificate.certificate_id != certificate_id:
        raise RefusedError(refusals.PROVISIONING_FAILED, texts.provisioning.OTHER_CERTIFICATE)
    done = provisioning.apply(tx, call, plan, lambda: found)
    audit.provisioned(tx, call, name, list(done.arns.values()))
    return done


def _template(tx: Tx, call: Call, config: iot.RegistrationConfig) -> tuple[str, str]:
    """Name and body of what an authority is registered with; its own body has no name."""
    if config.template_name is None:
        return "", config.template_body or ""
    found = templates.get(tx, call.scope, config.template_name)
    if found is None:
        message = texts.provisioning.template_unknown(config.template_name)
        raise RefusedError(refusals.INVALID_TEMPLATE, message)
    if not found.enabled:
        raise RefusedError(refusals.INVALID_TEMPLATE, texts.provisioning.template_disabled(found.name))
    version = templates.version(tx, found.id, found.default_version)
    assert version is not None
    return found.name, version.body


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
