"""Devices as a model says they are (``core.forecast.model``): the file that a forecast reads, carried out.

Everything is drawn from the seed by the streams of ``core.forecast.draws``, by the thing's name. A device stays in its
cohort; what it makes of an execution depends on the job, too. Spans are divided by ``speed``.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import cast

from tidegate.core.forecast import draws
from tidegate.core.forecast.draws import Stream
from tidegate.core.forecast.fleet import HOURS, Cohort, Fleet
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.fleet.behaviour import Ending, Plan

_STUCK = 3
"""Its place in ``draws.OUTCOMES``."""


class Modelled:
    """The devices of a model, by their names (``behaviour.Behaves``)."""

    def __init__(self, fleet: Fleet, seed: int, speed: float = 1.0) -> None:
        """``speed``: seconds of the model to one real second."""
        self._fleet, self._seed, self._speed = fleet, seed, speed
        self._bounds = draws.bounds(fleet)

    def cohort(self, thing_name: str) -> Cohort:
        """What a device is like."""
        cohorts = self._fleet.cohorts
        if len(cohorts) == 1:
            return cohorts[0]
        return cohorts[draws.place(self._bounds, self._own(Stream.COHORT, thing_name))]

    def polls(self, thing_name: str) -> float | None:
        """After how many real seconds a device asks again over HTTPS; None if it holds an MQTT connection."""
        one = self.cohort(thing_name)
        if self._own(Stream.HTTPS, thing_name) >= one.https:
            return None
        return one.poll.value(self._own(Stream.POLL, thing_name)) / 1000 / self._speed

    def online(self, thing_name: str, hour: int) -> bool:
        """Whether a device is there in an hour, counted from the epoch (UTC)."""
        share = self.cohort(thing_name).online[hour % HOURS]
        return share >= 1 or self._own(Stream.ONLINE, thing_name, hour) < share

    def plan(self, thing_name: str, job_id: str, execution_number: int) -> Plan:
        """The plan of one device for one execution."""
        one, thing, seed = self.cohort(thing_name), _number(thing_name), _mixed(self._seed, job_id)

        def drawn(stream: Stream) -> float:
            return draws.uniform(_key(seed, stream, execution_number), thing)

        outcome = draws.place(draws.outcome_limits(one), drawn(Stream.OUTCOME))
        status = draws.OUTCOMES[outcome]
        return Plan(
            None if status is None else cast("Ending", status.name),
            one.run.value(drawn(Stream.RUN)) / 1000 / self._speed,
            one.steps,
            begins=status is not None or outcome == _STUCK,
            start_s=one.start.value(drawn(Stream.START)) / 1000 / self._speed,
            dies_at=one.dies_at,
            loops=drawn(Stream.LOOPS) < one.loops,
            lies=status == ExecutionStatus.SUCCEEDED and drawn(Stream.LIES) < one.lies,
            stale=drawn(Stream.STALE) < one.stale,
            twice=drawn(Stream.TWICE) < one.twice,
            deaf=drawn(Stream.DEAF) < one.deaf,
        )

    def _own(self, stream: Stream, thing_name: str, number: int = 0) -> float:
        """What is drawn for a device, whatever the job."""
        return draws.uniform(_key(self._seed, stream, number), _number(thing_name))


@lru_cache(maxsize=4096)
def _key(seed: int, stream: Stream, number: int) -> int:
    return draws.key(seed, stream, number)


@lru_cache(maxsize=1024)
def _mixed(seed: int, job_id: str) -> int:
    return _hashed(f"{seed}/{job_id}")


@lru_cache(maxsize=65_536)
def _number(thing_name: str) -> int:
    return _hashed(thing_name)


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
