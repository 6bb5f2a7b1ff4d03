"""Works on SQLite: everything that arrives in one turn of the event loop shares a transaction and a commit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from tidegate.clock import monotonic
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.landing import BATCH, LOCK_PATIENCE_S, LOCK_PAUSE_S, Landing, let_effects_out, outcome_of
from tidegate.store.database import Blocked, Database, Outcome, OutcomeUnknown, Work

T = TypeVar("T")

log = logging.getLogger("tidegate.store")

_PATIENCE = 4
"""At most this many turns of the loop, microseconds each when nothing happens, a work waits for others to join it."""


class Ticked(Landing):
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
                self._loop.call_later(LOCK_PAUSE_S, self._turn)

    def _turn(self) -> None:
        """Commit once a turn of the loop has brought nobody new, or after a few turns.

        Those who were answered together ask again while the next are being served: without this patience they would
        stay two groups for ever, that wait for each other's commits.
        """
        if self._counted < len(self._waiting) < BATCH and self._turns < _PATIENCE:
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
        taken = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
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
        return monotonic() - self._blocked_since < LOCK_PATIENCE_S

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
        self.resolve(future, outcome_of(call))
        return future

    async def close(self) -> None:
        self._closed = True
        while self._waiting:
            self._flush()
            if self._blocked_since is not None:
                await asyncio.sleep(LOCK_PAUSE_S)
        await let_effects_out()
        self._database.close()
