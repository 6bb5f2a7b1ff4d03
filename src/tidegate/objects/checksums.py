"""Digests of what passes by: MD5 and SHA-256 always, one of S3's checksums when asked for.

CRC-32 is zlib's. CRC-32C and CRC-64/NVME are computed here by tables, two bytes a step: some 30 MB/s. Where ``awscrt``
is installed, its code does it at memory speed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import sys
import zlib
from array import array
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol


class Digest(Protocol):
    """As hashlib's."""

    def update(self, data: bytes, /) -> None:
        """Take in more."""
        ...

    def digest(self) -> bytes:
        """Of all so far."""
        ...


class _Polynomial(NamedTuple):
    """A reflected CRC whose register begins and ends inverted."""

    reversed: int
    width: int

    @property
    def ones(self) -> int:
        return (1 << self.width) - 1


_CRCS: Final = {
    "crc32": _Polynomial(0xEDB88320, 32),
    "crc32c": _Polynomial(0x82F63B78, 32),
    "crc64nvme": _Polynomial(0x9A6C9329AC4BC9B5, 64),
}
ALGORITHMS: Final = (*_CRCS, "sha1", "sha256")
"""As they stand in ``x-amz-checksum-…``."""


class _Crc:
    def __init__(self, name: str) -> None:
        self._step = _step(name)
        self._bytes = _CRCS[name].width // 8
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


# -------------------------------------------------------------------------------------------------------------- CRCs


@functools.cache
def _step(name: str) -> Callable[[bytes, int], int]:
    if name == "crc32":
        return zlib.crc32
    try:
        from awscrt import checksums as fast  # by chance: the AWS SDKs for Python bring it
    except ImportError:
        return functools.partial(tabled, name)
    function: Callable[[bytes, int], int] = getattr(fast, name)
    return function


def tabled(name: str, data: bytes, previous: int = 0) -> int:
    """The CRC of ``data`` after what gave ``previous``, by tables."""
    ones = _CRCS[name].ones
    table, single = _tables(name)
    register = previous ^ ones
    whole = len(data) & ~1
    words = array("H", data[:whole])
    if sys.byteorder == "big":
        words.byteswap()
    for word in words:
        register = table[(register ^ word) & 0xFFFF] ^ (register >> 16)
    if whole < len(data):
        register = single[(register ^ data[whole]) & 0xFF] ^ (register >> 8)
    return register ^ ones


@functools.cache
def _tables(name: str) -> tuple[list[int], list[int]]:
    polynomial = _CRCS[name].reversed
    single = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)  # noqa: PLW2901 - a shift register
        single.append(byte)
    double = []
    for word in range(65_536):
        half = single[word & 0xFF] ^ word >> 8
        double.append(single[half & 0xFF] ^ half >> 8)
    return double, single


def combined(name: str, first: int, second: int, second_bytes: int) -> int:
    """The CRC of two texts one after the other, from the CRC of each and the length of the second.

    Following zlib's ``crc32_combine``: appending a zero bit is a linear map over GF(2); squared and multiplied, it
    appends as many zeros as the second text is long.
    """
    width, polynomial = _CRCS[name].width, _CRCS[name].reversed
    zeros = [polynomial, *(1 << bit for bit in range(width - 1))]
    for _ in range(3):  # from one bit to a byte
        zeros = _squared(zeros)
    while second_bytes:
        if second_bytes & 1:
            first = _times(zeros, first)
        zeros = _squared(zeros)
        second_bytes >>= 1
    return first ^ second


def _times(matrix: list[int], vector: int) -> int:
    total = 0
    for column in matrix:
        if vector & 1:
            total ^= column
        vector >>= 1
    return total


def _squared(matrix: list[int]) -> list[int]:
    return [_times(matrix, column) for column in matrix]


def whole_object(name: str, parts: list[tuple[str, int]]) -> str:
    """The checksum of an object from those of its parts (as written in headers) and their sizes; CRCs only."""
    total = 0
    for text, size in parts:
        total = combined(name, total, int.from_bytes(base64.b64decode(text), "big"), size)
    return base64.b64encode(total.to_bytes(_CRCS[name].width // 8, "big")).decode()


def composite(name: str, parts: list[str]) -> str:
    """The checksum of the checksums of the parts, with their number behind a hyphen."""
    digest = new(name)
    for text in parts:
        digest.update(base64.b64decode(text))
    return f"{encoded(digest)}-{len(parts)}"
