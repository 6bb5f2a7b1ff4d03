"""Range and conditional headers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.s3 import ranges
from tidegate.s3.ranges import Bytes

sizes = st.integers(0, 50)
AT = 1_767_225_600_500
DATE, EARLIER = "Thu, 01 Jan 2026 00:00:00 GMT", "Wed, 31 Dec 2025 23:59:59 GMT"


def cut(header: str, data: bytes) -> bytes | None:
    """What the range is of ``data``; None for nothing to satisfy."""
    try:
        found = ranges.wanted(header, len(data))
    except ranges.Unsatisfiable:
        return None
    return data if found is None else data[found.start : found.start + found.length]


@settings(deadline=None)
@given(sizes, st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_a_slice(size: int, first: int, last: int) -> None:
    data = bytes(range(size))
    if last < first:
        expected: bytes | None = data  # no range at all
    else:
        expected = data[first : last + 1] or None
    assert cut(f"bytes={first}-{last}", data) == expected
    assert cut(f"bytes={first}-", data) == (data[first:] or None)


@settings(deadline=None)
@given(sizes, st.integers(0, 60))
def test_a_suffix(size: int, length: int) -> None:
    data = bytes(range(size))
    assert cut(f"bytes=-{length}", data) == ((data[-length:] if length else b"") or None)


@settings(deadline=None)
@given(st.text(max_size=30), sizes)
def test_nothing_else_is_a_range(text: str, size: int) -> None:
    """Whatever is sent: part of the object, all of it, or a refusal."""
    try:
        found = ranges.wanted(text, size)
    except ranges.Unsatisfiable:
        return
    assert found is None or (found.start >= 0 and found.length > 0 and found.start + found.length <= size)


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=-", "bytes", "", "bytes=1-٣"])
def test_what_is_passed_over(header: str) -> None:
    assert ranges.wanted(header, 10) is None


def test_huge_numbers_are_numbers() -> None:
    assert ranges.wanted("bytes=0-9999999999999999999", 10) == Bytes(0, 10)
    assert Bytes(2, 3).header(10) == "bytes 2-4/10"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"if-match": '"tag"'}, None),
        ({"if-match": '"other", "tag"'}, None),
        ({"if-match": "*"}, None),
        ({"if-match": '"other"'}, 412),
        ({"if-match": '"tag"', "if-unmodified-since": EARLIER}, None),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-unmodified-since": DATE}, None),
        ({"if-none-match": '"tag"'}, 304),
        ({"if-none-match": 'W/"tag"'}, 304),
        ({"if-none-match": '"other"', "if-modified-since": DATE}, None),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": EARLIER}, None),
        ({"if-modified-since": "yesterday"}, None),
    ],
)
def test_conditions(headers: dict[str, str], status: int | None) -> None:
    assert ranges.precondition(headers, "tag", AT) == status


@pytest.mark.parametrize(
    ("header", "resumes"),
    [(None, True), ('"tag"', True), ('W/"tag"', False), ('"other"', False), (DATE, True), (EARLIER, False)],
)
def test_if_range(header: str | None, resumes: bool) -> None:
    assert ranges.resumes(header, "tag", AT) == resumes
