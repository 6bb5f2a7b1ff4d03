"""Accounts share the loop: however much waits of one, another's client waits for a turn at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from tidegate.net import fairness
from tidegate.net.fairness import FairScheduler, Queues


def loops(scene: Callable[[FairScheduler], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scene(FairScheduler(asyncio.get_running_loop()))

    asyncio.run(run())


async def pass_turns(count: int = 12) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_parties_take_turns_and_each_keeps_its_order() -> None:
    queues: Queues[str, str] = Queues()
    for party, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")):
        queues.put(party, item)
    assert [queues.take() for _ in range(6)] == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert not queues


def test_what_is_taken_back_is_not_handed_out() -> None:
    queues: Queues[str, str] = Queues()
    for item in ("first", "second"):
        queues.put("a", item)
    queues.drop("a", "first")
    queues.drop("a", "unknown")
    queues.drop("b", "first")
    assert (queues.waiting("a"), queues.waiting("b")) == (1, 0)
    assert queues.take() == "second"
    assert "a" not in queues


def test_a_party_alone_is_never_held_up() -> None:
    async def scene(turns: FairScheduler) -> None:
        assert all(turns.admits("a") for _ in range(1000))

    loops(scene)


def test_beside_another_a_party_begins_only_so_much_in_a_turn() -> None:
    async def scene(turns: FairScheduler) -> None:
        assert turns.admits("b")
        admitted = sum(turns.admits("a") for _ in range(1000))
        assert 2 <= admitted < 100
        assert turns.admits("b")  # has its own share of the turn
        await pass_turns()
        assert turns.admits("a")

    loops(scene)


def test_who_comes_late_waits_for_a_turn_not_for_all_that_waits_of_another() -> None:
    async def scene(turns: FairScheduler) -> None:
        done: list[str] = []
        turns.admits("b")
        while turns.admits("a"):
            pass
        for _ in range(1000):
            turns.wait("a", lambda: done.append("a"))
        turns.wait("b", lambda: done.append("b"))
        for _ in range(5000):
            await asyncio.sleep(0)
        assert done.index("b") < 100

    loops(scene)


def test_what_takes_long_is_charged_to_who_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that always want more: of what is dear to one, the other gets many times as many."""
    now = [0.0]
    monkeypatch.setattr(fairness, "busy", lambda: now[0])

    async def scene(turns: FairScheduler) -> None:
        count = {"dear": 0, "cheap": 0}

        def act(party: str, seconds: float) -> None:
            count[party] += 1
            now[0] += seconds

        for party in ("cheap", "dear"):
            turns.admits(party)
        for _ in range(2000):
            turns.wait("cheap", partial(act, "cheap", 0.001))
            turns.wait("dear", partial(act, "dear", 0.03))
        await pass_turns(400)
        assert count["dear"] > 0
        assert count["cheap"] > 2 * count["dear"]

    loops(scene)


def test_a_turn_that_was_long_is_followed_by_shorter_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(fairness, "busy", lambda: now[0])

    async def scene(turns: FairScheduler) -> None:
        began: list[int] = []
        turns.admits("b")

        def act(number: int) -> None:
            began.append(number)
            now[0] += 0.02

        for number in range(200):
            turns.wait("a", partial(act, number))
        await pass_turns(6)
        before = len(began)
        await pass_turns(2)
        assert len(began) - before == 2
        assert began == sorted(began)

    loops(scene)


def test_a_party_that_has_left_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(turns: FairScheduler) -> None:
        time = [0.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time[0])
        turns.admits("b")
        for second in range(1, 4):
            time[0] = second
            turns.admits("a")
        assert all(turns.admits("a") for _ in range(1000))

    loops(scene)
