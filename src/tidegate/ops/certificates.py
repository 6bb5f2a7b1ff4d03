"""Certificates of devices (device reference 8.5): issued here, registered under a CA, or brought without one.

A certificate is known by its fingerprint. Only an ACTIVE one connects.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tidegate.core import texts
from tidegate.core.audit import Image
from tidegate.ops import ca_certificates
from tidegate.ops.call import Authority, Call
from tidegate.ops.effects import CertificateTrusted, PrincipalChanged, TrustWithdrawn
from tidegate.ops.handler import Handlers, Prepared, Read, Write
from tidegate.ops.paging import by_age
from tidegate.pki import certificates as x509
from tidegate.store import certificates, policies
from tidegate.store.certificates import CertificateSummary
from tidegate.store.database import Tx
from tidegate.wire import iot

_INTERNAL_STATUSES: Final = ("PENDING_TRANSFER", "PENDING_ACTIVATION")
_PAGE: Final = 25
"""The page of a listing that names no size, where the model says it."""


# --- certificates ---------------------------------------------------------------------------------------------------


class Issued(NamedTuple):
    """A certificate of our own authority with its key pair."""

    certificate: x509.Certificate
    keys: x509.KeyPair


def prepare_keys_and_certificate(call: Call, _request: iot.CreateKeysAndCertificateRequest, _found: None) -> Issued:
    """The slow half of CreateKeysAndCertificate: an RSA key of 2048 bits and our signature."""
    return issue_keys(call)


def create_keys_and_certificate(
    tx: Tx, call: Call, request: iot.CreateKeysAndCertificateRequest, issued: Issued
) -> iot.CreateKeysAndCertificateResponse:
    """The private key leaves with this answer and is kept nowhere."""
    certificate = issued.certificate
    _keep(tx, call, certificate, "ACTIVE" if request.set_as_active else "INACTIVE")
    return iot.CreateKeysAndCertificateResponse(
        certificate_arn=_arn(call, certificate.certificate_id),
        certificate_id=certificate.certificate_id,
        certificate_pem=certificate.pem,
        key_pair=iot.KeyPair(public_key=issued.keys.public_pem, private_key=issued.keys.private_pem),
    )


def prepare_certificate_from_csr(
    call: Call, request: iot.CreateCertificateFromCsrRequest, _found: None
) -> x509.Certificate:
    """Our signature on a device's own key; each call makes another certificate."""
    authority = _authority(call)
    try:
        return x509.parse(authority.issue_for_request(request.certificate_signing_request))
    except x509.InvalidCertificateError as error:
        raise iot.InvalidRequestException(texts.certificates.CSR_UNREADABLE) from error


def create_certificate_from_csr(
    tx: Tx, call: Call, request: iot.CreateCertificateFromCsrRequest, certificate: x509.Certificate
) -> iot.CreateCertificateFromCsrResponse:
    """The private key never left the device."""
    _keep(tx, call, certificate, "ACTIVE" if request.set_as_active else "INACTIVE")
    return iot.CreateCertificateFromCsrResponse(
        certificate_arn=_arn(call, certificate.certificate_id),
        certificate_id=certificate.certificate_id,
        certificate_pem=certificate.pem,
    )


def register_certificate(
    tx: Tx, call: Call, request: iot.RegisterCertificateRequest
) -> iot.RegisterCertificateResponse:
    """A certificate that a registered CA has signed, in that CA's mode. ``status`` outranks ``setAsActive``."""
    status = request.status or ("ACTIVE" if request.set_as_active else "INACTIVE")
    _refuse_internal(status)
    certificate = _readable(request.certificate_pem)
    _refuse_unfit(x509.unfit(certificate))
    issuer = ca_certificates.issuer(tx, call, certificate, request.ca_certificate_pem)
    _refuse_unfit(texts.certificates.WEAKLY_SIGNED if x509.weakly_signed(certificate) else None)
    # The listeners trust the CA, and thereby this certificate.
    _keep(tx, call, certificate, status, mode=issuer.mode, ca=issuer.certificate_id)
    return iot.RegisterCertificateResponse(
        certificate_arn=_arn(call, certificate.certificate_id), certificate_id=certificate.certificate_id
    )


