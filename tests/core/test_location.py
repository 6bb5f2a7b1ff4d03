"""Where URLs point: styles, regions, versions, and everything that is no S3 URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import location
from tidegate.core.location import Address, Location

HOSTS = {"localhost:9000", "objects.example"}


@pytest.mark.parametrize(
    ("source", "bucket", "key"),
    [
        ("https://s3.amazonaws.com/bucket/key", "bucket", "key"),
        ("https://s3.eu-west-1.amazonaws.com/bucket/a/b.json", "bucket", "a/b.json"),
        ("https://s3-us-west-2.amazonaws.com/bucket/key", "bucket", "key"),
        ("https://bucket.s3.amazonaws.com/a/b.json", "bucket", "a/b.json"),
        ("https://my.bucket.s3.us-gov-west-1.amazonaws.com/key", "my.bucket", "key"),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/key", "bucket", "key"),
        ("https://bucket.s3.dualstack.eu-west-1.amazonaws.com/key", "bucket", "key"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com/bucket/key", "bucket", "key"),
        ("https://bucket.s3-eu-west-1.amazonaws.com/key", "bucket", "key"),
        ("https://bucket.s3-fips.dualstack.us-gov-west-1.amazonaws.com/key", "bucket", "key"),
        ("${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key}", "bucket", "key"),
        ("${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/a%20b}", "bucket", "a%20b"),
        ("${aws:iot:s3-presigned-url-v2:https://s3.amazonaws.com/bucket/a%20b}", "bucket", "a b"),
        ("http://localhost:9000/bucket/with space", "bucket", "with space"),
        ("https://bucket.objects.example/a%2Fb%C3%A9+", "bucket", "a/bé+"),
        ("https://S3.Amazonaws.COM/bucket/Key", "bucket", "Key"),
        ("https://Bucket.S3.eu-west-1.amazonaws.com:443/key", "bucket", "key"),
        ("https://bucket.s3-accelerate.amazonaws.com/key", "bucket", "key"),
        ("https://bucket.s3-accelerate.dualstack.amazonaws.com/key", "bucket", "key"),
        ("${aws:iot:s3-presigned-url-v2:https%3A%2F%2Fs3.amazonaws.com%2Fbucket%2Fa%20b%2525}", "bucket", "a b%25"),
        ("http://LOCALHOST:9000/bucket/key", "bucket", "key"),
        ("https://s3.amazonaws.com/bucket/what%3FversionId%3Dx", "bucket", "what?versionId=x"),
    ],
)
def test_sources(source: str, bucket: str, key: str) -> None:
    assert location.parse(source, hosts=HOSTS) == Location(bucket, key)


@pytest.mark.parametrize(
    "source",
    [
        "https://s3.amazonaws.com/bucket/a%20b?versionId=v%2F1",
        "https://bucket.s3.eu-west-1.amazonaws.com/a%20b?versionId=v/1",
        "${aws:iot:s3-presigned-url-v2:https://bucket.s3.eu-west-1.amazonaws.com/a%20b%3FversionId%3Dv%2F1}",
        "${aws:iot:s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bucket/a%20b?versionId=v/1}",
        "${aws:iot:s3-presigned-url-v2:https%3A%2F%2Fs3.amazonaws.com%2Fbucket%2Fa%20b%3FversionId%3Dv/1}",
    ],
)
def test_versions(source: str) -> None:
    assert location.parse(source) == Location("bucket", "a b", "v/1")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "s3://bucket/key",
        "http://s3.amazonaws.com/bucket/key",
        "https://example.com/bucket/key",
        "https://s3.amazonaws.com",
        "https://s3.amazonaws.com/bucket",
        "https://s3.amazonaws.com/bucket/",
        "https://s3.amazonaws.com//key",
        "https://bucket.s3.amazonaws.com/",
        "https://s3.amazonaws.com.evil.example/bucket/key",
        "https://evil.example/s3.amazonaws.com/bucket/key",
        "https://user@s3.amazonaws.com/bucket/key",
        "https://s3.amazonaws.com/buc\nket/key",
        "https://s3.amazonaws.com/Bucket/key",
        "https://s3.amazonaws.com/bucket/key#part",
        "https://s3.amazonaws.com/bucket/key?versionId=",
        "https://s3.amazonaws.com/bucket/key?other=1",
        "https://s3.amazonaws.com/bucket/%ff",
        "https://s3.amazonaws.com/bucket/" + "k" * 1025,
        "ftp://localhost:9000/bucket/key",
        "https://localhost/bucket/key",
        "https://.objects.example/bucket/key",
        "https://[/bucket/key",
        "${aws:iot:s3-presigned-url:https://example.com/bucket/key}",
        "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key",
        "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key?versionId=1}",
        "${aws:iot:s3-presigned-url-v2:https://s3.amazonaws.com/bucket/key%3FversionId%3D}",
        "${aws:iot:s3-presigned-url-v2:https%3A%2F%2Fs3.amazonaws.com%2Fbucket%2Fkey%3FversionId%3D}",
        "${aws:iot:s3-presigned-url-v2:https%3A%2F%2Fexample.com%2Fbucket%2Fkey}",
        "${aws:iot:s3-presigned-url-v2:https%3A%2F%2Fs3.amazonaws.com%2Fbucket%2F%ff}",
        "https%3A%2F%2Fs3.amazonaws.com%2Fbucket%2Fkey",
        "https://s3.amazonaws.com:444/bucket/key",
    ],
)
def test_sources_refused(source: str) -> None:
    assert location.parse(source, hosts=HOSTS) is None


def test_addresses_name_the_region_of_their_host() -> None:
    assert location.address("https://s3.eu-west-1.amazonaws.com/b/k") == Address("b", "k", "eu-west-1")
    assert location.address("https://b.s3.dualstack.us-east-2.amazonaws.com/k?x") == Address("b", "k?x", "us-east-2")
    assert location.address("https://s3.amazonaws.com") == Address("", "", None)
    assert location.address("http://localhost:9000/b", hosts=HOSTS) == Address("b", "", None)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for url in (text, f"https://s3.amazonaws.com/{text}", f"https://s3.amazonaws.com/bucket/{text}"):
        for found in (location.parse(url), location.verbatim(url), location.encoded(url, query=True)):
            assert found is None or (location.is_bucket(found.bucket) and location.is_key(found.key))
