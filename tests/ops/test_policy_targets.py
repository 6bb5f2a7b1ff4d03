"""What holds policies: certificates, thing groups, Cognito identities."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_certificates import UNKNOWN, arn, pages, register
from tests.ops.test_policies import attached, create, group_arn, policy_arn
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged, PrincipalChanged
from tidegate.wire import iot

# --- attachments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "member"), [("AttachPolicy", "target"), ("AttachPrincipalPolicy", "principal")])
def test_attach_policy_to_a_certificate(run: Run, call: Call, operation: str, member: str) -> None:
    create(run)
    certificate_id = register(run)
    effects: list[Any] = []
    for _ in range(2):
        run(operation, policy_name="p", **{member: arn(certificate_id)}, effects=effects)
    assert effects == [PrincipalChanged(call.scope, certificate_id)]  # the second time changes nothing
    assert attached(run, arn(certificate_id)) == ["p"]


@pytest.mark.parametrize(("operation", "member"), [("DetachPolicy", "target"), ("DetachPrincipalPolicy", "principal")])
def test_detach_policy_from_a_certificate(run: Run, call: Call, operation: str, member: str) -> None:
    create(run)
    certificate_id = register(run)
    run("AttachPolicy", policy_name="p", target=arn(certificate_id))
    effects: list[Any] = []
    for _ in range(2):
        run(operation, policy_name="p", **{member: arn(certificate_id)}, effects=effects)
    assert effects == [PrincipalChanged(call.scope, certificate_id)]
    assert attached(run, arn(certificate_id)) == []


def test_attach_policy_to_a_group(run: Run, call: Call) -> None:
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    effects: list[Any] = []
    run("AttachPolicy", policy_name="p", target=group_arn("g"), effects=effects)
    assert attached(run, group_arn("g")) == ["p"]
    run("DetachPolicy", policy_name="p", target=group_arn("g"), effects=effects)
    assert effects == [PoliciesChanged(call.scope)] * 2


def test_a_group_made_anew_has_none_of_the_policies_of_the_old_one(run: Run) -> None:
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    run("AttachPolicy", policy_name="p", target=group_arn("g"))
    run("DeleteThingGroup", thing_group_name="g")
    run("CreateThingGroup", thing_group_name="g")
    assert attached(run, group_arn("g")) == []


@pytest.mark.parametrize("operation", ["AttachPolicy", "AttachPrincipalPolicy"])
def test_attach_policy_at_most_ten(run: Run, operation: str) -> None:
    target = arn(register(run))
    member = "target" if operation == "AttachPolicy" else "principal"
    for index in range(11):
        create(run, f"p{index}")
    for index in range(10):
        run(operation, policy_name=f"p{index}", **{member: target})
    run(operation, policy_name="p0", **{member: target})
    with pytest.raises(iot.LimitExceededException) as error:
        run(operation, policy_name="p10", **{member: target})
    assert error.value.message == texts.requests.limit_exceeded("policies of a certificate or thing group", 10)
    assert len(attached(run, target)) == 10


def test_targets_must_exist(run: Run) -> None:
    create(run)
    for operation in ("AttachPolicy", "ListAttachedPolicies"):
        members = {"policy_name": "p"} if operation == "AttachPolicy" else {}
        with pytest.raises(iot.ResourceNotFoundException) as error:
            run(operation, target=arn(UNKNOWN), **members)
        assert error.value.message == f"Certificate {UNKNOWN} cannot be found."
        with pytest.raises(iot.ResourceNotFoundException) as error:
            run(operation, target=group_arn("none"), **members)
        assert error.value.message == "Thing group none cannot be found."
    with pytest.raises(iot.ResourceNotFoundException):
        run("DetachPrincipalPolicy", policy_name="p", principal=arn(UNKNOWN))


def test_targets_of_another_scope(run: Run) -> None:
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    for target in (arn(register(run)), group_arn("g")):
        with pytest.raises(iot.ResourceNotFoundException):
            run("AttachPolicy", policy_name="p", target=target.replace("123456789012", "210987654321"))


@pytest.mark.parametrize("target", ["", "g", "eu-west-1:0a1b2c3d", "arn:aws:iot:eu-west-1:123456789012:thing/t"])
@pytest.mark.parametrize("operation", ["AttachPolicy", "DetachPolicy", "ListAttachedPolicies"])
def test_targets_are_certificates_and_groups(run: Run, operation: str, target: str) -> None:
    create(run)
    members = {} if operation == "ListAttachedPolicies" else {"policy_name": "p"}
    with pytest.raises(iot.InvalidRequestException) as error:
        run(operation, target=target, **members)
    assert error.value.message == texts.policies.NOT_A_POLICY_TARGET


def test_groups_as_principals(run: Run) -> None:
    """The model's texts name groups where policies are detached and listed, not where they are attached."""
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachPrincipalPolicy", principal=group_arn("g"), policy_name="p")
    assert error.value.message == "The given ARN does not represent a cert"
    run("AttachPolicy", target=group_arn("g"), policy_name="p")
    assert [each.policy_name for each in run("ListPrincipalPolicies", principal=group_arn("g")).policies] == ["p"]
    run("DetachPrincipalPolicy", principal=group_arn("g"), policy_name="p")
    assert run("ListPrincipalPolicies", principal=group_arn("g")).policies == []
    for operation, members in (("DetachPrincipalPolicy", {"policy_name": "p"}), ("ListPrincipalPolicies", {})):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, principal=group_arn("none"), **members)


