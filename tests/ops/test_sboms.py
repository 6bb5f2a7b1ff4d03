"""Bills of materials of package versions: control reference 16.4, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.test_sbom import CYCLONE, SPDX, archive
from tests.shelf import Shelf
from tidegate.core.location import Fault, Location
from tidegate.ops import sboms
from tidegate.ops.call import Call
from tidegate.wire import iot

TOKEN = "0123456789abcdef0123456789abcdef0123"


def place(key: str | None = "good", bucket: str | None = "b", version: str | None = "v") -> iot.Sbom:
    return iot.Sbom(s3_location=iot.S3Location(bucket=bucket, key=key, version=version))


@pytest.fixture
def associate(run: Any, call: Call) -> Any:
    """Associates an object with version 1 of package app."""
    run("CreatePackage", package_name="app")
    run("CreatePackageVersion", package_name="app", version_name="1")
    shelf = Shelf()
    for key, found in {
        "good": archive({"a.json": SPDX, "b.json": CYCLONE}),
        "bad": archive({f"{number}.json": SPDX if number % 2 else {} for number in range(5)}),
        "huge": b"x" * (5 << 20),
        "denied": Fault.DENIED,
        "away": Fault.UNREACHABLE,
    }.items():
        shelf.on[Location("b", key, "v")] = found
    stored = call._replace(objects=shelf)

    def associate(sbom: Any = None, *, version: str = "1", **members: Any) -> Any:
        return run(
            "AssociateSbomWithPackageVersion",
            package_name="app",
            version_name=version,
            sbom=sbom or place(),
            call=stored,
            **members,
        )

    return associate


def described(run: Any) -> tuple[Any, Any]:
    found = run("GetPackageVersion", package_name="app", version_name="1")
    return found.sbom, found.sbom_validation_status


def results(run: Any, **members: Any) -> Any:
    return run("ListSbomValidationResults", package_name="app", version_name="1", **members)


def test_a_good_one(run: Any, associate: Any) -> None:
    assert described(run) == (None, None)
    assert associate() == iot.AssociateSbomWithPackageVersionResponse(
        package_name="app", version_name="1", sbom=place(), sbom_validation_status="IN_PROGRESS"
    )
    assert described(run) == (place(), "SUCCEEDED")
    assert results(run).validation_result_summaries == [
        iot.SbomValidationResultSummary(file_name="a.json", validation_result="SUCCEEDED"),
        iot.SbomValidationResultSummary(file_name="b.json", validation_result="SUCCEEDED"),
    ]


def test_one_that_fails(run: Any, associate: Any) -> None:
    associate(place("bad"))
    assert described(run) == (place("bad"), "FAILED")
    failed = results(run, validation_result="FAILED").validation_result_summaries
    assert [(one.file_name, one.error_code) for one in failed] == [
        ("0.json", "INCOMPATIBLE_FORMAT"),
        ("2.json", "INCOMPATIBLE_FORMAT"),
        ("4.json", "INCOMPATIBLE_FORMAT"),
    ]
    assert failed[0].error_message
    found: list[str] = []
    token, pages = None, 0
    while token or not pages:
        page = results(run, max_results=2, next_token=token)
        found += [one.file_name for one in page.validation_result_summaries]
        token, pages = page.next_token, pages + 1
    assert (found, pages) == ([f"{number}.json" for number in range(5)], 3)
    with pytest.raises(iot.ValidationException, match="Invalid nextToken"):
        results(run, next_token="what")


def test_a_second_takes_the_place_of_the_first(run: Any, associate: Any) -> None:
    associate(place("bad"))
    run("UpdatePackageVersion", package_name="app", version_name="1", action="PUBLISH")
    associate()
    assert described(run) == (place(), "SUCCEEDED")
    assert len(results(run).validation_result_summaries) == 2


def test_disassociate(run: Any, associate: Any) -> None:
    associate()
    run("DisassociateSbomFromPackageVersion", package_name="app", version_name="1")
    assert described(run) == (None, None)
    assert results(run).validation_result_summaries == []
    with pytest.raises(iot.ResourceNotFoundException, match="has no SBOM"):
        run("DisassociateSbomFromPackageVersion", package_name="app", version_name="1")


@pytest.mark.parametrize(
    ("sbom", "message"),
    [
        (iot.Sbom(), "Associate request needs to include SBOM reference"),
        (place(bucket=None), "S3 bucket name for SBOM cannot be null"),
        (place(key=None), "S3 key name for SBOM cannot be null"),
        (place(version=None), "S3 object version for SBOM cannot be null"),
        (place(bucket="b" * 256), "S3 bucket name for SBOM is illegal. String length exceeds limit"),
        (place(key="k" * 1025), "S3 key name for SBOM is illegal. String length exceeds limit"),
        (place(version="v" * 1025), "S3 object version for SBOM is illegal. String length exceeds limit"),
        (place("huge"), "S3 object file size exceeds limit"),
        (
            place("missing"),
            "SBOM not accessible by the service. Please make sure the bucket/key/version exists and S3 permission is"
            " granted.",
        ),
        (
            place("denied"),
            "SBOM not accessible by the service. Please make sure the bucket/key/version exists and S3 permission is"
            " granted.",
        ),
        (
            place("away"),
            "SBOM not accessible by the service. Please make sure the bucket exists and S3 permission is granted.",
        ),
        (place(None, None), "S3 bucket name for SBOM cannot be null S3 key name for SBOM cannot be null"),
    ],
)
def test_what_cannot_be_looked_into(run: Any, associate: Any, sbom: iot.Sbom, message: str) -> None:
    with pytest.raises(iot.ValidationException) as raised:
        associate(sbom)
    assert raised.value.message == message
    assert described(run) == (None, None)


def test_without_object_storage(run: Any, associate: Any) -> None:
    with pytest.raises(iot.ValidationException, match="SBOM not accessible by the service"):
        run("AssociateSbomWithPackageVersion", package_name="app", version_name="1", sbom=place())


def test_no_such_version(run: Any, associate: Any) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match="version 2 of package app"):
        associate(version="2")
    for operation in ("DisassociateSbomFromPackageVersion", "ListSbomValidationResults"):
        with pytest.raises(iot.ResourceNotFoundException, match="version 2 of package app"):
            run(operation, package_name="app", version_name="2")


def test_too_many_at_once(associate: Any) -> None:
    with sboms._AT_ONCE, sboms._AT_ONCE, sboms._AT_ONCE:
        associate()
        with sboms._AT_ONCE, pytest.raises(iot.ServiceQuotaExceededException, match="Too many ongoing SBOM"):
            associate()
    associate()


def test_a_token(associate: Any) -> None:
    first = associate(client_token=TOKEN)
    assert associate(client_token=TOKEN) == first
    with pytest.raises(iot.ConflictException):
        associate(place("bad"), client_token=TOKEN)
