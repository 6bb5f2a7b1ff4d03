"""Requests of one connection are carried out in the order they came, also where the store runs several at once."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from tidegate.runtime.unit import Unit
from tidegate.store.database import Lane, Work, in_lane, locks_rows

T = TypeVar("T")


class Turns(Generic[T]):
    """Works of many connections, each waiting for the one before it of its own connection."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._latest: WeakKeyDictionary[object, asyncio.Future[T]] = WeakKeyDictionary()

    def run(self, whose: object, work: Work[T]) -> asyncio.Future[T]:
        """Run a work that guards itself with row locks; ``whose`` is what stands for the connection."""
        if self._unit.ordered:
            return self._unit.transact(in_lane(Lane.DEVICES, locks_rows(work)))
        latest = self._latest.get(whose)
        if latest is None or latest.done():
            future = self._unit.transact(in_lane(Lane.DEVICES, locks_rows(work)))
        else:
            future = asyncio.ensure_future(self._after(latest, work))
        self._latest[whose] = future
        return future

    async def _after(self, latest: asyncio.Future[T], work: Work[T]) -> T:
        await asyncio.wait([latest])
        return await self._unit.transact(in_lane(Lane.DEVICES, locks_rows(work)))
