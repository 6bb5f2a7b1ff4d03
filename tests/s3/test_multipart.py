"""Multipart uploads by boto3's transfer manager and step by step."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.s3.client import Bucket, plain, refusal

MIB = 1 << 20
PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


def test_upload_and_download_by_the_transfer_manager(bucket: Bucket, tmp_path: Path) -> None:
    data = os.urandom(20 * MIB + 1)
    (tmp_path / "up").write_bytes(data)
    bucket.s3.upload_file(str(tmp_path / "up"), bucket.name, "big", Config=PARTS, ExtraArgs={"Metadata": {"a": "b"}})
    bucket.s3.download_file(bucket.name, "big", str(tmp_path / "down"), Config=PARTS)
    assert (tmp_path / "down").read_bytes() == data
    head = bucket.s3.head_object(Bucket=bucket.name, Key="big")
    digests = b"".join(hashlib.md5(data[at : at + 5 * MIB]).digest() for at in range(0, len(data), 5 * MIB))
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-5"'
    assert head["Metadata"] == {"a": "b"}
    edges = (5 * MIB - 2, 5 * MIB + 1)  # a range across two parts
    assert bucket.read("big", Range=f"bytes={edges[0]}-{edges[1]}") == data[edges[0] : edges[1] + 1]
    assert bucket.read("big", Range="bytes=-3") == data[-3:]
    source = {"Bucket": bucket.name, "Key": "big"}
    bucket.s3.copy(source, bucket.name, "copied", Config=PARTS)  # UploadPartCopy
    assert hashlib.sha256(bucket.read("copied")).digest() == hashlib.sha256(data).digest()


class Steps:
    """An upload, step by step."""

    def __init__(self, bucket: Bucket, key: str = "k", **more: Any) -> None:
        self.bucket, self.s3 = bucket, bucket.s3
        self.id = self.s3.create_multipart_upload(Bucket=bucket.name, Key=key, **more)["UploadId"]
        self.named = {"Bucket": bucket.name, "Key": key, "UploadId": self.id}

    def part(self, number: int, data: bytes, **more: Any) -> dict[str, Any]:
        made = self.s3.upload_part(**self.named, PartNumber=number, Body=data, **more)
        sums = {name: value for name, value in made.items() if name.startswith("Checksum") and name != "ChecksumType"}
        return {"PartNumber": number, "ETag": made["ETag"], **sums}

    def complete(self, *parts: dict[str, Any]) -> Any:
        return self.s3.complete_multipart_upload(**self.named, MultipartUpload={"Parts": list(parts)})


def _refused(steps: Steps, parts: tuple[dict[str, Any], ...]) -> tuple[int, str]:
    return refusal(steps.s3.complete_multipart_upload, **steps.named, MultipartUpload={"Parts": list(parts)})


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_of_the_whole(bucket: Bucket, algorithm: str) -> None:
    steps = Steps(bucket, ChecksumAlgorithm=algorithm)
    parts = [
        steps.part(number, bytes([number]) * size, ChecksumAlgorithm=algorithm)
        for number, size in ((1, 5 * MIB), (3, 7))
    ]
    made = steps.complete(*parts)
    kind = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    assert made["ChecksumType"] == kind
    assert made[f"Checksum{algorithm}"].endswith("-2") == (kind == "COMPOSITE")
    found = bucket.get("k", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"\1" * 5 * MIB + b"\3" * 7  # boto3 verifies checksums of whole objects


def test_a_wrong_list_of_parts(bucket: Bucket) -> None:
    steps = Steps(bucket)
    one, two = steps.part(1, b"x" * 5 * MIB), steps.part(2, b"y")
    assert _refused(steps, (two, one)) == (400, "InvalidPartOrder")
    assert _refused(steps, (one, {**two, "ETag": '"other"'})) == (400, "InvalidPart")
    assert _refused(steps, (one, {**two, "PartNumber": 3})) == (400, "InvalidPart")
    assert _refused(steps, ()) == (400, "MalformedXML")
    three = steps.part(3, b"z")
    assert _refused(steps, (one, two, three)) == (400, "EntityTooSmall")
    assert bucket.keys() == []
    steps.complete(one, two)
    assert bucket.read("k") == b"x" * 5 * MIB + b"y"
    assert _refused(steps, (one, two)) == (404, "NoSuchUpload")


def test_parts_may_be_sent_again_and_given_up(bucket: Bucket, folder: Path) -> None:
    steps = Steps(bucket)
    steps.part(1, b"first try, which nobody else has")
    steps.part(1, b"second try, which nobody else has")
    shown = bucket.s3.list_parts(**steps.named)
    assert [part["Size"] for part in shown["Parts"]] == [33]
    uploads = bucket.s3.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [(upload["Key"], upload["UploadId"]) for upload in uploads] == [("k", steps.id)]
    assert refusal(bucket.s3.delete_bucket, Bucket=bucket.name) == (409, "BucketNotEmpty")
    blobs = {hashlib.sha256(text).hexdigest() for text in (b"first try, which nobody else has",)}
    assert not blobs & {path.name for path in folder.glob("blobs/*/*")}
    bucket.s3.abort_multipart_upload(**steps.named)
    assert refusal(bucket.s3.list_parts, **steps.named) == (404, "NoSuchUpload")
    kept = hashlib.sha256(b"second try, which nobody else has").hexdigest()
    assert kept not in {path.name for path in folder.glob("blobs/*/*")}


def test_pages_of_parts_and_uploads(bucket: Bucket) -> None:
    steps = [Steps(bucket, key) for key in ("a", "a", "b", "c/1", "c/2")]
    for number in (1, 2, 5):
        steps[0].part(number, b"x")
    parts = bucket.s3.get_paginator("list_parts").paginate(**steps[0].named, PaginationConfig={"PageSize": 2})
    assert [part["PartNumber"] for page in parts for part in page["Parts"]] == [1, 2, 5]
    for size in (1, 2, 1000):
        pages = bucket.s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket.name, PaginationConfig={"PageSize": size}
        )
        shown = [(upload["Key"], upload["UploadId"]) for page in pages for upload in page.get("Uploads", [])]
        assert sorted(shown) == sorted((step.named["Key"], step.id) for step in steps)
    grouped = bucket.s3.list_multipart_uploads(Bucket=bucket.name, Delimiter="/")
    assert [entry["Prefix"] for entry in grouped["CommonPrefixes"]] == ["c/"]


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1", ""])
def test_part_numbers(bucket: Bucket, number: str) -> None:
    steps = Steps(bucket)
    path = f"{bucket.path('k')}?partNumber={number}&uploadId={steps.id}"
    assert plain(bucket.server, "PUT", path, b"x").code == "InvalidArgument"
    other = f"{bucket.path('k')}?partNumber=1&uploadId=none"
    assert plain(bucket.server, "PUT", other, b"x").code == "NoSuchUpload"
