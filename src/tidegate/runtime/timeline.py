"""Moves the time of a server whose clock stands still, and lets everything happen that lies on the way.

Time goes from one due instant to the next. At each, what is due is done, notifications and events of it are published,
and only then does time go on: so everything bears its own instant, in order, and a device hears of each change and not
only of the last. Moves are carried out one after another; a clock that runs is held meanwhile and runs on afterwards.

Time may go back: nothing is undone, and what was foreseen comes when its time comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tidegate.clock import Clock, Millis, MovableClock

LATEST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: the last instant that can be written in ISO 8601."""


class Moment(NamedTuple):
    """Where time stands; ``next_at`` is when something is due next, None if nothing is foreseen."""

    now: Millis
    frozen: bool
    next_at: Millis | None


class FixedClock(Exception):  # noqa: N818 - a state, not a fault
    """The server runs on the system clock, which nobody moves."""


class OutOfCalendar(Exception):  # noqa: N818 - an answer, not a fault
    """An instant before 1970 or after ``LATEST``."""


class Timeline:
    """The time of one server. Every method returns once everything due by then was done and is visible.

    They raise what a step of the engine failed with; time then stands where that happened.
    """

    def __init__(
        self, clock: Clock, settle: Callable[[], Awaitable[Millis | None]], published: Callable[[], Awaitable[None]]
    ) -> None:
        """``settle`` does what is due at the present instant and tells when the next thing is; ``published`` waits
        until subscribers have been sent what follows from it."""
        self._clock = clock
        self._settle = settle
        self._published = published
        self._moving = asyncio.Lock()
        self._held = False

    async def present(self) -> Moment:
        """Where time stands. While a move is under way, a place on the way."""
        return self._moment(await self._settled())

    async def advance(self, milliseconds: int) -> Moment:
        """Go ahead by a span."""
        async with self._moving:
            return await self._travel(self._movable().now() + milliseconds)

    async def set(self, instant: Millis) -> Moment:
        """Go to an instant, ahead or back."""
        async with self._moving:
            return await self._travel(instant)

    async def to_next_event(self) -> Moment:
        """Go to the next instant at which something is due; stay if nothing is foreseen."""
        async with self._moving:
            return await self._travel(None)

    async def freeze(self) -> Moment:
        """Let time stand still."""
        async with self._moving:
            self._movable().freeze()
            return self._moment(await self._settled())

    async def resume(self) -> Moment:
        """Let time run at the speed of the machine's clock."""
        async with self._moving:
            self._movable().resume()
            return self._moment(await self._settled())

    def _movable(self) -> MovableClock:
        if not isinstance(self._clock, MovableClock):
            raise FixedClock
        return self._clock

    async def _travel(self, target: Millis | None) -> Moment:
        clock = self._movable()
        if target is not None and not 0 <= target <= LATEST:
            raise OutOfCalendar
        self._held = not clock.frozen
        clock.freeze()
        try:
            return self._moment(await self._go(clock, target))
        finally:
            if self._held:
                self._held = False
                clock.resume()
                await self._settle()  # the engine looks at a clock that runs again

    async def _go(self, clock: MovableClock, target: Millis | None) -> Millis | None:
        due = await self._settled()
        if target is None:
            target = clock.now() if due is None else due
        while due is not None and due <= target:
            clock.set(due)
            due = await self._settled()
        if clock.now() != target:
            clock.set(target)
            due = await self._settled()
        return due

    async def _settled(self) -> Millis | None:
        due = await self._settle()
        await self._published()
        return due

    def _moment(self, next_at: Millis | None) -> Moment:
        clock = self._clock
        standing = isinstance(clock, MovableClock) and clock.frozen and not self._held
        return Moment(clock.now(), standing, next_at)
