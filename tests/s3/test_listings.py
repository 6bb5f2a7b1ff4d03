"""Listings by boto3's paginators."""

from __future__ import annotations

from typing import Any

import pytest

from tests.s3.client import Bucket, plain, refusal
from tests.servers import Started

TREE = ["a", "a/1", "a/2", "a/b/3", "a/b/4", "b", "c/5", "z&<>\"'\x01", "é/6"]


@pytest.fixture
def tree(bucket: Bucket) -> Bucket:
    for key in TREE:
        bucket.put(key)
    return bucket


def listed(bucket: Bucket, operation: str, size: int, **more: Any) -> tuple[list[str], list[str], int]:
    """Keys, common prefixes and the number of pages."""
    pages = list(
        bucket.s3.get_paginator(operation).paginate(Bucket=bucket.name, PaginationConfig={"PageSize": size}, **more)
    )
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return keys, [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])], len(pages)


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("size", [1, 2, 4, 1000])
def test_pages(tree: Bucket, operation: str, size: int) -> None:
    assert listed(tree, operation, size)[0] == TREE
    assert listed(tree, operation, size, Prefix="a/")[0] == ["a/1", "a/2", "a/b/3", "a/b/4"]
    keys, prefixes, pages = listed(tree, operation, size, Delimiter="/")
    assert (keys, prefixes) == (["a", "b", TREE[-2]], ["a/", "c/", "é/"])
    assert pages == -(-6 // size)
    assert listed(tree, operation, size, Prefix="a/", Delimiter="/")[:2] == (["a/1", "a/2"], ["a/b/"])


def test_start_after_and_its_like(tree: Bucket) -> None:
    assert tree.keys(StartAfter="a/b/4") == TREE[5:]
    assert tree.keys(StartAfter="a/b/") == TREE[3:]
    assert tree.keys(MaxKeys=0) == []
    page = tree.s3.list_objects_v2(Bucket=tree.name, MaxKeys=3, FetchOwner=True)
    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"]) == (3, True, 3)
    assert page["Contents"][0]["Owner"]["ID"]
    wrong = {"Bucket": tree.name, "ContinuationToken": "***"}
    assert refusal(tree.s3.list_objects_v2, **wrong) == (400, "InvalidArgument")


def test_versions_and_markers(bucket: Bucket) -> None:
    for key in ("a", "b", "b", "c/1", "c/2"):
        bucket.put(key)
    bucket.s3.delete_object(Bucket=bucket.name, Key="b")
    for size in (1, 2, 3, 1000):
        pages = list(
            bucket.s3.get_paginator("list_object_versions").paginate(
                Bucket=bucket.name, PaginationConfig={"PageSize": size}
            )
        )
        shown = [entry["Key"] for page in pages for entry in page.get("Versions", [])]
        assert shown == ["a", "b", "b", "c/1", "c/2"]
        assert [entry["Key"] for page in pages for entry in page.get("DeleteMarkers", [])] == ["b"]
        assert len(pages) == -(-6 // size)
    latest = {(e["Key"], e["IsLatest"]) for page in pages for e in page["Versions"]}
    assert latest == {("a", True), ("b", False), ("c/1", True), ("c/2", True)}
    whole = bucket.s3.list_object_versions(Bucket=bucket.name, Delimiter="/")
    assert [entry["Prefix"] for entry in whole["CommonPrefixes"]] == ["c/"]


def test_buckets(s3: Any, bucket: Bucket, server: Started) -> None:
    assert bucket.name in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=bucket.name)
    assert s3.get_bucket_location(Bucket=bucket.name)["LocationConstraint"] is None
    s3.create_bucket(Bucket=bucket.name)  # in us-east-1 it is taken as said
    bucket.put("k")
    assert refusal(s3.delete_bucket, Bucket=bucket.name) == (409, "BucketNotEmpty")
    for version in s3.list_object_versions(Bucket=bucket.name)["Versions"]:
        s3.delete_object(Bucket=bucket.name, Key="k", VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket.name)
    assert refusal(s3.head_bucket, Bucket=bucket.name) == (404, "404")
    assert plain(server, "PUT", "/UPPER").code == "InvalidBucketName"
    eu = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="in-europe", CreateBucketConfiguration=eu)
    assert s3.get_bucket_location(Bucket="in-europe")["LocationConstraint"] == "eu-west-1"
    assert refusal(s3.create_bucket, Bucket="in-europe", CreateBucketConfiguration=eu) == (
        409,
        "BucketAlreadyOwnedByYou",
    )
    suspended = {"Status": "Suspended"}
    assert refusal(s3.put_bucket_versioning, Bucket="in-europe", VersioningConfiguration=suspended)[0] == 501
