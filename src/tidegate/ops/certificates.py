"""Certificates and the things they speak for (device reference 8.4, 8.5).

A certificate is known by its fingerprint. Only an ACTIVE one connects. It may be attached to things: plainly to any
number, or exclusively to one, and then to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from tidegate.core import arn, texts
from tidegate.ops import things
from tidegate.ops.call import Call
from tidegate.ops.effects import CertificateTrusted, PrincipalChanged
from tidegate.ops.handler import Handler, following, page
from tidegate.pki import certificates as x509
from tidegate.store import certificates, policies
from tidegate.store.database import Tx
from tidegate.wire import iot

EXCLUSIVE: Final = "EXCLUSIVE_THING"
NON_EXCLUSIVE: Final = "NON_EXCLUSIVE_THING"

_INTERNAL_STATUSES: Final = ("PENDING_TRANSFER", "PENDING_ACTIVATION")
_PAGE: Final = 25
"""The page of a ListCertificates that names no size; the one listing for which the model says it."""
_NO_COGNITO = "certificates only, no Cognito identities"


# --- certificates ---------------------------------------------------------------------------------------------------


class Issued(NamedTuple):
    """A certificate of our own authority with its key pair."""

    certificate: x509.Certificate
    keys: x509.KeyPair


def prepare_keys_and_certificate(call: Call, _request: iot.CreateKeysAndCertificateRequest) -> Issued:
    """The slow half of CreateKeysAndCertificate: an RSA key of 2048 bits and our signature."""
    if call.authority is None:
        raise iot.ServiceUnavailableException(texts.certificates.CERTIFICATE_AUTHORITY_MISSING)
    keys = x509.generate_rsa()
    return Issued(x509.parse(call.authority.issue(keys.public_pem)), keys)


def create_keys_and_certificate(
    tx: Tx, call: Call, request: iot.CreateKeysAndCertificateRequest, issued: Issued
) -> iot.CreateKeysAndCertificateResponse:
    """The private key leaves with this answer and is kept nowhere."""
    status = "ACTIVE" if request.set_as_active else "INACTIVE"
    certificate = issued.certificate
    _keep(tx, call, certificate, status, registered=False)
    return iot.CreateKeysAndCertificateResponse(
        certificate_arn=_arn(call, certificate.certificate_id),
        certificate_id=certificate.certificate_id,
        certificate_pem=certificate.pem,
        key_pair=iot.KeyPair(public_key=issued.keys.public_pem, private_key=issued.keys.private_pem),
    )


def register_certificate_without_ca(
    tx: Tx, call: Call, request: iot.RegisterCertificateWithoutCARequest
) -> iot.RegisterCertificateWithoutCAResponse:
    """A certificate that its owner brings, from any authority or none; inactive unless told otherwise."""
    status = request.status or "INACTIVE"
    _refuse_internal(status)
    try:
        certificate = x509.parse(request.certificate_pem or "")
    except x509.InvalidCertificateError as error:
        raise iot.CertificateValidationException(texts.certificates.CERTIFICATE_UNREADABLE) from error
    _keep(tx, call, certificate, status, registered=True)
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
            status=found.status,
            certificate_pem=found.pem,
            owned_by=call.account,
            creation_date=found.created_at / 1000,
            last_modified_date=found.updated_at / 1000,
            customer_version=found.version,
            transfer_data=iot.TransferData(),
            generation_id=found.uuid,
            validity=iot.CertificateValidity(not_before=found.not_before / 1000, not_after=found.not_after / 1000),
            certificate_mode=found.mode,
        )
    )


def update_certificate(tx: Tx, call: Call, request: iot.UpdateCertificateRequest) -> None:
    """Change the status; its connections are judged anew at once."""
    status = request.new_status or ""
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


def list_certificates(tx: Tx, call: Call, request: iot.ListCertificatesRequest) -> iot.ListCertificatesResponse:
    """From new to old unless ascending order is asked for; 25 a page unless another size is."""
    rows, marker = by_age(
        ["ListCertificates", call.scope],
        request,
        upward=lambda after, limit: certificates.page(tx, call.scope, after, limit),
        downward=lambda before, limit: certificates.page_newest(tx, call.scope, before, limit),
        size=_PAGE,
    )
    listed = [
        iot.Certificate(
            certificate_arn=_arn(call, row.certificate_id),
            certificate_id=row.certificate_id,
            status=row.status,
            certificate_mode=row.mode,
            creation_date=row.created_at / 1000,
        )
        for row in rows
    ]
    return iot.ListCertificatesResponse(certificates=listed, next_marker=marker)


# --- attachments to things ------------------------------------------------------------------------------------------


def attach_thing_principal(
    tx: Tx, call: Call, request: iot.AttachThingPrincipalRequest
) -> iot.AttachThingPrincipalResponse:
    """Attach a certificate to a thing. Repeating it changes nothing; what contradicts exclusiveness is refused."""
    name = principal_arn(request.principal)
    thing = things.found(tx, call, request.thing_name)
    found = principal(tx, call, name)
    kind = request.thing_principal_type or NON_EXCLUSIVE
    known = certificates.attachment(tx, thing.id, found.id)
    if known is not None and _kind(known) != kind:
        raise iot.InvalidRequestException(texts.certificates.attached_otherwise(str(name), thing.name, _kind(known)))
    if known is None:
        _refuse_second_owner(tx, str(name), found.id, kind)
        certificates.attach(tx, thing.id, found.id, exclusive=kind == EXCLUSIVE)
        tx.effects.append(PrincipalChanged(call.scope, found.certificate_id))
    return iot.AttachThingPrincipalResponse()


def detach_thing_principal(
    tx: Tx, call: Call, request: iot.DetachThingPrincipalRequest
) -> iot.DetachThingPrincipalResponse:
    """Undo an attachment; one that is not there is undone already."""
    name = principal_arn(request.principal)
    thing = things.found(tx, call, request.thing_name)
    found = principal(tx, call, name)
    if certificates.detach(tx, thing.id, found.id):
        tx.effects.append(PrincipalChanged(call.scope, found.certificate_id))
    return iot.DetachThingPrincipalResponse()


def list_thing_principals(
    tx: Tx, call: Call, request: iot.ListThingPrincipalsRequest
) -> iot.ListThingPrincipalsResponse:
    """The certificates of a thing, by ARN."""
    rows, token = _principals(tx, call, "ListThingPrincipals", request, None)
    return iot.ListThingPrincipalsResponse(
        principals=[_arn(call, row.certificate_id) for row in rows], next_token=token
    )


def list_thing_principals_v2(
    tx: Tx, call: Call, request: iot.ListThingPrincipalsV2Request
) -> iot.ListThingPrincipalsV2Response:
    """The same with the type of attachment, which may be a filter."""
    rows, token = _principals(tx, call, "ListThingPrincipalsV2", request, request.thing_principal_type)
    return iot.ListThingPrincipalsV2Response(
        thing_principal_objects=[
            iot.ThingPrincipalObject(
                principal=_arn(call, row.certificate_id), thing_principal_type=_kind(bool(row.exclusive))
            )
            for row in rows
        ],
        next_token=token,
    )


def list_principal_things(
    tx: Tx, call: Call, request: iot.ListPrincipalThingsRequest
) -> iot.ListPrincipalThingsResponse:
    """The things of a certificate, by name."""
    rows, token = _things(tx, call, "ListPrincipalThings", request, None)
    return iot.ListPrincipalThingsResponse(things=[row.name for row in rows], next_token=token)


def list_principal_things_v2(
    tx: Tx, call: Call, request: iot.ListPrincipalThingsV2Request
) -> iot.ListPrincipalThingsV2Response:
    """The same with the type of attachment, which may be a filter."""
    rows, token = _things(tx, call, "ListPrincipalThingsV2", request, request.thing_principal_type)
    return iot.ListPrincipalThingsV2Response(
        principal_thing_objects=[
            iot.PrincipalThingObject(thing_name=row.name, thing_principal_type=_kind(bool(row.exclusive)))
            for row in rows
        ],
        next_token=token,
    )


# --- for both -------------------------------------------------------------------------------------------------------


def principal_arn(text: str | None) -> arn.Arn:
    """A principal as requests name it: the ARN of a certificate. Whether it exists is not looked at."""
    name = arn.parse(text or "")
    if name is None or name.service != "iot" or name.resource_type != "cert":
        raise iot.InvalidRequestException(texts.certificates.NOT_A_CERTIFICATE_ARN)
    return name


def principal(tx: Tx, call: Call, name: arn.Arn) -> certificates.Certificate:
    """The certificate a principal is. Another scope's is as good as none."""
    found = certificates.get(tx, call.scope, name.resource_id) if str(name) == call.arn(name.resource) else None
    if found is None:
        raise iot.ResourceNotFoundException(texts.certificates.certificate_missing(name.resource_id))
    return found


