"""Certificates of devices."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conftest import NOW, Run
from tests.ops.x509_samples import (
    NOT_AFTER,
    NOT_BEFORE,
    SampleAuthority,
    Specimen,
    make_key,
    self_signed,
    signing_request,
)
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import CertificateTrusted, PrincipalChanged, TrustWithdrawn
from tidegate.store import certificates, scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

UNKNOWN = "0" * 64
MARKER = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def arn(certificate_id: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:cert/{certificate_id}"


def register(run: Run, pem: str | None = None, **members: Any) -> str:
    return run("RegisterCertificateWithoutCA", certificate_pem=pem or self_signed(), **members).certificate_id


def changed(call: Call, certificate_id: str) -> list[PrincipalChanged]:
    return [PrincipalChanged(call.scope, certificate_id)]


# --- CreateKeysAndCertificate ---------------------------------------------------------------------------------------


def test_create_keys_and_certificate(run: Run, call: Call) -> None:
    issuing = call._replace(authority=SampleAuthority())
    effects: list[Any] = []
    made = run("CreateKeysAndCertificate", call=issuing, set_as_active=True, effects=effects)

    certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
    assert made.certificate_id == hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert made.certificate_arn == arn(made.certificate_id)
    assert made.key_pair.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert made.key_pair.public_key.startswith("-----BEGIN PUBLIC KEY-----")
    key = serialization.load_pem_private_key(made.key_pair.private_key.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert (
        key.public_key()
        == certificate.public_key()
        == serialization.load_pem_public_key(made.key_pair.public_key.encode())
    )
    assert effects == []  # our own authority is trusted already

    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert (found.status, found.certificate_mode, found.certificate_pem) == ("ACTIVE", "DEFAULT", made.certificate_pem)


def test_create_keys_and_certificate_is_inactive_unless_asked(run: Run, call: Call) -> None:
    made = run("CreateKeysAndCertificate", call=call._replace(authority=SampleAuthority()))
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert found.status == "INACTIVE"


def test_create_keys_and_certificate_without_an_authority(run: Run) -> None:
    with pytest.raises(iot.ServiceUnavailableException) as error:
        run("CreateKeysAndCertificate")
    assert error.value.message == texts.certificates.CERTIFICATE_AUTHORITY_MISSING


# --- RegisterCertificateWithoutCA -----------------------------------------------------------------------------------


def test_register_certificate_without_ca(run: Run, database: Database) -> None:
    pem = self_signed()
    effects: list[Any] = []
    made = run("RegisterCertificateWithoutCA", certificate_pem=pem, status="ACTIVE", effects=effects)
    assert effects == [CertificateTrusted(pem)]
    assert made.certificate_arn == arn(made.certificate_id)
    assert [row[1] for row in database.read(lambda tx: certificates.registered(tx, 0, 10))] == [pem]


def test_register_certificate_without_ca_trusts_the_leaf_alone(run: Run) -> None:
    leaf, rest = self_signed("leaf"), self_signed("authority")
    effects: list[Any] = []
    made = run("RegisterCertificateWithoutCA", certificate_pem=leaf + rest, effects=effects)
    assert effects == [CertificateTrusted(leaf)]
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert (found.certificate_pem, found.status) == (leaf, "INACTIVE")


def test_register_certificate_without_ca_twice(run: Run) -> None:
    pem = self_signed()
    certificate_id = register(run, pem)
    with pytest.raises(iot.ResourceAlreadyExistsException) as error:
        register(run, pem)
    assert error.value.message == "The certificate is already provisioned or registered"
    assert error.value.members == {"resource_id": certificate_id, "resource_arn": arn(certificate_id)}


def test_register_certificate_without_ca_in_two_scopes(run: Run, call: Call, database: Database) -> None:
    pem = self_signed()
    other = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert register(run, pem) == register(run, pem, call=call._replace(scope=other, region="us-east-1"))


@pytest.mark.parametrize(
    "pem", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\N{SNOWMAN}"]
)
def test_register_certificate_without_ca_unreadable(run: Run, pem: str) -> None:
    with pytest.raises(iot.CertificateValidationException) as error:
        register(run, pem)
    assert error.value.message == texts.certificates.CERTIFICATE_UNREADABLE


@pytest.mark.parametrize(
    ("specimen", "reason"),
    [
        (Specimen(key=make_key(bits=1024)), "its key is none of RSA of at least 2048 bits"),
        (Specimen(key=ec.generate_private_key(ec.SECP256K1())), "its key is none of"),
        (Specimen(purposes=[ExtendedKeyUsageOID.SERVER_AUTH]), "its extended key usage has no clientAuth"),
        (Specimen(usage="key_encipherment"), "its key usage has neither digitalSignature nor keyAgreement"),
        (Specimen(critical=True), "its extension 1.2.3.4.5 is critical, and TLS does not know it"),
    ],
)
def test_a_certificate_that_could_never_connect(run: Run, specimen: Specimen, reason: str) -> None:
    with pytest.raises(iot.CertificateValidationException) as error:
        register(run, specimen.pem())
    assert error.value.message.startswith(f"No device could connect with this certificate: {reason}")


@pytest.mark.parametrize("status", ["PENDING_ACTIVATION", "PENDING_TRANSFER"])
def test_statuses_of_the_service(run: Run, status: str) -> None:
    with pytest.raises(iot.CertificateStateException):
        register(run, status=status)
    with pytest.raises(iot.CertificateStateException) as error:
        run("UpdateCertificate", certificate_id=register(run), new_status=status)
    assert error.value.http_status == 406


# --- DescribeCertificate, UpdateCertificate -------------------------------------------------------------------------


def test_describe_certificate(run: Run) -> None:
    certificate_id = register(run)
    found = run("DescribeCertificate", certificate_id=certificate_id.upper()).certificate_description
    assert found.certificate_id == certificate_id
    assert found.certificate_arn == arn(certificate_id)
    assert found.owned_by == "123456789012"
    assert found.certificate_mode == "SNI_ONLY"
    assert found.customer_version == 1
    assert (found.creation_date, found.last_modified_date) == (NOW / 1000, NOW / 1000)
    assert found.validity.not_before == NOT_BEFORE.timestamp()
    assert found.validity.not_after == NOT_AFTER.timestamp()
    assert (found.ca_certificate_id, found.previous_owned_by, found.transfer_data) == (None, None, None)
    assert found.generation_id


def test_update_certificate(run: Run, call: Call) -> None:
    certificate_id = register(run)
    effects: list[Any] = []
    later = call._replace(now=NOW + 5000)
    run("UpdateCertificate", certificate_id=certificate_id, new_status="ACTIVE", call=later, effects=effects)
    assert effects == changed(call, certificate_id)
    found = run("DescribeCertificate", certificate_id=certificate_id).certificate_description
    assert (found.status, found.customer_version, found.last_modified_date) == ("ACTIVE", 2, (NOW + 5000) / 1000)


def test_update_certificate_is_idempotent(run: Run) -> None:
    certificate_id = register(run, status="ACTIVE")
    effects: list[Any] = []
    run("UpdateCertificate", certificate_id=certificate_id, new_status="ACTIVE", effects=effects)
    assert effects == []
    found = run("DescribeCertificate", certificate_id=certificate_id).certificate_description
    assert found.customer_version == 1


@pytest.mark.parametrize(
    ("operation", "members"),
    [("DescribeCertificate", {}), ("UpdateCertificate", {"new_status": "ACTIVE"}), ("DeleteCertificate", {})],
)
def test_unknown_certificate(run: Run, operation: str, members: dict[str, str]) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, certificate_id=UNKNOWN, **members)
    assert error.value.message == f"Certificate {UNKNOWN} cannot be found."


def test_certificates_of_another_scope_are_not_seen(run: Run, call: Call, database: Database) -> None:
    certificate_id = register(run)
    other = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    with pytest.raises(iot.ResourceNotFoundException):
        run(
            "DescribeCertificate",
            certificate_id=certificate_id,
            call=call._replace(scope=other, account="210987654321"),
        )


# --- DeleteCertificate ----------------------------------------------------------------------------------------------


def test_delete_certificate(run: Run, call: Call) -> None:
    pem = self_signed()
    certificate_id = register(run, pem)
    effects: list[Any] = []
    run("DeleteCertificate", certificate_id=certificate_id, effects=effects)
    assert effects == [*changed(call, certificate_id), TrustWithdrawn()]
    assert run("ListCertificates").certificates == []
    assert register(run, pem) == certificate_id


@pytest.mark.parametrize("force", [None, True])
def test_delete_certificate_that_is_active(run: Run, force: bool | None) -> None:
    certificate_id = register(run, status="ACTIVE")
    with pytest.raises(iot.CertificateStateException) as error:
        run("DeleteCertificate", certificate_id=certificate_id, force_delete=force)
    assert error.value.message == f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"


@pytest.mark.parametrize("force", [None, True])
def test_delete_certificate_with_things(run: Run, force: bool | None) -> None:
    certificate_id = register(run)
    run("CreateThing", thing_name="t")
    run("AttachThingPrincipal", thing_name="t", principal=arn(certificate_id))
    with pytest.raises(iot.DeleteConflictException) as error:
        run("DeleteCertificate", certificate_id=certificate_id, force_delete=force)
    assert error.value.message == f"Things must be detached before deletion (arn: {arn(certificate_id)})"
    run("DetachThingPrincipal", thing_name="t", principal=arn(certificate_id))
    run("DeleteCertificate", certificate_id=certificate_id)


def test_delete_certificate_with_policies(run: Run) -> None:
    certificate_id = register(run)
    document = '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'
    run("CreatePolicy", policy_name="p", policy_document=document)
    run("AttachPolicy", policy_name="p", target=arn(certificate_id))
    with pytest.raises(iot.DeleteConflictException) as error:
        run("DeleteCertificate", certificate_id=certificate_id)
    assert error.value.message == f"Certificate policies must be detached before deletion (arn: {arn(certificate_id)})"
    run("DeleteCertificate", certificate_id=certificate_id, force_delete=True)
    assert run("ListTargetsForPolicy", policy_name="p").targets == []


# --- ListCertificates -----------------------------------------------------------------------------------------------


def pages(run: Run, operation: str, member: str, **members: Any) -> list[list[Any]]:
    """Every page of a listing that goes by markers."""
    found, marker = [], None
    while True:
        answer = run(operation, marker=marker, **members)
        found.append(getattr(answer, member))
        marker = answer.next_marker
        if marker is None:
            return found
        assert MARKER.fullmatch(marker)


@pytest.mark.parametrize("ascending", [None, True])
def test_list_certificates(run: Run, ascending: bool | None) -> None:
    made = [register(run) for _ in range(5)]
    found = pages(run, "ListCertificates", "certificates", page_size=2, ascending_order=ascending)
    assert [len(page) for page in found] == [2, 2, 1]
    listed = [row.certificate_id for page in found for row in page]
    assert listed == (made if ascending else made[::-1])
    row = found[0][0]
    assert (row.certificate_arn, row.status, row.certificate_mode) == (arn(row.certificate_id), "INACTIVE", "SNI_ONLY")
    assert row.creation_date == NOW / 1000


def test_list_certificates_shows_25_unless_asked(run: Run) -> None:
    for _ in range(26):
        register(run)
    answer = run("ListCertificates")
    assert len(answer.certificates) == 25
    assert len(run("ListCertificates", marker=answer.next_marker).certificates) == 1


def test_list_certificates_refuses_the_marker_of_another_listing(run: Run) -> None:
    for _ in range(2):
        register(run)
    marker = run("ListCertificates", page_size=1).next_marker
    for wrong in ("abcd", marker):
        with pytest.raises(iot.InvalidRequestException):
            run("ListCertificates", page_size=1, ascending_order=True, marker=wrong)


# --- CreateCertificateFromCsr ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rsa_key", [False, True])
def test_create_certificate_from_csr(run: Run, call: Call, rsa_key: bool) -> None:
    issuing = call._replace(authority=SampleAuthority())
    key = make_key(rsa_key)
    request = signing_request("unit 7", key)
    effects: list[Any] = []
    made = run(
        "CreateCertificateFromCsr",
        certificate_signing_request=request,
        set_as_active=True,
        call=issuing,
        effects=effects,
    )
    certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=unit 7"
    assert made.certificate_arn == arn(made.certificate_id)
    assert effects == []
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert (found.status, found.certificate_mode, found.certificate_pem) == ("ACTIVE", "DEFAULT", made.certificate_pem)

    again = run("CreateCertificateFromCsr", certificate_signing_request=request, call=issuing)
    assert again.certificate_id != made.certificate_id
    assert run("DescribeCertificate", certificate_id=again.certificate_id).certificate_description.status == "INACTIVE"


def _weak_request() -> str:
    key = rsa.generate_private_key(65537, 1024)
    return signing_request(key=key)


def _forged_request() -> str:
    """Signed with one key, naming another."""
    good, other = signing_request("device"), signing_request("device")
    body, signature = (x509.load_pem_x509_csr(text.encode()) for text in (good, other))
    der = body.public_bytes(serialization.Encoding.DER)
    wrong = der.replace(body.signature, signature.signature)
    return (
        f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.b64encode(wrong).decode()}\n-----END CERTIFICATE REQUEST-----\n"
    )


@pytest.mark.parametrize("request_of", [lambda: "nonsense", self_signed, _weak_request, _forged_request])
def test_create_certificate_from_csr_refuses(run: Run, call: Call, request_of: Callable[[], str]) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run(
            "CreateCertificateFromCsr",
            certificate_signing_request=request_of(),
            call=call._replace(authority=SampleAuthority()),
        )
    assert error.value.message == texts.certificates.CSR_UNREADABLE
    assert run("ListCertificates").certificates == []
