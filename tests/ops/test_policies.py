"""Policies, their versions and their attachments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_certificates import UNKNOWN, arn, pages, register
from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged
from tidegate.ops.quotas import Limits
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

DOCUMENT = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
OTHER = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iot:*", "Resource": "*"}]}'


def policy_arn(name: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:policy/{name}"


def group_arn(name: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:thinggroup/{name}"


def create(run: Run, name: str = "p", **members: Any) -> Any:
    return run("CreatePolicy", policy_name=name, **{"policy_document": DOCUMENT, **members})


def attached(run: Run, target: str) -> list[str]:
    return [row.policy_name for row in run("ListAttachedPolicies", target=target).policies]


# --- CreatePolicy, GetPolicy, DeletePolicy, ListPolicies ------------------------------------------------------------


def test_create_policy(run: Run) -> None:
    effects: list[Any] = []
    made = create(run, "p+=,.@-", effects=effects)
    assert made.policy_name == "p+=,.@-"
    assert made.policy_arn == policy_arn("p+=,.@-")
    assert made.policy_document == DOCUMENT
    assert made.policy_version_id == "1"
    assert effects == []
    found = run("GetPolicy", policy_name="p+=,.@-")
    assert (found.policy_document, found.default_version_id) == (DOCUMENT, "1")
    assert (found.creation_date, found.last_modified_date) == (NOW / 1000, NOW / 1000)
    assert found.policy_arn == made.policy_arn
    assert found.generation_id


def test_create_policy_twice(run: Run) -> None:
    create(run)
    with pytest.raises(iot.ResourceAlreadyExistsException) as error:
        create(run, policy_document=OTHER)
    assert error.value.message == "Policy cannot be created - name already exists (name=p)"
    assert error.value.members == {"resource_id": "p", "resource_arn": policy_arn("p")}
    assert run("GetPolicy", policy_name="p").policy_document == DOCUMENT


def test_create_policy_with_a_malformed_document(run: Run) -> None:
    with pytest.raises(iot.MalformedPolicyException) as error:
        create(run, policy_document="./policy.json")
    assert error.value.message == "Policy document is Malformed"
    with pytest.raises(iot.MalformedPolicyException):
        create(run, policy_document='{"Statement": []}')


def padded(length: int) -> str:
    """A document of so many characters, not counting the white space it also has."""
    bare = len("".join(DOCUMENT.split()))
    return DOCUMENT.replace('"iot:*"', f'"iot:{"x" * (length - bare)}*"') + " \n\t" * 100


def test_create_policy_counts_no_white_space(run: Run, call: Call) -> None:
    create(run, "fits", policy_document=padded(2048))
    with pytest.raises(iot.InvalidRequestException) as error:
        create(run, "too-large", policy_document=padded(2049))
    assert error.value.message == texts.policies.policy_too_large(2049, 2048)
    create(run, "larger", policy_document=padded(2049), call=call._replace(limits=Limits(policy_characters=3000)))


def test_create_policy_with_tags(run: Run) -> None:
    create(run, tags=[iot.Tag(key="k", value="v"), iot.Tag(key="empty")])
    tags = run("ListTagsForResource", resource_arn=policy_arn("p")).tags
    assert [(tag.key, tag.value) for tag in tags] == [("empty", ""), ("k", "v")]
    run("DeletePolicy", policy_name="p")
    create(run)
    assert run("ListTagsForResource", resource_arn=policy_arn("p")).tags == []


def test_create_policy_with_wrong_tags(run: Run) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        create(run, tags=[iot.Tag(key="k"), iot.Tag(key="k")])
    assert error.value.message == texts.tags.tags_duplicate(["k"])
    with pytest.raises(iot.InvalidRequestException):
        create(run, tags=[iot.Tag(key=f"k{index}") for index in range(51)])


def test_delete_policy(run: Run) -> None:
    create(run)
    run("DeletePolicy", policy_name="p")
    assert run("ListPolicies").policies == []
    create(run, policy_document=OTHER)
    assert run("ListPolicyVersions", policy_name="p").policy_versions[0].version_id == "1"


def test_delete_policy_that_is_attached(run: Run) -> None:
    create(run)
    target = arn(register(run))
    run("AttachPolicy", policy_name="p", target=target)
    with pytest.raises(iot.DeleteConflictException) as error:
        run("DeletePolicy", policy_name="p")
    assert (
        error.value.message
        == "The policy cannot be deleted as the policy is attached to one or more principals (name=p)"
    )
    run("DetachPolicy", policy_name="p", target=target)
    run("DeletePolicy", policy_name="p")


def test_delete_policy_with_versions(run: Run) -> None:
    create(run)
    run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    with pytest.raises(iot.DeleteConflictException) as error:
        run("DeletePolicy", policy_name="p")
    assert error.value.message == texts.policies.policy_has_versions("p")
    run("DeletePolicyVersion", policy_name="p", policy_version_id="2")
    run("DeletePolicy", policy_name="p")


@pytest.mark.parametrize("ascending", [None, True])
def test_list_policies(run: Run, ascending: bool | None) -> None:
    names = ["c", "a", "e", "b", "d"]
    for name in names:
        create(run, name)
    found = pages(run, "ListPolicies", "policies", page_size=2, ascending_order=ascending)
    assert [len(page) for page in found] == [2, 2, 1]
    rows = [(row.policy_name, row.policy_arn) for page in found for row in page]
    expected = [(name, policy_arn(name)) for name in names]
    assert rows == (expected if ascending else expected[::-1])


def test_policies_of_another_scope_are_not_seen(run: Run, call: Call, database: Database) -> None:
    create(run)
    other = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    elsewhere = call._replace(scope=other, region="us-east-1")
    assert run("ListPolicies", call=elsewhere).policies == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetPolicy", policy_name="p", call=elsewhere)
    create(run, call=elsewhere)


UNKNOWN_POLICY: list[tuple[str, dict[str, str]]] = [
    ("GetPolicy", {}),
    ("DeletePolicy", {}),
    ("CreatePolicyVersion", {"policy_document": DOCUMENT}),
    ("ListPolicyVersions", {}),
    ("GetPolicyVersion", {"policy_version_id": "1"}),
    ("SetDefaultPolicyVersion", {"policy_version_id": "1"}),
    ("DeletePolicyVersion", {"policy_version_id": "1"}),
    ("AttachPolicy", {"target": arn(UNKNOWN)}),
    ("AttachPrincipalPolicy", {"principal": arn(UNKNOWN)}),
    ("DetachPrincipalPolicy", {"principal": arn(UNKNOWN)}),
    ("ListTargetsForPolicy", {}),
]


@pytest.mark.parametrize(("operation", "members"), UNKNOWN_POLICY)
def test_unknown_policy(run: Run, operation: str, members: dict[str, str]) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, policy_name="none", **members)
    assert error.value.message == "Policy not found"


def test_an_unknown_policy_has_no_principals(run: Run) -> None:
    answer = run("ListPolicyPrincipals", policy_name="none")
    assert (answer.principals, answer.next_marker) == ([], None)


# --- versions -------------------------------------------------------------------------------------------------------


def test_create_policy_version(run: Run, call: Call) -> None:
    create(run)
    effects: list[Any] = []
    later = call._replace(now=NOW + 1000)
    made = run("CreatePolicyVersion", policy_name="p", policy_document=OTHER, call=later, effects=effects)
    assert (made.policy_version_id, made.is_default_version) == ("2", False)
    assert (made.policy_arn, made.policy_document) == (policy_arn("p"), OTHER)
    assert effects == []
    assert run("GetPolicy", policy_name="p").policy_document == DOCUMENT
    rows = run("ListPolicyVersions", policy_name="p").policy_versions
    assert [(row.version_id, row.is_default_version, row.create_date) for row in rows] == [
        ("2", False, (NOW + 1000) / 1000),
        ("1", True, NOW / 1000),
    ]


def test_create_policy_version_as_default(run: Run, call: Call) -> None:
    create(run)
    effects: list[Any] = []
    made = run("CreatePolicyVersion", policy_name="p", policy_document=OTHER, set_as_default=True, effects=effects)
    assert made.is_default_version is True
    assert effects == [PoliciesChanged(call.scope)]
    found = run("GetPolicy", policy_name="p")
    assert (found.policy_document, found.default_version_id) == (OTHER, "2")


def test_create_policy_version_at_most_five(run: Run) -> None:
    create(run)
    for _ in range(4):
        run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    with pytest.raises(iot.VersionsLimitExceededException) as error:
        run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    assert error.value.message == "The policy p already has the maximum number of versions (5)"
    assert error.value.http_status == 409
    run("DeletePolicyVersion", policy_name="p", policy_version_id="5")
    made = run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    assert made.policy_version_id == "6"  # a number is never used twice


def test_create_policy_version_checks_its_document(run: Run) -> None:
    create(run)
    with pytest.raises(iot.MalformedPolicyException):
        run("CreatePolicyVersion", policy_name="p", policy_document="{}")
    with pytest.raises(iot.InvalidRequestException):
        run("CreatePolicyVersion", policy_name="p", policy_document=padded(2049))


def test_get_policy_version(run: Run) -> None:
    create(run)
    run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    found = run("GetPolicyVersion", policy_name="p", policy_version_id="2")
    assert (found.policy_name, found.policy_arn, found.policy_document) == ("p", policy_arn("p"), OTHER)
    assert (found.policy_version_id, found.is_default_version) == ("2", False)
    assert found.creation_date == found.last_modified_date == NOW / 1000


def test_set_default_policy_version(run: Run, call: Call) -> None:
    create(run)
    run("CreatePolicyVersion", policy_name="p", policy_document=OTHER)
    effects: list[Any] = []
    for _ in range(2):
        run("SetDefaultPolicyVersion", policy_name="p", policy_version_id="2", effects=effects)
    assert effects == [PoliciesChanged(call.scope)]  # the second time changes nothing
    assert run("GetPolicy", policy_name="p").policy_document == OTHER


def test_delete_policy_version(run: Run) -> None:
    create(run)
    run("CreatePolicyVersion", policy_name="p", policy_document=OTHER, set_as_default=True)
    with pytest.raises(iot.DeleteConflictException) as error:
        run("DeletePolicyVersion", policy_name="p", policy_version_id="2")
    assert error.value.message == "Cannot delete the default version of a policy"
    run("DeletePolicyVersion", policy_name="p", policy_version_id="1")
    assert [row.version_id for row in run("ListPolicyVersions", policy_name="p").policy_versions] == ["2"]


@pytest.mark.parametrize("version", ["2", "0", "9" * 40])
@pytest.mark.parametrize("operation", ["GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"])
def test_unknown_policy_version(run: Run, operation: str, version: str) -> None:
    create(run)
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, policy_name="p", policy_version_id=version)
    assert error.value.message == f"Version {version} of policy p cannot be found."


def test_documents_are_kept_as_they_came(run: Run) -> None:
    document = json.dumps(json.loads(DOCUMENT), indent=7) + "\n"
    create(run, policy_document=document)
    assert run("GetPolicy", policy_name="p").policy_document == document


def test_white_space_inside_a_pattern_counts(run: Run) -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:iot:*" + " " * 2048}})
    with pytest.raises(iot.InvalidRequestException, match="2048"):
        run("CreatePolicy", policy_name="p", policy_document=document)
