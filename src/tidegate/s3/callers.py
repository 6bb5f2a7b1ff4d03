"""Who a request comes from, and what that lets them do.

* URLs that this server presigned itself are verified whatever ``--auth`` says: signature, and time by the service's
  clock. Each allows what it was signed for and nothing else, so no permission is asked.
* With ``--auth on`` everything else is signed with an access key, and the gate is asked for permission.
* With ``--auth off`` everybody may do everything; of a presigned URL the end of its time is heeded all the same.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tidegate.aws import sigv4
from tidegate.aws.sigv4 import Key, Seal
from tidegate.clock import wall_now
from tidegate.objects.credential import Credential
from tidegate.s3 import chunked, signature
from tidegate.s3.addressing import Target
from tidegate.s3.asking import Gate
from tidegate.s3.errors import S3Error
from tidegate.s3.signature import Signed

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)


class Holder(NamedTuple):
    """Whoever signed with an access key."""

    key_id: str
    token: str | None
    region: str


class Caller(NamedTuple):
    """Who calls. ``holder`` None: nobody's permission needs to be asked."""

    account: str
    holder: Holder | None = None
    seal: Seal | None = None
    """What the chunks of the body are signed with."""
    bounded: bool = False
    """Other accounts' buckets are out of reach."""
    payload: str = sigv4.UNSIGNED_PAYLOAD
    """What the signature says of the body."""


class Callers:
    """Tells who calls."""

    def __init__(
        self, gate: Gate, own: Credential, *, account: str, auth: bool, hosts: tuple[str, ...], movable: bool
    ) -> None:
        """``own`` has the keys of our own URLs, ``hosts`` the host they name; ``movable``: ask for the time."""
        self._gate, self._own, self._account, self._auth = gate, own, account, auth
        self._hosts, self._movable = hosts, movable

    async def caller(self, target: Target) -> Caller:
        """Whose request this is.

        Raises:
            S3Error: it is not signed as it must be, or no longer good.
        """
        signed = signature.parse(target) if self._auth else _perhaps(target)
        if signed is not None and (own := self._own.find(signed.key_id)) is not None:
            return await self._own_url(signed, target, own)
        if not self._auth:
            if signed is not None and signed.presigned:
                signature.check_time(signed, wall_now())
            return Caller(_claimed(self._account, signed))
        if signed is None:
            raise S3Error("AccessDenied")
        return await self._keyholder(signed, target)

    async def _own_url(self, signed: Signed, target: Target, own: Key) -> Caller:
        if not signed.presigned or signed.old:
            raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=signed.key_id)
        if target.hosted:
            raise S3Error("AccessDenied", "A URL of this server has its bucket in the path.")
        signature.verify(signed, own.secret, target, hosts=self._hosts)
        signature.check_time(signed, await self._gate.now() if self._movable else wall_now())
        return Caller(self._account, payload=signed.payload)

    async def _keyholder(self, signed: Signed, target: Target) -> Caller:
        found = await self._gate.credential(signed.key_id, signed.token)
        if found is None:
            if signed.token is not None:
                raise S3Error("InvalidToken")
            raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=signed.key_id)
        # Clients sign with the real time even while a movable clock stands still.
        signature.check_time(signed, wall_now())
        signature.verify(signed, found.secret, target)
        if found.expires_at is not None and found.expires_at <= wall_now():
            raise S3Error("ExpiredToken")
        sealed = signed.payload.startswith(chunked.SIGNED)
        seal = Seal(found.secret, signed.scope, signed.at, signed.value) if sealed else None
        holder = Holder(signed.key_id, signed.token, signed.scope.region)
        return Caller(found.account, holder, seal, bounded=True, payload=signed.payload)


def _perhaps(target: Target) -> Signed | None:
    """The signature where none is needed: one that cannot be read is none."""
    try:
        return signature.parse(target)
    except S3Error:
        return None


def _claimed(own: str, signed: Signed | None) -> str:
    return signed.key_id if signed is not None and _ACCOUNT.fullmatch(signed.key_id) else own
