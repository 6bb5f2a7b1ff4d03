"""Who may come while others of the account wait for what is slow."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.devices import dispatch
from tidegate.devices.dispatch import Dispatch
from tidegate.devices.plane import Reply


class Somebody:
    """Who asks."""


class Slow:
    """Requests of one account that are under way."""

    def __init__(self) -> None:
        service: Any = SimpleNamespace(unit=SimpleNamespace(ordered=False), injector=None)
        self.dispatch = Dispatch(service)
        self._gates: list[tuple[asyncio.Event, asyncio.Future[Reply]]] = []

    def begin(self, count: int) -> None:
        for _ in range(count):
            gate = asyncio.Event()

            async def work(gate: asyncio.Event = gate) -> Reply:
                await gate.wait()
                return ()

            who: Any = Somebody()
            self._gates.append((gate, self.dispatch._counted("a", work, who)))

    async def end_one(self) -> None:
        gate, answer = self._gates.pop()
        gate.set()
        await answer
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def waiting(self, count: int) -> list[asyncio.Future[None]]:
        return [asyncio.ensure_future(self.dispatch.turn("a")) for _ in range(count)]


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_MANY", 2)


def test_one_comes_in_for_each_slow_request_that_is_done() -> None:
    """Another account's clients do not wait for it; and nobody is left waiting when nothing is under way."""

    async def scenario() -> None:
        slow = Slow()
        slow.begin(3)
        waiting = slow.waiting(4)
        await asyncio.wait_for(slow.dispatch.turn("b"), 60)
        seen = []
        for _ in range(3):
            await slow.end_one()
            seen.append(sum(each.done() for each in waiting))
        assert seen == [0, 1, 4]
        await asyncio.wait_for(slow.dispatch.turn("a"), 60)
        assert not slow.dispatch._slow
        assert not slow.dispatch._entering

    asyncio.run(scenario())


def test_who_has_gone_meanwhile_takes_nobodys_turn() -> None:
    async def scenario() -> None:
        slow = Slow()
        slow.begin(3)
        gone, other = slow.waiting(2)
        await asyncio.sleep(0)
        gone.cancel()
        await slow.end_one()
        await slow.end_one()
        await asyncio.wait_for(other, 60)
        await slow.end_one()

    asyncio.run(scenario())
