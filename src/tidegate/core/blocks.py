"""File streams: what a device asks for, and which blocks it gets (reach reference 5.3 to 5.6).

A file is read in blocks of a size that the device chooses. It says where to begin and how many it wants, or which by a
bitmap, or both; what does not fit into one answer is not sent, and the device asks again. Nothing is remembered of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tidegate.core import texts

MAX_TOKEN: Final = 64
"""Bytes of UTF-8."""
BLOCK_SIZES: Final = (256, 131_072)
MAX_OFFSET: Final = 98_304
"""In blocks; also the most that may be asked for at once."""
MAX_BITMAP: Final = 12_288
"""Bytes; a bitmap has fewer."""
MAX_FILE_ID: Final = 255
AT_ONCE: Final = 131_072
"""Payload bytes that one request gets at most."""


class RefusedError(Exception):
    """A request that is not carried out: a code of reach reference 5.6 and a sentence; ``token`` is repeated."""

    def __init__(self, code: str, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


class Question(NamedTuple):
    """A request for blocks. Numbers are as they were sent and not judged yet: the stream comes first (5.6)."""

    token: str | None
    version: int | None
    file: int | None
    size: int | None
    """Bytes of a block."""
    offset: int
    number: int | None
    """Of blocks."""
    bitmap: bytes | None


class Block(NamedTuple):
    """One block: its number from the start of the file, where it begins there, and its bytes."""

    number: int
    start: int
    size: int


def token(members: Mapping[str, Any]) -> str | None:
    """The client token of a request.

    Raises:
        RefusedError: it is no text, or too long; it is not repeated then.
    """
    value = members.get("c")
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusedError("InvalidRequest", texts.streams.wrong_type("c", "a text"))
    if len(value.encode("utf-8", "replace")) > MAX_TOKEN:
        raise RefusedError("InvalidRequest", texts.streams.token_too_long(MAX_TOKEN))
    return value


def question(members: Mapping[str, Any]) -> Question:
    """What a request for blocks says; members that it does not know it passes over.

    Raises:
        RefusedError: a member is of another type than it has to be.
    """
    shown = token(members)
    numbers = {name: _integer(members.get(name), name, shown) for name in ("s", "f", "l", "o", "n")}
    return Question(
        shown,
        numbers["s"],
        numbers["f"],
        numbers["l"],
        numbers["o"] or 0,
        numbers["n"] or None,  # 0 would leave the device waiting for nothing
        _bitmap(members.get("b"), shown),
    )


def _integer(value: Any, name: str, shown: str | None) -> int | None:
    if value is None or type(value) is int:
        return value
    raise RefusedError("InvalidRequest", texts.streams.wrong_type(name, "a whole number"), shown)


def _bitmap(value: Any, shown: str | None) -> bytes | None:
    """Bytes in CBOR; in JSON hexadecimal text, the first two digits being the lowest blocks."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        digits = value[2:] if value[:2] in ("0x", "0X") else value
        if digits.isalnum() or not digits:  # fromhex would pass over blanks
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass
    raise RefusedError("InvalidRequest", texts.streams.BITMAP_TYPE, shown)


def judge(asked: Question) -> None:
    """Pass if block size, offset, count and bitmap are within their bounds, in this order.

    Raises:
        RefusedError: the first is not.
    """
    size, offset, number = asked.size, asked.offset, asked.number
    if size is None or not BLOCK_SIZES[0] <= size <= BLOCK_SIZES[1]:
        raise RefusedError("BlockSizeOutOfBounds", texts.streams.BLOCK_SIZE, asked.token)
    if not 0 <= offset <= MAX_OFFSET:
        raise RefusedError("OffsetOutOfBounds", texts.streams.offset(MAX_OFFSET), asked.token)
    if number is not None and not 0 <= number <= MAX_OFFSET:
        raise RefusedError("BlockCountLimitExceeded", texts.streams.count(MAX_OFFSET), asked.token)
    if asked.bitmap is not None and len(asked.bitmap) >= MAX_BITMAP:
        raise RefusedError("BlockBitmapLimitExceeded", texts.streams.bitmap(MAX_BITMAP), asked.token)


def chosen(asked: Question, file_size: int) -> list[Block]:
    """The blocks of a file that a request gets, in ascending order (5.5).

    With a bitmap and a number it is the lowest so many blocks of the bitmap, taken literally: AWS's C library sends the
    four bytes of a Base64 text, and means the block that their lowest bit stands for.

    Raises:
        RefusedError: a number is out of bounds, or the file has none of these blocks.
    """
    judge(asked)
    assert asked.size is not None
    size, last = asked.size, -(-file_size // asked.size) - 1
    limit = min(asked.number or AT_ONCE, AT_ONCE // size)
    wanted: Iterator[int] | range
    if asked.bitmap is None:
        wanted = range(asked.offset, min(asked.offset + limit, last + 1))
    else:
        wanted = _bits(asked.bitmap, asked.offset, last)
    found = [
        Block(number, number * size, min(size, file_size - number * size))
        for number, _ in zip(wanted, range(limit), strict=False)
    ]
    if not found and asked.bitmap is None:
        raise RefusedError("OffsetOutOfBounds", texts.streams.PAST_THE_END, asked.token)
    if not found:
        raise RefusedError("ResourceNotFound", texts.streams.NO_SUCH_BLOCKS, asked.token)
    return found


def most(asked: Question) -> int:
    """The most bytes that a request can get, before anything is known of the stream."""
    size = asked.size or 0
    if not BLOCK_SIZES[0] <= size <= BLOCK_SIZES[1]:
        return 0
    return size * min(max(asked.number or AT_ONCE, 1), AT_ONCE // size)


def _bits(bitmap: bytes, offset: int, last: int) -> Iterator[int]:
    """The blocks of a bitmap, least significant bit first; those past the end are left out."""
    for position, byte in enumerate(bitmap):
        if not byte:
            continue
        first = offset + 8 * position
        if first > last:
            return
        for bit in range(8):
            if byte >> bit & 1 and first + bit <= last:
                yield first + bit
