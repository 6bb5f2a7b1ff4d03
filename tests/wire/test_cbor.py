"""CBOR of devices: what is read, what is refused, and that nothing announced is believed before it is there."""

from __future__ import annotations

import contextlib
import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire import cbor

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(PLAIN)
def test_what_is_encoded_is_decoded(value: object) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("bf616101ff", {"a": 1}),  # indefinite map
        ("a161615f41614162ff", {"a": b"ab"}),  # indefinite bytes
        ("a161617f61616162ff", {"a": "ab"}),  # indefinite text
        ("a16161190001", {"a": 1}),  # a longer head than needed
        ("a0", {}),
    ],
)
def test_forms_that_clients_may_choose(data: str, value: object) -> None:
    assert cbor.decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        "",
        "a1",
        "a16161",
        "bf616101",  # never broken off
        "bf6161ff",  # a key without a value
        "5f4161",
        "7f7f6161ffff",  # an indefinite piece of an indefinite text
        "ff",
        "1c",  # a reserved head
        "62fffe",  # no UTF-8
        "a10101",  # a number as a key
        "a1810101",
        "a2616101616102",  # a key twice
        "a0a0",  # two values
        "c11a00000000",  # tags: time,
        "d823613a",  # an expression to compile,
        "c4821b7fffffffffffffff01",  # a power of ten,
        "d81c80",  # something to refer to,
        "d9123401",  # one that nobody knows,
        "a16161c24101",  # a big number within
        "5b7fffffffffffffff",  # more than there is
        "7affffffff61",
        "9b7fffffffffffffff00",
        "bb7fffffffffffffff",
        "81" * 17 + "00",
        "9f" * 100_000,
        "bf6161" * 50_000,
    ],
    ids=lambda data: data[:24],
)
def test_what_is_refused(data: str) -> None:
    raw = bytes.fromhex(data)
    tracemalloc.start()
    try:
        with pytest.raises(cbor.InvalidCborError):
            cbor.decode(raw)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_deepest_that_is_read() -> None:
    assert cbor.decode(bytes.fromhex("81" * 16 + "00"))


@given(st.integers(0, 2**64 - 1), PLAIN)
def test_no_tag_is_read(tag: int, value: object) -> None:
    with pytest.raises(cbor.InvalidCborError):
        cbor.decode(cbor2.dumps(cbor2.CBORTag(tag, value)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    with contextlib.suppress(cbor.InvalidCborError):
        cbor.decode(data)
