"""Our certificate authorities: made once in the data directory, then they sign server and device certificates.

=================== =================================================================================================
``ca.key``          the authority's key; its certificate is the one in ``ca.pem`` that belongs to it
``ca-rsa.key``      that of the RSA one beside it, for clients that know RSA only
``ca-old.key``,     those that came before (``pki.succession``): they go on signing the server's certificates, which
``ca-rsa-old.key``  devices verify, until they are retired
``ca.pem``          what clients need to trust: the certificates of all of these, and what they were signed by
``ca-retired.pem``  authorities that sign no more; what devices have of them still counts
=================== =================================================================================================

``server.pem``, ``server.key`` and ``server-rsa.pem``, ``server-rsa.key`` are made from them, and made again when they
near their end or when a name is missing. Files appear whole or not at all, private keys are readable by their owner
only, and processes that start together agree on one authority. Instants are the wall clock's: certificates are judged
by other machines.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tidegate import files
from tidegate.clock import Ids, Millis
from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError, PublicKey
from tidegate.pki.chains import Chain

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
DEVICE_NOT_AFTER: Final = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Device certificates of AWS run to this instant (device reference 8.5); the authority has to last as long."""
SERVER_LIFETIME: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
BACKDATED: Final = timedelta(minutes=5)
"""Machines whose clocks are a little behind accept a new certificate at once."""

DEVICE_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AWS IoT Certificate")])
"""What AWS writes into certificates it issues without a signing request."""

KEY: Final = "ca.key"
RSA_KEY: Final = "ca-rsa.key"
OLD: Final = {KEY: "ca-old.key", RSA_KEY: "ca-rsa-old.key"}
BUNDLE: Final = "ca.pem"
RETIRED: Final = "ca-retired.pem"
FILES: Final = (KEY, RSA_KEY, *OLD.values(), BUNDLE, RETIRED)


