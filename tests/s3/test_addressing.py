"""Which bucket and key a request means."""

from __future__ import annotations

import pytest

from tidegate.s3 import addressing
from tidegate.s3.addressing import Place

DOMAINS = ["localhost", "s3.example.com"]


@pytest.mark.parametrize(
    ("host", "path", "place"),
    [
        ("127.0.0.1:9000", "/", Place("", "")),
        ("127.0.0.1:9000", "/bucket", Place("bucket", "")),
        ("127.0.0.1:9000", "/bucket/", Place("bucket", "")),
        ("127.0.0.1:9000", "/bucket/a//b", Place("bucket", "a//b")),
        ("[::1]:9000", "/bucket/k", Place("bucket", "k")),
        ("127.0.0.1", "/bucket/..%2F..%2Fetc", Place("bucket", "../../etc")),
        ("127.0.0.1", "/bucket/%2e%2e/x", Place("bucket", "../x")),
        ("localhost:9000", "/bucket/k", Place("bucket", "k")),
        ("bucket.localhost:9000", "/k/l", Place("bucket", "k/l")),
        ("my.bucket.s3.example.com", "/", Place("my.bucket", "")),
        ("s3.example.com", "/bucket/k", Place("bucket", "k")),
        ("b-1.s3.eu-west-1.amazonaws.com", "/k", Place("b-1", "k")),
        ("b-1.s3.dualstack.eu-west-1.amazonaws.com", "/k", Place("b-1", "k")),
        ("s3.eu-west-1.amazonaws.com:443", "/b-1/k", Place("b-1", "k")),
        ("other.example.org", "/bucket/k", Place("bucket", "k")),
        ("", "/bucket/%C3%A9%2B+", Place("bucket", "é++")),
        ("h", "/bucket/\xc3\xa9", Place("bucket", "é")),
    ],
)
def test_places(host: str, path: str, place: Place) -> None:
    assert addressing.place(host, path, DOMAINS) == place


@pytest.mark.parametrize("path", ["/bucket/%00", "/bucket/%FF", "/%C3", "/b/a%00b"])
def test_what_names_nothing(path: str) -> None:
    with pytest.raises(addressing.Unreadable):
        addressing.place("h", path, DOMAINS)


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
