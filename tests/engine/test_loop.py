"""The loop that moves time: when it looks, what it waits for, and that nothing stops it for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import NOW
from tidegate.clock import MovableClock
from tidegate.engine import loop
from tidegate.engine.loop import Engine, Stopped
from tidegate.ops.effects import EngineDue
from tidegate.runtime import unit
from tidegate.runtime.metrics import Metrics
from tidegate.store.database import Tx
from tidegate.store.sqlite import SqliteDatabase


class WallClock:
    """A clock that the test sets as an administrator might; it does not say that it can be moved."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> int:
        return self.instant


class Rig:
    """An engine over an empty store, whose steps do what is in ``due``; ``done`` is (what, when)."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.unit = unit.over(SqliteDatabase(None, now=NOW))
        self.due: list[int] = []
        self.done: list[tuple[int, int]] = []
        self.steps = 0
        self.failures: list[Exception] = []
        self.worked = asyncio.Event()
        self.metrics = Metrics()
        self.engine = Engine(self.unit, clock, self._step, self.metrics)

    def _step(self, tx: Tx, now: int) -> int | None:
        self.steps += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.due and min(self.due) <= now:
            self.done.append((min(self.due), now))
            self.due.remove(min(self.due))
            self.worked.set()
        return min(self.due, default=None)

    async def tell(self, at: int) -> None:
        """Somebody stores something that is due at an instant."""

        def work(tx: Tx) -> None:
            self.due.append(at)
            tx.effects.append(EngineDue(at))

        await self.unit.transact(work)
        await self.unit.delivered()


def run(clock: Any, test: Callable[[Rig], Awaitable[None]]) -> None:
    async def bounded() -> None:
        rig = Rig(clock)
        rig.engine.start()
        try:
            await asyncio.wait_for(test(rig), timeout=20)
        finally:
            await rig.engine.stop()
            await rig.unit.close()

    asyncio.run(bounded())


def test_settle_does_everything_due_and_tells_what_is_next() -> None:
    async def test(rig: Rig) -> None:
        rig.due = [NOW - 10, NOW, NOW + 5]
        assert await rig.engine.settle() == NOW + 5
        assert rig.done == [(NOW - 10, NOW), (NOW, NOW)]

    run(MovableClock(NOW), test)


def test_what_is_due_when_it_is_stored_is_done_without_being_asked() -> None:
    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        await rig.tell(NOW)
        await rig.worked.wait()
        assert rig.done == [(NOW, NOW)]

    run(MovableClock(NOW), test)


def test_while_time_stands_still_the_store_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LONGEST_SLEEP_S", 0.0)

    async def test(rig: Rig) -> None:
        await rig.tell(NOW + 1)
        await rig.engine.settle()
        looked = rig.steps
        for _ in range(50):  # turns of the event loop, in each of which a loop that polls would look
            await rig.unit.transact(lambda tx: None)
        assert rig.steps == looked
        assert rig.done == []

    run(MovableClock(NOW), test)


@pytest.mark.parametrize("jump", [3_600_000, 365 * 86_400_000])
def test_a_wall_clock_that_jumps_ahead_is_noticed_without_a_word(jump: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loop._LONGEST_SLEEP_S <= 1
    monkeypatch.setattr(loop, "_LONGEST_SLEEP_S", 0.01)

    async def test(rig: Rig) -> None:
        rig.due = [NOW + jump]
        assert await rig.engine.settle() == NOW + jump
        rig.clock.instant += jump
        await rig.worked.wait()
        assert rig.done == [(NOW + jump, NOW + jump)]

    run(WallClock(), test)


def test_a_wall_clock_that_jumps_back_does_nothing_early_or_twice() -> None:
    async def test(rig: Rig) -> None:
        rig.due = [NOW]
        await rig.engine.settle()
        rig.clock.instant -= 3_600_000
        rig.due = [NOW + 5]
        assert await rig.engine.settle() == NOW + 5
        await rig.tell(NOW - 3_600_000)
        await rig.engine.settle()
        assert rig.done == [(NOW, NOW), (NOW - 3_600_000, NOW - 3_600_000)]

    run(WallClock(), test)


def test_a_step_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_FIRST_RETRY_S", 0.01)

    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        rig.failures = [RuntimeError("no space")]
        rig.due = [NOW]
        with caplog.at_level(logging.ERROR, "tidegate.engine"), pytest.raises(RuntimeError, match="no space"):
            await rig.engine.settle()
        await rig.worked.wait()
        assert rig.done == [(NOW, NOW)]
        assert rig.metrics.engine_failures == 1
        assert "look at the store first" in caplog.text

    run(MovableClock(NOW), test)


def test_an_engine_that_ends_keeps_nobody_waiting() -> None:
    async def test(rig: Rig) -> None:
        await rig.engine.stop()
        with pytest.raises(Stopped):
            await rig.engine.settle()

    run(MovableClock(NOW), test)


def test_effects_reach_the_engine_before_anybody_asks() -> None:
    """``settle`` called right after a commit sees what it stored."""

    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        telling = asyncio.gather(*(rig.tell(NOW - number) for number in range(50)))
        await telling
        await rig.engine.settle()
        assert len(rig.done) == 50

    run(MovableClock(NOW), test)
