"""Real handshakes: over memory buffers, and over loopback sockets on asyncio and uvloop."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.ops.x509_samples import MakerCA, Specimen, make_key
from tidegate.clock import RandomIds, wall_now
from tidegate.pki import authority, certificates, tls
from tidegate.pki.chains import Chain

IDS = RandomIds()


class Identity(NamedTuple):
    certificate: certificates.Certificate
    path: Path


class Site(NamedTuple):
    """A server with its authority, and a folder for the files of clients."""

    directory: Path
    ca: authority.Authority
    files: tuple[Chain, ...]
    trust: tls.TrustStore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture
def both(tmp_path: Path) -> Site:
    """With an RSA authority and certificate beside the others."""
    return make_site(tmp_path, rsa_too=True)


def make_site(tmp_path: Path, *, rsa_too: bool = False) -> Site:
    ca = authority.load_or_create(tmp_path, now=wall_now(), ids=IDS, rsa_too=rsa_too)
    files = ca.server_files(tmp_path, now=wall_now(), ids=IDS)
    return Site(tmp_path, ca, files, tls.TrustStore(files, [ca.pem]))


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
    site.trust.renew(files)
    assert Handshake(listener, client_context(site, None), "other.example").client.getpeercert(True) != before
    assert Handshake(listener, client_context(site, device)).certificate_id  # what is trusted stays
    site.trust.adopt(site.trust.prepared([site.ca.pem]))
    assert Handshake(listener, client_context(site, None), "other.example").client.getpeercert(True) != before


def test_a_damaged_renewal_leaves_the_old_certificate_in_place(site: Site) -> None:
    listener = site.trust.listener()
    before = Handshake(listener, client_context(site, None)).client.getpeercert(True)
    other = ours(site)
    with pytest.raises(ssl.SSLError):
        site.trust.renew([Chain(other.path, site.files[0].key)])
    with pytest.raises(OSError, match="No such file"):
        site.trust.renew([Chain(site.directory / "none", site.files[0].key)])
    assert Handshake(listener, client_context(site, None)).client.getpeercert(True) == before


def test_an_expired_certificate_fails_unless_that_is_switched_off(site: Site) -> None:
    device = self_signed(site, days=-1)
    site.trust.add(device.certificate.pem)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        Handshake(site.trust.listener("required"), client_context(site, device))
    lenient = site.trust.listener("required", enforce_expiry=False)
    assert Handshake(lenient, client_context(site, device)).certificate_id == device.certificate.certificate_id


def test_what_is_no_certificate_cannot_be_trusted(site: Site) -> None:
    before = site.trust.contexts
    for pem in ("", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u00e9"):
        with pytest.raises(certificates.InvalidCertificateError):
            site.trust.add(pem)
        with pytest.raises(certificates.InvalidCertificateError):
            site.trust.prepared([site.ca.pem, pem] if pem == "\u00e9" else [pem])
    assert site.trust.contexts is before


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
    trust = tls.TrustStore(site.files, alpn=["h2"])
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


PURPOSE = ExtendedKeyUsageOID
SPECIMENS = [
    Specimen(),
    Specimen(key=make_key(bits=1024)),
    Specimen(key=make_key(bits=3072)),
    *(Specimen(key=ec.generate_private_key(curve())) for curve in (ec.SECP224R1, ec.SECP256K1, ec.SECP384R1)),
    *(Specimen(key=ec.generate_private_key(curve())) for curve in (ec.SECP521R1, ec.BrainpoolP256R1)),
    Specimen(key=ed25519.Ed25519PrivateKey.generate(), hashed=None),
    Specimen(key=ed448.Ed448PrivateKey.generate(), hashed=None),
    Specimen(hashed=hashes.SHA224()),
    *(Specimen(purposes=[each]) for each in (PURPOSE.SERVER_AUTH, PURPOSE.ANY_EXTENDED_KEY_USAGE)),
    Specimen(purposes=[PURPOSE.CLIENT_AUTH, PURPOSE.SERVER_AUTH]),
    *(Specimen(usage=each) for each in ("digital_signature", "key_agreement", "key_cert_sign", "content_commitment")),
    Specimen(usage="key_encipherment", key=make_key(rsa_key=True)),
    Specimen(critical=True),
    Specimen(ca=True),
]


@pytest.mark.parametrize("specimen", SPECIMENS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_called_unfit_is_what_tls_refuses(site: Site, specimen: Specimen, version: ssl.TLSVersion) -> None:
    key = specimen.key or make_key()
    certificate = certificates.parse(specimen.saved(key))
    path = site.directory / "specimen.pem"
    path.write_text(certificate.pem + pkcs8(key))
    context = client_context(site, None)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(path)
    site.trust.add(certificate.pem)
    try:
        connects = Handshake(site.trust.listener("required"), context).certificate_id is not None
    except ssl.SSLError:
        connects = False
    assert connects == (certificates.unfit(certificate) is None)


def pkcs8(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


AUTHORITIES = [
    Specimen(ca=True),
    Specimen(ca=True, key=make_key(bits=1024)),
    Specimen(ca=True, key=ec.generate_private_key(ec.SECP256K1())),
    Specimen(ca=True, usage="digital_signature"),
    Specimen(ca=True, usage="key_cert_sign"),
    *(Specimen(ca=True, purposes=[each]) for each in (PURPOSE.SERVER_AUTH, PURPOSE.CLIENT_AUTH)),
    Specimen(ca=True, critical=True),
]


@pytest.mark.parametrize("specimen", AUTHORITIES)
def test_the_same_of_authorities(site: Site, specimen: Specimen) -> None:
    signer = specimen.key or make_key()
    authority = certificates.parse(specimen.saved(signer))
    key = certificates.generate_p256()
    device = save(site, signed(key, "device", "specimen", signer), key)
    site.trust.add(authority.pem)
    try:
        connects = Handshake(site.trust.listener("required"), client_context(site, device)).certificate_id is not None
    except ssl.SSLError:
        connects = False
    assert connects == (certificates.unfit_authority(authority) is None)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_weak_signatures_of_authorities(site: Site, digest: str) -> None:
    """An authority's word does not count then; the leaf may be trusted for itself."""
    maker = MakerCA("maker", rsa_key=True)
    at = site.directory
    (at / "maker.pem").write_text(maker.pem)
    (at / "maker.key").write_text(pkcs8(maker._key))
    key = certificates.generate_p256()
    (at / "leaf.key").write_text(key.private_pem)
    request = ["req", "-new", "-key", "leaf.key", "-subj", "/CN=leaf", "-out", "leaf.csr"]
    sign = ["x509", "-req", "-in", "leaf.csr", "-CA", "maker.pem", "-CAkey", "maker.key", "-set_serial", "7"]
    for command in (request, [*sign, "-days", "9", f"-{digest}", "-out", "leaf.pem"]):
        subprocess.run(["openssl", *command], cwd=at, check=True, capture_output=True, timeout=300)
    leaf = save(site, certificates.parse((at / "leaf.pem").read_text()), key)
    vouched = tls.Authorities([maker.pem]).vouch_for(leaf.certificate.pem)
    assert vouched == (not certificates.weakly_signed(leaf.certificate)) == (digest == "sha256")
    site.trust.add(maker.pem)
    if vouched:
        assert Handshake(site.trust.listener("required"), client_context(site, leaf)).certificate_id
        return
    context = client_context(site, None)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(leaf.path)
    with pytest.raises(ssl.SSLCertVerificationError, match="too weak"):
        Handshake(site.trust.listener("required"), context)
    site.trust.adopt(site.trust.prepared([site.ca.pem, leaf.certificate.pem]))
    assert Handshake(site.trust.listener("required"), context).certificate_id


