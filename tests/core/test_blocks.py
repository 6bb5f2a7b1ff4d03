"""Which blocks a request gets: reach reference 5.4 to 5.6, worked examples and properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import blocks
from tidegate.core.blocks import RefusedError


def numbers(size: int, **members: Any) -> list[int]:
    return [block.number for block in blocks.chosen(blocks.question(members), size)]


def refused(size: int, **members: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        blocks.chosen(blocks.question(members), size)
    return caught.value.code


def test_the_example_of_the_guide() -> None:
    """Blocks 20, 21, 24 and 43, in hexadecimal text with and without 0x and in bytes."""
    for bitmap in ("0x130080", "130080", bytes.fromhex("130080")):
        assert numbers(256 * 100, f=1, l=256, o=20, b=bitmap) == [20, 21, 24, 43]


def test_the_four_bytes_of_the_c_library() -> None:
    """5.5: a Base64 text sent as a bitmap means block o with n=1, and is not repaired."""
    assert numbers(4096 * 50, f=0, l=4096, o=7, b=b"\x4d\x51\x3d\x3d", n=1) == [7]
    assert numbers(4096 * 50, f=0, l=4096, o=0, b=b"\x4d\x51\x3d\x3d", n=4) == [0, 2, 3, 6]


def test_number_and_bitmap_together() -> None:
    """0.2.4: the lowest n set bits, as FreeRTOS asks for what is still missing."""
    assert numbers(4096 * 16, f=0, l=4096, o=0, b=b"\xf0\xff", n=3) == [4, 5, 6]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"o": 2, "n": 3}, [2, 3, 4]),
        ({"o": 8, "n": 9}, [8, 9]),  # past the end nothing is sent
        ({}, list(range(10))),  # neither b nor n: what fits
        ({"n": 0}, list(range(10))),
        ({"b": b"\x01\xff"}, [0, 8, 9]),
    ],
)
def test_what_is_sent(members: dict[str, Any], found: list[int]) -> None:
    assert numbers(2500, l=256, **members) == found


def test_the_last_block_is_shorter() -> None:
    last = blocks.chosen(blocks.question({"l": 256, "o": 9}), 2500)
    assert last == [blocks.Block(9, 2304, 196)]
    assert blocks.chosen(blocks.question({"l": 256, "o": 9}), 2560) == [blocks.Block(9, 2304, 256)]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, "BlockSizeOutOfBounds"),
        ({"l": 255}, "BlockSizeOutOfBounds"),
        ({"l": 131_073}, "BlockSizeOutOfBounds"),
        ({"l": -256}, "BlockSizeOutOfBounds"),
        ({"l": 2**63}, "BlockSizeOutOfBounds"),
        ({"l": 256, "o": -1}, "OffsetOutOfBounds"),
        ({"l": 256, "o": 98_305}, "OffsetOutOfBounds"),
        ({"l": 256, "o": 10}, "OffsetOutOfBounds"),  # past the end
        ({"l": 256, "n": -1}, "BlockCountLimitExceeded"),
        ({"l": 256, "n": 98_305}, "BlockCountLimitExceeded"),
        ({"l": 256, "b": bytes(12_288)}, "BlockBitmapLimitExceeded"),
        ({"l": 256, "b": b""}, "ResourceNotFound"),
        ({"l": 256, "b": bytes(12_287)}, "ResourceNotFound"),
        ({"l": 256, "b": b"\x01", "o": 11}, "ResourceNotFound"),
        ({"l": 1, "o": -1, "n": -1}, "BlockSizeOutOfBounds"),  # the order of 5.6
        ({"l": 256, "o": -1, "n": -1}, "OffsetOutOfBounds"),
        ({"l": "256"}, "InvalidRequest"),
        ({"l": 256.0}, "InvalidRequest"),
        ({"l": True}, "InvalidRequest"),
        ({"l": 256, "b": "0xzz"}, "InvalidRequest"),
        ({"l": 256, "b": "0x1"}, "InvalidRequest"),
        ({"l": 256, "b": "01 02"}, "InvalidRequest"),
        ({"l": 256, "b": [1]}, "InvalidRequest"),
        ({"l": 256, "c": 7}, "InvalidRequest"),
        ({"l": 256, "c": "ü" * 33}, "InvalidRequest"),
    ],
)
def test_what_is_refused(members: dict[str, Any], code: str) -> None:
    assert refused(2500, **members) == code


def test_the_token_is_repeated_unless_it_is_what_is_wrong() -> None:
    for members, token in (({"c": "ü" * 32, "f": "x"}, "ü" * 32), ({"c": "ü" * 33}, None), ({"c": 7}, None)):
        with pytest.raises(RefusedError) as caught:
            blocks.question(members)
        assert caught.value.token == token


@given(
    st.integers(1, 10_000_000),
    st.integers(256, 131_072),
    st.integers(0, 98_304),
    st.none() | st.integers(0, 98_304),
    st.none() | st.binary(max_size=40),
)
def test_blocks_are_of_the_file_in_order_and_not_too_much(
    file: int, size: int, offset: int, number: int | None, bitmap: bytes | None
) -> None:
    asked = blocks.question({"l": size, "o": offset, "n": number, "b": bitmap})
    try:
        found = blocks.chosen(asked, file)
    except RefusedError:
        assert bitmap is not None or offset * size >= file
        return
    assert [block.number for block in found] == sorted({block.number for block in found})
    assert sum(block.size for block in found) <= blocks.most(asked) <= blocks.AT_ONCE
    for block in found:
        assert block.start == block.number * size
        assert 0 < block.size <= size
        assert block.size == size or block.start + block.size == file
        assert block.number >= offset
        if bitmap is not None:
            assert bitmap[(block.number - offset) // 8] >> (block.number - offset) % 8 & 1


@given(st.integers(1, 300_000), st.integers(256, 5000), st.integers(1, 9))
def test_asking_again_for_what_is_missing_brings_the_whole_file(file: int, size: int, at_once: int) -> None:
    """The FreeRTOS agent's way: o is always 0, the bitmap says what is missing."""
    count = -(-file // size)
    missing, got = set(range(count)), 0
    while missing:
        bitmap = bytearray(-(-count // 8))
        for each in missing:
            bitmap[each >> 3] |= 1 << (each & 7)
        found = blocks.chosen(blocks.question({"f": 0, "l": size, "o": 0, "b": bytes(bitmap), "n": at_once}), file)
        got += sum(block.size for block in found)
        missing -= {block.number for block in found}
    assert got == file
