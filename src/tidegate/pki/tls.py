"""The server side of TLS for devices (device reference 1.1).

AWS accepts a client certificate of an unknown CA if exactly this certificate is registered. Python offers no verify
callback, so the registered leaves are trust anchors themselves (``VERIFY_X509_PARTIAL_CHAIN``) in a context that every
handshake is switched to: one shared by all listeners, growing while it is in use, replaced when something is taken
away.

A handshake proves only that the client holds the key of a certificate somebody trusts. Whether that certificate is
known and ACTIVE is asked after it, on every connection, also on resumed ones.

The price: OpenSSL sorts its store for every addition, 0.1 ms among a thousand certificates, 2 ms among sixteen
thousand, and nothing that Python offers gets around it. Three things keep that from hurting. A leaf that a registered
authority has signed is no anchor: a fleet whose maker's CA is registered costs one (``Authorities``). A whole store is
built from a file, which Python does without holding the interpreter, on a thread (``prepared``). And renewing the
server's own certificate leaves the store as it is (``renew``).
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

from cryptography import x509

from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError

SERVER_NAME: Final = "requested_server_name"
"""Attribute of a TLS object that holds the server name its client asked for; None if it asked for none."""

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
        self._certificate = certificate
        self._key = key
        self.context = self.prepared(trusted)

    def add(self, pem: str) -> None:
        """Trust one more certificate from the next handshake on. Adding one twice does nothing.

        Raises ``InvalidCertificateError``.
        """
        trust(self.context, pem)

    def renew(self, certificate: Path, key: Path) -> None:
        """Serve another certificate from the next handshake on; what is trusted stays.

        The old one stays if anything is wrong with the new. Raises ``ssl.SSLError`` or ``OSError`` then.
        """
        _context(certificate, key, self._alpn)
        self.context.load_cert_chain(certificate, key)
        self._certificate, self._key = certificate, key

    def prepared(self, trusted: Iterable[str]) -> ssl.SSLContext:
        """What ``adopt`` takes: a store of its own with the server's present certificate. Slow; may run on a thread.

        Raises ``InvalidCertificateError``.
        """
        context = _context(self._certificate, self._key, self._alpn)
        pems = list(trusted)
        if pems:
            _trust_all(context, pems)
        return context

    def adopt(self, context: ssl.SSLContext) -> None:
        """Trust only what was prepared. Handshakes under way end with what they began with."""
        self.context = context

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

    def _switch(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self.context
        setattr(connection, SERVER_NAME, name)


def _context(certificate: Path, key: Path, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(alpn)
    return context


def trust(context: ssl.SSLContext, pem: str) -> None:
    """Make a certificate an anchor of a context. Raises ``InvalidCertificateError``."""
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: not ASCII
        raise InvalidCertificateError(f"not a certificate: {error}") from None


def _trust_all(context: ssl.SSLContext, pems: list[str]) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", encoding="ascii", prefix="tidegate-trust-") as file:
            file.write("\n".join(pems))
            file.flush()
            context.load_verify_locations(cafile=file.name)
    except (ssl.SSLError, ValueError) as error:  # ValueError: not ASCII
        raise InvalidCertificateError(f"not certificates: {error}") from None


class Authorities:
    """Registered authorities, asked which leaves need no trust of their own."""

    def __init__(self, pems: Iterable[str] = ()) -> None:
        self._by_name: dict[bytes, list[x509.Certificate]] = {}
        for pem in pems:
            self.add(pem)

    def add(self, pem: str) -> None:
        """One more authority."""
        authority = x509.load_pem_x509_certificate(pem.encode())
        self._by_name.setdefault(authority.subject.public_bytes(), []).append(authority)

    def vouch_for(self, pem: str) -> bool:
        """Whether one of them has signed a leaf, and lasts as long: a chain fails with any of its certificates."""
        if not self._by_name:
            return False
        leaf = x509.load_pem_x509_certificate(pem.encode())
        return any(
            authority.not_valid_before_utc <= leaf.not_valid_before_utc
            and leaf.not_valid_after_utc <= authority.not_valid_after_utc
            and certificates.verified(leaf, authority)
            for authority in self._by_name.get(leaf.issuer.public_bytes(), ())
        )
