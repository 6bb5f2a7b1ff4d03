"""Objects by boto3 and by hand: what is put comes back."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.s3.client import Bucket, plain, refusal
from tests.servers import Started

KEYS = ["k", "a b/é+~.bin", "../../etc/passwd", "a//b", "/lead", "..", "%2e%2e/x", "🗝️", "x" * 1024, "a\\b", "-", "a\tb"]


@pytest.mark.parametrize("key", KEYS)
def test_any_key(bucket: Bucket, folder: Path, key: str) -> None:
    made = bucket.put(key, b"data of " + key.encode(), Metadata={"who": "me"}, ContentType="text/plain")
    found = bucket.get(key)
    assert found["Body"].read() == b"data of " + key.encode()
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"who": "me"})
    assert found["ETag"] == made["ETag"] == f'"{hashlib.md5(b"data of " + key.encode()).hexdigest()}"'
    assert found["VersionId"] == made["VersionId"]
    assert bucket.keys() == [key]
    assert not any("passwd" in path.name for path in folder.parent.parent.rglob("*"))
    bucket.s3.delete_object(Bucket=bucket.name, Key=key)
    assert bucket.keys() == []


def test_keys_that_are_none(bucket: Bucket, server: Started) -> None:
    assert plain(server, "PUT", f"/{bucket.name}/a%00b", b"x").code == "InvalidURI"
    assert plain(server, "PUT", f"/{bucket.name}/%FF", b"x").code == "InvalidURI"
    assert refusal(bucket.put, key="x" * 1025) == (400, "KeyTooLongError")
    assert plain(server, "PUT", "/../etc/passwd", b"x").code == "NoSuchBucket"
    assert refusal(bucket.s3.head_object, Bucket=bucket.name, Key="none") == (404, "404")
    assert refusal(bucket.get, key="none") == (404, "NoSuchKey")
    assert refusal(bucket.s3.get_object, Bucket="nobodys", Key="k") == (404, "NoSuchBucket")


def test_ranges(bucket: Bucket) -> None:
    bucket.put("k", bytes(range(256)))
    part = bucket.get("k", Range="bytes=10-19")
    assert part["Body"].read() == bytes(range(10, 20))
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["ContentRange"] == "bytes 10-19/256"
    assert bucket.read("k", Range="bytes=-6") == bytes(range(250, 256))
    assert bucket.read("k", Range="bytes=250-") == bytes(range(250, 256))
    assert bucket.read("k", Range="bytes=1-2,4-5") == bytes(range(256))
    head = bucket.s3.head_object(Bucket=bucket.name, Key="k", Range="bytes=0-9")
    assert (head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]) == (10, 206)
    assert refusal(bucket.get, key="k", Range="bytes=256-") == (416, "InvalidRange")
    bucket.put("empty", b"")
    assert bucket.read("empty") == b""
    assert refusal(bucket.get, key="empty", Range="bytes=0-") == (416, "InvalidRange")


def test_conditions(bucket: Bucket, server: Started) -> None:
    etag = bucket.put("k", b"1")["ETag"]
    assert bucket.read("k", IfMatch=etag) == b"1"
    assert refusal(bucket.get, key="k", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refusal(bucket.get, key="k", IfNoneMatch=etag) == (304, "304")
    unchanged = plain(server, "GET", bucket.path("k"), if_none_match=etag)
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    changed = plain(server, "GET", bucket.path("k"), range="bytes=0-0", if_range='"older"')
    assert (changed.status, changed.body) == (200, b"1")
    assert refusal(bucket.put, key="k", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(bucket.put, key="k", IfMatch='"other"') == (412, "PreconditionFailed")
    bucket.put("new", IfNoneMatch="*")
    bucket.put("k", b"2", IfMatch=etag)
    assert bucket.read("k") == b"2"


def test_versions(bucket: Bucket) -> None:
    first, second = (bucket.put("k", data)["VersionId"] for data in (b"1", b"2"))
    assert bucket.read("k", VersionId=first) == b"1"
    marker = bucket.s3.delete_object(Bucket=bucket.name, Key="k")
    assert marker["DeleteMarker"]
    assert refusal(bucket.get, key="k") == (404, "NoSuchKey")
    assert refusal(bucket.get, key="k", VersionId=marker["VersionId"]) == (405, "MethodNotAllowed")
    assert refusal(bucket.get, key="k", VersionId="none") == (404, "NoSuchVersion")
    assert bucket.read("k", VersionId=second) == b"2"
    gone = bucket.s3.delete_object(Bucket=bucket.name, Key="k", VersionId=marker["VersionId"])
    assert gone["DeleteMarker"]
    assert bucket.read("k") == b"2"
    assert bucket.s3.get_bucket_versioning(Bucket=bucket.name)["Status"] == "Enabled"


def test_overrides_and_headers(bucket: Bucket) -> None:
    bucket.put("k", ContentDisposition="inline", CacheControl="no-store", ContentEncoding="gzip")
    found = bucket.get("k")
    assert (found["ContentDisposition"], found["CacheControl"], found["ContentEncoding"]) == (
        "inline",
        "no-store",
        "gzip",
    )
    assert bucket.get("k", ResponseContentType="x/y", ResponseContentDisposition="attachment")["ContentType"] == "x/y"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(bucket: Bucket, algorithm: str) -> None:
    made = bucket.put("k", b"hello", ChecksumAlgorithm=algorithm)
    found = bucket.get("k", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"hello"  # boto3 verifies it
    assert found[f"Checksum{algorithm}"] == made[f"Checksum{algorithm}"]
    wrong = base64.b64encode(bytes(len(base64.b64decode(made[f"Checksum{algorithm}"])))).decode()
    named: dict[str, Any] = {f"Checksum{algorithm}": wrong}
    assert refusal(bucket.put, key="k", data=b"other", **named) == (400, "BadDigest")
    assert bucket.read("k") == b"hello"


def test_digests_are_held_against_the_body(bucket: Bucket, server: Started) -> None:
    right = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    path = bucket.path("k")
    assert plain(server, "PUT", path, b"data", content_md5=right).status == 200
    assert plain(server, "PUT", path, b"dato", content_md5=right).code == "BadDigest"
    assert plain(server, "PUT", path, b"data", content_md5="nonsense").code == "InvalidDigest"
    wrong = hashlib.sha256(b"x").hexdigest()
    assert plain(server, "PUT", path, b"data", x_amz_content_sha256=wrong).code == "XAmzContentSHA256Mismatch"
    assert plain(server, "PUT", path, b"data", x_amz_content_sha256="nonsense").code == "InvalidArgument"
    assert plain(server, "PUT", path, iter([b"da", b"ta"])).status == 200  # sent in chunks
    assert bucket.read("k") == b"data"


def test_copies_share_what_they_are_made_of(bucket: Bucket, folder: Path) -> None:
    bucket.put("from", b"shared bytes", Metadata={"a": "1"}, ContentType="x/y")
    source = {"Bucket": bucket.name, "Key": "from"}
    bucket.s3.copy_object(Bucket=bucket.name, Key="to", CopySource=source)
    found = bucket.get("to")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"shared bytes", {"a": "1"}, "x/y")
    bucket.s3.copy_object(
        Bucket=bucket.name, Key="from", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"}
    )
    assert bucket.get("from")["Metadata"] == {"b": "2"}
    name = hashlib.sha256(b"shared bytes").hexdigest()
    assert [path.name for path in folder.glob(f"blobs/*/{name}")] == [name]
    assert refusal(bucket.s3.copy_object, Bucket=bucket.name, Key="from", CopySource=source) == (400, "InvalidRequest")
    missing = {"Bucket": bucket.name, "Key": "none"}
    assert refusal(bucket.s3.copy_object, Bucket=bucket.name, Key="to", CopySource=missing) == (404, "NoSuchKey")
    stale = {"CopySource": source, "CopySourceIfMatch": '"other"'}
    assert refusal(bucket.s3.copy_object, Bucket=bucket.name, Key="to", **stale) == (412, "PreconditionFailed")


def test_deleting_many(bucket: Bucket) -> None:
    versions = [bucket.put(key)["VersionId"] for key in ("a&b", "c", " d ")]
    named = [{"Key": "a&b"}, {"Key": "c", "VersionId": versions[1]}, {"Key": " d "}, {"Key": "none"}]
    done = bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named})
    assert [entry["Key"] for entry in done["Deleted"]] == ["a&b", "c", " d ", "none"]
    assert bucket.keys() == []
    quiet = bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert "Deleted" not in quiet


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<Delete></Delete>", "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (b"<Delete><Object></Object></Delete>", "MalformedXML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>', "MalformedXML"),
        (b"<Delete>" + b" " * 3_000_000 + b"</Delete>", "MaxMessageLengthExceeded"),
    ],
)
def test_documents_that_are_none(bucket: Bucket, server: Started, body: bytes, code: str) -> None:
    assert plain(server, "POST", f"/{bucket.name}?delete", body).code == code


def test_what_is_not_there_says_so(bucket: Bucket, server: Started) -> None:
    bucket.put("k")
    assert refusal(bucket.s3.get_bucket_policy, Bucket=bucket.name) == (501, "NotImplemented")
    assert refusal(bucket.s3.get_object_tagging, Bucket=bucket.name, Key="k") == (501, "NotImplemented")
    assert refusal(bucket.put, key="k", ServerSideEncryption="AES256") == (501, "NotImplemented")
    assert refusal(bucket.put, key="k", ACL="public-read") == (501, "NotImplemented")
    assert plain(server, "PATCH", bucket.path("k")).code == "MethodNotAllowed"
    assert plain(server, "POST", "/").code == "MethodNotAllowed"
    bucket.put("k", ACL="private", StorageClass="STANDARD")


def test_metadata_has_a_limit(bucket: Bucket) -> None:
    bucket.put("k", Metadata={"a": "x" * 2047})
    assert refusal(bucket.put, key="k", Metadata={"a": "x" * 2048}) == (400, "MetadataTooLarge")


def test_virtual_hosted_style(bucket: Bucket, server: Started) -> None:
    bucket.put("a/k", b"data")
    assert plain(server, "GET", "/a/k", host=f"{bucket.name}.localhost:9000").body == b"data"
    assert plain(server, "GET", "/a/k", host=f"{bucket.name}.s3.eu-west-1.amazonaws.com").body == b"data"


def test_the_older_ways_of_boto3(bucket: Bucket, server: Started) -> None:
    """No checksums unless required, and payloads signed as a whole."""
    config = Config(
        request_checksum_calculation="when_required", s3={"payload_signing_enabled": True, "addressing_style": "path"}
    )
    s3 = boto3.session.Session("k", "s", region_name="us-east-1").client(
        "s3", endpoint_url=server.addresses.objects, config=config
    )
    s3.put_object(Bucket=bucket.name, Key="k", Body=b"data")
    assert "ChecksumCRC32" not in s3.head_object(Bucket=bucket.name, Key="k", ChecksumMode="ENABLED")
    assert bucket.read("k") == b"data"
