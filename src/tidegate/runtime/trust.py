"""What the TLS listeners trust, kept in step with the store; and the server's own certificate, renewed in time.

They trust our own authority, every registered one, and every certificate that was registered without one and that no
registered authority has signed. What is added is trusted at once. What is taken away is a matter of tidiness, for a
certificate that is not ACTIVE is refused after the handshake whoever trusts it: the store is read again a moment later,
once for all that went in that moment, on a thread.

Where several servers share a store, each hears from the others what they registered, comes by every ten seconds all the
same, and starts afresh with every look at its own certificate.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from tidegate.ops.effects import CertificateTrusted, Missed, StoreEmptied, TrustWithdrawn
from tidegate.pki.authority import ServerFiles
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.tls import Authorities, TrustStore, trust
from tidegate.runtime.unit import Unit
from tidegate.sparing import Sparing
from tidegate.store import ca_certificates, certificates
from tidegate.store.database import Lane, StoreError, Tx, in_lane

log = logging.getLogger("tidegate.tls")

RENEWAL_S: Final = 3600.0
"""Between two looks at the server's own certificate."""
_TIDY_S: Final = 1.0
_LOOK_S: Final = 10.0
_PAGE: Final = 1000
_OVERLAP: Final = 64
"""Ids are given before a commit: a row may appear below one that is known."""

_Read = Callable[[Tx, int, int], list[tuple[int, str]]]


class Trust:
    """Lives on the event loop. ``start`` it, then take listeners from ``store``."""

    def __init__(self, unit: Unit, own: str, files: Callable[[], ServerFiles], *, tidy_s: float = _TIDY_S) -> None:
        """``own`` is our authority (PEM); ``files`` finds the server's certificate, made again if it is time."""
        self._unit = unit
        self._own = own
        self._files = files
        self._tidy_s = tidy_s
        self._loop = asyncio.get_running_loop()
        self._sparing = Sparing(log)
        self._served = b""
        self._authorities = Authorities()
        self._arrived: list[CertificateTrusted] | None = None
        self._latest = [0, 0]
        self._known: set[str] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Lock()
        self.store: TrustStore

    async def start(self) -> None:
        """Read what is trusted, before anybody connects.

        Raises:
            StoreError: the store cannot be read.
            InvalidCertificateError: something in it cannot be trusted.
        """
        files = await asyncio.to_thread(self._files)
        self._served = files.certificate.read_bytes()
        self.store = TrustStore(files.certificate, files.key, [self._own])
        self._unit.subscribe(self._act)
        await self.reload()
        self._tasks.add(self._loop.create_task(self._every(RENEWAL_S, self.renew)))
        if self._unit.shared:
            self._tasks.add(self._loop.create_task(self._every(_LOOK_S, self._look)))

    async def stop(self) -> None:
        """Leave things as they are."""
        under_way = [*self._tasks, *([self._tidying] if self._tidying else [])]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)

    async def reload(self) -> None:
        """Trust what the store says now, and nothing else."""
        async with self._busy:
            self._arrived = []
            try:
                authorities, leaves = await self._pems(0), await self._pems(1)
                context, vouching = await asyncio.to_thread(self._prepare, authorities, leaves)
                self._authorities, self._known = vouching, {*authorities, *leaves}
                self.store.adopt(context)
                for effect in self._arrived:
                    self._add(effect)
            finally:
                self._arrived = None

    async def renew(self) -> None:
        """Look at the server's own certificate, and serve the new one if it was made again."""
        files = await asyncio.to_thread(self._files)
        async with self._busy:
            found = files.certificate.read_bytes()
            if found != self._served:
                self.store.renew(files.certificate, files.key)
                self._served = found
                log.info("the server's certificate was renewed")
        if self._unit.shared:
            await self.reload()

    async def settled(self) -> None:
        """Wait until what was taken away is trusted no more."""
        while self._tidying is not None:
            await asyncio.wait([self._tidying])

    # -- changes --

    def _act(self, effects: Sequence[Any]) -> None:
        for effect in effects:
            if isinstance(effect, CertificateTrusted):
                try:
                    self._add(effect)
                except InvalidCertificateError as error:  # OpenSSL reads some certificates more strictly
                    log.error("a registered certificate cannot be trusted: %s", error)
                    continue
                if self._arrived is not None:  # a new store is being built, perhaps without it
                    self._arrived.append(effect)
            elif isinstance(effect, TrustWithdrawn | Missed | StoreEmptied):
                self._due = True
                if self._tidying is None:
                    self._tidying = self._loop.create_task(self._tidy(), name="tidegate-trust")

    def _add(self, effect: CertificateTrusted) -> None:
        if not effect.authority and self._authorities.vouch_for(effect.pem):
            return
        if effect.authority and effect.pem not in self._known:
            self._authorities.add(effect.pem)
        self._known.add(effect.pem)
        trust(self.store.context, effect.pem)

    async def _tidy(self) -> None:
        try:
            while self._due:
                await asyncio.sleep(self._tidy_s)
                self._due = False
                await self.reload()
        except (StoreError, InvalidCertificateError) as error:
            self._sparing.error(
                "what is trusted could not be read again: %s; deleted certificates pass the handshake", error
            )
        finally:
            self._tidying = None

    async def _look(self) -> None:
        """See what other servers have registered."""
        for kind in (0, 1):
            for pem in await self._pems(kind, max(0, self._latest[kind] - _OVERLAP)):
                if pem not in self._known:
                    self._add(CertificateTrusted(pem, authority=kind == 0))

    # -- details --

    async def _pems(self, kind: int, after: int = 0) -> list[str]:
        """Authorities (0) or leaves (1) of every scope, after an inner id."""
        read: _Read = (ca_certificates.registered, certificates.registered)[kind]
        found: list[str] = []
        while rows := await self._unit.read(in_lane(Lane.HOUSE, lambda tx, after=after: read(tx, after, _PAGE))):  # type: ignore[misc]
            found += [pem for _, pem in rows]
            after = rows[-1][0]
            self._latest[kind] = max(self._latest[kind], after)
        return found

    def _prepare(self, authorities: list[str], leaves: list[str]) -> tuple[ssl.SSLContext, Authorities]:
        vouching = Authorities(authorities)
        alone = [pem for pem in leaves if not vouching.vouch_for(pem)]
        return self.store.prepared([self._own, *authorities, *alone]), vouching

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except (StoreError, InvalidCertificateError, OSError) as error:
                self._sparing.error("what TLS listeners trust could not be looked after: %s", error)
