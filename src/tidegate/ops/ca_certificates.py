"""Certificate authorities of operators (device reference 8.5, 8.6).

Registering one proves that the caller holds its key: a verification certificate, signed with it, names the registration
code. In SNI_ONLY mode AWS asks for no proof, nor do we. The TLS listeners trust what a registered authority signed,
ACTIVE or not, for devices registered under it go on connecting when it is INACTIVE; only new ones are refused then.

A ``registrationConfig`` says by which provisioning template devices with unknown certificates are let in
(``ops.just_in_time``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.core import checks, texts
from tidegate.core.audit import Image
from tidegate.core.provisioning.template import Kind
from tidegate.ops import provisioning_templates, tags
from tidegate.ops.call import Call
from tidegate.ops.effects import CertificateTrusted, TrustWithdrawn
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import by_age
from tidegate.pki import certificates as x509
from tidegate.store import ca_certificates, certificates
from tidegate.store import tags as stored_tags
from tidegate.store.ca_certificates import CACertificate, Issuer
from tidegate.store.database import Tx
from tidegate.wire import iot

_PAGE = 25


# --- the registration code ------------------------------------------------------------------------------------------


def get_registration_code(
    tx: Tx, call: Call, request: iot.GetRegistrationCodeRequest
) -> iot.GetRegistrationCodeResponse:
    """The code of this account and region, the same until it is deleted."""
    known = ca_certificates.code(tx, call.scope)
    if known is None:
        known = (call.ids.uuid() + call.ids.uuid()).replace("-", "")
        ca_certificates.set_code(tx, call.scope, known)
    return iot.GetRegistrationCodeResponse(registration_code=known)


def delete_registration_code(
    tx: Tx, call: Call, request: iot.DeleteRegistrationCodeRequest
) -> iot.DeleteRegistrationCodeResponse:
    """Forget the code; the next one is another."""
    if not ca_certificates.forget_code(tx, call.scope):
        raise iot.ResourceNotFoundException(texts.ca_certificates.REGISTRATION_CODE_MISSING)
    return iot.DeleteRegistrationCodeResponse()


# --- authorities ----------------------------------------------------------------------------------------------------


def register_ca_certificate(
    tx: Tx, call: Call, request: iot.RegisterCACertificateRequest
) -> iot.RegisterCACertificateResponse:
    """An authority, inactive and without auto-registration unless asked for."""
    mode = request.certificate_mode or "DEFAULT"
    wrong = tags.problems(request.tags, call.limits.tags_per_resource) + _problems(request, mode)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    _require_template(tx, call, request.registration_config)
    ca = _readable(request.ca_certificate, texts.ca_certificates.CA_CERTIFICATE_UNREADABLE)
    if not ca.is_ca:
        raise iot.CertificateValidationException(texts.ca_certificates.NOT_A_CA)
    unfit = x509.unfit_authority(ca)
    if unfit is not None:
        raise iot.CertificateValidationException(texts.certificates.never_connects(unfit))
    if mode == "DEFAULT":
        _verify(tx, call, ca, request.verification_certificate)
    _keep(tx, call, request, ca, mode)
    name = _arn(call, ca.certificate_id)
    stored_tags.put(tx, call.scope, name, tags.as_map(request.tags))
    tx.effects.append(CertificateTrusted(ca.pem, authority=True))
    return iot.RegisterCACertificateResponse(certificate_arn=name, certificate_id=ca.certificate_id)


def describe_ca_certificate(
    tx: Tx, call: Call, request: iot.DescribeCACertificateRequest
) -> iot.DescribeCACertificateResponse:
    """``customerVersion`` counts the changes."""
    found = _found(tx, call, request.certificate_id)
    return iot.DescribeCACertificateResponse(
        certificate_description=iot.CACertificateDescription(
            certificate_arn=_arn(call, found.certificate_id),
            certificate_id=found.certificate_id,
            status=found.status,
            certificate_pem=found.pem,
            owned_by=call.account,
            creation_date=found.created_at / 1000,
            auto_registration_status="ENABLE" if found.auto_registration else "DISABLE",
            last_modified_date=found.updated_at / 1000,
            customer_version=found.version,
            generation_id=found.uuid,
            validity=iot.CertificateValidity(not_before=found.not_before / 1000, not_after=found.not_after / 1000),
            certificate_mode=found.mode,
        ),
        registration_config=config_of(found.registration_config),
    )


def update_ca_certificate(tx: Tx, call: Call, request: iot.UpdateCACertificateRequest) -> None:
    """Change status, auto-registration or its configuration; what is not named stays."""
    wrong = _config_problems(request.registration_config)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    _require_template(tx, call, request.registration_config)
    found = _found(tx, call, request.certificate_id)
    status = request.new_status or found.status
    automatic = found.auto_registration
    if request.new_auto_registration_status is not None:
        automatic = int(request.new_auto_registration_status == "ENABLE")
    config = _encoded(request.registration_config) or found.registration_config
    if request.remove_auto_registration:
        automatic, config = 0, None
    if (status, automatic, config) != (found.status, found.auto_registration, found.registration_config):
        ca_certificates.update(
            tx, found, status=status, auto_registration=automatic, registration_config=config, now=call.now
        )


def delete_ca_certificate(
    tx: Tx, call: Call, request: iot.DeleteCACertificateRequest
) -> iot.DeleteCACertificateResponse:
    """Not while it is ACTIVE. Certificates registered under it stay, and go on connecting."""
    found = _found(tx, call, request.certificate_id)
    if found.status == "ACTIVE":
        raise iot.CertificateStateException(texts.ca_certificates.ca_certificate_active(found.certificate_id))
    certificates.outlive_ca(tx, call.scope, found.certificate_id)
    ca_certificates.delete(tx, found.id)
    stored_tags.delete_all(tx, call.scope, _arn(call, found.certificate_id))
    tx.effects.append(TrustWithdrawn())
    return iot.DeleteCACertificateResponse()


def list_ca_certificates(tx: Tx, call: Call, request: iot.ListCACertificatesRequest) -> iot.ListCACertificatesResponse:
    """From new to old unless ascending order is asked for; all, or those that name a provisioning template."""
    template = request.template_name
    rows, marker = by_age(
        ["ListCACertificates", call.scope, template or ""],
        request,
        upward=lambda after, limit: ca_certificates.page(tx, call.scope, after, limit, template),
        downward=lambda before, limit: ca_certificates.page_newest(tx, call.scope, before, limit, template),
        size=_PAGE,
    )
    listed = [
        iot.CACertificate(
            certificate_arn=_arn(call, row.certificate_id),
            certificate_id=row.certificate_id,
            status=row.status,
            creation_date=row.created_at / 1000,
        )
        for row in rows
    ]
    return iot.ListCACertificatesResponse(certificates=listed, next_marker=marker)


# --- for certificates -----------------------------------------------------------------------------------------------


def issuer(tx: Tx, call: Call, certificate: x509.Certificate, ca_pem: str | None) -> Issuer:
    """The ACTIVE authority of this scope that signed a certificate; ``ca_pem`` says which of those with one name.

    Raises:
        CertificateValidationException: it is not registered, or has not signed it.
        CertificateConflictException: several may have, and none was named.
        CertificateStateException: it is INACTIVE.
    """
    candidates = [ca for ca in ca_certificates.of_subject(tx, certificate.issuer_key) if ca.scope == call.scope]
    if ca_pem is not None:
        named = _readable(ca_pem, texts.ca_certificates.CA_CERTIFICATE_UNREADABLE)
        if not x509.signed_by(certificate, named):
            raise iot.CertificateValidationException(texts.ca_certificates.NOT_SIGNED_BY_THE_CA)
        candidates = [ca for ca in candidates if ca.certificate_id == named.certificate_id]
    elif len(candidates) > 1:
        raise iot.CertificateConflictException(texts.ca_certificates.CA_AMBIGUOUS)
    if not candidates or not x509.signed_by(certificate, x509.parse(candidates[0].pem)):
        raise iot.CertificateValidationException(texts.ca_certificates.CA_NOT_REGISTERED)
    if candidates[0].status != "ACTIVE":
        raise iot.CertificateStateException(texts.ca_certificates.ca_certificate_inactive(candidates[0].certificate_id))
    return candidates[0]


# --- details --------------------------------------------------------------------------------------------------------


def _problems(request: iot.RegisterCACertificateRequest, mode: str) -> list[str]:
    wrong = _config_problems(request.registration_config)
    if mode == "SNI_ONLY" and request.verification_certificate is not None:
        wrong.append(texts.ca_certificates.VERIFICATION_IN_SNI_MODE)
    if mode == "DEFAULT" and request.verification_certificate is None:
        wrong.append(texts.ca_certificates.VERIFICATION_MISSING)
    return wrong


def _config_problems(config: iot.RegistrationConfig | None) -> list[str]:
    if config is None:
        return []
    wrong = [] if checks.is_role(config.role_arn) else [texts.placeholders.role_invalid(config.role_arn or "")]
    if config.template_body is None:
        return wrong
    if config.template_name is not None:
        wrong.append(texts.provisioning.TEMPLATE_NAMED_AND_GIVEN)
    return wrong + provisioning_templates.body_problems(config.template_body, Kind.JITP)


def _require_template(tx: Tx, call: Call, config: iot.RegistrationConfig | None) -> None:
    if config is None or config.template_name is None:
        return
    found = provisioning_templates.named(tx, call, config.template_name)
    if found.type != Kind.JITP:
        raise iot.InvalidRequestException(texts.provisioning.not_jitp(found.name))


def _readable(pem: str | None, complaint: str) -> x509.Certificate:
    try:
        return x509.parse(pem or "")
    except x509.InvalidCertificateError as error:
        raise iot.CertificateValidationException(complaint) from error


def _verify(tx: Tx, call: Call, ca: x509.Certificate, pem: str | None) -> None:
    verification = _readable(pem, texts.ca_certificates.VERIFICATION_UNREADABLE)
    if not x509.signed_by(verification, ca):
        raise iot.CertificateValidationException(texts.ca_certificates.VERIFICATION_NOT_SIGNED)
    known = ca_certificates.code(tx, call.scope)
    if known is None or verification.subject.get("CommonName") != [known]:
        raise iot.RegistrationCodeValidationException(texts.ca_certificates.REGISTRATION_CODE_DIFFERS)


def _keep(tx: Tx, call: Call, request: iot.RegisterCACertificateRequest, ca: x509.Certificate, mode: str) -> None:
    alike = ca_certificates.of_subject(tx, ca.subject_key)
    if any(_taken(call, other, ca.certificate_id, mode) for other in alike):
        raise iot.ResourceAlreadyExistsException(
            texts.ca_certificates.CA_CERTIFICATE_EXISTS,
            resource_id=ca.certificate_id,
            resource_arn=_arn(call, ca.certificate_id),
        )
    most = call.limits.ca_certificates_per_subject
    if sum(other.scope == call.scope for other in alike) >= most:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("CA certificates with one subject", most))
    ca_certificates.insert(
        tx,
        call.scope,
        ca_certificates.NewCACertificate(
            certificate_id=ca.certificate_id,
            uuid=call.ids.uuid(),
            pem=ca.pem,
            subject_key=ca.subject_key,
            status="ACTIVE" if request.set_as_active else "INACTIVE",
            mode=mode,
            auto_registration=int(bool(request.allow_auto_registration)),
            registration_config=_encoded(request.registration_config),
            not_before=ca.not_before,
            not_after=ca.not_after,
            created_at=call.now,
        ),
    )


def _taken(call: Call, other: Issuer, certificate_id: str, mode: str) -> bool:
    """Whether a CA stands in the way: the same of this scope, or of another account if both are in DEFAULT mode."""
    if other.certificate_id != certificate_id:
        return False
    return other.scope == call.scope or (other.region == call.region and other.mode == mode == "DEFAULT")


def _found(tx: Tx, call: Call, certificate_id: str | None) -> CACertificate:
    wanted = (certificate_id or "").lower()
    found = ca_certificates.get(tx, call.scope, wanted)
    if found is None:
        raise iot.ResourceNotFoundException(texts.ca_certificates.ca_certificate_missing(wanted))
    return found


def _encoded(config: iot.RegistrationConfig | None) -> str | None:
    return None if config is None else msgspec.json.encode(config).decode()


def config_of(text: str | None) -> iot.RegistrationConfig | None:
    """What is stored of a ``registrationConfig``."""
    return None if text is None else msgspec.json.decode(text, type=iot.RegistrationConfig)


def _image(tx: Tx, call: Call, request: Any) -> Image:
    """What the audit log shows of the certificate that a request names."""
    found = ca_certificates.get(tx, call.scope, (request.certificate_id or "").lower())
    return {} if found is None else {"status": found.status}


def _arn(call: Call, certificate_id: str) -> str:
    return call.arn(f"cacert/{certificate_id}")


HANDLERS: Handlers = {
    ("iot", "GetRegistrationCode"): Write(get_registration_code),
    ("iot", "DeleteRegistrationCode"): Write(delete_registration_code),
    ("iot", "RegisterCACertificate"): Write(register_ca_certificate),
    ("iot", "DescribeCACertificate"): Read(describe_ca_certificate),
    ("iot", "UpdateCACertificate"): Write(update_ca_certificate, image=_image),
    ("iot", "DeleteCACertificate"): Write(delete_ca_certificate, image=_image),
    ("iot", "ListCACertificates"): Read(list_ca_certificates),
}

TAGGABLE = {"cacert": tags.named(ca_certificates.get)}
