"""Moving time: one due instant after the other, everything visible at each, one mover after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tidegate.clock import MovableClock, SystemClock
from tidegate.runtime.timeline import LATEST, FixedClock, Moment, OutOfCalendar, Timeline

START = 1_000_000


class Machine:
    """Things due at instants, an engine that does them, and what was seen to happen, in order."""

    def __init__(self, *due: int) -> None:
        self.clock = MovableClock(START)
        self.due = sorted(due)
        self.seen: list[tuple[str, int]] = []
        self.settled = asyncio.Event()
        self.settled.set()
        self.timeline = Timeline(self.clock, self.settle, self.published)

    async def settle(self) -> int | None:
        await self.settled.wait()
        while self.due and self.due[0] <= self.clock.now():
            self.seen.append(("done", self.due.pop(0)))
        return self.due[0] if self.due else None

    async def published(self) -> None:
        await asyncio.sleep(0)
        self.seen.append(("published", self.clock.now()))


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(test(), timeout=10)

    return asyncio.run(bounded())


def test_each_thing_is_done_and_published_at_its_own_instant() -> None:
    async def test() -> None:
        machine = Machine(START + 10, START + 20, START + 20, START + 31)
        assert await machine.timeline.advance(30) == Moment(START + 30, True, START + 31)
        assert machine.seen == [
            ("published", START),
            ("done", START + 10),
            ("published", START + 10),
            ("done", START + 20),
            ("done", START + 20),
            ("published", START + 20),
            ("published", START + 30),
        ]

    run(test)


def test_what_is_due_exactly_at_the_target_is_done() -> None:
    async def test() -> None:
        machine = Machine(START + 10)
        assert await machine.timeline.set(START + 10) == Moment(START + 10, True, None)
        assert ("done", START + 10) in machine.seen

    run(test)


def test_what_follows_on_the_way_comes_at_its_time_too() -> None:
    async def test() -> None:
        machine = Machine(START + 10)
        settle = machine.settle

        async def settle_and_plan() -> int | None:
            if machine.clock.now() == START + 10 and machine.due:
                machine.due.append(START + 15)
            return await settle()

        timeline = Timeline(machine.clock, settle_and_plan, machine.published)
        await timeline.advance(100)
        assert [at for what, at in machine.seen if what == "done"] == [START + 10, START + 15]
        assert ("published", START + 15) in machine.seen

    run(test)


def test_to_the_next_event_and_no_further() -> None:
    async def test() -> None:
        machine = Machine(START + 10, START + 20)
        assert await machine.timeline.to_next_event() == Moment(START + 10, True, START + 20)
        assert await machine.timeline.to_next_event() == Moment(START + 20, True, None)
        assert await machine.timeline.to_next_event() == Moment(START + 20, True, None)

    run(test)


def test_time_goes_back_and_what_is_foreseen_comes_again() -> None:
    async def test() -> None:
        machine = Machine(START + 10)
        assert await machine.timeline.set(START - 500) == Moment(START - 500, True, START + 10)
        assert [what for what, _ in machine.seen if what == "done"] == []
        assert await machine.timeline.advance(510) == Moment(START + 10, True, None)

    run(test)


def test_moves_at_once_are_carried_out_one_after_another() -> None:
    async def test() -> None:
        machine = Machine(START + 10, START + 20, START + 30)
        moments = await asyncio.gather(*(machine.timeline.advance(15) for _ in range(3)))
        assert [(moment.now, moment.next_at) for moment in moments] == [
            (START + 15, START + 20),
            (START + 30, None),
            (START + 45, None),
        ]

    run(test)


def test_a_running_clock_is_held_on_the_way_and_runs_on() -> None:
    async def test() -> None:
        machine = Machine(START + 3_600_000)
        assert (await machine.timeline.resume()).frozen is False
        moment = await machine.timeline.set(START + 3_600_000)
        assert (moment.now, moment.frozen) == (START + 3_600_000, False)
        assert ("published", START + 3_600_000) in machine.seen
        assert not machine.clock.frozen
        assert (await machine.timeline.freeze()).frozen is True
        assert machine.clock.frozen

    run(test)


def test_a_freeze_that_comes_during_a_move_holds_after_it() -> None:
    async def test() -> None:
        machine = Machine()
        await machine.timeline.resume()
        machine.settled.clear()
        moving = asyncio.create_task(machine.timeline.set(START * 2))
        await asyncio.sleep(0)
        freezing = asyncio.create_task(machine.timeline.freeze())
        await asyncio.sleep(0)
        machine.settled.set()
        assert (await moving).frozen is False
        assert (await freezing).frozen is True
        assert machine.clock.frozen

    run(test)


def test_a_move_that_fails_leaves_time_where_it_got_to() -> None:
    class Broken(Exception):  # noqa: N818
        pass

    async def test() -> None:
        machine = Machine(START + 10, START + 20)

        async def settle() -> int | None:
            if machine.clock.now() == START + 20:
                raise Broken
            return await machine.settle()

        timeline = Timeline(machine.clock, settle, machine.published)
        with pytest.raises(Broken):
            await timeline.advance(100)
        assert machine.clock.now() == START + 20
        machine.due.clear()
        assert (await machine.timeline.advance(5)).now == START + 25

    run(test)


@pytest.mark.parametrize("target", [-1, LATEST + 1])
def test_instants_that_cannot_be_written_are_refused(target: int) -> None:
    async def test() -> None:
        machine = Machine()
        with pytest.raises(OutOfCalendar):
            await machine.timeline.set(target)
        assert machine.clock.now() == START

    run(test)


def test_the_system_clock_is_not_moved() -> None:
    async def test() -> None:
        machine = Machine()
        timeline = Timeline(SystemClock(), machine.settle, machine.published)
        assert (await timeline.present()).frozen is False
        for move in (timeline.advance(1), timeline.set(1), timeline.to_next_event(), timeline.freeze()):
            with pytest.raises(FixedClock):
                await move

    run(test)
