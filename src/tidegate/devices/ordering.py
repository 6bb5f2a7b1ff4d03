"""Requests of one connection are carried out in the order they came, also where the store runs several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from tidegate.runtime.unit import Unit
from tidegate.store.database import Work

T = TypeVar("T")


class InOrder(Generic[T]):
    """Works of many connections, each waiting for the one before it of its own connection."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._latest: WeakKeyDictionary[object, asyncio.Future[T]] = WeakKeyDictionary()
        self._awaited = 0  # of a unit that keeps the order itself: how many of those above are under way

    def run(self, whose: object, work: Work[T]) -> asyncio.Future[T]:
        """Run a work that guards itself with row locks; ``whose`` is what stands for the connection."""
        ordered = self._unit.ordered
        if ordered and not self._awaited:
            return self._unit.transact(work)
        latest = self._latest.get(whose)
        if latest is None or latest.done():
            future = self._unit.transact(work)
            if ordered:
                return future
        else:
            future = asyncio.ensure_future(_after(latest, lambda: self._unit.transact(work)))
        return self._await(whose, future)

    def follow(self, whose: object, begin: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        """Do what is more than one work when those before it are done."""
        return self._await(whose, asyncio.ensure_future(_after(self._latest.get(whose), begin)))

    def _await(self, whose: object, future: asyncio.Future[T]) -> asyncio.Future[T]:
        """Have what comes after it wait for it."""
        self._latest[whose] = future
        if self._unit.ordered:
            self._awaited += 1
            future.add_done_callback(self._done)
        return future

    def _done(self, _future: asyncio.Future[T]) -> None:
        self._awaited -= 1


async def _after(latest: asyncio.Future[T] | None, begin: Callable[[], Awaitable[T]]) -> T:
    if latest is not None and not latest.done():
        await asyncio.wait([latest])
    return await begin()
