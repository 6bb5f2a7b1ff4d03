"""aws-chunked bodies, however they arrive in pieces."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.aws.sigv4 import EMPTY_SHA256, Scope, Seal
from tidegate.s3.chunked import Decoded
from tidegate.s3.errors import S3Error

SEAL = Seal("secret", Scope("20260101", "r", "s3"), "20260101T000000Z", "0" * 64)


class Pieces:
    """A body that arrives in pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        self._left = [data[index : index + size] for index in range(0, len(data), size)][::-1]

    async def read(self) -> bytes:
        return self._left.pop() if self._left else b""


def decode(data: bytes, size: int = 7, seal: Seal | None = None) -> tuple[bytes, dict[str, str]]:
    async def run() -> tuple[bytes, dict[str, str]]:
        decoded = Decoded(Pieces(data, size), seal)
        found = b""
        while more := await decoded.read():
            found += more
        return found, decoded.trailers

    return asyncio.run(run())


def plain(chunks: list[bytes], trailers: str = "") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + f"0\r\n{trailers}\r\n".encode()


def sealed(chunks: list[bytes], trailer: str = "") -> bytes:
    """Chunks signed one after the other, as S3's documents describe it."""
    last, found = SEAL.seed, b""

    def sign(kind: str, hashes: str) -> str:
        text = f"AWS4-HMAC-SHA256-{kind}\n{SEAL.at}\n{SEAL.scope}\n{last}\n{hashes}"
        return SEAL.signature(text)

    for chunk in [*chunks, b""]:
        last = sign("PAYLOAD", f"{EMPTY_SHA256}\n{sha256(chunk).hexdigest()}")
        found += f"{len(chunk):x};chunk-signature={last}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if trailer:
        value = sign("TRAILER", sha256(trailer.encode()).hexdigest())
        found += f"{trailer.strip()}\r\nx-amz-trailer-signature:{value}\r\n".encode()
    return found + b"\r\n"


chunk_lists = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@settings(deadline=None)
@given(chunk_lists, st.integers(1, 50))
def test_unsigned(chunks: list[bytes], size: int) -> None:
    assert decode(plain(chunks), size) == (b"".join(chunks), {})


@settings(deadline=None)
@given(chunk_lists, st.integers(1, 50))
def test_trailers(chunks: list[bytes], size: int) -> None:
    found = decode(plain(chunks, "X-Amz-Checksum-Crc32: AAAAAA==\r\n"), size)
    assert found == (b"".join(chunks), {"x-amz-checksum-crc32": "AAAAAA=="})


@settings(deadline=None)
@given(chunk_lists, st.integers(1, 50), st.booleans())
def test_signed(chunks: list[bytes], size: int, trailing: bool) -> None:
    trailer = "x-amz-checksum-crc32:AAAAAA==\n" if trailing else ""
    assert decode(sealed(chunks, trailer), size, SEAL)[0] == b"".join(chunks)


@pytest.mark.parametrize(
    ("old", "new"), [(b"hello", b"hellO"), (b"AAAAAA==", b"BAAAAA=="), (b"signature=", b"signature=0")]
)
def test_a_signed_body_that_was_changed(old: bytes, new: bytes) -> None:
    body = sealed([b"hello"], "x-amz-checksum-crc32:AAAAAA==\n").replace(old, new, 1)
    with pytest.raises(S3Error, match=r"SignatureDoesNotMatch|InvalidRequest"):
        decode(body, seal=SEAL)


def test_a_signed_body_needs_its_signatures() -> None:
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        decode(plain([b"hello"]), seal=SEAL)
    unsigned = sealed([b"hello"], "x-amz-checksum-crc32:AAAAAA==\n").replace(b"x-amz-trailer-signature", b"x-other")
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        decode(unsigned, seal=SEAL)


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(1, 20))
def test_nothing_but_refusals(data: bytes, size: int) -> None:
    for seal in (None, SEAL):
        with suppress(S3Error):
            decode(data, size, seal)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_body_that_ends_early(cut: int) -> None:
    whole = plain([b"0123456789"])
    assert len(whole) == 20
    with pytest.raises(S3Error, match=r"IncompleteBody"):
        decode(whole[: 20 - cut - 2])


def test_bytes_behind_the_end() -> None:
    with pytest.raises(S3Error, match="InvalidRequest"):
        decode(plain([b"a"]) + b"more")
