"""Provisioning templates and their versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tidegate.core import texts
from tidegate.net.hooks import Hook
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

ROLE = "arn:aws:iam::123456789012:role/provisioning"
HOOK = "arn:aws:lambda:eu-west-1:123456789012:function:check"
BODY = json.dumps(
    {
        "Parameters": {"SerialNumber": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Fn::Join": ["", ["device-", {"Ref": "SerialNumber"}]]}},
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
            },
        },
    }
)
OTHER = BODY.replace("device-", "pump-")


def arn(name: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/{name}"


def make(run: Run, name: str = "t", **members: Any) -> Any:
    members = {"template_body": BODY, "provisioning_role_arn": ROLE, **members}
    return run("CreateProvisioningTemplate", template_name=name, **members)


def hooked(call: Call) -> Call:
    return call._replace(hooks={HOOK: Hook("http://127.0.0.1:1/")})


def test_create_provisioning_template(run: Run) -> None:
    made = make(run)
    assert (made.template_arn, made.template_name, made.default_version_id) == (arn("t"), "t", 1)
    found = run("DescribeProvisioningTemplate", template_name="t")
    assert found == iot.DescribeProvisioningTemplateResponse(
        template_arn=arn("t"),
        template_name="t",
        creation_date=NOW / 1000,
        last_modified_date=NOW / 1000,
        default_version_id=1,
        template_body=BODY,
        enabled=False,
        provisioning_role_arn=ROLE,
        type="FLEET_PROVISIONING",
    )


def test_create_provisioning_template_with_everything(run: Run, call: Call) -> None:
    hook, tags = iot.ProvisioningHook(target_arn=HOOK), [iot.Tag(key="site", value="north")]
    members = {"description": "d", "enabled": True, "pre_provisioning_hook": hook, "tags": tags}
    make(run, call=hooked(call), **members)
    found = run("DescribeProvisioningTemplate", template_name="t")
    assert (found.description, found.enabled) == ("d", True)
    assert found.pre_provisioning_hook == iot.ProvisioningHook(payload_version="2020-04-01", target_arn=HOOK)
    assert run("ListTagsForResource", resource_arn=arn("t")).tags == tags
    run("DeleteProvisioningTemplate", template_name="t")
    make(run)
    assert run("ListTagsForResource", resource_arn=arn("t")).tags == []


def test_create_provisioning_template_says_all_that_is_wrong_at_once(run: Run) -> None:
    hook = iot.ProvisioningHook(target_arn=HOOK, payload_version="2019-01-01")
    with pytest.raises(iot.InvalidRequestException) as error:
        make(
            run,
            template_body='{"Resources":{}}',
            provisioning_role_arn="arn:aws:iam::123456789012:user/nobody",
            pre_provisioning_hook=hook,
            tags=[iot.Tag(key="a"), iot.Tag(key="a")],
        )
    for part in (
        texts.provisioning.NO_RESOURCES,
        texts.provisioning.role_invalid("arn:aws:iam::123456789012:user/nobody"),
        texts.provisioning.hook_version_unsupported("2020-04-01"),
        texts.provisioning.hook_unknown(HOOK),
        texts.tags.tags_duplicate(["a"]),
    ):
        assert part in error.value.message
    assert run("ListProvisioningTemplates").templates == []


def test_no_hook_for_jitp(run: Run, call: Call) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        make(run, call=hooked(call), type="JITP", pre_provisioning_hook=iot.ProvisioningHook(target_arn=HOOK))
    assert error.value.message == "Provisioning hook is not supported for template type: JITP"
    make(run, type="JITP")
    assert run("DescribeProvisioningTemplate", template_name="t").type == "JITP"


def test_create_provisioning_template_twice(run: Run) -> None:
    make(run)
    with pytest.raises(iot.ResourceAlreadyExistsException) as error:
        make(run, template_body=OTHER)
    assert error.value.message == "Template with name t already exists"
    assert error.value.members == {"resource_id": "t", "resource_arn": arn("t")}
    assert run("DescribeProvisioningTemplate", template_name="t").template_body == BODY


def test_create_provisioning_template_with_too_many_tags(run: Run) -> None:
    with pytest.raises(iot.LimitExceededException):
        make(run, tags=[iot.Tag(key=str(number), value="") for number in range(51)])
    assert run("ListProvisioningTemplates").templates == []


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("DescribeProvisioningTemplate", {}),
        ("UpdateProvisioningTemplate", {"enabled": True}),
        ("CreateProvisioningTemplateVersion", {"template_body": BODY}),
        ("DescribeProvisioningTemplateVersion", {"version_id": 1}),
        ("ListProvisioningTemplateVersions", {}),
        ("DeleteProvisioningTemplateVersion", {"version_id": 1}),
    ],
)
def test_a_template_that_is_not_there(run: Run, name: str, members: dict[str, Any]) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(name, template_name="t", **members)
    assert error.value.message == "Unable to find template named t"


def test_delete_provisioning_template(run: Run) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run("DeleteProvisioningTemplate", template_name="t")
    assert error.value.message == "Unable to delete template, template not found"
    make(run)
    run("DeleteProvisioningTemplate", template_name="t")
    assert run("ListProvisioningTemplates").templates == []


def test_update_provisioning_template(run: Run, call: Call) -> None:
    make(run, description="d")
    run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER)
    later = hooked(call)._replace(now=NOW + 5000)
    role, hook = ROLE + "2", iot.ProvisioningHook(target_arn=HOOK)
    members = {"enabled": True, "default_version_id": 2, "provisioning_role_arn": role, "pre_provisioning_hook": hook}
    run("UpdateProvisioningTemplate", call=later, template_name="t", **members)
    found = run("DescribeProvisioningTemplate", template_name="t")
    assert (found.description, found.enabled, found.default_version_id) == ("d", True, 2)
    assert (found.template_body, found.provisioning_role_arn) == (OTHER, role)
    assert found.pre_provisioning_hook.target_arn == HOOK
    assert (found.creation_date, found.last_modified_date) == (NOW / 1000, NOW / 1000 + 5)
    run("UpdateProvisioningTemplate", template_name="t", description="", remove_pre_provisioning_hook=True)
    found = run("DescribeProvisioningTemplate", template_name="t")
    assert (found.description, found.enabled, found.pre_provisioning_hook) == (None, True, None)


def test_update_provisioning_template_with_what_is_wrong(run: Run, call: Call) -> None:
    make(run)
    with pytest.raises(iot.InvalidRequestException) as error:
        run(
            "UpdateProvisioningTemplate",
            call=hooked(call),
            template_name="t",
            enabled=True,
            default_version_id=2,
            pre_provisioning_hook=iot.ProvisioningHook(target_arn=HOOK),
            remove_pre_provisioning_hook=True,
        )
    assert "Unable to set version 2 as the default, version does not exist" in error.value.message
    assert texts.provisioning.HOOK_SET_AND_REMOVED in error.value.message
    assert not run("DescribeProvisioningTemplate", template_name="t").enabled


def test_versions(run: Run) -> None:
    make(run)
    made = run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER)
    assert (made.template_arn, made.version_id, made.is_default_version) == (arn("t"), 2, False)
    assert run("DescribeProvisioningTemplate", template_name="t").template_body == BODY
    made = run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER, set_as_default=True)
    assert (made.version_id, made.is_default_version) == (3, True)
    found = run("DescribeProvisioningTemplateVersion", template_name="t", version_id=3)
    assert (found.template_body, found.creation_date, found.is_default_version) == (OTHER, NOW / 1000, True)
    rows = run("ListProvisioningTemplateVersions", template_name="t").versions
    assert [(row.version_id, row.is_default_version) for row in rows] == [(1, False), (2, False), (3, True)]
    with pytest.raises(iot.DeleteConflictException):
        run("DeleteProvisioningTemplateVersion", template_name="t", version_id=3)
    run("DeleteProvisioningTemplateVersion", template_name="t", version_id=1)
    for name in ("DescribeProvisioningTemplateVersion", "DeleteProvisioningTemplateVersion"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(name, template_name="t", version_id=1)
    # A number is never given twice.
    run("DeleteProvisioningTemplateVersion", template_name="t", version_id=2)
    assert run("CreateProvisioningTemplateVersion", template_name="t", template_body=BODY).version_id == 4


def test_five_versions_at_most(run: Run) -> None:
    make(run)
    for _ in range(4):
        run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER)
    with pytest.raises(iot.VersionsLimitExceededException):
        run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER)
    run("DeleteProvisioningTemplateVersion", template_name="t", version_id=2)
    run("CreateProvisioningTemplateVersion", template_name="t", template_body=OTHER)


def test_a_version_must_be_of_the_templates_type(run: Run) -> None:
    make(run, type="JITP")
    fleet_only = json.dumps({**json.loads(BODY), "DeviceConfiguration": {"a": "b"}})
    with pytest.raises(iot.InvalidRequestException, match=texts.provisioning.fleet_only("DeviceConfiguration")):
        run("CreateProvisioningTemplateVersion", template_name="t", template_body=fleet_only)


def test_lists_in_pages(run: Run) -> None:
    for name in "abcde":
        make(run, name, type="JITP" if name == "b" else None, description="d" if name == "c" else None)
    for _ in range(4):
        run("CreateProvisioningTemplateVersion", template_name="a", template_body=OTHER)

    def pages(name: str, **members: Any) -> list[list[Any]]:
        found, token = [], None
        while True:
            answer = run(name, max_results=2, next_token=token, **members)
            found.append(answer.templates if name == "ListProvisioningTemplates" else answer.versions)
            token = answer.next_token
            if token is None:
                return found

    rows = pages("ListProvisioningTemplates")
    assert [[row.template_name for row in each] for each in rows] == [["a", "b"], ["c", "d"], ["e"]]
    assert (rows[0][1].type, rows[1][0].description, rows[1][0].template_arn) == ("JITP", "d", arn("c"))
    rows = pages("ListProvisioningTemplateVersions", template_name="a")
    assert [[row.version_id for row in each] for each in rows] == [[1, 2], [3, 4], [5]]
    for name in ("ListProvisioningTemplates", "ListProvisioningTemplateVersions"):
        members = {} if name == "ListProvisioningTemplates" else {"template_name": "a"}
        with pytest.raises(iot.InvalidRequestException):
            run(name, next_token="nonsense", **members)


def test_accounts_do_not_see_each_others(run: Run, call: Call, database: Database) -> None:
    make(run)
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    theirs = call._replace(scope=scope, account="210987654321")
    assert run("ListProvisioningTemplates", call=theirs).templates == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("DeleteProvisioningTemplate", call=theirs, template_name="t")
    make(run, call=theirs, template_body=OTHER)
    assert run("DescribeProvisioningTemplate", template_name="t").template_body == BODY
