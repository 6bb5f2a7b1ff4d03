"""Software packages and the catalog's configuration: control reference 16, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.ops import idempotency
from tidegate.ops.call import Call
from tidegate.store.database import Database, transact
from tidegate.wire import iot

ARN = "arn:aws:iot:eu-west-1:123456789012:package/"
ROLE = "arn:aws:iam::123456789012:role/jobs"
TOKEN = "0123456789abcdef0123456789abcdef0123"
SECONDS = 1_767_225_600.0


@pytest.fixture
def app(run: Any) -> str:
    run("CreatePackage", package_name="app")
    return "app"


def version(run: Any, name: str, *, package: str = "app", action: str | None = "PUBLISH", **members: Any) -> None:
    """Create a version and, by default, publish it."""
    run("CreatePackageVersion", package_name=package, version_name=name, **members)
    if action:
        run("UpdatePackageVersion", package_name=package, version_name=name, action=action)


def test_create_package(run: Any, call: Call) -> None:
    created = run("CreatePackage", package_name="a.b-c_1", description="d", tags={"k": "v"})
    assert created == iot.CreatePackageResponse(package_name="a.b-c_1", package_arn=f"{ARN}a.b-c_1", description="d")
    later = call._replace(now=call.now + 1500)
    run("UpdatePackage", package_name="a.b-c_1", description="", call=later)
    assert run("GetPackage", package_name="a.b-c_1") == iot.GetPackageResponse(
        package_name="a.b-c_1",
        package_arn=f"{ARN}a.b-c_1",
        description="",
        creation_date=SECONDS,
        last_modified_date=SECONDS + 1.5,
    )
    assert run("ListTagsForResource", resource_arn=f"{ARN}a.b-c_1").tags == [iot.Tag(key="k", value="v")]


def test_create_package_twice(run: Any, app: str) -> None:
    with pytest.raises(iot.ConflictException, match="Package app already exists") as raised:
        run("CreatePackage", package_name="app")
    assert raised.value.members == {"resource_id": "app"}


def test_reserved_tags(run: Any) -> None:
    with pytest.raises(iot.ValidationException, match="aws:x begins with aws:"):
        run("CreatePackage", package_name="app", tags={"aws:x": "1"})
    assert run("ListPackages").package_summaries == []


def test_the_quota_of_packages(run: Any, call: Call) -> None:
    few = call._replace(limits=call.limits._replace(packages=2))
    run("CreatePackage", package_name="a", call=few)
    run("CreatePackage", package_name="b", call=few)
    with pytest.raises(iot.ServiceQuotaExceededException, match="limit of 2 packages") as raised:
        run("CreatePackage", package_name="c", call=few)
    assert raised.value.http_status == 402
    run("DeletePackage", package_name="a", call=few)
    run("CreatePackage", package_name="c", call=few)


def test_packages_that_are_not_there(run: Any) -> None:
    for operation, members in (("GetPackage", {}), ("UpdatePackage", {"description": "d"})):
        with pytest.raises(iot.ResourceNotFoundException, match="Package no cannot be found"):
            run(operation, package_name="no", **members)
    assert run("DeletePackage", package_name="no") == iot.DeletePackageResponse()


def test_the_default_version(run: Any, app: str) -> None:
    version(run, "1")
    version(run, "2")
    version(run, "3", action=None)
    run("UpdatePackage", package_name="app", default_version_name="1")
    run("UpdatePackage", package_name="app", description="d")
    assert run("GetPackage", package_name="app").default_version_name == "1"
    with pytest.raises(iot.ValidationException, match="version 3 of package app is a draft"):
        run("UpdatePackage", package_name="app", default_version_name="3")
    with pytest.raises(iot.ResourceNotFoundException, match="version 4 of package app cannot be found"):
        run("UpdatePackage", package_name="app", default_version_name="4")
    with pytest.raises(iot.ValidationException, match="cannot be given at the same time"):
        run("UpdatePackage", package_name="app", default_version_name="1", unset_default_version=True)
    run("UpdatePackageVersion", package_name="app", version_name="2", action="DEPRECATE")
    run("UpdatePackage", package_name="app", default_version_name="2", unset_default_version=False)
    assert run("ListPackages").package_summaries[0].default_version_name == "2"
    run("UpdatePackage", package_name="app", unset_default_version=True)
    assert run("GetPackage", package_name="app").default_version_name is None


def test_delete_package(run: Any, app: str) -> None:
    run("TagResource", resource_arn=f"{ARN}app", tags=[iot.Tag(key="k", value="v")])
    version(run, "1")
    with pytest.raises(iot.ValidationException, match="still has package versions"):
        run("DeletePackage", package_name="app")
    run("DeletePackageVersion", package_name="app", version_name="1")
    run("DeletePackage", package_name="app")
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetPackage", package_name="app")
    run("CreatePackage", package_name="app")
    assert run("ListTagsForResource", resource_arn=f"{ARN}app").tags == []


def test_list_packages(run: Any) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in reversed(names):
        run("CreatePackage", package_name=name)
    found: list[str] = []
    token, pages = None, 0
    while token or not pages:
        page = run("ListPackages", max_results=2, next_token=token)
        found += [one.package_name for one in page.package_summaries]
        token, pages = page.next_token, pages + 1
    assert (found, pages) == (names, 3)
    assert run("ListPackages").next_token is None
    with pytest.raises(iot.ValidationException, match="Invalid nextToken"):
        run("ListPackages", next_token="what")


def test_scopes_do_not_meet(run: Any, app: str, call: Call) -> None:
    other = call._replace(scope=call.scope + 1, account="210987654321")
    assert run("ListPackages", call=other).package_summaries == []
    run("CreatePackage", package_name="app", call=other)


# --- clientToken ---


def test_the_same_request_again_gets_the_same_answer(run: Any) -> None:
    members = {"package_name": "app", "description": "d", "tags": {"a": "1", "b": "2"}, "client_token": TOKEN}
    first = run("CreatePackage", **members)
    assert run("CreatePackage", **{**members, "tags": {"b": "2", "a": "1"}}) == first
    assert len(run("ListPackages").package_summaries) == 1


def test_another_request_with_the_token(run: Any) -> None:
    run("CreatePackage", package_name="app", client_token=TOKEN)
    with pytest.raises(iot.ConflictException, match="clientToken was used before"):
        run("CreatePackage", package_name="other", client_token=TOKEN)
    run("UpdatePackage", package_name="app", description="d", client_token=TOKEN)  # another operation
    run("UpdatePackage", package_name="app", description="d", client_token=TOKEN)
    with pytest.raises(iot.ConflictException):
        run("UpdatePackage", package_name="app", description="e", client_token=TOKEN)


def test_a_failure_is_not_remembered(run: Any) -> None:
    members = {"package_name": "app", "description": "d", "client_token": TOKEN}
    with pytest.raises(iot.ResourceNotFoundException):
        run("UpdatePackage", **members)
    run("CreatePackage", package_name="app")
    run("UpdatePackage", **members)
    assert run("GetPackage", package_name="app").description == "d"


def test_tokens_are_forgotten(run: Any, call: Call, database: Database) -> None:
    run("CreatePackage", package_name="app", client_token=TOKEN)
    later = call._replace(now=call.now + idempotency.KEPT)
    with pytest.raises(iot.ConflictException, match="Package app already exists"):
        run("CreatePackage", package_name="app", client_token=TOKEN, call=later)
    run("CreatePackage", package_name="other", client_token=TOKEN, call=later)
    run("CreatePackage", package_name="third", client_token=TOKEN[::-1], call=later._replace(now=later.now + 1))
    kept = transact(
        database,
        lambda tx: tx.all("client_token_get", {
            "scope": call.scope, "operation": "CreatePackageResponse", "token": TOKEN, "since": 0,
        }),
    )  # fmt: skip
    assert len(kept) == 1


# --- configuration ---


def test_the_configuration(run: Any) -> None:
    def found() -> tuple[bool, str | None]:
        config = run("GetPackageConfiguration").version_update_by_jobs_config
        return config.enabled, config.role_arn

    def update(**members: Any) -> None:
        config = iot.VersionUpdateByJobsConfig(**members)
        run("UpdatePackageConfiguration", version_update_by_jobs_config=config)

    assert found() == (False, None)
    with pytest.raises(iot.ValidationException, match="roleArn is required"):
        update(enabled=True)
    with pytest.raises(iot.ValidationException, match="user/somebody is not the ARN of an IAM role"):
        update(enabled=True, role_arn="arn:aws:iam::123456789012:user/somebody")
    assert found() == (False, None)
    update(enabled=True, role_arn=ROLE)
    assert found() == (True, ROLE)
    update(enabled=False)
    assert found() == (False, ROLE)
    update(enabled=True)
    assert found() == (True, ROLE)
    run("UpdatePackageConfiguration")
    assert found() == (True, ROLE)
