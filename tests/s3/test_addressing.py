"""Which bucket and key a request means."""

from __future__ import annotations

import pytest

from tidegate.s3 import addressing
from tidegate.s3.addressing import Head
from tidegate.s3.errors import S3Error

DOMAINS = ["localhost", "files.localhost", "s3.example.com"]


@pytest.mark.parametrize(
    ("host", "path", "place"),
    [
        ("127.0.0.1:9000", "/", ("", "")),
        ("127.0.0.1:9000", "/bucket", ("bucket", "")),
        ("127.0.0.1:9000", "/bucket/", ("bucket", "")),
        ("127.0.0.1:9000", "/bucket/a//b", ("bucket", "a//b")),
        ("[::1]:9000", "/bucket/k", ("bucket", "k")),
        ("127.0.0.1", "/bucket/..%2F..%2Fetc", ("bucket", "../../etc")),
        ("127.0.0.1", "/bucket/%2e%2e/x", ("bucket", "../x")),
        ("localhost:9000", "/bucket/k", ("bucket", "k")),
        ("bucket.localhost:9000", "/k/l", ("bucket", "k/l")),
        ("my.bucket.s3.example.com", "/", ("my.bucket", "")),
        ("s3.example.com", "/bucket/k", ("bucket", "k")),
        ("files.localhost", "/bucket/k", ("bucket", "k")),
        ("b-1.s3.eu-west-1.amazonaws.com", "/k", ("b-1", "k")),
        ("b-1.s3.dualstack.eu-west-1.amazonaws.com", "/k", ("b-1", "k")),
        ("s3.eu-west-1.amazonaws.com:443", "/b-1/k", ("b-1", "k")),
        ("other.example.org", "/bucket/k", ("bucket", "k")),
        ("", "/bucket/%C3%A9%2B+", ("bucket", "é++")),
        ("h", "/bucket/\xc3\xa9", ("bucket", "é")),
    ],
)
def test_places(host: str, path: str, place: tuple[str, str]) -> None:
    found = addressing.read(Head("GET", path, "", {"host": host}), DOMAINS)
    assert (found.bucket, found.key) == place


@pytest.mark.parametrize("path", ["/bucket/%00", "/bucket/%FF", "/%C3", "/b/a%00b"])
def test_what_names_nothing(path: str) -> None:
    with pytest.raises(S3Error, match="InvalidURI"):
        addressing.read(Head("GET", path, "", {"host": "h"}), DOMAINS)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("abc", True),
        ("a" * 63, True),
        ("my.bucket-1", True),
        ("ab", False),
        ("a" * 64, False),
        ("Abc", False),
        ("a_b", False),
        ("-abc", False),
        ("abc-", False),
        ("a..b", False),
        ("192.168.0.1", False),
        ("../etc", False),
        ("abc\n", False),
    ],
)
def test_bucket_names(name: str, valid: bool) -> None:
    assert addressing.valid_bucket(name) == valid
