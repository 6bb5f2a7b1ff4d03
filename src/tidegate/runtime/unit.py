"""Runs works against the database from the event loop, and hands their effects to the edges once they are durable.

Two ways, one interface. On SQLite everything that arrives in one turn of the event loop shares a transaction and a
commit (``call_soon(flush)``: no thread, no added latency). On PostgreSQL each work runs on a thread with a connection
of its own; those marked ``together`` (devices' requests) go a few sets at a time, and a set is what came meanwhile.
Lanes have threads of their own, so that no kind of work waits behind another kind; in a lane accounts take turns.

A work that meets a lock of somebody else does not wait for it on its thread: it is run again a little later, for a few
seconds, and then refused.

A caller that is cancelled before its work's turn takes the work back; after that the work runs to its end and its
effects go out, whoever still waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from tidegate.clock import monotonic
from tidegate.net.fairness import Queues
from tidegate.ops.effects import Acting
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.store.database import (
    Blocked,
    Database,
    Lane,
    Outcome,
    OutcomeUnknown,
    StoreUnavailable,
    Work,
    marked,
)
from tidegate.store.shared import FEW

T = TypeVar("T")
Listener = Callable[[list[Any]], None]

log = logging.getLogger("tidegate.store")

_THREADS = {Lane.OPERATORS: 12, Lane.DEVICES: 6, Lane.HOUSE: 4, Lane.IDENTITY: 4}
_THREADS_OF_BLOCKED = 2
"""For works that met a lock before and may well meet it again."""
LOCK_WAIT_MS = 100
"""How long a statement waits for a lock (PostgreSQL): much longer than our own works hold them."""
_LOCK_PATIENCE_S = 3.5
"""How long a work is tried again that meets a lock each time."""
_LOCK_PAUSE_S = 0.02
_LONGEST_LOCK_PAUSE_S = 0.4
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

    def subscribe(self, listener: Listener, *, own: bool = False) -> None:
        """Call ``listener`` with the effects of each work after its commit, and with what other servers tell.

        The work's future resolves first: whoever waits for a reply gets it before others hear of the change
        (device reference 3.11). ``own``: only with the effects of works that were handed over here.
        """
        ...

    def hear(self, effects: list[Any]) -> None:
        """Hand what another server on the store tells to the listeners."""
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


class _Audience:
    """Those who hear of effects.

    A failure is the fault of an edge, not of the caller, and keeps nothing from the others.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._acts: dict[type, list[Callable[[Any], object]]] = {}

    def join(self, listener: Listener) -> None:
        """One more."""
        if isinstance(listener, Acting):
            for kind, act in listener.acts.items():
                self._acts.setdefault(kind, []).append(act)
        else:
            self._listeners.append(listener)

    def hear(self, effects: list[Any]) -> None:
        """Tell them: all of it to those who want all, then each effect to those who act on its type."""
        for listener in self._listeners:
            _attempt(listener, effects)
        for effect in effects:
            for act in self._acts.get(type(effect), ()):
                _attempt(act, effect)


def _attempt(act: Callable[[Any], object], what: object) -> None:
    try:
        act(what)
    except Exception:
        log.exception("an edge failed to act on %s; the change itself is stored", what)