# --- clients that know RSA only -------------------------------------------------------------------------------------


def openssl(port: int, *arguments: str) -> str:
    """What ``openssl s_client`` says of a handshake."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-verify_return_error", *arguments]
    ran = subprocess.run(command, input="", capture_output=True, text=True, timeout=300, check=False)
    return ran.stdout + ran.stderr


def rsa_only(site: Site) -> Path:
    """The authorities in ``ca.pem`` that such a client can read."""
    found = x509.load_pem_x509_certificates(site.ca.pem.encode())
    path = site.directory / "rsa-only.pem"
    known = [each for each in found if isinstance(each.public_key(), rsa.RSAPublicKey)]
    path.write_text("".join(map(certificates.to_pem, known)))
    return path


@contextmanager
def listening(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS listener on a port of loopback, which closes after each handshake."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


RSA_SUITE = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-sigalgs", "RSA+SHA256")
OLD_SUITE = ("-tls1_2", "-cipher", "AES128-GCM-SHA256", "-sigalgs", "RSA+SHA256")


def test_a_client_that_knows_rsa_only(both: Site) -> None:
    """With its own certificate, which RSA has signed, too."""
    key = certificates.generate_rsa()
    public = certificates.accepted_key(key.key.public_key())
    device = save(both, both.ca.issue_device(public, now=wall_now(), ids=IDS), key)
    trusted = str(rsa_only(both))
    with listening(both.trust.listener("required")) as port:
        found = openssl(port, *RSA_SUITE, "-CAfile", trusted, "-cert", str(device.path))
        assert "Verify return code: 0 (ok)" in found
        assert "Cipher is ECDHE-RSA-AES128-GCM-SHA256" in found
    signature = x509.load_der_x509_certificate(device.certificate.der).signature_algorithm_oid
    assert signature == x509.SignatureAlgorithmOID.RSA_WITH_SHA256


def test_everybody_else_gets_the_cheaper_certificate(both: Site) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(both, None)
        context.minimum_version = context.maximum_version = version
        der = Handshake(both.trust.listener(), context).client.getpeercert(True)
        assert der is not None
        assert isinstance(x509.load_der_x509_certificate(der).public_key(), ec.EllipticCurvePublicKey)


def test_suites_without_forward_secrecy_are_an_option(both: Site) -> None:
    trusted = ("-CAfile", str(rsa_only(both)))
    with listening(both.trust.listener()) as port:
        assert "Cipher is (NONE)" in openssl(port, *OLD_SUITE, *trusted)
    store = tls.TrustStore(both.files, [both.ca.pem], suites="aws")
    with listening(store.listener()) as port:
        found = openssl(port, *OLD_SUITE, *trusted)
        assert "Verify return code: 0 (ok)" in found
        assert "Cipher is AES128-GCM-SHA256" in found
        assert "Verify return code: 0 (ok)" in openssl(port, "-tls1_2", "-cipher", "AES128-SHA", *trusted)
        assert "Cipher is TLS_AES_256_GCM_SHA384" in openssl(port, *trusted)
        assert "Cipher is (NONE)" in openssl(port, "-tls1_2", "-cipher", "DHE-RSA-AES128-SHA", *trusted)


AWS_SUITES = frozenset(
    f"{exchange}{cipher}"
    for exchange in ("ECDHE-RSA-", "ECDHE-ECDSA-", "")
    for cipher in (
        "AES128-GCM-SHA256",
        "AES128-SHA256",
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "AES256-SHA384" if exchange else "AES256-SHA256",
        "AES256-SHA",
    )
)
"""Of TLS 1.2 in the policy TLS13_1_2_2022_10: AWS's guide, "Transport security"."""


def offered(site: Site, suites: tls.Suites) -> set[str]:
    (context,) = tls.TrustStore(site.files, suites=suites).contexts.values()
    return {each["name"] for each in context.get_ciphers() if not each["name"].startswith("TLS_")}


def test_suites_are_those_that_aws_lists(both: Site) -> None:
    assert offered(both, "aws") == AWS_SUITES
    assert offered(both, "common") == offered(both, "modern") & AWS_SUITES


@pytest.mark.skipif(shutil.which("gnutls-cli") is None, reason="GnuTLS is not installed")
@pytest.mark.parametrize(
    "priority",
    [
        "NORMAL",
        "NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-128-GCM:+AEAD:+SIGN-RSA-SHA256:+GROUP-SECP256R1:+COMP-NULL:+CTYPE-X509",
    ],
)
def test_gnutls(both: Site, priority: str) -> None:
    with listening(both.trust.listener()) as port:
        trusted = both.directory / "ca.pem"
        command = ["gnutls-cli", f"--x509cafile={trusted}", f"--priority={priority}", "-p", str(port), "localhost"]
        ran = subprocess.run(command, input="", capture_output=True, text=True, timeout=300, check=False)
        assert "Handshake was completed" in ran.stdout + ran.stderr