class _Aged(Protocol):
    @property
    def id(self) -> int: ...


class _Marked(Protocol):
    marker: str | None
    page_size: int | None
    ascending_order: bool | None


_Row = TypeVar("_Row", bound=_Aged)
_Read = Callable[[int, int], list[_Row]]


def by_age(
    listing: list[str | int], request: _Marked, *, upward: _Read[_Row], downward: _Read[_Row], size: int | None = None
) -> tuple[list[_Row], str | None]:
    """One page of a listing that is ordered by age, and the marker of the next.

    ``upward(after, limit)`` and ``downward(before, limit)`` read it by inner id; without ``ascendingOrder`` it runs
    from new to old. ``size`` is the page of a request that names none. A position that is a number has a token of
    letters and digits only, which is why it passes the pattern of the model's Marker.
    """
    ascending = bool(request.ascending_order)
    bound = [*listing, ascending]
    start = 0 if ascending else certificates.NEWEST
    wanted = page(bound, token=request.marker, size=request.page_size or size, start=[start])
    rows = (upward if ascending else downward)(int(wanted.position[0]), wanted.size + 1)
    return rows[: wanted.size], following(bound, rows, wanted.size, lambda row: [row.id])


# --- details --------------------------------------------------------------------------------------------------------


class _Paged(Protocol):
    next_token: str | None
    max_results: int | None


