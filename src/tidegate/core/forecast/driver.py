"""How a run goes from step to step of its job, in whichever way its devices are reckoned (``exact``, ``arrays``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Final

from tidegate.core import job as machine
from tidegate.core.forecast.run import Start
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.core.rollout import MINUTE

BATCH: Final = 1000
"""Executions that wait for a window: so many are queued in one step (``ops.sweeps``)."""


class Driver(ABC):
    """The job of a run, and what does not depend on its devices. Instants are epoch ms."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._job = start.job
        self._now = start.now
        self._wake: int | None = start.now
        """When the job wants to be looked at; None: something else must happen first."""
        self._next, self._left = start.things - start.to_come, start.to_come
        self._waiting = dict(enumerate(start.waiting, len(start.present)))
        self._recent = deque(start.recent)
        self._releases: list[tuple[int, int]] = []
        self._aborted_at: int | None = None

    @abstractmethod
    def _do(self, act: machine.Act) -> machine.Event | None:
        """Carry out an act; the event that answers it, if it asks for a batch."""

    def _happen(self, event: machine.Event) -> None:
        """Carry out what the job does about an event, and about the answers of its batches."""
        after: machine.Event | None = event
        while after is not None:
            step = machine.step(self._job, after, self._now)
            self._job, after = step.job, None
            for act in step.acts:
                after = self._do(act) or after
            self._rest(step)

    def _rest(self, step: machine.Step) -> None:
        if step.wait is not None:
            self._wake = None if step.wait.reason == machine.Reason.KEPT else step.wait.until

    def _told(self, counts: Mapping[ExecutionStatus, int]) -> machine.Facts:
        """What the job is told that has these executions."""
        while self._recent and self._recent[0][0] <= self._now - MINUTE:
            self._recent.popleft()
        waiting, start = min(len(self._waiting), BATCH), self._start
        return machine.Facts(counts, waiting, self._recent, True, start.ceiling, start.chunk, BATCH)

    def _let_out(self, release: machine.Release) -> int:
        """How many things a release reaches: those up to ``_next`` from now on."""
        count = min(release.limit, self._left)
        self._next, self._left = self._next + count, self._left - count
        if count:
            self._releases.append((self._now, count))
            self._recent.append((self._now, count))
        return count
