"""What a request asks for: method, bucket, key, query and headers, in path style and virtual-hosted style. Pure.

Nothing else reads these out of a head: what is verified and what is carried out must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from tidegate.core.location import Location
from tidegate.net import pages
from tidegate.net.http1.messages import Request
from tidegate.s3.errors import S3Error

_BUCKET: Final = re.compile(r"(?=.{3,63}\Z)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*(?<!-)\Z", re.ASCII)
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+\Z", re.ASCII)
_AWS: Final = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?\Z", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN: Final = re.compile(r"[a-z0-9._-]+\Z", re.ASCII)
_ONCE: Final = frozenset({"authorization", "content-md5", "content-type", "date", "host"})
_HOISTED: Final = frozenset({"content-md5", "content-type"})
_OF_SIGNATURE: Final = frozenset(
    f"X-Amz-{name}"
    for name in (
        "Algorithm",
        "Content-Sha256",
        "Credential",
        "Date",
        "Expires",
        "Security-Token",
        "Signature",
        "SignedHeaders",
    )
)
_CHECKSUM_MODE: Final = "x-amz-checksum-mode"
LONGEST_KEY: Final = 1024
"""Bytes of UTF-8."""


class Head(NamedTuple):
    """The head of a request as it arrived: the bytes of its first line as Latin-1, headers with lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    repeated: frozenset[str] = frozenset()
    """Names of headers that came more than once; their values are joined."""


def head(request: Request) -> Head:
    """The head of a request, its headers by their names."""
    headers: dict[str, str] = {}
    repeated: set[str] = set()
    for raw, value in request.headers:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        if name in headers:
            repeated.add(name)
            text = f"{headers[name]},{text}"
        headers[name] = text
    path, query = request.raw_path.decode("latin-1"), request.query_string.decode("latin-1")
    return Head(request.method, path, query, headers, frozenset(repeated))


class Target(NamedTuple):
    """What a request asks for, read once: its signature covers this, and this is what is carried out.

    ``bucket``, ``key`` and ``query`` are decoded, bucket and key may be empty; no name is there twice.
    """

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    path: str
    """As it was sent."""
    hosted: bool
    """Whether the bucket stands in the Host header."""


def read(head: Head, domains: Sequence[str]) -> Target:
    """What a request is about; ``domains`` are the server's own names.

    Raises:
        S3Error: InvalidURI if path or query are not UTF-8 or hold a NUL; InvalidArgument for what is said twice.
    """
    again = next((name for name in sorted(head.repeated) if name in _ONCE or name.startswith("x-amz-")), None)
    if again is not None:
        raise _repeated(again)
    headers, query = dict(head.headers), _query(head.query)
    if "X-Amz-Algorithm" in query:
        _hoist([name for name in query if hoisted(name) and not _of_no_body(name)], query, headers)
    elif "AWSAccessKeyId" in query:
        names = [name for name in query if name in _HOISTED or name.startswith("x-amz-")]
        _hoist(names, query, headers)
        for name in names:
            del query[name]
    path = _decoded(head.path.removeprefix("/"), head.path)
    hosted = hosted_bucket(headers.get("host", ""), domains)
    bucket, key = path.partition("/")[::2] if hosted is None else (hosted, path)
    return Target(head.method, bucket, key, query, headers, head.path, hosted is not None)


def _query(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = (_decoded(part.replace("+", " "), text) for part in pair.partition("="))
        if name in found:
            raise _repeated(name)
        found[name] = value
    return found


def hoisted(name: str) -> bool:
    """Whether a parameter beside SigV4's own is a header that was moved into the query (SDKs for JavaScript and Go)."""
    return name.lower().startswith("x-amz-") and name not in _OF_SIGNATURE


def _of_no_body(name: str) -> bool:
    """A checksum that who presigned could not know: SDKs take that of an empty body, and S3 looks at none of them."""
    return name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")) and name.lower() != _CHECKSUM_MODE


def _hoist(names: Sequence[str], query: Mapping[str, str], headers: dict[str, str]) -> None:
    """Headers that stand in a signed query, which covers them, count as if they had been sent."""
    for name in names:
        value = query[name]
        if not _TOKEN.match(name.lower()) or _CONTROL.search(value):
            # A line of its own in the text that is signed would be another header there than here.
            raise S3Error("InvalidArgument", "A header must not hold control characters.", ArgumentName="x-amz-")
        value = value.encode().decode("latin-1")  # as it would have been sent
        if headers.setdefault(name.lower(), value) != value:
            raise _repeated(name)


def _repeated(name: str) -> S3Error:
    return S3Error("InvalidArgument", "A header or parameter must not be given more than once.", ArgumentName=name)


def source(headers: Mapping[str, str]) -> Location | None:
    """The object that a copy is made of; None if a request makes none.

    Raises:
        S3Error: InvalidArgument.
    """
    given = headers.get("x-amz-copy-source")
    if given is None:
        return None
    # A signature covers runs of white space as one space.
    path, mark, query = " ".join(given.split()).partition("?")
    name, _, version_id = query.partition("=")
    try:
        bucket, _, key = _decoded(path.removeprefix("/"), given).partition("/")
        version_id = _decoded(version_id, given)
    except S3Error:
        bucket = key = ""
    if not bucket or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    if mark and name != "versionId":
        raise S3Error("InvalidArgument", "Unsupported copy source parameter.")
    return Location(bucket, key, version_id if mark else None)


def hosted_bucket(host: str, domains: Sequence[str]) -> str | None:
    """The bucket in a host name; None in path style."""
    name, address = pages.parsed(host)
    if name in domains or address is not None:
        return None
    for domain in domains:
        if name.endswith(f".{domain}"):
            return name.removesuffix(f".{domain}")
    found = _AWS.match(name)
    return found["bucket"] if found else None


def valid_bucket(name: str) -> bool:
    """Whether a bucket may be called so."""
    return bool(_BUCKET.match(name)) and not _ADDRESS.match(name)


def _decoded(text: str, whole: str) -> str:
    try:
        found = unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", URI=whole) from None
    if "\0" in found:
        raise S3Error("InvalidURI", URI=whole)
    return found
