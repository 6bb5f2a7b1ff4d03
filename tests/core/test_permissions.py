"""Which permissions each operation takes; the service model is the oracle of their names."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import shapes
from tests.wire import model_values
from tidegate.core import permissions
from tidegate.core.arn import Names
from tidegate.core.permissions import Need
from tidegate.http import operators
from tidegate.wire import iot, iot_data, jobs_data, protocol, routes
from tidegate.wire.errors import WireError
from tidegate.wire.routes import OPERATIONS
from tidegate.wire.shapes import Operation

NAMES = Names("aws", "eu-west-1", "123456789012")
HEAD = "arn:aws:iot:eu-west-1:123456789012:"
EVERY = [(plane, name) for plane, names in OPERATIONS.items() for name in names]

# The text of the model is wrong about these.
MISTAKEN = {"DeletePackage": {"DeletePackageVersion"}}


def asked(request: Any, plane: str = "iot") -> list[tuple[str, str]]:
    """(action, resource) of every permission, short."""
    name = type(request).__name__.removesuffix("Request")
    found = permissions.needs(plane, name, request, NAMES)
    return [(need.actions[0], need.resource.removeprefix(HEAD)) for need in found]


def test_every_operation_has_an_entry_and_no_other() -> None:
    assert permissions.OPERATIONS.keys() == set(EVERY)


@pytest.mark.parametrize(("plane", "name"), EVERY)
def test_every_template_names_members_of_its_request(plane: str, name: str) -> None:
    members = OPERATIONS[plane][name].request.__struct_fields__  # type: ignore[index]
    for template in permissions.OPERATIONS[plane, name]:
        assert set(re.findall(r"\{(\w+)\}", template)) <= set(members), template


@pytest.mark.parametrize(("plane", "name"), EVERY)
def test_a_request_with_every_member_can_be_asked_for(plane: str, name: str) -> None:
    """Filled with its required labels at least; every permission has an ARN or a star for its resource."""
    operation = OPERATIONS[plane][name]  # type: ignore[index]
    bound = {binding.attribute for binding in operation.outside if binding.location in ("label", "header")}
    request = operation.request(**{member: "x" for member in bound if member != "execution_number"})
    for need in permissions.needs(plane, name, request, NAMES):
        assert need.actions
        assert need.resource in ("*", "x") or need.resource.startswith("arn:aws:iot:eu-west-1:")


def test_actions_are_those_the_service_model_names() -> None:
    session = botocore.session.get_session()
    checked = 0
    for plane, name in EVERY:
        text = re.sub("<[^>]+>", "", session.get_service_model(plane).operation_model(name).documentation)
        found = re.search(r"Requires permission to access the (.+?) actions?\.", text)
        if found is None:
            continue
        told = {word for word in re.split(r",? and | |,", found[1]) if word}
        operation = OPERATIONS[plane][name]  # type: ignore[index]
        filled = {binding.attribute: "x" for binding in operation.outside if binding.location in ("label", "header")}
        config = iot.VersionUpdateByJobsConfig(role_arn="arn:aws:iam::1:role/r")
        extra = {"version_update_by_jobs_config": config} if name == "UpdatePackageConfiguration" else {}
        needs = permissions.needs(plane, name, operation.request(**filled, **extra), NAMES)
        for word in told - MISTAKEN.get(name, set()):
            wanted = word if ":" in word else f"{_prefix(plane)}:{word}"
            assert any(wanted in need.actions for need in needs), (name, word)
            checked += 1
    assert checked > 90


def _prefix(plane: str) -> str:
    return "iotjobsdata" if plane == "iot-jobs-data" else "iot"


def test_create_job_names_job_targets_template_and_packages() -> None:
    request = iot.CreateJobRequest(
        job_id="j",
        targets=[f"{HEAD}thing/t", f"{HEAD}thinggroup/g", f"{HEAD}thing/t"],
        job_template_arn=f"{HEAD}jobtemplate/x",
        destination_package_versions=[f"{HEAD}package/p/version/1"],
        presigned_url_config=iot.PresignedUrlConfig(role_arn="arn:aws:iam::123456789012:role/r"),
    )
    assert asked(request) == [
        ("iot:CreateJob", "job/j"),
        ("iot:CreateJob", "thing/t"),
        ("iot:CreateJob", "thinggroup/g"),
        ("iot:CreateJob", "jobtemplate/x"),
        ("iot:CreateJob", "package/p/version/1"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/r"),
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (iot.ListJobsRequest(), [("iot:ListJobs", "*")]),
        (iot.SearchIndexRequest(query_string="*"), [("iot:SearchIndex", "index/AWS_Things")]),
        (
            iot.AddThingToThingGroupRequest(thing_name="t", thing_group_arn=f"{HEAD}thinggroup/g"),
            [("iot:AddThingToThingGroup", "thing/t"), ("iot:AddThingToThingGroup", "thinggroup/g")],
        ),
        (
            iot.UpdateThingGroupsForThingRequest(thing_name="t", thing_groups_to_add=["a", "b"]),
            [
                ("iot:UpdateThingGroupsForThing", "thing/t"),
                ("iot:UpdateThingGroupsForThing", "thinggroup/a"),
                ("iot:UpdateThingGroupsForThing", "thinggroup/b"),
            ],
        ),
        (
            iot.CreateCommandRequest(
                command_id="c", role_arn="arn:aws:iam::123456789012:role/r", tags=[iot.Tag(key="k")]
            ),
            [
                ("iot:CreateCommand", "command/c"),
                ("iam:PassRole", "arn:aws:iam::123456789012:role/r"),
                ("iot:TagResource", "command/c"),
            ],
        ),
        (iot.ListCommandExecutionsRequest(), [("iot:ListCommandExecutions", "*")]),
        (iot.DescribeCertificateRequest(certificate_id="AB12"), [("iot:DescribeCertificate", "cert/ab12")]),
        (
            iot.CreatePackageVersionRequest(package_name="p", version_name="1"),
            [
                ("iot:CreatePackageVersion", "package/p"),
                ("iot:CreatePackageVersion", "package/p/version/1"),
                ("iot:GetIndexingConfiguration", "*"),
            ],
        ),
        (
            iot.DescribeManagedJobTemplateRequest(template_name="AWS-Reboot", template_version="1.0"),
            [("iot:DescribeManagedJobTemplate", "arn:aws:iot:eu-west-1::jobtemplate/AWS-Reboot:1.0")],
        ),
    ],
)
def test_what_requests_name(request_: Any, expected: list[tuple[str, str]]) -> None:
    assert asked(request_) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://s3.amazonaws.com/bucket/a/b.json", ("s3:GetObject", "arn:aws:s3:::bucket/a/b.json")),
        ("https://s3.eu-west-1.amazonaws.com/bucket/%61.json", ("s3:GetObject", "arn:aws:s3:::bucket/a.json")),
        ("https://bucket.s3.amazonaws.com/a?versionId=7", ("s3:GetObjectVersion", "arn:aws:s3:::bucket/a")),
        ("http://localhost:9000/bucket/a.json", ("s3:GetObject", "arn:aws:s3:::bucket/a.json")),
        (
            "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/a.json}",
            ("s3:GetObject", "arn:aws:s3:::bucket/a.json"),
        ),
        ("https://elsewhere.example/bucket/a.json", None),
    ],
)
def test_a_document_source_takes_the_permission_to_read_it(source: str, expected: tuple[str, str] | None) -> None:
    request = iot.CreateJobTemplateRequest(job_template_id="x", document_source=source)
    found = permissions.needs("iot", "CreateJobTemplate", request, NAMES, hosts=["localhost:9000"])
    assert [(need.actions[0], need.resource) for need in found[1:]] == ([expected] if expected else [])


def test_device_operations() -> None:
    update = jobs_data.UpdateJobExecutionRequest(thing_name="t", job_id="j", status="FAILED")
    assert permissions.needs("iot-jobs-data", "UpdateJobExecution", update, NAMES) == [
        Need(("iotjobsdata:UpdateJobExecution", "iot:UpdateJobExecution"), f"{HEAD}thing/t")
    ]
    start = jobs_data.StartCommandExecutionRequest(target_arn=f"{HEAD}client/x", command_arn=f"{HEAD}command/c")
    assert asked(start, "iot-jobs-data") == [
        ("iot:StartCommandExecution", "command/c"),
        ("iot:StartCommandExecution", "client/x"),
    ]
    direct = iot_data.SendDirectMessageRequest(client_id="x", topic="a")
    assert asked(direct, "iot-data") == [("iot:SendDirectMessage", "client/x")]
    shadow = iot_data.GetThingShadowRequest(thing_name="t", shadow_name="s")
    assert asked(shadow, "iot-data") == [("iot:GetThingShadow", "thing/t/s")]
    publish = iot_data.PublishRequest(topic="a/b/%s", retain=True)
    assert asked(publish, "iot-data") == [("iot:Publish", "topic/a/b/%s"), ("iot:RetainPublish", "topic/a/b/%s")]


def _decoded(operation: Operation, sent: shapes.Sent) -> tuple[Operation, Any] | None:
    """The operation a request reaches and its members; None if it is refused before."""
    path, _, query = sent.path.partition("?")
    headers = [(name.lower().encode("latin-1", "replace"), value.encode()) for name, value in sent.headers.items()]
    try:
        found = routes.route(operation.plane, sent.method, path.encode())
        return found and (found[0], protocol.decode(*found, query.encode(), headers, sent.body))
    except WireError:
        return None


@pytest.mark.parametrize("operation", model_values.OPERATIONS, ids=lambda one: f"{one.plane}-{one.name}")
@settings(derandomize=True, max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_decoded_can_be_judged(operation: Operation, data: st.DataObject) -> None:
    """Any request that passes its constraints names resources, and tags, without an error."""
    decoded = _decoded(operation, data.draw(shapes.requests(model_values.operation_model(operation))))
    if decoded is None:
        return
    reached, request = decoded
    needs = permissions.needs(reached.plane, reached.name, request, NAMES)
    assert needs
    assert all(isinstance(need.resource, str) for need in needs)
    assert all(isinstance(value, str) for value in operators._request_tags(request).values())
