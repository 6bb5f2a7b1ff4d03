"""Certificates that register themselves: what the endpoint does about a CONNECT of nobody it knows.

The connection is refused meanwhile; nothing waits for this.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from tidegate.core.provisioning.refusals import RefusedError
from tidegate.ops import just_in_time
from tidegate.ops.call import Origin
from tidegate.ops.just_in_time import Attempt, Awaited
from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store.database import Lane, StoreError, in_lane

log = logging.getLogger("tidegate.mqtt")

_MOST = 64
"""Attempts looked into at once. A device whose attempt is passed over tries again."""


class Registration:
    """Lives on the event loop."""

    def __init__(self, service: Service, outcomes: Counter[tuple[str, str, str]]) -> None:
        """``outcomes`` counts attempts to provision, by ``JustInTime`` and what became of them."""
        self._service = service
        self._outcomes = outcomes
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._under_way: set[asyncio.Task[None]] = set()

    def attempt(self, certificate_der: bytes, server_name: str | None, peer: str) -> None:
        """A client was refused for its certificate; see whether that is to be registered."""
        if len(self._under_way) >= _MOST:
            return
        task = self._loop.create_task(self._register(certificate_der, server_name, peer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Wait for the attempts under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _register(self, certificate_der: bytes, server_name: str | None, peer: str) -> None:
        service = self._service
        try:
            attempt = Attempt(certificates.from_der(certificate_der), server_name, peer)
            if await service.unit.read(in_lane(Lane.HOUSE, lambda tx: just_in_time.is_awaited(tx, attempt))):
                now = service.clock.now()
                awaited = await service.unit.transact(
                    in_lane(Lane.HOUSE, lambda tx: just_in_time.register(tx, attempt, now=now, ids=service.ids))
                )
                if awaited is not None:
                    await self._provision(awaited, peer)
        except (InvalidCertificateError, StoreError) as error:
            self._limited_log.error(
                "a certificate from %s could not be registered: %s; its device will try again", peer, error
            )

    async def _provision(self, awaited: Awaited, peer: str) -> None:
        service, certificate_id = self._service, awaited.certificate.certificate_id
        origin = Origin(edge="mqtt", device=True, source=peer)
        call = service.call_at(awaited.scope, awaited.account, awaited.region, certificate_id, origin)
        try:
            await service.unit.transact(
                in_lane(Lane.HOUSE, lambda tx: just_in_time.provision(tx, call, awaited), call.account)
            )
        except RefusedError as error:
            self._outcomes["provisioning", "JustInTime", error.reason] += 1
            self._limited_log.warning(
                "a device at %s with certificate %s was not provisioned: %s, %s; mend the template of its authority, or"
                " what it names: the device will try again",
                peer,
                certificate_id,
                error.reason,
                error.message,
                kind=error.reason,
            )
        else:
            self._outcomes["provisioning", "JustInTime", "accepted"] += 1
