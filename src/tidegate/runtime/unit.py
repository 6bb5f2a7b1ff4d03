"""Runs works against the database from the event loop, and hands their effects to the edges once they are durable.

Two ways, one interface. On SQLite everything that arrives in one turn of the event loop shares a transaction and a
commit (``call_soon(flush)``: no thread, no added latency). On PostgreSQL each work runs on a thread with a connection
of its own; those marked ``together`` (devices' requests) go a few sets at a time, and a set is what came meanwhile.

A caller that is cancelled before its work's turn takes the work back; after that the work runs to its end and its
effects go out, whoever still waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from tidegate.store.database import Database, Outcome, StoreUnavailable, Work
from tidegate.store.shared import FEW

T = TypeVar("T")
Listener = Callable[[list[Any]], None]

log = logging.getLogger("tidegate.store")

_THREADS = 16
_BATCH = 512
"""At most this many works share a commit, so that one turn of the loop stays short."""
_SETS = 4
"""At most this many sets of works are under way at once; what comes meanwhile makes the next ones."""
_PATIENCE = 4
"""At most this many turns of the loop, microseconds each when nothing happens, a work waits for others to join it."""


class Unit(Protocol):
    """Where the edges run their works."""

    ordered: bool
    """True if works run in the order they were handed over; else whoever needs an order waits between them."""
    shared: bool
    """True if other servers may work on the same store."""
    calls: int
    """How many works have been handed over so far."""

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        """Run a work; the future resolves when it is durable, or with what it raised."""
        ...

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Run a work that only reads, on committed state."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with the effects of each work after its commit.

        The work's future resolves first: whoever waits for a reply gets it before others hear of the change
        (device reference 3.11).
        """
        ...

    async def delivered(self) -> None:
        """Wait until the effects of every work whose future has resolved have reached the listeners."""
        ...

    def reset(self) -> asyncio.Future[None]:
        """Empty the store. Works that are still waited for may fall before or after it."""
        ...

    async def close(self) -> None:
        """Finish what was handed over and deliver its effects, then close the database; later calls are refused."""
        ...


def over(database: Database) -> Unit:
    """The unit that suits a database."""
    return Pooled(database) if database.concurrent else Ticked(database)


