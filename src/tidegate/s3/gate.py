"""What answers the endpoint's questions: the server's own access keys, permissions and clock.

The endpoint runs in a process of its own and knows neither the store nor a clock that somebody moves. It asks over a
socket (``asking.py``), at whose other end this stands. An endpoint inside the server's process uses it itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.clock import Millis
from tidegate.core import arn, contexts, texts
from tidegate.core.contexts import Place
from tidegate.core.iam.decisions import Asked
from tidegate.ops import audit
from tidegate.ops.call import Origin
from tidegate.runtime.access_keys import Identity
from tidegate.runtime.service import Service
from tidegate.s3.asking import Act, AwayError, Credential
from tidegate.store.database import StoreUnavailable


class LocalGate:
    """Answers from the server's own store and clock. Lives on its loop."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def credential(self, key_id: str, token: str | None) -> Credential | None:
        """The secret and the owner of an access key; None if there is none, or not with this session token.

        Raises:
            AwayError: the store cannot be read.
        """
        with _away():
            found = await self._service.access_keys.find(key_id, token)
        if not isinstance(found, Identity):
            return None
        named = arn.parse(found.principal)
        account = named.account if named and named.account else self._service.settings.account
        return Credential(found.secret, found.principal, account, found.expires_at)

    async def authorise(self, key_id: str, token: str | None, action: str, resource: str, place: Place) -> str | None:
        """None if the holder of a key that signed may do something, else the sentence that refuses it.

        ``place`` is where its request came in.

        Raises:
            AwayError: the store cannot be read.
        """
        with _away():
            found = await self._service.access_keys.find(key_id, token)
        if not isinstance(found, Identity):
            return texts.operators.denied(key_id, action, resource, "because its access key is gone")
        self._service.access_keys.used(found)
        if found.unlimited:
            return None
        context = {**found.variables, **contexts.of(place, self._service.clock.now())}
        decision = found.decide(Asked((action,), resource, context))
        if decision.allowed:
            return None
        return texts.operators.denied(found.principal, action, resource, decision.because(action))

    async def note(self, key_id: str, token: str | None, act: Act, place: Place) -> None:
        """Put into the audit log what the holder of a key is about to do; returns once that is durable.

        Raises:
            AwayError: the store cannot take it; it must not be done then.
        """
        with _away():
            found = await self._service.access_keys.find(key_id, token)
        principal = found.principal if isinstance(found, Identity) else "unknown"
        origin = Origin(edge="s3", source=place.address or "", access_key_id=key_id, request_id=act.request_id)
        with _away():
            call = await self._service.call(act.account, place.region or "", principal, origin)
            await self._service.note(audit.asked_outside(call, act.operation, act.resource))

    def refused(self, address: str, who: str, code: str) -> None:
        """Count a refusal for the audit log."""
        self._service.refusals.count(address, who, code)

    async def now(self) -> Millis:
        """The service's clock, by which its own presigned URLs are judged."""
        return self._service.clock.now()


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise AwayError(str(error)) from error
