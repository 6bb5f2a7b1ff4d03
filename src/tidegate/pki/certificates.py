"""Reading certificates and making keys (device reference 8.3 and 8.5).

A certificate is known by its id: the lower-case hex SHA-256 of its DER form. Nothing here trusts or stores one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tidegate.clock import Millis
from tidegate.faults import ToldError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

Fields = dict[str, list[str]]
"""Values by the field names policy variables use, in the order of the certificate."""

_NAMES: Final = {
    NameOID.COUNTRY_NAME: "Country",
    NameOID.ORGANIZATION_NAME: "Organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OrganizationalUnit",
    NameOID.DN_QUALIFIER: "DistinguishedNameQualifier",
    NameOID.STATE_OR_PROVINCE_NAME: "State",
    NameOID.COMMON_NAME: "CommonName",
    NameOID.SERIAL_NUMBER: "SerialNumber",
    NameOID.TITLE: "Title",
    NameOID.SURNAME: "Surname",
    NameOID.GIVEN_NAME: "GivenName",
    NameOID.INITIALS: "Initials",
    NameOID.PSEUDONYM: "Pseudonym",
    NameOID.GENERATION_QUALIFIER: "GenerationQualifier",
}
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
_RSA_BITS: Final = 2048
_NETSCAPE_TYPE: Final = x509.ObjectIdentifier("2.16.840.1.113730.1.1")

E = TypeVar("E", bound=x509.ExtensionType)


class InvalidCertificateError(ToldError, ValueError):
    """A text that is no usable certificate, key or signing request; the message says why."""


class Certificate(msgspec.Struct, frozen=True):
    """What the service needs to know of a certificate. Instants are epoch milliseconds, ``not_after`` inclusive.

    ``subject_key`` and ``issuer_key`` stand for the two whole names: an issuer's subject key is the issuer key of what
    it signed.
    """

    certificate_id: str
    pem: str
    der: bytes
    serial_number: int
    not_before: Millis
    not_after: Millis
    is_ca: bool
    subject_key: str
    issuer_key: str
    subject: Fields
    issuer: Fields
    subject_alternative: Fields
    issuer_alternative: Fields

    def valid_at(self, now: Millis) -> bool:
        """Whether ``now`` lies within the validity."""
        # Dates are whole seconds: the last of them belongs to the validity to its end.
        return self.not_before <= now < self.not_after + 1000


class KeyPair(msgspec.Struct, frozen=True):
    """A new key in the PEM forms CreateKeysAndCertificate answers with."""

    public_pem: str
    private_pem: str
    key: PrivateKey


def certificate_id(der: bytes) -> str:
    """The id of a certificate in DER form, such as a TLS peer presents."""
    return hashlib.sha256(der).hexdigest()


def parse(pem: str) -> Certificate:
    """Read one certificate in PEM form; text around it is ignored. Raises ``InvalidCertificateError``."""
    try:
        return _describe(x509.load_pem_x509_certificate(pem.encode("utf-8")))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidCertificateError(f"not a certificate: {error}") from None


def from_der(der: bytes) -> Certificate:
    """Read one certificate in DER form. Raises ``InvalidCertificateError``."""
    try:
        return _describe(x509.load_der_x509_certificate(der))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidCertificateError(f"not a certificate: {error}") from None


def _describe(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(serialization.Encoding.DER)
    extensions = certificate.extensions
    return Certificate(
        certificate_id=certificate_id(der),
        pem=to_pem(certificate),
        der=der,
        serial_number=certificate.serial_number,
        not_before=int(certificate.not_valid_before_utc.timestamp()) * 1000,
        not_after=int(certificate.not_valid_after_utc.timestamp()) * 1000,
        is_ca=_is_ca(extensions),
        subject_key=_name_key(certificate.subject),
        issuer_key=_name_key(certificate.issuer),
        subject=_name_fields(certificate.subject),
        issuer=_name_fields(certificate.issuer),
        subject_alternative=_alternative_fields(extensions, x509.SubjectAlternativeName),
        issuer_alternative=_alternative_fields(extensions, x509.IssuerAlternativeName),
    )


def signed_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether an authority's key has signed a certificate, and the certificate says so."""
    return verified(x509.load_der_x509_certificate(certificate.der), x509.load_der_x509_certificate(authority.der))


