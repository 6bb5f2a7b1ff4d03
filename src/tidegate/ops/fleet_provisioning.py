"""Provisioning by claim (reach reference 3): a device that shares its certificate with others gets one of its own.

It is given a certificate in status PENDING_ACTIVATION with an ownership token, good for an hour, and shows the token to
have a template carried out for it. The token is good for the whole hour: a device whose answer was lost asks again and
gets the same. Who did not come back by then leaves nothing: the engine deletes token and certificate (``expire``).
There is a bound on those that wait, certificates of CreateProvisioningClaim included: who has a stolen claim
certificate fills the store no further, and devices, which come back within moments, still get in.

A token belongs to the principal that was given it; in anybody else's hands it is invalid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning import hook, refusals
from tidegate.core.provisioning import plan as planning
from tidegate.core.provisioning import template as language
from tidegate.core.provisioning.plan import Plan
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.core.provisioning.template import CERTIFICATE_ID, Kind
from tidegate.net.hooks import HookFaultError
from tidegate.ops import audit, certificates, provisioning, provisioning_templates
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue, PrincipalChanged
from tidegate.ops.handler import Consulted, Handlers, Prepared, Question
from tidegate.ops.provisioning import Applied
from tidegate.pki import certificates as x509
from tidegate.store import certificates as stored_certificates
from tidegate.store import provisioning as stored
from tidegate.store import provisioning_templates as templates
from tidegate.store.certificates import Certificate
from tidegate.store.database import Tx
from tidegate.wire import iot
from tidegate.wire.errors import WireError

HOOK_SECONDS = 5.0
"""In which a hook must answer (reach reference 3.7)."""
TOKEN_LIFE: Final = 3_600_000
"""Milliseconds (reach reference 3.1)."""
CLAIM_LIFE: Final = 300_000
"""Milliseconds (reach reference 3.1)."""
_TOKEN_LENGTH: Final = 128
_PENDING: Final = "PENDING_ACTIVATION"
EXPIRE_CHUNK: Final = 250
_AT_ONCE: Final = 2
"""Of those that wait too many, so many go for one that comes: there may be more than there should be."""


# --- certificates ---------------------------------------------------------------------------------------------------


class KeysRequest(msgspec.Struct):
    """CreateKeysAndCertificate by a device: what it sends says nothing."""


class SigningRequest(msgspec.Struct):
    """CreateCertificateFromCsr by a device."""

    certificate_signing_request: str


class Offered(NamedTuple):
    """A certificate that waits to be claimed. ``private_key`` (PEM) is None for a device that has one."""

    certificate_id: str
    certificate_pem: str
    private_key: str | None
    token: str


Drop = Callable[[Tx, int, int], list[stored.Gone]]
"""Deletes a scope's oldest so many of a kind."""


def _none(_tx: Tx, _scope: int, _limit: int) -> list[stored.Gone]:
    return []


class Issued(NamedTuple):
    """A certificate that is to be offered, and of which kind others are that have to go for it."""

    certificate: x509.Certificate
    private_key: str | None
    drop: Drop


def _crowd(tx: Tx, call: Call, _request: KeysRequest | SigningRequest | iot.CreateProvisioningClaimRequest) -> Drop:
    """What has to go if as many certificates wait as may: the oldest of the kind of which there are more.

    Asked outside the transaction: a few more are no harm.
    """
    most = call.limits.unclaimed_certificates
    tokens, claims = (count(tx, call.scope, most) for count in (stored.count_tokens, stored.count_claims))
    if tokens + claims < most:
        return _none
    return stored.drop_oldest_tokens if tokens >= claims else stored.drop_oldest_claims


def _make_room(tx: Tx, call: Call, drop: Drop) -> None:
    gone = drop(tx, call.scope, _AT_ONCE)
    tx.effects += [PrincipalChanged(each.scope, each.certificate_id) for each in gone]


