"""The engine's loop, over a real database and with steps that say what they did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tidegate.clock import MovableClock
from tidegate.engine import loop
from tidegate.engine.loop import Engine, Stopped
from tidegate.ops.effects import EngineDue, ExecutionsQueued
from tidegate.runtime import unit
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.timeline import Timeline
from tidegate.runtime.unit import Unit
from tidegate.store import scopes
from tidegate.store.database import Database, StoreUnavailable, Tx
from tidegate.store.sqlite import SqliteDatabase

NOW = 1_767_225_600_000


class Agenda:
    """A step that does the next due thing of a list, one at a time, and remembers when it did which."""

    def __init__(self, *due: int) -> None:
        self.due = sorted(due)
        self.done: list[tuple[int, int]] = []
        self.steps = 0
        self.failing = 0
        self.failure: Exception = StoreUnavailable("the disk is full")

    def add(self, at: int) -> None:
        self.due = sorted([*self.due, at])

    def __call__(self, tx: Tx, now: int) -> int | None:
        self.steps += 1
        if self.failing:
            self.failing -= 1
            raise self.failure
        if self.due and self.due[0] <= now:
            at = self.due.pop(0)
            self.done.append((at, now))
            scopes.ensure(tx, "123456789012", f"region-{len(self.done)}")
        return self.due[0] if self.due else None


@pytest.fixture
def store() -> Database:
    return SqliteDatabase(None, now=NOW)


async def done(agenda: Agenda) -> None:
    """Let the loop turn until something has been done."""
    while not agenda.done:  # noqa: ASYNC110 - the step is a plain function and has no event to set
        await asyncio.sleep(0)


async def _nothing_to_publish() -> None:
    """Nobody subscribes here."""


class Rig:
    """One engine on a frozen clock."""

    def __init__(self, database: Database, agenda: Agenda) -> None:
        self.unit: Unit = unit.over(database)
        self.clock = MovableClock(NOW)
        self.metrics = Metrics()
        self.engine = Engine(self.unit, self.clock, agenda, self.metrics)
        self.time = Timeline(self.clock, self.engine.settle, _nothing_to_publish)


@asynccontextmanager
async def running(database: Database, agenda: Agenda) -> AsyncIterator[Rig]:
    rig = Rig(database, agenda)
    rig.engine.start()
    async with asyncio.timeout(20):
        yield rig
        await rig.engine.stop()
    await rig.unit.close()


def test_what_came_due_before_the_start_is_done_in_order(store: Database) -> None:
    agenda = Agenda(NOW - 3_600_000, NOW - 5, NOW, NOW + 1)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            assert await rig.engine.settle() == NOW + 1
            assert agenda.done == [(NOW - 3_600_000, NOW), (NOW - 5, NOW), (NOW, NOW)]
            assert rig.engine.next_at == NOW + 1
            assert await rig.unit.read(lambda tx: scopes.find(tx, "123456789012", "region-3")) is not None

    asyncio.run(scenario())


def test_nothing_foreseen(store: Database) -> None:
    async def scenario() -> None:
        async with running(store, Agenda()) as rig:
            assert await rig.engine.settle() is None
            assert rig.engine.next_at is None

    asyncio.run(scenario())


def test_a_frozen_clock_is_not_polled(store: Database) -> None:
    agenda = Agenda(NOW + 1)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            await rig.engine.settle()
            steps = agenda.steps
            for _ in range(100):
                await asyncio.sleep(0)
            assert agenda.steps == steps

    asyncio.run(scenario())


def test_travel_stops_at_every_due_instant(store: Database) -> None:
    agenda = Agenda(NOW + 60_000, NOW + 120_000, NOW + 120_000, NOW + 500_000)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            assert (await rig.time.set(NOW + 300_000)).next_at == NOW + 500_000
            assert agenda.done == [(at, at) for at in (NOW + 60_000, NOW + 120_000, NOW + 120_000)]
            assert rig.clock.now() == NOW + 300_000
            assert (await rig.time.to_next_event()).next_at is None
            assert agenda.done[-1] == (NOW + 500_000, NOW + 500_000)
            assert rig.clock.now() == NOW + 500_000

    asyncio.run(scenario())


def test_travel_to_the_next_event_of_none_stays(store: Database) -> None:
    async def scenario() -> None:
        async with running(store, Agenda()) as rig:
            assert (await rig.time.to_next_event()).next_at is None
            assert rig.clock.now() == NOW

    asyncio.run(scenario())


def test_travel_backwards_does_nothing_again(store: Database) -> None:
    agenda = Agenda(NOW, NOW + 10)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            await rig.engine.settle()
            assert (await rig.time.set(NOW - 1000)).next_at == NOW + 10
            assert rig.clock.now() == NOW - 1000
            assert agenda.done == [(NOW, NOW)]

    asyncio.run(scenario())


def test_travels_are_carried_out_one_after_another(store: Database) -> None:
    agenda = Agenda(NOW + 1000, NOW + 3000)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            await asyncio.gather(rig.time.set(NOW + 2000), rig.time.set(NOW + 4000))
            assert agenda.done == [(NOW + 1000, NOW + 1000), (NOW + 3000, NOW + 3000)]
            assert rig.clock.now() == NOW + 4000

    asyncio.run(scenario())


def test_a_running_clock_runs_on_after_a_travel(store: Database) -> None:
    async def scenario() -> None:
        async with running(store, Agenda(NOW + 60_000)) as rig:
            rig.clock.resume()
            await rig.time.set(NOW + 90_000)
            assert not rig.clock.frozen
            assert rig.clock.now() >= NOW + 90_000

    asyncio.run(scenario())


def test_an_effect_of_a_commit_wakes_the_engine(store: Database) -> None:
    agenda = Agenda()

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            await rig.engine.settle()

            def work(tx: Tx) -> None:
                agenda.add(NOW)
                tx.effects.append(EngineDue(NOW))

            await rig.unit.transact(work)
            await done(agenda)  # nobody settles: the effect alone has to do it
            assert agenda.done == [(NOW, NOW)]

    asyncio.run(scenario())


def test_settle_counts_only_steps_that_begin_after_it(store: Database) -> None:
    agenda = Agenda()

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            for _ in range(20):
                first = asyncio.ensure_future(rig.engine.settle())
                await asyncio.sleep(0)
                agenda.add(NOW)
                await rig.engine.settle()
                assert not agenda.due
                await first

    asyncio.run(scenario())


def test_the_clock_reaching_an_instant_wakes_the_engine(store: Database) -> None:
    agenda = Agenda(NOW + 40)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            await rig.engine.settle()
            rig.clock.resume()
            assert await rig.engine.settle() in (None, NOW + 40)
            await done(agenda)
            ((due, done_at),) = agenda.done
            assert done_at >= due

    asyncio.run(scenario())


def test_devices_are_served_between_two_steps(store: Database) -> None:
    agenda = Agenda(*[NOW] * 50)

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            settled = asyncio.ensure_future(rig.engine.settle())
            seen = []
            while not settled.done():
                await rig.unit.transact(lambda tx: seen.append(len(agenda.done)))
            assert len(set(seen)) >= 40

    asyncio.run(scenario())


def test_a_failed_step_is_told_to_who_waits_and_tried_again(
    store: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "_FIRST_RETRY_S", 0.001)
    agenda = Agenda(NOW)
    agenda.failing = 3

    async def scenario() -> None:
        async with running(store, agenda) as rig:
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                await rig.engine.settle()
            await done(agenda)
            assert agenda.done == [(NOW, NOW)]
            assert rig.metrics.engine_failures == 3
            assert await rig.engine.settle() is None

    asyncio.run(scenario())
    assert "look at the store first" in caplog.text


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (LookupError("a fault of ours"), [1, 2, 4, 8, 16, 30, 30, 30]),
        (StoreUnavailable("the disk is full"), [1, 2, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_retries_wait_longer_and_longer(
    store: Database, monkeypatch: pytest.MonkeyPatch, failure: Exception, expected: list[int]
) -> None:
    """Up to half a minute; of a store that is away two seconds, so that what is due is soon done when it is back."""
    pauses: list[float | None] = []

    async def scenario() -> None:
        agenda = Agenda(NOW)
        agenda.failing = 8
        agenda.failure = failure
        rig = Rig(store, agenda)
        enough = asyncio.Event()

        async def sleep(seconds: float | None) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)
            if len(pauses) > 8:
                enough.set()
                await asyncio.Event().wait()

        monkeypatch.setattr(rig.engine, "_sleep", sleep)
        rig.engine.start()
        async with asyncio.timeout(20):
            await enough.wait()

    asyncio.run(scenario())
    assert pauses[:8] == expected
    assert pauses[8] is None


def test_settle_after_the_end(store: Database) -> None:
    async def scenario() -> None:
        rig = Rig(store, Agenda())
        with pytest.raises(Stopped):
            await rig.engine.settle()
        rig.engine.start()
        await rig.engine.stop()
        with pytest.raises(Stopped):
            await rig.engine.settle()

    asyncio.run(scenario())


def test_figures(store: Database) -> None:
    async def scenario() -> None:
        async with running(store, Agenda(NOW - 1500, NOW + 1000)) as rig:
            await rig.engine.settle()
            assert rig.metrics.engine_lag_ms == 0
            await rig.unit.transact(lambda tx: tx.effects.append(ExecutionsQueued(1, [1, 2, 3])))
            await rig.engine.settle()
            text = rig.metrics.text().decode()
            assert "tidegate_executions_released_total 3.0" in text
            assert rig.metrics.engine_steps >= 2

    asyncio.run(scenario())