class _Landing:
    """Brings outcomes back to the loop: first the caller's future, then the effects to every listener."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self.calls = 0

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def land(self, future: asyncio.Future[T], outcome: Outcome[T]) -> None:
        """Resolve a work's future; its effects follow in the loop's next turn, in the order of the landings."""
        _resolve(future, outcome)
        if outcome.effects:
            self._loop.call_soon(self._deliver, outcome.effects)

    async def delivered(self) -> None:
        await asyncio.sleep(0)  # deliveries take their turns in the order of the landings; this is a later one

    def _deliver(self, effects: list[Any]) -> None:
        for listener in self._listeners:
            try:
                listener(effects)
            except Exception:
                # The fault of an edge, not of the caller.
                log.exception("an edge failed to act on %s; the change itself is stored", effects)

    def refused(self) -> asyncio.Future[Any]:
        """The answer to a call that comes after ``close``."""
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_exception(StoreUnavailable("the store is closed"))
        return future


class Ticked(_Landing):
    """Group commit on the event loop's own thread."""

    ordered = True
    shared = False

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._scheduled = False
        self._counted = 0
        self._turns = 0
        self._closed = False

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        if self._closed:
            return self.refused()
        self.calls += 1
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((work, future))
        self._schedule()
        return future

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._counted = self._turns = 0
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Commit once a turn of the loop has brought nobody new, or after a few turns.

        Those who were answered together ask again while the next are being served: without this patience they would
        stay two groups for ever, that wait for each other's commits.
        """
        if self._counted < len(self._waiting) < _BATCH and self._turns < _PATIENCE:
            self._counted, self._turns = len(self._waiting), self._turns + 1
            self._loop.call_soon(self._turn)
            return
        self._scheduled = False
        try:
            self._flush()
        finally:
            self._schedule()

    def _flush(self) -> None:
        """Commit the next batch. Everyone in it is answered, whatever happens."""
        taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        batch = [(work, future) for work, future in taken if not future.done()]
        if not batch:
            return
        outcomes: list[Outcome[Any]] | None = None
        try:
            outcomes = self._database.commit([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to every caller of the batch
            log.error("%s; %d waiting calls were refused and nothing of them was kept", error, len(batch))
            outcomes = [Outcome(None, [], error) for _ in batch]
        finally:
            if outcomes is None:  # a signal, which goes on its way from here
                outcomes = [Outcome(None, [], StoreUnavailable("the server was interrupted")) for _ in batch]
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                self.land(future, outcome)

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        if self._closed:
            return self.refused()
        self.calls += 1
        return self._at_once(lambda: self._database.read(work))

    def reset(self) -> asyncio.Future[None]:
        if self._closed:
            return self.refused()
        while self._waiting:
            self._flush()
        return self._at_once(self._database.reset)

    def _at_once(self, call: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self.land(future, _outcome(call))
        return future

    async def close(self) -> None:
        self._closed = True
        while self._waiting:
            self._flush()
        await _let_effects_out()
        self._database.close()


class Pooled(_Landing):
    """Each work, or each set of works that go together, on a thread of its own."""

    ordered = False
    shared = True

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tidegate-store")
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._sets = 0
        self._scheduled = False
        self._closed = False

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        if hasattr(work, "first") and not self._closed:
            return self._wait_for_others(work)
        return self._hand_over(lambda: self._database.commit([work])[0])

    def _wait_for_others(self, work: Work[T]) -> asyncio.Future[T]:
        self.calls += 1
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((work, future))
        self._schedule()
        return future

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        while self._waiting and (self._sets < _SETS or self._closed):
            taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            # Too few to gain by sharing a transaction share no wait either.
            for some in [taken] if len(taken) >= FEW else [[one] for one in taken]:
                self._sets += 1
                self._threads.submit(self._carry_out_set, some)

    def _carry_out_set(self, taken: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        batch = [(work, future) for work, future in taken if not future.cancelled()]
        outcomes = [Outcome[Any](None, [], StoreUnavailable("the server was interrupted")) for _ in batch]
        try:
            outcomes = self._database.commit([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to the callers
            outcomes = [Outcome(None, [], error) for _ in batch]
        finally:
            self._loop.call_soon_threadsafe(self._land_set, [future for _, future in batch], outcomes)

    def _land_set(self, futures: list[asyncio.Future[Any]], outcomes: list[Outcome[Any]]) -> None:
        self._sets -= 1
        for future, outcome in zip(futures, outcomes, strict=True):
            self.land(future, outcome)
        self._schedule()

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        return self._hand_over(lambda: _outcome(lambda: self._database.read(work)))

    def reset(self) -> asyncio.Future[None]:
        return self._hand_over(lambda: _outcome(self._database.reset))

    def _hand_over(self, call: Callable[[], Outcome[T]]) -> asyncio.Future[T]:
        if self._closed:
            return self.refused()
        self.calls += 1
        future: asyncio.Future[T] = self._loop.create_future()
        self._threads.submit(self._carry_out, future, call)
        return future

    def _carry_out(self, future: asyncio.Future[T], call: Callable[[], Outcome[T]]) -> None:
        if future.cancelled():
            return
        try:
            outcome = call()
        except Exception as error:  # noqa: BLE001 - handed to the caller
            outcome = Outcome(None, [], error)
        except BaseException:
            self._land_soon(future, Outcome(None, [], StoreUnavailable("the server was interrupted")))
            raise
        self._land_soon(future, outcome)

    def _land_soon(self, future: asyncio.Future[T], outcome: Outcome[T]) -> None:
        self._loop.call_soon_threadsafe(self.land, future, outcome)

    async def close(self) -> None:
        self._closed = True
        self._turn()
        await self._loop.run_in_executor(None, self._threads.shutdown)
        await _let_effects_out()
        self._database.close()


def _outcome(call: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(call(), [])
    except Exception as error:  # noqa: BLE001 - handed to the caller through its future
        return Outcome(None, [], error)


def _resolve(future: asyncio.Future[T], outcome: Outcome[T]) -> None:
    if future.done():
        return
    if isinstance(outcome.error, StopIteration):  # which no future takes
        future.set_exception(RuntimeError("a work raised StopIteration"))
    elif outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.value)  # type: ignore[arg-type]


async def _let_effects_out() -> None:
    """Wait until the loop has gone through what landing put into it: the landing itself, then the delivery."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
