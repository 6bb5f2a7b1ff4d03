"""An object storage of a test's own: what lies on it can be fetched, and its URLs tell everything they were made of."""

from __future__ import annotations

import hashlib
from typing import Literal
from urllib.parse import parse_qs, quote, urlsplit

from tidegate.core.location import Fault, Location, ObjectFaultError, Stat
from tidegate.objects.pages import Pages


class Shelf:
    """``on`` holds objects by location, or why one cannot be had; ``fetched`` is what was asked for.

    ``broken``: nothing can be signed. ``refusing``: why no URL would be of use. ``closed_to``: accounts whose buckets
    these are not.
    """

    def __init__(self) -> None:
        self.on: dict[Location, bytes | Fault] = {}
        self.fetched: list[Location] = []
        self.broken = False
        self.refusing: Fault | None = None
        self.closed_to: set[str] = set()
        self.pages = Pages(self.read)

    def fetch(self, location: Location, *, limit: int) -> bytes:
        self.fetched.append(location)
        found = self.on.get(location, Fault.MISSING)
        if isinstance(found, Fault):
            raise ObjectFaultError(found, "as the test wants it")
        if len(found) > limit:
            raise ObjectFaultError(Fault.TOO_LARGE)
        return found

    def stat(self, location: Location) -> Stat:
        body = self.fetch(location, limit=1 << 40)
        return Stat(len(body), hashlib.md5(body).hexdigest())

    def read(self, location: Location, etag: str, start: int, size: int) -> bytes:
        if self.stat(location).etag != etag:
            raise ObjectFaultError(Fault.CHANGED)
        return self.fetch(location, limit=1 << 40)[start : start + size]

    def put(self, location: Location, body: bytes, *, now: int) -> None:
        if isinstance(found := self.on.get(location), Fault):
            raise ObjectFaultError(found, "as the test wants it")
        self.on[location] = body

    def changed(self, location: Location, etag: str) -> bool:
        return self.stat(location).etag != etag

    def presign(self, method: Literal["GET", "PUT"], location: Location, *, signed_at: int, expires_s: int) -> str:
        if self.broken:
            raise RuntimeError("the key is lost")
        version = f"&versionId={location.version_id}" if location.version_id else ""
        path = f"{location.bucket}/{quote(location.key)}"
        return f"https://shelf.example/{path}?method={method}&signed={signed_at}&expires={expires_s}{version}"

    def open_to(self, account: str, _bucket: str) -> bool:
        return account not in self.closed_to

    def reset(self) -> None:
        self.on.clear()

    def fault(self, _method: Literal["GET", "PUT"], _location: Location) -> Fault | None:
        return self.refusing


class Signed:
    """What a URL of the shelf was made of."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname == "shelf.example", url
        members = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.path = parts.path
        self.method = members["method"]
        self.signed_at = int(members["signed"])
        self.expires_s = int(members["expires"])
        self.version = members.get("versionId")
