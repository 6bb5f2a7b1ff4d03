"""Other authorities and other keys, with a kill between any two files."""

from __future__ import annotations

import itertools
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.ops.x509_samples import NOT_AFTER, OwnPki
from tests.pki.test_tls import IDS, Handshake
from tidegate import files
from tidegate.clock import SequentialIds, wall_now
from tidegate.pki import authority, certificates, succession, tls
from tidegate.pki.authority import Authority
from tidegate.pki.certificates import InvalidCertificateError


class KilledError(BaseException):
    """In place of a kill."""


_pool: list[certificates.KeyPair] = []


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA keys take long to make: these tests share theirs, each its first, its second and so on."""
    taken = itertools.count()
    make = certificates.generate_rsa

    def taking() -> certificates.KeyPair:
        index = next(taken)
        if index == len(_pool):
            _pool.append(make())
        return _pool[index]

    monkeypatch.setattr(certificates, "generate_rsa", taking)
    monkeypatch.setattr(os, "fsync", lambda _file: None)


class Devices:
    """What devices have in their hands, and whether a server on the folder lets them in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusts: dict[str, str] = {}
        self.shows: dict[str, Path] = {}

    def present(self) -> Authority:
        return authority.load_or_create(self.folder, now=wall_now(), ids=IDS, rsa_too=True)

    def equip(self, name: str, *, rsa_key: bool = False) -> None:
        """A device gets a certificate and today's ``ca.pem``."""
        key = certificates.generate_rsa() if rsa_key else certificates.generate_p256()
        public = certificates.accepted_key(key.key.public_key())
        signer = self.present()
        issued = signer.issue_device(public, now=wall_now(), ids=IDS)
        self.shows[name] = self.folder / f"{name}-device.pem"
        self.shows[name].write_text(issued.pem + key.private_pem)
        self.trusts[name] = signer.pem

    def connects(self, name: str, *, trusts: str | None = None) -> bool:
        """Each with its certificate; over TLS 1.2 with RSA suites only, too."""
        signer = self.present()
        chains = signer.server_files(self.folder, now=wall_now(), ids=IDS)
        listener = tls.TrustStore(chains, [signer.trusted]).listener("required")
        for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"):
            context = ssl.create_default_context(cadata=self.trusts[trusts or name])
            context.load_cert_chain(self.shows[name])
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
            try:
                Handshake(listener, context)
            except ssl.SSLError:
                return False
        return True


@pytest.fixture
def devices(tmp_path: Path) -> Devices:
    made = Devices(tmp_path)
    made.equip("old", rsa_key=True)
    return made


def rotate(folder: Path) -> None:
    succession.rotate(folder, now=wall_now(), ids=IDS)


def test_old_and_new_devices_connect_all_the_time(devices: Devices) -> None:
    rotate(devices.folder)
    devices.equip("new")
    assert devices.connects("old")
    assert devices.connects("new")
    with pytest.raises(InvalidCertificateError, match="not retired yet: --retire"):
        rotate(devices.folder)
    assert succession.retire(devices.folder) == 2
    assert devices.connects("new")
    assert devices.connects("old", trusts="new")  # with the new ca.pem, by its old certificate
    assert not devices.connects("old")
    assert succession.retire(devices.folder) == 0
    rotate(devices.folder)
    assert devices.connects("new")


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """``kill(n)`` ends the work before its nth change of a name in the folder."""
    left = [10**9]

    def counted(change: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return change(*args, **kwargs)

        return run

    for module, name in ((Path, "replace"), (Path, "unlink"), (os, "link")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))

    def arm(changes: int) -> None:
        left[0] = changes

    yield arm
    left[0] = 10**9


@pytest.mark.parametrize("changes", range(12))
@pytest.mark.parametrize("step", ["rotate", "retire", "bring"])
def test_killed_at_any_place(
    devices: Devices, kill: Callable[[int], None], step: str, changes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is left works, and the same command finishes what was begun."""
    site = OwnPki(tmp_path_factory.mktemp("own")).authority()
    steps: dict[str, Callable[[], Any]] = {
        "rotate": lambda: rotate(devices.folder),
        "retire": lambda: succession.retire(devices.folder),
        "bring": lambda: succession.bring(devices.folder, site, now=wall_now()),
    }
    who = "old"
    if step == "retire":
        rotate(devices.folder)
        devices.equip("new")
        who = "new"
    kill(changes)
    try:
        steps[step]()
        killed = False
    except KilledError:
        killed = True
    kill(10**9)
    assert killed or changes > 4
    assert devices.connects(who)
    assert devices.connects("old", trusts=who)
    devices.equip("later")
    assert devices.connects("later")
    if killed:
        steps[step]()
        devices.equip("last")
        assert devices.connects(who)
        assert devices.connects("last")


def test_an_intermediate_under_an_offline_root(devices: Devices, tmp_path_factory: pytest.TempPathFactory) -> None:
    pki = OwnPki(tmp_path_factory.mktemp("own"))
    succession.bring(devices.folder, pki.authority(), now=wall_now())
    devices.equip("new", rsa_key=True)
    issued = x509.load_pem_x509_certificate(devices.shows["new"].read_bytes())
    assert issued.issuer.rfc4514_string() == "CN=intermediate"
    assert devices.connects("old")
    assert devices.connects("new")
    succession.retire(devices.folder)
    chains = devices.present().server_files(devices.folder, now=wall_now(), ids=IDS)
    sent = x509.load_pem_x509_certificates(chains[0].certificate.read_bytes())
    assert [each.subject.rfc4514_string() for each in sent[1:]] == ["CN=intermediate", "CN=offline root"]
    context = ssl.create_default_context(cadata=pki.root)  # knows the root alone
    context.load_cert_chain(devices.shows["new"])
    listener = tls.TrustStore(chains, [devices.present().trusted]).listener("required")
    assert Handshake(listener, context).certificate_id


def test_before_the_first_start(tmp_path: Path) -> None:
    pki = OwnPki(tmp_path / "own", rsa_key=True)
    succession.bring(tmp_path / "data", pki.authority(), now=wall_now())
    devices = Devices(tmp_path / "data")
    devices.equip("device", rsa_key=True)
    assert devices.connects("device")
    assert devices.present().certificate.subject.rfc4514_string() == "CN=intermediate"


def test_what_is_no_authority(tmp_path: Path) -> None:
    pki = OwnPki(tmp_path / "own")
    data = tmp_path / "data"
    leaf = pki.files().chain
    with pytest.raises(InvalidCertificateError, match="must end with the root"):
        succession.bring(data, leaf, now=wall_now())
    leaf.certificate.write_text(leaf.certificate.read_text() + pki.root)
    with pytest.raises(InvalidCertificateError, match="do not make it an authority"):
        succession.bring(data, leaf, now=wall_now())
    good = pki.authority()
    with pytest.raises(InvalidCertificateError, match="is not the key of"):
        succession.bring(data, good._replace(key=leaf.key), now=wall_now())
    with pytest.raises(InvalidCertificateError, match="too soon"):
        succession.bring(data, good, now=int(NOT_AFTER.timestamp() - 86_400) * 1000)
    with pytest.raises(InvalidCertificateError, match="no authority yet"):
        rotate(tmp_path)
    assert not data.exists() or not list(data.glob("ca*"))


def test_files_are_private_from_the_first(tmp_path: Path) -> None:
    files.create(tmp_path / "key", "x", SequentialIds())
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
