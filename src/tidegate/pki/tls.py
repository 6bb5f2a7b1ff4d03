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

An RSA chain lies beside the EC one: a TLS 1.2 client that knows RSA only names suites that fit no other, and OpenSSL
chooses by them. Everybody else gets the EC one, whose handshake is the cheaper.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from cryptography import x509

from tidegate.pki import certificates
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.chains import Chain

SERVER_NAME: Final = "requested_server_name"
"""Attribute of a TLS object that holds the server name its client asked for; None if it asked for none."""

ALPN: Final = ("x-amzn-mqtt-ca", "mqtt", "x-amzn-http-ca", "http/1.1")
"""What a client may ask for on any port, most wanted first (device reference 1)."""

ClientCertificates = Literal["required", "optional", "none"]

_MODES: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
DEFAULT: Final = ""
"""The name of what every listener serves that has nothing of its own."""

Suites = Literal["modern", "aws", "common"]
"""Of TLS 1.2: OpenSSL's; those of AWS's default policy, some of them without forward secrecy or with CBC and SHA-1; or
those that both have."""

# The order counts, ours before the client's. AWS lists them in its guide, "Transport security", for the policy
# TLS13_1_2_2022_10: no DHE, and ChaCha20 in TLS 1.3 alone.
_SUITES: Final[Mapping[Suites, str]] = {
    "aws": "ECDHE+AESGCM:ECDHE+AES:kRSA+AESGCM:kRSA+AES:!aNULL:!eNULL:!PSK:!AESCCM",
    "common": "ECDHE+AESGCM:ECDHE+AES:!SHA1:!aNULL:!eNULL:!PSK:!AESCCM",
}
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME; the ssl module has no name for it


class TrustStore:
    """What listeners serve and everything they trust.

    ``trusted`` are PEM texts: our own authorities, registered CAs and registered leaves of other CAs. Our own leaves
    need not be among them. The ALPN list belongs here because OpenSSL takes it from the context it was switched to, as
    it does certificates, suites and the store: whoever has certificates of its own (``beside``, by name) has a store of
    its own, too.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        trusted: Iterable[str] = (),
        *,
        beside: Mapping[str, Sequence[Chain]] = MappingProxyType({}),
        alpn: Sequence[str] = ALPN,
        suites: Suites = "modern",
    ) -> None:
        self._alpn = tuple(alpn)
        self._suites = suites
        self._chains = {DEFAULT: tuple(chains), **{name: tuple(own) for name, own in beside.items()}}
        self.contexts = self.prepared(trusted)

    def add(self, pem: str) -> None:
        """Trust one more certificate from the next handshake on. Adding one twice does nothing.

        Raises ``InvalidCertificateError``.
        """
        for context in self.contexts.values():
            trust(context, pem)

    def renew(self, chains: Sequence[Chain], name: str = DEFAULT) -> None:
        """Serve other certificates, with keys of the same kinds, from the next handshake on; what is trusted stays.

        The old ones stay if anything is wrong with the new. Raises ``ssl.SSLError`` or ``OSError`` then.
        """
        self._context(chains)
        for chain in chains:
            self.contexts[name].load_cert_chain(*chain)
        self._chains[name] = tuple(chains)

    def prepared(self, trusted: Iterable[str]) -> dict[str, ssl.SSLContext]:
        """What ``adopt`` takes: stores of their own with what is served at present. Slow; may run on a thread.

        Raises ``InvalidCertificateError``.
        """
        pems = list(trusted)
        made = {name: self._context(chains) for name, chains in self._chains.items()}
        if pems:
            for context in made.values():
                _trust_all(context, pems)
        return made

    def adopt(self, contexts: dict[str, ssl.SSLContext]) -> None:
        """Trust only what was prepared. Handshakes under way end with what they began with."""
        self.contexts = contexts

    def listener(
        self,
        clients: ClientCertificates = "optional",
        *,
        name: str = DEFAULT,
        enforce_expiry: bool = True,
        called: Callable[[str], bool] | None = None,
    ) -> ssl.SSLContext:
        """A context for a listening socket, which serves what is there under its ``name``, or else what all do.

        ``enforce_expiry=False`` accepts client certificates outside their validity (device reference 13, row 19).
        ``called`` says whether a client that asks for some name (SNI) means this server; without it every name does.
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
        served = name if name in self._chains else DEFAULT

        def switch(
            connection: ssl.SSLObject | ssl.SSLSocket, asked: str | None, _context: ssl.SSLContext
        ) -> ssl.AlertDescription | None:
            if called is not None and asked is not None and not called(asked):
                return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self.contexts[served]
            setattr(connection, SERVER_NAME, asked)
            return None

        context.sni_callback = switch  # called without a server name, too
        return context

    def _context(self, chains: Sequence[Chain]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for chain in chains:
            context.load_cert_chain(*chain)
        context.set_alpn_protocols(self._alpn)
        if self._suites in _SUITES:
            context.set_ciphers(_SUITES[self._suites])
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
        return not certificates.weak(leaf) and any(
            authority.not_valid_before_utc <= leaf.not_valid_before_utc
            and leaf.not_valid_after_utc <= authority.not_valid_after_utc
            and certificates.verified(leaf, authority)
            for authority in self._by_name.get(leaf.issuer.public_bytes(), ())
        )
