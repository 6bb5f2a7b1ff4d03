"""Certificates, and their attachments to things."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import NOW, Run
from tests.ops.x509_samples import NOT_AFTER, NOT_BEFORE, SampleAuthority, self_signed
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import CertificateTrusted, PrincipalChanged
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
    assert found.ca_certificate_id is None


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
    assert effects == changed(call, certificate_id)
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


# --- AttachThingPrincipal, DetachThingPrincipal ---------------------------------------------------------------------


@pytest.fixture
def owner(run: Run) -> str:
    """The ARN of a certificate, beside things t1 and t2."""
    run("CreateThing", thing_name="t1")
    run("CreateThing", thing_name="t2")
    return arn(register(run))


def test_attach_thing_principal(run: Run, call: Call, owner: str) -> None:
    effects: list[Any] = []
    run("AttachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert effects == changed(call, owner.rpartition("/")[2])
    run("AttachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert len(effects) == 1  # the second time changes nothing
    run("AttachThingPrincipal", thing_name="t2", principal=owner)
    assert run("ListPrincipalThings", principal=owner).things == ["t1", "t2"]
    assert run("ListThingPrincipals", thing_name="t1").principals == [owner]


def test_detach_thing_principal(run: Run, call: Call, owner: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner)
    effects: list[Any] = []
    run("DetachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert effects == changed(call, owner.rpartition("/")[2])
    run("DetachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert len(effects) == 1
    assert run("ListPrincipalThings", principal=owner).things == []


@pytest.mark.parametrize("kind", [None, "NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"])
def test_exclusive_certificate_has_no_second_thing(run: Run, owner: str, kind: str | None) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type=kind)
    assert error.value.message == f"Principal {owner} is attached exclusively to thing t1. Detach it first."
    run("DetachThingPrincipal", thing_name="t1", principal=owner)
    run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type=kind)


def test_shared_certificate_does_not_become_exclusive(run: Run, owner: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner)
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    assert error.value.message == f"Principal {owner} is attached to thing t1 and cannot be exclusive to another."


@pytest.mark.parametrize(
    ("first", "second"), [("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"), ("NON_EXCLUSIVE_THING", "EXCLUSIVE_THING")]
)
def test_attachment_does_not_change_its_type(run: Run, owner: str, first: str, second: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=first)
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=first)
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=second)
    assert error.value.message == f"Principal {owner} is attached to thing t1 as {first}. Detach it first."


def test_a_thing_may_have_several_exclusive_certificates(run: Run, owner: str) -> None:
    other = arn(register(run))
    for principal in (owner, other):
        run("AttachThingPrincipal", thing_name="t1", principal=principal, thing_principal_type="EXCLUSIVE_THING")
    assert run("ListThingPrincipals", thing_name="t1").principals == [owner, other]


@pytest.mark.parametrize("operation", ["AttachThingPrincipal", "DetachThingPrincipal"])
def test_attachments_need_both_sides(run: Run, owner: str, operation: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, thing_name="none", principal=owner)
    assert error.value.message == "Thing none cannot be found."
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, thing_name="t1", principal=arn(UNKNOWN))
    assert error.value.message == f"Certificate {UNKNOWN} cannot be found."


@pytest.mark.parametrize(
    "principal",
    [
        "",
        "t1",
        "eu-west-1:0a1b2c3d-0000-0000-0000-000000000000",
        "arn:aws:iot:eu-west-1:123456789012:thing/t1",
        "arn:aws:iot:eu-west-1:123456789012:thinggroup/g",
    ],
)
@pytest.mark.parametrize("operation", ["AttachThingPrincipal", "DetachThingPrincipal", "ListPrincipalThings"])
def test_principals_are_certificates(run: Run, owner: str, operation: str, principal: str) -> None:
    members = {} if operation == "ListPrincipalThings" else {"thing_name": "t1"}
    with pytest.raises(iot.InvalidRequestException) as error:
        run(operation, principal=principal, **members)
    assert error.value.message == "The given ARN does not represent a cert"


def test_principal_of_another_region(run: Run, owner: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        run("AttachThingPrincipal", thing_name="t1", principal=owner.replace("eu-west-1", "us-east-1"))


# --- lists of attachments -------------------------------------------------------------------------------------------


def test_list_thing_principals(run: Run) -> None:
    run("CreateThing", thing_name="t")
    made = [arn(register(run)) for _ in range(5)]
    for index, principal in enumerate(made):
        kind = "EXCLUSIVE_THING" if index % 2 else "NON_EXCLUSIVE_THING"
        run("AttachThingPrincipal", thing_name="t", principal=principal, thing_principal_type=kind)

    found, token = [], None
    for size in (2, 2, 1):
        answer = run("ListThingPrincipals", thing_name="t", max_results=2, next_token=token)
        assert len(answer.principals) == size
        found += answer.principals
        token = answer.next_token
    assert token is None
    assert found == made

    first = run("ListThingPrincipalsV2", thing_name="t", max_results=3)
    rest = run("ListThingPrincipalsV2", thing_name="t", max_results=3, next_token=first.next_token)
    rows = first.thing_principal_objects + rest.thing_principal_objects
    assert [row.principal for row in rows] == made
    assert [row.thing_principal_type for row in rows[:2]] == ["NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"]
    exclusive = run("ListThingPrincipalsV2", thing_name="t", thing_principal_type="EXCLUSIVE_THING")
    assert [row.principal for row in exclusive.thing_principal_objects] == made[1::2]


def test_list_principal_things(run: Run) -> None:
    owner = arn(register(run))
    names = [f"t{index}" for index in range(5)]
    for name in names:
        run("CreateThing", thing_name=name)
        run("AttachThingPrincipal", thing_name=name, principal=owner)

    found, token = [], None
    for size in (2, 2, 1):
        answer = run("ListPrincipalThings", principal=owner, max_results=2, next_token=token)
        assert len(answer.things) == size
        found += answer.things
        token = answer.next_token
    assert token is None
    assert found == names

    rows = run("ListPrincipalThingsV2", principal=owner).principal_thing_objects
    assert [(row.thing_name, row.thing_principal_type) for row in rows] == [(n, "NON_EXCLUSIVE_THING") for n in names]
    exclusive = run("ListPrincipalThingsV2", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    assert exclusive.principal_thing_objects == []


def test_lists_of_what_does_not_exist(run: Run) -> None:
    for operation in ("ListThingPrincipals", "ListThingPrincipalsV2"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, thing_name="none")
    for operation in ("ListPrincipalThings", "ListPrincipalThingsV2"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, principal=arn(UNKNOWN))


def test_tokens_are_bound_to_their_list(run: Run) -> None:
    for name in ("t1", "t2"):
        run("CreateThing", thing_name=name)
        for principal in (arn(register(run)), arn(register(run))):
            run("AttachThingPrincipal", thing_name=name, principal=principal)
    token = run("ListThingPrincipals", thing_name="t1", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException) as error:
        run("ListThingPrincipals", thing_name="t2", next_token=token)
    assert error.value.message == "Invalid nextToken"
