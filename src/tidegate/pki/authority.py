"""Our certificate authority: created once in the data directory, then it signs server and device certificates.

``ca.pem`` and ``ca.key`` are all there is to it; ``server.pem`` and ``server.key`` are made from them and made again
when they near their end or when a name is missing. Files appear whole or not at all, private keys are readable by their
owner only, and processes that start together agree on one authority. Instants are the wall clock's: certificates are
judged by other machines.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tidegate.clock import Ids, Millis
from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError, PublicKey

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
DEVICE_NOT_AFTER: Final = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Device certificates of AWS run to this instant (device reference 8.5); the authority has to last as long."""
SERVER_LIFETIME: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
BACKDATED: Final = timedelta(minutes=5)
"""Machines whose clocks are a little behind accept a new certificate at once."""

DEVICE_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AWS IoT Certificate")])
"""What AWS writes into certificates it issues without a signing request."""

_CA_NAME: Final = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tidegate"),
        x509.NameAttribute(NameOID.COMMON_NAME, "tidegate device CA"),
    ]
)


class ServerFiles(NamedTuple):
    """Where the server's certificate and key lie; the certificate file ends with the authority's."""

    certificate: Path
    key: Path


class Authority:
    """A certificate with the key to sign others."""

    __slots__ = ("_key", "certificate", "pem")

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.pem = certificates.to_pem(certificate)
        self._key = key

    def issue_device(
        self, public_key: PublicKey, *, now: Millis, ids: Ids, subject: x509.Name = DEVICE_NAME
    ) -> certificates.Certificate:
        """A client certificate for a device's key, valid to ``DEVICE_NOT_AFTER``."""
        usage = _usage(digital_signature=True, key_encipherment=isinstance(public_key, rsa.RSAPublicKey))
        builder = (
            _builder(subject, public_key, now, DEVICE_NOT_AFTER, ids)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        return certificates.from_der(self._sign(builder).public_bytes(serialization.Encoding.DER))

    def issue_for_request(self, csr_pem: str, *, now: Millis, ids: Ids) -> certificates.Certificate:
        """A client certificate for a signing request, with its subject. Raises ``InvalidCertificateError``."""
        request = certificates.parse_csr(csr_pem)
        key = certificates.accepted_key(request.public_key())
        return self.issue_device(key, now=now, ids=ids, subject=request.subject)

    def server_files(self, directory: Path, names: Iterable[str] = (), *, now: Millis, ids: Ids) -> ServerFiles:
        """The server's certificate for localhost and ``names``, made or renewed if need be.

        ``names`` are host names, wildcards or addresses. A certificate is kept while it is ours, names all of them and
        has ``RENEW_BEFORE`` left.
        """
        files = ServerFiles(directory / "server.pem", directory / "server.key")
        wanted = [_general_name(name) for name in dict.fromkeys([*LOCAL_NAMES, *names])]
        with _locked(directory):
            if not self._serves(files, wanted, now):
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = self._issue_server(key.public_key(), wanted, now, ids)
                # The key first: a certificate beside an older key is seen below and made again.
                _write(files.key, certificates.key_pair(key).private_pem, mode=0o600)
                _write(files.certificate, certificates.to_pem(certificate) + self.pem, mode=0o644)
        return files

    def _issue_server(
        self, key: ec.EllipticCurvePublicKey, names: list[x509.GeneralName], now: Millis, ids: Ids
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tidegate server")])
        end = min(_instant(now) + SERVER_LIFETIME, self.certificate.not_valid_after_utc)
        return self._sign(
            _builder(subject, key, now, end, ids)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )

    def _serves(self, files: ServerFiles, wanted: list[x509.GeneralName], now: Millis) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
            key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
            certificate.verify_directly_issued_by(self.certificate)
            present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
            return False
        return (
            key.public_key() == certificate.public_key()
            and set(wanted) <= set(present)
            and certificate.not_valid_before_utc <= _instant(now) < certificate.not_valid_after_utc - RENEW_BEFORE
        )

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.issuer_name(self.certificate.subject)
            .add_extension(authority_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def load_or_create(directory: Path, *, now: Millis, ids: Ids) -> Authority:
    """The authority of a data directory, created with it at first.

    Raises ``InvalidCertificateError`` if its files are damaged or do not belong together: an authority is never
    replaced silently, since that would lock out every device that trusts it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        key = _load_or_create_key(directory / "ca.key", directory / "ca.pem")
        certificate = _load_or_create_certificate(directory / "ca.pem", key, now, ids)
    return Authority(certificate, key)


def _load_or_create_key(path: Path, certificate: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        if certificate.exists():
            raise InvalidCertificateError(f"{certificate} has lost its key {path}")
        key = ec.generate_private_key(ec.SECP256R1())
        _write(path, certificates.key_pair(key).private_pem, mode=0o600)
        return key
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidCertificateError(f"{path} is no private key: {error}") from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise InvalidCertificateError(f"{path} must be an elliptic curve key")
    return loaded


def _load_or_create_certificate(path: Path, key: ec.EllipticCurvePrivateKey, now: Millis, ids: Ids) -> x509.Certificate:
    if not path.exists():
        certificate = _self_signed(key, now, ids)
        _write(path, certificates.to_pem(certificate), mode=0o644)
        return certificate
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise InvalidCertificateError(f"{path} is no certificate: {error}") from None
    if certificate.public_key() != key.public_key():
        raise InvalidCertificateError(f"{path} does not belong to the key beside it")
    return certificate


def _self_signed(key: ec.EllipticCurvePrivateKey, now: Millis, ids: Ids) -> x509.Certificate:
    return (
        _builder(_CA_NAME, key.public_key(), now, DEVICE_NOT_AFTER, ids)
        .issuer_name(_CA_NAME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(digital_signature=True, key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(subject: x509.Name, key: PublicKey, now: Millis, end: datetime, ids: Ids) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        # A UUID is unique and below the 20 bytes RFC 5280 allows; version bits keep it from being zero.
        .serial_number(uuid.UUID(ids.uuid()).int)
        .not_valid_before(_instant(now) - BACKDATED)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(
    *,
    digital_signature: bool,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _instant(now: Millis) -> datetime:
    # Certificates hold whole seconds.
    return datetime.fromtimestamp(now // 1000, UTC)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone among the processes and threads that use this directory."""
    descriptor = os.open(directory / ".pki.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str, *, mode: int) -> None:
    """Replace a file as a whole, durably; it never exists with wider permissions than ``mode``."""
    # One name is enough under the lock, and what a crash left behind is overwritten.
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
