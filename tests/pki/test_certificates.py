from __future__ import annotations

import datetime
import hashlib
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tidegate.pki import certificates

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def device_certificate() -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Pumps"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "North"),
            x509.NameAttribute(NameOID.COMMON_NAME, "pump-1"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "S-1"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Kiel"),
        ]
    )
    names: list[x509.GeneralName] = [
        x509.DNSName("pump-1.example"),
        x509.RFC822Name("pump@example.org"),
        x509.UniformResourceIdentifier("urn:pump:1"),
        x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "d")])),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Makers")]))
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(START)
        .not_valid_after(START + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )


def test_the_id_is_the_hash_of_the_der_form() -> None:
    source = device_certificate()
    der = source.public_bytes(serialization.Encoding.DER)
    parsed = certificates.parse("comment\n" + certificates.to_pem(source))
    assert parsed.certificate_id == hashlib.sha256(der).hexdigest() == certificates.certificate_id(der)
    assert parsed == certificates.from_der(der)
    assert parsed.pem == certificates.to_pem(source)
    assert not parsed.is_ca


def test_the_validity_is_inclusive() -> None:
    parsed = certificates.from_der(device_certificate().public_bytes(serialization.Encoding.DER))
    start = int(START.timestamp()) * 1000
    assert (parsed.not_before, parsed.not_after) == (start, start + 86_400_000)
    assert not parsed.valid_at(start - 1)
    assert parsed.valid_at(start)
    assert parsed.valid_at(start + 86_400_999)
    assert not parsed.valid_at(start + 86_401_000)


def test_policy_variables() -> None:
    parsed = certificates.from_der(device_certificate().public_bytes(serialization.Encoding.DER))
    variables = certificates.policy_variables(parsed)
    subject = {key.removeprefix("iot:Certificate.Subject."): value for key, value in variables.items()}
    assert variables["iot:CertificateId"] == parsed.certificate_id
    assert variables["iot:Certificate.SerialNumber"] == "4711"
    assert variables["iot:Certificate.Issuer.Organization"] == "Makers"
    assert subject["Country"] == "DE"
    assert subject["CommonName"] == "pump-1"
    assert subject["SerialNumber"] == "S-1"
    assert subject["OrganizationalUnit"] == "Pumps"
    assert subject["OrganizationalUnit.1"] == "North"
    assert subject["OrganizationalUnit.List"] == ["Pumps", "North"]
    assert subject["AlternativeName.DNSName"] == "pump-1.example"
    assert subject["AlternativeName.RFC822Name"] == "pump@example.org"
    assert subject["AlternativeName.UniformResourceIdentifier"] == "urn:pump:1"
    assert subject["AlternativeName.IPAddress"] == "10.0.0.1"
    assert subject["AlternativeName.DirectoryName"] == "CN=d"
    assert not any("Locality" in key or "1.2.3" in value for key, value in variables.items())


@pytest.mark.parametrize(
    "pem", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\ud800", "\u00e9"]
)
def test_what_is_no_certificate(pem: str) -> None:
    with pytest.raises(certificates.InvalidCertificateError):
        certificates.parse(pem)
    with pytest.raises(certificates.InvalidCertificateError):
        certificates.parse_csr(pem)
    with pytest.raises(certificates.InvalidCertificateError):
        certificates.from_der(b"\x30\x00")


def test_keys_come_in_the_forms_aws_answers_with() -> None:
    pair = certificates.generate_rsa()
    assert pair.private_pem.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert pair.private_pem.endswith("-----END RSA PRIVATE KEY-----\n")
    assert pair.public_pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    loaded = serialization.load_pem_private_key(pair.private_pem.encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    assert loaded.key_size == 2048
    assert loaded.public_key() == serialization.load_pem_public_key(pair.public_pem.encode())
    assert certificates.generate_p256().private_pem.startswith("-----BEGIN EC PRIVATE KEY-----\n")


def request_for(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pump-1")])
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_signing_requests_for_nist_curves(curve: ec.EllipticCurve) -> None:
    request = certificates.parse_csr(request_for(ec.generate_private_key(curve)))
    assert request.subject.rfc4514_string() == "CN=pump-1"


def test_signing_requests_for_weak_or_unusual_keys_are_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (small, ec.generate_private_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()):
        with pytest.raises(certificates.InvalidCertificateError, match="the key must be"):
            certificates.parse_csr(request_for(key))


def test_a_signing_request_proves_that_its_sender_has_the_key() -> None:
    source = x509.load_pem_x509_csr(request_for(ec.generate_private_key(ec.SECP256R1())).encode())
    der = bytearray(source.public_bytes(serialization.Encoding.DER))
    at = der.index(b"pump-1")
    der[at : at + 6] = b"pump-2"
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(certificates.InvalidCertificateError, match="not signed with the key"):
        certificates.parse_csr(forged)
