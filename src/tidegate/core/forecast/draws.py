"""What each device does: a uniform number for everything that is left to chance, as a function of the seed.

The numbers are hashes (SplitMix64), so a run is the same on every machine, in every order, and over arrays.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final, NamedTuple

from tidegate.core.forecast.fleet import HOURS, Cohort, Fleet
from tidegate.core.lifecycle import ExecutionStatus

HOUR: Final = 3_600_000
MASK: Final = (1 << 64) - 1
GAMMA: Final = 0x9E3779B97F4A7C15
MULTIPLIERS: Final = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
UNIT: Final = 2.0**-53


class Stream(IntEnum):
    """What is left to chance."""

    COHORT = 0
    ONLINE = 1
    START = 2
    RUN = 3
    OUTCOME = 4
    LOOPS = 5
    LIES = 6
    STALE = 7
    TWICE = 8
    DEAF = 9
    HTTPS = 10
    POLL = 11


def key(seed: int, stream: Stream, attempt: int) -> int:
    """Where a stream of numbers begins, one for each thing."""
    return _mix((_mix(seed * GAMMA & MASK) + (attempt << 8) + stream + 1) & MASK)


def uniform(beginning: int, thing: int) -> float:
    """The number of a thing, from 0 to 1, 1 excluded."""
    return (_mix((beginning + thing * GAMMA) & MASK) >> 11) * UNIT


def _mix(x: int) -> int:
    x = (x ^ (x >> 30)) * MULTIPLIERS[0] & MASK
    x = (x ^ (x >> 27)) * MULTIPLIERS[1] & MASK
    return x ^ (x >> 31)


class Online(NamedTuple):
    """When a device is there: in each hour anew, with the probability of that hour of the day.

    ``absent[h][k]`` is the chance that it is there in none of the hours from h to h + k.
    """

    shares: tuple[float, ...]
    absent: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, shares: tuple[float, ...]) -> Online:
        """From the share of devices that is there in each hour of the day."""
        rows = []
        for hour in range(HOURS):
            row, chance = [], 1.0
            for ahead in range(HOURS):
                chance *= 1 - shares[(hour + ahead) % HOURS]
                row.append(chance)
            rows.append(tuple(row))
        return cls(shares, tuple(rows))

    @property
    def always(self) -> bool:
        """True if it is there all day."""
        return min(self.shares) >= 1

    @property
    def never(self) -> bool:
        """True if it is there at no time."""
        return max(self.shares) <= 0

    def after(self, at: int, chance: float) -> int | None:
        """The first instant from ``at`` on at which it is there, for a uniform number; None if never."""
        hour = at // HOUR
        row = self.absent[hour % HOURS]
        left = 1 - chance
        if left > row[0]:
            return at
        if self.never:
            return None
        days, day = 0, row[-1]
        if day > 0 and left <= day:
            days = int(math.log(left) / math.log(day))
            left /= day**days
        ahead = next((k for k, absent in enumerate(row) if absent < left), HOURS)
        return (hour + days * HOURS + ahead) * HOUR


class Devices:
    """The devices of one run of a fleet, each thing by its number."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet = fleet
        self._seed = seed
        self._keys: dict[tuple[Stream, int], int] = {}
        self._online = [Online.of(one.online) for one in fleet.cohorts]

    def begins(self, thing: int, attempt: int, at: int) -> int | None:
        """When a device begins an execution that it can know of from an instant on; None if it never does."""
        which = self._cohort(thing)
        one = self._fleet.cohorts[which]
        if self._draw(Stream.OUTCOME, thing, attempt) < one.silent:
            return None
        there = self._online[which].after(at, self._draw(Stream.ONLINE, thing, attempt))
        return None if there is None else there + int(one.start.value(self._draw(Stream.START, thing, attempt)))

    def ends(self, thing: int, attempt: int, began_at: int, now: int) -> tuple[int, ExecutionStatus] | None:
        """When and how it reports the end of an execution that has not ended yet; None if it is never heard of."""
        one = self._fleet.cohorts[self._cohort(thing)]
        status = outcome(one, self._draw(Stream.OUTCOME, thing, attempt), begun=now > began_at)
        if status is None:
            return None
        if status == ExecutionStatus.REJECTED:
            return max(began_at, now), status
        share = self._draw(Stream.RUN, thing, attempt)
        if now > began_at:
            passed = one.run.share(now - began_at)
            share = passed + share * (1 - passed)
        return max(now, began_at + int(one.run.value(share))), status

    def _cohort(self, thing: int) -> int:
        cohorts = self._fleet.cohorts
        return 0 if len(cohorts) == 1 else place(bounds(self._fleet), self._draw(Stream.COHORT, thing, 0))

    def _draw(self, stream: Stream, thing: int, attempt: int) -> float:
        known = self._keys.get((stream, attempt))
        if known is None:
            known = self._keys[stream, attempt] = key(self._seed, stream, attempt)
        return uniform(known, thing)


def bounds(fleet: Fleet) -> tuple[float, ...]:
    """Up to which number a thing is of each cohort but the last."""
    found, total = [], 0.0
    for one in fleet.cohorts[:-1]:
        total += one.share
        found.append(total)
    return tuple(found)


def place(limits: tuple[float, ...], number: float) -> int:
    """The first of some rising limits that a number is below; their count if it is below none."""
    return next((index for index, limit in enumerate(limits) if number < limit), len(limits))


OUTCOMES: Final = (None, ExecutionStatus.FAILED, ExecutionStatus.REJECTED, None, ExecutionStatus.SUCCEEDED)
"""Silent, failed, rejected, stuck, and the rest."""


def outcome_limits(one: Cohort) -> tuple[float, ...]:
    """Up to which number an execution of a cohort ends in each way of ``OUTCOMES`` but the last."""
    silent, failed = one.silent, one.silent + one.failed
    return silent, failed, failed + one.rejected, failed + one.rejected + one.stuck


def outcome(one: Cohort, number: float, *, begun: bool) -> ExecutionStatus | None:
    """How an execution ends; None if it never does. What ``begun`` is not silent any more."""
    if begun and one.silent < 1:
        number = one.silent + number * (1 - one.silent)
    return OUTCOMES[place(outcome_limits(one), number)]