def register_certificate_without_ca(
    tx: Tx, call: Call, request: iot.RegisterCertificateWithoutCARequest
) -> iot.RegisterCertificateWithoutCAResponse:
    """A certificate that its owner brings, from any authority or none; inactive unless told otherwise."""
    status = request.status or "INACTIVE"
    _refuse_internal(status)
    certificate = _readable(request.certificate_pem)
    _refuse_unfit(x509.unfit(certificate))
    _keep(tx, call, certificate, status, mode="SNI_ONLY", registered=True)
    # Not the text of the request: whatever else it holds (the rest of a chain) must not become trusted.
    tx.effects.append(CertificateTrusted(certificate.pem))
    return iot.RegisterCertificateWithoutCAResponse(
        certificate_arn=_arn(call, certificate.certificate_id), certificate_id=certificate.certificate_id
    )


def describe_certificate(
    tx: Tx, call: Call, request: iot.DescribeCertificateRequest
) -> iot.DescribeCertificateResponse:
    """``customerVersion`` counts the changes of status."""
    found = _certificate(tx, call, request.certificate_id)
    return iot.DescribeCertificateResponse(
        certificate_description=iot.CertificateDescription(
            certificate_arn=_arn(call, found.certificate_id),
            certificate_id=found.certificate_id,
            ca_certificate_id=found.ca_certificate_id,
            status=found.status,
            certificate_pem=found.pem,
            owned_by=call.account,
            creation_date=found.created_at / 1000,
            last_modified_date=found.updated_at / 1000,
            customer_version=found.version,
            generation_id=found.uuid,
            validity=iot.CertificateValidity(not_before=found.not_before / 1000, not_after=found.not_after / 1000),
            certificate_mode=found.mode,
        )
    )


def update_certificate(tx: Tx, call: Call, request: iot.UpdateCertificateRequest) -> None:
    """Change the status; its connections are judged anew at once."""
    status = request.new_status
    found = _certificate(tx, call, request.certificate_id)
    _refuse_internal(status)
    if status != found.status:
        certificates.set_status(tx, found.id, status, now=call.now)
        tx.effects.append(PrincipalChanged(call.scope, found.certificate_id))


def delete_certificate(tx: Tx, call: Call, request: iot.DeleteCertificateRequest) -> None:
    """Not while it is ACTIVE or attached to a thing; ``forceDelete`` detaches its policies."""
    found = _certificate(tx, call, request.certificate_id)
    name = _arn(call, found.certificate_id)
    if found.status == "ACTIVE":
        raise iot.CertificateStateException(texts.certificates.certificate_active(found.certificate_id))
    if certificates.things(tx, found.id, limit=1):
        raise iot.DeleteConflictException(texts.certificates.certificate_has_things(name))
    if policies.count_of_target(tx, call.scope, name) and not request.force_delete:
        raise iot.DeleteConflictException(texts.certificates.certificate_has_policies(name))
    policies.detach_all(tx, call.scope, name)
    certificates.delete(tx, found.id)
    tx.effects.append(PrincipalChanged(call.scope, found.certificate_id))
    if found.registered:
        tx.effects.append(TrustWithdrawn())


def list_certificates(tx: Tx, call: Call, request: iot.ListCertificatesRequest) -> iot.ListCertificatesResponse:
    """From new to old unless ascending order is asked for; 25 a page unless another size is."""
    rows, marker = by_age(
        ["ListCertificates", call.scope],
        request,
        upward=lambda after, limit: certificates.page(tx, call.scope, after, limit),
        downward=lambda before, limit: certificates.page_newest(tx, call.scope, before, limit),
        size=_PAGE,
    )
    return iot.ListCertificatesResponse(certificates=_listed(call, rows), next_marker=marker)


def list_certificates_by_ca(
    tx: Tx, call: Call, request: iot.ListCertificatesByCARequest
) -> iot.ListCertificatesByCAResponse:
    """What was registered under a CA; nothing if there is no such CA, for the model knows no error for that."""
    ca = request.ca_certificate_id.lower()
    rows, marker = by_age(
        ["ListCertificatesByCA", call.scope, ca],
        request,
        upward=lambda after, limit: certificates.page_of_ca(tx, call.scope, ca, after, limit),
        downward=lambda before, limit: certificates.page_of_ca_newest(tx, call.scope, ca, before, limit),
    )
    return iot.ListCertificatesByCAResponse(certificates=_listed(call, rows), next_marker=marker)


# --- for provisioning -----------------------------------------------------------------------------------------------