def test_detach_policy_of_what_is_not_there(run: Run) -> None:
    effects: list[Any] = []
    run("DetachPolicy", policy_name="none", target=arn(UNKNOWN), effects=effects)
    create(run)
    run("DetachPolicy", policy_name="p", target=group_arn("none"), effects=effects)
    assert effects == []


# --- lists of attachments -------------------------------------------------------------------------------------------


def test_list_attached_policies(run: Run) -> None:
    target = arn(register(run))
    names = [f"p{index}" for index in range(5)]
    for name in names:
        create(run, name)
    for name in reversed(names):
        run("AttachPolicy", policy_name=name, target=target)
    found = pages(run, "ListAttachedPolicies", "policies", target=target, page_size=2)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [(row.policy_name, row.policy_arn) for page in found for row in page] == [(n, policy_arn(n)) for n in names]


def test_list_attached_policies_of_a_group_and_its_ancestors(run: Run) -> None:
    run("CreateThingGroup", thing_group_name="root")
    run("CreateThingGroup", thing_group_name="middle", parent_group_name="root")
    run("CreateThingGroup", thing_group_name="leaf", parent_group_name="middle")
    for name, group in [("p-leaf", "leaf"), ("p-root", "root"), ("p-both", "leaf")]:
        create(run, name)
        run("AttachPolicy", policy_name=name, target=group_arn(group))
    run("AttachPolicy", policy_name="p-both", target=group_arn("root"))

    assert attached(run, group_arn("leaf")) == ["p-leaf", "p-both"]
    found = pages(run, "ListAttachedPolicies", "policies", target=group_arn("leaf"), recursive=True, page_size=1)
    assert [row.policy_name for page in found for row in page] == ["p-leaf", "p-root", "p-both"]
    assert attached(run, group_arn("middle")) == []


@pytest.mark.parametrize("ascending", [None, True])
def test_list_principal_policies(run: Run, ascending: bool | None) -> None:
    target = arn(register(run))
    names = [f"p{index}" for index in range(5)]
    for name in names:
        create(run, name)
        run("AttachPrincipalPolicy", policy_name=name, principal=target)
    found = pages(run, "ListPrincipalPolicies", "policies", principal=target, page_size=2, ascending_order=ascending)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [row.policy_name for page in found for row in page] == (names if ascending else names[::-1])


def test_list_targets_for_policy(run: Run) -> None:
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    targets = [arn(register(run)), group_arn("g"), *(arn(register(run)) for _ in range(3))]
    for target in targets:
        run("AttachPolicy", policy_name="p", target=target)
    found = pages(run, "ListTargetsForPolicy", "targets", policy_name="p", page_size=2)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [target for page in found for target in page] == targets


@pytest.mark.parametrize("ascending", [None, True])
def test_list_policy_principals(run: Run, ascending: bool | None) -> None:
    create(run)
    run("CreateThingGroup", thing_group_name="g")
    run("AttachPolicy", policy_name="p", target=group_arn("g"))
    principals = [arn(register(run)) for _ in range(5)]
    for principal in principals:
        run("AttachPolicy", policy_name="p", target=principal)
    found = pages(run, "ListPolicyPrincipals", "principals", policy_name="p", page_size=2, ascending_order=ascending)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [principal for page in found for principal in page] == (principals if ascending else principals[::-1])


# --- Cognito identities ---------------------------------------------------------------------------------------------

COGNITO = "eu-west-1:0a1b2c3d-0000-4000-8000-000000000000"


def test_a_cognito_identity_holds_policies(run: Run) -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'
    for name in ("p1", "p2"):
        run("CreatePolicy", policy_name=name, policy_document=document)
    effects: list[Any] = []
    run("AttachPolicy", policy_name="p1", target=COGNITO, effects=effects)
    run("AttachPrincipalPolicy", policy_name="p2", principal=COGNITO, effects=effects)
    assert effects == []  # nobody connects as one
    assert [row.policy_name for row in run("ListAttachedPolicies", target=COGNITO).policies] == ["p1", "p2"]
    recursive = run("ListAttachedPolicies", target=COGNITO, recursive=True)
    assert [row.policy_name for row in recursive.policies] == ["p1", "p2"]
    assert [row.policy_name for row in run("ListPrincipalPolicies", principal=COGNITO).policies] == ["p2", "p1"]
    assert run("ListTargetsForPolicy", policy_name="p1").targets == [COGNITO]
    assert run("ListPolicyPrincipals", policy_name="p1").principals == [COGNITO]
    run("DetachPolicy", policy_name="p1", target=COGNITO)
    run("DetachPrincipalPolicy", policy_name="p2", principal=COGNITO)
    assert run("ListAttachedPolicies", target=COGNITO).policies == []


@pytest.mark.parametrize("target", [COGNITO.upper(), COGNITO[:-1], "eu-west-1:", COGNITO + "\n", "a b" + COGNITO])
def test_what_is_no_cognito_identity(run: Run, target: str) -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'
    run("CreatePolicy", policy_name="p", policy_document=document)
    with pytest.raises(iot.InvalidRequestException):
        run("AttachPolicy", policy_name="p", target=target)
