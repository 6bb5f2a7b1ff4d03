"""Threads whose parties take turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tidegate.net.fairness import Queues
from tidegate.runtime.landing import answer, outcome_of

T = TypeVar("T")


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
            outcome = outcome_of(act)
            loop.call_soon_threadsafe(answer, future, outcome)

        self.submit(party, done)
        return future

    def shutdown(self) -> None:
        """End the threads."""
        self._threads.shutdown()
