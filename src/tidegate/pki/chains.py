"""Certificate files that a listener serves: a chain in PEM form, the server's own certificate first, and its key.

A listener may have several, of different kinds of key: OpenSSL takes the one that a client can verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tidegate.clock import Millis
from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError


class Chain(NamedTuple):
    """The file of a certificate with its intermediates, and the file of its key. They may be one."""

    certificate: Path
    key: Path


def check(chains: Sequence[Chain], now: Millis) -> tuple[str, ...]:
    """The kinds of their keys, "RSA" or "EC", if all of them can be served.

    Raises:
        InvalidCertificateError: what is wrong, and with which file.
    """
    kinds = tuple(_kind(chain, now) for chain in chains)
    for chain, kind in zip(chains, kinds, strict=True):
        if kinds.count(kind) > 1:
            raise InvalidCertificateError(f"{chain.certificate}: a listener serves one certificate with an {kind} key")
    return kinds


def authority(chain: Chain, now: Millis) -> list[x509.Certificate]:
    """The certificate of an authority, then those above it up to its root, if it can issue.

    Raises:
        InvalidCertificateError: what is wrong, and with which file.
    """
    found = _certificates(chain.certificate)
    _held(chain, found[0])
    _check_order(chain, found, now)
    if found[-1].subject != found[-1].issuer:
        raise InvalidCertificateError(
            f"{chain.certificate} must end with the root, which clients trust; it needs no key of it here"
        )
    read = [certificates.parse(certificates.to_pem(each)) for each in found]
    unfit = next(filter(None, map(certificates.unfit_authority, read)), None)
    if unfit is None and not all(each.is_ca for each in read):
        unfit = "its basic constraints do not make it an authority"
    if unfit is not None:
        raise InvalidCertificateError(f"{chain.certificate} can issue nothing: {unfit}")
    return found


def _kind(chain: Chain, now: Millis) -> str:
    leaf, *_ = certs = _certificates(chain.certificate)
    kind = _held(chain, leaf)
    _check_order(chain, certs, now)
    if not _for_servers(leaf):
        raise InvalidCertificateError(f"{chain.certificate}: its extended key usage does not allow it to be a server's")
    return kind


def _check_order(chain: Chain, certs: list[x509.Certificate], now: Millis) -> None:
    moment = datetime.fromtimestamp(now / 1000, UTC)
    for each in certs:
        name = f"{chain.certificate} ({each.subject.rfc4514_string()})"
        if each.not_valid_after_utc < moment:
            raise InvalidCertificateError(f"{name} expired at {each.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")
        if moment < each.not_valid_before_utc:
            raise InvalidCertificateError(f"{name} is not valid before {each.not_valid_before_utc:%Y-%m-%d %H:%M:%S}")
    if not all(certificates.verified(signed, signer) for signed, signer in pairwise(certs)):
        raise InvalidCertificateError(f"{chain.certificate}: each certificate must be signed by the one after it")


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise InvalidCertificateError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidCertificateError(f"{path} holds no certificate in PEM form") from None


def _held(chain: Chain, leaf: x509.Certificate) -> str:
    """The kind of a leaf's key, which the key file must hold."""
    try:
        key = serialization.load_pem_private_key(chain.key.read_bytes(), password=None)
    except OSError as error:
        raise InvalidCertificateError(f"{chain.key} cannot be read: {error.strerror}") from None
    except TypeError:
        raise InvalidCertificateError(f"{chain.key} is encrypted; a server needs it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidCertificateError(f"{chain.key} holds no private key in PEM form") from None
    public = leaf.public_key()
    if key.public_key() != public:
        raise InvalidCertificateError(f"{chain.key} is not the key of {chain.certificate}")
    return certificates.kind(certificates.accepted_key(public))


def _for_servers(leaf: x509.Certificate) -> bool:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages))
