"""What the devices of a fleet are like: when they are there, how long they take, and how often they do not succeed."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, NamedTuple

HOURS = 24
SHARES: Final = ("failed", "rejected", "silent", "stuck")
"""The ways in which an execution does not succeed."""
HABITS: Final = ("loops", "lies", "stale", "twice", "deaf", "https")
"""Shares that a forecast has no use for: how devices behave beyond what becomes of their executions."""


class Quantiles(NamedTuple):
    """A distribution of spans: ``values`` (ms) that a share of ``at`` stays below; straight lines between them.

    ``at`` begins with 0.0 and ends with 1.0, ascending; ``values`` never fall.
    """

    at: tuple[float, ...]
    values: tuple[float, ...]

    def value(self, share: float) -> float:
        """What a share of the spans stays below."""
        place = min(max(bisect_right(self.at, share) - 1, 0), len(self.at) - 2)
        return self.values[place] + self._slope(place) * (share - self.at[place])

    @property
    def slopes(self) -> tuple[float, ...]:
        """How the values rise from one quantile to the next."""
        return tuple(self._slope(place) for place in range(len(self.at) - 1))

    def _slope(self, place: int) -> float:
        return (self.values[place + 1] - self.values[place]) / (self.at[place + 1] - self.at[place])

    def share(self, value: float) -> float:
        """The share of the spans below a value."""
        if value <= self.values[0]:
            return 0.0
        if value >= self.values[-1]:
            return 1.0
        place = bisect_right(self.values, value) - 1
        return self.at[place] + (value - self.values[place]) / self._slope(place)


class Cohort(NamedTuple):
    """Devices that are alike.

    Args:
        name: for people.
        share: of the fleet, 0 to 1.
        online: for each hour of the day (UTC), the share of the devices that is there.
        start: from when a device that is there could know of an execution until it reports IN_PROGRESS.
        run: from there until it reports how it ended.
        failed, rejected, silent, stuck: shares of the executions. A silent one is never begun, one that is stuck is
            begun and never heard of again; a rejected one is begun and rejected at once.
        artifact_bytes: what each downloads.
        bytes_per_second: how fast one downloads; None if that takes all of ``run``.
        dies_at: how much of ``run`` a stuck one still reports, 0 to 1.
        loops: of the stuck, the share that begins over and over instead of falling silent.
        lies, stale, twice, deaf: shares of the executions whose device says it runs another version, names a
            ``expectedVersion`` that never was, reports the end twice, goes on when the execution was taken away.
        https: the share of the devices that poll over HTTPS; the others hold an MQTT connection.
        poll: how often those do.
        steps: reports of progress on the way.
    """

    name: str = "all"
    share: float = 1.0
    online: tuple[float, ...] = (1.0,) * HOURS
    start: Quantiles = Quantiles((0.0, 0.5, 0.9, 1.0), (0.0, 2000.0, 10_000.0, 60_000.0))
    run: Quantiles = Quantiles((0.0, 0.5, 0.9, 1.0), (5000.0, 60_000.0, 180_000.0, 600_000.0))
    failed: float = 0.0
    rejected: float = 0.0
    silent: float = 0.0
    stuck: float = 0.0
    artifact_bytes: int = 0
    bytes_per_second: float | None = None
    dies_at: float = 0.6
    loops: float = 0.0
    lies: float = 0.0
    stale: float = 0.0
    twice: float = 0.0
    deaf: float = 0.0
    https: float = 0.0
    poll: Quantiles = Quantiles((0.0, 1.0), (300_000.0, 300_000.0))
    steps: int = 2


class Fleet(NamedTuple):
    """The cohorts of a fleet; their shares come to 1."""

    cohorts: tuple[Cohort, ...] = (Cohort(),)

    def all_end(self, failure: str) -> Fleet:
        """The same fleet, all of whose executions are ``failed``, ``rejected`` or ``stuck``."""
        shares: dict[str, Any] = {**dict.fromkeys(SHARES, 0.0), failure: 1.0}
        return Fleet(tuple(one._replace(**shares) for one in self.cohorts))
