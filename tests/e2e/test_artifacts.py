"""An artifact from a bucket to a fleet, by a package version, a template and a continuous job; then the inventory.

Nothing but the server and unmodified clients: the AWS CLI and boto3 for operators, the AWS IoT Device SDK for devices,
plain HTTP for what a URL allows. The endpoint of the objects is a process of its own, and time is moved.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest
from awscrt import mqtt_request_response
from awsiot import iotjobs, iotshadow

from tests.e2e.fleet import PATIENCE, REGION, Account, Maker
from tests.e2e.sdk import mqtt_5
from tests.e2e.test_objects import Shell
from tests.e2e.test_shadows import device
from tests.servers import options, started

FIRMWARE = os.urandom(20_000_000)  # in three parts, as the AWS CLI uploads it
BELOW = "NOT shadow.name.$package.reported.app.version:2.1"
ROLE = "arn:aws:iam::123456789012:role/jobs"
DOCUMENT = {
    "install": {
        "url": "${aws:iot:package::version::artifact:s3-presigned-url}",
        "sha256": "${aws:iot:package::version::attributes:sha256}",
        "about": "${aws:iot:package::version::attributes}",
    },
    "log": "${aws:iot:s3-presigned-url-upload:https://logs-bucket.s3.eu-west-1.amazonaws.com/"
    "${thingName}/${jobId}-${executionNumber}.log}",
}


class Response(NamedTuple):
    status: int
    headers: Any
    body: bytes


def http(method: str, url: str, data: bytes | None = None, **headers: str) -> Response:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30) as answer:
            return Response(answer.status, answer.headers, answer.read())
    except HTTPError as error:
        with error:
            return Response(error.code, error.headers, error.read())


class Agent:
    """A device's own program, over the SDK's clients."""

    def __init__(self, connection: Any, name: str) -> None:
        limits = mqtt_request_response.ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=int(PATIENCE),
        )
        self.name = name
        self._jobs = iotjobs.IotJobsClientV2(connection, limits)
        self._shadows = iotshadow.IotShadowClientV2(connection, limits)

    def begin(self) -> Any:
        """The execution to work on; None if there is none."""
        request = iotjobs.StartNextPendingJobExecutionRequest(thing_name=self.name)
        return self._jobs.start_next_pending_job_execution(request).result(PATIENCE).execution

    def succeed(self, job_id: str) -> None:
        request = iotjobs.UpdateJobExecutionRequest(thing_name=self.name, job_id=job_id, status="SUCCEEDED")
        self._jobs.update_job_execution(request).result(PATIENCE)

    def installed(self) -> Any:
        request = iotshadow.GetNamedShadowRequest(thing_name=self.name, shadow_name="$package")
        return self._shadows.get_named_shadow(request).result(PATIENCE).state.reported


@pytest.fixture(scope="module")
def movable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("artifacts")
    with started(options(folder / "data", clock="movable", objects_apart=True)) as server:
        yield Account(server, Maker(), folder)


def advance(account: Account, seconds: int) -> None:
    status, _, answer = account.server.fetch("/_tidegate/clock", "POST", {"advance": seconds})
    assert status == 200, answer


def members(account: Account) -> list[str]:
    things: list[str] = account.iot.list_things_in_thing_group(thingGroupName="below-2_1")["things"]
    return things


def stock(account: Account, folder: Path) -> str:
    """Upload the artifact by the AWS CLI; its version."""
    (folder / "app.bin").write_bytes(FIRMWARE)
    shell = Shell(account.server, folder)
    for bucket in ("artifacts-bucket", "logs-bucket"):
        shell.s3("mb", f"s3://{bucket}")
    shell.s3("cp", "app.bin", "s3://artifacts-bucket/app/2.1.bin", "--no-progress")
    s3 = account.server.client("s3", region_name="us-east-1")
    version: str = s3.head_object(Bucket="artifacts-bucket", Key="app/2.1.bin")["VersionId"]
    s3.put_object(Bucket="artifacts-bucket", Key="app/2.1.bin", Body=b"a newer object of that name")
    return version


def publish(account: Account, version: str) -> str:
    """A package version with the artifact, as the default; the ARN that stands for it in jobs."""
    iot = account.iot
    iot.create_package(packageName="app")
    iot.create_package_version(
        packageName="app",
        versionName="2.1",
        attributes={"sha256": hashlib.sha256(FIRMWARE).hexdigest()},
        artifact={"s3Location": {"bucket": "artifacts-bucket", "key": "app/2.1.bin", "version": version}},
    )
    iot.update_package_version(packageName="app", versionName="2.1", action="PUBLISH")
    iot.update_package(packageName="app", defaultVersionName="2.1")
    iot.update_package_configuration(versionUpdateByJobsConfig={"enabled": True, "roleArn": ROLE})
    return account.arn("package/app/version/$default")


def roll_out(account: Account, package_version: str) -> None:
    """A continuous job for everything that is not on 2.1 yet, from a template whose document lies in a bucket."""
    iot = account.iot
    iot.update_indexing_configuration(
        thingIndexingConfiguration={
            "thingIndexingMode": "REGISTRY",
            "namedShadowIndexingMode": "ON",
            "filter": {"namedShadowNames": ["$package"]},
        }
    )
    group = iot.create_dynamic_thing_group(thingGroupName="below-2_1", queryString=BELOW)["thingGroupArn"]
    s3 = account.server.client("s3", region_name="us-east-1")
    s3.put_object(Bucket="artifacts-bucket", Key="upgrade.json", Body=json.dumps(DOCUMENT).encode())
    template = iot.create_job_template(
        jobTemplateId="upgrade",
        description="Bring app to its default version",
        documentSource=f"https://artifacts-bucket.s3.{REGION}.amazonaws.com/upgrade.json",
        presignedUrlConfig={"roleArn": ROLE, "expiresInSec": 600},
        destinationPackageVersions=[package_version],
    )
    iot.create_job(
        jobId="upgrade", targets=[group], targetSelection="CONTINUOUS", jobTemplateArn=template["jobTemplateArn"]
    )
    advance(account, 1)


def download(url: str) -> bytes:
    """In two pieces, the second as one that goes on after an interruption."""
    half = len(FIRMWARE) // 2
    first = http("GET", url, Range=f"bytes=0-{half - 1}")
    rest = http("GET", url, **{"Range": f"bytes={half}-", "If-Range": first.headers["ETag"]})
    assert (first.status, rest.status) == (206, 206)
    assert rest.headers["Content-Range"] == f"bytes {half}-{len(FIRMWARE) - 1}/{len(FIRMWARE)}"
    return first.body + rest.body


def check_url(account: Account, url: str, begin: Any) -> str:
    """It allows one thing for its time, and its text stays while that is not half over; the text that follows it."""
    assert http("PUT", url, b"x").status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in http("GET", url.replace("2.1.bin", "2.0.bin")).body
    advance(account, 240)
    assert begin() == url
    advance(account, 120)
    following: str = begin()
    assert following != url
    assert http("GET", url, Range="bytes=0-0").status == 206
    advance(account, 240)
    refused = http("GET", url)
    assert (refused.status, b"<Message>Request has expired</Message>" in refused.body) == (403, True)
    return following


def test_from_an_upload_to_the_inventory(movable: Account, tmp_path: Path) -> None:
    account, iot = movable, movable.iot
    credentials = {name: device(account, name) for name in ("pump-1", "pump-2")}
    package_version = publish(account, stock(account, tmp_path))
    roll_out(account, package_version)
    assert members(account) == ["pump-1", "pump-2"]
    shown = json.loads(iot.get_job_document(jobId="upgrade")["document"])
    assert shown["install"]["url"] == "${aws:iot:package:app:version:2.1:artifact:s3-presigned-url}"
    assert json.loads(iot.get_job_document(jobId="upgrade", beforeSubstitution=True)["document"]) == DOCUMENT

    with mqtt_5(account, credentials["pump-1"], "pump-1") as connection:
        agent = Agent(connection, "pump-1")
        document = agent.begin().job_document
        digest = hashlib.sha256(FIRMWARE).hexdigest()
        assert document["install"]["about"] == {"sha256": digest}
        assert hashlib.sha256(download(document["install"]["url"])).hexdigest() == document["install"]["sha256"]
        following = check_url(account, document["install"]["url"], lambda: agent.begin().job_document["install"]["url"])
        assert download(following) == FIRMWARE
        assert http("PUT", agent.begin().job_document["log"], b"installed").status == 200
        agent.succeed("upgrade")
        assert agent.installed() == {"app": {"version": "2.1", "attributes": {"sha256": digest}}}
    s3 = account.server.client("s3", region_name="us-east-1")
    with s3.get_object(Bucket="logs-bucket", Key="pump-1/upgrade-1.log")["Body"] as log:
        assert log.read() == b"installed"

    advance(account, 1)
    assert members(account) == ["pump-2"]
    found = iot.search_index(queryString="shadow.name.$package.reported.app.version:2.1")["things"]
    assert [thing["thingName"] for thing in found] == ["pump-1"]

    late = device(account, "pump-3")
    advance(account, 1)
    assert members(account) == ["pump-2", "pump-3"]
    with mqtt_5(account, late, "pump-3") as connection:
        agent = Agent(connection, "pump-3")
        assert download(agent.begin().job_document["install"]["url"]) == FIRMWARE
        agent.succeed("upgrade")
    advance(account, 1)
    assert members(account) == ["pump-2"]
    assert account.counts("upgrade") == {"Succeeded": 2, "Queued": 1}
    assert account.status("upgrade") == "IN_PROGRESS"


def test_buckets_that_are_not_there(movable: Account) -> None:
    """Whoever creates the job is told, not the fleet."""
    iot, thing = movable.iot, movable.thing("lonely")
    s3 = movable.server.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="checked-bucket")
    version = s3.put_object(Bucket="checked-bucket", Key="fw", Body=b"1")["VersionId"]
    base = "https://s3.eu-west-1.amazonaws.com"
    download, upload = "${aws:iot:s3-presigned-url-v2:%s}", "${aws:iot:s3-presigned-url-upload:%s}"
    wanted = {"targets": [thing], "presignedUrlConfig": {"roleArn": ROLE}}
    refused = {
        download % f"{base}/nobodys-bucket/fw": f"use role {ROLE} to access bucket nobodys-bucket",
        download % f"{base}/checked-bucket/fw?versionId=none": "VersionId not found when attempting to access s3 url",
        upload % f"{base}/nobodys-bucket/log": "S3 bucket in job document presigned url upload placeholder not found",
    }
    for placeholder, text in refused.items():
        with pytest.raises(iot.exceptions.InvalidRequestException, match=text):
            iot.create_job(jobId="j", document=json.dumps({"u": placeholder}), **wanted)
    fine = [
        download % f"{base}/checked-bucket/fw?versionId={version}",
        download % f"{base}/checked-bucket/comes-later",
        upload % f"{base}/checked-bucket/log",
    ]
    iot.create_job(jobId="j", document=json.dumps({"u": fine}), **wanted)
