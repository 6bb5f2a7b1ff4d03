"""Who may do what: presigned URLs of the server, access keys, accounts, and permissions at their seam."""

from __future__ import annotations

import itertools
import re
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.s3.client import Bucket, plain, refusal
from tests.servers import Started
from tidegate.s3.gate import LocalGate
from tidegate.store import keys
from tidegate.store.keys import AccessKey

SECRET = "a-secret-of-forty-characters-0123456789"
_numbers = itertools.count(700)


def client(server: Started, key: str, secret: str = SECRET, **config: Any) -> Any:
    settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config)
    return boto3.session.Session(key, secret, region_name="us-east-1").client(
        "s3", endpoint_url=server.addresses.objects, config=settings
    )


def new_key(server: Started) -> str:
    """An access key of an account of its own."""
    number = next(_numbers)
    key = AccessKey(SECRET, f"arn:aws:iam::{number:012d}:user/operator")
    made = f"AKIA{number:016d}"
    assert server.on_loop(lambda: server.running.service.unit.transact(lambda tx: keys.insert(tx, made, key, 0)))
    return made


# -- URLs of the server itself --


def test_a_presigned_url_allows_one_thing(bucket: Bucket, server: Started) -> None:
    made = bucket.put("a b/é+", b"data")
    bucket.put("other", b"other")
    url = bucket.presign("a b/é+")
    assert plain(server, "GET", url).body == b"data"
    assert plain(server, "GET", url, range="bytes=1-2").body == b"at"
    assert plain(server, "HEAD", url).status == 403  # signed for GET
    assert plain(server, "PUT", url, b"x").code == "SignatureDoesNotMatch"
    assert plain(server, "DELETE", url).code == "SignatureDoesNotMatch"
    assert plain(server, "GET", url.replace("a%20b/%C3%A9%2B", "other")).code == "SignatureDoesNotMatch"
    assert plain(server, "GET", url + f"&versionId={made['VersionId']}").code == "SignatureDoesNotMatch"
    assert plain(server, "GET", url + "&response-content-type=x").code == "SignatureDoesNotMatch"
    assert plain(server, "GET", url.replace("Expires=60", "Expires=600")).code == "SignatureDoesNotMatch"


def test_a_presigned_version(bucket: Bucket, server: Started) -> None:
    first = bucket.put("k", b"1")["VersionId"]
    bucket.put("k", b"2")
    assert plain(server, "GET", bucket.presign("k", version=first)).body == b"1"
    assert plain(server, "GET", bucket.presign("k")).body == b"2"


def test_a_presigned_upload(bucket: Bucket, server: Started) -> None:
    bucket.put("secret", b"secret")
    url = bucket.presign("logs/device-1", "PUT")
    assert plain(server, "PUT", url, b"log").status == 200
    assert bucket.read("logs/device-1") == b"log"
    copy = plain(server, "PUT", url, x_amz_copy_source=f"/{bucket.name}/secret")
    assert copy.code == "AccessDenied"
    assert plain(server, "PUT", url + "&uploadId=1&partNumber=1", b"x").code == "SignatureDoesNotMatch"
    assert bucket.read("logs/device-1") == b"log"


def test_a_presigned_url_ends_by_the_services_clock(bucket: Bucket, server: Started) -> None:
    bucket.put("k", b"data")
    clock: Any = server.running.service.clock
    url, began = bucket.presign("k", expires_s=60), clock.now()
    try:
        clock.set(began + 60_000 - began % 1000)
        assert plain(server, "GET", url).status == 200
        clock.set(began + 61_000)
        expired = plain(server, "GET", url)
        assert (expired.status, expired.code) == (403, "AccessDenied")
        assert b"<Message>Request has expired</Message>" in expired.body
        clock.set(began - 3_600_000)
        assert b"not valid yet" in plain(server, "GET", url).body
        clock.set(began + 86_400_000 * 30)
        assert plain(server, "GET", bucket.presign("k")).body == b"data"
    finally:
        clock.set(began)


