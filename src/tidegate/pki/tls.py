"""The server side of TLS for devices (device reference 1.1).

AWS accepts a client certificate of an unknown CA if exactly this certificate is registered. Python offers no verify
callback, so the registered leaves are trust anchors themselves (``VERIFY_X509_PARTIAL_CHAIN``) in a context that every
handshake is switched to: one shared by all listeners, growing while it is in use, replaced when something is taken
away.

A handshake proves only that the client holds the key of a certificate somebody trusts. Whether that certificate is
known and ACTIVE is asked after it, on every connection, also on resumed ones.

The price: OpenSSL sorts its store for every addition, 0.1 ms among a thousand certificates, 2 ms among sixteen
thousand. A larger fleet with certificates of its own maker registers the maker's CA instead of every leaf.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

from tidegate.pki.certificates import InvalidCertificateError

ALPN: Final = ("x-amzn-mqtt-ca", "mqtt", "x-amzn-http-ca", "http/1.1")
"""What a client may ask for on any port, most wanted first (device reference 1)."""

ClientCertificates = Literal["required", "optional", "none"]

_MODES: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME; the ssl module has no name for it


class TrustStore:
    """The server's certificate and everything it trusts, shared by all listeners.

    ``trusted`` are PEM texts: our own CA, registered CAs and registered leaves of other CAs. Our own leaves need not be
    among them. The ALPN list belongs here because OpenSSL takes it from the context it was switched to.
    """

    def __init__(
        self, certificate: Path, key: Path, trusted: Iterable[str] = (), *, alpn: Sequence[str] = ALPN
    ) -> None:
        self._alpn = tuple(alpn)
        self.context = self._fresh(certificate, key, trusted)

    def add(self, pem: str) -> None:
        """Trust one more certificate from the next handshake on. Adding one twice does nothing.

        Raises ``InvalidCertificateError``.
        """
        _trust(self.context, pem)

    def replace(self, certificate: Path, key: Path, trusted: Iterable[str]) -> None:
        """Start over: after a certificate was taken away, or when the server's own was renewed.

        Handshakes under way end with what they began with. The old state stays if anything is wrong with the new.
        """
        self.context = self._fresh(certificate, key, trusted)

    def _fresh(self, certificate: Path, key: Path, trusted: Iterable[str]) -> ssl.SSLContext:
        context = _context(certificate, key, self._alpn)
        for pem in trusted:
            _trust(context, pem)
        return context

    def listener(self, clients: ClientCertificates = "optional", *, enforce_expiry: bool = True) -> ssl.SSLContext:
        """A context for a listening socket.

        ``enforce_expiry=False`` accepts client certificates outside their validity (device reference 13, row 19).
        """
        # Certificates are looked up in the context switched to, but mode and flags are those of this one.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(self._alpn)
        context.verify_mode = _MODES[clients]
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        if not enforce_expiry:
            context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        context.sni_callback = self._switch  # called without a server name, too
        return context

    def _switch(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self.context


def _context(certificate: Path, key: Path, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(alpn)
    return context


def _trust(context: ssl.SSLContext, pem: str) -> None:
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: not ASCII
        raise InvalidCertificateError(f"not a certificate: {error}") from None
