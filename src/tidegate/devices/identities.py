"""Devices on a connection: the holder of a certificate, and whom a custom authorizer let in."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.clock import Millis
from tidegate.mqtt.identity import Scope
from tidegate.ops import identity
from tidegate.ops.call import Origin
from tidegate.runtime.authorizers import Admitted


class DeviceIdentity:
    """The holder of an ACTIVE certificate on one connection; permissions are in memory until they change."""

    __slots__ = (
        "__weakref__",
        "_bound",
        "_connecting",
        "ends_at",
        "enrichment",
        "exclusive_thing",
        "principal",
        "scope",
        "scope_id",
    )
    origin: Origin | None = None

    def __init__(self, device: identity.Device, peer: str, now: Callable[[], Millis], *, ends: bool = True) -> None:
        """``ends``: whether it ends with the certificate's validity."""
        # Few policies look at how a client connects; no other connection has to carry what they look at.
        self._connecting = (device, peer, now) if device.judges_connect else None
        self.principal = device.certificate_id
        self.scope: Scope = (device.account, device.region)
        self.scope_id = device.scope
        self.ends_at = device.not_after if ends else None
        thing = device.thing
        self.exclusive_thing = thing.name if thing is not None and thing.exclusive else None
        self.enrichment = device.enrichment
        self._bound = device.bind(device.client_id, peer, now)

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        bound = self._bound
        if self._connecting is not None:
            device, peer, now = self._connecting
            extra = identity.of_connect(persistent=persistent, will_topic=will_topic)
            bound = device.bind(client_id, peer, now, extra)
            self._connecting = None
        return bound.allows("iot:Connect", f"client/{client_id}")

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        return self._bound.allows(action, resource)


class AdmittedIdentity(DeviceIdentity):
    """A client that a custom authorizer let in; its principal is the one that the authorizer told.

    ``ends_at`` is when it is disconnected, ``refresh_at`` when the authorizer is asked again, both epoch
    ms of the wall clock.
    """

    __slots__ = ("admitted", "refresh_at")

    def __init__(
        self, device: identity.Device, peer: str, now: Callable[[], Millis], admitted: Admitted, refresh_at: Millis
    ) -> None:
        super().__init__(device, peer, now)
        self.admitted = admitted
        self.refresh_at = refresh_at

    @property
    def good_until(self) -> Millis:
        """Until when its authorizer need not be asked, also about a delayed will of a connection that is over."""
        return self.refresh_at if self.ends_at is None else min(self.refresh_at, self.ends_at)
