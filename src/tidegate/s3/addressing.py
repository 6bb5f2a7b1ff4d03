"""Which bucket and key a request means: path style and virtual-hosted style. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

_BUCKET: Final = re.compile(r"(?=.{3,63}\Z)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*(?<!-)\Z", re.ASCII)
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+\Z", re.ASCII)
_AWS: Final = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?\Z", re.IGNORECASE)
_LONGEST_HOST: Final = 255
"""Characters of a name in the DNS. A longer one is none, and is not searched."""
LONGEST_KEY: Final = 1024
"""Bytes of UTF-8."""


class Unreadable(Exception):  # noqa: N818 - reads `except addressing.Unreadable`
    """A path that names nothing."""


class Place(NamedTuple):
    """Bucket and key; both may be empty."""

    bucket: str
    key: str


def place(host: str, raw_path: str, domains: Sequence[str]) -> Place:
    """What a request is about; ``domains`` are the server's own names.

    Raises:
        Unreadable: the path is not UTF-8, or holds a NUL.
    """
    path = _decoded(raw_path[1:] if raw_path.startswith("/") else raw_path)
    hosted = hosted_bucket(host, domains)
    if hosted is not None:
        return Place(hosted, path)
    bucket, _, key = path.partition("/")
    return Place(bucket, key)


def hosted_bucket(host: str, domains: Sequence[str]) -> str | None:
    """The bucket in a host name; None in path style."""
    name = host.lower() if host.endswith("]") else host.rpartition(":")[0].lower() or host.lower()
    if _is_address(name.strip("[]")):
        return None
    for domain in domains:
        if name.endswith(f".{domain}"):
            return name.removesuffix(f".{domain}")
    found = _AWS.match(name) if len(name) <= _LONGEST_HOST else None
    return found["bucket"] if found else None


def valid_bucket(name: str) -> bool:
    """Whether a bucket may be called so."""
    return bool(_BUCKET.match(name)) and not _ADDRESS.match(name)


def _decoded(path: str) -> str:
    try:
        text = unquote_to_bytes(path.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable from None
    if "\0" in text:
        raise Unreadable
    return text


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
