"""Runs the sweep again and again while something is due, and looks again when the sweep said so.

A step is one transaction (``ops.sweeps``); between two steps the event loop serves whoever waits. The loop keeps no
state that matters: everything it must remember is in the store, so it may be killed between any two steps, and several
processes may run one each on a shared PostgreSQL.

It is woken by the instant the last step named, by an ``EngineDue`` effect of a commit here, by whoever calls
``settle``, and at the latest after ``_LONGEST_SLEEP_S``: another process may have stored something due, and the wall
clock may have jumped. While a movable clock stands still no instant comes by itself, so it waits for a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from tidegate.clock import Clock, Millis, MovableClock, monotonic
from tidegate.engine.pacer import Look, Pacer
from tidegate.ops import clock_jumps
from tidegate.ops.effects import Acting, EngineDue, ExecutionsQueued, RowsHeld
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.unit import Unit
from tidegate.store.database import Lane, StoreUnavailable, Tx, in_lane, locks_rows

Step = Callable[[Tx, Millis], Millis | None]
"""One bounded step of what is due at an instant; returns when to look again (at once if not later), else None."""

log = logging.getLogger("tidegate.engine")

_LONGEST_SLEEP_S = 1.0
_TURNS = 3
"""Of the event loop: one reads requests, one runs them, one commits."""
_HELD_S = 0.02
"""A device's report takes about that long; whoever holds a row for longer costs the engine a step as often."""
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0
_LONGEST_OUTAGE_RETRY_S = 2.0
"""For a store that is away: what was due is done soon after it is back."""


class Stopped(Exception):  # noqa: N818 - a state, not a fault
    """The engine was stopped before it could do what was waited for."""