def verified(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """The same of certificates that are read already."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def unfit(certificate: Certificate) -> str | None:
    """Why no device could ever connect with a certificate; None if one may.

    As OpenSSL judges client certificates at security level 2. Dates are not looked at: they are judged when it is used.
    """
    read = x509.load_der_x509_certificate(certificate.der)
    if not _usable(read):
        return "its key is none of RSA of at least 2048 bits, ECC NIST P-256, P-384, P-521, Ed25519 and Ed448"
    usage, purposes = _extension(read, x509.KeyUsage), _extension(read, x509.ExtendedKeyUsage)
    if usage is not None and not (usage.digital_signature or usage.key_agreement):
        return "its key usage has neither digitalSignature nor keyAgreement"
    return _unfit_for_any(read, purposes)


def unfit_authority(certificate: Certificate) -> str | None:
    """Why nothing that an authority signs could ever connect; None if it may."""
    read = x509.load_der_x509_certificate(certificate.der)
    if not _usable(read, curves=None):
        return "its key is none of RSA of at least 2048 bits, ECC, Ed25519 and Ed448"
    usage, purposes = _extension(read, x509.KeyUsage), _extension(read, x509.ExtendedKeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "its key usage has no keyCertSign"
    return _unfit_for_any(read, purposes)


def weakly_signed(certificate: Certificate) -> bool:
    """Whether TLS does not take an authority's word for a certificate: it is signed with SHA-1 or MD5."""
    return weak(x509.load_der_x509_certificate(certificate.der))


def weak(certificate: x509.Certificate) -> bool:
    """The same of one that is read already."""
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return True
    return isinstance(used, hashes.SHA1 | hashes.MD5)


def _unfit_for_any(read: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> str | None:
    if purposes is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        return "its extended key usage has no clientAuth"
    for extension in read.extensions:
        known = not isinstance(extension.value, x509.UnrecognizedExtension) or extension.oid == _NETSCAPE_TYPE
        if extension.critical and not known:
            return f"its extension {extension.oid.dotted_string} is critical, and TLS does not know it"
    return None


def _usable(read: x509.Certificate, curves: Container[str] | None = _CURVES) -> bool:
    try:
        key = read.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _RSA_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return curves is None or key.curve.name in curves
    return isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)


def _extension(read: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return read.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def to_pem(certificate: x509.Certificate) -> str:
    """The PEM form, ending in a newline."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _is_ca(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _name_key(name: x509.Name) -> str:
    return hashlib.sha256(name.public_bytes()).hexdigest()


def _name_fields(name: x509.Name) -> Fields:
    fields: Fields = {}
    for attribute in name:
        if field := _NAMES.get(attribute.oid):
            value = attribute.value
            fields.setdefault(field, []).append(value if isinstance(value, str) else value.hex())
    return fields


def _alternative_fields(
    extensions: x509.Extensions, kind: type[x509.SubjectAlternativeName] | type[x509.IssuerAlternativeName]
) -> Fields:
    try:
        names: Iterable[x509.GeneralName] = extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return {}
    fields: Fields = {}
    for name in names:
        match name:
            case x509.RFC822Name():
                fields.setdefault("RFC822Name", []).append(name.value)
            case x509.DNSName():
                fields.setdefault("DNSName", []).append(name.value)
            case x509.DirectoryName():
                fields.setdefault("DirectoryName", []).append(name.value.rfc4514_string())
            case x509.UniformResourceIdentifier():
                fields.setdefault("UniformResourceIdentifier", []).append(name.value)
            case x509.IPAddress():
                fields.setdefault("IPAddress", []).append(str(name.value))
            case _:
                pass  # no policy variable names the other kinds
    return fields


def policy_variables(certificate: Certificate) -> dict[str, str | list[str]]:
    """The policy variables and condition keys of a certificate (device reference 8.3).

    Each field stands under its plain name with its first value, under ``.0``, ``.1``, … and, for conditions on all
    values, under ``.List``.
    """
    variables: dict[str, str | list[str]] = {
        "iot:CertificateId": certificate.certificate_id,
        "iot:Certificate.SerialNumber": str(certificate.serial_number),
    }
    for prefix, fields in (
        ("iot:Certificate.Subject.", certificate.subject),
        ("iot:Certificate.Issuer.", certificate.issuer),
        ("iot:Certificate.Subject.AlternativeName.", certificate.subject_alternative),
        ("iot:Certificate.Issuer.AlternativeName.", certificate.issuer_alternative),
    ):
        for field, values in fields.items():
            variables[prefix + field] = values[0]
            variables[prefix + field + ".List"] = values
            variables.update({f"{prefix}{field}.{index}": value for index, value in enumerate(values)})
    return variables


# ---------------------------------------------------------------------------------------------------------------- keys


def generate_rsa() -> KeyPair:
    """RSA 2048, the key CreateKeysAndCertificate gives a device."""
    return key_pair(bare_rsa())


def bare_rsa() -> rsa.RSAPrivateKey:
    """The same key without its PEM forms: lets go of the interpreter while it is made."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def generate_p256() -> KeyPair:
    """NIST P-256: the cheaper handshake, for our own certificates."""
    return key_pair(ec.generate_private_key(ec.SECP256R1()))


def key_pair(key: PrivateKey) -> KeyPair:
    """The PEM forms of a key: ``BEGIN RSA PRIVATE KEY`` or ``BEGIN EC PRIVATE KEY``, and ``BEGIN PUBLIC KEY``."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(public.decode("ascii"), private.decode("ascii"), key)


def parse_csr(pem: str) -> x509.CertificateSigningRequest:
    """Read a signing request, prove that its sender holds the key, and check that the key is of a kind AWS signs.

    RSA of at least 2048 bits or NIST P-256, P-384, P-521. Raises ``InvalidCertificateError``.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode("utf-8"))
        proven = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise InvalidCertificateError(f"not a certificate signing request: {error}") from None
    if not proven:
        raise InvalidCertificateError("the signing request is not signed with the key it names")
    accepted_key(key)
    return request


def kind(key: PublicKey) -> str:
    """ "RSA" or "EC"."""
    return "RSA" if isinstance(key, rsa.RSAPublicKey) else "EC"


def accepted_key(key: object) -> PublicKey:
    """The key, if it is of a kind and size this service signs. Raises ``InvalidCertificateError``."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise InvalidCertificateError("the key must be RSA of at least 2048 bits or ECC NIST P-256, P-384 or P-521")
