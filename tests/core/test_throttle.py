"""Token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import throttle
from tidegate.core.throttle import Bucket
from tidegate.wire.routes import OPERATIONS


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.floats(0.1, 500), st.lists(st.floats(0, 5), max_size=60))
def test_the_rate_holds_over_any_time_but_for_one_burst(rate: float, pauses: list[float]) -> None:
    bucket: Bucket | None = None
    now, admitted = 100.0, 0
    for pause in pauses:
        now += pause
        bucket, ok = throttle.take(bucket, rate, now)
        admitted += ok
        assert 0 <= bucket.tokens <= max(rate, 1.0)
    assert admitted <= max(rate, 1.0) + rate * (now - 100.0) + 1e-6


def test_a_second_brings_the_rate_back() -> None:
    bucket: Bucket | None = None
    for expected in [True] * 10 + [False]:
        bucket, ok = throttle.take(bucket, 10, 0.0)
        assert ok is expected
    assert bucket is not None
    assert not throttle.full(bucket, 10, 0.9)
    assert throttle.full(bucket, 10, 1.0)
    assert [throttle.take(bucket, 10, 0.05)[1], throttle.take(bucket, 10, 0.1)[1]] == [False, True]


def test_a_slow_rate_still_admits_the_first() -> None:
    bucket, ok = throttle.take(None, 0.5, 0.0)
    assert ok
    assert not throttle.take(bucket, 0.5, 1.9)[1]
    assert throttle.take(bucket, 0.5, 2.0)[1]


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    bucket, _ = throttle.take(None, 2, 10.0)
    again, ok = throttle.take(bucket, 2, 9.0)
    assert (ok, again.tokens) == (True, 0.0)


def test_every_operation_has_a_rate_of_aws() -> None:
    rates = throttle.aws(OPERATIONS)
    assert rates.keys() == {(plane, name) for plane, names in OPERATIONS.items() for name in names}
    assert rates["iot", "DescribeJob"] == 10
    assert rates["iot", "CreateThing"] == 100
    assert rates["iot", "UpdateIndexingConfiguration"] == 1
    assert rates["iot-jobs-data", "DescribeJobExecution"] == 200
    assert rates["iot-data", "Publish"] == 20_000
    named = {name for names in throttle._CONTROL.values() for name in names.split()}
    assert named <= OPERATIONS["iot"].keys()


def test_rates_of_a_file() -> None:
    found, problems = throttle.given(
        {"CreateJob": 2, "iot:DescribeJobExecution": 3, "default": 50, "DescribeJob": "off"}, OPERATIONS
    )
    assert problems == []
    assert found["iot", "CreateJob"] == 2
    assert found["iot", "DescribeJobExecution"] == 3
    assert found["iot-jobs-data", "DescribeJobExecution"] == 50
    assert ("iot", "DescribeJob") not in found


@pytest.mark.parametrize("value", [0, -1, True, "fast", None, float("inf"), float("nan")])
def test_everything_that_is_wrong_with_rates_is_told(value: object) -> None:
    _, problems = throttle.given({"CreateJob": value, "Nothing": 1}, OPERATIONS)
    assert problems == [
        "CreateJob must be a rate in requests a second, greater than 0, or off.",
        "There is no operation Nothing.",
    ]


@given(rate=st.floats(0.1, 1000), shares=st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_what_others_let_through_is_owed_up_to_a_burst(rate: float, shares: list[int]) -> None:
    bucket = None
    for place, count in enumerate(shares):
        before = max(rate, 1.0) if bucket is None else bucket.tokens
        bucket = throttle.spend(bucket, rate, float(place), count)
        assert -max(rate, 1.0) <= bucket.tokens <= max(rate, 1.0)
        assert count or bucket.tokens >= before
    assert bucket is not None
    assert throttle.full(bucket, rate, len(shares) + 2 * max(rate, 1.0) / rate + 1)
