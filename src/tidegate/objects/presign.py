"""Presigned URLs: pure. Oracle: botocore's ``S3SigV4QueryAuth``."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from tidegate.aws import sigv4
from tidegate.aws.sigv4 import Key, Scope
from tidegate.clock import Millis
from tidegate.core.location import Location

Method = Literal["GET", "PUT"]


class Site(NamedTuple):
    """An S3 as clients reach it: ``base`` is scheme, host and port, without a path."""

    base: str
    region: str

    @property
    def host(self) -> str:
        """The Host header of a client; without the port where it is the scheme's own."""
        parts = urlsplit(self.base)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.netloc.removesuffix(f":{default}")


def url(site: Site, key: Key, method: Method, location: Location, *, signed_at: Millis, expires_s: int) -> str:
    """A URL that allows ``method`` on exactly this object, and this version if one is named.

    It holds for ``expires_s`` seconds from the second of ``signed_at``. Path style, nothing signed but the host.
    """
    at = sigv4.stamp(signed_at)
    scope, path = Scope(at[:8], site.region, "s3"), path_of(location.bucket, location.key)
    more = {} if location.version_id is None else {"versionId": location.version_id}
    return f"{site.base}{path}?{sigv4.presigned(key, scope, at, site.host, method, path, expires_s, more)}"


def path_of(bucket: str, key: str) -> str:
    """The path of an object in path style, encoded once, as S3 signs it: ``a//b`` and ``a/../b`` are keys."""
    return f"/{sigv4.escaped(bucket)}/{sigv4.escaped(key, safe='/')}" if key else f"/{sigv4.escaped(bucket)}"
