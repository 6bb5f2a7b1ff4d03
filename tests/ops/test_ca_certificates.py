"""Authorities that operators register, and what they sign."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_certificates import arn, pages
from tests.ops.x509_samples import NOT_AFTER, NOT_BEFORE, MakerCA, self_signed
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import CertificateTrusted, TrustWithdrawn
from tidegate.store import ca_certificates, certificates, scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

UNKNOWN = "0" * 64
JITP = json.dumps(
    {
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
            }
        }
    }
)


def ca_arn(certificate_id: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:cacert/{certificate_id}"


def enroll(run: Run, ca: MakerCA, **members: Any) -> str:
    """Register an authority with proof; its id."""
    code = run("GetRegistrationCode").registration_code
    members = {"verification_certificate": ca.leaf(code), "set_as_active": True, **members}
    return run("RegisterCACertificate", ca_certificate=ca.pem, **members).certificate_id


# --- the registration code ------------------------------------------------------------------------------------------


def test_registration_code(run: Run, call: Call, database: Database) -> None:
    code = run("GetRegistrationCode").registration_code
    assert re.fullmatch(r"[0-9a-f]{64}", code)
    assert run("GetRegistrationCode").registration_code == code
    other = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert run("GetRegistrationCode", call=call._replace(scope=other)).registration_code != code
    run("DeleteRegistrationCode")
    assert run("GetRegistrationCode").registration_code != code


def test_delete_registration_code_that_is_not_there(run: Run) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        run("DeleteRegistrationCode")


# --- RegisterCACertificate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rsa_key", [False, True])
def test_register_ca_certificate(run: Run, rsa_key: bool) -> None:
    ca, effects = MakerCA(rsa_key=rsa_key), []
    code = run("GetRegistrationCode").registration_code
    made = run("RegisterCACertificate", ca_certificate=ca.pem, verification_certificate=ca.leaf(code), effects=effects)
    assert (made.certificate_id, made.certificate_arn) == (ca.certificate_id, ca_arn(ca.certificate_id))
    assert effects == [CertificateTrusted(ca.pem, authority=True)]
    answer = run("DescribeCACertificate", certificate_id=ca.certificate_id.upper())
    found = answer.certificate_description
    assert (found.status, found.auto_registration_status, found.certificate_mode) == ("INACTIVE", "DISABLE", "DEFAULT")
    assert (found.certificate_id, found.certificate_pem, found.owned_by) == (ca.certificate_id, ca.pem, "123456789012")
    assert (found.creation_date, found.last_modified_date, found.customer_version) == (NOW / 1000, NOW / 1000, 1)
    assert found.validity == iot.CertificateValidity(not_before=NOT_BEFORE.timestamp(), not_after=NOT_AFTER.timestamp())
    assert found.generation_id
    assert answer.registration_config is None


def test_register_ca_certificate_with_everything(run: Run) -> None:
    ca = MakerCA()
    config = iot.RegistrationConfig(template_body=JITP, role_arn="arn:aws:iam::123456789012:role/r")
    tags = [iot.Tag(key="site", value="north")]
    enroll(run, ca, allow_auto_registration=True, registration_config=config, tags=tags)
    answer = run("DescribeCACertificate", certificate_id=ca.certificate_id)
    assert answer.certificate_description.status == "ACTIVE"
    assert answer.certificate_description.auto_registration_status == "ENABLE"
    assert answer.registration_config == config
    assert run("ListTagsForResource", resource_arn=ca_arn(ca.certificate_id)).tags == tags


def test_register_ca_certificate_by_sni(run: Run) -> None:
    ca = MakerCA()
    run("RegisterCACertificate", ca_certificate=ca.pem, certificate_mode="SNI_ONLY")
    found = run("DescribeCACertificate", certificate_id=ca.certificate_id).certificate_description
    assert found.certificate_mode == "SNI_ONLY"


def test_register_ca_certificate_says_all_that_is_wrong_at_once(run: Run) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run(
            "RegisterCACertificate",
            ca_certificate="nonsense",
            registration_config=iot.RegistrationConfig(template_body="{"),
            tags=[iot.Tag(key="a"), iot.Tag(key="a")],
        )
    for text in (texts.ca_certificates.VERIFICATION_MISSING, texts.provisioning.BODY_INVALID, "a"):
        assert text in error.value.message
    assert run("ListCACertificates").certificates == []


def test_sni_mode_takes_no_proof(run: Run) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        enroll(run, MakerCA(), certificate_mode="SNI_ONLY")
    assert error.value.message == texts.ca_certificates.VERIFICATION_IN_SNI_MODE


def test_proof_must_be_signed_by_the_authority(run: Run) -> None:
    code = run("GetRegistrationCode").registration_code
    for proof in (MakerCA().leaf(code), MakerCA("other").leaf(code), self_signed(code)):
        with pytest.raises(iot.CertificateValidationException) as error:
            enroll(run, MakerCA(), verification_certificate=proof)
        assert error.value.message == texts.ca_certificates.VERIFICATION_NOT_SIGNED
    with pytest.raises(iot.CertificateValidationException) as error:
        enroll(run, MakerCA(), verification_certificate="nonsense")
    assert error.value.message == texts.ca_certificates.VERIFICATION_UNREADABLE


def test_proof_must_name_the_registration_code(run: Run) -> None:
    ca = MakerCA()
    code = run("GetRegistrationCode").registration_code
    for name in ("device", code[:-1], code[:-1] + "f"):
        with pytest.raises(iot.RegistrationCodeValidationException):
            enroll(run, ca, verification_certificate=ca.leaf(name))
    proof = ca.leaf(code)
    run("DeleteRegistrationCode")
    with pytest.raises(iot.RegistrationCodeValidationException):  # before anybody asked for a new one
        run("RegisterCACertificate", ca_certificate=ca.pem, verification_certificate=proof)


def test_an_authority_must_be_one(run: Run) -> None:
    with pytest.raises(iot.CertificateValidationException) as error:
        enroll(run, MakerCA(is_ca=False))
    assert error.value.message == texts.ca_certificates.NOT_A_CA
    with pytest.raises(iot.CertificateValidationException) as error:
        run("RegisterCACertificate", ca_certificate="nonsense", certificate_mode="SNI_ONLY")
    assert error.value.message == texts.ca_certificates.CA_CERTIFICATE_UNREADABLE


def test_register_ca_certificate_twice(run: Run) -> None:
    ca = MakerCA()
    enroll(run, ca)
    with pytest.raises(iot.ResourceAlreadyExistsException) as error:
        enroll(run, ca)
    assert error.value.members == {"resource_id": ca.certificate_id, "resource_arn": ca_arn(ca.certificate_id)}


@pytest.mark.parametrize(
    ("region", "mode", "taken"),
    [("eu-west-1", "DEFAULT", True), ("eu-west-1", "SNI_ONLY", False), ("us-east-1", "DEFAULT", False)],
)
def test_one_account_of_a_region_has_a_ca_in_default_mode(
    run: Run, call: Call, database: Database, region: str, mode: str, taken: bool
) -> None:
    ca = MakerCA()
    enroll(run, ca)
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", region))
    theirs = call._replace(scope=scope, account="210987654321", region=region)
    code = run("GetRegistrationCode", call=theirs).registration_code
    members = {"certificate_mode": mode, "verification_certificate": ca.leaf(code) if mode == "DEFAULT" else None}
    if taken:
        with pytest.raises(iot.ResourceAlreadyExistsException):
            run("RegisterCACertificate", ca_certificate=ca.pem, call=theirs, **members)
    else:
        run("RegisterCACertificate", ca_certificate=ca.pem, call=theirs, **members)


def test_ten_authorities_of_one_name(run: Run) -> None:
    for _ in range(10):
        enroll(run, MakerCA("same"))
    with pytest.raises(iot.LimitExceededException):
        enroll(run, MakerCA("same"))
    enroll(run, MakerCA("another"))


def test_provisioning_templates_of_authorities(run: Run) -> None:
    config = iot.RegistrationConfig(template_name="t_1")
    known = enroll(run, MakerCA())
    for name, members in (("RegisterCACertificate", {}), ("UpdateCACertificate", {"certificate_id": known})):
        ca = MakerCA("other")
        given = members or {"ca_certificate": ca.pem, "certificate_mode": "SNI_ONLY"}
        with pytest.raises(iot.ResourceNotFoundException, match="Unable to find template named t_1"):
            run(name, registration_config=config, **given)
        both = iot.RegistrationConfig(template_name="t_1", template_body="{}", role_arn="arn:aws:iam::1:user/x1234")
        with pytest.raises(iot.InvalidRequestException) as error:
            run(name, registration_config=both, **given)
        assert texts.provisioning.TEMPLATE_NAMED_AND_GIVEN in error.value.message
        assert texts.provisioning.NO_RESOURCES in error.value.message
        assert texts.placeholders.role_invalid("arn:aws:iam::1:user/x1234") in error.value.message
    role = "arn:aws:iam::123456789012:role/provisioning"
    run("CreateProvisioningTemplate", template_name="t_1", template_body=JITP, provisioning_role_arn=role)
    with pytest.raises(iot.InvalidRequestException, match="Template t_1 is not of type JITP"):
        run("UpdateCACertificate", certificate_id=known, registration_config=config)
    run("DeleteProvisioningTemplate", template_name="t_1")
    for name in ("t_1", "tx1"):
        members = {"template_name": name, "template_body": JITP, "provisioning_role_arn": role}
        run("CreateProvisioningTemplate", type="JITP", **members)
    run("UpdateCACertificate", certificate_id=known, registration_config=config)
    other = iot.RegistrationConfig(template_body=JITP.replace('"Ref"', '"Ref" ', 1), role_arn=role)
    enroll(run, MakerCA("third"), registration_config=other)
    for ascending in (True, False):
        listed = run("ListCACertificates", template_name="t_1", ascending_order=ascending).certificates
        assert [each.certificate_id for each in listed] == [known]
    assert run("ListCACertificates", template_name="tx1").certificates == []
    run("DeleteProvisioningTemplate", template_name="tx1")
    with pytest.raises(iot.DeleteConflictException, match=f"is used by CA certificate {known}"):
        run("DeleteProvisioningTemplate", template_name="t_1")
    run("UpdateCACertificate", certificate_id=known, remove_auto_registration=True)
    run("DeleteProvisioningTemplate", template_name="t_1")


# --- Update, Delete, List -------------------------------------------------------------------------------------------


def test_update_ca_certificate(run: Run, call: Call) -> None:
    certificate_id = enroll(run, MakerCA())
    later = call._replace(now=NOW + 5000)

    def update(**members: Any) -> tuple[Any, ...]:
        run("UpdateCACertificate", certificate_id=certificate_id, call=later, **members)
        answer = run("DescribeCACertificate", certificate_id=certificate_id)
        found = answer.certificate_description
        body = answer.registration_config and answer.registration_config.template_body
        return found.status, found.auto_registration_status, body, found.customer_version, found.last_modified_date

    assert update() == ("ACTIVE", "DISABLE", None, 1, NOW / 1000)
    assert update(new_status="ACTIVE") == ("ACTIVE", "DISABLE", None, 1, NOW / 1000)
    assert update(new_auto_registration_status="ENABLE") == ("ACTIVE", "ENABLE", None, 2, (NOW + 5000) / 1000)
    config = iot.RegistrationConfig(template_body=JITP)
    assert update(registration_config=config)[:4] == ("ACTIVE", "ENABLE", JITP, 3)
    assert update(new_status="INACTIVE")[:4] == ("INACTIVE", "ENABLE", JITP, 4)
    assert update(remove_auto_registration=True)[:4] == ("INACTIVE", "DISABLE", None, 5)
    with pytest.raises(iot.InvalidRequestException):
        update(registration_config=iot.RegistrationConfig(template_body="[]"))


@pytest.mark.parametrize("operation", ["DescribeCACertificate", "UpdateCACertificate", "DeleteCACertificate"])
def test_unknown_ca_certificate(run: Run, operation: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, certificate_id=UNKNOWN)
    assert error.value.message == f"CA certificate {UNKNOWN} cannot be found."


def test_delete_ca_certificate(run: Run, database: Database) -> None:
    ca = MakerCA()
    enroll(run, ca, tags=[iot.Tag(key="a", value="b")])
    leaf = ca.leaf()
    made = run("RegisterCertificate", certificate_pem=leaf, status="ACTIVE")
    with pytest.raises(iot.CertificateStateException) as error:
        run("DeleteCACertificate", certificate_id=ca.certificate_id)
    assert error.value.http_status == 406
    run("UpdateCACertificate", certificate_id=ca.certificate_id, new_status="INACTIVE")
    effects: list[Any] = []
    run("DeleteCACertificate", certificate_id=ca.certificate_id, effects=effects)
    assert effects == [TrustWithdrawn()]
    assert database.read(lambda tx: ca_certificates.registered(tx, 0, 10)) == []
    # What was registered under it goes on, by itself from now on.
    assert [pem for _, pem in database.read(lambda tx: certificates.registered(tx, 0, 10))] == [leaf]
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert (found.status, found.ca_certificate_id) == ("ACTIVE", ca.certificate_id)
    with pytest.raises(iot.ResourceNotFoundException):
        run("ListTagsForResource", resource_arn=ca_arn(ca.certificate_id))
    enroll(run, ca)
    assert run("ListTagsForResource", resource_arn=ca_arn(ca.certificate_id)).tags == []


@pytest.mark.parametrize("ascending", [None, True])
def test_list_ca_certificates(run: Run, ascending: bool | None) -> None:
    made = [enroll(run, MakerCA(f"ca {index}")) for index in range(5)]
    found = pages(run, "ListCACertificates", "certificates", page_size=2, ascending_order=ascending)
    assert [len(page) for page in found] == [2, 2, 1]
    rows = [row for page in found for row in page]
    assert [row.certificate_id for row in rows] == (made if ascending else made[::-1])
    assert (rows[0].certificate_arn, rows[0].status) == (ca_arn(rows[0].certificate_id), "ACTIVE")
    assert rows[0].creation_date == NOW / 1000


def test_list_ca_certificates_shows_25_unless_asked(run: Run) -> None:
    for index in range(26):
        run("RegisterCACertificate", ca_certificate=MakerCA(f"{index}").pem, certificate_mode="SNI_ONLY")
    answer = run("ListCACertificates")
    assert len(answer.certificates) == 25
    assert len(run("ListCACertificates", marker=answer.next_marker).certificates) == 1


# --- RegisterCertificate, ListCertificatesByCA ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["DEFAULT", "SNI_ONLY"])
def test_register_certificate(run: Run, database: Database, mode: str) -> None:
    ca, effects = MakerCA(), []
    proof = {"verification_certificate": None} if mode == "SNI_ONLY" else {}
    enroll(run, ca, certificate_mode=mode, **proof)
    leaf = ca.leaf()
    made = run("RegisterCertificate", certificate_pem=leaf, effects=effects)
    assert made.certificate_arn == arn(made.certificate_id)
    assert effects == []  # the listeners trust the authority
    assert database.read(lambda tx: certificates.registered(tx, 0, 10)) == []
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert (found.status, found.certificate_mode, found.certificate_pem) == ("INACTIVE", mode, leaf)
    assert found.ca_certificate_id == ca.certificate_id


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, "INACTIVE"),
        ({"set_as_active": True}, "ACTIVE"),
        ({"set_as_active": False}, "INACTIVE"),
        ({"status": "ACTIVE"}, "ACTIVE"),
        ({"status": "REVOKED"}, "REVOKED"),
        ({"status": "INACTIVE", "set_as_active": True}, "INACTIVE"),
    ],
)
def test_the_status_of_a_registered_certificate(run: Run, members: dict[str, Any], status: str) -> None:
    ca = MakerCA()
    enroll(run, ca)
    made = run("RegisterCertificate", certificate_pem=ca.leaf(), **members)
    assert run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description.status == status


@pytest.mark.parametrize("status", ["PENDING_ACTIVATION", "PENDING_TRANSFER"])
def test_statuses_of_the_service(run: Run, status: str) -> None:
    with pytest.raises(iot.CertificateStateException):
        run("RegisterCertificate", certificate_pem=MakerCA().leaf(), status=status)


def test_register_certificate_of_nobody(run: Run) -> None:
    ca, namesake = MakerCA(), MakerCA()
    enroll(run, ca)
    for pem in (self_signed(), MakerCA("other").leaf(), namesake.leaf()):  # the last has the name, not the key
        with pytest.raises(iot.CertificateValidationException) as error:
            run("RegisterCertificate", certificate_pem=pem)
        assert error.value.message == texts.ca_certificates.CA_NOT_REGISTERED
    with pytest.raises(iot.CertificateValidationException) as error:
        run("RegisterCertificate", certificate_pem="nonsense")
    assert error.value.message == texts.certificates.CERTIFICATE_UNREADABLE
    assert run("ListCertificates").certificates == []


def test_register_certificate_under_a_named_authority(run: Run) -> None:
    first, second, stranger = MakerCA(), MakerCA(), MakerCA()
    enroll(run, first)
    enroll(run, second)
    leaf = second.leaf()
    with pytest.raises(iot.CertificateConflictException) as error:
        run("RegisterCertificate", certificate_pem=leaf)
    assert error.value.http_status == 409
    with pytest.raises(iot.CertificateValidationException):
        run("RegisterCertificate", certificate_pem=leaf, ca_certificate_pem=first.pem)
    with pytest.raises(iot.CertificateValidationException) as not_registered:
        run("RegisterCertificate", certificate_pem=stranger.leaf(), ca_certificate_pem=stranger.pem)
    assert not_registered.value.message == texts.ca_certificates.CA_NOT_REGISTERED
    made = run("RegisterCertificate", certificate_pem=leaf, ca_certificate_pem=second.pem)
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert found.ca_certificate_id == second.certificate_id


def test_register_certificate_under_an_inactive_authority(run: Run) -> None:
    ca = MakerCA()
    enroll(run, ca, set_as_active=False)
    with pytest.raises(iot.CertificateStateException):
        run("RegisterCertificate", certificate_pem=ca.leaf())


def test_register_certificate_under_an_authority_of_another_scope(run: Run, call: Call, database: Database) -> None:
    ca = MakerCA()
    enroll(run, ca)
    other = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    with pytest.raises(iot.CertificateValidationException):
        run("RegisterCertificate", certificate_pem=ca.leaf(), call=call._replace(scope=other, region="us-east-1"))


def test_register_certificate_twice(run: Run) -> None:
    ca = MakerCA()
    enroll(run, ca)
    leaf = ca.leaf()
    made = run("RegisterCertificate", certificate_pem=leaf)
    for operation in ("RegisterCertificate", "RegisterCertificateWithoutCA"):
        with pytest.raises(iot.ResourceAlreadyExistsException) as error:
            run(operation, certificate_pem=leaf)
        assert error.value.members["resource_id"] == made.certificate_id


def test_an_intermediate_authority(run: Run) -> None:
    below = MakerCA("root").intermediate("below")
    enroll(run, below)
    made = run("RegisterCertificate", certificate_pem=below.leaf())
    found = run("DescribeCertificate", certificate_id=made.certificate_id).certificate_description
    assert found.ca_certificate_id == below.certificate_id


@pytest.mark.parametrize("ascending", [None, True])
def test_list_certificates_by_ca(run: Run, ascending: bool | None) -> None:
    ca, other = MakerCA("one"), MakerCA("other")
    enroll(run, ca)
    enroll(run, other)
    made = [run("RegisterCertificate", certificate_pem=ca.leaf()).certificate_id for _ in range(5)]
    run("RegisterCertificate", certificate_pem=other.leaf())
    members = {"ca_certificate_id": ca.certificate_id.upper(), "page_size": 2, "ascending_order": ascending}
    found = pages(run, "ListCertificatesByCA", "certificates", **members)
    assert [len(page) for page in found] == [2, 2, 1]
    rows = [row for page in found for row in page]
    assert [row.certificate_id for row in rows] == (made if ascending else made[::-1])
    assert (rows[0].certificate_arn, rows[0].certificate_mode) == (arn(rows[0].certificate_id), "DEFAULT")
    assert run("ListCertificatesByCA", ca_certificate_id=UNKNOWN).certificates == []
