from __future__ import annotations

import ipaddress
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tidegate.clock import RandomIds, SequentialIds
from tidegate.pki import authority, certificates
from tidegate.pki.chains import Chain

NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000) + 17
DAY = 86_400_000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def server_certificate(chains: tuple[Chain, ...]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chains[0].certificate.read_bytes())


def test_the_authority_is_created_once(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    first = authority.load_or_create(directory, now=NOW, ids=SequentialIds())
    second = authority.load_or_create(directory, now=NOW + DAY, ids=SequentialIds())
    assert first.pem == second.pem == (directory / "ca.pem").read_text()
    assert mode(directory / "ca.key") == 0o600
    assert not list(directory.glob("*.partial"))
    described = certificates.parse(first.pem)
    assert described.is_ca
    assert described.valid_at(NOW)
    first.certificate.verify_directly_issued_by(first.certificate)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: authority.load_or_create(tmp_path, now=NOW, ids=RandomIds()).pem, range(8)))
    assert len(set(found)) == 1


def test_a_crash_between_key_and_certificate_is_made_good(tmp_path: Path) -> None:
    authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    key = (tmp_path / "ca.key").read_bytes()
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.pem.partial").write_text("torn")
    authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    assert (tmp_path / "ca.key").read_bytes() == key


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("ca.key", None, "has lost its key"),
        ("ca.key", "", "is no private key"),
        ("ca.key", certificates.generate_p256().private_pem, "does not belong to the key"),
        ("ca.key", certificates.generate_rsa().private_pem, "does not belong to the key"),
        ("ca.pem", "torn", "is no certificate"),
    ],
)
def test_a_damaged_authority_is_never_replaced(tmp_path: Path, name: str, content: str | None, text: str) -> None:
    authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(certificates.InvalidCertificateError, match=text):
        authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())


def test_device_certificates_live_as_long_as_those_of_aws(tmp_path: Path) -> None:
    ca = authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    pair = certificates.generate_rsa()
    issued = ca.issue_device(certificates.accepted_key(pair.key.public_key()), now=NOW, ids=SequentialIds())
    parsed = x509.load_pem_x509_certificate(issued.pem.encode())
    parsed.verify_directly_issued_by(ca.certificate)
    assert parsed.not_valid_after_utc == datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert ca.certificate.not_valid_after_utc >= parsed.not_valid_after_utc
    assert issued.subject == {"CommonName": ["AWS IoT Certificate"]}
    assert issued.valid_at(NOW)
    assert not issued.is_ca
    assert parsed.public_key() == pair.key.public_key()


def test_serial_numbers_come_from_the_ids(tmp_path: Path) -> None:
    ids = SequentialIds()
    ca = authority.load_or_create(tmp_path, now=NOW, ids=ids)
    key = certificates.accepted_key(certificates.generate_p256().key.public_key())
    assert [ca.issue_device(key, now=NOW, ids=ids).serial_number for _ in range(2)] == [2, 3]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_signing_request_keeps_its_subject(tmp_path: Path, kind: str) -> None:
    ca = authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    key = {"rsa": certificates.generate_rsa, "ec": certificates.generate_p256}[kind]().key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pump-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    issued = ca.issue_for_request(pem, now=NOW, ids=SequentialIds())
    assert issued.subject == {"CommonName": ["pump-1"]}
    usage = x509.load_pem_x509_certificate(issued.pem.encode()).extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, isinstance(key, rsa.RSAPrivateKey))


def test_the_server_certificate_names_this_machine_and_more(tmp_path: Path) -> None:
    ca = authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    files = ca.server_files(tmp_path, ["*.iot.example", "192.0.2.1"], now=NOW, ids=SequentialIds())
    assert mode(files[0].key) == 0o600
    certificate = server_certificate(files)
    certificate.verify_directly_issued_by(ca.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.iot.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address(address) for address in ("127.0.0.1", "::1", "192.0.2.1")
    ]
    assert files[0].certificate.read_text().endswith(ca.pem)
    key = serialization.load_pem_private_key(files[0].key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()


def test_the_server_certificate_is_renewed_when_it_must_be(tmp_path: Path) -> None:
    ca = authority.load_or_create(tmp_path, now=NOW, ids=SequentialIds())
    ids = RandomIds()

    def serial(now: int, *names: str) -> int:
        return server_certificate(ca.server_files(tmp_path, names, now=now, ids=ids)).serial_number

    first = serial(NOW)
    assert serial(NOW + 366 * DAY) == first
    renewed = serial(NOW + 367 * DAY)
    assert renewed != first
    named = serial(NOW + 368 * DAY, "tidegate.example")
    assert named != renewed
    assert serial(NOW + 368 * DAY) == named
    (tmp_path / "server.key").write_text(certificates.generate_p256().private_pem)
    repaired = serial(NOW + 368 * DAY)
    assert repaired != named
    (tmp_path / "server.pem").unlink()
    assert serial(NOW + 368 * DAY) != repaired


def test_a_server_certificate_of_another_authority_is_replaced(tmp_path: Path) -> None:
    other = authority.load_or_create(tmp_path / "other", now=NOW, ids=RandomIds())
    ca = authority.load_or_create(tmp_path / "ours", now=NOW, ids=RandomIds())
    other.server_files(tmp_path / "ours", now=NOW, ids=RandomIds())
    server_certificate(ca.server_files(tmp_path / "ours", now=NOW, ids=RandomIds())).verify_directly_issued_by(
        ca.certificate
    )
