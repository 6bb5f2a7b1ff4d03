"""Threads whose parties take turns."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tidegate.net.fairness import Queues
from tidegate.runtime.landing import answer, outcome_of

T = TypeVar("T")


class Threads:
    """Threads of a lane. Parties take turns, and what came first of one goes first."""

    def __init__(self, count: int, name: str, share: int | None = None) -> None:
        """``share``: how many of them one party may have at once; None: all."""
        self._share = share or count
        self._at_work: Counter[Hashable] = Counter()
        self._left = 0
        """Turns that were left, because who waited had its share."""
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=f"tidegate-{name}")
        self._waiting: Queues[Hashable, Callable[[], object]] = Queues()
        self._guard = threading.Lock()

    def submit(self, party: Hashable, act: Callable[[], object]) -> None:
        """Have something done."""
        with self._guard:
            self._waiting.put(party, act)
        self._threads.submit(self._do_next)

    def _do_next(self) -> None:
        again = True
        while again:
            with self._guard:
                parties = [each for each in self._waiting.parties if self._at_work[each] < self._share]
                if not parties:
                    self._left += 1
                    return
                party = parties[0]
                act = self._waiting.take(party)
                self._at_work[party] += 1
            try:
                act()
            finally:
                with self._guard:
                    self._ended(party)
                    again = self._left > 0
                    self._left -= again

    def _ended(self, party: Hashable) -> None:
        self._at_work[party] -= 1
        if not self._at_work[party]:
            del self._at_work[party]

    def run(self, party: Hashable, act: Callable[[], T]) -> asyncio.Future[T]:
        """Have something done whose outcome a caller on an event loop waits for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done() -> None:
            outcome = outcome_of(act)
            loop.call_soon_threadsafe(answer, future, outcome)

        self.submit(party, done)
        return future

    def shutdown(self) -> None:
        """End the threads."""
        self._threads.shutdown()
