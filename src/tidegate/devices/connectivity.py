"""Who is connected, written down for the fleet index (device reference 2.8, 7.4).

A client counts as the thing that its certificate belongs to exclusively, else as the thing its client id names. Comings
and goings are written in the order in which they happen, each in a transaction that shares its commit with others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from tidegate.devices.observer import Connectivity
from tidegate.ops import connectivity
from tidegate.ops.call import Call
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store.database import Lane, StoreError, Tx, in_lane, locks_rows

log = logging.getLogger("tidegate.mqtt")

_AT_ONCE = 200
"""Comings and goings in one transaction."""


class Recorder:
    """Writes down who comes and goes. Lives on the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limited_log = RateLimitedLog(log)
        self._waiting: deque[Connectivity] = deque()
        self._task: asyncio.Task[None] | None = None

    def record(self, what: Connectivity) -> None:
        """Take note of one. Does not wait for the store."""
        self._waiting.append(what)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="tidegate-connectivity")

    async def settled(self) -> None:
        """Wait until everything is written, or was given up."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                for scope in dict.fromkeys(each.scope for each in some):
                    await self._write([each for each in some if each.scope == scope])
        finally:
            self._task = None

    async def _write(self, changes: list[Connectivity]) -> None:
        service, first = self._service, changes[0]
        try:
            call = await service.call(*first.scope, first.principal)
            await service.unit.transact(in_lane(Lane.HOUSE, locks_rows(lambda tx: _record(tx, call, changes))))
        except StoreError as error:
            self._limited_log.error(
                "who is connected could not be stored: %s; the fleet index shows what was before", error
            )


def _record(tx: Tx, call: Call, changes: list[Connectivity]) -> None:
    for each in changes:
        thing_name = each.thing_name or each.client_id
        connectivity.record(tx, call, thing_name, each.connected, each.at, each.reason, each.session)
