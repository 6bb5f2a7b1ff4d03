"""What templates come to: RegisterThing over HTTP, and every override."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_ca_certificates import enroll
from tests.ops.test_certificates import arn as certificate_arn
from tests.ops.x509_samples import MakerCA, SampleAuthority, signing_request
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged
from tidegate.wire import iot

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": {"Fn::Sub": "arn:aws:iot:*:*:client/${Name}"}}],
}


def template(certificate: dict[str, Any] | None = None, overrides: dict[str, str] | None = None, **thing: Any) -> str:
    """A template for a thing whose name is the parameter ``Name``; ``thing`` are further properties."""
    resources: dict[str, Any] = {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "Name"}, **thing},
            "OverrideSettings": overrides or {},
        },
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": POLICY}},
    }
    if certificate is not None:
        resources["certificate"] = {"Type": "AWS::IoT::Certificate", **certificate}
    parameters = {name: {"Type": "String"} for name in ("Name", "CSR", "Id", "PEM")}
    return json.dumps({"Parameters": parameters, "Resources": resources})


def register(run: Run, body: str, **parameters: str) -> Any:
    return run("RegisterThing", template_body=body, parameters={"Name": "t", **parameters})


@pytest.fixture
def signing(call: Call) -> Call:
    return call._replace(authority=SampleAuthority())


def csr() -> str:
    return signing_request()


@pytest.fixture
def registry(run: Run) -> None:
    for name in ("pump", "valve"):
        run("CreateThingType", thing_type_name=name)
    for name in ("g", "h"):
        run("CreateThingGroup", thing_group_name=name)
    run("CreateBillingGroup", billing_group_name="b")


BY_REQUEST = {"Properties": {"CertificateSigningRequest": {"Ref": "CSR"}}}
BY_ID = {"Properties": {"CertificateId": {"Ref": "Id"}}}


@pytest.mark.usefixtures("registry")
def test_register_thing(run: Run, signing: Call) -> None:
    body = template(
        BY_REQUEST, AttributePayload={"a": "1"}, ThingTypeName="pump", ThingGroups=["g", "h"], BillingGroup="b"
    )
    made = run("RegisterThing", call=signing, template_body=body, parameters={"Name": "t", "CSR": csr()})
    thing = run("DescribeThing", thing_name="t")
    assert (thing.attributes, thing.thing_type_name, thing.billing_group_name) == ({"a": "1"}, "pump", "b")
    groups = run("ListThingGroupsForThing", thing_name="t").thing_groups
    assert [group.group_name for group in groups] == ["g", "h"]
    (principal,) = run("ListThingPrincipals", thing_name="t").principals
    certificate = run("DescribeCertificate", certificate_id=principal.rpartition("/")[2]).certificate_description
    assert (certificate.status, certificate.certificate_pem) == ("ACTIVE", made.certificate_pem)
    (policy,) = run("ListAttachedPolicies", target=principal).policies
    document = json.loads(run("GetPolicy", policy_name=policy.policy_name).policy_document)
    assert document["Statement"][0]["Resource"] == "arn:aws:iot:*:*:client/t"
    assert made.resource_arns == {
        "thing": thing.thing_arn, "certificate": principal, "policy": policy.policy_arn
    }  # fmt: skip


def test_the_same_again_shares_the_policy_and_adds_a_certificate(run: Run, signing: Call) -> None:
    made = [
        run(
            "RegisterThing",
            call=signing,
            template_body=template(BY_REQUEST),
            parameters={"Name": "t", "CSR": csr()},
        )
        for _ in range(2)
    ]
    assert made[0].resource_arns["policy"] == made[1].resource_arns["policy"]
    assert len(run("ListThingPrincipals", thing_name="t").principals) == 2
    assert run("DescribeThing", thing_name="t").version == 1


def test_a_certificate_of_a_registered_authority(run: Run) -> None:
    ca = MakerCA()
    enroll(run, ca)
    pem = ca.leaf("device")
    body = template({"Properties": {"CertificatePem": {"Ref": "PEM"}, "Status": "INACTIVE"}})
    made = register(run, body, PEM=pem)
    assert made == register(run, body, PEM=pem)
    (principal,) = run("ListThingPrincipals", thing_name="t").principals
    found = run("DescribeCertificate", certificate_id=principal.rpartition("/")[2]).certificate_description
    assert (found.status, found.ca_certificate_id) == ("INACTIVE", ca.certificate_id)


def test_a_certificate_of_nobody_leaves_nothing(run: Run) -> None:
    with pytest.raises(iot.ResourceRegistrationFailureException) as error:
        register(run, template({"Properties": {"CertificatePem": {"Ref": "PEM"}}}), PEM=MakerCA().leaf("device"))
    assert error.value.message == texts.ca_certificates.CA_NOT_REGISTERED
    assert run("ListThings").things == run("ListCertificates").certificates == run("ListPolicies").policies == []


def test_without_certificate(run: Run) -> None:
    made = register(run, template())
    assert made.certificate_pem is None
    assert sorted(made.resource_arns) == ["policy", "thing"]


@pytest.mark.parametrize(
    ("body", "parameters", "kind", "message"),
    [
        ("{", {}, iot.InvalidRequestException, "The template body is invalid"),
        (template(BY_REQUEST), {}, iot.InvalidRequestException, "Cannot resolve reference value: CSR"),
        (template(), {"Name": "a b"}, iot.ResourceRegistrationFailureException, texts.provisioning.THING_NAME_INVALID),
        (
            template(BY_REQUEST),
            {"CSR": "nonsense"},
            iot.ResourceRegistrationFailureException,
            texts.certificates.CSR_UNREADABLE,
        ),
        (
            template(BY_ID),
            {"Id": "0" * 64},
            iot.ResourceRegistrationFailureException,
            texts.certificates.certificate_missing("0" * 64),
        ),
        (
            template(ThingTypeName="no"),
            {},
            iot.ResourceRegistrationFailureException,
            "Register thing workflow execution terminates due to: Thing Type 123456789012:no not found.",
        ),
        (
            template(ThingGroups=["no"]),
            {},
            iot.ResourceRegistrationFailureException,
            "Register thing workflow execution terminates due to: ThingGroup 123456789012:no not found.",
        ),
        (
            template(BillingGroup="no"),
            {},
            iot.ResourceRegistrationFailureException,
            "Register thing workflow execution terminates due to: BillingGroup 123456789012:no not found.",
        ),
        (
            json.dumps({"Resources": {"p": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "no"}}}}),
            {},
            iot.ResourceRegistrationFailureException,
            texts.provisioning.POLICY_MISSING,
        ),
        (
            template(AttributePayload={"a b": "x"}),
            {},
            iot.ResourceRegistrationFailureException,
            "1 validation error detected",
        ),
        (
            template(AttributePayload={str(number): "x" for number in range(4)}),
            {},
            iot.ResourceRegistrationFailureException,
            "Register thing workflow execution terminates due to: Thing t without a thing type",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing(
    run: Run, signing: Call, body: str, parameters: dict[str, str], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as error:
        run("RegisterThing", call=signing, template_body=body, parameters={"Name": "t", **parameters})
    assert message in error.value.message  # type: ignore[attr-defined]
    assert run("ListThings").things == run("ListCertificates").certificates == run("ListPolicies").policies == []


# --- what is there already ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "after"),
    [
        (None, {"a": "1", "b": "1"}),
        ("DO_NOTHING", {"a": "1", "b": "1"}),
        ("MERGE", {"a": "2", "b": "1", "c": "2"}),
        ("REPLACE", {"a": "2", "c": "2"}),
        ("FAIL", None),
    ],
)
def test_attributes_of_a_thing(run: Run, override: str | None, after: dict[str, str] | None) -> None:
    run("CreateThing", thing_name="t", attribute_payload=iot.AttributePayload(attributes={"a": "1", "b": "1"}))
    overrides = {} if override is None else {"AttributePayload": override}
    body = template(overrides=overrides, AttributePayload={"a": "2", "c": "2"})
    if after is None:
        with pytest.raises(iot.ResourceRegistrationFailureException) as error:
            register(run, body)
        existing, wanted = '{"a":"1","b":"1"}', '{"a":"2","c":"2"}'
        assert error.value.message == (
            f"Existing AttributePayload: {existing} conflicts with AttributePayload: {wanted} in Template."
        )
    else:
        register(run, body)
        assert run("DescribeThing", thing_name="t").attributes == after
        version = run("DescribeThing", thing_name="t").version
        register(run, body)
        assert run("DescribeThing", thing_name="t").version == version


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(("override", "after"), [("DO_NOTHING", "pump"), ("REPLACE", "valve"), ("FAIL", None)])
def test_type_of_a_thing(run: Run, override: str, after: str | None) -> None:
    run("CreateThing", thing_name="t", thing_type_name="pump")
    body = template(overrides={"ThingTypeName": override}, ThingTypeName="valve")
    if after is None:
        with pytest.raises(iot.ResourceRegistrationFailureException) as error:
            register(run, body)
        assert error.value.message == "Existing ThingType: pump conflicts with ThingType: valve in Template."
    else:
        register(run, body)
        assert run("DescribeThing", thing_name="t").thing_type_name == after
    run("CreateThing", thing_name="u")
    with pytest.raises(iot.ResourceRegistrationFailureException, match="Existing ThingType: null conflicts"):
        register(run, template(overrides={"ThingTypeName": "FAIL"}, ThingTypeName="valve"), Name="u")


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("override", "after"), [("DO_NOTHING", ["g"]), ("REPLACE", ["h"]), ("MERGE", ["g", "h"]), ("FAIL", None)]
)
def test_groups_of_a_thing(run: Run, override: str, after: list[str] | None) -> None:
    run("CreateThing", thing_name="t")
    run("AddThingToThingGroup", thing_name="t", thing_group_name="g")
    body = template(overrides={"ThingGroups": override}, ThingGroups=["h"])
    if after is None:
        with pytest.raises(iot.ResourceRegistrationFailureException) as error:
            register(run, body)
        assert error.value.message == "Existing ThingGroups: [g] conflict with ThingGroups: [h] in Template."
        return
    register(run, body)
    found = run("ListThingGroupsForThing", thing_name="t").thing_groups
    assert [group.group_name for group in found] == after


@pytest.mark.parametrize(
    ("status", "override", "after"),
    [
        ("INACTIVE", None, "INACTIVE"),
        ("INACTIVE", "DO_NOTHING", "INACTIVE"),
        ("INACTIVE", "REPLACE", "ACTIVE"),
        ("INACTIVE", "FAIL", None),
        ("ACTIVE", "FAIL", "ACTIVE"),
        ("REVOKED", "REPLACE", "REVOKED"),
    ],
)
def test_status_of_a_certificate(run: Run, signing: Call, status: str, override: str | None, after: str | None) -> None:
    made = run("CreateCertificateFromCsr", call=signing, certificate_signing_request=csr())
    known = made.certificate_id
    run("UpdateCertificate", certificate_id=known, new_status=status)
    body = template({**BY_ID, "OverrideSettings": {} if override is None else {"Status": override}})
    effects: list[Any] = []
    if after is None:
        with pytest.raises(iot.ResourceRegistrationFailureException, match="Existing Status: INACTIVE conflicts"):
            register(run, body, Id=known)
        assert run("ListThings").things == []
        return
    run("RegisterThing", template_body=body, parameters={"Name": "t", "Id": known}, effects=effects)
    found = run("DescribeCertificate", certificate_id=known).certificate_description
    assert found.status == after
    assert any(isinstance(effect, PrincipalChanged) and effect.certificate_id == known for effect in effects)
    assert run("ListThingPrincipals", thing_name="t").principals == [certificate_arn(known)]


@pytest.mark.usefixtures("registry")
def test_a_thing_joins_the_continuous_jobs_of_its_groups(run: Run, signing: Call) -> None:
    group = "arn:aws:iot:eu-west-1:123456789012:thinggroup/g"
    run("CreateJob", job_id="j", targets=[group], document="{}", target_selection="CONTINUOUS")
    register(run, template(ThingGroups=["g"]))
    names = [group.group_name for group in run("ListThingGroupsForThing", thing_name="t").thing_groups]
    assert names == ["g"]
