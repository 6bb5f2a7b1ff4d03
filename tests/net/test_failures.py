"""Failures by address."""

from __future__ import annotations

import pytest

from tidegate.net import failures
from tidegate.net.failures import BURST, PER_SECOND, Failures


class Moved:
    def __init__(self) -> None:
        self.at = 100.0
        self.failures = Failures(lambda: self.at)

    def fail(self, address: str, count: int) -> None:
        for _ in range(count):
            self.failures.note(address)


def test_a_burst_then_a_few_a_second() -> None:
    made = Moved()
    assert not made.failures.too_many("a")
    made.fail("a", BURST - 1)
    assert not made.failures.too_many("a")
    made.fail("a", 1)
    assert made.failures.too_many("a")
    assert not made.failures.too_many("b")
    made.at += 1 / PER_SECOND
    assert not made.failures.too_many("a")
    made.fail("a", 1)
    assert made.failures.too_many("a")
    made.fail("a", 1000)  # debts are not kept: an address is not shut out for longer than it goes on
    made.at += BURST / PER_SECOND
    assert not made.failures.too_many("a")
    made.fail("a", BURST - 1)
    assert not made.failures.too_many("a")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("not:an:address", "not:another", False),
    ],
)
def test_the_owner_of_an_ipv6_network_is_one(one: str, other: str, alike: bool) -> None:
    made = Moved()
    made.fail(one, BURST)
    assert made.failures.too_many(one)
    assert made.failures.too_many(other) is alike


def test_a_bounded_number_of_addresses_is_remembered() -> None:
    made = Moved()
    made.fail("first", BURST)
    for number in range(failures._MOST):
        assert made.failures.too_many("first")
        made.fail(f"10.{number >> 8}.{number & 255}.1", 1)
    assert len(made.failures) == failures._MOST
    assert not made.failures.too_many("first")
