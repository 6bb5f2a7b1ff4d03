"""The rollout rate: constant, exponential, and never more than it says in any sixty seconds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import rollout
from tidegate.core.rollout import Exponential, Slice

MINUTE = 60_000
NOW = 1_767_600_000_000
AWS_EXAMPLE = Exponential(50, Decimal(2), 1000, 1000)


def roll_out(
    things: int, rate: Exponential | None, ceiling: int, tick: int, most: int = 10**9
) -> list[tuple[int, int]]:
    """Release as fast as the rate allows, looking every ``tick`` ms, at most ``most`` at a look: (instant, count)."""
    released: list[tuple[int, int]] = []
    total, now, current = 0, NOW, None
    while total < things:
        current = rollout.slice_in_force(current, rate, notified=total, succeeded=0, now=now, ceiling=ceiling)
        count = min(rollout.slice_allowance(current, released, now).count, things - total, most)
        if count:
            released.append((now, count))
            total += count
        now += tick
    return released


def by_minute(released: list[tuple[int, int]]) -> list[int]:
    minutes = [0] * (1 + (released[-1][0] - NOW) // MINUTE)
    for instant, count in released:
        minutes[(instant - NOW) // MINUTE] += count
    return minutes


@pytest.mark.parametrize("tick", [1000, 5000, MINUTE])
def test_exponential_scenario(tick: int) -> None:
    """Scenario 12: base 50, factor 2, criterion 1000 notified, 4000 things."""
    rate = Exponential(50, Decimal(2), 1000, None)
    minutes = by_minute(roll_out(4000, rate, 1000, tick))
    assert minutes == [50] * 20 + [100] * 10 + [200] * 5 + [400] * 2 + [200]


def test_exponential_scenario_capped() -> None:
    rate = Exponential(50, Decimal(2), 1000, None)
    assert by_minute(roll_out(4000, rate, 150, 1000))[:35] == [50] * 20 + [100] * 10 + [150] * 5


@pytest.mark.parametrize(
    ("notified", "succeeded", "expected"),
    [
        (0, 0, 50),
        (999, 999, 50),
        (1000, 0, 100),
        (0, 1000, 100),
        (2000, 1000, 200),
        (3000, 0, 400),
        (4000, 0, 800),
        (5000, 0, 1000),
        (10**9, 10**9, 1000),
    ],
)
def test_the_example_of_aws(notified: int, succeeded: int, expected: int) -> None:
    assert rollout.per_minute(AWS_EXAMPLE, notified, succeeded) == expected


def test_a_fraction_is_rounded_down() -> None:
    rate = Exponential(50, Decimal("1.5"), 200, None)
    assert [rollout.per_minute(rate, total, 0) for total in (199, 200, 400, 600)] == [50, 75, 112, 168]


def test_decimal_is_exact() -> None:
    """10 x 1.1 is 11 (in binary floating point 1.1 x 10 x 1.1 ... drifts); 1000 x 1.1^2 is 1210 exactly."""
    rate = Exponential(1000, Decimal("1.1"), 1, None)
    assert [rollout.per_minute(rate, k, 0, ceiling=10**6) for k in range(4)] == [1000, 1100, 1210, 1331]


def test_constant() -> None:
    assert rollout.per_minute(None, 5, 5, ceiling=7) == 7
    assert rollout.per_minute(None, 0, 0) == 1000


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.integers(1, 1000),
    st.integers(11, 50),
    st.one_of(st.none(), st.integers(1, 5000)),
    st.one_of(st.none(), st.integers(1, 5000)),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.integers(1, 1000),
)
def test_rate_is_bounded_exact_and_never_falls(
    base: int, tenths: int, every: int | None, each: int | None, notified: int, succeeded: int, ceiling: int
) -> None:
    rate = Exponential(base, Decimal(tenths) / 10, every, each)
    found = rollout.per_minute(rate, notified, succeeded, ceiling=ceiling)
    assert min(base, ceiling) <= found <= ceiling
    k = min(rollout.increments(rate, notified, succeeded), 80)  # 1.1^80 is beyond any ceiling
    assert found == min(ceiling, int(base * Fraction(tenths, 10) ** k))
    assert found <= rollout.per_minute(rate, notified + 1, succeeded + 1, ceiling=ceiling)


def test_the_rate_is_read_once_a_minute() -> None:
    current = rollout.slice_in_force(None, AWS_EXAMPLE, notified=950, succeeded=0, now=NOW)
    assert current == Slice(NOW, 50)
    late = NOW + MINUTE - 1
    assert rollout.slice_in_force(current, AWS_EXAMPLE, notified=1000, succeeded=0, now=late) == current
    following = rollout.slice_in_force(current, AWS_EXAMPLE, notified=1000, succeeded=0, now=current.ends_at)
    assert following == Slice(NOW + MINUTE, 100)


def test_a_clock_that_went_back_begins_a_slice() -> None:
    current = Slice(NOW, 50)
    assert rollout.slice_in_force(current, None, notified=0, succeeded=0, now=NOW - 1, ceiling=9) == Slice(NOW - 1, 9)


def test_the_next_look_is_no_later_than_the_end_of_the_slice() -> None:
    current = Slice(NOW, 50)
    assert rollout.slice_allowance(current, [(NOW + 10, 50)], NOW + 20) == (0, NOW + MINUTE)
    assert rollout.slice_allowance(current, [(NOW - 50_000, 50)], NOW) == (0, NOW + 10_000)


def test_allowance_of_a_constant_rate() -> None:
    assert rollout.allowance(50, [], NOW) == (50, NOW + MINUTE)
    assert rollout.allowance(50, [(NOW - 10_000, 20), (NOW - 5_000, 5)], NOW) == (25, NOW + 50_000)
    assert rollout.allowance(50, [(NOW - MINUTE, 50)], NOW) == (50, NOW + MINUTE)
    assert rollout.allowance(50, [(NOW - MINUTE + 1, 50)], NOW) == (0, NOW + 1)
    assert rollout.allowance(50, [(NOW + 5_000, 50)], NOW) == (0, NOW + MINUTE)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(100, 20_000), st.integers(1, 100))
def test_never_more_than_the_rate_in_any_sixty_seconds(per_minute: int, minutes: int, tick: int, most: int) -> None:
    released = roll_out(min(per_minute * minutes, 600), None, per_minute, tick, most)
    for begin, _ in released:
        assert sum(count for instant, count in released if begin <= instant < begin + MINUTE) <= per_minute


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(1, 50), st.lists(st.tuples(st.integers(-90_000, 0), st.integers(1, 30)), max_size=8))
def test_nothing_is_allowed_before_the_next_look(per_minute: int, ages: list[tuple[int, int]]) -> None:
    released = [(NOW + age, count) for age, count in ages]
    found = rollout.allowance(per_minute, released, NOW)
    assert 0 <= found.count <= per_minute
    spent = [*released, (NOW, found.count)]
    assert rollout.allowance(per_minute, spent, found.again_at - 1).count == 0
