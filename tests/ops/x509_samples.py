"""Certificates for tests, made on the spot with P-256 keys."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tidegate.clock import wall_now
from tidegate.pki import certificates
from tidegate.pki.chains import Chain

NOT_BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def self_signed(common_name: str = "device") -> str:
    """A certificate of nobody's authority (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _signed(key.public_key(), key, common_name, common_name)


class SampleAuthority:
    """Signs whatever key it is given."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def new_keys(self) -> certificates.KeyPair:
        return certificates.generate_rsa()

    def issue(self, public_key_pem: str, *, lasts_ms: int | None = None) -> str:
        key = serialization.load_pem_public_key(public_key_pem.encode())
        return _signed(key, self._key, "AWS IoT Certificate", "sample authority")

    def issue_for_request(self, csr_pem: str) -> str:
        request = certificates.parse_csr(csr_pem)
        [subject] = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return _signed(request.public_key(), self._key, str(subject.value), "sample authority")


class MakerCA:
    """An authority that an operator brings: its certificate, what it signs, and proof that its key is at hand."""

    def __init__(self, common_name: str = "maker", *, is_ca: bool = True, rsa_key: bool = False) -> None:
        self.name = common_name
        self._key = make_key(rsa_key)
        self.pem = _signed(self._key.public_key(), self._key, common_name, common_name, ca=is_ca)
        self.certificate_id = certificates.parse(self.pem).certificate_id

    def leaf(self, common_name: str = "device", key: Key | None = None) -> str:
        """A certificate of this authority (PEM)."""
        return _signed((key or make_key()).public_key(), self._key, common_name, self.name)

    def intermediate(self, common_name: str) -> MakerCA:
        """An authority below this one."""
        made = MakerCA(common_name)
        made.pem = _signed(made._key.public_key(), self._key, common_name, self.name, ca=True)
        made.certificate_id = certificates.parse(made.pem).certificate_id
        return made


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make_key(rsa_key: bool = False, *, bits: int = 0) -> Key:
    if rsa_key or bits:
        return rsa.generate_private_key(65537, bits or 2048)
    return ec.generate_private_key(ec.SECP256R1())


class Specimen(NamedTuple):
    """A self-signed certificate with one peculiarity."""

    key: Any = None
    hashed: hashes.HashAlgorithm | None = hashes.SHA256()
    purposes: list[x509.ObjectIdentifier] = []  # noqa: RUF012 - never changed
    usage: str = ""
    critical: bool = False
    ca: bool = False

    def pem(self) -> str:
        return self.saved(self.key or make_key())

    def saved(self, key: Any) -> str:
        made = (
            x509.CertificateBuilder()
            .subject_name(name("specimen"))
            .issuer_name(name("specimen"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOT_BEFORE)
            .not_valid_after(NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
        )
        if self.purposes:
            made = made.add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
        if self.usage:
            made = made.add_extension(_key_usage(self.usage), critical=True)
        if self.critical:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
            made = made.add_extension(unknown, critical=True)
        return certificates.to_pem(made.sign(key, self.hashed))


def _key_usage(name: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{each: each == name for each in names})


def signing_request(common_name: str = "device", key: Key | None = None) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(name(common_name))
    return request.sign(key or make_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _signed(public_key: Any, signer: Key, subject: str, issuer: str, *, ca: bool = False) -> str:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Site(NamedTuple):
    """What an operator brings for a server: a chain of leaf and intermediate, and the root that clients trust."""

    chain: Chain
    root: Path


class OwnPki:
    """A root with an intermediate, which issues certificates for servers on this machine."""

    def __init__(self, directory: Path, *, rsa_key: bool = False) -> None:
        self.directory, self.rsa_key = directory, rsa_key
        directory.mkdir(parents=True, exist_ok=True)
        root_key, self.key = make_key(rsa_key), make_key(rsa_key)
        self.root = _signed(root_key.public_key(), root_key, "offline root", "offline root", ca=True)
        self.intermediate = _signed(self.key.public_key(), root_key, "intermediate", "offline root", ca=True)
        (directory / "root.pem").write_text(self.root)

    def authority(self) -> Chain:
        """The intermediate with its root, and its key."""
        chain = Chain(self.directory / "intermediate.pem", self.directory / "intermediate.key")
        chain.key.write_text(certificates.key_pair(self.key).private_pem)
        chain.certificate.write_text(self.intermediate + self.root)
        return chain

    def files(self, stem: str = "site", *, days: int = 30) -> Site:
        """A certificate that ends ``days`` from now, with its key; files of the same name are replaced."""
        key = make_key(self.rsa_key)
        now = datetime.fromtimestamp(wall_now() / 1000, UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        leaf = (
            x509.CertificateBuilder()
            .subject_name(name("server"))
            .issuer_name(name("intermediate"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        chain = Chain(self.directory / f"{stem}.pem", self.directory / f"{stem}.key")
        chain.key.write_text(certificates.key_pair(key).private_pem)
        chain.certificate.write_text(certificates.to_pem(leaf) + self.intermediate)
        return Site(chain, self.directory / "root.pem")
