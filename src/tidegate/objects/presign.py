"""Presigned URLs: pure. Oracle: botocore's ``S3SigV4QueryAuth``."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from tidegate.clock import Millis
from tidegate.core.location import Location
from tidegate.objects import sigv4
from tidegate.objects.sigv4 import Key, Scope

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
    scope = Scope(at[:8], site.region)
    pairs = [
        ("X-Amz-Algorithm", sigv4.ALGORITHM),
        ("X-Amz-Credential", sigv4.escaped(f"{key.key_id}/{scope}")),
        ("X-Amz-Date", at),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", "host"),
    ]
    if key.token is not None:
        pairs.append(("X-Amz-Security-Token", sigv4.escaped(key.token)))
    if location.version_id is not None:
        pairs.append(("versionId", sigv4.escaped(location.version_id)))
    path, query = sigv4.path_of(location.bucket, location.key), sigv4.canonical_query(pairs)
    canonical = sigv4.canonical_request(method, path, query, {"host": site.host}, ("host",), sigv4.UNSIGNED_PAYLOAD)
    signature = sigv4.signature(key.secret, scope, sigv4.string_to_sign(at, scope, canonical))
    return f"{site.base}{path}?{query}&X-Amz-Signature={signature}"
