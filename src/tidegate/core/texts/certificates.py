"""Certificates and what they are attached to (device reference 8.4, 8.5)."""

from __future__ import annotations

from typing import Final

CERTIFICATE_EXISTS: Final = "The certificate is already provisioned or registered"
"""Reported by users of the live service. RegisterCertificateWithoutCA."""

CERTIFICATE_UNREADABLE: Final = "certificatePem is not an X.509 certificate in PEM format."
"""[R]"""

CSR_UNREADABLE: Final = (
    "certificateSigningRequest is not a signing request in PEM format that is signed with its own key, which must be"
    " RSA of at least 2048 bits or ECC NIST P-256, P-384 or P-521."
)
"""[R] CreateCertificateFromCsr."""

CERTIFICATE_AUTHORITY_MISSING: Final = "This server has no certificate authority."
"""[R] CreateKeysAndCertificate, CreateCertificateFromCsr."""

NOT_A_CERTIFICATE_ARN: Final = "The given ARN does not represent a cert"
"""Reported by users of the live service. A principal that is something else."""


WEAKLY_SIGNED: Final = "it is signed with SHA-1 or MD5, which TLS does not accept"


def never_connects(reason: str) -> str:
    """[R] RegisterCertificate, RegisterCertificateWithoutCA, RegisterCACertificate."""
    return f"No device could connect with this certificate: {reason}."


def certificate_missing(certificate_id: str) -> str:
    """[R] after the text for things."""
    return f"Certificate {certificate_id} cannot be found."


def certificate_status_internal(status: str) -> str:
    """[R] RegisterCertificateWithoutCA and UpdateCertificate."""
    return f"Status {status} is set by the service only."


def certificate_active(certificate_id: str) -> str:
    """Reported by users of the live service. DeleteCertificate."""
    return f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"


def certificate_has_things(certificate_arn: str) -> str:
    """[R] after the text for policies."""
    return f"Things must be detached before deletion (arn: {certificate_arn})"


def certificate_has_policies(certificate_arn: str) -> str:
    """Reported by users of the live service. DeleteCertificate."""
    return f"Certificate policies must be detached before deletion (arn: {certificate_arn})"


def attached_exclusively(certificate_arn: str, thing_name: str) -> str:
    """[R] AttachThingPrincipal to a second thing."""
    return f"Principal {certificate_arn} is attached exclusively to thing {thing_name}. Detach it first."


def attached_elsewhere(certificate_arn: str, thing_name: str) -> str:
    """[R] AttachThingPrincipal, exclusively, of what another thing has; ``thing_name`` is that thing's."""
    return f"Principal {certificate_arn} is attached to thing {thing_name} and cannot be exclusive to another."


def attached_otherwise(certificate_arn: str, thing_name: str, kind: str) -> str:
    """[R] AttachThingPrincipal, repeated with another type."""
    return f"Principal {certificate_arn} is attached to thing {thing_name} as {kind}. Detach it first."
