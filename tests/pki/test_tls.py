"""Real handshakes: over memory buffers, and over loopback sockets on asyncio and uvloop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from tests.ops.x509_samples import MakerCA, make_key
from tidegate.clock import RandomIds, wall_now
from tidegate.pki import authority, certificates, tls

IDS = RandomIds()


class Identity(NamedTuple):
    certificate: certificates.Certificate
    path: Path


class Site(NamedTuple):
    """A server with its authority, and a folder for the files of clients."""

    directory: Path
    ca: authority.Authority
    files: authority.ServerFiles
    trust: tls.TrustStore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    ca = authority.load_or_create(tmp_path, now=wall_now(), ids=IDS)
    files = ca.server_files(tmp_path, now=wall_now(), ids=IDS)
    return Site(tmp_path, ca, files, tls.TrustStore(files.certificate, files.key, [ca.pem]))


def save(site: Site, certificate: certificates.Certificate, key: certificates.KeyPair) -> Identity:
    path = site.directory / f"{certificate.certificate_id}.pem"
    path.write_text(certificate.pem + key.private_pem)
    return Identity(certificate, path)


def ours(site: Site) -> Identity:
    key = certificates.generate_p256()
    public = certificates.accepted_key(key.key.public_key())
    return save(site, site.ca.issue_device(public, now=wall_now(), ids=IDS), key)


def self_signed(site: Site, *, days: int = 1) -> Identity:
    key = certificates.generate_p256()
    return save(site, signed(key, "self", "self", key.key, days=days), key)


def foreign(site: Site) -> Identity:
    """A leaf of a CA that nobody registers."""
    key = certificates.generate_p256()
    return save(site, signed(key, "leaf", "maker", certificates.generate_p256().key), key)


def maker_leaf(site: Site, maker: MakerCA, rsa_key: bool = False) -> Identity:
    key = certificates.key_pair(make_key(rsa_key))
    return save(site, certificates.parse(maker.leaf("device", key.key)), key)


def signed(
    key: certificates.KeyPair, subject: str, issuer: str, signer: certificates.PrivateKey, *, days: int = 1
) -> certificates.Certificate:
    end = datetime.fromtimestamp(wall_now() / 1000, UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=2))
        .not_valid_after(end)
        .sign(signer, hashes.SHA256())
    )
    return certificates.parse(certificates.to_pem(certificate))


def client_context(site: Site, identity: Identity | None, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=site.ca.pem)
    if identity is not None:
        context.load_cert_chain(identity.path)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Handshake:
    """Both ends of a connection in memory."""

    def __init__(
        self,
        listener: ssl.SSLContext,
        client: ssl.SSLContext,
        name: str | None = "localhost",
        session: ssl.SSLSession | None = None,
    ) -> None:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = listener.wrap_bio(up, down, server_side=True)
        self.client = client.wrap_bio(down, up, server_hostname=name, session=session)
        pending: list[Callable[[], Any]] = [self.client.do_handshake, self.server.do_handshake]
        for _ in range(8):
            pending = [step for step in pending if not self.done(step)]
        assert not pending
        self.server.write(b"x")  # TLS 1.3 tickets reach the client with the first data
        assert self.client.read(1) == b"x"

    @staticmethod
    def done(step: Callable[[], Any]) -> bool:
        try:
            step()
        except ssl.SSLWantReadError:
            return False
        return True

    @property
    def certificate_id(self) -> str | None:
        der = self.server.getpeercert(True)
        return certificates.certificate_id(der) if der else None


def test_certificates_of_our_authority_pass(site: Site) -> None:
    device = ours(site)
    shaken = Handshake(site.trust.listener("required"), client_context(site, device))
    assert shaken.certificate_id == device.certificate.certificate_id
    assert shaken.server.version() == "TLSv1.3"


def test_tls_12_is_accepted_and_nothing_older(site: Site) -> None:
    context = client_context(site, ours(site))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    shaken = Handshake(site.trust.listener("required"), context)
    assert shaken.server.version() == "TLSv1.2"
    assert shaken.certificate_id
    assert site.trust.listener().minimum_version == ssl.TLSVersion.TLSv1_2


def test_without_a_server_name(site: Site) -> None:
    context = client_context(site, ours(site))
    context.check_hostname = False
    assert Handshake(site.trust.listener("required"), context, name=None).certificate_id


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_the_server_is_known_by_every_local_name(site: Site, name: str) -> None:
    assert Handshake(site.trust.listener(), client_context(site, None), name=name).certificate_id is None


def test_a_client_certificate_is_optional_or_not(site: Site) -> None:
    assert Handshake(site.trust.listener("optional"), client_context(site, None)).certificate_id is None
    assert Handshake(site.trust.listener("none"), client_context(site, ours(site))).certificate_id is None
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        Handshake(site.trust.listener("required"), client_context(site, None))


@pytest.mark.parametrize("make", [self_signed, foreign])
@pytest.mark.parametrize("mode", ["required", "optional"])
def test_a_certificate_of_an_unknown_authority_passes_once_it_is_registered(
    site: Site, make: Callable[[Site], Identity], mode: tls.ClientCertificates
) -> None:
    device, stranger = make(site), make(site)
    listener = site.trust.listener(mode)
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(listener, client_context(site, device))
    site.trust.add(device.certificate.pem)
    site.trust.add(device.certificate.pem)
    assert Handshake(listener, client_context(site, device)).certificate_id == device.certificate.certificate_id
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(listener, client_context(site, stranger))


def test_all_listeners_share_what_is_trusted(site: Site) -> None:
    listeners = [site.trust.listener("required"), site.trust.listener("optional")]
    device = self_signed(site)
    site.trust.add(device.certificate.pem)
    assert all(Handshake(listener, client_context(site, device)).certificate_id for listener in listeners)


def test_what_is_taken_away_is_trusted_no_more(site: Site) -> None:
    device = self_signed(site)
    site.trust.add(device.certificate.pem)
    listener = site.trust.listener("required")
    Handshake(listener, client_context(site, device))
    site.trust.adopt(site.trust.prepared([site.ca.pem]))
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(listener, client_context(site, device))
    assert Handshake(listener, client_context(site, ours(site))).certificate_id


def test_a_renewed_server_certificate_is_served_without_restart(site: Site) -> None:
    listener = site.trust.listener()
    before = Handshake(listener, client_context(site, None)).client.getpeercert(True)
    files = site.ca.server_files(site.directory, ["other.example"], now=wall_now(), ids=IDS)
    device = self_signed(site)
    site.trust.add(device.certificate.pem)
    site.trust.renew(*files)
    assert Handshake(listener, client_context(site, None), "other.example").client.getpeercert(True) != before
    assert Handshake(listener, client_context(site, device)).certificate_id  # what is trusted stays
    site.trust.adopt(site.trust.prepared([site.ca.pem]))
    assert Handshake(listener, client_context(site, None), "other.example").client.getpeercert(True) != before


def test_a_damaged_renewal_leaves_the_old_certificate_in_place(site: Site) -> None:
    listener = site.trust.listener()
    before = Handshake(listener, client_context(site, None)).client.getpeercert(True)
    other = ours(site)
    with pytest.raises(ssl.SSLError):
        site.trust.renew(other.path, site.files.key)
    with pytest.raises(OSError, match="No such file"):
        site.trust.renew(site.directory / "none", site.files.key)
    assert Handshake(listener, client_context(site, None)).client.getpeercert(True) == before


def test_an_expired_certificate_fails_unless_that_is_switched_off(site: Site) -> None:
    device = self_signed(site, days=-1)
    site.trust.add(device.certificate.pem)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        Handshake(site.trust.listener("required"), client_context(site, device))
    lenient = site.trust.listener("required", enforce_expiry=False)
    assert Handshake(lenient, client_context(site, device)).certificate_id == device.certificate.certificate_id


def test_what_is_no_certificate_cannot_be_trusted(site: Site) -> None:
    before = site.trust.context
    for pem in ("", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u00e9"):
        with pytest.raises(certificates.InvalidCertificateError):
            site.trust.add(pem)
        with pytest.raises(certificates.InvalidCertificateError):
            site.trust.prepared([site.ca.pem, pem] if pem == "\u00e9" else [pem])
    assert site.trust.context is before


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", None])
def test_the_server_name_that_was_asked_for(site: Site, name: str | None) -> None:
    context = client_context(site, None)
    context.check_hostname = False
    assert getattr(Handshake(site.trust.listener(), context, name).server, tls.SERVER_NAME) == name


# --- authorities that operators register ----------------------------------------------------------------------------


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ca_rsa", [False, True])
@pytest.mark.parametrize("leaf_rsa", [False, True])
def test_what_a_registered_authority_signed_passes(
    site: Site, version: ssl.TLSVersion, ca_rsa: bool, leaf_rsa: bool
) -> None:
    maker, stranger = MakerCA(rsa_key=ca_rsa), MakerCA(rsa_key=ca_rsa)
    device, other = maker_leaf(site, maker, leaf_rsa), maker_leaf(site, stranger, leaf_rsa)
    listener = site.trust.listener("required")

    def shake(who: Identity) -> Handshake:
        context = client_context(site, who)
        context.minimum_version = context.maximum_version = version
        return Handshake(listener, context)

    with pytest.raises(ssl.SSLError):
        shake(device)
    site.trust.add(maker.pem)
    assert shake(device).certificate_id == device.certificate.certificate_id
    with pytest.raises(ssl.SSLError):  # the same name, another key
        shake(other)


def test_an_intermediate_authority_is_trusted_without_its_root(site: Site) -> None:
    below = MakerCA("root").intermediate("below")
    device = maker_leaf(site, below)
    site.trust.add(below.pem)
    assert Handshake(site.trust.listener("required"), client_context(site, device)).certificate_id


def test_a_chain_reaches_a_registered_root(site: Site) -> None:
    root = MakerCA("root")
    below = root.intermediate("below")
    device = maker_leaf(site, below)
    site.trust.add(root.pem)
    listener = site.trust.listener("required")
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(listener, client_context(site, device))
    device.path.write_text(device.path.read_text() + below.pem)
    assert Handshake(listener, client_context(site, device)).certificate_id == device.certificate.certificate_id


def test_authorities_vouch_for_what_they_signed() -> None:
    maker, namesake = MakerCA(), MakerCA()
    known = tls.Authorities([maker.pem])
    assert known.vouch_for(maker.leaf())
    assert not known.vouch_for(namesake.leaf())
    assert not tls.Authorities().vouch_for(maker.leaf())
    known.add(namesake.pem)
    assert known.vouch_for(namesake.leaf())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["x-amzn-mqtt-ca"], "x-amzn-mqtt-ca"),
        (["http/1.1", "x-amzn-mqtt-ca"], "x-amzn-mqtt-ca"),
        (["h2", "http/1.1"], "http/1.1"),
        (["x-amzn-http-ca", "mqtt"], "mqtt"),
        (["h2"], None),
        ([], None),
    ],
)
def test_alpn(site: Site, offered: list[str], chosen: str | None) -> None:
    shaken = Handshake(site.trust.listener(), client_context(site, None, *offered))
    assert shaken.server.selected_alpn_protocol() == chosen == shaken.client.selected_alpn_protocol()


def test_the_alpn_list_is_a_setting(site: Site) -> None:
    trust = tls.TrustStore(*site.files, alpn=["h2"])
    shaken = Handshake(trust.listener(), client_context(site, None, "http/1.1", "h2"))
    assert shaken.server.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_and_keeps_its_certificate(site: Site, version: ssl.TLSVersion) -> None:
    device = ours(site)
    context = client_context(site, device)
    context.maximum_version = version
    listener = site.trust.listener("required")
    first = Handshake(listener, context)
    again = Handshake(listener, context, session=first.client.session)
    assert again.server.session_reused
    assert again.certificate_id == device.certificate.certificate_id


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as made:
        yield made


async def connect(port: int, context: ssl.SSLContext) -> bytes:
    """What the server answers; empty if it refuses the certificate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return await reader.read()
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


def test_over_sockets_on_both_event_loops(site: Site, runner: asyncio.Runner) -> None:
    known, registered, stranger = ours(site), foreign(site), self_signed(site)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        der = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.write((certificates.certificate_id(der) if der else "anonymous").encode())
        writer.close()

    async def scenario() -> list[bytes]:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=site.trust.listener("optional"))
        async with server:
            port = server.sockets[0].getsockname()[1]
            answers = [await connect(port, client_context(site, who)) for who in (known, None, stranger, registered)]
            site.trust.add(registered.certificate.pem)
            answers.append(await connect(port, client_context(site, registered)))
        return answers

    assert runner.run(scenario()) == [
        known.certificate.certificate_id.encode(),
        b"anonymous",
        b"",
        b"",
        registered.certificate.certificate_id.encode(),
    ]