def _prepare_keys(call: Call, _request: KeysRequest, drop: Drop) -> Issued:
    issued = certificates.issue_keys(call)
    return Issued(issued.certificate, issued.keys.private_pem, drop)


def _prepare_signature(call: Call, request: SigningRequest, drop: Drop) -> Issued:
    try:
        return Issued(certificates.sign(call, request.certificate_signing_request), None, drop)
    except WireError as error:
        if call.authority is None:
            raise RefusedError(refusals.INTERNAL_FAILURE, error.message) from error
        raise RefusedError(refusals.INVALID_CSR, texts.provisioning.CSR_INVALID) from error


def _offer(tx: Tx, call: Call, _request: KeysRequest | SigningRequest, issued: Issued) -> Offered:
    certificate = issued.certificate
    _make_room(tx, call, issued.drop)
    certificates.keep_issued(tx, call, certificate, _PENDING)
    kept = stored_certificates.get(tx, call.scope, certificate.certificate_id)
    assert kept is not None
    token, end = call.ids.token(_TOKEN_LENGTH), call.now + TOKEN_LIFE
    stored.put_token(tx, call.scope, _digest(token), inner_id=kept.id, owner=call.principal, expires_at=end)
    tx.effects.append(EngineDue(end))
    return Offered(certificate.certificate_id, certificate.pem, issued.private_key, token)


def _digest(token: str) -> str:
    """What is kept of a token, so that nobody who reads the store can use it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


# --- RegisterThing --------------------------------------------------------------------------------------------------


class RegisterRequest(msgspec.Struct):
    """RegisterThing by a device."""

    template_name: str
    token: str
    parameters: dict[str, str]


class Found(NamedTuple):
    """What a request means: the template's body and hook, and the certificate of the token."""

    template: templates.Template
    body: str
    certificate: Certificate


def _look(tx: Tx, call: Call, request: RegisterRequest) -> Found:
    name = request.template_name
    template = templates.get(tx, call.scope, name)
    if template is None or template.type != Kind.FLEET:
        raise RefusedError(refusals.INVALID_TEMPLATE, texts.provisioning.template_unknown(name))
    if not template.enabled:
        raise RefusedError(refusals.INVALID_TEMPLATE, texts.provisioning.template_disabled(name))
    if not request.token:
        raise RefusedError(refusals.INVALID_TOKEN, texts.provisioning.TOKEN_EMPTY)
    token = stored.token(tx, call.scope, _digest(request.token))
    if token is None or token.expires_at <= call.now or token.owner != call.principal:
        raise RefusedError(refusals.INVALID_TOKEN, texts.provisioning.TOKEN_INVALID)
    certificate = stored_certificates.get(tx, call.scope, token.certificate_id)
    version = templates.version(tx, template.id, template.default_version)
    assert certificate is not None
    assert version is not None
    return Found(template, version.body, certificate)


def _question(call: Call, request: RegisterRequest, found: Found) -> Question | None:
    """What the template's hook is asked, if it has one."""
    name = found.template.hook
    if name is None:
        return None
    where = call.hooks.get(name)
    if where is None:  # the server was started without it since the template was made
        detail = f"no --hook names {name}"
        raise RefusedError(refusals.INVOCATION_ERROR, texts.provisioning.HOOK_NOT_PERMITTED, detail=detail)
    asked = hook.Asked(
        claim_certificate_id=call.principal,
        certificate_id=found.certificate.certificate_id,
        certificate_pem=found.certificate.pem,
        template_arn=provisioning_templates.arn(call, found.template.name),
        client_id=call.origin.client_id,
        parameters=request.parameters,
    )
    return Question(where, msgspec.json.encode(asked), HOOK_SECONDS)


def _read(answer: bytes | HookFaultError | None) -> dict[str, str | None]:
    if isinstance(answer, HookFaultError):
        message = texts.provisioning.HOOK_UNREACHED
        raise RefusedError(refusals.INVOCATION_ERROR, message, detail=str(answer)) from answer
    return {} if answer is None else hook.overrides(answer)


