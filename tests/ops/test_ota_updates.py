"""OTA updates: reach reference 6, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import NOW
from tests.shelf import Shelf, Signed
from tidegate.core.location import Fault, Location
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, locks_rows, transact
from tidegate.wire import iot
from tidegate.wire.errors import AccessDeniedException

HEAD = "arn:aws:iot:eu-west-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/ota"
SECONDS = 1_767_225_600.0
IMAGE = bytes(range(256)) * 40
PLACE = iot.S3Location(bucket="firmware", key="v1")


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf()
    found.on[Location("firmware", "v1")] = IMAGE
    found.on[Location("firmware", "v2", "abc")] = b"second"
    return found


@pytest.fixture
def call(call: Call, shelf: Shelf) -> Call:
    return call._replace(objects=shelf)


@pytest.fixture
def make(run: Any, call: Call) -> Callable[..., Any]:
    thing = run("CreateThing", thing_name="t").thing_arn

    def make(name: str = "u", *files: Any, call: Call = call, **members: Any) -> Any:
        given = {"targets": [thing], "files": list(files or [file()]), "role_arn": ROLE, **members}
        return run("CreateOTAUpdate", call=call, ota_update_id=name, **given)

    return make


def file(place: iot.S3Location | None = PLACE, stream: iot.Stream | None = None, **members: Any) -> iot.OTAUpdateFile:
    return iot.OTAUpdateFile(file_location=iot.FileLocation(s3_location=place, stream=stream), **members)


def signed(**members: Any) -> iot.CodeSigning:
    custom = {
        "signature": iot.CodeSigningSignature(inline_document=b"der"),
        "certificate_chain": iot.CodeSigningCertificateChain(certificate_name="/cert.pem", inline_document="pem"),
        "hash_algorithm": "SHA256",
        "signature_algorithm": "ECDSA",
        **members,
    }
    return iot.CodeSigning(custom_code_signing=iot.CustomCodeSigning(**custom))


def document(run: Any, job_id: str = "AFR_OTA-u") -> Any:
    return json.loads(run("GetJobDocument", job_id=job_id).document)["afr_ota"]


def test_job_and_stream_are_there_at_once(run: Any, make: Any) -> None:
    created = make(
        "u",
        file(file_name="/app", file_type=101, file_version="7", code_signing=signed(), attributes={"a": "b"}),
        file(iot.S3Location(bucket="firmware", key="v2", version="abc")),
        description="d",
        additional_parameters={"x": "y"},
        tags=[iot.Tag(key="k", value="v")],
    )
    assert created == iot.CreateOTAUpdateResponse(
        ota_update_id="u",
        aws_iot_job_id="AFR_OTA-u",
        ota_update_arn=f"{HEAD}otaupdate/u",
        aws_iot_job_arn=f"{HEAD}job/AFR_OTA-u",
        ota_update_status="CREATE_PENDING",
    )
    info = run("GetOTAUpdate", ota_update_id="u").ota_update_info
    assert info.ota_update_status == "CREATE_COMPLETE"
    assert (info.aws_iot_job_id, info.protocols, info.target_selection) == ("AFR_OTA-u", ["MQTT"], "SNAPSHOT")
    assert (info.description, info.additional_parameters, info.creation_date) == ("d", {"x": "y"}, SECONDS)
    stream = info.ota_update_files[0].file_location.stream
    assert [one.file_location.stream.file_id for one in info.ota_update_files] == [0, 1]
    assert info.ota_update_files[0].code_signing == signed()
    assert info.ota_update_files[0].file_location.s3_location == PLACE
    assert stream.stream_id.startswith("AFR_OTA-")
    assert [one.file_id for one in run("DescribeStream", stream_id=stream.stream_id).stream_info.files] == [0, 1]
    nothing = {"update_data_url": None, "auth_scheme": None}
    assert document(run) == {
        "protocols": ["MQTT"],
        "streamname": stream.stream_id,
        "files": [
            {
                "filepath": "/app",
                "filesize": len(IMAGE),
                "fileid": 0,
                "certfile": "/cert.pem",
                "fileType": 101,
                "sig-sha256-ecdsa": "ZGVy",
                **nothing,
            },
            {"filepath": None, "filesize": 6, "fileid": 1, "certfile": None, "sig--": None, **nothing},
        ],
    }
    job = run("DescribeJob", job_id="AFR_OTA-u").job
    assert (job.status, job.description, job.target_selection) == ("IN_PROGRESS", "d", "SNAPSHOT")
    assert run("ListTagsForResource", resource_arn=f"{HEAD}otaupdate/u").tags == [iot.Tag(key="k", value="v")]
    assert run("DescribeJobExecution", job_id="AFR_OTA-u", thing_name="t").execution.status == "QUEUED"


def test_the_settings_of_its_job(run: Any, make: Any) -> None:
    make(
        target_selection="CONTINUOUS",
        aws_job_executions_rollout_config=iot.AwsJobExecutionsRolloutConfig(
            maximum_per_minute=9,
            exponential_rate=iot.AwsJobExponentialRolloutRate(
                base_rate_per_minute=5,
                increment_factor=Decimal("1.5"),
                rate_increase_criteria=iot.AwsJobRateIncreaseCriteria(number_of_notified_things=3),
            ),
        ),
        aws_job_abort_config=iot.AwsJobAbortConfig(
            abort_criteria_list=[
                iot.AwsJobAbortCriteria(
                    failure_type="FAILED",
                    action="CANCEL",
                    threshold_percentage=Decimal("20.5"),
                    min_number_of_executed_things=4,
                )
            ]
        ),
        aws_job_timeout_config=iot.AwsJobTimeoutConfig(in_progress_timeout_in_minutes=60),
        aws_job_presigned_url_config=iot.AwsJobPresignedUrlConfig(expires_in_sec=120),
    )
    job = run("DescribeJob", job_id="AFR_OTA-u").job
    assert job.target_selection == "CONTINUOUS"
    rate = job.job_executions_rollout_config
    assert (rate.maximum_per_minute, rate.exponential_rate.increment_factor) == (9, Decimal("1.5"))
    assert rate.exponential_rate.rate_increase_criteria.number_of_notified_things == 3
    assert job.abort_config.criteria_list[0].threshold_percentage == Decimal("20.5")
    assert job.timeout_config.in_progress_timeout_in_minutes == 60
    assert job.presigned_url_config.role_arn is None  # MQTT alone
    info = run("GetOTAUpdate", ota_update_id="u").ota_update_info
    assert info.aws_job_presigned_url_config.expires_in_sec == 120


def test_over_http_devices_get_urls(run: Any, make: Any) -> None:
    versioned = iot.S3Location(bucket="firmware", key="v2", version="abc")
    url = iot.AwsJobPresignedUrlConfig(expires_in_sec=120)
    make("u", file(versioned), protocols=["HTTP"], aws_job_presigned_url_config=url)
    make("w", file(), protocols=["HTTP", "MQTT"])
    assert run("ListStreams").streams[0].stream_id == document(run, "AFR_OTA-w")["streamname"]
    assert len(run("ListStreams").streams) == 1
    given = run(
        "DescribeJobExecution", plane="iot-jobs-data", thing_name="t", job_id="AFR_OTA-u", include_job_document=True
    )
    one = json.loads(given.execution.job_document)["afr_ota"]
    assert "streamname" not in one
    assert (one["files"][0]["fileid"], one["files"][0]["filesize"]) == (0, 6)
    found = Signed(one["files"][0]["update_data_url"])
    assert (found.path, found.version, found.expires_s, found.method) == ("/firmware/v2", "abc", 120, "GET")
    assert one["files"][0]["auth_scheme"] == "aws.s3.presigned"


def test_files_of_a_stream_that_is_there(run: Any, make: Any) -> None:
    files = [iot.StreamFile(file_id=number, s3_location=PLACE) for number in (3, 9)]
    run("CreateStream", stream_id="s", files=files, role_arn=ROLE)
    make("u", *(file(None, iot.Stream(stream_id="s", file_id=number)) for number in (9, 3)))
    found = document(run)
    assert found["streamname"] == "s"
    assert [one["fileid"] for one in found["files"]] == [9, 3]
    with pytest.raises(iot.DeleteConflictException, match="OTA update u uses it"):
        run("DeleteStream", stream_id="s")
    for stream, file_id in (("s", 4), ("no", 3)):
        with pytest.raises(iot.ResourceNotFoundException):
            make("w", file(None, iot.Stream(stream_id=stream, file_id=file_id)))
    run("DeleteOTAUpdate", ota_update_id="u", delete_stream=True, force_delete_aws_job=True)
    assert [one.stream_id for one in run("ListStreams").streams] == ["s"]  # it was not made for the update
    run("DeleteStream", stream_id="s")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"code_signing": iot.CodeSigning(start_signing_job_parameter=iot.StartSigningJobParameter())},
            "File 1: startSigningJobParameter needs AWS Signer",
        ),
        ({"code_signing": iot.CodeSigning(aws_signer_job_id="x")}, "File 1: awsSignerJobId needs AWS Signer"),
        ({"code_signing": signed(signature=None)}, "customCodeSigning has no signature.inlineDocument"),
        ({"code_signing": signed(hash_algorithm=None)}, "customCodeSigning has no hashAlgorithm"),
        ({"code_signing": signed(signature_algorithm="")}, "customCodeSigning has no signatureAlgorithm"),
    ],
)
def test_signatures_that_cannot_be(make: Any, run: Any, members: dict[str, Any], said: str) -> None:
    with pytest.raises(iot.InvalidRequestException, match=said):
        make("u", file(**members))
    assert run("ListOTAUpdates").ota_updates == []
    assert run("ListJobs").jobs == []
    assert run("ListStreams").streams == []


def test_every_problem_at_once(make: Any, run: Any, shelf: Shelf) -> None:
    shelf.on[Location("firmware", "away")] = Fault.UNREACHABLE
    with pytest.raises(iot.InvalidRequestException) as raised:
        make(
            "u" * 57,
            iot.OTAUpdateFile(),
            file(PLACE, iot.Stream(stream_id="s", file_id=1)),
            file(iot.S3Location(bucket="firmware", key="away")),
            file(None, iot.Stream(stream_id="s")),
            protocols=["MQTT", "MQTT"],
            role_arn="arn:aws:iam::1:user/somebody",
            tags=[iot.Tag(key="aws:x")],
        )
    for part in (
        "otaUpdateId must have at most 56 characters",
        "File 1: fileLocation must have either stream or s3Location",
        "File 2: fileLocation must have either stream or s3Location",
        "firmware/away cannot be read now",
        "File 4 of files has no fileId",
        "All files that are in a stream must be in the same one",
        "must not name a protocol twice",
        "is not the ARN of an IAM role",
        "aws:x begins with aws:",
    ):
        assert part in raised.value.message
    with pytest.raises(iot.InvalidRequestException, match="expiresInSec"):
        make("u", protocols=["HTTP"], aws_job_presigned_url_config=iot.AwsJobPresignedUrlConfig(expires_in_sec=5))
    with pytest.raises(iot.InvalidRequestException, match="at most 50 files"):
        make("u", *[file()] * 51)
    assert run("ListStreams").streams == []


def test_nothing_is_half_made(make: Any, run: Any, call: Call) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        make("u", targets=[f"{HEAD}thing/nobody"])
    small = call._replace(limits=call.limits._replace(stream_file_size=100))
    with pytest.raises(iot.LimitExceededException, match="more than the limit of 100"):
        make("u", call=small)
    limited = call._replace(refused=lambda action, _resource: "no" if action == "s3:GetObject" else None)
    with pytest.raises(AccessDeniedException):
        make("u", call=limited)
    run("CreateJob", job_id="AFR_OTA-u", targets=[f"{HEAD}thing/t"], document="{}")
    with pytest.raises(iot.ResourceAlreadyExistsException, match="Job AFR_OTA-u already exists"):
        make("u")
    assert run("ListStreams").streams == []
    assert run("ListOTAUpdates").ota_updates == []
    make("w")
    with pytest.raises(iot.ResourceAlreadyExistsException, match="OTA update w already exists") as raised:
        make("w")
    assert raised.value.members == {"resource_id": "w", "resource_arn": f"{HEAD}otaupdate/w"}


def test_delete(make: Any, run: Any, database: Database, call: Call) -> None:
    make("u", tags=[iot.Tag(key="k", value="v")])
    with pytest.raises(iot.InvalidRequestException, match=r"its job AFR_OTA-u is in status IN_PROGRESS\. Use force"):
        run("DeleteOTAUpdate", ota_update_id="u")
    stream = document(run)["streamname"]
    with pytest.raises(iot.DeleteConflictException):
        run("DeleteStream", stream_id=stream)
    run("DeleteOTAUpdate", ota_update_id="u", force_delete_aws_job=True)
    run("DeleteStream", stream_id=stream)
    for operation in ("GetOTAUpdate", "DeleteOTAUpdate"):
        with pytest.raises(iot.ResourceNotFoundException, match="OTA update u cannot be found"):
            run(operation, ota_update_id="u")
    for _ in range(10):
        database.commit([locks_rows(lambda tx: sweeps.sweep(tx, NOW, call.limits))])
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeJob", job_id="AFR_OTA-u")
    make("u")
    assert run("ListTagsForResource", resource_arn=f"{HEAD}otaupdate/u").tags == []
    run("CancelJob", job_id="AFR_OTA-u")
    run("DeleteOTAUpdate", ota_update_id="u", delete_stream=True)
    assert run("ListStreams").streams == []


def test_delete_without_what_others_use(make: Any, run: Any) -> None:
    make("u")
    stream = document(run)["streamname"]
    make("w", file(None, iot.Stream(stream_id=stream, file_id=0)))
    with pytest.raises(iot.InvalidRequestException, match=f"with its stream {stream}: OTA update w uses it"):
        run("DeleteOTAUpdate", ota_update_id="u", delete_stream=True, force_delete_aws_job=True)
    run("DeleteJob", job_id="AFR_OTA-u", force=True)
    run("DeleteOTAUpdate", ota_update_id="u")  # its job is on its way already
    assert [one.ota_update_id for one in run("ListOTAUpdates").ota_updates] == ["w"]
    assert [one.stream_id for one in run("ListStreams").streams] == [stream]


def test_list(make: Any, run: Any, call: Call, database: Database) -> None:
    names = [f"u{number}" for number in range(5)]
    for name in names:
        make(name)
    found: list[str] = []
    token, pages = None, 0
    while token or not pages:
        page = run("ListOTAUpdates", max_results=2, next_token=token, ota_update_status="CREATE_COMPLETE")
        found += [one.ota_update_id for one in page.ota_updates]
        token, pages = page.next_token, pages + 1
    assert (found, pages) == (names[::-1], 3)
    assert run("ListOTAUpdates", ota_update_status="CREATE_FAILED").ota_updates == []
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListOTAUpdates", next_token="x")
    assert run("ListOTAUpdates").ota_updates[0] == iot.OTAUpdateSummary(
        ota_update_id="u4", ota_update_arn=f"{HEAD}otaupdate/u4", creation_date=SECONDS
    )
    other = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    theirs = call._replace(scope=other, account="210987654321")
    assert run("ListOTAUpdates", call=theirs).ota_updates == []
    for operation in ("GetOTAUpdate", "DeleteOTAUpdate"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, ota_update_id="u1", call=theirs)
