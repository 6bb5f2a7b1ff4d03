"""MQTT clients that a custom authorizer judges (device reference 2.10): once at CONNECT, and again when it says so."""

from __future__ import annotations

from typing import Final

from tidegate.clock import wall_now
from tidegate.core import authorizers
from tidegate.devices.identities import AdmittedIdentity
from tidegate.devices.plane import Shown
from tidegate.mqtt.identity import Identity
from tidegate.ops.identity import Device
from tidegate.runtime.authorizers import Authorizers
from tidegate.runtime.service import Service

_NO_HANDSHAKE: Final = authorizers.Shown(parameters={})


class Authenticate:
    """Finds out who they are."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._authorizers = Authorizers(service)

    async def authenticate(self, shown: Shown, client_id: str, known: Identity | None) -> Identity | None:
        """Who a client is; None if it is not let in, or no longer.

        ``known`` is what it was found to be when it was asked before: that counts until the authorizer is to be asked
        again, or is changed. When the connection ends was said at its beginning.
        """
        before = known if isinstance(known, AdmittedIdentity) else None
        if before is not None and wall_now() < before.good_until and await self._authorizers.stands(before.admitted):
            return before
        handshake = shown.handshake or _NO_HANDSHAKE
        asked = authorizers.Shown(
            parameters={**handshake.parameters, **authorizers.of_username(shown.username)},
            server_name=shown.server_name or handshake.server_name,
            headers=handshake.headers,
            query=handshake.query,
            username=shown.username,
            password=shown.password,
            client_id=client_id,
        )
        admitted = await self._authorizers.admit(asked, shown.peer)
        if admitted is None:
            return None
        verdict, now = admitted.verdict, wall_now()
        ends_at = now + verdict.disconnect_s * 1000 if before is None else before.ends_at
        device = Device(
            scope=admitted.scope,
            account=admitted.account,
            region=admitted.region,
            partition=self._service.settings.partition,
            certificate_id=verdict.principal,
            server_name=shown.server_name,
            client_id=client_id,
            variables={},
            things=(),
            policies=verdict.policies,
            not_after=ends_at,
        )
        refresh_at = now + verdict.refresh_s * 1000
        return AdmittedIdentity(device, shown.peer, self._service.clock.now, admitted, refresh_at)
