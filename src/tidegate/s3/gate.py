"""What the endpoint must ask the server: whose key, may they, what time is it.

The endpoint runs in a process of its own and knows neither the store nor a clock that somebody moves. It asks over a
socket (``asking.py``); ``LocalGate`` is what answers there. An endpoint inside the server's process uses it itself.
"""

from __future__ import annotations

from typing import Protocol

from tidegate.clock import Millis
from tidegate.core import arn
from tidegate.runtime.service import Service
from tidegate.s3.asking import Credential
from tidegate.store import keys


class Authorise(Protocol):
    """Whether a principal may do something to a resource."""

    async def __call__(self, principal: str, action: str, resource_arn: str) -> bool:
        """``action`` as ``s3:GetObject``; both names in full."""
        ...


async def authorise(principal: str, action: str, resource_arn: str) -> bool:
    """Every key may do everything in its own account's buckets."""
    return True


class LocalGate:
    """Answers from the server's own store and clock. Lives on its loop."""

    def __init__(self, service: Service, authorise: Authorise = authorise) -> None:
        self._service = service
        self._authorise = authorise

    async def credential(self, key_id: str, token: str | None) -> Credential | None:
        """The secret and the owner of an access key; None if there is none, or not with this session token."""
        if not key_id.isprintable() or token is not None:
            return None  # every key here is a lasting one
        found = await self._service.unit.read(lambda tx: keys.get(tx, key_id))
        if found is None:
            return None
        named = arn.parse(found.principal)
        account = named.account if named and named.account else self._service.settings.account
        return Credential(found.secret, found.principal, account)

    async def authorise(self, principal: str, action: str, resource_arn: str) -> bool:
        """Whether a principal may."""
        return await self._authorise(principal, action, resource_arn)

    async def now(self) -> Millis:
        """The service's clock, by which its own presigned URLs are judged."""
        return self._service.clock.now()
