"""The engine under a wall clock that jumps, as an administrator or a time server makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import NOW
from tidegate.engine import loop
from tidegate.engine.loop import Engine
from tidegate.runtime import unit
from tidegate.runtime.metrics import Metrics
from tidegate.store.database import Tx
from tidegate.store.sqlite import SqliteDatabase

HOUR = 3_600_000


class WallClock:
    """A clock that the test sets; it does not say that it can be moved."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> int:
        return self.instant


class Rig:
    """An engine whose steps do what is in ``due``, one at a time; ``done`` is (what, when)."""

    def __init__(self) -> None:
        self.clock = WallClock()
        self.due: list[int] = []
        self.done: list[tuple[int, int]] = []
        self.worked = asyncio.Event()
        self.unit = unit.over(SqliteDatabase(None, now=NOW))
        self.engine = Engine(self.unit, self.clock, self._step, Metrics())

    def _step(self, _tx: Tx, now: int) -> int | None:
        if self.due and min(self.due) <= now:
            self.done.append((min(self.due), now))
            self.due.remove(min(self.due))
            self.worked.set()
        return min(self.due, default=None)


def run(test: Callable[[Rig], Awaitable[None]]) -> None:
    async def bounded() -> None:
        rig = Rig()
        rig.engine.start()
        try:
            await asyncio.wait_for(test(rig), timeout=20)
        finally:
            await rig.engine.stop()
            await rig.unit.close()

    asyncio.run(bounded())


@pytest.mark.parametrize("jump", [HOUR, 365 * 24 * HOUR])
def test_a_jump_ahead_is_noticed_without_a_word(jump: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loop._LONGEST_SLEEP_S <= 1
    monkeypatch.setattr(loop, "_LONGEST_SLEEP_S", 0.01)

    async def test(rig: Rig) -> None:
        rig.due = [NOW + jump, NOW + jump - 1]
        assert await rig.engine.settle() == NOW + jump - 1
        rig.clock.instant += jump
        await rig.worked.wait()
        await rig.engine.settle()
        assert rig.done == [(NOW + jump - 1, NOW + jump), (NOW + jump, NOW + jump)]

    run(test)


def test_after_a_jump_back_nothing_is_done_early_or_twice() -> None:
    async def test(rig: Rig) -> None:
        rig.due = [NOW]
        await rig.engine.settle()
        rig.clock.instant -= HOUR
        rig.due = [NOW + 5, NOW - HOUR]
        assert await rig.engine.settle() == NOW + 5
        rig.clock.instant += HOUR + 5
        assert await rig.engine.settle() is None
        assert rig.done == [(NOW, NOW), (NOW - HOUR, NOW - HOUR), (NOW + 5, NOW + 5)]

    run(test)
