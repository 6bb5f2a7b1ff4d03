"""The client of any S3, against an S3 of our own and against servers that mean no good."""

from __future__ import annotations

import http.server
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.operators import admitted
from tests.servers import Started, options, started
from tidegate.aws.sigv4 import Key
from tidegate.core.location import Fault, Location, ObjectFaultError
from tidegate.objects.presign import Site
from tidegate.objects.s3 import Allowed, Patience, RemoteS3
from tidegate.s3.assembly import Choice, remote_site

KEY = Key("AKIAREMOTE0000000000", "a-secret-of-forty-characters-0123456789")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Another server that demands signatures, with something in it."""
    with started(options(tmp_path_factory.mktemp("elsewhere"), auth=True)) as server:
        admitted(server, KEY.key_id, KEY.secret, "arn:aws:iam::000000000000:user/operator")
        s3 = _boto3(server)
        for bucket in ("artifacts", "others"):
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="jobs/a b/é+~.json", Body=b'{"a":1}')
        s3.put_object(Bucket="artifacts", Key="private", Body=b"private")
        yield server


def _boto3(server: Started) -> Any:
    return server.client("s3", region_name="us-east-1", aws_access_key_id=KEY.key_id, aws_secret_access_key=KEY.secret)


def remote(base: str, key: Key | None = KEY, **patience: float) -> RemoteS3:
    allowed = [Allowed("artifacts", "jobs/"), Allowed("uploads")]
    return RemoteS3(Site(base, "us-east-1"), key, allowed, patience=Patience(**patience))


def fault(objects: RemoteS3, location: Location, limit: int = 1000) -> Fault:
    with pytest.raises(ObjectFaultError) as caught:
        objects.fetch(location, limit=limit)
    return caught.value.fault


PLACE = Location("artifacts", "jobs/a b/é+~.json")


def test_an_object_is_fetched(elsewhere: Started) -> None:
    objects = remote(elsewhere.addresses.objects)
    assert objects.fetch(PLACE, limit=7) == b'{"a":1}'
    assert fault(objects, PLACE, limit=6) is Fault.TOO_LARGE
    first = _boto3(elsewhere).head_object(Bucket=PLACE.bucket, Key=PLACE.key)["VersionId"]
    _boto3(elsewhere).put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=b'{"a":2}')
    assert objects.fetch(PLACE, limit=7) == b'{"a":2}'
    assert objects.fetch(PLACE._replace(version_id=first), limit=7) == b'{"a":1}'
    _boto3(elsewhere).put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=b'{"a":1}')


def test_a_range_of_what_an_object_was(elsewhere: Started) -> None:
    objects = remote(elsewhere.addresses.objects)
    stat = objects.stat(PLACE)
    assert stat.size == 7
    assert objects.read(PLACE, stat.etag, 1, 3) == b'"a"'
    assert objects.read(PLACE, stat.etag, 0, 7) == b'{"a":1}'
    with pytest.raises(ObjectFaultError) as caught:
        objects.read(PLACE, stat.etag, 5, 3)  # past the end
    assert caught.value.fault is Fault.UNREACHABLE
    with pytest.raises(ObjectFaultError) as caught:
        objects.read(PLACE, "0" * 32, 0, 7)
    assert caught.value.fault is Fault.CHANGED
    for location, expected in ((Location("artifacts", "jobs/none"), Fault.MISSING), (Location("x", "y"), Fault.DENIED)):
        for ask in (objects.stat, lambda at: objects.read(at, "e", 0, 1)):
            with pytest.raises(ObjectFaultError) as caught:
                ask(location)
            assert caught.value.fault is expected
    assert not objects.changed(PLACE, "other")  # nobody is asked


def test_what_cannot_be_had(elsewhere: Started) -> None:
    objects = remote(elsewhere.addresses.objects)
    assert fault(objects, Location("artifacts", "jobs/none")) is Fault.MISSING
    assert fault(objects, Location("uploads", "k")) is Fault.MISSING
    assert fault(remote(elsewhere.addresses.objects, Key(KEY.key_id, "wrong")), PLACE) is Fault.DENIED
    assert fault(remote(elsewhere.addresses.objects, None), PLACE) is Fault.DENIED
    assert fault(remote("http://127.0.0.1:9"), PLACE) is Fault.UNREACHABLE
    assert fault(remote("http://nobody.invalid"), PLACE) is Fault.UNREACHABLE


@pytest.mark.parametrize(
    "location",
    [
        Location("others", "jobs/a b/é+~.json"),
        Location("artifacts", "private"),
        Location("artifacts@127.0.0.1:1", "jobs/k"),
        Location("127.0.0.1", "latest/meta-data"),
        Location("", "jobs/k"),
    ],
)
def test_nothing_else_is_ever_asked_for(elsewhere: Started, location: Location) -> None:
    """Decided before a connection is made."""
    nowhere = remote("http://127.0.0.1:9")
    for objects in (remote(elsewhere.addresses.objects), nowhere):
        assert fault(objects, location) is Fault.DENIED
        with pytest.raises(ObjectFaultError):
            objects.presign("GET", location, signed_at=0, expires_s=60)
        assert objects.fault("GET", location) is objects.fault("PUT", location) is Fault.DENIED


def test_a_key_cannot_leave_its_prefix(elsewhere: Started) -> None:
    """S3 does not normalise keys; the path goes out encoded as it is."""
    objects = remote(elsewhere.addresses.objects)
    assert fault(objects, Location("artifacts", "jobs/../private")) is Fault.MISSING
    assert fault(objects, Location("artifacts", "jobs/%2e%2e/private")) is Fault.MISSING
    assert fault(objects, Location("artifacts", "jobs/\r\nHost: evil")) is Fault.MISSING
    assert fault(objects, Location("artifacts", "jobs/?list-type=2")) is Fault.MISSING


def test_presigned_urls_of_it_work(elsewhere: Started) -> None:
    objects = remote(elsewhere.addresses.objects)
    now = int(time.time() * 1000)
    url = objects.presign("GET", PLACE, signed_at=now, expires_s=60)
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.read() == b'{"a":1}'
    unsigned = remote(elsewhere.addresses.objects, None)
    with pytest.raises(ObjectFaultError):
        unsigned.presign("GET", PLACE, signed_at=now, expires_s=60)
    assert (objects.fault("GET", PLACE), unsigned.fault("GET", PLACE)) == (None, Fault.DENIED)


@contextmanager
def answering(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers as it likes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_redirects_are_not_followed() -> None:
    asked = []

    def redirect(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(307)
        handler.send_header("Location", "http://169.254.169.254/latest/meta-data")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with answering(redirect) as base:
        assert fault(remote(base), PLACE) is Fault.UNREACHABLE
    assert asked == ["/artifacts/jobs/a%20b/%C3%A9%2B~.json"]


@pytest.mark.parametrize("length", [None, "5", "100000000000"])
def test_an_answer_without_end(length: str | None) -> None:
    def pour(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * (5 if length == "5" else 10_000))
                if length == "5":
                    return
        except OSError:
            return

    with answering(pour) as base:
        if length == "5":
            assert remote(base).fetch(PLACE, limit=1000) == b"xxxxx"
        else:
            assert fault(remote(base), PLACE) is Fault.TOO_LARGE


def test_answers_that_break_off_or_never_come() -> None:
    release = threading.Event()

    def broken(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"half")

    def silent(_: http.server.BaseHTTPRequestHandler) -> None:
        release.wait(30)

    with answering(broken) as base:
        assert fault(remote(base), PLACE) is Fault.UNREACHABLE
    with answering(silent) as base:
        assert fault(remote(base, step=0.05), PLACE) is Fault.UNREACHABLE
        release.set()


def test_a_server_that_keeps_its_objects_elsewhere(
    elsewhere: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    base = elsewhere.addresses.objects
    with started(options(tmp_path, objects=("s3://artifacts/jobs/",), s3_endpoint=base)) as server:
        assert server.addresses.objects == base
        objects = server.running.service.objects
        assert objects is not None
        assert objects.fetch(PLACE, limit=100) == b'{"a":1}'
        with pytest.raises(ObjectFaultError):
            objects.fetch(Location("artifacts", "private"), limit=100)
        assert not (tmp_path / "objects").exists()
        _a_job_from_elsewhere(server, base)


def _a_job_from_elsewhere(server: Started, base: str) -> None:
    """Documents name AWS; buckets that the server was not given are refused to whoever creates the job."""
    iot, role = server.client("iot"), {"roleArn": "arn:aws:iam::123456789012:role/presign"}
    thing = iot.create_thing(thingName="t")["thingArn"]

    def create(job: str, place: str) -> None:
        url = f"${{aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/{place}}}"
        iot.create_job(jobId=job, targets=[thing], document=json.dumps({"u": url}), presignedUrlConfig=role)

    for place, bucket in (("artifacts/private", "artifacts"), ("others/jobs/doc.json", "others")):
        with pytest.raises(iot.exceptions.InvalidRequestException, match=f"to access bucket {bucket}"):
            create("refused", place)
    create("j", f"artifacts/{PLACE.key}")
    assert server.fetch("/_tidegate/clock")[0] == 200  # the engine has done what is due
    begun = server.client("iot-jobs-data").start_next_pending_job_execution(thingName="t")["execution"]
    url = json.loads(begun["jobDocument"])["u"]
    assert url.startswith(f"{base}/artifacts/jobs/")
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.read() == b'{"a":1}'


def test_the_endpoint_of_aws_unless_one_is_named() -> None:
    choice = Choice(("s3://bucket",))
    assert remote_site(choice, "eu-west-1", {}) == Site("https://s3.eu-west-1.amazonaws.com", "eu-west-1")
    named = choice._replace(s3_endpoint="https://minio.example:9000/")
    assert remote_site(named, "eu-west-1", {"AWS_REGION": "x-1"}) == Site("https://minio.example:9000", "x-1")
