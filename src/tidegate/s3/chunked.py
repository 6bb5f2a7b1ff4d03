"""``aws-chunked`` bodies: chunks with or without signatures, then perhaps trailers with a checksum.

Streaming forms of ``x-amz-content-sha256``: ``STREAMING-AWS4-HMAC-SHA256-PAYLOAD``, the same with ``-TRAILER``, and
``STREAMING-UNSIGNED-PAYLOAD-TRAILER``, which is what current SDKs send by default.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final

from tidegate.aws.sigv4 import EMPTY_SHA256, Seal
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Body

SIGNED: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
FORMS: Final = frozenset({SIGNED, f"{SIGNED}-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\Z")
_LONGEST_LINE: Final = 8 * 1024
_LARGEST_SIGNED: Final = 16 * 1024 * 1024
"""A signed chunk is held until its signature is seen to be right."""


class Decoded:
    """The payload of an ``aws-chunked`` body, and the trailers behind it once it has been read."""

    def __init__(self, body: Body, seal: Seal | None) -> None:
        self.trailers: dict[str, str] = {}
        self._body = body
        self._seal = seal
        self._last = seal.seed if seal else ""
        self._buffer = bytearray()
        self._left = 0
        """Of an unsigned chunk that has begun."""
        self._ended = False

    async def read(self) -> bytes:
        """Some more of the payload; empty at the end.

        Raises:
            S3Error: what arrives is not well formed, or not signed as it should be.
        """
        if self._ended:
            return b""
        if not self._left:
            size, signature = await self._head()
            if self._seal is not None:
                return await self._sealed(size, signature)
            if not size:
                return await self._end()
            self._left = size
        if not self._buffer:
            await self._more()
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        if not self._left:
            await self._line_end()
        return data

    async def _sealed(self, size: int, signature: str) -> bytes:
        assert self._seal is not None
        if size > _LARGEST_SIGNED:
            raise S3Error("EntityTooLarge", f"A signed chunk has at most {_LARGEST_SIGNED} bytes.")
        while len(self._buffer) < size:
            await self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._check("PAYLOAD", f"{EMPTY_SHA256}\n{sha256(data).hexdigest()}", signature)
        if not size:
            return await self._end()
        await self._line_end()
        return data

    def _check(self, kind: str, hashes: str, signature: str) -> None:
        assert self._seal is not None
        text = self._seal.string_to_sign(kind, self._last, hashes)
        expected = self._seal.signature(text)
        if not hmac.compare_digest(expected, signature):
            raise S3Error("SignatureDoesNotMatch", StringToSign=text, SignatureProvided=signature)
        self._last = expected

    async def _head(self) -> tuple[int, str]:
        found = _HEAD.match(await self._line())
        if found is None:
            raise S3Error("InvalidRequest", "The body is not aws-chunked.")
        return int(found[1], 16), (found[2] or b"").decode()

    async def _end(self) -> bytes:
        """Read the trailers: lines up to an empty one, or to the end of the body."""
        self._ended = True
        text, signature, size = "", None, 0
        while line := await self._line(at_end=b""):
            size += len(line)
            if size > _LONGEST_LINE:
                raise S3Error("InvalidRequest", "The trailers are too long.")
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise S3Error("InvalidRequest", "A trailer is not well formed.")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                signature = value
            else:
                self.trailers[name] = value
                text += f"{name}:{value}\n"
        if self._seal is not None and (self.trailers or signature is not None):
            self._check("TRAILER", sha256(text.encode("latin-1")).hexdigest(), signature or "")
        if self._buffer or await self._body.read():
            raise S3Error("InvalidRequest", "Bytes follow the end of the aws-chunked body.")
        return b""

    async def _line(self, at_end: bytes | None = None) -> bytes:
        while (end := self._buffer.find(b"\r\n", 0, _LONGEST_LINE)) < 0:
            if len(self._buffer) >= _LONGEST_LINE:
                raise S3Error("InvalidRequest", "The body is not aws-chunked.")
            data = await self._body.read()
            if not data and at_end is not None and not self._buffer:
                return at_end
            if not data:
                raise S3Error("IncompleteBody")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def _line_end(self) -> None:
        if await self._line():
            raise S3Error("InvalidRequest", "A chunk is longer than it says.")

    async def _more(self) -> None:
        data = await self._body.read()
        if not data:
            raise S3Error("IncompleteBody")
        self._buffer += data
