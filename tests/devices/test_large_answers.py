"""Large answers take turns of the event loop."""

from __future__ import annotations

import asyncio

from tidegate.devices import large_answers
from tidegate.devices.large_answers import LargeAnswers


def test_a_few_begin_in_a_turn_and_accounts_take_turns() -> None:
    async def scene() -> list[list[str]]:
        answers, begun = LargeAnswers(), []

        async def one(account: str, number: int) -> None:
            await answers.turn(account)
            begun.append(f"{account}{number}")

        tasks = [asyncio.ensure_future(one("a", number)) for number in range(10)]
        tasks += [asyncio.ensure_future(one("b", number)) for number in range(2)]
        seen: list[list[str]] = []
        while not all(task.done() for task in tasks):
            before = len(begun)
            await asyncio.sleep(0)
            seen.append(begun[before:])
        return [each for each in seen if each]

    turns = asyncio.run(scene())
    assert max(len(turn) for turn in turns) == large_answers.A_TURN
    assert turns[0] == ["a0", "b0", "a1", "b1"]
    assert [name for turn in turns for name in turn if name[0] == "a"] == [f"a{number}" for number in range(10)]


def test_who_gave_up_takes_no_turn() -> None:
    async def scene() -> None:
        answers = LargeAnswers()
        first, second = answers.turn("a"), answers.turn("a")
        first.cancel()
        await second
        await answers.turn("a")  # it goes on after a pause

    asyncio.run(scene())