def test_the_servers_own_key_signs_no_headers(bucket: Bucket, server: Started) -> None:
    own = server.running.service.objects._key  # type: ignore[union-attr]
    assert refusal(client(server, own.key_id, own.secret).list_buckets) == (403, "InvalidAccessKeyId")
    assert refusal(client(server, own.key_id, "guess").list_buckets) == (403, "InvalidAccessKeyId")


# -- authentication off --


def test_anybody_is_served(bucket: Bucket, server: Started) -> None:
    bucket.put("k", b"data")
    assert plain(server, "GET", bucket.path("k")).body == b"data"
    assert plain(server, "GET", bucket.path("k"), authorization="Bearer whatever").body == b"data"
    assert client(server, "anybody", "wrong").get_object(Bucket=bucket.name, Key="k")["Body"].read() == b"data"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_url_that_has_expired_is_refused_all_the_same(bucket: Bucket, server: Started, version: str) -> None:
    bucket.put("k", b"data")
    s3 = client(server, "anybody", signature_version=version)
    fetched = {"Bucket": bucket.name, "Key": "k"}
    base = server.addresses.objects
    fresh = s3.generate_presigned_url("get_object", Params=fetched, ExpiresIn=60).removeprefix(base)
    assert plain(server, "GET", fresh).body == b"data"
    stale = re.sub(r"Expires=\d{10}", "Expires=1767225600", re.sub(r"20\d{6}(T|%2F)", r"20260101\1", fresh))
    assert stale != fresh
    assert b"Request has expired" in plain(server, "GET", stale).body


# -- authentication on --


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_by_a_key(guarded: Started, version: str) -> None:
    s3 = client(guarded, new_key(guarded), signature_version=version)
    signing = client(guarded, s3._request_signer._credentials.access_key)
    signing.create_bucket(Bucket=f"urls-{version}")
    params = {"Bucket": f"urls-{version}", "Key": "a b/é"}
    base = guarded.addresses.objects
    put = s3.generate_presigned_url("put_object", Params=params).removeprefix(base)
    get = s3.generate_presigned_url("get_object", Params=params).removeprefix(base)
    assert plain(guarded, "PUT", put, b"data").status == 200
    assert plain(guarded, "GET", get).body == b"data"
    assert plain(guarded, "GET", put).code == "SignatureDoesNotMatch"
    assert plain(guarded, "GET", get.replace("%C3%A9", "e")).code == "SignatureDoesNotMatch"


def test_signed_requests(guarded: Started) -> None:
    s3 = client(guarded, new_key(guarded))
    s3.create_bucket(Bucket="signed")
    s3.put_object(Bucket="signed", Key="a b/é+~", Body=b"data", Metadata={"a": "b"})
    assert s3.get_object(Bucket="signed", Key="a b/é+~", Range="bytes=0-1")["Body"].read() == b"da"
    assert s3.list_objects_v2(Bucket="signed", Prefix="a b/", Delimiter="/")["KeyCount"] == 1
    s3.delete_objects(Bucket="signed", Delete={"Objects": [{"Key": "a b/é+~"}]})


def test_signed_chunks(guarded: Started) -> None:
    """Payloads signed chunk by chunk, as clients without TLS may send them."""
    key = new_key(guarded)
    s3 = client(guarded, key, request_checksum_calculation="when_required")
    s3.create_bucket(Bucket="chunks")
    s3.put_object(Bucket="chunks", Key="k", Body=b"data" * 100_000)
    assert s3.head_object(Bucket="chunks", Key="k")["ContentLength"] == 400_000


