"""Each device's numbers: even, independent of each other, and the same for ever."""

from __future__ import annotations

import itertools

import pytest

from tidegate.core.forecast import draws
from tidegate.core.forecast.draws import HOUR, Devices, Online, Stream
from tidegate.core.forecast.fleet import Cohort, Fleet
from tidegate.core.lifecycle import ExecutionStatus

NOW = 1_767_225_600_000
MANY = 4000


def test_a_seed_means_the_same_for_ever() -> None:
    assert draws.uniform(draws.key(1, Stream.RUN, 0), 0) == 0.5950543476838995
    assert draws.uniform(draws.key(2, Stream.START, 3), 1_000_000) == 0.4458221694301845


@pytest.mark.parametrize("stream", Stream)
def test_numbers_are_even(stream: Stream) -> None:
    key = draws.key(7, stream, 1)
    numbers = [draws.uniform(key, thing) for thing in range(MANY)]
    tenths = [sum(int(number * 10) == tenth for number in numbers) for tenth in range(10)]
    assert all(abs(count - MANY / 10) < 80 for count in tenths)
    pairs = sum((a - 0.5) * (b - 0.5) for a, b in itertools.pairwise(numbers)) / MANY
    assert abs(pairs) < 0.006


def test_streams_attempts_and_seeds_differ() -> None:
    keys = {draws.key(seed, stream, attempt) for seed in range(20) for stream in Stream for attempt in range(11)}
    assert len(keys) == 20 * len(Stream) * 11


def test_a_device_is_there_by_the_share_of_the_hour() -> None:
    online = Online.of((0.5,) * 12 + (0.0,) * 12)
    noon, midnight = NOW + 12 * HOUR, NOW + 24 * HOUR
    assert online.after(NOW + 5, 0.49) == NOW + 5
    assert online.after(NOW + 5, 0.5) == NOW + HOUR
    assert online.after(NOW + 5, 0.75) == NOW + 2 * HOUR
    assert online.after(noon, 0.2) == midnight
    assert online.after(NOW + 5, 1 - 0.5**12 - 1e-9) == NOW + 11 * HOUR
    assert online.after(NOW + 5, 1 - 0.5**12 + 1e-9) == midnight
    assert Online.of((0.0,) * 24).after(NOW, 0.5) is None


def test_shares_come_true() -> None:
    fleet = Fleet((Cohort(silent=0.1, failed=0.2, rejected=0.05, stuck=0.15),))
    devices = Devices(fleet, 3)
    begun = [thing for thing in range(MANY) if devices.begins(thing, 0, NOW) is not None]
    ends = [devices.ends(thing, 0, NOW, NOW) for thing in begun]
    found = [None if end is None else end[1] for end in ends]
    assert len(begun) / MANY == pytest.approx(0.9, abs=0.02)
    for status, share in (
        (ExecutionStatus.FAILED, 0.2),
        (ExecutionStatus.REJECTED, 0.05),
        (None, 0.15),
        (ExecutionStatus.SUCCEEDED, 0.5),
    ):
        assert found.count(status) / MANY == pytest.approx(share, abs=0.02)


def test_what_has_run_for_a_while_ends_later_than_now() -> None:
    devices = Devices(Fleet(), 3)
    for thing in range(200):
        end = devices.ends(thing, 0, NOW - 120_000, NOW)
        assert end is not None
        assert NOW <= end[0] <= NOW + 480_000
