"""Certificates and the things they speak for (device reference 8.4).

A certificate may be attached to things: plainly to any number, or exclusively to one, and then to nothing else. What
the model also calls a principal, a Cognito identity, can hold policies (``ops.policy_targets``) and no things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from tidegate.core import arn, texts
from tidegate.ops import things
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import following, page
from tidegate.store import certificates
from tidegate.store.database import Tx
from tidegate.wire import iot

EXCLUSIVE: Final = "EXCLUSIVE_THING"
NON_EXCLUSIVE: Final = "NON_EXCLUSIVE_THING"


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


# --- for policies, too ----------------------------------------------------------------------------------------------


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


# --- details --------------------------------------------------------------------------------------------------------


class _Paged(Protocol):
    next_token: str | None
    max_results: int | None


class _OfThing(_Paged, Protocol):
    thing_name: str


class _OfPrincipal(_Paged, Protocol):
    principal: str


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


HANDLERS: Handlers = {
    ("iot", "AttachThingPrincipal"): Write(attach_thing_principal),
    ("iot", "DetachThingPrincipal"): Write(detach_thing_principal),
    ("iot", "ListThingPrincipals"): Read(list_thing_principals),
    ("iot", "ListThingPrincipalsV2"): Read(list_thing_principals_v2),
    ("iot", "ListPrincipalThings"): Read(list_principal_things),
    ("iot", "ListPrincipalThingsV2"): Read(list_principal_things_v2),
}