class _OfThing(_Paged, Protocol):
    thing_name: str | None


class _OfPrincipal(_Paged, Protocol):
    principal: str | None


def _principals(
    tx: Tx, call: Call, operation: str, request: _OfThing, kind: str | None
) -> tuple[Sequence[certificates.Principal], str | None]:
    thing = things.found(tx, call, request.thing_name)
    listing = [operation, call.scope, thing.id, kind]
    wanted = page(listing, token=request.next_token, size=request.max_results, start=[0])
    after, limit = int(wanted.position[0]), wanted.size + 1
    rows = certificates.of_thing(tx, thing.id, after=after, limit=limit, exclusive=_exclusive(kind))
    return rows[: wanted.size], following(listing, rows, wanted.size, lambda row: [row.id])


def _things(
    tx: Tx, call: Call, operation: str, request: _OfPrincipal, kind: str | None
) -> tuple[Sequence[certificates.AttachedThing], str | None]:
    found = principal(tx, call, principal_arn(request.principal))
    listing = [operation, call.scope, found.id, kind]
    wanted = page(listing, token=request.next_token, size=request.max_results, start=[0])
    after, limit = int(wanted.position[0]), wanted.size + 1
    rows = certificates.things(tx, found.id, after=after, limit=limit, exclusive=_exclusive(kind))
    return rows[: wanted.size], following(listing, rows, wanted.size, lambda row: [row.id])


def _certificate(tx: Tx, call: Call, certificate_id: str | None) -> certificates.Certificate:
    wanted = (certificate_id or "").lower()
    found = certificates.get(tx, call.scope, wanted)
    if found is None:
        raise iot.ResourceNotFoundException(texts.certificates.certificate_missing(wanted))
    return found


def _keep(tx: Tx, call: Call, certificate: x509.Certificate, status: str, *, registered: bool) -> None:
    new = certificates.NewCertificate(
        certificate_id=certificate.certificate_id,
        uuid=call.ids.uuid(),
        pem=certificate.pem,
        status=status,
        mode="SNI_ONLY" if registered else "DEFAULT",
        registered=int(registered),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=call.now,
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


def _refuse_second_owner(tx: Tx, name: str, inner_id: int, kind: str) -> None:
    # Called when the certificate is not attached to the thing in question: whatever it has is another thing.
    others = certificates.things(tx, inner_id, limit=1)
    if others and others[0].exclusive:
        raise iot.InvalidRequestException(texts.certificates.attached_exclusively(name, others[0].name))
    if others and kind == EXCLUSIVE:
        raise iot.InvalidRequestException(texts.certificates.attached_elsewhere(name, others[0].name))


def _kind(exclusive: bool) -> str:
    return EXCLUSIVE if exclusive else NON_EXCLUSIVE


def _exclusive(kind: str | None) -> bool | None:
    return None if kind is None else kind == EXCLUSIVE


def _arn(call: Call, certificate_id: str) -> str:
    return call.arn(f"cert/{certificate_id}")


HANDLERS = {
    ("iot", "CreateKeysAndCertificate"): Handler(create_keys_and_certificate, prepare=prepare_keys_and_certificate),
    ("iot", "RegisterCertificateWithoutCA"): Handler(register_certificate_without_ca),
    ("iot", "DescribeCertificate"): Handler(describe_certificate, reads=True),
    ("iot", "UpdateCertificate"): Handler(update_certificate),
    ("iot", "DeleteCertificate"): Handler(delete_certificate),
    ("iot", "ListCertificates"): Handler(list_certificates, reads=True),
    ("iot", "AttachThingPrincipal"): Handler(attach_thing_principal, partial=_NO_COGNITO),
    ("iot", "DetachThingPrincipal"): Handler(detach_thing_principal, partial=_NO_COGNITO),
    ("iot", "ListThingPrincipals"): Handler(list_thing_principals, reads=True),
    ("iot", "ListThingPrincipalsV2"): Handler(list_thing_principals_v2, reads=True),
    ("iot", "ListPrincipalThings"): Handler(list_principal_things, reads=True, partial=_NO_COGNITO),
    ("iot", "ListPrincipalThingsV2"): Handler(list_principal_things_v2, reads=True, partial=_NO_COGNITO),
}
