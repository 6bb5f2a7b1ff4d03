"""CA certificates, and what they sign (device reference 8.5, 8.6)."""

from __future__ import annotations

from typing import Final

CA_CERTIFICATE_EXISTS: Final = "The CA certificate is already registered"
"""[R] after the text for certificates. RegisterCACertificate."""

CA_CERTIFICATE_UNREADABLE: Final = "caCertificate is not an X.509 certificate in PEM format."
"""[R]"""

NOT_A_CA: Final = "The CA certificate does not have the basicConstraints extension as true"
"""Reported by users of the live service, in part. RegisterCACertificate."""

VERIFICATION_MISSING: Final = "verificationCertificate must be given if certificateMode is DEFAULT or not given"
"""[R] after the model's text. RegisterCACertificate."""

VERIFICATION_IN_SNI_MODE: Final = "verificationCertificate must be empty if certificateMode is SNI_ONLY"
"""[R] after the model's text. RegisterCACertificate."""

VERIFICATION_UNREADABLE: Final = "verificationCertificate is not an X.509 certificate in PEM format."
"""[R]"""

VERIFICATION_NOT_SIGNED: Final = "The verification certificate is not signed by the CA certificate"
"""[R] RegisterCACertificate."""

REGISTRATION_CODE_DIFFERS: Final = (
    "The common name of the verification certificate is not the registration code of this account and region"
)
"""[R] RegisterCACertificate."""

REGISTRATION_CODE_MISSING: Final = "There is no registration code."
"""[R] DeleteRegistrationCode."""

NOT_SIGNED_BY_THE_CA: Final = "The certificate is not signed by the CA certificate"
"""[R] RegisterCertificate with caCertificatePem."""

CA_NOT_REGISTERED: Final = "The CA certificate that signed the certificate is not registered"
"""[R] RegisterCertificate."""

CA_AMBIGUOUS: Final = "Several registered CA certificates have the subject of the issuer. Give caCertificatePem."
"""[R] after the model's text. RegisterCertificate."""


def ca_certificate_missing(certificate_id: str) -> str:
    """[R] after the text for certificates."""
    return f"CA certificate {certificate_id} cannot be found."


def ca_certificate_active(certificate_id: str) -> str:
    """[R] after the text for certificates. DeleteCACertificate."""
    return f"CA certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"


def ca_certificate_inactive(certificate_id: str) -> str:
    """[R] RegisterCertificate."""
    return f"CA certificate {certificate_id} is INACTIVE. Certificates cannot be registered under it."
