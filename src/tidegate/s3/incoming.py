"""Taking in a body: decode it, write it to disk off the loop, hold it against everything the client said about it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import md5, sha256
from typing import Final

from tidegate.objects import checksums
from tidegate.objects.blobs import Incoming
from tidegate.s3.chunked import Decoded
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Body, Request
from tidegate.s3.work import Work

LARGEST_PUT: Final = 5 * 1024**3
_BATCH: Final = 1024 * 1024
_CHECKSUM: Final = "x-amz-checksum-"
_DECODED_LENGTH: Final = "x-amz-decoded-content-length"
_CHOICE: Final = frozenset({"algorithm", "type", "mode"})


@asynccontextmanager
async def received(work: Work, request: Request, default: str | None = None) -> AsyncIterator[Incoming]:
    """The body of a request, whole, checked and durable; gone after the block unless it was put.

    ``default`` is the checksum to compute if the client names none.

    Raises:
        S3Error: it is not what the client said, or too large.
    """
    _announced(request)
    incoming = await work.off(work.folder.begin, algorithm(request) or default)
    try:
        await _copy(work, request.body, incoming)
        _check(request, incoming)
        await work.off(incoming.finish)
        yield incoming
    finally:
        await work.off(incoming.discard)


def _announced(request: Request) -> None:
    """Refuse what is too large before it is taken in."""
    headers = request.headers
    lengths = [_length(headers[name]) for name in (_DECODED_LENGTH, "content-length") if name in headers]
    if not lengths and "transfer-encoding" not in headers:
        raise S3Error("MissingContentLength")
    if lengths and lengths[0] > LARGEST_PUT:
        raise S3Error("EntityTooLarge", MaxSizeAllowed=str(LARGEST_PUT))
    if (given := headers.get("content-md5")) is not None:
        _decoded_md5(given)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise S3Error("InvalidArgument", "A length is not a number.")
    return int(text[-19:]) if len(text.lstrip("0")) <= 18 else LARGEST_PUT + 1


async def _copy(work: Work, body: Body, incoming: Incoming) -> None:
    batch: list[bytes] = []
    size = 0
    while data := await body.read():
        batch.append(data)
        size += len(data)
        if size >= _BATCH:
            if incoming.digests.size + size > LARGEST_PUT:
                raise S3Error("EntityTooLarge", MaxSizeAllowed=str(LARGEST_PUT))
            await work.off(incoming.write, b"".join(batch))
            batch, size = [], 0
    if batch:
        await work.off(incoming.write, b"".join(batch))


def algorithm(request: Request) -> str | None:
    """The checksum a request brings or asks for."""
    given = _given(request.headers)
    trailer = request.headers.get("x-amz-trailer", "").lower().strip()
    named = request.headers.get("x-amz-sdk-checksum-algorithm") or request.headers.get("x-amz-checksum-algorithm")
    if len(given) > 1:
        raise S3Error(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    chosen = next(iter(given), None) or trailer.removeprefix(_CHECKSUM) or (named or "").lower() or None
    if chosen is not None and chosen not in checksums.ALGORITHMS:
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-algorithm header is invalid.")
    return chosen


def _given(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums in headers, by algorithm."""
    return {
        name.removeprefix(_CHECKSUM): value
        for name, value in headers.items()
        if name.startswith(_CHECKSUM) and name.removeprefix(_CHECKSUM) not in _CHOICE
    }


def _check(request: Request, incoming: Incoming) -> None:
    """Hold what arrived against what was said."""
    headers, digests = request.headers, incoming.digests
    if _DECODED_LENGTH in headers and _length(headers[_DECODED_LENGTH]) != digests.size:
        raise S3Error("IncompleteBody")
    declared = headers.get("x-amz-content-sha256", "")
    if len(declared) == 64 and declared != digests.sha256:
        raise S3Error(
            "XAmzContentSHA256Mismatch",
            ClientComputedContentSHA256=declared,
            S3ComputedContentSHA256=digests.sha256,
        )
    given = headers.get("content-md5")
    if given is not None and given != digests.md5_base64:
        raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
    trailers = request.body.trailers if isinstance(request.body, Decoded) else {}
    for name, value in (_given(headers) | _given(trailers)).items():
        if name != digests.algorithm or value != digests.checksum:
            raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")


def _decoded_md5(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise S3Error("InvalidDigest") from None
    if len(raw) != 16:
        raise S3Error("InvalidDigest")
    return raw


async def small(request: Request, limit: int = 2 * 1024 * 1024) -> bytes:
    """A body that is a document, at once, and what it was said to be."""
    data = bytearray()
    while more := await request.body.read():
        data += more
        if len(data) > limit:
            raise S3Error("MaxMessageLengthExceeded", MaxMessageLengthBytes=str(limit))
    declared = request.headers.get("x-amz-content-sha256", "")
    if len(declared) == 64 and declared != sha256(data).hexdigest():
        raise S3Error("XAmzContentSHA256Mismatch", ClientComputedContentSHA256=declared)
    given = request.headers.get("content-md5")
    if given is not None and _decoded_md5(given) != md5(data, usedforsecurity=False).digest():
        raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
    return bytes(data)
