"""TestAuthorization and GetEffectivePolicies."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.x509_samples import self_signed
from tidegate.core import texts
from tidegate.wire import iot

HEAD = "arn:aws:iot:eu-west-1:123456789012:"
NAME = "${iot:Connection.Thing.ThingName}"
UNKNOWN = f"{HEAD}cert/{'0' * 64}"
COGNITO = "eu-west-1:0a1b2c3d-0000-4000-8000-000000000000"


def statement(effect: str, action: str, resource: str, **members: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": f"{HEAD}{resource}", **members}


class Arranged:
    """A certificate, and policies around it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        made = run("RegisterCertificateWithoutCA", certificate_pem=self_signed("unit 7"))
        self.arn = made.certificate_arn

    def policy(self, name: str, target: str | None, *statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.run("CreatePolicy", policy_name=name, policy_document=document)
        if target is not None:
            self.run("AttachPolicy", policy_name=name, target=target)

    def thing(self, name: str, *groups: str) -> None:
        self.run("CreateThing", thing_name=name)
        self.run("AttachThingPrincipal", thing_name=name, principal=self.arn)
        for group in groups:
            self.run("AddThingToThingGroup", thing_group_name=group, thing_name=name)

    def ask(self, kind: str, *resources: str, **members: Any) -> iot.AuthResult:
        infos = [iot.AuthInfo(action_type=kind, resources=[f"{HEAD}{resource}" for resource in resources])]
        members = {"principal": self.arn, **members}
        [result] = self.run("TestAuthorization", auth_infos=infos, **members).auth_results
        assert result.auth_info == infos[0]
        return result

    def effective(self, **members: Any) -> list[str]:
        found = self.run("GetEffectivePolicies", **members).effective_policies
        assert all(row.policy_arn == f"{HEAD}policy/{row.policy_name}" for row in found)
        return [row.policy_name for row in found]


@pytest.fixture
def arranged(run: Run) -> Arranged:
    return Arranged(run)


def names(found: Any) -> list[str]:
    return [entry.policy_name for entry in found.policies]


def spoke(result: iot.AuthResult) -> tuple[str, list[str], list[str], list[str]]:
    """Decision, and the policies that allowed, denied, and were silent."""
    assert result.allowed is not None
    assert result.denied is not None
    return (
        result.auth_decision or "",
        names(result.allowed),
        names(result.denied.explicit_deny),
        names(result.denied.implicit_deny),
    )


# --- TestAuthorization ----------------------------------------------------------------------------------------------


def test_who_allows_who_denies_and_who_is_silent(arranged: Arranged) -> None:
    arranged.policy("a-wide", arranged.arn, statement("Allow", "iot:*", "*"))
    arranged.policy("b-narrow", arranged.arn, statement("Deny", "iot:Publish", "topic/secret*"))
    arranged.policy("c-silent", arranged.arn, statement("Allow", "iot:Connect", "client/other"))
    assert spoke(arranged.ask("PUBLISH", "topic/open")) == ("ALLOWED", ["a-wide"], [], ["b-narrow", "c-silent"])
    assert spoke(arranged.ask("PUBLISH", "topic/secret")) == ("EXPLICIT_DENY", ["a-wide"], ["b-narrow"], ["c-silent"])
    result = arranged.ask("PUBLISH", "topic/open")
    assert result.allowed is not None
    assert result.allowed.policies == [iot.Policy(policy_name="a-wide", policy_arn=f"{HEAD}policy/a-wide")]


def test_without_policies_all_is_denied(arranged: Arranged) -> None:
    assert spoke(arranged.ask("CONNECT", "client/a")) == ("IMPLICIT_DENY", [], [], [])


@pytest.mark.parametrize(
    ("kind", "action", "resource"),
    [
        ("CONNECT", "iot:Connect", "client/a"),
        ("PUBLISH", "iot:Publish", "topic/a"),
        ("SUBSCRIBE", "iot:Subscribe", "topicfilter/a"),
        ("RECEIVE", "iot:Receive", "topic/a"),
    ],
)
def test_kinds_of_actions(arranged: Arranged, kind: str, action: str, resource: str) -> None:
    arranged.policy("p", arranged.arn, statement("Allow", action, resource))
    assert arranged.ask(kind, resource).auth_decision == "ALLOWED"
    for other in {"CONNECT", "PUBLISH", "SUBSCRIBE", "RECEIVE"} - {kind}:
        assert arranged.ask(other, resource).auth_decision == "IMPLICIT_DENY"


def test_several_resources_of_one_action(arranged: Arranged) -> None:
    arranged.policy(
        "p",
        arranged.arn,
        statement("Allow", "iot:Publish", "topic/a*"),
        statement("Deny", "iot:Publish", "topic/ax"),
    )
    assert arranged.ask("PUBLISH", "topic/a", "topic/ab").auth_decision == "ALLOWED"
    assert arranged.ask("PUBLISH", "topic/a", "topic/b").auth_decision == "IMPLICIT_DENY"
    assert arranged.ask("PUBLISH", "topic/a", "topic/ax").auth_decision == "EXPLICIT_DENY"


def test_several_actions_have_results_of_their_own(arranged: Arranged) -> None:
    arranged.policy("p", arranged.arn, statement("Allow", "iot:Connect", "*"))
    infos = [
        iot.AuthInfo(action_type=kind, resources=[f"{HEAD}client/a"]) for kind in ("CONNECT", "PUBLISH", "CONNECT")
    ]
    found = arranged.run("TestAuthorization", principal=arranged.arn, auth_infos=infos).auth_results
    assert [entry.auth_decision for entry in found] == ["ALLOWED", "IMPLICIT_DENY", "ALLOWED"]


def test_the_client_id_chooses_the_thing(arranged: Arranged) -> None:
    arranged.run("CreateThingGroup", thing_group_name="root")
    arranged.run("CreateThingGroup", thing_group_name="leaf", parent_group_name="root")
    arranged.thing("t1", "leaf")
    arranged.policy("p", arranged.arn, statement("Allow", "iot:Publish", f"topic/{NAME}"))
    arranged.policy("of-root", f"{HEAD}thinggroup/root", statement("Deny", "iot:Publish", "topic/blocked"))
    assert spoke(arranged.ask("PUBLISH", "topic/t1", client_id="t1")) == ("ALLOWED", ["p"], [], ["of-root"])
    assert arranged.ask("PUBLISH", "topic/blocked", client_id="t1").auth_decision == "EXPLICIT_DENY"
    assert spoke(arranged.ask("PUBLISH", "topic/t1", client_id="other")) == ("IMPLICIT_DENY", [], [], ["p"])


def test_missing_context_values(arranged: Arranged) -> None:
    address = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    arranged.policy(
        "p",
        arranged.arn,
        statement("Allow", "iot:Publish", f"topic/{NAME}"),
        statement("Allow", "iot:Publish", "topic/a", Condition=address),
        statement("Allow", "iot:Connect", "client/${iot:ClientId}"),
        statement("Allow", "iot:Publish", "topic/${iot:Certificate.Subject.CommonName}"),
    )
    result = arranged.ask("PUBLISH", "topic/a")
    assert result.missing_context_values == ["iot:Connection.Thing.ThingName", "aws:SourceIp"]
    assert arranged.ask("PUBLISH", "topic/unit 7").auth_decision == "ALLOWED"
    assert arranged.ask("CONNECT", "client/a").missing_context_values == ["iot:ClientId"]
    assert arranged.ask("CONNECT", "client/a", client_id="a").missing_context_values == []


def test_policies_to_add_and_to_skip(arranged: Arranged) -> None:
    arranged.policy("own", arranged.arn, statement("Deny", "iot:Publish", "topic/a"))
    arranged.policy("more", None, statement("Allow", "iot:Publish", "topic/a"))
    both = {"policy_names_to_add": ["more"], "policy_names_to_skip": ["own"]}
    assert spoke(arranged.ask("PUBLISH", "topic/a")) == ("EXPLICIT_DENY", [], ["own"], [])
    assert spoke(arranged.ask("PUBLISH", "topic/a", policy_names_to_add=["more"]))[:3] == (
        "EXPLICIT_DENY",
        ["more"],
        ["own"],
    )
    assert spoke(arranged.ask("PUBLISH", "topic/a", policy_names_to_skip=["own"])) == ("IMPLICIT_DENY", [], [], [])
    assert spoke(arranged.ask("PUBLISH", "topic/a", **both)) == ("ALLOWED", ["more"], [], [])
    arranged.policy("mine", None, statement("Allow", "iot:Publish", "topic/${iot:Certificate.SerialNumber}"))
    assert arranged.ask("PUBLISH", "topic/a", policy_names_to_add=["mine"]).missing_context_values == []
    for member in ("policy_names_to_add", "policy_names_to_skip"):
        with pytest.raises(iot.ResourceNotFoundException):
            arranged.ask("PUBLISH", "topic/a", **{member: ["none"]})


def test_a_test_says_all_that_is_wrong_at_once(run: Run) -> None:
    infos = [iot.AuthInfo(resources=["topic/a"]), iot.AuthInfo(action_type="PUBLISH", resources=[])]
    with pytest.raises(iot.InvalidRequestException) as error:
        run("TestAuthorization", auth_infos=infos)
    assert error.value.message == " ".join(
        [
            texts.authorization.PRINCIPAL_MISSING,
            texts.authorization.action_type_missing(1),
            texts.authorization.not_a_resource(1, "topic/a"),
            texts.authorization.resources_missing(2),
        ]
    )


@pytest.mark.parametrize("principal", ["me", f"{HEAD}thinggroup/g", f"{HEAD}thing/t"])
def test_what_is_no_principal(arranged: Arranged, principal: str) -> None:
    with pytest.raises(iot.InvalidRequestException):
        arranged.ask("CONNECT", "client/a", principal=principal)


def test_an_unknown_principal(arranged: Arranged) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        arranged.ask("CONNECT", "client/a", principal=UNKNOWN)


def test_a_cognito_identity(arranged: Arranged) -> None:
    arranged.policy("p", COGNITO, statement("Allow", "iot:Publish", "topic/a"))
    assert spoke(arranged.ask("PUBLISH", "topic/a", principal=COGNITO)) == ("ALLOWED", ["p"], [], [])
    assert arranged.ask("PUBLISH", "topic/b", principal=COGNITO).auth_decision == "IMPLICIT_DENY"
    assert arranged.effective(principal=COGNITO) == ["p"]


# --- GetEffectivePolicies -------------------------------------------------------------------------------------------


def test_effective_policies(arranged: Arranged) -> None:
    arranged.run("CreateThingGroup", thing_group_name="root")
    arranged.run("CreateThingGroup", thing_group_name="leaf", parent_group_name="root")
    arranged.thing("t1", "leaf")
    for name, target in {"c": arranged.arn, "a": f"{HEAD}thinggroup/root", "b": f"{HEAD}thinggroup/leaf"}.items():
        arranged.policy(name, target, statement("Allow", "iot:Connect", f"client/{name}"))
    arranged.run("AttachPolicy", policy_name="b", target=arranged.arn)
    assert arranged.effective(principal=arranged.arn) == ["b", "c"]
    assert arranged.effective(principal=arranged.arn, thing_name="t1") == ["a", "b", "c"]
    assert arranged.effective(thing_name="t1") == ["a", "b"]
    assert arranged.effective(principal=f"{HEAD}thinggroup/leaf") == ["a", "b"]
    assert arranged.effective(principal=f"{HEAD}thinggroup/root") == ["a"]


def test_the_effective_document_is_the_default_one(arranged: Arranged) -> None:
    arranged.policy("p", arranged.arn, statement("Allow", "iot:Connect", "client/old"))
    new = json.dumps({"Statement": statement("Allow", "iot:Connect", "client/new")})
    arranged.run("CreatePolicyVersion", policy_name="p", policy_document=new, set_as_default=True)
    [found] = arranged.run("GetEffectivePolicies", principal=arranged.arn).effective_policies
    assert found.policy_document == new


def test_effective_policies_of_nobody(arranged: Arranged) -> None:
    with pytest.raises(iot.InvalidRequestException):
        arranged.effective()
    for members in ({"principal": UNKNOWN}, {"thing_name": "none"}, {"principal": f"{HEAD}thinggroup/none"}):
        with pytest.raises(iot.ResourceNotFoundException):
            arranged.effective(**members)
    with pytest.raises(iot.InvalidRequestException):
        arranged.effective(principal="me")


def test_a_test_may_not_ask_for_everything(arranged: Arranged) -> None:
    arranged.policy("own", arranged.arn, statement("Allow", "iot:Publish", "topic/*"))
    many = iot.AuthInfo(action_type="PUBLISH", resources=[f"{HEAD}topic/a"] * 50)
    asked = {"principal": arranged.arn, "auth_infos": [many, many]}
    found = arranged.run("TestAuthorization", **asked)
    assert [result.auth_decision for result in found.auth_results] == ["ALLOWED", "ALLOWED"]
    for members, told in (
        ({"auth_infos": [many, many, many]}, texts.authorization.too_many("resources", 100)),
        ({"policy_names_to_add": ["own"] * 11}, texts.authorization.too_many("policyNamesToAdd", 10)),
        ({"policy_names_to_skip": ["own"] * 101}, texts.authorization.too_many("policyNamesToSkip", 100)),
    ):
        with pytest.raises(iot.InvalidRequestException, match=re.escape(told)):
            arranged.run("TestAuthorization", **{**asked, **members})
