"""Where an object lies, and how reaching it may fail. S3's words: a bucket, a key, a version.

A URL only names an object; it is never where tidegate goes. AWS's hosts and those of the server's own store all lead to
the store that is configured (control reference 5.2), which decides about the bucket. So a host is read for its style,
path or virtual-hosted, and for the region it names, and then forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import unquote

KEY_BYTES: Final = 1024
"""The longest key S3 knows."""


class Location(NamedTuple):
    """An object in a bucket; ``version_id`` None means the newest."""

    bucket: str
    key: str
    version_id: str | None = None


class Fault(Enum):
    """Why an object cannot be read."""

    MISSING = "missing"
    DENIED = "denied"
    TOO_LARGE = "too large"
    UNREACHABLE = "unreachable"
    CHANGED = "changed"


class Stat(NamedTuple):
    """What an object is at a moment: its size in bytes and the ETag that goes with its bytes, without quotes."""

    size: int
    etag: str


class Content(NamedTuple):
    """The bytes that an object had at a moment; ``size`` is all of them."""

    location: Location
    etag: str
    size: int


class ObjectFaultError(Exception):
    """An object cannot be read; ``detail`` is for the log, not for the caller."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault


class Address(NamedTuple):
    """What a URL says: the bucket ("" if it names none), the rest as it stands there, the region of its host."""

    bucket: str
    rest: str
    region: str | None


_URL: Final = re.compile(r"(https?)://([^/?#@]+)(?:/(.*))?", re.DOTALL)
_AWS_HOST: Final = re.compile(
    r"(?:(?P<bucket>[A-Za-z0-9_.-]+)\.)?"
    r"s3(?:-accelerate(?:\.dualstack)?|(?:-fips)?(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?)"
    r"\.amazonaws\.com(?:\.cn)?(?::443)?"
)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_WRAPPED: Final = re.compile(r"\$\{aws:iot:s3-presigned-url(-v1|-v2)?:(.*)\}", re.DOTALL)
_VERSION: Final = "?versionId="
_WHOLLY_ENCODED: Final = re.compile(r"https?%3A%2F%2F", re.IGNORECASE)


def is_bucket(name: str) -> bool:
    """Whether S3 allows a bucket of this name."""
    return _BUCKET.fullmatch(name) is not None


def is_key(key: str) -> bool:
    """Whether S3 allows an object of this name."""
    try:
        return 0 < len(key.encode()) <= KEY_BYTES
    except UnicodeEncodeError:
        return False


def address(url: str, *, hosts: Collection[str] = ()) -> Address | None:
    """Take an S3 URL apart, whatever style it has; None if it is none.

    Args:
        url: with one of AWS's hosts (https) or one of the server's own (http too).
        hosts: the server's own stores, as ``host`` or ``host:port``.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, host, path = match[1], match[2].lower(), match[3] or ""
    known = _AWS_HOST.fullmatch(host) if scheme == "https" else None
    own_hosts = [own.lower() for own in hosts]
    if known is not None:
        bucket, region = known["bucket"], known["region"]
    elif host in own_hosts:
        bucket, region = None, None
    else:
        bucket, region = next((host.removesuffix(f".{own}") for own in own_hosts if host.endswith(f".{own}")), ""), None
        if not bucket:
            return None
    if bucket is not None:
        return Address(bucket, path, region)
    bucket, _, rest = path.partition("/")
    return Address(bucket, rest, region)


def verbatim(url: str, *, hosts: Collection[str] = ()) -> Location | None:
    """What a URL points at whose key is written as it is and that names no version (placeholders, first form)."""
    found = address(url, hosts=hosts)
    return None if found is None or _VERSION in found.rest else _location(found.bucket, found.rest, None)


def encoded(url: str, *, hosts: Collection[str] = (), query: bool = False) -> Location | None:
    """What a percent-encoded URL points at.

    ``query`` tells that the ``?versionId=`` may be encoded like the rest, or the URL from its scheme on (placeholders,
    second form); without, an encoded question mark belongs to the key.
    """
    if query and _WHOLLY_ENCODED.match(url):
        return _decoded(url, hosts)
    found = address(url, hosts=hosts)
    if found is None or "#" in found.rest:
        return None
    path, mark, version = found.rest.partition("?")
    try:
        key = unquote(path, errors="strict")
        version = unquote(version, errors="strict")
    except UnicodeDecodeError:
        return None
    if mark:
        name, _, version = version.partition("=")
        return _location(found.bucket, key, version) if name == "versionId" and version else None
    if query and _VERSION in key:
        key, _, version = key.rpartition(_VERSION)
        return _location(found.bucket, key, version) if version else None
    return _location(found.bucket, key, None)


def _decoded(url: str, hosts: Collection[str]) -> Location | None:
    """What a URL points at that is percent-encoded as a whole: once decoded, its key stands there as it is."""
    try:
        found = address(unquote(url, errors="strict"), hosts=hosts)
    except UnicodeDecodeError:
        return None
    if found is None:
        return None
    key, mark, version = found.rest.partition(_VERSION)
    return None if mark and not version else _location(found.bucket, key, version or None)


def parse(source: str, *, hosts: Collection[str] = ()) -> Location | None:
    """What a ``documentSource`` points at: an S3 URL, plain or in a presign placeholder (control reference 3.2).

    None if it is none.
    """
    if not source.isprintable():
        return None
    wrapped = _WRAPPED.fullmatch(source)
    if wrapped is None:
        return encoded(source, hosts=hosts)
    return encoded(wrapped[2], hosts=hosts, query=True) if wrapped[1] == "-v2" else verbatim(wrapped[2], hosts=hosts)


def _location(bucket: str, key: str, version_id: str | None) -> Location | None:
    return Location(bucket, key, version_id) if is_bucket(bucket) and is_key(key) else None
