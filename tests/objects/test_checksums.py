"""Checksums against published values, the AWS runtime's code, and themselves in parts."""

from __future__ import annotations

import base64
import hashlib

import pytest
from awscrt import checksums as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.objects import checksums
from tidegate.objects.checksums import Digests

CRCS = ["crc32", "crc32c", "crc64nvme"]
CHECK = b"123456789"


@pytest.mark.parametrize(
    ("name", "value"), [("crc32", 0xCBF43926), ("crc32c", 0xE3069283), ("crc64nvme", 0xAE8B14860A799888)]
)
def test_the_published_check_value(name: str, value: int) -> None:
    digest = checksums.new(name)
    digest.update(CHECK)
    assert int.from_bytes(digest.digest(), "big") == value


@pytest.mark.parametrize("name", CRCS)
@settings(deadline=None)
@given(parts=st.lists(st.binary(max_size=300), max_size=4))
def test_it_agrees_with_the_runtime_of_aws(name: str, parts: list[bytes]) -> None:
    digest = checksums.new(name)
    for part in parts:
        digest.update(part)
    assert int.from_bytes(digest.digest(), "big") == getattr(oracle, name)(b"".join(parts))


@pytest.mark.parametrize("name", CRCS)
@settings(deadline=None)
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_parts_combine_to_the_whole(name: str, parts: list[bytes]) -> None:
    summed = []
    for part in parts:
        digest = checksums.new(name)
        digest.update(part)
        summed.append((checksums.encoded(digest), len(part)))
    whole = getattr(oracle, name)(b"".join(parts))
    assert int.from_bytes(base64.b64decode(checksums.whole_object(name, summed)), "big") == whole


@pytest.mark.parametrize("name", CRCS)
def test_an_object_of_several_parts(name: str) -> None:
    parts = [b"a" * 100, b"", b"b" * 7, b"c" * 70_000]
    summed = []
    for part in parts:
        digests = Digests(name)
        digests.update(part)
        summed.append((digests.checksum or "", len(part)))
    whole = Digests(name)
    whole.update(b"".join(parts))
    assert checksums.whole_object(name, summed) == whole.checksum


def test_composite_counts_its_parts() -> None:
    parts = [base64.b64encode(hashlib.sha256(part).digest()).decode() for part in (b"a", b"b")]
    joined = hashlib.sha256(hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()).digest()
    assert checksums.composite("sha256", parts) == base64.b64encode(joined).decode() + "-2"


def test_all_digests_at_once() -> None:
    digests = Digests("sha1")
    digests.update(b"hel")
    digests.update(b"lo")
    assert digests.size == 5
    assert digests.md5 == hashlib.md5(b"hello").hexdigest()
    assert digests.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert digests.checksum == base64.b64encode(hashlib.sha1(b"hello").digest()).decode()
    assert Digests().checksum is None
