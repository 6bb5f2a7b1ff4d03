"""Digests of what passes by: MD5 and SHA-256 always, one of S3's checksums when asked for.

CRC-32 is zlib's, the others are anycrc's: gigabytes a second, and the CRC of two texts from those of each.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from typing import Final, Protocol


class Digest(Protocol):
    """As hashlib's."""

    def update(self, data: bytes, /) -> None:
        """Take in more."""
        ...

    def digest(self) -> bytes:
        """Of all so far."""
        ...


_CRCS: Final = {"crc32": ("CRC32", 4), "crc32c": ("CRC32-ISCSI", 4), "crc64nvme": ("CRC64-NVME", 8)}
"""By S3's name: anycrc's, and the size in bytes."""
ALGORITHMS: Final = (*_CRCS, "sha1", "sha256")
"""As they stand in ``x-amz-checksum-…``."""


class _Model(Protocol):
    def calc(self, data: bytes, crc: int) -> int: ...

    def combine(self, first: int, second: int, second_bytes: int) -> int: ...


@functools.cache
def _model(name: str) -> _Model:
    import anycrc  # 25 ms that most servers need not spend

    found: _Model = anycrc.Model(_CRCS[name][0])
    return found


class _Crc:
    def __init__(self, name: str) -> None:
        self._step = zlib.crc32 if name == "crc32" else _model(name).calc
        self._bytes = _CRCS[name][1]
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._bytes, "big")


def new(name: str) -> Digest:
    """A digest by the name of its algorithm."""
    if name == "sha1":
        return hashlib.sha1(usedforsecurity=False)
    return hashlib.sha256() if name == "sha256" else _Crc(name)


def encoded(digest: Digest) -> str:
    """As checksums are written in headers."""
    return base64.b64encode(digest.digest()).decode()


class Digests:
    """Everything that is to be known about some bytes once they have passed."""

    def __init__(self, algorithm: str | None = None) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._further = new(algorithm) if algorithm and algorithm != "sha256" else None
        self.algorithm = algorithm

    def update(self, data: bytes) -> None:
        """Take in more."""
        self.size += len(data)
        self._md5.update(data)
        self._sha256.update(data)
        if self._further is not None:
            self._further.update(data)

    @property
    def md5(self) -> str:
        """Hex, as in an ETag."""
        return self._md5.hexdigest()

    @property
    def md5_base64(self) -> str:
        """As in ``Content-MD5``."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def sha256(self) -> str:
        """Hex."""
        return self._sha256.hexdigest()

    @property
    def checksum(self) -> str | None:
        """What the algorithm asked for says, as it is written in headers."""
        if self.algorithm is None:
            return None
        return encoded(self._further or self._sha256)


def whole_object(name: str, parts: list[tuple[str, int]]) -> str:
    """The checksum of an object from those of its parts (as written in headers) and their sizes; CRCs only."""
    total = 0
    for text, size in parts:
        total = _model(name).combine(total, int.from_bytes(base64.b64decode(text), "big"), size)
    return base64.b64encode(total.to_bytes(_CRCS[name][1], "big")).decode()


def composite(name: str, parts: list[str]) -> str:
    """The checksum of the checksums of the parts, with their number behind a hyphen."""
    digest = new(name)
    for text in parts:
        digest.update(base64.b64decode(text))
    return f"{encoded(digest)}-{len(parts)}"
