"""Which bytes of an object a request wants, and whether at all: Range and the conditional headers. Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from tidegate.clock import Millis

_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z", re.ASCII)


class Unsatisfiable(Exception):  # noqa: N818 - reads `except ranges.Unsatisfiable`
    """A range that begins behind the end."""


class Bytes(NamedTuple):
    """Part of an object."""

    start: int
    length: int

    def header(self, size: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def wanted(header: str | None, size: int) -> Bytes | None:
    """The part that a Range header asks for; None for the whole.

    As S3, what is not a single range of bytes is passed over.

    Raises:
        Unsatisfiable: no byte of the object is in it.
    """
    found = _RANGE.match(header.strip()) if header else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return _suffix(int(found[2]), size)
    start = int(found[1])
    end = int(found[2]) if found[2] else size - 1
    if found[2] and end < start:
        return None  # not a range at all (RFC 9110, 14.1.1)
    if start >= size:
        raise Unsatisfiable
    return Bytes(start, min(end, size - 1) - start + 1)


def _suffix(length: int, size: int) -> Bytes:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return Bytes(max(0, size - length), min(length, size))


def precondition(headers: dict[str, str], etag: str, modified_at: Millis) -> int | None:
    """The status that the conditional headers of a read lead to: 412, 304, or None to go on (RFC 9110, 13.2.2)."""
    if (match := headers.get("if-match")) is not None:
        if not _matches(match, etag):
            return 412
    elif (since := _date(headers.get("if-unmodified-since"))) is not None and _second(modified_at) > since:
        return 412
    if (none := headers.get("if-none-match")) is not None:
        if _matches(none, etag):
            return 304
    elif (since := _date(headers.get("if-modified-since"))) is not None and _second(modified_at) <= since:
        return 304
    return None


def resumes(if_range: str | None, etag: str, modified_at: Millis) -> bool:
    """Whether a Range counts beside this If-Range: the object is still the one whose first part the client has."""
    if if_range is None:
        return True
    if (at := _date(if_range)) is not None:
        return _second(modified_at) <= at
    return not if_range.strip().startswith("W/") and _matches(if_range, etag)


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _second(instant: Millis) -> int:
    return instant // 1000


def _date(text: str | None) -> int | None:
    """Seconds; what is no date counts as absent."""
    if text is None:
        return None
    try:
        return int(parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError, TypeError):
        return None