def _named(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tidegate"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


_CA_NAME: Final = _named("tidegate device CA")
_RSA_NAME: Final = _named("tidegate device CA (RSA)")

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Signer(NamedTuple):
    """A certificate with the key to sign others, and what it was signed by itself."""

    certificate: x509.Certificate
    key: SigningKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> str:
        """PEM of its certificate and of those above it."""
        return "".join(map(certificates.to_pem, (self.certificate, *self.above)))

    @property
    def own(self) -> bool:
        """Whether it was made here; others were brought by the operator."""
        return self.certificate.subject in (_CA_NAME, _RSA_NAME)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """A certificate that lasts no longer than this one."""
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            builder.issuer_name(self.certificate.subject)
            .add_extension(authority_key, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def end(self, wanted: datetime) -> datetime:
        """When what it signs may end."""
        return min(wanted, self.certificate.not_valid_after_utc)


class Authority:
    """Signs certificates of devices and of the server.

    ``pem`` is what clients need to trust, ``trusted`` what devices' certificates may be signed by.
    """

    __slots__ = ("_main", "_old", "_old_rsa", "_rsa", "certificate", "pem", "trusted")

    def __init__(self, signers: Mapping[str, Signer], pem: str, retired: str = "") -> None:
        self._main = signers[KEY]
        self._rsa = signers.get(RSA_KEY)
        self._old, self._old_rsa = signers.get(OLD[KEY]), signers.get(OLD[RSA_KEY])
        self.certificate = self._main.certificate
        self.pem = pem
        self.trusted = pem + retired

    def issue_device(
        self,
        public_key: PublicKey,
        *,
        now: Millis,
        ids: Ids,
        subject: x509.Name = DEVICE_NAME,
        end: Millis | None = None,
    ) -> certificates.Certificate:
        """A client certificate for a device's key, valid to ``end`` or ``DEVICE_NOT_AFTER``, within its authority's.

        Devices with RSA keys may know nothing else: RSA signs theirs, unless operators have brought their authority.
        """
        usage = _usage(digital_signature=True, key_encipherment=isinstance(public_key, rsa.RSAPublicKey))
        rsa_signs = isinstance(public_key, rsa.RSAPublicKey) and self._main.own and self._rsa is not None
        signer = self._rsa if rsa_signs and self._rsa is not None else self._main
        builder = (
            _builder(subject, public_key, now, signer.end(DEVICE_NOT_AFTER if end is None else _instant(end)), ids)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        return certificates.from_der(signer.sign(builder).public_bytes(serialization.Encoding.DER))

    def issue_for_request(self, csr_pem: str, *, now: Millis, ids: Ids) -> certificates.Certificate:
        """A client certificate for a signing request, with its subject. Raises ``InvalidCertificateError``."""
        request = certificates.parse_csr(csr_pem)
        key = certificates.accepted_key(request.public_key())
        return self.issue_device(key, now=now, ids=ids, subject=request.subject)

    def server_files(self, directory: Path, names: Iterable[str] = (), *, now: Millis, ids: Ids) -> tuple[Chain, ...]:
        """The server's certificates for localhost and ``names``, made or renewed if need be: EC, then perhaps RSA.

        ``names`` are host names, wildcards or addresses. A certificate is kept while it is ours, names all of them and
        has ``RENEW_BEFORE`` left.
        """
        main = self._old or self._main
        rsa_signer = main if isinstance(main.key, rsa.RSAPrivateKey) else self._old_rsa or self._rsa
        wanted = [_general_name(name) for name in dict.fromkeys([*LOCAL_NAMES, *names])]
        with locked(directory):
            made = [_server(directory / "server", main, wanted, now, ids)]
            if rsa_signer is not None:
                made.append(_server(directory / "server-rsa", rsa_signer, wanted, now, ids, rsa_key=True))
        return tuple(made)


def _server(
    stem: Path, signer: Signer, wanted: list[x509.GeneralName], now: Millis, ids: Ids, *, rsa_key: bool = False
) -> Chain:
    chain = Chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    if not _serves(chain, signer, wanted, now):
        pair = certificates.generate_rsa() if rsa_key else certificates.generate_p256()
        certificate = _issue_server(signer, certificates.accepted_key(pair.key.public_key()), wanted, now, ids)
        # The key first: a certificate beside an older key is seen below and made again.
        files.replace(chain.key, pair.private_pem, mode=0o600)
        files.replace(chain.certificate, certificates.to_pem(certificate) + signer.chain, mode=0o644)
    return chain


def _issue_server(
    signer: Signer, key: PublicKey, names: list[x509.GeneralName], now: Millis, ids: Ids
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tidegate server")])
    # Key encipherment: for clients whose suites have RSA exchange keys.
    usage = _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPublicKey))
    return signer.sign(
        _builder(subject, key, now, signer.end(_instant(now) + SERVER_LIFETIME), ids)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )


def _serves(chain: Chain, signer: Signer, wanted: list[x509.GeneralName], now: Millis) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(chain.certificate.read_bytes())
        key = _loaded(chain.key)
        certificate.verify_directly_issued_by(signer.certificate)
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
        return False
    return (
        key.public_key() == certificate.public_key()
        and set(wanted) <= set(present)
        and certificate.not_valid_before_utc <= _instant(now) < certificate.not_valid_after_utc - RENEW_BEFORE
    )


def load_or_create(directory: Path, *, now: Millis, ids: Ids, rsa_too: bool = False) -> Authority:
    """The authority of a data directory, created with it at first; ``rsa_too``: with an RSA one beside it.

    Raises ``InvalidCertificateError`` if its files are damaged or do not belong together: an authority is never
    replaced silently, since that would lock out every device that trusts it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        _create(directory, KEY, now, ids)
        signers = load(directory)
        if rsa_too and RSA_KEY not in signers and not isinstance(signers[KEY].key, rsa.RSAPrivateKey):
            _create(directory, RSA_KEY, now, ids)
            signers = load(directory)
        pem, retired = directory / BUNDLE, directory / RETIRED
        return Authority(signers, pem.read_text("ascii"), retired.read_text("ascii") if retired.exists() else "")


def load(directory: Path) -> dict[str, Signer]:
    """Every authority whose key is there, by the name of its key's file. Raises ``InvalidCertificateError``."""
    known = bundle(directory)
    found = {}
    for name in (KEY, RSA_KEY, *OLD.values()):
        path = directory / name
        if not path.exists():
            continue
        key = read_key(path)
        fitting = [certificate for certificate in known if certificate.public_key() == key.public_key()]
        if not fitting:
            raise InvalidCertificateError(f"{directory / BUNDLE} does not belong to the key beside it, {path}")
        found[name] = Signer(fitting[0], key, above(fitting[0], known))
    return found


def above(certificate: x509.Certificate, known: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The certificates that one was signed by, up to a root."""
    found: list[x509.Certificate] = []
    while certificate.issuer != certificate.subject:
        signers = [each for each in known if each not in found and certificates.verified(certificate, each)]
        if not signers:
            break
        certificate = signers[0]
        found.append(certificate)
    return tuple(found)


def bundle(directory: Path) -> list[x509.Certificate]:
    """Every certificate in ``ca.pem``; none if it is not there. Raises ``InvalidCertificateError``."""
    path = directory / BUNDLE
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise InvalidCertificateError(f"{path} is no certificate: {error}") from None


def write_bundle(directory: Path, known: Iterable[x509.Certificate]) -> None:
    """Write ``ca.pem``, each certificate once."""
    files.replace(directory / BUNDLE, "".join(dict.fromkeys(map(certificates.to_pem, known))), mode=0o644)


def read_key(path: Path) -> SigningKey:
    """A key that certificates can be signed with. Raises ``InvalidCertificateError``."""
    try:
        loaded = _loaded(path)
    except (ValueError, TypeError) as error:
        raise InvalidCertificateError(f"{path} is no private key: {error}") from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise InvalidCertificateError(f"{path} must be an elliptic curve or RSA key")
    return loaded


def _loaded(path: Path) -> PrivateKeyTypes:
    # Made here, or checked when it was imported: to look for its primes again takes a tenth of a second.
    return serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)


def _create(directory: Path, name: str, now: Millis, ids: Ids) -> None:
    """Make a key and its certificate, or what of the two a crash kept from being written."""
    path, known = directory / name, bundle(directory)
    if path.exists():
        key = read_key(path)
        # An authority's certificate is written after its key: without any, this is its first start.
        complete = any(each.public_key() == key.public_key() for each in known) or (name == KEY and known)
    else:
        subject = _subject(name)
        if any(each.subject == subject for each in known) or (name == KEY and known):
            raise InvalidCertificateError(f"{directory / BUNDLE} has lost its key {path}")
        key, complete = new_key(name), False
        files.replace(path, certificates.key_pair(key).private_pem, mode=0o600)
    if not complete:
        write_bundle(directory, [*known, self_signed(name, key, now, ids)])


def new_key(name: str) -> SigningKey:
    """A key of the kind that a file of this name holds when it is made here."""
    return (certificates.generate_rsa() if name == RSA_KEY else certificates.generate_p256()).key


def self_signed(name: str, key: SigningKey, now: Millis, ids: Ids) -> x509.Certificate:
    """An authority's certificate of our own making."""
    subject = _subject(name)
    return (
        _builder(subject, key.public_key(), now, DEVICE_NOT_AFTER, ids)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(digital_signature=True, key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _subject(name: str) -> x509.Name:
    return _RSA_NAME if name == RSA_KEY else _CA_NAME


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
def locked(directory: Path) -> Iterator[None]:
    """Alone among the processes and threads that use this directory."""
    descriptor = os.open(directory / ".pki.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
