"""The objects of this server's own folder, as operations ask for them."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence

from tidegate.clock import Millis
from tidegate.core.location import Fault, Location, ObjectFaultError
from tidegate.faults import explained
from tidegate.objects import presign
from tidegate.objects.credential import Credential
from tidegate.objects.folder import Folder
from tidegate.objects.presign import Method, Site
from tidegate.objects.versions import Segment
from tidegate.sparing import Sparing

log = logging.getLogger("tidegate.objects")


class Embedded:
    """Reads the folder by itself and never over the network; signs URLs of the server's own endpoint."""

    def __init__(self, folder: Folder, site: Site, key: Credential, *, bounded: bool = False) -> None:
        """``bounded``: a bucket is for its own account only, as it is at the endpoint with authentication on."""
        self._folder = folder
        self._bounded = bounded
        self._site = site
        self._key = key
        self._sparing = Sparing(log)

    def fetch(self, location: Location, *, limit: int) -> bytes:
        """An object of at most ``limit`` bytes. Blocks.

        Raises:
            ObjectFaultError: it is not there, or larger.
        """
        found = self._folder.find(location.bucket, location.key, location.version_id)
        if found is None or found[0].marker:
            raise ObjectFaultError(Fault.MISSING, str(location))
        version, segments = found
        if version.size > limit:
            raise ObjectFaultError(Fault.TOO_LARGE, f"{version.size} bytes, at most {limit}")
        try:
            return self._read(segments)
        except FileNotFoundError:
            raise ObjectFaultError(Fault.MISSING, f"{location} was deleted just now") from None
        except OSError as error:
            raise ObjectFaultError(Fault.UNREACHABLE, str(error)) from error

    def open_to(self, account: str, bucket: str) -> bool:
        """Whether a bucket is this account's, or nobody's; not if the index cannot be read."""
        if not self._bounded:
            return True
        try:
            found = self._folder.bucket(bucket)
        except sqlite3.Error as error:
            self._sparing.warning("the objects' index cannot be read: %s", error)
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
        self._folder.empty()

    def _read(self, segments: Sequence[Segment]) -> bytes:
        descriptors = self._folder.open(segments)
        try:
            return b"".join(
                [os.pread(file, segment.size, 0) for file, segment in zip(descriptors, segments, strict=True)]
            )
        finally:
            for file in descriptors:
                os.close(file)

    def fault(self, method: Method, location: Location) -> Fault | None:
        """What is wrong with a URL's bucket or version. A short read of the index; where it fails, nothing is known."""
        try:
            if self._folder.bucket(location.bucket) is None:
                return Fault.MISSING if method == "PUT" else Fault.DENIED
            if location.version_id is None:
                return None
            found = self._folder.find(*location)
        except sqlite3.Error as error:
            self._sparing.warning("the objects' index cannot be read: %s", error)
            return None
        return Fault.MISSING if found is None or found[0].marker else None

    def presign(self, method: Method, location: Location, *, signed_at: Millis, expires_s: int) -> str:
        """A URL of the server's own endpoint, judged there by the service's clock."""
        return presign.url(self._site, self._key.signing(), method, location, signed_at=signed_at, expires_s=expires_s)
