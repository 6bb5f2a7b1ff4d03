"""Requests of one connection are carried out in the order they came, also where the store runs several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from tidegate.runtime.unit import Unit
from tidegate.store.database import Lane, Work, in_lane, locks_rows

T = TypeVar("T")


class InOrder(Generic[T]):
    """Works of many connections, each waiting for the one before it of its own connection."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._latest: WeakKeyDictionary[object, asyncio.Future[T]] = WeakKeyDictionary()

    def run(self, whose: object, work: Work[T]) -> asyncio.Future[T]:
        """Run a work that guards itself with row locks; ``whose`` is what stands for the connection."""
        latest = self._latest.get(whose) if self._latest else None
        if latest is None or latest.done():
            future = self._transact(work)
            if self._unit.ordered:
                return future
        else:
            future = asyncio.ensure_future(_after(latest, lambda: self._transact(work)))
        self._latest[whose] = future
        return future

    def follow(self, whose: object, begin: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        """Do what is more than one work when those before it are done."""
        future = asyncio.ensure_future(_after(self._latest.get(whose), begin))
        self._latest[whose] = future
        return future

    def _transact(self, work: Work[T]) -> asyncio.Future[T]:
        return self._unit.transact(in_lane(Lane.DEVICES, locks_rows(work)))


async def _after(latest: asyncio.Future[T] | None, begin: Callable[[], Awaitable[T]]) -> T:
    if latest is not None and not latest.done():
        await asyncio.wait([latest])
    return await begin()
