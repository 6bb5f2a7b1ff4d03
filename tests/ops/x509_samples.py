"""Certificates for tests, made on the spot with P-256 keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tidegate.pki import certificates

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

    def issue(self, public_key_pem: str) -> str:
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


def make_key(rsa_key: bool = False) -> Key:
    return rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())


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
