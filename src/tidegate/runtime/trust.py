"""What the TLS listeners trust, kept in step with the store; and what they serve, kept in step with its files.

They trust our own authority, every registered one, and every certificate that was registered without one and that no
registered authority has signed. What is added is trusted at once. What is taken away is a matter of tidiness, for a
certificate that is not ACTIVE is refused after the handshake whoever trusts it: the store is read again a moment later,
once for all that went in that moment, on a thread.

Where several servers share a store, each leaves its own authorities there, which the others trust, too: what one has
issued gets in everywhere. Each hears from the others what they registered, comes by every ten seconds all the same, and
starts afresh with every look at its own certificate.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificates

from tidegate.clock import Millis, wall_now
from tidegate.files import Seen, seen
from tidegate.ops.effects import Acting, CertificateTrusted, Missed, StoreEmptied, TrustWithdrawn
from tidegate.pki.certificates import InvalidCertificateError, to_pem
from tidegate.pki.chains import Chain, check
from tidegate.pki.tls import DEFAULT, Authorities, Suites, TrustStore
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.unit import Unit
from tidegate.store import ca_certificates, certificates, server_authorities
from tidegate.store.database import Lane, StoreError, Tx, in_lane

log = logging.getLogger("tidegate.tls")

RENEWAL_S: Final = 3600.0
"""Between two looks at how long the server's own certificate lasts."""
_GLANCE_S: Final = 1.0
"""Between two looks at whether files changed."""
_TIDY_S: Final = 1.0
_LOOK_S: Final = 10.0
_PAGE: Final = 1000
_OVERLAP: Final = 64
"""Ids are given before a commit: a row may appear below one that is known."""

_Read = Callable[[Tx, int, int], list[tuple[int, str]]]
_KINDS: Final[tuple[_Read, ...]] = (certificates.registered, ca_certificates.registered, server_authorities.published)
_LEAVES: Final = 0


class Credentials(NamedTuple):
    """What the data directory holds: PEM of our authorities, and the server's certificates."""

    trusted: str
    chains: tuple[Chain, ...]


