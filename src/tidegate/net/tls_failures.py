"""Why a TLS handshake failed, for the log and for counting."""

from __future__ import annotations

import ssl
from typing import Final, NamedTuple


class Refusal(NamedTuple):
    """``cause`` is one of a few words; ``sentence`` says what to do where something can be done."""

    cause: str
    sentence: str


_REASONS: Final = {
    "NO_SHARED_CIPHER": Refusal("suites", "it knows none of our cipher suites: --tls-suites aws has older ones"),
    "UNSUPPORTED_PROTOCOL": Refusal("version", "it speaks no TLS 1.2 or 1.3"),
    "VERSION_TOO_LOW": Refusal("version", "it speaks no TLS 1.2 or 1.3"),
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Refusal("suites", "it knows none of our signature algorithms"),
    "NO_SHARED_SIGNATURE_ALGORITHMS": Refusal("suites", "it knows none of our signature algorithms"),
    "NO_SHARED_GROUP": Refusal("suites", "it knows none of our elliptic curves"),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Refusal(
        "no-certificate", "it showed no client certificate, or one whose key TLS cannot use here"
    ),
    "WRONG_CURVE": Refusal("certificate", "the key of its certificate is on a curve that TLS cannot use here"),
    "CALLBACK_FAILED": Refusal("name", "it asks for a host name that is not ours (SNI): --name adds one"),
    "HTTP_REQUEST": Refusal("not-tls", "it speaks HTTP without TLS"),
    "HTTPS_PROXY_REQUEST": Refusal("not-tls", "it takes this for an HTTPS proxy"),
    "WRONG_VERSION_NUMBER": Refusal("not-tls", "it does not speak TLS"),
}
_ALERTS: Final = {
    "UNKNOWN_CA": "it does not trust our authority: give it ca.pem",
    "BAD_CERTIFICATE": "it refuses our certificate",
    "CERTIFICATE_UNKNOWN": "it refuses our certificate: does it have ca.pem, and is the name it connects to in it?",
    "CERTIFICATE_EXPIRED": "it finds our certificate expired: is its clock right?",
    "HANDSHAKE_FAILURE": "it gave up: nothing that it knows and we know is the same",
}
_CHAIN: Final = {
    "unable to get local issuer certificate": "its certificate is neither registered nor of a registered authority",
    "unable to get issuer certificate": "its certificate is neither registered nor of a registered authority",
    "self-signed certificate": "its certificate is self-signed and not registered",
    "self-signed certificate in certificate chain": "its authority is not registered",
    "certificate has expired": "its certificate has expired",
    "certificate is not yet valid": "its certificate is not valid yet",
}


def of(error: BaseException) -> Refusal:
    """What an exception of a handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message
        return Refusal("certificate", _CHAIN.get(told, f"its certificate cannot be verified: {told}"))
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Refusal("gone", "it closed the connection in the middle")
    if isinstance(error, ssl.SSLError):
        return _of_library(error.reason or "")
    if isinstance(error, TimeoutError) or "longer than" in str(error):  # asyncio's time-out is a ConnectionAbortedError
        return Refusal("timeout", "it took too long")
    if isinstance(error, ConnectionError):
        return Refusal("gone", "it closed the connection in the middle")
    return Refusal("other", str(error) or type(error).__name__)


def _of_library(reason: str) -> Refusal:
    known = _REASONS.get(reason)
    if known is not None:
        return known
    alert = reason.partition("_ALERT_")[2]
    if alert:
        return Refusal("refused", _ALERTS.get(alert, f"it sent the alert {alert.lower().replace('_', ' ')}"))
    return Refusal("other", reason.lower().replace("_", " ") or "TLS gave no reason")
