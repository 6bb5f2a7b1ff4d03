"""Certificates for tests, made on the spot with P-256 keys."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


def _signed(public_key: object, signer: ec.EllipticCurvePrivateKey, subject: str, issuer: str) -> str:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
