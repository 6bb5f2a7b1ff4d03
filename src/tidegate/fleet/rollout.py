"""Carries a job to its end: watches it through boto3, and moves a movable clock on when a wave of devices is done.

The order is always the same: settle what is due, look, and if no device owes anything, go to the next instant at which
something happens. On the system clock there is nothing to move and the waves come by themselves.
"""

from __future__ import annotations

import asyncio
import bisect
import http.client
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tidegate.clock import Millis, monotonic
from tidegate.fleet.fleet import Fleet

STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")
_COUNTERS = {
    status: f"numberOf{''.join(word.title() for word in status.split('_'))}Things" for status in STATUSES
}  # QUEUED is numberOfQueuedThings in jobProcessDetails
_BY_DEVICES = frozenset({"SUCCEEDED", "FAILED", "REJECTED"})
_POLL_S = 0.1
_PATIENCE_S = 30.0
_SAME_WAVE_MS = 30_000
_MINUTE_MS = 60_000


class RolloutFailed(Exception):  # noqa: N818 - what happened, not an error of a caller
    """The job cannot or did not come to its end; the message says why."""


class ClockState(msgspec.Struct, rename="camel"):
    """What ``/_tidegate/clock`` answers. ``next_event_at`` is ISO 8601."""

    epoch_ms: Millis
    frozen: bool
    next_event_at: str | None = None


class ClockPage:
    """The clock of a server, over HTTP. Blocks."""

    def __init__(self, http_address: str) -> None:
        """``http_address`` is ``http://host:port``."""
        self._netloc = urlsplit(http_address).netloc

    def read(self) -> ClockState:
        """How the clock stands, once everything due has been done."""
        return self._ask("GET", None)

    def to_next_event(self) -> ClockState:
        """Go to the next instant at which something is due, and do it."""
        return self._ask("POST", b'{"toNextEvent":true}')

    def _ask(self, method: str, body: bytes | None) -> ClockState:
        connection = http.client.HTTPConnection(self._netloc, timeout=30)
        try:
            connection.request(method, "/_tidegate/clock", body)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RolloutFailed(f"the clock answers {response.status}: {content.decode(errors='replace')}")
        return msgspec.json.decode(content, type=ClockState)


class Wave(NamedTuple):
    """Devices released together. ``reported`` counts those whose terminal report was acknowledged."""

    number: int
    released_at: Millis
    released: int
    reported: int


class Progress(NamedTuple):
    """How far a job is. ``counts`` has every status; ``elapsed_s`` is real time, ``moves`` how often time was moved."""

    status: str
    counts: Counter[str]
    waves: tuple[Wave, ...]
    clock: ClockState
    started_at: Millis
    online: int
    elapsed_s: float
    moves: int

    @property
    def released(self) -> int:
        """Executions so far."""
        return self.counts.total()

    @property
    def ended(self) -> int:
        """Executions in a terminal status."""
        return self.released - self.counts["QUEUED"] - self.counts["IN_PROGRESS"]


