"""TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.world import World
from tests.ops.x509_samples import MakerCA
from tests.shelf import Shelf
from tidegate.core import texts
from tidegate.core.location import Location
from tidegate.net.hooks import Hook
from tidegate.ops import tags as tag_operations
from tidegate.ops.call import Call
from tidegate.ops.table import TAGGABLE
from tidegate.store.database import Database
from tidegate.wire import iot

POLICY = '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'


def arn(resource: str) -> str:
    return f"arn:aws:iot:eu-west-1:123456789012:{resource}"


def as_tags(**tags: str | None) -> list[iot.Tag]:
    return [iot.Tag(key=key, value=value) for key, value in tags.items()]


def tags_of(run: Run, resource: str) -> dict[str, str]:
    return {tag.key: tag.value for tag in run("ListTagsForResource", resource_arn=resource).tags}


@pytest.fixture
def group(run: Run) -> str:
    """The ARN of a thing group without tags."""
    run("CreateThingGroup", thing_group_name="g")
    return arn("thinggroup/g")


CA = MakerCA()
ROLE = "arn:aws:iam::123456789012:role/fleet"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:judge"
PLACE = iot.S3Location(bucket="firmware", key="v1")
TEMPLATE = (
    '{"Parameters": {"AWS::IoT::Certificate::Id": {"Type": "String"}}, "Resources": {"c": {"Type":'
    ' "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}}'
)


@pytest.fixture
def call(call: Call) -> Call:
    """A call beside an object storage that holds what streams and updates are made of."""
    shelf = Shelf()
    shelf.on[Location("firmware", "v1")] = b"image"
    return call._replace(objects=shelf, hooks={FUNCTION: Hook("http://127.0.0.1:9/")})


MADE_BY: dict[str, tuple[str, dict[str, Any]]] = {
    "job": ("CreateJob", {"job_id": "n", "targets": [arn("thing/t")], "document": "{}"}),
    "jobtemplate": ("CreateJobTemplate", {"job_template_id": "n", "description": "d", "document": "{}"}),
    "policy": ("CreatePolicy", {"policy_name": "n", "policy_document": POLICY}),
    "thinggroup": ("CreateThingGroup", {"thing_group_name": "n"}),
    "thingtype": ("CreateThingType", {"thing_type_name": "n"}),
    "billinggroup": ("CreateBillingGroup", {"billing_group_name": "n"}),
    "cacert": ("RegisterCACertificate", {"ca_certificate": CA.pem, "certificate_mode": "SNI_ONLY"}),
    "package": ("CreatePackage", {"package_name": "n"}),
    "provisioningtemplate": (
        "CreateProvisioningTemplate",
        {"template_name": "n", "template_body": TEMPLATE, "provisioning_role_arn": ROLE},
    ),
    "stream": (
        "CreateStream",
        {"stream_id": "n", "files": [iot.StreamFile(file_id=0, s3_location=PLACE)], "role_arn": ROLE},
    ),
    "otaupdate": (
        "CreateOTAUpdate",
        {
            "ota_update_id": "n",
            "targets": [arn("thing/t")],
            "files": [iot.OTAUpdateFile(file_location=iot.FileLocation(s3_location=PLACE))],
            "role_arn": ROLE,
        },
    ),
    "command": (
        "CreateCommand",
        {"command_id": "n", "payload": iot.CommandPayload(content=b"restart", content_type="text/plain")},
    ),
    "rolealias": ("CreateRoleAlias", {"role_alias": "n", "role_arn": ROLE}),
    "authorizer": (
        "CreateAuthorizer",
        {
            "authorizer_name": "n",
            "authorizer_function_arn": FUNCTION,
            "signing_disabled": True,
            "status": "INACTIVE",  # or it could not be deleted
        },
    ),
    "domainconfiguration": (
        "CreateDomainConfiguration",
        {
            "domain_configuration_name": "n",
            "domain_name": "iot.example.com",
            "server_certificate_arns": ["arn:aws:acm:eu-west-1:123456789012:certificate/n"],
        },
    ),
}
"""How to make a resource named n of each kind that can be tagged; a CA certificate is named by its fingerprint."""


def make(run: Run, kind: str, **members: Any) -> str:
    """Make a resource of a kind; its ARN."""
    run("CreateThing", thing_name="t")
    operation, given = MADE_BY[kind]
    if kind == "package" and "tags" in members:  # packages take them as a map
        members["tags"] = tag_operations.as_map(members["tags"])
    made = run(operation, **given, **members)
    if kind == "domainconfiguration":  # with something of the service's own at the end
        return str(made.domain_configuration_arn)
    return arn(f"{kind}/{CA.certificate_id if kind == 'cacert' else 'n'}")


def remove(run: Run, call: Call, kind: str) -> None:
    """Delete what ``make`` made."""
    if kind == "job":
        run("DeleteJob", job_id="n", force=True)
    elif kind == "thingtype":
        run("DeprecateThingType", thing_type_name="n")
        run("DeleteThingType", thing_type_name="n", call=call._replace(now=call.now + 5 * 60_000))
    elif kind == "cacert":
        run("DeleteCACertificate", certificate_id=CA.certificate_id)
    elif kind == "domainconfiguration":
        run("UpdateDomainConfiguration", domain_configuration_name="n", domain_configuration_status="DISABLED")
        run("DeleteDomainConfiguration", domain_configuration_name="n")
    elif kind == "otaupdate":
        run("DeleteOTAUpdate", ota_update_id="n", delete_stream=True, force_delete_aws_job=True)
    elif kind == "command":
        run("UpdateCommand", command_id="n", deprecated=True)
        run("DeleteCommand", command_id="n", call=call._replace(now=call.now + 13 * 60 * 60_000))
    else:
        operation, given = MADE_BY[kind]
        name = next(iter(given))
        run(operation.replace("Create", "Delete"), **{name: "n"})


@pytest.mark.parametrize("kind", TAGGABLE)
def test_tags_of_each_kind(run: Run, kind: str) -> None:
    resource = make(run, kind)
    run("TagResource", resource_arn=resource, tags=as_tags(b="2", a="1", c=None))
    found = run("ListTagsForResource", resource_arn=resource)
    assert [(tag.key, tag.value) for tag in found.tags] == [("a", "1"), ("b", "2"), ("c", "")]
    assert found.next_token is None
    run("UntagResource", resource_arn=resource, tag_keys=["a", "b", "not-there"])
    assert tags_of(run, resource) == {"c": ""}


@pytest.mark.parametrize("kind", TAGGABLE)
def test_tags_come_and_go_with_their_resource(run: Run, call: Call, database: Database, kind: str) -> None:
    resource = make(run, kind, tags=as_tags(a="1", b=None))
    assert tags_of(run, resource) == {"a": "1", "b": ""}
    if kind in ("thinggroup", "thingtype", "billinggroup"):  # the others cannot be created again
        make(run, kind, tags=as_tags(a="2"))
        assert tags_of(run, resource) == {"a": "1", "b": ""}
    remove(run, call, kind)
    World(run, database, call).settle()
    with pytest.raises(iot.ResourceNotFoundException):
        run("ListTagsForResource", resource_arn=resource)
    resource = make(run, kind)
    assert tags_of(run, resource) == {}


@pytest.mark.parametrize(
    "kind", [kind for kind in TAGGABLE if kind not in ("package", "command")]
)  # errors of their own
def test_tags_of_a_new_resource_obey_the_rules(run: Run, kind: str) -> None:
    many = [iot.Tag(key=f"k{number}") for number in range(51)]
    for given, text in (
        (as_tags(**{"aws:x": "1"}), texts.tags.tag_reserved("aws:x")),
        ([*as_tags(a="1"), *as_tags(a="2")], texts.tags.tags_duplicate(["a"])),
        (many, texts.tags.too_many_tags(50)),
    ):
        limited = kind not in ("policy", "thinggroup", "thingtype", "billinggroup", "cacert")
        modelled = iot.LimitExceededException if given is many and limited else iot.InvalidRequestException
        with pytest.raises(modelled) as error:
            make(run, kind, tags=given)
        assert text in error.value.message
    make(run, kind, tags=many[:50])


def test_tag_resource_overwrites_the_same_key_only(run: Run, group: str) -> None:
    run("TagResource", resource_arn=group, tags=as_tags(a="1", A="2"))
    run("TagResource", resource_arn=group, tags=as_tags(a="3"))
    assert tags_of(run, group) == {"a": "3", "A": "2"}


def test_tag_resource_at_most_fifty(run: Run, group: str) -> None:
    fifty = [iot.Tag(key=f"k{index}", value="v") for index in range(50)]
    run("TagResource", resource_arn=group, tags=fifty)
    run("TagResource", resource_arn=group, tags=as_tags(k0="new"))
    with pytest.raises(iot.LimitExceededException) as error:
        run("TagResource", resource_arn=group, tags=as_tags(k50="v"))
    assert error.value.message == texts.tags.too_many_tags(50)
    assert error.value.http_status == 410
    assert len(tags_of(run, group)) == 50


def test_tag_resource_with_more_than_fifty_at_once(run: Run, group: str) -> None:
    many = [iot.Tag(key=f"k{index}", value="v") for index in range(51)]
    with pytest.raises(iot.LimitExceededException):
        run("TagResource", resource_arn=group, tags=many)
    assert tags_of(run, group) == {}


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "aws:"])
def test_reserved_keys(run: Run, group: str, key: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run("TagResource", resource_arn=group, tags=[iot.Tag(key=key, value="v")])
    assert error.value.message == texts.tags.tag_reserved(key)


def test_duplicate_keys(run: Run, group: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run("TagResource", resource_arn=group, tags=[*as_tags(a="1"), *as_tags(a="1")])
    assert error.value.message == texts.tags.tags_duplicate(["a"])


OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("TagResource", {"tags": as_tags(a="1")}),
    ("UntagResource", {"tag_keys": ["a"]}),
    ("ListTagsForResource", {}),
]


@pytest.mark.parametrize(("operation", "members"), OPERATIONS)
@pytest.mark.parametrize(
    "resource",
    [
        *(arn(f"{kind}/none") for kind in TAGGABLE),
        "arn:aws:iot:us-east-1:123456789012:thinggroup/g",
        "arn:aws:iot:eu-west-1:210987654321:thinggroup/g",
        "arn:aws-cn:iot:eu-west-1:123456789012:thinggroup/g",
        "arn:aws:iot:eu-west-1::jobtemplate/AWS-Reboot:1.0",
    ],
)
def test_missing_resources(run: Run, group: str, operation: str, members: dict[str, Any], resource: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, resource_arn=resource, **members)
    assert error.value.message == texts.tags.resource_missing(resource)


@pytest.mark.parametrize(("operation", "members"), OPERATIONS)
def test_things_and_certificates_have_no_tags(run: Run, operation: str, members: dict[str, Any]) -> None:
    run("CreateThing", thing_name="t")
    for resource in (arn("thing/t"), arn("cert/" + "0" * 64), "arn:aws:s3:::bucket/job/n", arn("nothing")):
        with pytest.raises(iot.InvalidRequestException) as error:
            run(operation, resource_arn=resource, **members)
        assert error.value.message == texts.tags.not_taggable(resource)


@pytest.mark.parametrize(("operation", "members"), OPERATIONS)
@pytest.mark.parametrize("text", ["", "thinggroup/g", "arn:aws:iot"])
def test_what_is_no_arn(run: Run, operation: str, members: dict[str, Any], text: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run(operation, resource_arn=text, **members)
    assert error.value.message == texts.requests.not_an_arn(text)


def test_list_tags_gives_out_no_tokens_and_takes_none(run: Run, group: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run("ListTagsForResource", resource_arn=group, next_token="abcd")
    assert error.value.message == "Invalid nextToken"
    assert run("ListTagsForResource", resource_arn=group, next_token="").tags == []


def test_problems_and_map_for_operations_that_take_tags() -> None:
    assert tag_operations.problems(None, 1) == []
    twice = [*as_tags(a="1"), *as_tags(a="2")]
    assert tag_operations.problems(twice, None) == [texts.tags.tags_duplicate(["a"])]
    assert tag_operations.problems(twice, 1) == [texts.tags.tags_duplicate(["a"]), texts.tags.too_many_tags(1)]
    assert tag_operations.as_map(None) == {}
    assert tag_operations.as_map(as_tags(a="1", b=None)) == {"a": "1", "b": ""}
