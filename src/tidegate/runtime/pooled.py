"""Works on PostgreSQL: on threads, each with a connection; those of devices go a few sets at a time.

A lane has threads of its own, so that no kind of work waits behind another kind; in a lane accounts take turns. A work
that meets a lock of somebody else does not wait for it on its thread: it is run again a little later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

from tidegate.clock import monotonic
from tidegate.runtime.landing import BATCH, LOCK_PATIENCE_S, LOCK_PAUSE_S, Landing, let_effects_out, outcome_of
from tidegate.runtime.threads import Threads
from tidegate.store.database import Blocked, Database, Lane, Outcome, OutcomeUnknown, Work, marked
from tidegate.store.shared import FEW

T = TypeVar("T")

_THREADS = {Lane.OPERATORS: 12, Lane.DEVICES: 6, Lane.HOUSE: 4, Lane.IDENTITY: 4}
_SHARES = {Lane.OPERATORS: 6}
"""How many of them one account may have. More at once get no more done, for the interpreter and, beside it, PostgreSQL
have but so many processors; each takes the longer for it, and so does another account's, which has to go between.
"""
_THREADS_OF_BLOCKED = 2
"""For works that met a lock before and may well meet it again."""
_LONGEST_LOCK_PAUSE_S = 0.4
_SETS = 4
"""At most this many sets of works are under way at once; what comes meanwhile makes the next ones."""


class Pooled(Landing):
    """Each work, or each set of works that go together, on a thread of its own."""

    ordered = False
    shared = True

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._threads = {lane: Threads(count, lane.value, _SHARES.get(lane)) for lane, count in _THREADS.items()}
        self._blocked = Threads(_THREADS_OF_BLOCKED, "blocked")
        self._under_way = 0
        self._empty = asyncio.Event()
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._sets = 0
        self._scheduled = False
        self._closed = False

    def transact(self, work: Work[T]) -> asyncio.Future[T]:
        work = marked(work)
        if work.first is not None and not self._closed:
            return self._wait_for_others(work)
        return self._hand_over(work.lane, self._alone(work), work.party)

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
            taken = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            # Too few to gain by sharing a transaction share no wait either.
            for some in [taken] if len(taken) >= FEW else [[one] for one in taken]:
                self._sets += 1
                self._under_way += 1
                self._threads[Lane.DEVICES].submit(None, partial(self._carry_out_set, some))

    def _carry_out_set(self, taken: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        batch = [(work, future) for work, future in taken if not future.cancelled()]
        outcomes = [Outcome[Any](None, [], OutcomeUnknown("the server was interrupted")) for _ in batch]
        try:
            outcomes = self._database.commit([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to the callers
            outcomes = [Outcome(None, [], error) for _ in batch]
        finally:
            self._loop.call_soon_threadsafe(self._resolve_set, batch, outcomes)

    def _resolve_set(self, batch: list[tuple[Work[Any], asyncio.Future[Any]]], outcomes: list[Outcome[Any]]) -> None:
        self._sets -= 1
        for (work, future), outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome.error, Blocked):
                self.resolve(future, outcome)
            elif len(batch) == 1:
                self._wait_for_lock(future, self._alone(work), outcome, monotonic(), LOCK_PAUSE_S, marked(work).party)
            else:  # one of them met a lock, and few of the others will
                self._submit(self._threads[Lane.DEVICES], future, self._alone(work), party=marked(work).party)
        self._schedule()
        self._one_less()

    def _alone(self, work: Work[T]) -> Callable[[], Outcome[T]]:
        return lambda: self._database.commit([work])[0]

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        work = marked(work)
        return self._hand_over(work.lane, lambda: outcome_of(lambda: self._database.read(work)), work.party)

    def reset(self) -> asyncio.Future[None]:
        return self._hand_over(Lane.OPERATORS, lambda: outcome_of(self._database.reset))

    def _hand_over(self, lane: Lane, call: Callable[[], Outcome[T]], party: Hashable = None) -> asyncio.Future[T]:
        if self._closed:
            return self.refused()
        self.calls += 1
        future: asyncio.Future[T] = self._loop.create_future()
        self._submit(self._threads[lane], future, call, party=party)
        return future

    def _submit(
        self,
        threads: Threads,
        future: asyncio.Future[T],
        call: Callable[[], Outcome[T]],
        since: float | None = None,
        pause: float = LOCK_PAUSE_S,
        party: Hashable = None,
    ) -> None:
        """Run a call on a thread; one that met a lock ``since`` an instant paused before that for so many seconds."""
        self._under_way += 1
        threads.submit(party, partial(self._carry_out, future, call, since, pause, party))

    def _wait_for_lock(
        self,
        future: asyncio.Future[T],
        call: Callable[[], Outcome[T]],
        outcome: Outcome[T],
        since: float,
        pause: float,
        party: Hashable,
    ) -> None:
        """Run a call again that met a lock, or give it up."""
        if future.done() or monotonic() - since >= LOCK_PATIENCE_S:
            self.resolve(future, outcome)
            return
        self._under_way += 1

        def again() -> None:
            self._submit(self._blocked, future, call, since, min(2 * pause, _LONGEST_LOCK_PAUSE_S), party)
            self._one_less()

        self._loop.call_later(pause, again)

    def _carry_out(
        self,
        future: asyncio.Future[T],
        call: Callable[[], Outcome[T]],
        since: float | None,
        pause: float,
        party: Hashable,
    ) -> None:
        outcome = Outcome[T](None, [], OutcomeUnknown("the server was interrupted"))
        try:
            if since is not None and monotonic() - since >= LOCK_PATIENCE_S:  # too many waited before it
                outcome = Outcome(None, [], Blocked("another session holds a lock that is not let go"))
            elif not future.cancelled():
                outcome = call()
        except Exception as error:  # noqa: BLE001 - handed to the caller
            outcome = Outcome(None, [], error)
        finally:
            self._loop.call_soon_threadsafe(self._resolve_call, future, call, outcome, since, pause, party)

    def _resolve_call(
        self,
        future: asyncio.Future[T],
        call: Callable[[], Outcome[T]],
        outcome: Outcome[T],
        since: float | None,
        pause: float,
        party: Hashable,
    ) -> None:
        if isinstance(outcome.error, Blocked):
            self._wait_for_lock(future, call, outcome, monotonic() if since is None else since, pause, party)
        else:
            self.resolve(future, outcome)
        self._one_less()

    def _one_less(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._empty.set()

    async def close(self) -> None:
        self._closed = True
        self._turn()
        self._empty.clear()
        if self._under_way:
            await self._empty.wait()
        for threads in (*self._threads.values(), self._blocked):
            threads.shutdown()
        await let_effects_out()
        self._database.close()
