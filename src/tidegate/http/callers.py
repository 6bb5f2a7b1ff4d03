"""Who a request comes from: by its signature, by a client certificate, or, with authentication off, by its own word."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import NamedTuple

from tidegate.aws.sigv4 import Claim, Scope
from tidegate.clock import wall_now
from tidegate.core import arn, texts
from tidegate.http import planes, signatures
from tidegate.http.signatures import Signature
from tidegate.net.http1.messages import Request
from tidegate.runtime.access_keys import Identity, Unknown
from tidegate.runtime.service import Service
from tidegate.wire import iot
from tidegate.wire.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
    WireError,
)

log = logging.getLogger("tidegate.access")

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_REFUSALS: dict[str, type[WireError]] = {
    error.code: error
    for error in (
        IncompleteSignatureException,
        InvalidSignatureException,
        MissingAuthenticationTokenException,
        UnrecognizedClientException,
    )
}


_ELSEWHERE = "Credential should be scoped to the service and the region of the endpoint that the request was sent to. "
_COUNTED = ("IncompleteSignatureException", "InvalidSignatureException", "UnrecognizedClientException")
"""Failures that a guess makes."""


class Caller(NamedTuple):
    """Whose resources a request touches, and in whose name."""

    account: str
    region: str
    principal: str
    identity: Identity | None = None
    """What the caller may do, if it signed with an access key that was verified."""


def claimed(service: Service, claim: Claim | None, region: str | None) -> Caller:
    """The caller a request says it has: what counts with authentication off.

    ``region`` is what the host name says, for requests without a credential scope. A 12-digit access key id names the
    account; any other stands for the server's own.

    Raises:
        InvalidSignatureException: the region is not shaped like one.
    """
    own = service.settings
    if claim is None:
        return _claimed(own.account, own.account, region or own.region)
    return _claimed(own.account, claim.key_id, claim.scope.region)


@lru_cache(maxsize=1024)
def _claimed(own_account: str, key_id: str, region: str) -> Caller:
    if not _REGION.fullmatch(region):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    return Caller(key_id if _ACCOUNT.fullmatch(key_id) else own_account, region, "anonymous")


class Keys:
    """The access keys of a server, as signatures name them."""

    def __init__(self, service: Service) -> None:
        self._access_keys = service.access_keys

    async def find(self, signature: Signature) -> Identity:
        """Who holds the key of a signature, not yet verified; raises ``Unrecognized`` with the reason in a note."""
        found = await self._access_keys.find(signature.claim.key_id, signature.security_token)
        if isinstance(found, Unknown):
            refusal = signatures.Unrecognized()
            refusal.add_note(found.reason)
            raise refusal
        return found

    def used(self, identity: Identity) -> None:
        """Note that a request was signed with a key."""
        self._access_keys.used(identity)

    def failed(self, error: WireError, address: str) -> WireError:
        """Count a failure of an address; what it is told: the error, or that it comes too often."""
        if self._access_keys.failures.throttles(address, guessed=error.code in _COUNTED):
            return iot.ThrottlingException(texts.operators.THROTTLED)
        return error


async def signed(known: Keys, own_account: str, request: Request) -> tuple[Caller, Scope]:
    """The caller whose key signed a request, once the signature is verified.

    Raises:
        WireError: as AWS's front end refuses missing, incomplete and wrong signatures (control reference 1.4);
            ThrottlingException where too many came from one address.
        StoreError: the keys cannot be read.
    """
    try:
        return await _verified(known, own_account, request)
    except WireError as error:
        raise known.failed(error, request.peer.address) from None


async def _verified(known: Keys, own_account: str, request: Request) -> tuple[Caller, Scope]:
    try:
        signature = signatures.parse(request.method, request.raw_path, request.query_string, request.headers)
        if signature is None:
            raise signatures.Missing
        identity = await known.find(signature)
        # Clients sign with the real time even while a movable clock stands still.
        now = wall_now()
        signatures.verify(signature, identity.secret, now_ms=now, body=request.body)
    except signatures.Refusal as refusal:
        raise _as_answer(refusal) from None
    if identity.expired(now):
        raise ExpiredTokenException(texts.operators.TOKEN_EXPIRED)
    scope = signature.claim.scope
    if scope.service not in planes.SIGNING_NAMES:
        raise InvalidSignatureException("Credential should be scoped to correct service: 'iot'. ")
    host, device = request.header(b"host"), request.peer.device
    if planes.contradicts(device=device, host=host, service=scope.service, region=scope.region):
        raise InvalidSignatureException(_ELSEWHERE)
    known.used(identity)
    account, region, principal, _ = owner(own_account, identity.principal, scope.region)
    return Caller(account, region, principal, identity), scope


def _as_answer(refusal: signatures.Refusal) -> WireError:
    error = _REFUSALS[refusal.code](str(refusal))
    for note in getattr(refusal, "__notes__", ()):
        error.add_note(note)
    return error


@lru_cache(maxsize=1024)
def owner(own_account: str, principal: str, region: str) -> Caller:
    if not _REGION.fullmatch(region):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    named = arn.parse(principal)
    return Caller(named.account if named and named.account else own_account, region, principal)
