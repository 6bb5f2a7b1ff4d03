"""When the engine may take large sets."""

from __future__ import annotations

import asyncio

import pytest

from tidegate.engine.pace import Pace
from tidegate.runtime import unit
from tidegate.store.database import Database, Tx, Work


def _asks(pace: Pace) -> Work[bool]:
    def step(_tx: Tx) -> bool:
        return pace.alone()

    return step


def _nothing(_tx: Tx) -> None:
    """A work."""


@pytest.mark.parametrize("call", ["read", "transact"])
def test_the_engine_is_alone_once_nobody_has_called_for_a_while(database: Database, call: str) -> None:
    async def scenario() -> tuple[list[bool], list[bool]]:
        work = unit.over(database)
        pace = Pace(work)

        async def steps(count: int) -> list[bool]:
            return [await work.transact(_asks(pace)) for _ in range(count)]

        before = await steps(40)
        await getattr(work, call)(_nothing)
        return before, await steps(40)

    for found in asyncio.run(scenario()):
        assert not any(found[:30])
        assert all(found[34:])