def test_refusals(guarded: Started) -> None:
    key = new_key(guarded)
    assert refusal(client(guarded, key, "wrong").list_buckets) == (403, "SignatureDoesNotMatch")
    assert refusal(client(guarded, "AKIANOBODY").list_buckets) == (403, "InvalidAccessKeyId")
    unsigned = plain(guarded, "GET", "/")
    assert (unsigned.status, unsigned.code) == (403, "AccessDenied")
    assert plain(guarded, "PUT", "/bucket/k", b"x" * 2_000_000).code == "AccessDenied"
    token = boto3.session.Session(key, SECRET, "token", region_name="us-east-1").client(
        "s3", endpoint_url=guarded.addresses.objects
    )
    assert refusal(token.list_buckets) == (400, "InvalidToken")
    for name in ("%00", "x" * 5000, "%F0%9F%98%80"):
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={name}%2F20260101%2Fr%2Fs3%2Faws4_request"
            "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
        )
        assert plain(guarded, "GET", f"/?{query}").code == "InvalidAccessKeyId"


def test_accounts_do_not_reach_each_other(guarded: Started) -> None:
    mine, other = client(guarded, new_key(guarded)), client(guarded, new_key(guarded))
    mine.create_bucket(Bucket="mine")
    mine.put_object(Bucket="mine", Key="k", Body=b"data")
    assert [entry["Name"] for entry in other.list_buckets()["Buckets"]] == []
    assert refusal(other.get_object, Bucket="mine", Key="k") == (403, "AccessDenied")
    assert refusal(other.put_object, Bucket="mine", Key="k", Body=b"x") == (403, "AccessDenied")
    assert refusal(other.create_bucket, Bucket="mine") == (409, "BucketAlreadyExists")
    other.create_bucket(Bucket="others")
    copy = {"Bucket": "others", "Key": "k", "CopySource": {"Bucket": "mine", "Key": "k"}}
    assert refusal(other.copy_object, **copy) == (403, "AccessDenied")


def test_urls_of_the_server_need_no_key(guarded: Started) -> None:
    s3 = client(guarded, new_key(guarded))
    bucket = Bucket(guarded, s3, "for-devices")
    bucket.put("fw", b"firmware")
    assert plain(guarded, "GET", bucket.presign("fw")).body == b"firmware"
    assert plain(guarded, "GET", bucket.path("fw")).code == "AccessDenied"
    assert plain(guarded, "GET", bucket.presign("fw").replace("/fw", "/other")).code == "SignatureDoesNotMatch"


def test_permissions_are_asked_for(guarded: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam that operators' permissions fill."""
    s3 = client(guarded, new_key(guarded))
    s3.create_bucket(Bucket="guarded")
    version = s3.put_object(Bucket="guarded", Key="a/k", Body=b"data")["VersionId"]
    asked = []

    async def only_reading(_gate: LocalGate, principal: str, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return action in ("s3:GetObject", "s3:ListBucket")

    monkeypatch.setattr(LocalGate, "authorise", only_reading)
    s3.get_object(Bucket="guarded", Key="a/k")
    s3.list_objects_v2(Bucket="guarded")
    for call, more in [
        (s3.get_object, {"Key": "a/k", "VersionId": version}),
        (s3.put_object, {"Key": "a/k"}),
        (s3.delete_object, {"Key": "a/k"}),
        (s3.copy_object, {"Key": "b", "CopySource": "guarded/a/k"}),
        (s3.create_multipart_upload, {"Key": "b"}),
        (s3.delete_bucket, {}),
    ]:
        assert refusal(call, Bucket="guarded", **more) == (403, "AccessDenied")
    assert refusal(s3.list_buckets) == (403, "AccessDenied")
    done = s3.delete_objects(Bucket="guarded", Delete={"Objects": [{"Key": "a/k"}]})
    assert [error["Code"] for error in done["Errors"]] == ["AccessDenied"]
    assert ("s3:GetObjectVersion", "arn:aws:s3:::guarded/a/k") in asked
    assert ("s3:DeleteObject", "arn:aws:s3:::guarded/a/k") in asked
    assert ("s3:DeleteBucket", "arn:aws:s3:::guarded") in asked
    assert ("s3:ListAllMyBuckets", "arn:aws:s3:::*") in asked
