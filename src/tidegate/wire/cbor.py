"""CBOR as devices send it (RFC 8949): maps of text to plain values, of bounded depth, and no tags.

A tag has a decoder do something with what follows: compile it, compute with it, refer to it again. No request has a use
for that, so the first one ends the reading. Lengths may be definite or indefinite; one that is announced costs nothing
until its bytes are there.
"""

from __future__ import annotations

import io
from typing import Any, Final, NoReturn

import cbor2

MAX_DEPTH: Final = 16
"""Levels of maps and arrays."""


class InvalidCborError(ValueError):
    """Bytes that are no CBOR, or CBOR that no request is made of."""


def decode(data: bytes) -> Any:
    """The one value that the bytes are: dict, list, str, bytes, int, float, bool or None.

    Raises:
        InvalidCborError: they are truncated, malformed, nested too deep, tagged, or more than one value; text is no
            UTF-8, or a key of a map is neither text nor bytes.
    """
    stream = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(
        stream,
        semantic_decoders=_NO_TAGS,
        max_depth=MAX_DEPTH,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
        read_size=1,
    )
    try:
        value = decoder.decode()
    except (cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise InvalidCborError(str(error)) from None
    if stream.tell() != len(data):
        raise InvalidCborError("more than one value")
    return value


def encode(value: Any) -> bytes:
    """The bytes of a value made of what ``decode`` gives, in the shortest form."""
    return cbor2.dumps(value)


class _NoTags(dict[int, Any]):
    """Knows every tag, and refuses it."""

    def __missing__(self, _tag: int) -> Any:
        return _refuse


def _refuse(_decoder: Any, *_args: Any) -> NoReturn:
    raise ValueError("tags are not allowed")


_NO_TAGS: Final = _NoTags()