def issue_keys(call: Call, *, lasts_ms: int | None = None) -> Issued:
    """A new key with our signature; for so many milliseconds of the wall clock, or as long as AWS's last. Slow.

    Raises:
        ServiceUnavailableException: there is no authority.
    """
    authority = _authority(call)
    keys = authority.new_keys()
    return Issued(x509.parse(authority.issue(keys.public_pem, lasts_ms=lasts_ms)), keys)


def sign(call: Call, signing_request: str) -> x509.Certificate:
    """Our signature on a signing request (PEM). Slow: for before a transaction.

    Raises:
        InvalidRequestException: it is none that is signed here.
        ServiceUnavailableException: there is no authority.
    """
    authority = _authority(call)
    try:
        return x509.parse(authority.issue_for_request(signing_request))
    except x509.InvalidCertificateError as error:
        raise iot.InvalidRequestException(texts.certificates.CSR_UNREADABLE) from error


def keep_issued(tx: Tx, call: Call, certificate: x509.Certificate, status: str) -> None:
    """Keep a certificate that our authority has signed."""
    _keep(tx, call, certificate, status)


# --- details --------------------------------------------------------------------------------------------------------


def _certificate(tx: Tx, call: Call, certificate_id: str | None) -> certificates.Certificate:
    wanted = (certificate_id or "").lower()
    found = certificates.get(tx, call.scope, wanted)
    if found is None:
        raise iot.ResourceNotFoundException(texts.certificates.certificate_missing(wanted))
    return found


def _authority(call: Call) -> Authority:
    if call.authority is None:
        raise iot.ServiceUnavailableException(texts.certificates.CERTIFICATE_AUTHORITY_MISSING)
    return call.authority


def _readable(pem: str | None) -> x509.Certificate:
    try:
        return x509.parse(pem or "")
    except x509.InvalidCertificateError as error:
        raise iot.CertificateValidationException(texts.certificates.CERTIFICATE_UNREADABLE) from error


def _refuse_unfit(reason: str | None) -> None:
    if reason is not None:
        raise iot.CertificateValidationException(texts.certificates.never_connects(reason))


def _listed(call: Call, rows: list[CertificateSummary]) -> list[iot.Certificate]:
    return [
        iot.Certificate(
            certificate_arn=_arn(call, row.certificate_id),
            certificate_id=row.certificate_id,
            status=row.status,
            certificate_mode=row.mode,
            creation_date=row.created_at / 1000,
        )
        for row in rows
    ]


def _keep(
    tx: Tx,
    call: Call,
    certificate: x509.Certificate,
    status: str,
    *,
    mode: str = "DEFAULT",
    registered: bool = False,
    ca: str | None = None,
) -> None:
    new = certificates.NewCertificate(
        certificate_id=certificate.certificate_id,
        uuid=call.ids.uuid(),
        pem=certificate.pem,
        status=status,
        mode=mode,
        registered=int(registered),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=call.now,
        ca_certificate_id=ca,
    )
    if not certificates.insert(tx, call.scope, new):
        raise iot.ResourceAlreadyExistsException(
            texts.certificates.CERTIFICATE_EXISTS,
            resource_id=new.certificate_id,
            resource_arn=_arn(call, new.certificate_id),
        )


def _refuse_internal(status: str) -> None:
    if status in _INTERNAL_STATUSES:
        raise iot.CertificateStateException(texts.certificates.certificate_status_internal(status))


def _image(tx: Tx, call: Call, request: Any) -> Image:
    """What the audit log shows of the certificate that a request names."""
    found = certificates.get(tx, call.scope, (request.certificate_id or "").lower())
    return {} if found is None else {"status": found.status}


def _arn(call: Call, certificate_id: str) -> str:
    return call.arn(f"cert/{certificate_id}")


HANDLERS: Handlers = {
    ("iot", "CreateKeysAndCertificate"): Prepared(create_keys_and_certificate, prepare=prepare_keys_and_certificate),
    ("iot", "CreateCertificateFromCsr"): Prepared(create_certificate_from_csr, prepare=prepare_certificate_from_csr),
    ("iot", "RegisterCertificate"): Write(register_certificate),
    ("iot", "RegisterCertificateWithoutCA"): Write(register_certificate_without_ca),
    ("iot", "DescribeCertificate"): Read(describe_certificate),
    ("iot", "UpdateCertificate"): Write(update_certificate, image=_image),
    ("iot", "DeleteCertificate"): Write(delete_certificate, image=_image),
    ("iot", "ListCertificates"): Read(list_certificates),
    ("iot", "ListCertificatesByCA"): Read(list_certificates_by_ca),
}
