"""Job documents: fetched from their source, frozen in the job, signed for each device."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.shelf import Shelf, Signed
from tidegate.core.location import Fault, Location
from tidegate.ops import documents, sweeps
from tidegate.ops.call import Call, Endpoints
from tidegate.store.database import Database, locks_rows
from tidegate.wire import iot, jobs_data

DEVICE = "iot-jobs-data"
INVALID = iot.InvalidRequestException
SOURCE = "https://s3.eu-west-1.amazonaws.com/bucket/doc.json"
OBJECT = "${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/bucket/fw.bin}"
UPLOAD = (
    "${aws:iot:s3-presigned-url-upload:https://s3.eu-west-1.amazonaws.com/logs/"
    "${thingName}/${jobId}/${executionNumber}.log}"
)
ROLE = iot.PresignedUrlConfig(role_arn="arn:aws:iam::123456789012:role/presign")
DOC = Location("bucket", "doc.json")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def stocked(call: Call, shelf: Shelf) -> Call:
    """A call to a server with object storage."""
    return call._replace(objects=shelf, endpoints=Endpoints(objects=("localhost:9000",)))


@pytest.fixture
def create(run: Run, stocked: Call, database: Database) -> Any:
    """``create(document)`` makes a job for a thing and rolls it out."""
    run("CreateThing", thing_name="t:1")

    def create(document: Any = None, **members: Any) -> Any:
        if document is not None:
            members["document"] = document if isinstance(document, str) else json.dumps(document)
        wanted = {"job_id": "j", "targets": ["arn:aws:iot:eu-west-1:123456789012:thing/t:1"], "call": stocked}
        made = run("CreateJob", **{**wanted, **members})
        again: int | None = NOW
        while again is not None and again <= NOW:
            work = locks_rows(lambda tx: sweeps.sweep(tx, NOW, stocked.limits))
            again = database.commit([work])[0].result()
        return made

    return create


def start(run: Run, call: Call) -> Any:
    answer = run("StartNextPendingJobExecution", plane=DEVICE, thing_name="t:1", call=call)
    return json.loads(answer.execution.job_document)


# --- documentSource ---------------------------------------------------------------------------------------------------


def test_a_job_freezes_what_its_source_held(run: Run, create: Any, shelf: Shelf, stocked: Call) -> None:
    shelf.on[DOC] = b'{ "v":  1 }'
    create(document_source=SOURCE)
    shelf.on[DOC] = b'{"v": 2}'
    assert run("GetJobDocument", job_id="j").document == '{ "v":  1 }'
    assert run("DescribeJob", job_id="j").document_source == SOURCE
    assert start(run, stocked) == {"v": 1}


def test_a_template_is_tried_and_each_of_its_jobs_fetches_again(
    run: Run, create: Any, shelf: Shelf, stocked: Call
) -> None:
    template = {"job_template_id": "x", "description": "d", "document_source": SOURCE, "call": stocked}
    with pytest.raises(INVALID, match=r"^Job document source https\S* cannot be found\.$"):
        run("CreateJobTemplate", **template)
    shelf.on[DOC] = b'{"v": 1}'
    arn = run("CreateJobTemplate", **template).job_template_arn
    described = run("DescribeJobTemplate", job_template_id="x")
    assert (described.document_source, described.document) == (SOURCE, None)
    shelf.on[DOC] = b'{"v": 2}'
    create(job_template_arn=arn)
    assert run("GetJobDocument", job_id="j").document == '{"v": 2}'
    assert run("DescribeJob", job_id="j").document_source == SOURCE
    shelf.on[DOC] = b"["
    with pytest.raises(INVALID, match=f"^Job document located at {SOURCE} is an invalid JSON document.$"):
        create(job_id="k", job_template_arn=arn)
    create('{"v": 3}', job_id="own", job_template_arn=arn)
    assert run("GetJobDocument", job_id="own").document == '{"v": 3}'


def test_a_template_made_from_such_a_job_keeps_the_source(run: Run, create: Any, shelf: Shelf, stocked: Call) -> None:
    shelf.on[DOC] = b"{}"
    job = create(document_source=SOURCE).job_arn
    run("CreateJobTemplate", job_template_id="x", description="d", job_arn=job, call=stocked)
    described = run("DescribeJobTemplate", job_template_id="x")
    assert (described.document_source, described.document) == (SOURCE, None)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Fault.MISSING, f"Job document source {SOURCE} cannot be found."),
        (
            Fault.DENIED,
            "Permission denied when attempting to use role "
            "arn:aws:iam::123456789012:role/presign to access bucket bucket.",
        ),
        (Fault.UNREACHABLE, f"Job document source {SOURCE} cannot be read at the moment."),
        (b"x" * 32_769, f"Job document located at {SOURCE} is longer than the limit of 32768 bytes."),
        (b'"\xff"', f"Job document located at {SOURCE} is an invalid JSON document."),
        (b"nothing", f"Job document located at {SOURCE} is an invalid JSON document."),
        (b'"${jobId}"', "Local placeholder, ${...}, is only valid inside of presign url upload"),
        (b'"${aws:iot:parameter:x}"', "Document parameters are only supported for managed job templates."),
    ],
)
def test_sources_that_hold_no_document(
    run: Run, create: Any, shelf: Shelf, stocked: Call, found: Any, text: str
) -> None:
    shelf.on[DOC] = found
    with pytest.raises(INVALID) as refused:
        create(document_source=SOURCE, presigned_url_config=ROLE)
    assert refused.value.message == text
    wanted = {"job_template_id": "x", "description": "d", "document_source": SOURCE, "presigned_url_config": ROLE}
    with pytest.raises(INVALID) as refused:
        run("CreateJobTemplate", call=stocked, **wanted)
    assert refused.value.message == text
    assert run("ListJobs").jobs == run("ListJobTemplates").job_templates == []


def test_a_source_is_told_of_with_everything_else(create: Any) -> None:
    with pytest.raises(INVALID) as refused:
        create(document_source=SOURCE, timeout_config=iot.TimeoutConfig(in_progress_timeout_in_minutes=0))
    assert "cannot be 0. Job document source" in refused.value.message


def test_a_version_that_is_missing(create: Any) -> None:
    with pytest.raises(INVALID, match=r"^VersionId not found when attempting to access s3 url$"):
        create(document_source=f"{SOURCE}?versionId=v1")


@pytest.mark.parametrize(
    "source",
    [
        "http://localhost:9000/bucket/doc.json",
        "https://bucket.s3.amazonaws.com/doc.json",
        "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/doc.json}",
    ],
)
def test_forms_of_a_source(run: Run, create: Any, shelf: Shelf, source: str) -> None:
    shelf.on[DOC] = b"[1]"
    create(document_source=source)
    assert run("GetJobDocument", job_id="j").document == "[1]"
    assert run("DescribeJob", job_id="j").document_source == source


def test_what_is_no_source_is_never_fetched(create: Any, shelf: Shelf) -> None:
    with pytest.raises(INVALID) as refused:
        create(document_source="http://169.254.169.254/latest/meta-data")
    assert refused.value.message == (
        "Job document source http://169.254.169.254/latest/meta-data is not a valid S3 URL."
    )
    assert shelf.fetched == []


def test_a_server_without_storage_says_so(run: Run, create: Any, call: Call) -> None:
    with pytest.raises(INVALID, match="cannot be read: this server has no object storage"):
        create(document_source=SOURCE, call=call)
    with pytest.raises(INVALID, match="cannot be generated: this server has no object storage"):
        create({"u": OBJECT}, presigned_url_config=ROLE, call=call)


def test_a_template_replaced_while_its_document_was_fetched(run: Run, create: Any, shelf: Shelf, stocked: Call) -> None:
    shelf.on[DOC] = shelf.on[Location("bucket", "other")] = b"{}"
    template = {"job_template_id": "x", "description": "d", "document_source": SOURCE, "call": stocked}
    arn = run("CreateJobTemplate", **template).job_template_arn
    fetch = shelf.fetch

    def slowly(location: Location, *, limit: int) -> bytes:
        run("DeleteJobTemplate", job_template_id="x")
        shelf.fetch = fetch  # type: ignore[method-assign]
        run("CreateJobTemplate", **{**template, "document_source": "https://s3.amazonaws.com/bucket/other"})
        return fetch(location, limit=limit)

    shelf.fetch = slowly  # type: ignore[method-assign]
    with pytest.raises(iot.ServiceUnavailableException, match="Try again"):
        create(job_template_arn=arn)
    create(job_template_arn=arn)


# --- placeholders at creation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"u": OBJECT}, "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document."),
        ({"u": "${thingName}"}, "Local placeholder, ${...}, is only valid inside of presign url upload"),
        (
            '"${aws:iot:\\ud800}"',
            "${aws:iot:\ufffd[...]} is not a placeholder that this service knows.",
        ),
        ({"u": OBJECT[:-1]}, "One or more parameters or placeholders are not terminated."),
        ({"u": "${aws:iot:parameter:x}"}, "Document parameters are only supported for managed job templates."),
        (
            {"u": "${aws:iot:package:p:version:1:attributes:a}"},
            "Package p version 1 in job document is not in destination package versions.",
        ),
        (
            {"u": "${jobId}", "v": OBJECT},
            "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document. "
            "Local placeholder, ${...}, is only valid inside of presign url upload",
        ),
    ],
)
def test_what_create_job_refuses(run: Run, create: Any, document: Any, text: str) -> None:
    with pytest.raises(INVALID) as refused:
        create(document)
    assert refused.value.message == text
    assert run("ListJobs").jobs == []


@pytest.mark.parametrize(
    ("placeholder", "fault", "text"),
    [
        (
            OBJECT,
            Fault.DENIED,
            f"Permission denied when attempting to use role {ROLE.role_arn} to access bucket bucket.",
        ),
        (OBJECT, Fault.MISSING, "VersionId not found when attempting to access s3 url"),
        (UPLOAD, Fault.MISSING, "S3 bucket in job document presigned url upload placeholder not found"),
        (UPLOAD, Fault.DENIED, f"Permission denied when attempting to use role {ROLE.role_arn} to access bucket logs."),
    ],
)
def test_urls_that_would_be_of_no_use(create: Any, shelf: Shelf, placeholder: str, fault: Fault, text: str) -> None:
    shelf.refusing = fault
    with pytest.raises(INVALID) as caught:
        create({"u": placeholder, "again": placeholder}, presigned_url_config=ROLE)
    assert caught.value.message == text


def test_a_role_that_is_none(create: Any) -> None:
    with pytest.raises(INVALID, match="is not the ARN of an IAM role"):
        create({}, presigned_url_config=iot.PresignedUrlConfig(role_arn="arn:aws:iam::123456789012:user/x"))


def test_a_template_may_leave_the_role_to_its_jobs(run: Run, create: Any, stocked: Call) -> None:
    wanted = {"job_template_id": "x", "description": "d", "document": json.dumps({"u": OBJECT})}
    arn = run("CreateJobTemplate", call=stocked, **wanted).job_template_arn
    with pytest.raises(INVALID, match="role ARN is required"):
        create(job_template_arn=arn)
    create(job_template_arn=arn, presigned_url_config=ROLE)
    with pytest.raises(INVALID, match="Local placeholder"):
        run("CreateJobTemplate", call=stocked, **{**wanted, "document": '"${jobId}"', "job_template_id": "y"})


def test_a_running_job_cannot_lose_its_role(run: Run, create: Any) -> None:
    create({"u": OBJECT}, presigned_url_config=ROLE)
    with pytest.raises(INVALID, match="role ARN is required"):
        run("UpdateJob", job_id="j", presigned_url_config=iot.PresignedUrlConfig(expires_in_sec=60))
    run("UpdateJob", job_id="j", presigned_url_config=iot.PresignedUrlConfig(role_arn=ROLE.role_arn, expires_in_sec=60))


def test_package_versions_must_exist(create: Any) -> None:
    arn = "arn:aws:iot:eu-west-1:123456789012:package/p/version/1"
    with pytest.raises(iot.ResourceNotFoundException, match=r"Package version arn.* cannot be found"):
        create({"a": "${aws:iot:package:p:version:1:attributes}"}, destination_package_versions=[arn])


# --- freezing with a catalog ------------------------------------------------------------------------------------------


def test_buckets_of_another_account(create: Any, shelf: Shelf, stocked: Call) -> None:
    """Neither fetched from nor presigned, whatever they hold."""
    shelf.on[DOC] = b"{}"
    shelf.closed_to.add(stocked.account)
    for members in ({"document_source": SOURCE}, {"document": json.dumps({"u": OBJECT})}):
        with pytest.raises(INVALID, match=rf"Permission denied .* use role {ROLE.role_arn} to access bucket bucket"):
            create(**members, presigned_url_config=ROLE)
    with pytest.raises(INVALID, match="to access bucket logs"):
        create({"u": UPLOAD}, presigned_url_config=ROLE)
    with pytest.raises(INVALID, match=r"Access to job document source .* is denied"):
        create(document_source=SOURCE)
    assert shelf.fetched == []


@pytest.mark.parametrize("home", ["eu-west-1:210987654321", "us-east-1:123456789012"])
def test_package_versions_of_others(run: Run, create: Any, home: str) -> None:
    """No job could ever deploy them: templates refuse them, too."""
    theirs = [f"arn:aws:iot:{home}:package/p/version/1", f"arn:aws:iot:{home}:package/q/version/$null"]
    for refuse in (
        lambda: create({}, destination_package_versions=theirs),
        lambda: run(
            "CreateJobTemplate",
            job_template_id="x",
            description="d",
            document="{}",
            destination_package_versions=theirs,
        ),
    ):
        with pytest.raises(INVALID) as refused:
            refuse()
        assert [f"{one} is not the ARN of a package version" in refused.value.message for one in theirs] == [True] * 2


def test_a_document_with_package_versions_is_frozen(stocked: Call) -> None:
    artifact = "${aws:iot:package:p:version:$default:artifact:s3-presigned-url}"
    text = json.dumps({"all": "${aws:iot:package::version::attributes}", "fw": artifact, "u": OBJECT})
    arns = ["arn:aws:iot:eu-west-1:123456789012:package/p/version/$default"]
    version = documents.PackageVersion("3", {"size": "5"}, Location("fw", "p-3", "v"))
    configured = documents.Configuration(destination_package_versions=arns, presigned_url_config=ROLE)
    frozen = documents.freeze(text, stocked, configured, {("p", "$default"): version})
    assert json.loads(frozen.document) == {
        "all": {"size": "5"},
        "fw": "${aws:iot:package:p:version:3:artifact:s3-presigned-url}",
        "u": OBJECT,
    }
    assert frozen.before == text
    assert frozen.delivery is not None
    assert [piece[1:] for piece in json.loads(frozen.delivery) if isinstance(piece, list)] == [
        ["fw", "p-3", "v"],
        ["bucket", "fw.bin", None],
    ]
    unsigned = documents.Configuration(destination_package_versions=arns)
    with pytest.raises(INVALID) as refused:
        documents.freeze(text, stocked, unsigned, {("p", "$default"): version})
    assert refused.value.message == (
        "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document. "
        "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document "
        "for package p version 3 artifact."
    )


def test_what_a_default_stood_for_is_kept_beside_it() -> None:
    head = "arn:aws:iot:eu-west-1:123456789012:package/"
    named = [f"{head}p/version/$default", f"{head}q/version/2", f"{head}r/version/$null"]
    configured = documents.Configuration(destination_package_versions=named)
    versions = {("p", "$default"): documents.PackageVersion("3", {}), ("q", "2"): documents.PackageVersion("2", {})}
    known = documents.with_versions(configured, versions)
    assert known.destination_package_versions == named
    assert known.resolved_package_versions == [f"{head}p/version/3", *named[1:]]
    assert documents.with_versions(configured, {}).resolved_package_versions is None


def test_a_document_takes_what_the_catalog_holds(run: Run, create: Any, stocked: Call) -> None:
    run("CreatePackage", package_name="p")
    place = iot.S3Location(bucket="fw", key="p-3", version="v")
    run(
        "CreatePackageVersion",
        package_name="p",
        version_name="3",
        attributes={"size": "5", "note": 'a "b"'},
        artifact=iot.PackageVersionArtifact(s3_location=place),
    )
    run("UpdatePackageVersion", package_name="p", version_name="3", action="PUBLISH")
    run("UpdatePackage", package_name="p", default_version_name="3")
    head = "${aws:iot:package:p:version:$default:"
    text = json.dumps({
        "size": f"{head}attributes:size}} bytes",
        "all": "${aws:iot:package::version::attributes}",
        "fw": f"{head}artifact:s3-presigned-url}}",
    })  # fmt: skip
    arn = "arn:aws:iot:eu-west-1:123456789012:package/p/version/"
    create(text, destination_package_versions=[f"{arn}$default"], presigned_url_config=ROLE)
    run("UpdatePackage", package_name="p", unset_default_version=True)
    run("DeletePackageVersion", package_name="p", version_name="3")

    shown = [run("DescribeJob", job_id="j", before_substitution=before).job for before in (None, False, True)]
    assert [job.destination_package_versions for job in shown] == [[f"{arn}3"], [f"{arn}3"], [f"{arn}$default"]]
    frozen = json.loads(run("GetJobDocument", job_id="j").document)
    attributes = {"size": "5", "note": 'a "b"'}
    resolved = "${aws:iot:package:p:version:3:artifact:s3-presigned-url}"
    assert frozen == {"size": "5 bytes", "all": attributes, "fw": resolved}
    assert run("GetJobDocument", job_id="j", before_substitution=True).document == text
    delivered = start(run, stocked)
    url = Signed(delivered.pop("fw"))
    assert (url.path, url.version, url.method) == ("/fw/p-3", "v", "GET")
    assert delivered == {"size": "5 bytes", "all": attributes}


def test_a_package_without_an_artifact(run: Run, create: Any) -> None:
    run("CreatePackage", package_name="p")
    run("CreatePackageVersion", package_name="p", version_name="3")
    run("UpdatePackageVersion", package_name="p", version_name="3", action="PUBLISH")
    text = '{"fw": "${aws:iot:package:p:version:3:artifact:s3-presigned-url}"}'
    arn = "arn:aws:iot:eu-west-1:123456789012:package/p/version/3"
    with pytest.raises(INVALID, match="Package p version 3 does not have an associated artifact"):
        create(text, destination_package_versions=[arn], presigned_url_config=ROLE)


# --- delivery ---------------------------------------------------------------------------------------------------------


def test_the_control_plane_shows_no_signed_url(run: Run, create: Any, stocked: Call) -> None:
    text = f'{{ "u" :"{OBJECT}", "shell":"${{HOME}}" }}'
    create(text, presigned_url_config=ROLE)
    assert run("GetJobDocument", job_id="j").document == text
    assert run("GetJobDocument", job_id="j", before_substitution=True).document == text
    document = start(run, stocked)
    assert document["shell"] == "${HOME}"
    assert Signed(document["u"]).path == "/bucket/fw.bin"
    assert run("GetJobDocument", job_id="j").document == text


def test_every_way_to_a_document_signs_it_alike(run: Run, create: Any, stocked: Call) -> None:
    create({"u": OBJECT, "up": UPLOAD}, presigned_url_config=ROLE)
    named = {"plane": DEVICE, "thing_name": "t:1", "call": stocked}
    first = run("DescribeJobExecution", job_id="$next", **named).execution.job_document
    started = run("StartNextPendingJobExecution", **named).execution.job_document
    described = run("DescribeJobExecution", job_id="j", **named).execution.job_document
    update = {"job_id": "j", "status": "IN_PROGRESS", "include_job_document": True}
    updated = run("UpdateJobExecution", **update, **named).job_document
    assert first == started == described == updated
    down, up = Signed(json.loads(first)["u"]), Signed(json.loads(first)["up"])
    assert (down.method, down.path, down.signed_at, down.expires_s) == ("GET", "/bucket/fw.bin", NOW, 3600)
    assert (up.method, up.path) == ("PUT", "/logs/t%3A1/j/1.log")
    assert run("DescribeJobExecution", job_id="j", include_job_document=False, **named).execution.job_document is None
    assert run("UpdateJobExecution", job_id="j", status="IN_PROGRESS", **named).job_document is None


def test_a_url_stays_the_same_for_half_its_life(run: Run, create: Any, stocked: Call) -> None:
    create({"u": OBJECT}, presigned_url_config=iot.PresignedUrlConfig(role_arn=ROLE.role_arn, expires_in_sec=60))
    documents_by_time = [start(run, stocked._replace(now=NOW + later)) for later in (0, 29_999, 30_000, 59_999)]
    signed = [Signed(document["u"]).signed_at for document in documents_by_time]
    assert signed == [NOW, NOW, NOW + 30_000, NOW + 30_000]


def test_versions_reach_the_url(run: Run, create: Any, stocked: Call) -> None:
    url = "${aws:iot:s3-presigned-url-v2:https://bucket.s3.us-east-1.amazonaws.com/a%20b%3FversionId%3Dv1}"
    create({"u": url}, presigned_url_config=ROLE)
    found = Signed(start(run, stocked)["u"])
    assert (found.path, found.version) == ("/bucket/a%20b", "v1")


def test_a_placeholder_given_to_a_managed_template_is_signed(run: Run, create: Any, stocked: Call) -> None:
    arn = "arn:aws:iot:eu-west-1::jobtemplate/AWS-Download-File:1.0"
    given = {"downloadUrl": OBJECT, "filePath": "/tmp/fw"}
    with pytest.raises(INVALID, match="role ARN is required"):
        create(job_template_arn=arn, document_parameters=given)
    create(job_template_arn=arn, document_parameters=given, presigned_url_config=ROLE)
    assert OBJECT in run("GetJobDocument", job_id="j").document
    url, path = start(run, stocked)["steps"][0]["action"]["input"]["args"]
    assert (Signed(url).path, path) == ("/bucket/fw.bin", "/tmp/fw")


@pytest.mark.parametrize("lost", [True, False])
def test_what_cannot_be_signed_is_not_started(
    run: Run, create: Any, shelf: Shelf, stocked: Call, lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    create({"u": OBJECT}, presigned_url_config=ROLE)
    shelf.broken = True
    later = stocked._replace(objects=None) if lost else stocked
    named = {"plane": DEVICE, "thing_name": "t:1", "call": later}
    with pytest.raises(jobs_data.ServiceUnavailableException, match="cannot be generated"):
        run("StartNextPendingJobExecution", **named)
    with pytest.raises(jobs_data.ServiceUnavailableException):
        run("UpdateJobExecution", job_id="j", status="IN_PROGRESS", include_job_document=True, **named)
    execution = run("DescribeJobExecution", job_id="j", include_job_document=False, **named).execution
    assert (execution.status, execution.version_number) == ("QUEUED", 1)
    assert ("has no object storage" if lost else "the key is lost") in caplog.text
    shelf.broken = False
    assert start(run, stocked)


@pytest.mark.parametrize("placeholder", [OBJECT, UPLOAD])
def test_a_bucket_that_is_another_accounts_by_now(
    run: Run, create: Any, shelf: Shelf, stocked: Call, placeholder: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was the job's own when it was created."""
    create({"u": placeholder}, presigned_url_config=ROLE)
    shelf.closed_to.add(stocked.account)
    with pytest.raises(jobs_data.ServiceUnavailableException, match="cannot be generated"):
        start(run, stocked)
    [line] = [record for record in caplog.records if record.name == "tidegate.documents"]
    assert "is another account's" in line.getMessage()
    assert line.exc_info is None
    shelf.closed_to.clear()
    assert start(run, stocked)
