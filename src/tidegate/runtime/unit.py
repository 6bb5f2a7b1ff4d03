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
from typing import Any, Protocol, TypeVar

from tidegate.runtime.landing import Listener
from tidegate.runtime.pooled import Pooled
from tidegate.runtime.ticked import Ticked
from tidegate.store.database import Database, Work

T = TypeVar("T")

LOCK_WAIT_MS = 100
"""How long a statement waits for a lock (PostgreSQL): much longer than our own works hold them."""


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
