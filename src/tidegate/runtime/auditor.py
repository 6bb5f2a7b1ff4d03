"""Keeps the audit log: seals what was committed, notes the server's start and stop, tells where the chain ends.

Everything it needs is in the store, so a server that was killed is caught up with by its next start, or by another
server on the store; one of them seals at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
from collections.abc import Mapping
from typing import Any, Final

from tidegate.clock import monotonic, wall_now
from tidegate.core import audit as rules
from tidegate.ops import audit
from tidegate.ops.audit import Entry
from tidegate.pki.vault import Vault
from tidegate.runtime.service import Service
from tidegate.store import audit as stored
from tidegate.store.database import StoreError, Work, locks_rows

log = logging.getLogger("tidegate.audit")

_EVERY_S: Final = 1.0
_REFUSALS_S: Final = 60.0
_HEAD_S: Final = 3600.0


def local_user() -> str:
    """Who runs this process, as the log names it."""
    number = os.getuid()
    try:
        return f"user {pwd.getpwuid(number).pw_name} of {os.uname().nodename}"
    except KeyError:
        return f"user {number} of {os.uname().nodename}"


class Auditor:
    """The part of one server. Lives on its event loop."""

    def __init__(self, service: Service, vault: Vault) -> None:
        self._service = service
        self._vault = vault
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._failing = False

    async def start(self, told: Mapping[str, str]) -> None:
        """Note that the server starts, and how; begin to seal. Raises ``StoreError``."""
        await self.note("StartServer", told)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tidegate-audit")

    async def stop(self) -> None:
        """Note that the server stops, and seal what there is."""
        self._stop.set()
        if self._task is not None:
            await self._task
        try:
            await self._refused()
            await self.note("StopServer", {})
            await self.settle()
            await self._tell()
        except StoreError as error:
            log.error("the end of the server could not be noted in the audit log: %s", error)

    async def settle(self) -> None:
        """Seal everything that is committed, unless another server is at it."""
        prove = self._vault.prove
        work: Work[int] = lambda tx: audit.seal(tx, prove)  # noqa: E731
        while await self._service.unit.transact(locks_rows(work)):
            pass  # between two steps the loop serves whoever waits

    async def note(self, operation: str, told: Mapping[str, Any]) -> None:
        """Leave an entry about the server itself. Raises ``StoreError``."""
        own = self._service.settings
        await self._service.note(
            Entry(
                time=wall_now(),
                account=own.account,
                region=own.region,
                principal=local_user(),
                edge="server",
                operation=f"tidegate:{operation}",
                parameters=rules.parameters(dict(told)),
            )
        )

    async def _refused(self) -> None:
        entry = self._service.refusals.taken()
        if entry is not None:
            await self._service.note(entry)

    async def _tell(self) -> None:
        """Leave the chain's end in the log: who later cuts the chain short is found out by it."""
        head = await self._service.unit.read(stored.head)
        if head != rules.Head():
            log.info("the audit log ends at %s; tidegate audit verify --expect checks that", head)

    async def _run(self) -> None:
        refused_at = told_at = monotonic()
        while not self._stop.is_set():
            now = monotonic()
            try:
                if now - refused_at >= _REFUSALS_S:
                    refused_at = now
                    await self._refused()
                await self.settle()
                if now - told_at >= _HEAD_S:
                    told_at = now
                    await self._tell()
                self._failing = False
            except Exception as error:  # noqa: BLE001 - entries wait in the store; sealing must go on
                if not self._failing:
                    log.error("audit entries cannot be sealed, and wait in the store until they can: %s", error)
                self._failing = True
            await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _EVERY_S)
