"""Worked scenario 20 of control reference 23, and the half of 24 that is about packages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.fleet import client
from tests.scenarios.scene import Scene, refused


@pytest.fixture
def way() -> str:
    """These need the server."""
    return "server"


ROLE = "arn:aws:iam::123456789012:role/jobs"


def shadow(scene: Scene, thing: str) -> Any:
    data = client(scene.server, "iot-data", scene.id)
    answer = data.get_thing_shadow(thingName=thing, shadowName="$package")
    return json.loads(answer["payload"].read())["state"]


def test_20_packages(scene: Scene) -> None:
    iot = scene.iot
    targets = scene.things(1)
    iot.create_package(packageName="app", tags={"team": "x"})
    attributes = {"url": "https://example.com/app", "size": "12"}
    made = iot.create_package_version(packageName="app", versionName="1.0", attributes=attributes)
    assert made["status"] == "DRAFT"
    arn = made["packageVersionArn"]
    assert arn == scene.arn("package/app/version/1.0")

    answer = refused(iot.create_job, jobId="j", targets=targets, document="{}", destinationPackageVersions=[arn])
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    iot.update_package_version(packageName="app", versionName="1.0", action="PUBLISH")
    iot.update_package_configuration(versionUpdateByJobsConfig={"enabled": True, "roleArn": ROLE})
    scene.create("j", targets, destinationPackageVersions=[arn])
    assert scene.described("j")["destinationPackageVersions"] == [arn]
    with pytest.raises(ClientError) as missing:
        shadow(scene, "t1")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"
    scene.report("t1", "SUCCEEDED")
    assert shadow(scene, "t1") == {"reported": {"app": {"version": "1.0", "attributes": attributes}}}

    scene.create("gone", targets, destinationPackageVersions=[scene.arn("package/app/version/$null")])
    scene.report("t1", "SUCCEEDED", "gone")
    assert shadow(scene, "t1") == {"reported": {}}

    answer = refused(
        iot.update_package_version, packageName="app", versionName="1.0", attributes={"url": "https://example.com/b"}
    )
    assert (answer.status, answer.code) == (409, "ConflictException")
    assert answer.response["resourceId"] == "1.0"

    iot.update_package(packageName="app", defaultVersionName="1.0")
    answer = refused(iot.delete_package_version, packageName="app", versionName="1.0")
    assert (answer.status, answer.code) == (400, "ValidationException")
    iot.update_package(packageName="app", unsetDefaultVersion=True)
    iot.delete_package_version(packageName="app", versionName="1.0")
    iot.delete_package_version(packageName="app", versionName="1.0")
    iot.delete_package(packageName="app")
    iot.delete_package(packageName="app")


def test_24_error_text_of_packages(scene: Scene) -> None:
    answer = refused(scene.iot.create_package, packageName="a b")
    assert (answer.status, answer.code, answer.message) == (
        400,
        "ValidationException",
        "1 validation error detected: Value 'a b' at 'packageName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9-_.]+",
    )
    scene.iot.create_package(packageName="a", description="")
    answer = refused(scene.iot.update_package, packageName="a", description="line1\nline2")
    assert (answer.status, answer.code) == (400, "ValidationException")
    for operation, members in (("list_packages", {}), ("list_package_versions", {"packageName": "a"})):
        answer = refused(getattr(scene.iot, operation), maxResults=101, **members)
        assert (answer.status, answer.code) == (400, "ValidationException")
    many = refused(scene.iot.create_package, packageName="b", tags={f"k{number}": "v" for number in range(51)})
    assert (many.status, many.code) == (400, "ValidationException")


def test_quotas_of_packages(scene: Scene) -> None:
    for number in range(100):
        scene.iot.create_package(packageName=f"p{number:03}")
    answer = refused(scene.iot.create_package, packageName="p100")
    assert (answer.status, answer.code) == (402, "ServiceQuotaExceededException")
    found = [
        package["packageName"]
        for page in scene.iot.get_paginator("list_packages").paginate(PaginationConfig={"PageSize": 30})
        for package in page["packageSummaries"]
    ]
    assert found == [f"p{number:03}" for number in range(100)]
