"""Worked scenario 19 of control reference 23: presigned URLs, on a server whose object storage is the test's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.scenarios.scene import Scene, refused
from tests.shelf import Shelf, Signed


@pytest.fixture
def way() -> str:
    """These need the server."""
    return "server"


OBJECT = "${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/bucket/fw.bin}"
ROLE = {"roleArn": "arn:aws:iam::123456789012:role/presign", "expiresInSec": 600}


@pytest.fixture
def stocked(scene: Scene) -> Iterator[Scene]:
    """A scene on a server with object storage."""
    with scene.server.storing(Shelf()):
        yield scene


def test_19_presign(stocked: Scene) -> None:
    scene = stocked
    targets = scene.things(1)
    text = json.dumps({"url": OBJECT})
    answer = refused(scene.iot.create_job, jobId="j", targets=targets, document=text)
    assert (answer.status, answer.code, answer.message) == (
        400,
        "InvalidRequestException",
        "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document.",
    )
    scene.create("j", targets, document=text, presignedUrlConfig=ROLE)
    assert scene.iot.get_job_document(jobId="j")["document"] == text
    queued_at = scene.now
    signed = Signed(json.loads(scene.start("t1")["jobDocument"])["url"])
    assert (signed.path, signed.expires_s) == ("/bucket/fw.bin", 600)
    assert queued_at - 1000 < signed.signed_at <= queued_at


def test_19_a_url_is_renewed_before_it_is_half_spent(stocked: Scene) -> None:
    scene = stocked
    scene.create("j", scene.things(1), document=json.dumps({"url": OBJECT}), presignedUrlConfig=ROLE)
    first = scene.start("t1")["jobDocument"]
    scene.minutes(4)
    assert scene.start("t1")["jobDocument"] == first
    scene.minutes(2)
    signed = Signed(json.loads(scene.start("t1")["jobDocument"])["url"])
    assert signed.signed_at + signed.expires_s * 1000 - scene.now >= 300_000
    assert signed.signed_at == Signed(json.loads(first)["url"]).signed_at + 300_000


def test_19_a_retry_gets_a_url_of_its_own(stocked: Scene) -> None:
    scene = stocked
    upload = (
        "${aws:iot:s3-presigned-url-upload:https://s3.eu-west-1.amazonaws.com/logs/${thingName}-${executionNumber}}"
    )
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    members = {"presignedUrlConfig": ROLE, "jobExecutionsRetryConfig": retries}
    scene.create("j", scene.things(1), document=json.dumps({"url": upload}), **members)
    paths = []
    for _ in range(2):
        paths.append(Signed(json.loads(scene.start("t1")["jobDocument"])["url"]).path)
        scene.report("t1", "FAILED")
    assert paths == ["/logs/t1-1", "/logs/t1-2"]


def test_19_what_cannot_be_signed_is_refused_to_the_device(stocked: Scene) -> None:
    scene = stocked
    scene.create("j", scene.things(1), document=json.dumps({"url": OBJECT}), presignedUrlConfig=ROLE)
    with scene.server.storing(None):
        answer = refused(scene.data.start_next_pending_job_execution, thingName="t1")
    assert (answer.status, answer.code) == (503, "ServiceUnavailableException")
    assert scene.state("t1") == "QUEUED"
