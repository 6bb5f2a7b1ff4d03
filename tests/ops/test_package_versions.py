"""Versions of software packages, and how jobs name them: control reference 16, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.test_packages import version
from tidegate.core.location import Location
from tidegate.core.package_placeholders import PackageVersion
from tidegate.ops import package_versions
from tidegate.ops.call import Call
from tidegate.store.database import Database, transact
from tidegate.wire import iot

ARN = "arn:aws:iot:eu-west-1:123456789012:package/app/version/"
SECONDS = 1_767_225_600.0
ARTIFACT = iot.PackageVersionArtifact(s3_location=iot.S3Location(bucket="b", key="k", version="v"))


@pytest.fixture(autouse=True)
def app(run: Any) -> None:
    run("CreatePackage", package_name="app")


def get(run: Any, name: str = "1") -> iot.GetPackageVersionResponse:
    found: iot.GetPackageVersionResponse = run("GetPackageVersion", package_name="app", version_name=name)
    return found


def update(run: Any, name: str = "1", **members: Any) -> None:
    run("UpdatePackageVersion", package_name="app", version_name=name, **members)


def test_create_package_version(run: Any) -> None:
    created = run(
        "CreatePackageVersion",
        package_name="app",
        version_name="1",
        description="d",
        attributes={"a": "1"},
        artifact=ARTIFACT,
        recipe="{}",
        tags={"k": "v"},
    )
    assert created == iot.CreatePackageVersionResponse(
        package_version_arn=f"{ARN}1",
        package_name="app",
        version_name="1",
        description="d",
        attributes={"a": "1"},
        status="DRAFT",
    )
    assert get(run) == iot.GetPackageVersionResponse(
        package_version_arn=f"{ARN}1",
        package_name="app",
        version_name="1",
        description="d",
        attributes={"a": "1"},
        artifact=ARTIFACT,
        status="DRAFT",
        creation_date=SECONDS,
        last_modified_date=SECONDS,
        recipe="{}",
    )
    assert run("ListTagsForResource", resource_arn=f"{ARN}1").tags == [iot.Tag(key="k", value="v")]


def test_the_least_of_a_version(run: Any) -> None:
    created = run("CreatePackageVersion", package_name="app", version_name="1")
    assert (created.status, created.attributes, created.description) == ("DRAFT", {}, None)
    found = get(run)
    assert (found.attributes, found.artifact, found.recipe, found.sbom, found.error_reason) == (
        {},
        None,
        None,
        None,
        None,
    )


def test_what_cannot_be_created(run: Any, call: Call) -> None:
    with pytest.raises(iot.ValidationException, match="Package no cannot be found"):
        run("CreatePackageVersion", package_name="no", version_name="1")
    run("CreatePackageVersion", package_name="app", version_name="1")
    with pytest.raises(iot.ConflictException, match="version 1 of package app already exists") as raised:
        run("CreatePackageVersion", package_name="app", version_name="1")
    assert raised.value.members == {"resource_id": "1"}
    few = call._replace(limits=call.limits._replace(package_versions=1))
    with pytest.raises(iot.ServiceQuotaExceededException, match="limit of 1 package versions"):
        run("CreatePackageVersion", package_name="app", version_name="2", call=few)


def test_every_problem_at_once(run: Any) -> None:
    with pytest.raises(iot.ValidationException) as raised:
        run(
            "CreatePackageVersion",
            package_name="app",
            version_name="1",
            attributes={"a": "x" * 3072},
            artifact=iot.PackageVersionArtifact(s3_location=iot.S3Location(bucket="b")),
            tags={"aws:x": "1"},
        )
    for part in ("3073 bytes, more than the limit of 3072", "artifact.s3Location.key must not be null", "aws:x"):
        assert part in raised.value.message
    run("CreatePackageVersion", package_name="app", version_name="1", attributes={"a": "x" * 3071})
    with pytest.raises(iot.ValidationException, match="3073 bytes"):
        update(run, attributes={"a": "é" * 1536})


def test_a_draft_may_be_edited_whole(run: Any, call: Call) -> None:
    version(run, "1", action=None, description="d", attributes={"a": "1"}, artifact=ARTIFACT, recipe="{}")
    other = iot.PackageVersionArtifact(s3_location=iot.S3Location(bucket="c", key="k"))
    later = call._replace(now=call.now + 2000)
    update(run, description="e", attributes={"b": "2"}, artifact=other, recipe="[]", call=later)
    found = get(run)
    assert (found.description, found.attributes, found.artifact, found.recipe) == ("e", {"b": "2"}, other, "[]")
    assert (found.creation_date, found.last_modified_date) == (SECONDS, SECONDS + 2)
    update(run, attributes={}, artifact=iot.PackageVersionArtifact())
    found = get(run)
    assert (found.attributes, found.artifact, found.description) == ({}, None, "e")


def test_edits_come_before_the_action(run: Any) -> None:
    version(run, "1", action=None)
    update(run, attributes={"a": "1"}, action="PUBLISH")
    assert (get(run).status, get(run).attributes) == ("PUBLISHED", {"a": "1"})


@pytest.mark.parametrize("deprecated", [False, True])
def test_what_is_frozen_once_published(run: Any, deprecated: bool) -> None:
    version(run, "1", attributes={"a": "1"})
    if deprecated:
        update(run, action="DEPRECATE")
    status = "DEPRECATED" if deprecated else "PUBLISHED"
    for members in ({"attributes": {"a": "2"}}, {"artifact": ARTIFACT}):
        with pytest.raises(iot.ConflictException, match=f"cannot be updated in status {status}"):
            update(run, description="no", **members)
    update(run, description="e", recipe="{}")
    found = get(run)
    assert (found.description, found.recipe, found.attributes) == ("e", "{}", {"a": "1"})


def test_actions(run: Any) -> None:
    version(run, "1", action=None)
    with pytest.raises(iot.ConflictException, match="Action DEPRECATE is not allowed"):
        update(run, action="DEPRECATE", description="no")
    assert get(run).description is None
    for action, status in (
        ("PUBLISH", "PUBLISHED"),
        ("PUBLISH", "PUBLISHED"),
        ("DEPRECATE", "DEPRECATED"),
        ("DEPRECATE", "DEPRECATED"),
        ("PUBLISH", "PUBLISHED"),
    ):
        update(run, action=action)
        assert get(run).status == status


def test_versions_that_are_not_there(run: Any) -> None:
    for package, message in (("no", "Package no cannot be found"), ("app", "version 1 of package app cannot be found")):
        for operation in ("GetPackageVersion", "UpdatePackageVersion"):
            with pytest.raises(iot.ResourceNotFoundException, match=message):
                run(operation, package_name=package, version_name="1")
        run("DeletePackageVersion", package_name=package, version_name="1")


def test_delete_package_version(run: Any) -> None:
    version(run, "1", tags={"k": "v"})
    run("UpdatePackage", package_name="app", default_version_name="1")
    with pytest.raises(iot.ValidationException, match="is the default version of package app"):
        run("DeletePackageVersion", package_name="app", version_name="1")
    run("UpdatePackage", package_name="app", unset_default_version=True)
    run("DeletePackageVersion", package_name="app", version_name="1")
    run("CreatePackageVersion", package_name="app", version_name="1")
    assert run("ListTagsForResource", resource_arn=f"{ARN}1").tags == []


def test_list_package_versions(run: Any) -> None:
    run("CreatePackage", package_name="other")
    version(run, "1", package="other")
    for name in ("5", "4", "3", "2", "1"):
        version(run, name, action="PUBLISH" if name != "3" else None)
    found: list[str] = []
    token, pages = None, 0
    while token or not pages:
        page = run("ListPackageVersions", package_name="app", max_results=2, next_token=token)
        found += [one.version_name for one in page.package_version_summaries]
        token, pages = page.next_token, pages + 1
    assert (found, pages) == (["1", "2", "3", "4", "5"], 3)
    drafts = run("ListPackageVersions", package_name="app", status="DRAFT").package_version_summaries
    assert drafts == [
        iot.PackageVersionSummary(
            package_name="app", version_name="3", status="DRAFT", creation_date=SECONDS, last_modified_date=SECONDS
        )
    ]
    page = run("ListPackageVersions", package_name="app", max_results=1, status="PUBLISHED")
    with pytest.raises(iot.ValidationException, match="Invalid nextToken"):
        run("ListPackageVersions", package_name="app", next_token=page.next_token)
    assert run("ListPackageVersions", package_name="no").package_version_summaries == []


def test_tags_of_versions(run: Any) -> None:
    version(run, "1")
    run("TagResource", resource_arn=f"{ARN}1", tags=[iot.Tag(key="k", value="v")])
    assert run("ListTagsForResource", resource_arn=f"{ARN}1").tags == [iot.Tag(key="k", value="v")]
    with pytest.raises(iot.ResourceNotFoundException):
        run("TagResource", resource_arn=f"{ARN}2", tags=[iot.Tag(key="k", value="v")])


# --- what jobs name ---


def resolve(database: Database, call: Call, *versions: str, package: str = "app") -> Any:
    arns = [ARN.replace("app", package) + name for name in versions]
    return transact(database, lambda tx: package_versions.resolve(tx, call, arns))


def test_resolve(run: Any, database: Database, call: Call) -> None:
    version(run, "1", attributes={"a": "1"}, artifact=ARTIFACT)
    run("UpdatePackage", package_name="app", default_version_name="1")
    known = PackageVersion("1", {"a": "1"}, Location("b", "k", "v"))
    assert resolve(database, call, "1") == {("app", "1"): known}
    assert resolve(database, call, "$default") == {("app", "$default"): known}
    assert resolve(database, call, "$null") == {}
    assert resolve(database, call) == {}


def test_what_does_not_resolve(run: Any, database: Database, call: Call) -> None:
    version(run, "1", action=None)
    with pytest.raises(iot.InvalidRequestException, match="version 1 of package app is a draft"):
        resolve(database, call, "1")
    with pytest.raises(iot.InvalidRequestException, match="Package app has no default version"):
        resolve(database, call, "$default")
    with pytest.raises(iot.ResourceNotFoundException, match=r"version/2 cannot be found"):
        resolve(database, call, "2")
    for name in ("1", "$default", "$null"):
        with pytest.raises(iot.ResourceNotFoundException, match=r"package/no/version/.* cannot be found"):
            resolve(database, call, name, package="no")
    with pytest.raises(iot.InvalidRequestException, match="of this account and region"):
        resolve(database, call._replace(region="us-east-1"), "1")
    run("CreatePackage", package_name="lib")
    arns = [f"{ARN}1", ARN.replace("app", "lib") + "$default"]
    with pytest.raises(iot.InvalidRequestException, match=r"app is a draft.* Package lib has no default"):
        transact(database, lambda tx: package_versions.resolve(tx, call, arns))
