"""Role aliases (reach reference 4.1), on both engines."""

from __future__ import annotations

import pytest

from tests.conftest import NOW, Run
from tidegate.core.leniency import Leniency
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/uploader"


def test_create_and_describe_role_alias(run: Run) -> None:
    made = run("CreateRoleAlias", role_alias="a=b,@-c", role_arn=ROLE)
    assert made == iot.CreateRoleAliasResponse(role_alias="a=b,@-c", role_alias_arn=f"{HOME}:rolealias/a=b,@-c")
    assert run("DescribeRoleAlias", role_alias="a=b,@-c").role_alias_description == iot.RoleAliasDescription(
        role_alias="a=b,@-c",
        role_alias_arn=f"{HOME}:rolealias/a=b,@-c",
        role_arn=ROLE,
        owner="123456789012",
        credential_duration_seconds=3600,
        creation_date=NOW / 1000,
        last_modified_date=NOW / 1000,
    )


def test_create_role_alias_again(run: Run) -> None:
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE)
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        run("CreateRoleAlias", role_alias="a", role_arn=ROLE)
    assert caught.value.message == "Role alias a already exists."
    assert caught.value.members == {"resource_id": "a", "resource_arn": f"{HOME}:rolealias/a"}


@pytest.mark.parametrize("role", ["arn:aws:iam::123456789012:user/ada", "arn:aws:iam::x:role/uploader", "a" * 20])
def test_what_is_no_role_is_refused(run: Run, role: str) -> None:
    with pytest.raises(iot.InvalidRequestException, match="is not the ARN of an IAM role"):
        run("CreateRoleAlias", role_alias="a", role_arn=role)
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE)
    with pytest.raises(iot.InvalidRequestException, match="is not the ARN of an IAM role"):
        run("UpdateRoleAlias", role_alias="a", role_arn=role)


def test_every_violation_is_told_at_once(run: Run) -> None:
    twice = [iot.Tag(key="k", value="1"), iot.Tag(key="k", value="2")]
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateRoleAlias", role_alias="a", role_arn="arn:aws:iam::1:user/xxxx", tags=twice)
    assert "role" in caught.value.message
    assert "k" in caught.value.message


def test_an_account_of_any_digits_only_without_strict_aws(database: Database, call: Call, run: Run) -> None:
    run("CreateRoleAlias", role_alias="a", role_arn="arn:aws:iam::1:role/uploader")
    with pytest.raises(iot.InvalidRequestException):
        run(
            "CreateRoleAlias",
            call=call._replace(leniency=Leniency(role_accounts=False)),
            role_alias="b",
            role_arn="arn:aws:iam::1:role/uploader",
        )


def test_update_role_alias_changes_what_is_given(run: Run, call: Call) -> None:
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE, credential_duration_seconds=900)
    later = call._replace(now=NOW + 5000)
    assert run("UpdateRoleAlias", call=later, role_alias="a", credential_duration_seconds=43_200) == (
        iot.UpdateRoleAliasResponse(role_alias="a", role_alias_arn=f"{HOME}:rolealias/a")
    )
    run("UpdateRoleAlias", call=later, role_alias="a", role_arn=ROLE + "2")
    found = run("DescribeRoleAlias", role_alias="a").role_alias_description
    assert (found.role_arn, found.credential_duration_seconds) == (ROLE + "2", 43_200)
    assert (found.creation_date, found.last_modified_date) == (NOW / 1000, NOW / 1000 + 5)


def test_delete_role_alias_takes_its_tags(run: Run) -> None:
    arn = f"{HOME}:rolealias/a"
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE, tags=[iot.Tag(key="k", value="v")])
    assert run("ListTagsForResource", resource_arn=arn).tags == [iot.Tag(key="k", value="v")]
    run("DeleteRoleAlias", role_alias="a")
    for name in ("DescribeRoleAlias", "UpdateRoleAlias", "DeleteRoleAlias"):
        with pytest.raises(iot.ResourceNotFoundException) as caught:
            run(name, role_alias="a")
        assert caught.value.message == "Role alias a cannot be found."
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE)
    assert run("ListTagsForResource", resource_arn=arn).tags == []


def test_three_pages_in_either_order(run: Run) -> None:
    for name in "abcde":
        run("CreateRoleAlias", role_alias=name, role_arn=ROLE)

    def pages(ascending: bool | None) -> list[list[str]]:
        found, marker = [], None
        while True:
            answer = run("ListRoleAliases", page_size=2, marker=marker, ascending_order=ascending)
            found.append(answer.role_aliases)
            marker = answer.next_marker
            if marker is None:
                return found

    assert pages(True) == [["a", "b"], ["c", "d"], ["e"]]
    assert pages(None) == [["e", "d"], ["c", "b"], ["a"]]


def test_a_hundred_and_no_more(run: Run, call: Call) -> None:
    few = call._replace(limits=call.limits._replace(role_aliases=1))
    run("CreateRoleAlias", call=few, role_alias="a", role_arn=ROLE)
    with pytest.raises(iot.LimitExceededException) as caught:
        run("CreateRoleAlias", call=few, role_alias="b", role_arn=ROLE)
    assert caught.value.message == "The limit of 1 role aliases is reached."


def test_accounts_do_not_see_each_other(run: Run, call: Call, database: Database) -> None:
    run("CreateRoleAlias", role_alias="a", role_arn=ROLE)
    other = call._replace(
        account="2" * 12, scope=transact(database, lambda tx: scopes.ensure(tx, "2" * 12, "eu-west-1"))
    )
    assert run("ListRoleAliases", call=other).role_aliases == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeRoleAlias", call=other, role_alias="a")
