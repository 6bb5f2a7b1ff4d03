"""How jobs went, for whoever looks: read in parts beside devices' requests, kept, and read again when it has changed.

Reading a million executions takes a second or two of the processor, so it is done for all who look together, a few
milliseconds in a turn of the loop, and rests ten times as long as it took.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.clock import monotonic
from tidegate.core import course
from tidegate.core.course import Course
from tidegate.core.lifecycle import ACTIVE
from tidegate.http.forecasts import Forecasts
from tidegate.ops import courses
from tidegate.ops.call import Call
from tidegate.ops.forecast import RefusedError
from tidegate.ops.glances import Glance
from tidegate.runtime.service import Service
from tidegate.store.courses import BEFORE, Place
from tidegate.store.database import Lane, StoreError, Tx, in_lane

_PART_S: Final = 0.004
_REST: Final = 10
_AT_ONCE_S: Final = 0.05
"""A page waits so long for what it shows; the rest comes by itself."""
_MOST: Final = 100


@dataclass
class _Kept:
    course: Course | None = None
    of: Any = None
    """What the job was like that it was read of."""
    not_before: float = 0.0
    task: asyncio.Task[None] | None = None
    plan: Any = None
    planned: asyncio.Task[None] | None = None
    plan_of: Any = field(default=None)


class Courses:
    """The courses of the jobs of one server. Lives on its event loop."""

    def __init__(self, service: Service, forecasts: Forecasts) -> None:
        self._service = service
        self._forecasts = forecasts
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    async def of(self, call: Call, seen: Glance) -> Course | None:
        """How a job went, as far as is known by now; None if that is still being read."""
        kept = self._keep(seen.job.id)
        like = (seen.job.status, seen.job.updated_at, tuple(seen.counts.values()))
        if kept.task is None and kept.of != like and monotonic() >= kept.not_before:
            kept.task = asyncio.create_task(self._read(call, seen, kept, like))
            await asyncio.wait({kept.task}, timeout=_AT_ONCE_S)
        return kept.course

    async def _read(self, call: Call, seen: Glance, kept: _Kept, like: Any) -> None:
        begun, since = monotonic(), seen.job.rollout_started_at or seen.job.created_at
        found = Course(since, course.width(since, ended_at(seen, call.now)))
        place: Place | None = BEFORE
        try:
            while place is not None:
                place = await self._service.unit.read(in_lane(Lane.OPERATORS, self._part(seen.job.id, found, place)))
                await asyncio.sleep(0)
            kept.course, kept.of = found, like
        except StoreError:
            pass  # whoever looks next tries again
        finally:
            kept.task, kept.not_before = None, monotonic() + _REST * (monotonic() - begun)

    @staticmethod
    def _part(job_id: int, found: Course, place: Place) -> Any:
        def work(tx: Tx) -> Place | None:
            until = monotonic() + _PART_S
            return courses.part(tx, job_id, found, place, lambda: monotonic() >= until)

        return work

    async def planned(self, call: Call, seen: Glance) -> Any:
        """The forecast of a job as it was when it was created (``core.forecast.report.Report``), if there is one."""
        kept = self._keep(seen.job.id)
        if kept.planned is None and kept.plan_of != seen.job.config:
            kept.planned = asyncio.create_task(self._plan(call, seen, kept))
            await asyncio.wait({kept.planned}, timeout=_AT_ONCE_S)
        return kept.plan

    async def _plan(self, call: Call, seen: Glance, kept: _Kept) -> None:
        kept.plan, kept.plan_of = None, seen.job.config
        try:
            with contextlib.suppress(RefusedError, StoreError):
                kept.plan = await self._forecasts.planned(call, seen.job)
        finally:
            kept.planned = None

    def _keep(self, job_id: int) -> _Kept:
        kept = self._kept.setdefault(job_id, _Kept())
        self._kept.move_to_end(job_id)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return kept


def ended_at(seen: Glance, now: int) -> int:
    """How far (epoch ms) a job's curves go: to now, or to its last change if nothing is under way any more."""
    if seen.job.completed_at is None or any(seen.counts[status] for status in ACTIVE):
        return now
    return max(seen.job.updated_at, seen.job.completed_at)
