"""Provisioning as operators' and devices' real clients see it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.fleet import Account
from tests.e2e.test_control_plane import refused
from tests.ops.test_provisioning_templates import BODY, OTHER
from tests.ops.x509_samples import signing_request

ROLE = "arn:aws:iam::123456789012:role/provisioning"


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


def template(account: Account, name: str = "fleet", body: str = BODY, **members: Any) -> Any:
    members = {"enabled": True, "provisioningRoleArn": ROLE, "templateBody": body, **members}
    return account.iot.create_provisioning_template(templateName=name, **members)


def test_provisioning_templates(account: Account) -> None:
    iot, tags = account.iot, [{"Key": "site", "Value": "north"}]
    made = template(account, description="d", tags=tags)
    assert made["templateArn"] == account.arn("provisioningtemplate/fleet")
    assert iot.list_tags_for_resource(resourceArn=made["templateArn"])["tags"] == tags
    answer = refused(lambda: template(account))
    assert (answer.status, answer.code) == (409, "ResourceAlreadyExistsException")
    assert answer.message == "Template with name fleet already exists"
    iot.create_provisioning_template_version(templateName="fleet", templateBody=OTHER)
    iot.update_provisioning_template(templateName="fleet", defaultVersionId=2, enabled=False)
    found = iot.describe_provisioning_template(templateName="fleet")
    assert (found["templateBody"], found["enabled"], found["defaultVersionId"]) == (OTHER, False, 2)
    assert "preProvisioningHook" not in found
    assert iot.describe_provisioning_template_version(templateName="fleet", versionId=1)["templateBody"] == BODY
    assert len(iot.list_provisioning_template_versions(templateName="fleet")["versions"]) == 2
    iot.delete_provisioning_template_version(templateName="fleet", versionId=1)
    answer = refused(iot.delete_provisioning_template_version, templateName="fleet", versionId=2)
    assert (answer.status, answer.code) == (409, "DeleteConflictException")
    assert [each["templateName"] for each in iot.list_provisioning_templates()["templates"]] == ["fleet"]
    iot.delete_provisioning_template(templateName="fleet")
    answer = refused(iot.describe_provisioning_template, templateName="fleet")
    assert (answer.status, answer.message) == (404, "Unable to find template named fleet")
    answer = refused(lambda: template(account, body='{"Resources": {}}'))
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message.startswith("The template body is invalid: ")


def test_register_thing(account: Account) -> None:
    iot = account.iot
    body = json.loads(BODY)
    body["Parameters"]["CSR"] = {"Type": "String"}
    body["Resources"]["certificate"]["Properties"] = {"CertificateSigningRequest": {"Ref": "CSR"}}
    del body["Parameters"]["AWS::IoT::Certificate::Id"]
    parameters = {"SerialNumber": "7", "CSR": signing_request()}
    made = iot.register_thing(templateBody=json.dumps(body), parameters=parameters)
    assert made["resourceArns"]["thing"] == account.arn("thing/device-7")
    assert iot.list_thing_principals(thingName="device-7")["principals"] == [made["resourceArns"]["certificate"]]
    answer = refused(iot.register_thing, templateBody=json.dumps(body), parameters={"CSR": signing_request()})
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message == "Cannot resolve reference value: SerialNumber"
    answer = refused(iot.register_thing, templateBody=json.dumps(body), parameters={**parameters, "SerialNumber": "?"})
    assert (answer.status, answer.code) == (400, "ResourceRegistrationFailureException")