def _register(tx: Tx, call: Call, request: RegisterRequest, overrides: Mapping[str, str | None]) -> Applied:
    # Looked up again: while the hook was asked, a certificate may have been deleted or a template disabled.
    found = _look(tx, call, request)
    given = {**request.parameters, **overrides}
    certificate_id = found.certificate.certificate_id
    parsed = language.parse(found.body, Kind.FLEET)
    plan = planning.evaluate(parsed, given, {CERTIFICATE_ID: certificate_id})
    return _applied(tx, call, found, plan)


def _applied(tx: Tx, call: Call, found: Found, plan: Plan) -> Applied:
    meant = plan.certificate
    if meant is None or meant.certificate_id != found.certificate.certificate_id:
        raise _failed(call, texts.provisioning.OTHER_CERTIFICATE)
    try:
        done = provisioning.apply(tx, call, plan, lambda: found.certificate)
    except RefusedError as error:
        raise _failed(call, error.message) from error
    audit.provisioned(tx, call, found.template.name, list(done.arns.values()))
    return done


def _failed(call: Call, reason: str) -> RefusedError:
    message = texts.provisioning.registration_failed(reason, call.ids.uuid())
    return RefusedError(refusals.PROVISIONING_FAILED, message)


# --- claims ---------------------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """A claim certificate, and of which kind others are that have to go for it."""

    issued: certificates.Issued
    drop: Drop


def _prepare_claim(call: Call, _request: iot.CreateProvisioningClaimRequest, drop: Drop) -> Claim:
    return Claim(certificates.issue_keys(call, lasts_ms=CLAIM_LIFE), drop)


def create_provisioning_claim(
    tx: Tx, call: Call, request: iot.CreateProvisioningClaimRequest, claim: Claim
) -> iot.CreateProvisioningClaimResponse:
    """A certificate of five minutes, in no list, that provisions by this template and does nothing else.

    Its policy is none that is stored (``ops.identity``). It ends by both clocks: TLS judges its dates by the wall
    clock, the engine its five minutes by the service's.
    """
    found = provisioning_templates.named(tx, call, request.template_name)
    if found.type != Kind.FLEET:
        raise iot.InvalidRequestException(texts.provisioning.claim_of_jitp(found.name))
    _make_room(tx, call, claim.drop)
    issued, end = claim.issued, call.now + CLAIM_LIFE
    made = issued.certificate
    new = stored.NewClaim(made.certificate_id, found.id, made.pem, made.not_before, made.not_after, end)
    stored.put_claim(tx, call.scope, new)
    tx.effects.append(EngineDue(end))
    return iot.CreateProvisioningClaimResponse(
        certificate_id=made.certificate_id,
        certificate_pem=made.pem,
        key_pair=iot.KeyPair(public_key=issued.keys.public_pem, private_key=issued.keys.private_pem),
        expiration=end / 1000,
    )


# --- what is over ---------------------------------------------------------------------------------------------------


def expire(tx: Tx, now: int) -> None:
    """One step of the engine: forget tokens and claim certificates whose time is over, a bounded number."""
    gone = stored.expire_tokens(tx, now, EXPIRE_CHUNK) + stored.expire_claims(tx, now, EXPIRE_CHUNK)
    tx.effects += [PrincipalChanged(each.scope, each.certificate_id) for each in gone]


CREATE_KEYS: Final = Prepared(_offer, prepare=_prepare_keys, look=_crowd)
CREATE_FROM_CSR: Final = Prepared(_offer, prepare=_prepare_signature, look=_crowd)
HANDLERS: Handlers = {
    ("iot", "CreateProvisioningClaim"): Prepared(create_provisioning_claim, prepare=_prepare_claim, look=_crowd)
}
REGISTER: Final = Consulted(_register, look=_look, question=_question, read=_read)
