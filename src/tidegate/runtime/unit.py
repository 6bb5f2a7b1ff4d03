"""Runs works against the database from the event loop, and hands their effects to the edges once they are durable.

Two ways, one interface. On SQLite everything that arrives in one turn of the event loop shares a transaction and a commit
(``call_soon(flush)``: no thread, no added latency). On PostgreSQL each work runs on a thread with a connection of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from tidegate.store.database import Database, Outcome, StoreError, Tx, Work

T = TypeVar("T")
Listener = Callable[[list[Any]], None]

log = logging.getLogger("tidegate.store")

_THREADS = 16
_BATCH = 512
"""At most this many works share a commit, so that one turn of the loop stays short."""


class Unit(Protocol):
    """Where the edges run their works."""

    ordered: bool
    """True if works run in the order they were handed over; else whoever needs an order waits between them."""

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        """Run a work; the future resolves when it is durable, or with what it raised."""
        ...

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Run a work that only reads."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with the effects of each work after its commit.

        The work's future resolves first: whoever waits for a reply gets it before others hear of the change
        (device reference 3.11).
        """
        ...

    def reset(self) -> asyncio.Future[None]:
        """Empty the store."""
        ...

    async def close(self) -> None:
        """Finish what was handed over, then close the database."""
        ...


def over(database: Database) -> Unit:
    """The unit that suits a database."""
    return Pooled(database) if database.concurrent else Ticked(database)


class _Effects:
    """Delivers effects to every listener; a listener that fails is the fault of an edge, not of the caller."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def deliver(self, effects: list[Any]) -> None:
        for listener in self._listeners:
            try:
                listener(effects)
            except Exception:
                log.exception("an edge failed to act on %s; the change itself is stored", effects)


class Ticked(_Effects):
    """Group commit on the event loop's own thread."""

    ordered = True

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._scheduled = False

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((work, future))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            self._loop.call_soon(self._flush)
        try:
            outcomes = self._database.commit([work for work, _ in batch])
        except StoreError as error:
            log.error("%s; %d waiting calls were refused and nothing of them was kept", error, len(batch))
            outcomes = [Outcome(None, [], error) for _ in batch]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _resolve(future, outcome)
            if outcome.effects:
                self._loop.call_soon(self.deliver, outcome.effects)

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        try:
            future.set_result(self._database.read(work))
        except Exception as error:  # noqa: BLE001 - handed to the caller through its future
            future.set_exception(error)
        return future

    def reset(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._database.reset()
        future.set_result(None)
        return future

    async def close(self) -> None:
        while self._waiting:
            self._flush()
        self._database.close()


class Pooled(_Effects):
    """Each work on a thread of its own."""

    ordered = False

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tidegate-store")

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        return asyncio.ensure_future(self._transact(work))

    async def _transact(self, work: Work[T]) -> T:
        outcomes = await self._loop.run_in_executor(self._threads, self._database.commit, [work])
        outcome: Outcome[T] = outcomes[0]
        if outcome.effects:
            self._loop.call_soon(self.deliver, outcome.effects)
        return outcome.result()

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        return self._loop.run_in_executor(self._threads, self._database.read, work)

    def reset(self) -> asyncio.Future[None]:
        return self._loop.run_in_executor(self._threads, self._database.reset)

    async def close(self) -> None:
        await self._loop.run_in_executor(None, self._threads.shutdown)
        self._database.close()


def _resolve(future: asyncio.Future[T], outcome: Outcome[T]) -> None:
    if future.cancelled():
        return
    if outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.value)  # type: ignore[arg-type]