class Engine:
    """The loop of one process. Made and used on one event loop.

    ``next_at`` is when (epoch ms) the latest step wants the engine to look again; None if nothing is foreseen.
    """

    def __init__(
        self,
        unit: Unit,
        clock: Clock,
        step: Step,
        metrics: Metrics,
        *,
        beat: Callable[[], float] = monotonic,
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        """``beat`` counts seconds whatever the clock does: a clock that leaves its pace has jumped. ``alone`` tells
        whether no other server is on the store.
        """
        self._alone = alone
        self.next_at: Millis | None = None
        self._unit = unit
        self._clock = clock
        self._step = step
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._stopping = False
        self._pacer = None if isinstance(clock, MovableClock) else Pacer(clock, beat)
        self._retry_s = 0.0
        self._limited_log = RateLimitedLog(log)
        self._waiting: list[asyncio.Future[Millis | None]] = []
        self._task: asyncio.Task[None] | None = None
        self._held = False
        acting: dict[type, Callable[[Any], object]] = {
            EngineDue: self._due,
            ExecutionsQueued: self._released,
            RowsHeld: self._passed_over,
        }
        unit.subscribe(Acting(acting), own=True)

    def start(self) -> None:
        """Begin. What came due while nobody ran is done first."""
        self._task = self._loop.create_task(self._run(), name="tidegate-engine")

    async def stop(self) -> None:
        """End after the step under way; what is due stays in the store for the next start."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def settle(self) -> Millis | None:
        """Wait until everything due at the present instant has been done.

        Only steps that begin after the call count, so whatever the caller saw committed is taken into account.

        Returns:
            When (epoch ms) the next thing is due, None if nothing is foreseen.

        Raises:
            Exception: what a step failed with. The engine goes on trying; the caller need not wait for it.
            Stopped: the engine ended.
        """
        if self._stopping or self._task is None:
            raise Stopped
        future: asyncio.Future[Millis | None] = self._loop.create_future()
        self._waiting.append(future)
        self._wake.set()
        return await future

    def _released(self, effect: ExecutionsQueued) -> None:
        self._metrics.executions_released += len(effect.thing_ids)

    def _passed_over(self, _effect: RowsHeld) -> None:
        self._held = True

    def _due(self, effect: EngineDue) -> None:
        if self.next_at is None or effect.at < self.next_at:
            self.next_at = effect.at
            if not self._retry_s:  # a failing store is not asked sooner because devices are busy
                self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            look = None if self._pacer is None else self._pacer.look()
            now = self._clock.now() if look is None else look.wall
            try:
                if self._pacer is not None and look is not None:
                    await self._follow(self._pacer, look)
                due = await self._advance(now)
            except Exception as error:  # noqa: BLE001 - whatever it was, time must go on for the other jobs
                self._failed(error, waiting)
                await self._sleep(self._retry_s)
                continue
            self._retry_s = 0.0
            if due is not None and due <= now:
                self._waiting = waiting + self._waiting
                await _let_others_in()
                if self._held:
                    self._held = False
                    await asyncio.sleep(_HELD_S)
                continue
            for future in waiting:
                _resolve(future, due)
            await self._sleep(self._pause(due))
        for future in self._waiting:
            _fail(future, Stopped())

    async def _follow(self, pacer: Pacer, look: Look) -> None:
        """At the start, and where the clock has jumped, have what is stored follow it."""
        if pacer.keeps(look):
            return
        now, span, alone = look.wall, pacer.span(look), self._alone()

        def work(tx: Tx) -> None:
            if span is None:
                clock_jumps.began(tx, now)
            else:
                clock_jumps.follow(tx, span, now, alone=alone)

        await self._unit.transact(in_lane(Lane.HOUSE, locks_rows(work)))
        pacer.accept(look)
        if span is not None:
            self._metrics.clock_jumps += 1
            log.warning(
                "the wall clock jumped by %+.1f s; rollouts and timers go on as if it had not: look at what sets it",
                (now - span[1]) / 1000,
            )

    async def _advance(self, now: Millis) -> Millis | None:
        """One step; when to look again."""
        self.next_at = None
        step = self._step
        due: Millis | None = await self._unit.transact(in_lane(Lane.HOUSE, locks_rows(lambda tx: step(tx, now))))
        # A commit during the step may have named an instant the step could not see.
        if due is not None and (self.next_at is None or due < self.next_at):
            self.next_at = due
        self._metrics.engine_steps += 1
        self._metrics.engine_lag_ms = 0 if due is None else max(0, now - due)
        return due

    def _failed(self, error: Exception, waiting: list[asyncio.Future[Millis | None]]) -> None:
        self._metrics.engine_failures += 1
        away = isinstance(error, StoreUnavailable)
        longest = _LONGEST_OUTAGE_RETRY_S if away else _LONGEST_RETRY_S
        self._retry_s = min(max(self._retry_s * 2, _FIRST_RETRY_S), longest)
        self._limited_log.error(
            "a step of the engine failed: %s; it is tried again in %.0f s. Rollouts and timers wait meanwhile: look at "
            "the store first (disk space, connection)",
            error,
            self._retry_s,
            exc_info=None if away else error,
        )
        for future in waiting:
            _fail(future, error)

    def _pause(self, due: Millis | None) -> float | None:
        """Seconds to sleep unless woken; None: until woken."""
        if isinstance(self._clock, MovableClock) and self._clock.frozen:
            return None
        next_at = self.next_at if due is None else due
        if next_at is None:
            return _LONGEST_SLEEP_S
        return min(max(next_at - self._clock.now(), 0) / 1000, _LONGEST_SLEEP_S)

    async def _sleep(self, seconds: float | None) -> None:
        timer = None if seconds is None else self._loop.call_later(seconds, self._wake.set)
        await self._wake.wait()
        if timer is not None:
            timer.cancel()


async def _let_others_in() -> None:
    """Give requests that arrived during a step a commit of their own, instead of one together with the next step."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _resolve(future: asyncio.Future[Millis | None], due: Millis | None) -> None:
    if not future.done():
        future.set_result(due)


def _fail(future: asyncio.Future[Millis | None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
