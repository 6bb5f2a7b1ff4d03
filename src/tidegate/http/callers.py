"""Who a request comes from: by its signature, by a client certificate, or, with authentication off, by its own word."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tidegate.clock import monotonic, wall_now
from tidegate.core import arn
from tidegate.http import planes, sigv4
from tidegate.http.request import Request
from tidegate.http.sigv4 import Scope, Signature
from tidegate.runtime.service import Service
from tidegate.store import keys
from tidegate.store.keys import AccessKey
from tidegate.wire.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
    WireError,
)

_ACCOUNT = re.compile(r"[0-9]{12}")
_REMEMBERED_S = 1.0
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


class Caller(NamedTuple):
    """Whose resources a request touches, and in whose name."""

    account: str
    region: str
    principal: str


def claimed(service: Service, scope: Scope | None, region: str | None) -> Caller:
    """The caller a request says it has: what counts with authentication off.

    ``region`` is what the host name says, for requests without a credential scope. A 12-digit access key id names the
    account; any other stands for the server's own.

    Raises:
        InvalidSignatureException: the region is not shaped like one.
    """
    own = service.settings
    if scope is None:
        return _claimed(own.account, own.account, region or own.region)
    return _claimed(own.account, scope.access_key_id, scope.region)


@lru_cache(maxsize=1024)
def _claimed(own_account: str, key_id: str, region: str) -> Caller:
    if not _REGION.fullmatch(region):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    return Caller(key_id if _ACCOUNT.fullmatch(key_id) else own_account, region, "anonymous")


class Keys:
    """The access keys of a store, each remembered for a second after it was read.

    A busy caller's key is thus read once a second and not for every request; a key that is taken away is refused a
    second later, a new one accepted at once.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[str, tuple[float, AccessKey]] = {}

    async def find(self, signature: Signature) -> AccessKey:
        """The key of a signature; raises ``Unrecognized``."""
        key_id = signature.scope.access_key_id
        found = self._known.get(key_id)
        if found is not None and found[0] > monotonic():
            key: AccessKey | None = found[1]
        else:
            key = await self._read(key_id)
        # Every key here is a lasting one: a session token belongs to credentials that somebody else made.
        if key is None or signature.security_token:
            raise sigv4.Unrecognized
        return key

    async def _read(self, key_id: str) -> AccessKey | None:
        if not key_id.isprintable():  # a NUL out of a query string is nothing a store could look for
            return None
        key = await self._service.unit.read(lambda tx: keys.get(tx, key_id))
        if key is None:
            self._known.pop(key_id, None)
        else:
            self._known[key_id] = (monotonic() + _REMEMBERED_S, key)
        return key


async def signed(known: Keys, own_account: str, request: Request) -> tuple[Caller, Scope]:
    """The caller whose key signed a request, once the signature is verified.

    Raises:
        WireError: as AWS's front end refuses missing, incomplete and wrong signatures (control reference 1.4).
        StoreError: the keys cannot be read.
    """
    try:
        signature = sigv4.parse(request.method, request.raw_path, request.query_string, request.headers)
        if signature is None:
            raise sigv4.Missing
        key = await known.find(signature)
        # Clients sign with the real time even while a movable clock stands still.
        sigv4.verify(signature, key.secret, now_ms=wall_now(), body=request.body)
    except sigv4.Refusal as refusal:
        raise _REFUSALS[refusal.code](str(refusal)) from None
    scope = signature.scope
    if scope.service not in planes.SIGNING_NAMES:
        raise InvalidSignatureException("Credential should be scoped to correct service: 'iot'. ")
    return _owner(own_account, key.principal, scope.region), scope


@lru_cache(maxsize=1024)
def _owner(own_account: str, principal: str, region: str) -> Caller:
    if not _REGION.fullmatch(region):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    named = arn.parse(principal)
    return Caller(named.account if named and named.account else own_account, region, principal)
