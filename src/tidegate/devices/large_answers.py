"""Large answers take turns: a few begin in a turn of the event loop, by account, so that small ones pass them.

A fleet that reads a file as fast as it can has as many requests under way as it has devices. If they were carried out
in the order of arrival, a device that asks for its next job would wait for all of them.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tidegate.net.fairness import Queues

A_TURN: Final = 4
"""Those that are begun in one turn: each takes some tenths of a millisecond."""


class LargeAnswers:
    """The turns of one event loop. Lives on it."""

    def __init__(self) -> None:
        self._waiting: Queues[str, asyncio.Future[None]] = Queues()
        self._due = False

    def turn(self, account: str) -> asyncio.Future[None]:
        """Resolves when the next of an account may begin."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.put(account, turn)
        if not self._due:
            self._due = True
            loop.call_soon(self._begin)
        return turn

    def _begin(self) -> None:
        for _ in range(A_TURN):
            if not self._waiting:
                break
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
        self._due = bool(self._waiting)
        if self._due:
            asyncio.get_running_loop().call_soon(self._begin)
