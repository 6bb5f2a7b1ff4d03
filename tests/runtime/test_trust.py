"""What the TLS listeners trust, through real handshakes, as the store changes."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ops.x509_samples import MakerCA, make_key
from tests.pki.test_tls import IDS, Handshake, Identity
from tidegate.clock import wall_now
from tidegate.ops.call import Call
from tidegate.ops.table import HANDLERS
from tidegate.pki import authority, certificates, tls
from tidegate.runtime import unit as units
from tidegate.runtime.trust import Credentials, Trust
from tidegate.store.database import Database
from tidegate.wire import iot


class Site:
    """Listeners over a store, and the clients that knock at them."""

    def __init__(self, directory: Path, database: Database, call: Call) -> None:
        self.directory = directory
        self.call = call
        self.now = wall_now()
        self.ca = authority.load_or_create(directory, now=self.now, ids=IDS)
        self.unit = units.over(database)
        self.trust = Trust(self.unit, self.own, tidy_s=0, now=lambda: self.now)

    def own(self) -> Credentials:
        return Credentials(self.ca.trusted, self.ca.server_files(self.directory, now=self.now, ids=IDS))

    async def do(self, name: str, **members: Any) -> Any:
        handler, request = HANDLERS["iot", name], iot.OPERATIONS[name].request(**members)
        answer = await self.unit.transact(handler.transaction(self.call, request))
        await self.unit.delivered()
        return answer

    def client(self, who: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca.pem)
        if who is not None:
            context.load_cert_chain(who.path)
        return context

    def admits(self, who: Identity) -> bool:
        try:
            return Handshake(self.trust.store.listener("required"), self.client(who)).certificate_id is not None
        except ssl.SSLError:
            return False

    def served(self) -> bytes | None:
        return Handshake(self.trust.store.listener(), self.client(None)).client.getpeercert(True)

    def leaf(self, maker: MakerCA) -> Identity:
        key = certificates.key_pair(make_key())
        certificate = certificates.parse(maker.leaf("device", key.key))
        path = self.directory / f"{certificate.certificate_id}.pem"
        path.write_text(certificate.pem + key.private_pem)
        return Identity(certificate, path)

    async def enroll(self, maker: MakerCA) -> None:
        await self.do("RegisterCACertificate", ca_certificate=maker.pem, certificate_mode="SNI_ONLY")


@pytest.fixture
def site(tmp_path: Path, database: Database, call: Call) -> Callable[[Callable[[Site], Awaitable[None]]], None]:
    """Runs a scenario on an event loop of its own."""

    def run(scenario: Callable[[Site], Awaitable[None]]) -> None:
        async def whole() -> None:
            made = Site(tmp_path, database, call)
            await made.trust.start()
            try:
                await scenario(made)
            finally:
                await made.trust.stop()

        asyncio.run(whole())

    return run


Play = Callable[[Callable[[Site], Awaitable[None]]], None]


def test_a_certificate_without_authority(site: Play) -> None:
    async def scenario(site: Site) -> None:
        device = site.leaf(MakerCA("nobody"))
        assert not site.admits(device)
        made = await site.do("RegisterCertificateWithoutCA", certificate_pem=device.certificate.pem)
        assert site.admits(device)
        await site.do("DeleteCertificate", certificate_id=made.certificate_id)
        await site.trust.settled()
        assert not site.admits(device)

    site(scenario)


def test_a_registered_authority(site: Play) -> None:
    async def scenario(site: Site) -> None:
        maker, namesake = MakerCA(), MakerCA()
        device, other = site.leaf(maker), site.leaf(namesake)
        assert not site.admits(device)
        await site.enroll(maker)
        assert site.admits(device)
        assert not site.admits(other)
        await site.do("DeleteCACertificate", certificate_id=maker.certificate_id)
        await site.trust.settled()
        assert not site.admits(device)

    site(scenario)


def test_authorities_of_one_name_are_told_apart_by_their_keys(site: Play) -> None:
    async def scenario(site: Site) -> None:
        makers = [MakerCA("same") for _ in range(3)]
        devices = [site.leaf(maker) for maker in makers]
        for maker in makers:
            await site.enroll(maker)
        assert all(site.admits(device) for device in devices)

    site(scenario)


def test_what_was_registered_under_an_authority_outlives_it(site: Play) -> None:
    async def scenario(site: Site) -> None:
        maker = MakerCA()
        device, stranger = site.leaf(maker), site.leaf(maker)
        await site.enroll(maker)
        await site.do("UpdateCACertificate", certificate_id=maker.certificate_id, new_status="ACTIVE")
        await site.do("RegisterCertificate", certificate_pem=device.certificate.pem, status="ACTIVE")
        await site.do("UpdateCACertificate", certificate_id=maker.certificate_id, new_status="INACTIVE")
        assert site.admits(device)
        await site.do("DeleteCACertificate", certificate_id=maker.certificate_id)
        await site.trust.settled()
        assert site.admits(device)
        assert not site.admits(stranger)

    site(scenario)


def test_a_restart_trusts_the_same(site: Play) -> None:
    async def scenario(site: Site) -> None:
        maker = MakerCA()
        under, alone, gone = site.leaf(maker), site.leaf(MakerCA("nobody")), site.leaf(MakerCA("nobody"))
        await site.enroll(maker)
        await site.do("RegisterCertificateWithoutCA", certificate_pem=alone.certificate.pem)
        made = await site.do("RegisterCertificateWithoutCA", certificate_pem=gone.certificate.pem)
        await site.do("DeleteCertificate", certificate_id=made.certificate_id)
        again = Trust(site.unit, site.own)
        await again.start()
        await again.stop()
        site.trust.store = again.store
        assert [site.admits(who) for who in (under, alone, gone)] == [True, True, False]

    site(scenario)


def test_a_leaf_of_a_registered_authority_is_no_anchor(site: Play) -> None:
    async def scenario(site: Site) -> None:
        maker = MakerCA()
        await site.enroll(maker)
        before = site.trust.store.contexts[tls.DEFAULT].cert_store_stats()["x509"]
        for _ in range(3):
            leaf = site.leaf(maker)
            await site.do("RegisterCertificateWithoutCA", certificate_pem=leaf.certificate.pem)
            assert site.admits(leaf)
        assert site.trust.store.contexts[tls.DEFAULT].cert_store_stats()["x509"] == before
        await site.trust.reload()
        assert site.trust.store.contexts[tls.DEFAULT].cert_store_stats()["x509"] == before
        # Without the authority each of them has to stand for itself.
        await site.do("DeleteCACertificate", certificate_id=maker.certificate_id)
        await site.trust.settled()
        assert site.admits(leaf)
        assert site.trust.store.contexts[tls.DEFAULT].cert_store_stats()["x509"] == before + 2

    site(scenario)


def test_what_arrives_while_the_store_is_read_again(site: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Site) -> None:
        device = site.leaf(MakerCA("nobody"))
        prepared, loop = tls.TrustStore.prepared, asyncio.get_running_loop()
        begun, go_on = asyncio.Event(), threading.Event()

        def slowly(self: tls.TrustStore, trusted: Any) -> ssl.SSLContext:
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(20)
            return prepared(self, trusted)

        monkeypatch.setattr(tls.TrustStore, "prepared", slowly)
        reload = asyncio.create_task(site.trust.reload())
        await begun.wait()
        await site.do("RegisterCertificateWithoutCA", certificate_pem=device.certificate.pem)
        assert site.admits(device)  # by the old store
        go_on.set()
        await reload
        assert site.admits(device)  # by the new one

    site(scenario)


def test_another_server_on_the_store(site: Play) -> None:
    async def scenario(site: Site) -> None:
        maker = MakerCA()
        under, alone = site.leaf(maker), site.leaf(MakerCA("nobody"))
        other = Trust(site.unit, site.own)
        site.unit.subscribe = lambda _listener: None  # type: ignore[method-assign]
        await other.start()
        await site.enroll(maker)
        await site.do("RegisterCertificateWithoutCA", certificate_pem=alone.certificate.pem)
        site.trust.store, ours = other.store, site.trust.store
        assert [site.admits(who) for who in (under, alone)] == [False, False]
        await other._look()
        assert [site.admits(who) for who in (under, alone)] == [True, True]
        await other._look()
        await other.stop()
        site.trust.store = ours
        assert site.admits(alone)

    site(scenario)


def test_the_servers_certificate_is_renewed_while_it_runs(site: Play) -> None:
    async def scenario(site: Site) -> None:
        device = site.leaf(MakerCA("nobody"))
        await site.do("RegisterCertificateWithoutCA", certificate_pem=device.certificate.pem)
        first = site.served()
        await site.trust.renew()
        assert site.served() == first
        site.now += int(timedelta(days=368).total_seconds() * 1000)
        # What is made then is not valid yet for the clients of today; what counts is that it is served.
        await site.trust.renew()
        context = site.client(None)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        second = Handshake(site.trust.store.listener(), context).client.getpeercert(True)
        assert second not in (first, None)
        context.load_cert_chain(device.path)
        assert Handshake(site.trust.store.listener("required"), context).certificate_id

    site(scenario)
