"""Clients with an access key, over WebSocket: what their principals' policies allow (device reference 2.9, 8.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tidegate.clock import wall_now
from tidegate.mqtt.plane import Scope, Signer
from tidegate.ops.call import Origin
from tidegate.runtime.access import Identity, Unknown
from tidegate.runtime.service import Service

Allowed = Callable[[str, str], bool]
"""Whether an action (``iot:Publish``) on a resource (``topic/a``, without the head of the ARN) is allowed."""
Authorise = Callable[[Signer, str, str], Awaitable[Allowed | None]]
"""What a signer may do under this client id and from this address; None: not even connect."""

_REMEMBERED = 256


class SignerIdentity:
    """A caller with an access key on one connection."""

    __slots__ = ("__weakref__", "_allowed", "exclusive_thing", "origin", "principal", "scope", "scope_id")

    def __init__(self, signer: Signer, scope_id: int, allowed: Allowed, origin: Origin) -> None:
        self.principal = signer.principal
        self.scope: Scope = signer.scope
        self.scope_id = scope_id
        self.exclusive_thing: str | None = None
        self._allowed = allowed
        self.origin: Origin | None = origin

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        return self._allowed("iot:Connect", f"client/{client_id}")

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        return self._allowed(action, resource)


def by_policies(service: Service) -> Authorise:
    """What the policies of access keys say. Whoever named himself, with authentication off, may do everything."""

    async def authorise(signer: Signer, client_id: str, peer: str) -> Allowed | None:
        if signer.key_id is None:
            return lambda _action, _resource: True
        found = await service.access.holder(signer.key_id)
        if isinstance(found, Unknown) or found.expired(wall_now()):
            return None
        account, region = signer.scope
        return _bound(found, f"arn:{service.settings.partition}:iot:{region}:{account}:", client_id, peer)

    return authorise


def _bound(identity: Identity, prefix: str, client_id: str, peer: str) -> Allowed:
    if identity.unlimited:
        return lambda _action, _resource: True
    context = {"aws:sourceip": (peer,), "iot:clientid": (client_id,)}
    known: dict[tuple[str, str], bool] = {}

    def allowed(action: str, resource: str) -> bool:
        found = known.get((action, resource))
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[action, resource] = identity.allows(action, prefix + resource, context)
        return found

    return allowed
