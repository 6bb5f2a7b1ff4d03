"""Where an object lies, and how reaching it may fail. S3's words: a bucket, a key, a version."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


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


class ObjectFaultError(Exception):
    """An object cannot be read; ``detail`` is for the log, not for the caller."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
