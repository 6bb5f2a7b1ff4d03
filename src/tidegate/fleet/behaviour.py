"""What a simulated device makes of a job: drawn from a seed, the same whenever and in whatever order it is asked.

A draw depends on seed, thing, job and execution number alone. So whoever knows the behaviour knows beforehand how a
rollout must end, and a device that lost its connection in the middle of a job carries on with the plan it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

Ending = Literal["SUCCEEDED", "FAILED", "REJECTED"]

LIE = "0.0.0-never-sent"
"""The version that a device which lies says it runs."""


class Report(NamedTuple):
    """An update a device sends ``after_s`` seconds after its previous one was accepted.

    ``stale``: first with an ``expectedVersion`` that never was. ``twice``: when it was accepted, once more.
    """

    after_s: float
    status: str
    details: dict[str, str]
    stale: bool = False
    twice: bool = False

    @property
    def ends(self) -> bool:
        """Whether the execution is over with it."""
        return self.status != "IN_PROGRESS"


class Plan(NamedTuple):
    """What a device will do with one execution.

    Args:
        ending: None: it starts, and is never heard of again.
        seconds: from its start until it reports the end.
        steps: reports of progress on the way.
        begins: False: it never starts it.
        start_s: how long it waits before it starts it.
        dies_at: without an ending: how much of it is still reported, 0 to 1.
        loops: without an ending: begins over and over.
        lies: says in its last report that it runs another version.
        stale: names an ``expectedVersion`` that never was, and tries again without.
        twice: reports the end twice.
        deaf: goes on although the execution was taken away from it.
    """

    ending: Ending | None
    seconds: float
    steps: int
    begins: bool = True
    start_s: float = 0.0
    dies_at: float = 0.0
    loops: bool = False
    lies: bool = False
    stale: bool = False
    twice: bool = False
    deaf: bool = True

    def reports(self) -> Iterator[Report]:
        """The updates to send, in order; the last one, if there is one, is terminal. One that loops has no last."""
        if self.ending == "REJECTED":
            yield Report(0.0, "REJECTED", {"reason": "not now"}, stale=self.stale, twice=self.twice)
            return
        if self.loops and self.ending is None:
            while True:
                yield from self._progress(max(self.steps, 1), max(self.steps, 1))
        yield from self._progress(self.steps, self.steps if self.ending else int(self.dies_at * self.steps))
        if self.ending is not None:
            stale = self.stale and not self.steps
            yield Report(self._pause, self.ending, self._result(), stale=stale, twice=self.twice)

    @property
    def _pause(self) -> float:
        return self.seconds / (self.steps + 1)

    def _progress(self, steps: int, upto: int) -> Iterator[Report]:
        for step in range(1, upto + 1):
            details = {"step": f"{step} of {steps}", "percent": str(100 * step // steps)}
            yield Report(self._pause, "IN_PROGRESS", details, stale=self.stale and step == 1)

    def _result(self) -> dict[str, str]:
        if self.lies:
            return {"result": "installed", "version": LIE}
        return {"result": "installed"} if self.ending == "SUCCEEDED" else {"error": "checksum mismatch"}


class Behaves(Protocol):
    """Knows what a device will do."""

    def plan(self, thing_name: str, job_id: str, execution_number: int) -> Plan:
        """The plan of one device for one execution."""
        ...


class Behaviour(NamedTuple):
    """How devices behave. Probabilities from 0 to 1, which exclude each other; what is left succeeds.

    A job takes between ``quickest`` and ``slowest`` seconds of real time, with ``steps`` progress reports on the way.
    """

    seed: int = 0
    quickest: float = 0.0
    slowest: float = 0.0
    steps: int = 1
    failure: float = 0.0
    rejection: float = 0.0
    silence: float = 0.0

    def plan(self, thing_name: str, job_id: str, execution_number: int) -> Plan:
        """The plan of one device for one execution."""
        key = f"{self.seed}/{thing_name}/{job_id}/{execution_number}".encode()
        digest = hashlib.blake2b(key, digest_size=16).digest()
        return Plan(self._ending(_fraction(digest[:8])), self._seconds(_fraction(digest[8:])), self.steps)

    def _ending(self, drawn: float) -> Ending | None:
        if drawn < self.failure:
            return "FAILED"
        if drawn < self.failure + self.rejection:
            return "REJECTED"
        if drawn < self.failure + self.rejection + self.silence:
            return None
        return "SUCCEEDED"

    def _seconds(self, drawn: float) -> float:
        return self.quickest + drawn * (self.slowest - self.quickest)


def _fraction(raw: bytes) -> float:
    """A number from 0 to below 1."""
    return int.from_bytes(raw[:6], "big") / (1 << 48)
