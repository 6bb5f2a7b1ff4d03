"""Clients with an access key, over WebSocket: what their principals' policies allow (device reference 2.9, 8.1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tidegate.clock import Clock, Millis, wall_now
from tidegate.core import contexts
from tidegate.core.contexts import Place
from tidegate.devices.plane import Signer
from tidegate.devices.server import Server
from tidegate.mqtt import identity as mqtt
from tidegate.mqtt.identity import Scope
from tidegate.ops.call import Origin
from tidegate.runtime.access_keys import AccessKeys, Identity, Unknown
from tidegate.runtime.service import Service
from tidegate.store.database import StoreError

log = logging.getLogger("tidegate.mqtt")

Allowed = Callable[[str, str], bool]
"""Whether an action (``iot:Publish``) on a resource (``topic/a``, without the head of the ARN) is allowed."""


class Grant(NamedTuple):
    """What a signer may do: until ``ends_at`` (epoch ms of the wall clock), while the store says ``source``."""

    allowed: Allowed
    source: bytes = b""
    ends_at: Millis | None = None


Authorise = Callable[[Signer, str, str], Awaitable[Grant | None]]
"""What a signer may do under this client id and from this address; None: not even connect."""

_REMEMBERED = 256
_LOOK_S = 0.5


class SignerIdentity:
    """A caller with an access key on one connection."""

    __slots__ = (
        "__weakref__",
        "_allowed",
        "ends_at",
        "enrichment",
        "exclusive_thing",
        "origin",
        "principal",
        "scope",
        "scope_id",
        "source",
    )

    def __init__(self, signer: Signer, scope_id: int, grant: Grant, origin: Origin) -> None:
        self.principal = signer.principal
        self.scope: Scope = signer.scope
        self.scope_id = scope_id
        self.exclusive_thing: str | None = None
        self.enrichment: tuple[tuple[str, str], ...] = ()
        self.source, self.ends_at = grant.source, grant.ends_at
        self._allowed = grant.allowed
        self.origin: Origin | None = origin

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        return self._allowed("iot:Connect", f"client/{client_id}")

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        return self._allowed(action, resource)


def by_policies(service: Service) -> Authorise:
    """What the policies of access keys say. Whoever named himself, with authentication off, may do everything."""

    async def authorise(signer: Signer, client_id: str, peer: str) -> Grant | None:
        if signer.key_id is None:
            return Grant(lambda _action, _resource: True)
        found = await service.access_keys.holder(signer.key_id)
        if isinstance(found, Unknown) or found.expired(wall_now()):
            return None
        account, region = signer.scope
        prefix = f"arn:{service.settings.partition}:iot:{region}:{account}:"
        bound = _bound(found, prefix, Place(region, peer, signer.tls), client_id, service.clock)
        return Grant(bound, found.source, found.expires_at)

    return authorise


def _bound(identity: Identity, prefix: str, place: Place, client_id: str, clock: Clock) -> Allowed:
    if identity.unlimited:
        return lambda _action, _resource: True
    context: contexts.Values = {}
    known: dict[tuple[str, str], bool] = {}
    passing, second = contexts.passing(identity.keys), -1

    def allowed(action: str, resource: str) -> bool:
        nonlocal second
        if passing or not context:
            now = clock.now()
            if now // 1000 != second:
                second = now // 1000
                known.clear()
                context.update(contexts.of(place, now), **{"iot:clientid": (client_id,)})
        found = known.get((action, resource))
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[action, resource] = identity.allows(action, prefix + resource, context)
        return found

    return allowed


class Watch:
    """Looks twice a second, in one read, at the keys of all clients that are connected.

    A command beside the server, or a restored store, changes them without a word; changes of servers are told.
    """

    def __init__(self, access_keys: AccessKeys, server: Server) -> None:
        self._access_keys = access_keys
        self._server = server
        self._task: asyncio.Task[None] | None = None
        self._troubled = False

    def start(self) -> None:
        """Begin; on the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._every(), name="tidegate-signers")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _every(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
                self._troubled = False
            except StoreError as error:
                if not self._troubled:
                    log.error("the keys of connected clients cannot be looked at: %s; tried again", error)
                self._troubled = True

    async def look(self) -> None:
        """Ask again who those clients are whose key, principal or policies are not what they were."""
        keys = {key_id for _edge, key_id, _identity in self._server.signers()}
        if not keys:
            return
        found = await self._access_keys.sources(keys)

        def changed(key_id: str, identity: mqtt.Identity) -> bool:
            assert isinstance(identity, SignerIdentity)
            return key_id in keys and identity.source != found.get(key_id)

        if any(changed(key_id, identity) for _edge, key_id, identity in self._server.signers()):
            self._access_keys.forget()
            self._server.refresh_signers(changed)
