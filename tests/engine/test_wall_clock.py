"""The engine under a wall clock that jumps, as an administrator or a time server makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import NOW
from tidegate.engine import loop
from tidegate.engine.loop import Engine
from tidegate.engine.pacer import Pacer
from tidegate.ops import clock_jumps
from tidegate.runtime import unit
from tidegate.runtime.metrics import Metrics
from tidegate.store.database import StoreUnavailable, Tx
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
        self.beat = 7200.0
        self.metrics = Metrics()
        self.engine = Engine(self.unit, self.clock, self._step, self.metrics, beat=lambda: self.beat)

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


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_jump_is_counted_and_told_once(
    jump: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    followed: list[tuple[int, int]] = []
    monkeypatch.setattr(clock_jumps, "follow", lambda tx, span, now, alone: followed.append((span[1], now)))

    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        rig.beat += 600
        rig.clock.instant += 600_000 + 900  # a time server slews
        await rig.engine.settle()
        assert followed == []
        rig.beat += 30
        rig.clock.instant += 30_000 + jump
        await rig.engine.settle()
        await rig.engine.settle()
        after = NOW + 630_900 + jump
        assert followed == [(after - jump, after)]
        assert b"tidegate_clock_jumps_total 1.0" in rig.metrics.text()

    run(test)
    assert len([record for record in caplog.records if "the wall clock jumped" in record.message]) == 1


def test_a_slow_commit_is_no_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[int] = []

    async def test(rig: Rig) -> None:
        def follow(_tx: Tx, _span: object, now: int, alone: bool) -> None:
            followed.append(now)
            rig.clock.instant += 7_000
            rig.beat += 7

        monkeypatch.setattr(clock_jumps, "follow", follow)
        await rig.engine.settle()
        rig.clock.instant += HOUR
        await rig.engine.settle()
        await rig.engine.settle()
        assert followed == [NOW + HOUR]

    run(test)


@pytest.mark.parametrize("held_up", [1, 2, 3])
def test_a_process_that_is_held_up_between_two_looks_sees_no_jump(held_up: int) -> None:
    clock, beats, asked = WallClock(), 0.0, 0

    def beat() -> float:
        nonlocal beats, asked
        asked += 1
        if asked == held_up:  # it stood still just before it was told
            beats += 7
            clock.instant += 7_000
        return beats

    pacer = Pacer(clock, beat)
    pacer.accept(pacer.look())
    beats, clock.instant, asked = beats + 60, clock.instant + 60_000, 0
    assert pacer.keeps(pacer.look())


def test_a_clock_that_goes_back_with_its_beat_has_jumped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[int] = []
    monkeypatch.setattr(clock_jumps, "follow", lambda tx, span, now, alone: followed.append(now))

    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        rig.beat -= 3600
        rig.clock.instant -= HOUR
        await rig.engine.settle()
        assert followed == [NOW - HOUR]

    run(test)


def test_a_jump_that_could_not_be_followed_is_followed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_FIRST_RETRY_S", 0.0)
    tried: list[int] = []

    def follow(tx: Tx, span: tuple[int, int], now: int, *, alone: bool) -> None:
        tried.append(span[1])
        if len(tried) == 1:
            raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(clock_jumps, "follow", follow)

    async def test(rig: Rig) -> None:
        await rig.engine.settle()
        rig.clock.instant += HOUR
        with pytest.raises(StoreUnavailable):
            await rig.engine.settle()
        await rig.engine.settle()
        assert tried == [NOW, NOW]

    run(test)
