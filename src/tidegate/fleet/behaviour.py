"""What a simulated device makes of a job: drawn from a seed, the same whenever and in whatever order it is asked.

A draw depends on seed, thing, job and execution number alone. So whoever knows the behaviour knows beforehand how a
rollout must end, and a device that lost its connection in the middle of a job carries on with the plan it had.
"""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple

Ending = Literal["SUCCEEDED", "FAILED", "REJECTED"]


class Report(NamedTuple):
    """An update a device sends ``after_s`` seconds after its previous one was accepted."""

    after_s: float
    status: str
    details: dict[str, str]


class Plan(NamedTuple):
    """What a device will do with one execution. ``ending`` None: it starts, and is never heard of again."""

    ending: Ending | None
    seconds: float
    steps: int

    def reports(self) -> list[Report]:
        """The updates to send, in order; the last one is terminal."""
        if self.ending is None:
            return []
        if self.ending == "REJECTED":
            return [Report(0.0, "REJECTED", {"reason": "not now"})]
        pause = self.seconds / (self.steps + 1)
        progress = [
            Report(pause, "IN_PROGRESS", {"step": f"{step} of {self.steps}", "percent": str(100 * step // self.steps)})
            for step in range(1, self.steps + 1)
        ]
        details = {"result": "installed"} if self.ending == "SUCCEEDED" else {"error": "checksum mismatch"}
        return [*progress, Report(pause, self.ending, details)]


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
