"""A run event by event: the job's own steps between what the devices do, in the order of ``ops.sweeps``.

At one instant the engine comes first, timeouts before the job unless the job was due earlier, then the devices in the
order of their numbers, each in a transaction of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from tidegate.core import job as machine
from tidegate.core import retry, timers
from tidegate.core.forecast.driver import BATCH, Driver
from tidegate.core.forecast.run import Run, Start
from tidegate.core.lifecycle import ACTIVE, EXECUTION_MOVES, ExecutionStatus, JobStatus, Stage

_QUEUED, _IN_PROGRESS = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS
_NEVER: Final = -1
_EXPIRE_CHUNK: Final = 250


class Behaviour(Protocol):
    """What devices do, things and attempts by their numbers; instants are epoch ms. ``draws.Devices`` is one."""

    def begins(self, thing: int, attempt: int, at: int) -> int | None:
        """When a device begins an execution that it can know of from an instant on; None if it never does."""

    def ends(self, thing: int, attempt: int, began_at: int, now: int) -> tuple[int, ExecutionStatus] | None:
        """When and as what it reports the end of an execution that runs now; None if it is never heard of."""


class _Execution:
    __slots__ = ("after_failed", "attempt", "end", "ended_at", "index", "queued_at", "started_at", "status", "thing")

    def __init__(self, index: int, thing: int, attempt: int, after_failed: int, queued_at: int) -> None:
        self.index = index
        self.thing = thing
        self.attempt = attempt
        self.after_failed = after_failed
        self.queued_at = queued_at
        self.started_at = _NEVER
        self.ended_at = _NEVER
        self.end: ExecutionStatus | None = None
        """As what its device will report it; None: it will be begun, or is never heard of."""
        self.status = _QUEUED


def run(start: Start, devices: Behaviour) -> Run:
    """Run a job until it comes to rest or to ``start.until``."""
    return _Exact(start, devices).run()


class _Exact(Driver):
    def __init__(self, start: Start, devices: Behaviour) -> None:
        super().__init__(start)
        self._devices = devices
        self._counts: Counter[ExecutionStatus] = Counter(start.counts)
        self._all: list[_Execution] = []
        self._latest: dict[int, _Execution] = {}
        self._plans: list[tuple[int, int, int]] = []
        self._deadlines: list[tuple[int, int, int]] = []
        self._missed: set[int] = set()
        """Things whose device looked for its execution while the job was between windows."""
        self._unsettled = False
        self._take_present()

    def _take_present(self) -> None:
        for thing, one in enumerate(self._start.present):
            execution = self._new(thing, one.attempt, one.after_failed, one.queued_at)
            if one.status == _IN_PROGRESS:
                execution.status = _IN_PROGRESS
                execution.started_at = self._now if one.started_at is None else one.started_at
                self._run_on(execution, one.deadline)
            else:
                self._plan(execution)

    def run(self) -> Run:
        cut = False
        while (at := self._next_instant()) is not None:
            if at > self._start.until:
                cut = True
                break
            self._now = max(self._now, at)
            if self._engine_at() == at:
                self._sweep()
            else:
                self._act(heappop(self._plans))
            self._settle()
        return self._outcome(cut=cut)

    def _engine_at(self) -> int | None:
        while self._deadlines and not self._is_running(self._deadlines[0]):
            heappop(self._deadlines)
        deadline = self._deadlines[0][0] if self._deadlines else None
        return min((at for at in (deadline, self._wake) if at is not None), default=None)

    def _is_running(self, timer: tuple[int, int, int]) -> bool:
        return self._all[timer[2]].status == _IN_PROGRESS

    def _next_instant(self) -> int | None:
        """When something happens next; None if nothing can change any more."""
        engine = self._engine_at()
        while self._plans and self._all[self._plans[0][2]].status not in ACTIVE:
            heappop(self._plans)
        device = self._plans[0][0] if self._plans else None
        idle = device is None and not (self._deadlines or self._left or self._waiting or self._missed)
        if idle and self._job.stage == Stage.NONE and self._wake is not None:
            # Windows open and close, and nothing is left that they could change; the end still takes away or completes.
            engine = self._wake = None if self._job.ended else self._job.plan.ends_at
        return min((at for at in (engine, device) if at is not None), default=None)

    # --- the engine --------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        deadline = self._deadlines[0][0] if self._deadlines else None
        if deadline is not None and (self._wake is None or deadline <= self._wake):
            self._expire(self._now if self._wake is None else min(self._now, self._wake))
        else:
            self._happen(machine.Look(self._facts()))

    def _expire(self, until: int) -> None:
        due: list[_Execution] = []
        while self._deadlines and self._deadlines[0][0] <= until and len(due) < _EXPIRE_CHUNK:
            timer = heappop(self._deadlines)
            if self._is_running(timer):
                due.append(self._all[timer[2]])
        for one in due:
            self._move(one, ExecutionStatus.TIMED_OUT)

    def _facts(self) -> machine.Facts:
        return self._told(self._counts)

    def _do(self, act: machine.Act) -> machine.Event | None:
        do = _DO.get(type(act))
        return do(self, act) if do else None

    def _settle(self) -> None:
        if not self._unsettled:
            return
        self._unsettled = False
        if not machine.active(self._counts) and machine.may_settle(self._job):
            self._happen(machine.Settled(self._facts()))

    def _show(self) -> None:
        if self._job.status != JobStatus.IN_PROGRESS:
            return
        missed, self._missed = sorted(self._missed), set()
        for index in missed:
            if self._all[index].status == _QUEUED:
                self._plan(self._all[index])

    def _queue_waiting(self) -> None:
        for thing in sorted(self._waiting)[:BATCH]:
            self._queue(thing, *self._waiting.pop(thing))

    def _release(self, release: machine.Release) -> machine.Event:
        count = self._let_out(release)
        for thing in range(self._next - count, self._next):
            self._queue(thing, 0, 0)
        return machine.Released(release, count, not self._left, self._facts())

    def _take_away(self, taking: machine.TakeAway) -> machine.Event:
        for one in list(self._latest.values()):
            act = taking.acts.get(one.status)
            status = EXECUTION_MOVES.get((one.status, act)) if act else None
            if status is not None:
                self._move(one, status)
        return machine.TookAway(finished=True, facts=self._facts())

    # --- executions --------------------------------------------------------------------------------------------------

    def _new(self, thing: int, attempt: int, after_failed: int, queued_at: int) -> _Execution:
        one = self._latest[thing] = _Execution(len(self._all), thing, attempt, after_failed, queued_at)
        self._all.append(one)
        return one

    def _queue(self, thing: int, attempt: int, after_failed: int) -> None:
        before = self._latest.get(thing)
        queued_at = self._now if before is None else retry.queued_at(before.queued_at, self._now)
        self._counts[_QUEUED] += 1
        self._plan(self._new(thing, attempt, after_failed, queued_at))

    def _plan(self, one: _Execution) -> None:
        at = self._devices.begins(one.thing, one.attempt, self._now)
        if at is not None:
            heappush(self._plans, (at, one.thing, one.index))

    def _act(self, plan: tuple[int, int, int]) -> None:
        one = self._all[plan[2]]
        if one.status == _QUEUED:
            if self._job.status == JobStatus.IN_PROGRESS:
                self._begin(one)
            else:
                self._missed.add(plan[2])
        elif one.status == _IN_PROGRESS and one.end is not None:
            self._move(one, one.end)

    def _begin(self, one: _Execution) -> None:
        one.started_at = self._now
        self._to(one, _IN_PROGRESS)
        self._run_on(one, timers.started(self._start.timeout_minutes, None, self._now).deadline)

    def _run_on(self, one: _Execution, deadline: int | None) -> None:
        end = self._devices.ends(one.thing, one.attempt, one.started_at, self._now)
        if end is not None:
            one.end = end[1]
            heappush(self._plans, (end[0], one.thing, one.index))
        if deadline is not None:
            heappush(self._deadlines, (deadline, one.thing, one.index))

    def _to(self, one: _Execution, status: ExecutionStatus) -> None:
        self._counts[one.status] -= 1
        self._counts[status] += 1
        one.status = status

    def _move(self, one: _Execution, status: ExecutionStatus) -> None:
        """An execution ends: what follows of it."""
        one.ended_at = self._now
        self._to(one, status)
        asked = machine.asks_at_end(self._job.plan, status, one.attempt, one.after_failed)
        if asked is None:
            self._unsettled = True
            return
        event = machine.Ended(status, one.attempt, one.after_failed, True, self._counts if asked.counts else None)
        before = self._job
        step = machine.step(self._job, event, self._now)
        self._job = step.job
        if machine.aborts(before, step.job):
            self._aborted_at = self._now
        for act in step.acts:
            if isinstance(act, machine.Queue):
                self._again(one.thing, act)
            else:
                self._do(act)
        self._rest(step)

    def _again(self, thing: int, act: machine.Queue) -> None:
        if act.when == retry.Retry.AT_NEXT_WINDOW:
            self._waiting[thing] = act.attempt, act.after_failed
        else:
            self._queue(thing, act.attempt, act.after_failed)

    def _settle_later(self) -> None:
        self._unsettled = True

    def _outcome(self, *, cut: bool) -> Run:
        done = self._all
        return Run(
            self._start,
            self._job,
            self._releases,
            self._aborted_at,
            self._job.completed_at,
            cut,
            [one.thing for one in done],
            [one.attempt for one in done],
            [one.queued_at for one in done],
            [one.started_at for one in done],
            [one.ended_at for one in done],
            [int(one.status) for one in done],
        )


_DO: dict[type, Callable[[_Exact, Any], machine.Event | None]] = {
    machine.Show: lambda run, act: run._show(),
    machine.ForgetWaiting: lambda run, act: run._waiting.clear(),
    machine.QueueWaiting: lambda run, act: run._queue_waiting(),
    machine.Settle: lambda run, act: run._settle_later(),
    machine.Release: lambda run, act: run._release(act),
    machine.TakeAway: lambda run, act: run._take_away(act),
}
