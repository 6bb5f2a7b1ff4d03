"""The path of a call through a server's shared parts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from tidegate.clock import MovableClock, SequentialIds
from tidegate.ops.call import Call, Origin
from tidegate.ops.handler import InParts, Unfinished
from tidegate.runtime import unit
from tidegate.runtime.service import Service, Settings
from tidegate.store.database import Tx
from tidegate.store.sqlite import SqliteDatabase


def test_others_have_their_turn_between_the_parts_of_an_operation() -> None:
    """Also when several such operations are under way: one part of one of them at a time."""
    told: list[str] = []

    def walk(
        _tx: Tx, _call: Call, request: str, so_far: Unfinished | None, _enough: Callable[[], bool]
    ) -> Unfinished | str:
        told.append("part")
        seen = so_far or Unfinished()
        seen.examined += 1
        return request if seen.examined == 5 else seen

    async def walked() -> list[Any]:
        under = unit.over(SqliteDatabase(None, now=0))
        service = Service(under, MovableClock(0), SequentialIds(), Settings())
        handler = InParts(walk)

        async def invoke(request: str) -> Any:
            return await service.invoke(
                handler, request, account="000000000000", region="us-east-1", principal="p", origin=Origin()
            )

        walks = asyncio.gather(*[invoke(name) for name in "abc"])
        while not walks.done():
            told.append("other")
            await asyncio.sleep(0)
        await under.close()
        return list(walks.result())

    assert asyncio.run(walked()) == ["a", "b", "c"]
    assert told.count("part") == 15
    assert all(here != "part" or there != "part" for here, there in itertools.pairwise(told))