class _Landing:
    """Brings outcomes back to the loop: first the caller's future, then the effects to every listener."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._audience = _Audience()
        self._everywhere = _Audience()
        self.calls = 0

    def subscribe(self, listener: Listener, *, own: bool = False) -> None:
        self._audience.join(listener)
        if not own:
            self._everywhere.join(listener)

    def hear(self, effects: list[Any]) -> None:
        self._everywhere.hear(effects)

    def resolve(self, future: asyncio.Future[T], outcome: Outcome[T]) -> None:
        """Resolve a work's future; its effects follow in the loop's next turn, in the order of the outcomes."""
        _resolve(future, outcome)
        if outcome.effects:
            self._loop.call_soon(self._audience.hear, outcome.effects)

    async def delivered(self) -> None:
        await asyncio.sleep(0)  # deliveries take their turns in the order of the outcomes; this is a later one

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
        self._blocked_since: float | None = None
        self._limited_log = RateLimitedLog(log)

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
            if self._blocked_since is None:
                self._loop.call_soon(self._turn)
            else:
                self._loop.call_later(_LOCK_PAUSE_S, self._turn)

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
        """Commit the next batch. Everyone in it is answered, or waits on for the end of a foreign lock."""
        taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        batch = [(work, future) for work, future in taken if not future.done()]
        if not batch:
            return
        outcomes: list[Outcome[Any]] | None = None
        try:
            outcomes = self._database.commit([work for work, _ in batch])
            self._blocked_since = None
        except Exception as error:  # noqa: BLE001 - handed to every caller of the batch
            if isinstance(error, Blocked) and self._waits_on():
                self._waiting.extendleft(reversed(batch))
                batch = []
            else:
                kept = (
                    "it is not known whether they were kept" if isinstance(error, OutcomeUnknown) else "none was kept"
                )
                self._limited_log.error("%s; %d waiting calls were refused and %s", error, len(batch), kept)
            outcomes = [Outcome(None, [], error) for _ in batch]
        finally:
            if outcomes is None:  # a signal, which goes on its way from here
                outcomes = [Outcome(None, [], OutcomeUnknown("the server was interrupted")) for _ in batch]
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                self.resolve(future, outcome)

    def _waits_on(self) -> bool:
        """Whether a foreign lock may still be waited for; once it may not, whoever comes is refused until it ends."""
        if self._blocked_since is None:
            self._blocked_since = monotonic()
        return monotonic() - self._blocked_since < _LOCK_PATIENCE_S

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        if self._closed:
            return self.refused()
        self.calls += 1
        return self._at_once(lambda: self._database.read(work))

    def reset(self) -> asyncio.Future[None]:
        if self._closed:
            return self.refused()
        while self._waiting and self._blocked_since is None:
            self._flush()
        return self._at_once(self._database.reset)

    def _at_once(self, call: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self.resolve(future, _outcome(call))
        return future

    async def close(self) -> None:
        self._closed = True
        while self._waiting:
            self._flush()
            if self._blocked_since is not None:
                await asyncio.sleep(_LOCK_PAUSE_S)
        await _let_effects_out()
        self._database.close()


class Threads:
    """Threads of a lane. Parties take turns, and what came first of one goes first."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=f"tidegate-{name}")
        self._waiting: Queues[Hashable, Callable[[], object]] = Queues()
        self._guard = threading.Lock()

    def submit(self, party: Hashable, act: Callable[[], object]) -> None:
        """Have something done."""
        with self._guard:
            self._waiting.put(party, act)
        self._threads.submit(self._do_next)

    def _do_next(self) -> None:
        with self._guard:
            act = self._waiting.take()
        act()

    def run(self, party: Hashable, act: Callable[[], T]) -> asyncio.Future[T]:
        """Have something done whose outcome a caller on an event loop waits for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done() -> None:
            outcome = _outcome(act)
            loop.call_soon_threadsafe(_resolve, future, outcome)

        self.submit(party, done)
        return future

    def shutdown(self) -> None:
        """End the threads."""
        self._threads.shutdown()


class Pooled(_Landing):
    """Each work, or each set of works that go together, on a thread of its own."""

    ordered = False
    shared = True

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._threads = {lane: Threads(count, lane.value) for lane, count in _THREADS.items()}
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
            taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
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
                self._wait_for_lock(future, self._alone(work), outcome, monotonic(), _LOCK_PAUSE_S, marked(work).party)
            else:  # one of them met a lock, and few of the others will
                self._submit(self._threads[Lane.DEVICES], future, self._alone(work), party=marked(work).party)
        self._schedule()
        self._one_less()

    def _alone(self, work: Work[T]) -> Callable[[], Outcome[T]]:
        return lambda: self._database.commit([work])[0]

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        work = marked(work)
        return self._hand_over(work.lane, lambda: _outcome(lambda: self._database.read(work)), work.party)

    def reset(self) -> asyncio.Future[None]:
        return self._hand_over(Lane.OPERATORS, lambda: _outcome(self._database.reset))

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
        pause: float = _LOCK_PAUSE_S,
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
        if future.done() or monotonic() - since >= _LOCK_PATIENCE_S:
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
            if since is not None and monotonic() - since >= _LOCK_PATIENCE_S:  # too many waited before it
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
    """Wait until the loop has gone through what resolving put into it: the outcome itself, then the delivery."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
