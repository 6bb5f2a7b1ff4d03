"""Who may do what: presigned URLs of the server, access keys, accounts, and permissions at their seam."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from tests.operators import ADMINISTRATOR, admitted, vault_of
from tests.s3.client import Bucket, plain, refusal
from tests.servers import Started
from tidegate.clock import wall_now
from tidegate.ops import iam
from tidegate.ops.iam import Credentials
from tidegate.store.database import Tx

SECRET = "a-secret-of-forty-characters-0123456789"
_numbers = itertools.count(700)


def client(server: Started, key: str, secret: str = SECRET, **config: Any) -> Any:
    settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config)
    return boto3.session.Session(key, secret, region_name="us-east-1").client(
        "s3", endpoint_url=server.addresses.objects, config=settings
    )


def new_key(server: Started, policies: Mapping[str, str] = ADMINISTRATOR) -> str:
    """An access key of an account of its own."""
    number = next(_numbers)
    made = f"AKIA{number:016d}"
    admitted(server, made, SECRET, f"arn:aws:iam::{number:012d}:user/operator", policies)
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
    own = server.running.service.objects._key.signing()  # type: ignore[union-attr]
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
    for name in ("%01", "x" * 5000, "%F0%9F%98%80"):
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


def test_jobs_do_not_reach_other_accounts_buckets(guarded: Started) -> None:
    """What an operator may not read is neither fetched nor presigned for a job of another account."""
    owner, stranger = new_key(guarded), new_key(guarded)
    s3 = client(guarded, owner)
    s3.create_bucket(Bucket="owned-bucket")
    version = s3.put_object(Bucket="owned-bucket", Key="job.json", Body=b"{}")["VersionId"]
    url = "https://s3.us-east-1.amazonaws.com/owned-bucket/job.json"
    document = json.dumps({"u": f"${{aws:iot:s3-presigned-url:{url}}}"})
    role = {"roleArn": "arn:aws:iam::123456789012:role/presign"}
    for key, fine in ((owner, True), (stranger, False)):
        keys = {"aws_access_key_id": key, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        iot = guarded.client("iot", **keys)
        thing = iot.create_thing(thingName="t")["thingArn"]
        iot.create_package(packageName="app")
        iot.create_package_version(packageName="app", versionName="1")
        place = {"s3Location": {"bucket": "owned-bucket", "key": "job.json", "version": version}}
        for number, members in enumerate(({"documentSource": url}, {"document": document})):
            wanted = {"jobId": f"j{number}", "targets": [thing], "presignedUrlConfig": role, **members}
            if fine:
                iot.create_job(**wanted)
            else:
                assert refusal(iot.create_job, **wanted) == (400, "InvalidRequestException")
        associate = {"packageName": "app", "versionName": "1", "sbom": place}
        if fine:
            iot.associate_sbom_with_package_version(**associate)
        else:
            assert refusal(iot.associate_sbom_with_package_version, **associate) == (400, "ValidationException")


def test_urls_of_the_server_need_no_key(guarded: Started) -> None:
    s3 = client(guarded, new_key(guarded))
    bucket = Bucket(guarded, s3, "for-devices")
    bucket.put("fw", b"firmware")
    assert plain(guarded, "GET", bucket.presign("fw")).body == b"firmware"
    assert plain(guarded, "GET", bucket.path("fw")).code == "AccessDenied"
    assert plain(guarded, "GET", bucket.presign("fw").replace("/fw", "/other")).code == "SignatureDoesNotMatch"


def allow(*statements: tuple[list[str], list[str]], deny: tuple[list[str], list[str]] | None = None) -> dict[str, str]:
    """A policy."""
    found = [{"Effect": "Allow", "Action": actions, "Resource": resources} for actions, resources in statements]
    if deny is not None:
        found.append({"Effect": "Deny", "Action": deny[0], "Resource": deny[1]})
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": found})}


def test_permissions(guarded: Started) -> None:
    bucket = "arn:aws:s3:::permitted"
    reading = (["s3:GetObject", "s3:ListBucket"], [bucket, f"{bucket}/a/*"])
    writing = (["s3:CreateBucket", "s3:PutObject", "s3:DeleteObject"], [bucket, f"{bucket}/*"])
    s3 = client(guarded, new_key(guarded, allow(reading, writing, deny=(["s3:*"], [f"{bucket}/a/protected/*"]))))
    s3.create_bucket(Bucket="permitted")
    version = s3.put_object(Bucket="permitted", Key="a/k", Body=b"data")["VersionId"]
    s3.put_object(Bucket="permitted", Key="b/k", Body=b"data")
    assert s3.get_object(Bucket="permitted", Key="a/k")["Body"].read() == b"data"
    s3.list_objects_v2(Bucket="permitted")
    for call, more in [
        (s3.get_object, {"Key": "b/k"}),
        (s3.get_object, {"Key": "a/k", "VersionId": version}),
        (s3.delete_object, {"Key": "a/k", "VersionId": version}),
        (s3.put_object, {"Key": "a/protected/k"}),
        (s3.copy_object, {"Key": "a/copy", "CopySource": "permitted/b/k"}),
        (s3.create_multipart_upload, {"Key": "a/protected/k"}),
        (s3.list_object_versions, {}),
        (s3.delete_bucket, {}),
    ]:
        assert refusal(call, Bucket="permitted", **more) == (403, "AccessDenied")
    assert refusal(s3.list_buckets) == (403, "AccessDenied")
    named = [{"Key": "b/k"}, {"Key": "a/protected/k"}, {"Key": "a/k", "VersionId": version}]
    done = s3.delete_objects(Bucket="permitted", Delete={"Objects": named})
    assert [entry["Key"] for entry in done["Deleted"]] == ["b/k"]
    assert [(error["Key"], error["Code"]) for error in done["Errors"]] == [
        ("a/protected/k", "AccessDenied"),
        ("a/k", "AccessDenied"),
    ]
    with pytest.raises(s3.exceptions.ClientError, match=r"is not authorized to perform: s3:DeleteBucket on resource: "):
        s3.delete_bucket(Bucket="permitted")


def test_conditions_of_a_policy(guarded: Started) -> None:
    def only(**condition: str) -> Any:
        where = {"StringEquals": condition} if "aws:SourceIp" not in condition else {"IpAddress": condition}
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": where}
        return client(guarded, new_key(guarded, {"p": json.dumps({"Version": "2012-10-17", "Statement": statement})}))

    only(**{"aws:SourceIp": "127.0.0.0/8"}).list_buckets()
    only(**{"aws:RequestedRegion": "us-east-1"}).list_buckets()
    assert refusal(only(**{"aws:SourceIp": "10.0.0.0/8"}).list_buckets) == (403, "AccessDenied")
    assert refusal(only(**{"aws:SecureTransport": "true"}).list_buckets) == (403, "AccessDenied")


def test_temporary_credentials(guarded: Started) -> None:
    def session(principal: str, made_s_ago: int) -> Any:
        unit, vault, ids = guarded.running.service.unit, vault_of(guarded), guarded.running.service.ids
        begin = wall_now() - made_s_ago * 1000

        def create(tx: Tx) -> Credentials:
            return iam.create_session(tx, vault, ids, principal, begin, lifetime_s=900)

        made = guarded.on_loop(lambda: unit.transact(create))
        found = boto3.session.Session(made.key_id, made.secret, made.token, region_name="us-east-1")
        settings = Config(retries={"total_max_attempts": 1}, signature_version="s3v4")
        return found.client("s3", endpoint_url=guarded.addresses.objects, config=settings)

    number = next(_numbers)
    principal = f"arn:aws:iam::{number:012d}:user/operator"
    admitted(guarded, f"AKIA{number:016d}", SECRET, principal)
    s3 = session(principal, 0)
    s3.create_bucket(Bucket="temporary")
    s3.put_object(Bucket="temporary", Key="k", Body=b"data")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "temporary", "Key": "k"})
    assert plain(guarded, "GET", url.removeprefix(guarded.addresses.objects)).body == b"data"
    assert refusal(session(principal, 901).list_buckets) == (400, "ExpiredToken")


# -- what is verified is what is acted on --


def test_the_host_header_moves_no_url_of_the_server(bucket: Bucket, server: Started, s3: Any) -> None:
    """Also behind a proxy, where the Host header is not the one that was signed for."""
    other = Bucket(server, s3, bucket.name + "x")
    for key in ("k", f"{bucket.name}/k"):
        other.put(key, b"theirs")
    bucket.put("k", b"mine")
    get, put = bucket.presign("k"), bucket.presign("k", "PUT")
    for host in (f"{other.name}.localhost", f"{other.name}.s3.amazonaws.com", f"{other.name.upper()}.LOCALHOST:9000"):
        assert plain(server, "GET", get, Host=host).code == "AccessDenied"
        assert plain(server, "PUT", put, b"new", Host=host).code == "AccessDenied"
    for host in ("127.0.0.1:1", "localhost:1"):
        assert plain(server, "GET", get, Host=host).body == b"mine"
    assert [other.read(key) for key in ("k", f"{bucket.name}/k")] == [b"theirs", b"theirs"]


def test_another_accounts_bucket_is_not_reached_by_host(guarded: Started) -> None:
    """A service's URL for one account's bucket, on a server with authentication on."""
    mine, theirs = Bucket(guarded, client(guarded, new_key(guarded)), "mine-by-host"), client(guarded, new_key(guarded))
    theirs.create_bucket(Bucket="theirs-by-host")
    theirs.put_object(Bucket="theirs-by-host", Key="mine-by-host/k", Body=b"theirs")
    for method in ("GET", "PUT"):
        answer = plain(guarded, method, mine.presign("k", method), b"new", Host="theirs-by-host.localhost")
        assert answer.code == "AccessDenied"
    found = theirs.get_object(Bucket="theirs-by-host", Key="mine-by-host/k")
    assert found["Body"].read() == b"theirs"


def test_a_body_is_held_to_what_was_signed_of_it(guarded: Started) -> None:
    made = client(guarded, new_key(guarded))
    made.create_bucket(Bucket="signed-bodies")
    keys, digest = made._request_signer._credentials, hashlib.sha256(b"signed").hexdigest()
    request = AWSRequest("PUT", f"{guarded.addresses.objects}/signed-bodies/k?X-Amz-Content-Sha256={digest}")
    signer = S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60)
    signer.payload = lambda _: digest
    signer.add_auth(request)
    url = request.url.removeprefix(guarded.addresses.objects)
    assert plain(guarded, "PUT", url, b"other").code == "XAmzContentSHA256Mismatch"
    assert plain(guarded, "PUT", url, b"other", x_amz_content_sha256="UNSIGNED-PAYLOAD").status == 400
    assert plain(guarded, "PUT", url, b"signed").status == 200


def test_one_mechanism(guarded: Started) -> None:
    made = client(guarded, new_key(guarded))
    made.create_bucket(Bucket="one-mechanism")
    url = made.generate_presigned_url("list_objects", Params={"Bucket": "one-mechanism"})
    path = url.removeprefix(guarded.addresses.objects)
    assert plain(guarded, "GET", path, authorization="AWS4-HMAC-SHA256 x").code == "InvalidArgument"
