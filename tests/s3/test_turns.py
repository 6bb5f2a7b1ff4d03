"""Places for uploads and downloads are shared by accounts: whoever takes all that it gets leaves some for others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tidegate.s3.errors import S3Error
from tidegate.s3.work import LIMITS, Slots


@pytest.fixture
def run() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    return lambda scene: asyncio.run(scene())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def fill(turns: Slots, account: str, held: AsyncExitStack, count: int) -> tuple[int, list[asyncio.Task[Any]]]:
    """Ask for so many places; how many an account gets, and those who wait."""
    tasks = [asyncio.ensure_future(held.enter_async_context(turns.turn(account))) for _ in range(count)]
    await settle()
    return sum(task.done() for task in tasks), [task for task in tasks if not task.done()]


def test_an_account_alone_gets_what_the_limits_say(run: Callable[..., None]) -> None:
    async def scene() -> None:
        for limit, own in ((LIMITS.uploads, 16), (LIMITS.downloads, 1000)):
            async with AsyncExitStack() as held:
                got, waiting = await fill(Slots(limit, 30, 10_000), "a", held, limit)
                assert got == own
                for task in waiting:
                    task.cancel()

    run(scene)


def test_however_many_an_account_wants_another_finds_places(run: Callable[..., None]) -> None:
    async def scene() -> None:
        turns = Slots(LIMITS.uploads, 30, 10_000)
        async with AsyncExitStack() as held:
            _, waiting = await fill(turns, "greedy", held, 1000)
            got, others = await fill(turns, "other", held, 10)
            assert got >= 5
            assert (await fill(turns, "third", held, 1))[0] == 1
            for task in waiting + others:
                task.cancel()

    run(scene)


def test_the_queue_of_one_account_is_not_in_the_way_of_another(run: Callable[..., None]) -> None:
    async def scene() -> None:
        turns = Slots(1, 30, 2)
        order: list[str] = []

        async def work(account: str) -> None:
            async with turns.turn(account):
                order.append(account)
                await asyncio.sleep(0)

        tasks = [asyncio.ensure_future(work(account)) for account in ("a", "a", "a", "b")]
        await settle()
        await asyncio.gather(*tasks)
        assert order == ["a", "a", "b", "a"]

        async with turns.turn("a"):
            waiting = [asyncio.ensure_future(work("a")) for _ in range(2)]
            await settle()
            with pytest.raises(S3Error, match="SlowDown"):
                await work("a")  # its own queue is full
            late = asyncio.ensure_future(work("b"))
            await settle()
            assert not late.done()
        await asyncio.gather(late, *waiting)

    run(scene)


def test_a_place_that_comes_as_its_holder_goes_is_given_on(run: Callable[..., None]) -> None:
    async def scene() -> None:
        turns = Slots(1, 30, 10)
        first = turns.turn("a")
        await first.__aenter__()
        gone, next_one = (asyncio.ensure_future(turns.turn(each).__aenter__()) for each in ("a", "b"))
        await settle()
        await first.__aexit__(None, None, None)  # which gives the place to the first who waits
        gone.cancel()
        await settle()
        assert next_one.done()

    run(scene)


def test_who_waits_in_vain_is_told_and_forgotten(run: Callable[..., None]) -> None:
    async def scene() -> None:
        turns = Slots(1, 0.01, 1)
        async with turns.turn("a"):
            for _ in range(2):
                with pytest.raises(S3Error):
                    await turns.turn("b").__aenter__()
        async with turns.turn("b"):
            pass

    run(scene)