class Rollout:
    """One job of a fleet, watched until it is over."""

    def __init__(
        self, iot: Any, clock: ClockPage, fleet: Fleet, job_id: str, *, patience_s: float = _PATIENCE_S
    ) -> None:
        """``iot`` is a boto3 client; ``patience_s`` how long devices that owe something may do nothing."""
        self._iot = iot
        self._clock = clock
        self._fleet = fleet
        self._job_id = job_id
        self._patience_s = patience_s
        self._waves: list[Wave] = []
        self._moves = 0

    async def carry(self, show: Callable[[Progress], None]) -> Progress:
        """Watch, and move time when it stands still; ``show`` is called several times a second.

        Returns:
            How it ended, COMPLETED or otherwise.

        Raises:
            RolloutFailed: nothing moves any more although devices owe something, or nothing will ever be due.
        """
        began = seen_change = monotonic()
        before: Counter[str] | None = None
        origin = (await asyncio.to_thread(self._clock.read)).epoch_ms
        while True:
            progress = await self._look(began, origin)
            show(progress)
            if progress.counts != before:
                before, seen_change = progress.counts, monotonic()
            quiet = self._quiet(progress)
            if quiet and progress.status not in ("IN_PROGRESS", "SCHEDULED"):
                return progress
            if quiet and progress.clock.frozen:
                await self._move(progress)
            elif not quiet and monotonic() - seen_change > self._patience_s:
                raise RolloutFailed(f"devices owe something and nothing has changed for {self._patience_s:g} s")
            else:
                await asyncio.sleep(_POLL_S)

    def _quiet(self, progress: Progress) -> bool:
        """Whether no device will do anything before time moves on."""
        counts, fleet = progress.counts, self._fleet
        return not counts["QUEUED"] and not fleet.working_devices and counts["IN_PROGRESS"] <= fleet.silent_devices

    async def _look(self, began: float, origin: Millis) -> Progress:
        clock = await asyncio.to_thread(self._clock.read)
        job = (await asyncio.to_thread(self._iot.describe_job, jobId=self._job_id))["job"]
        details = job["jobProcessDetails"]
        counts = Counter({status: details.get(counter, 0) for status, counter in _COUNTERS.items()})
        self._count_waves(counts, clock.epoch_ms)
        return Progress(
            status=job["status"],
            counts=counts,
            waves=tuple(self._waves),
            clock=clock,
            started_at=origin,
            online=self._fleet.online,
            elapsed_s=monotonic() - began,
            moves=self._moves,
        )

    def _count_waves(self, counts: Counter[str], now: Millis) -> None:
        new = counts.total() - sum(wave.released for wave in self._waves)
        if new > 0 and self._waves and now - self._waves[-1].released_at < _SAME_WAVE_MS:
            last = self._waves.pop()
            self._waves.append(last._replace(released=last.released + new))
        elif new > 0:
            self._waves.append(Wave(len(self._waves) + 1, now, new, 0))
        # A wave is seen a moment after it was queued, on a clock that runs.
        seen = [wave.released_at // 1000 for wave in self._waves]
        reported: Counter[int] = Counter()
        for queued_at, count in self._fleet.reported.items():
            reported[bisect.bisect_left(seen, queued_at)] += count
        self._waves = [wave._replace(reported=reported[place]) for place, wave in enumerate(self._waves)]

    async def _move(self, progress: Progress) -> None:
        if progress.clock.next_event_at is None:
            raise RolloutFailed(f"the job is {progress.status}, no device owes anything and nothing is due")
        await asyncio.to_thread(self._clock.to_next_event)
        self._moves += 1


# -- afterwards --------------------------------------------------------------------------------------------------------


class Executed(NamedTuple):
    """One execution as the service lists it afterwards."""

    thing_name: str
    number: int
    status: str
    queued_at: datetime
    updated_at: datetime


class Released(NamedTuple):
    """What was released at one instant, and what became of it."""

    at: datetime
    counts: Counter[str]
    last_update_at: datetime


def executions(iot: Any, job_id: str) -> list[Executed]:
    """Every execution of a job. Blocks."""
    pages = iot.get_paginator("list_job_executions_for_job").paginate(jobId=job_id, PaginationConfig={"PageSize": 250})
    return [
        Executed(
            thing_name=entry["thingArn"].rpartition("/")[2],
            number=summary.get("executionNumber", 1),
            status=summary["status"],
            queued_at=summary["queuedAt"],
            updated_at=summary["lastUpdatedAt"],
        )
        for page in pages
        for entry in page["executionSummaries"]
        for summary in (entry["jobExecutionSummary"],)
    ]


def releases(executed: Iterable[Executed]) -> list[Released]:
    """What was released when, oldest first."""
    ordered = sorted(executed, key=lambda one: one.queued_at)
    found = []
    for at, group in itertools.groupby(ordered, key=lambda one: one.queued_at):
        members = list(group)
        counts = Counter(one.status for one in members)
        found.append(Released(at, counts, max(one.updated_at for one in members)))
    return found


class Check(NamedTuple):
    """Something that must hold after a rollout."""

    claim: str
    holds: bool
    found: str


def checks(
    progress: Progress,
    executed: list[Executed],
    ended: Mapping[tuple[str, str, int], str],
    drawn: Mapping[str, str],
    per_minute: int,
) -> list[Check]:
    """What makes a rollout of one job a success.

    Args:
        progress: how it ended.
        executed: what the service lists.
        ended: what the service acknowledged to devices (``Fleet.ended``).
        drawn: how each thing's execution must end, by its behaviour.
        per_minute: the rate of the job.
    """
    listed = Counter(one.status for one in executed)
    reported = {(one.thing_name, one.number): one.status for one in executed if one.status in _BY_DEVICES}
    acknowledged = {(thing, number): status for (thing, _, number), status in ended.items()}
    things = {one.thing_name: one.status for one in executed}
    most = most_in_a_minute(executed)
    return [
        Check("the job is COMPLETED", progress.status == "COMPLETED", progress.status),
        Check("every device had its execution", things.keys() == drawn.keys(), f"{len(things)} of {len(drawn)}"),
        Check("every execution has ended", progress.ended == len(executed), f"{progress.ended} of {len(executed)}"),
        Check("the job's counters are its executions", +progress.counts == listed, tally(listed)),
        Check(
            "what devices were told is what the service holds",
            reported == acknowledged,
            f"{len(reported.items() & acknowledged.items())} of {len(reported)}",
        ),
        Check(
            "each ended as its behaviour had decided",
            things == drawn,
            f"{len(things.items() & drawn.items())} of {len(drawn)}",
        ),
        Check("the rate was never exceeded", most <= per_minute, f"at most {most} in any minute, {per_minute} allowed"),
    ]


def most_in_a_minute(executed: Iterable[Executed]) -> int:
    """The most executions that were queued within any sixty seconds."""
    instants = sorted(round(one.queued_at.timestamp() * 1000) for one in executed)
    first = most = 0
    for last, instant in enumerate(instants):
        while instants[first] <= instant - _MINUTE_MS:
            first += 1
        most = max(most, last - first + 1)
    return most


def tally(counts: Counter[str]) -> str:
    """``187 SUCCEEDED, 13 FAILED``: the statuses that occur."""
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
