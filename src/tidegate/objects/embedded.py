"""The objects of this server's own folder, as operations ask for them."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence

from tidegate.clock import Millis
from tidegate.core.location import Fault, Location, ObjectFaultError, Stat
from tidegate.faults import explained
from tidegate.objects import presign
from tidegate.objects.credential import Credential
from tidegate.objects.folder import Folder
from tidegate.objects.pages import Pages
from tidegate.objects.presign import Method, Site
from tidegate.objects.refusals import RefusedError
from tidegate.objects.versions import About, Segment, Version
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.objects")


class Embedded:
    """Reads the folder by itself and never over the network; signs URLs of the server's own endpoint."""

    def __init__(self, folder: Folder, site: Site, key: Credential, *, bounded: bool = False) -> None:
        """``bounded``: a bucket is for its own account only, as it is at the endpoint with authentication on."""
        self._folder = folder
        self._bounded = bounded
        self._site = site
        self._key = key
        self._limited_log = RateLimitedLog(log)
        self.pages = Pages(self.read)

    def fetch(self, location: Location, *, limit: int) -> bytes:
        """An object of at most ``limit`` bytes. Blocks.

        Raises:
            ObjectFaultError: it is not there, or larger.
        """
        version, segments = self._find(location)
        if version.size > limit:
            raise ObjectFaultError(Fault.TOO_LARGE, f"{version.size} bytes, at most {limit}")
        return self._read(location, segments, 0, version.size)

    def stat(self, location: Location) -> Stat:
        """Size and ETag. Blocks.

        Raises:
            ObjectFaultError: it is not there.
        """
        version, _ = self._find(location)
        return Stat(version.size, version.etag)

    def read(self, location: Location, etag: str, start: int, size: int) -> bytes:
        """A range. Blocks.

        Raises:
            ObjectFaultError: it is not there, or has changed.
        """
        version, segments = self._find(location)
        if version.etag != etag:
            raise ObjectFaultError(Fault.CHANGED, f"{location}: {version.etag}, not {etag}")
        return self._read(location, segments, start, size)

    def changed(self, location: Location, etag: str) -> bool:
        """Whether an object is not what it was. A short read of the index.

        Raises:
            ObjectFaultError: it is gone, or the index cannot be read.
        """
        try:
            found = self._folder.etag(*location)
        except sqlite3.Error as error:
            raise ObjectFaultError(Fault.UNREACHABLE, f"the objects' index: {explained(error)}") from error
        if found is None:
            raise ObjectFaultError(Fault.MISSING, str(location))
        return found != etag

    def put(self, location: Location, body: bytes, *, now: Millis) -> None:
        """Keep an object as its latest version. Blocks.

        Raises:
            ObjectFaultError: there is no such bucket, or the index cannot be written.
            OSError: the disk does not take it.
        """
        incoming = self._folder.begin()
        try:
            incoming.write(body)
            incoming.finish()
            self._folder.put(location.bucket, location.key, incoming, About(), now)
        except RefusedError as error:
            raise ObjectFaultError(Fault.MISSING, f"{location}: {error}") from error
        except sqlite3.Error as error:
            raise ObjectFaultError(Fault.UNREACHABLE, f"the objects' index: {explained(error)}") from error
        finally:
            incoming.discard()

    def _find(self, location: Location) -> tuple[Version, list[Segment]]:
        try:
            found = self._folder.find(location.bucket, location.key, location.version_id)
        except sqlite3.Error as error:
            raise ObjectFaultError(Fault.UNREACHABLE, f"the objects' index: {explained(error)}") from error
        if found is None or found[0].marker:
            raise ObjectFaultError(Fault.MISSING, str(location))
        return found

    def open_to(self, account: str, bucket: str) -> bool:
        """Whether a bucket is this account's, or nobody's; not if the index cannot be read."""
        if not self._bounded:
            return True
        try:
            found = self._folder.bucket(bucket)
        except sqlite3.Error as error:
            self._limited_log.warning("the objects' index cannot be read: %s", error)
            return False
        return found is None or found.owner == account

    def ailment(self) -> str | None:
        """What keeps the folder from being used; None if it can be."""
        try:
            self._folder.check()
        except sqlite3.Error as error:
            return f"the objects' index: {explained(error)}"
        return None

    def reset(self) -> None:
        """Empty the folder. Blocks."""
        self.pages.clear()
        self._folder.empty()

    def _read(self, location: Location, segments: Sequence[Segment], start: int, size: int) -> bytes:
        pieces = list(_within(segments, start, size))
        try:
            descriptors = self._folder.open(segment for segment, _, _ in pieces)
            try:
                parts = [os.pread(file, length, at) for file, (_, at, length) in zip(descriptors, pieces, strict=True)]
            finally:
                for file in descriptors:
                    os.close(file)
        except FileNotFoundError:
            raise ObjectFaultError(Fault.MISSING, f"{location} was deleted just now") from None
        except OSError as error:
            raise ObjectFaultError(Fault.UNREACHABLE, str(error)) from error
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(body) != size:
            raise ObjectFaultError(Fault.UNREACHABLE, f"{location}: {len(body)} bytes of {size} from {start} on")
        return body

    def fault(self, method: Method, location: Location) -> Fault | None:
        """What is wrong with a URL's bucket or version. A short read of the index; where it fails, nothing is known."""
        try:
            if self._folder.bucket(location.bucket) is None:
                return Fault.MISSING if method == "PUT" else Fault.DENIED
            if location.version_id is None:
                return None
            found = self._folder.find(*location)
        except sqlite3.Error as error:
            self._limited_log.warning("the objects' index cannot be read: %s", error)
            return None
        return Fault.MISSING if found is None or found[0].marker else None

    def presign(self, method: Method, location: Location, *, signed_at: Millis, expires_s: int) -> str:
        """A URL of the server's own endpoint, judged there by the service's clock."""
        return presign.url(self._site, self._key.signing(), method, location, signed_at=signed_at, expires_s=expires_s)


def _within(segments: Sequence[Segment], start: int, size: int) -> Iterator[tuple[Segment, int, int]]:
    """The pieces that a range is made of: a segment, where in it, and how many bytes."""
    at = 0
    for segment in segments:
        begin, end = max(start, at), min(start + size, at + segment.size)
        if begin < end:
            yield segment, begin - at, end - begin
        at += segment.size