class Trust:
    """Lives on the event loop. ``start`` it, then take listeners from ``store``."""

    def __init__(
        self,
        unit: Unit,
        own: Callable[[], Credentials],
        *,
        watched: Sequence[Path] = (),
        beside: Mapping[str, Sequence[Chain]] = MappingProxyType({}),
        suites: Suites = "modern",
        tidy_s: float = _TIDY_S,
        now: Callable[[], Millis] = wall_now,
    ) -> None:
        """``own`` reads what the data directory holds, made again if it is time; it looks again if ``watched`` change.

        ``beside`` are operators' certificates by the name of the listener, "" for all that have none of their own.
        """
        self._unit = unit
        self._read_own = own
        self._beside = {name: tuple(chains) for name, chains in beside.items()}
        self._suites: Suites = suites
        self._tidy_s = tidy_s
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._files = [*watched, *_paths(chain for chains in self._beside.values() for chain in chains)]
        self._seen: Seen = ()
        self._served: dict[str, Seen] = {}
        self._kinds: dict[str, tuple[str, ...]] = {}
        self._authorities = Authorities()
        self._arrived: list[CertificateTrusted] | None = None
        self._latest = [0] * len(_KINDS)
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
        self._seen = seen(self._files)
        self._own = await asyncio.to_thread(self._read_own)
        served = self._wanted()
        for name, chains in served.items():
            self._kinds[name] = check(chains, self._now())
            self._served[name] = seen(_paths(chains))
        self.store = TrustStore(served.pop(DEFAULT), [self._own.trusted], beside=served, suites=self._suites)
        self._unit.subscribe(
            Acting(
                {
                    CertificateTrusted: self._trusted,
                    TrustWithdrawn: self._withdrawn,
                    Missed: self._withdrawn,
                    StoreEmptied: self._withdrawn,
                }
            )
        )
        await self.reload()
        self._tasks.add(self._loop.create_task(self._every(RENEWAL_S, self.renew)))
        self._tasks.add(self._loop.create_task(self._watch()))
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
                if self._unit.shared:
                    await self._publish()
                leaves, *others = [await self._pems(kind) for kind in range(len(_KINDS))]
                authorities = [pem for pems in others for pem in pems if pem not in self._own.trusted]
                contexts, vouching = await asyncio.to_thread(self._prepare, authorities, leaves)
                self._authorities, self._known = vouching, {*authorities, *leaves}
                self.store.adopt(contexts)
                for effect in self._arrived:
                    self._add(effect)
            finally:
                self._arrived = None

    async def _publish(self) -> None:
        """Leave our authorities in the store, for the other servers to trust."""
        found = {
            each.fingerprint(SHA256()).hex(): to_pem(each)
            for each in load_pem_x509_certificates(self._own.trusted.encode())
        }

        def missing(tx: Tx) -> list[tuple[str, str]]:
            there = {pem for _, pem in server_authorities.published(tx, 0, _PAGE)}
            return [(digest, pem) for digest, pem in found.items() if pem not in there]

        def work(tx: Tx) -> None:
            for digest, pem in missing(tx):
                if server_authorities.put(tx, digest, pem):
                    tx.effects.append(CertificateTrusted(pem, authority=True))

        if await self._unit.read(in_lane(Lane.HOUSE, missing)):
            await self._unit.transact(in_lane(Lane.HOUSE, work))

    async def renew(self) -> None:
        """Look at every file of authorities and certificates, and serve what is new.

        What cannot be served is told, and what was served before stays.
        """
        was = self._own
        self._own = await asyncio.to_thread(self._read_own)
        anew = self._own.trusted != was.trusted
        async with self._busy:
            for name, chains in self._wanted().items():
                changed = await asyncio.to_thread(self._changed, name, chains)
                anew |= changed is not None and self._serve(name, chains, *changed)
        if anew or self._unit.shared:
            await self.reload()

    def _wanted(self) -> dict[str, tuple[Chain, ...]]:
        return {DEFAULT: self._own.chains, **self._beside}

    def _changed(self, name: str, chains: tuple[Chain, ...]) -> tuple[Seen, tuple[str, ...]] | None:
        """How certificates look on disk, and their kinds, if they are other ones than before and can be served."""
        try:
            found = seen(_paths(chains))
            return None if found == self._served[name] else (found, check(chains, self._now()))
        except (InvalidCertificateError, OSError) as error:
            self._kept(name, error)
            return None

    def _serve(self, name: str, chains: tuple[Chain, ...], found: Seen, kinds: tuple[str, ...]) -> bool:
        """Serve certificates; whether that takes new contexts. On the loop: a handshake between the loading of a
        certificate and of its key would fail.
        """
        try:
            self.store.renew(chains, name)
        except OSError as error:  # ssl.SSLError, too
            self._kept(name, error)
            return False
        same = kinds == self._kinds[name]
        self._served[name], self._kinds[name] = found, kinds
        log.info("%s a new certificate", f"{name} serves" if name else "the listeners serve")
        return not same  # a context keeps its certificate of a kind that is gone

    def _kept(self, name: str, error: Exception) -> None:
        told = f"{error}; the previous certificate is served on"
        log.error("a new certificate of %s cannot be served: %s", name or "the listeners", told)

    async def _watch(self) -> None:
        """See what changed on disk, once it has stayed for a second: a certificate and its key change one by one."""
        before = self._seen
        while True:
            await asyncio.sleep(_GLANCE_S)
            found = seen(self._files)
            if found == before and found != self._seen:
                self._seen = found
                await self._try(self.renew)
            before = found

    def look(self) -> None:
        """Begin to look at every file at once (a signal asks for it)."""
        task = self._loop.create_task(self._try(self.renew))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def chains(self, name: str) -> tuple[Chain, ...]:
        """The certificate files that a listener serves."""
        wanted = self._wanted()
        return wanted.get(name, wanted[DEFAULT])

    async def settled(self) -> None:
        """Wait until what was taken away is trusted no more."""
        while self._tidying is not None:
            await asyncio.wait([self._tidying])

    # -- changes --

    def _trusted(self, effect: CertificateTrusted) -> None:
        try:
            self._add(effect)
        except InvalidCertificateError as error:  # OpenSSL reads some certificates more strictly
            log.error("a registered certificate cannot be trusted: %s", error)
            return
        if self._arrived is not None:  # a new store is being built, perhaps without it
            self._arrived.append(effect)

    def _withdrawn(self, _effect: object) -> None:
        self._due = True
        if self._tidying is None:
            self._tidying = self._loop.create_task(self._tidy(), name="tidegate-trust")

    def _add(self, effect: CertificateTrusted) -> None:
        if effect.pem in self._own.trusted or (not effect.authority and self._authorities.vouch_for(effect.pem)):
            return
        if effect.authority and effect.pem not in self._known:
            self._authorities.add(effect.pem)
        self._known.add(effect.pem)
        self.store.add(effect.pem)

    async def _tidy(self) -> None:
        try:
            while self._due:
                await asyncio.sleep(self._tidy_s)
                self._due = False
                await self.reload()
        except (StoreError, InvalidCertificateError) as error:
            self._limited_log.error(
                "what is trusted could not be read again: %s; deleted certificates pass the handshake", error
            )
        finally:
            self._tidying = None

    async def _look(self) -> None:
        """See what other servers have registered."""
        for kind in range(len(_KINDS)):
            for pem in await self._pems(kind, max(0, self._latest[kind] - _OVERLAP)):
                if pem not in self._known:
                    self._add(CertificateTrusted(pem, authority=kind != _LEAVES))

    # -- details --

    async def _pems(self, kind: int, after: int = 0) -> list[str]:
        """What ``_KINDS`` reads of every scope, after an inner id."""
        read = _KINDS[kind]
        found: list[str] = []
        while rows := await self._unit.read(in_lane(Lane.HOUSE, lambda tx, after=after: read(tx, after, _PAGE))):  # type: ignore[misc]
            found += [pem for _, pem in rows]
            after = rows[-1][0]
            self._latest[kind] = max(self._latest[kind], after)
        return found

    def _prepare(self, authorities: list[str], leaves: list[str]) -> tuple[dict[str, ssl.SSLContext], Authorities]:
        vouching = Authorities(authorities)
        alone = [pem for pem in leaves if not vouching.vouch_for(pem)]
        return self.store.prepared([self._own.trusted, *authorities, *alone]), vouching

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._try(act)

    async def _try(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (StoreError, InvalidCertificateError, OSError) as error:
            self._limited_log.error("what TLS listeners trust could not be looked after: %s", error)


def _paths(chains: Iterable[Chain]) -> list[Path]:
    return [path for chain in chains for path in chain]
