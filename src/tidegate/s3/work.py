"""What every operation works with: the folder, threads for what blocks, turns, the caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from tidegate.clock import Millis
from tidegate.objects.folder import Folder
from tidegate.s3.errors import S3Error

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """So many at a time; others wait in the order they came, and are told to come back when that takes too long."""

    def __init__(self, limit: int, patience_s: float, queue: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._patience = patience_s
        self._queue = queue
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a place for the block.

        Raises:
            S3Error: SlowDown.
        """
        await self.take()
        try:
            yield
        finally:
            self.give_back()

    async def take(self) -> None:
        """Wait for a place; ``give_back`` it.

        Raises:
            S3Error: SlowDown.
        """
        if self._free.locked() and self._waiting >= self._queue:
            raise S3Error("SlowDown")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise S3Error("SlowDown") from None
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Let the next one have the place."""
        self._free.release()


class Limits(NamedTuple):
    """What the endpoint takes on at once, and how long it waits for whom."""

    downloads: int = 1000
    """Answers that are being streamed."""
    uploads: int = 16
    """Bodies that are being written to disk."""
    queue: int = 10_000
    """Requests that may wait for either."""
    patience_s: float = 30.0
    """For a turn, then SlowDown (503), which every SDK repeats."""
    stall_s: float = 60.0
    """A client that moves less than ``stall_bytes`` in this time is given up."""
    stall_bytes: int = 16 * 1024
    keep_alive_s: float = 75.0
    abandoned_s: float = 7 * 86_400.0
    """A multipart upload that has got no part for so long is aborted."""


LIMITS = Limits()


class Work(NamedTuple):
    """The endpoint's parts that operations use."""

    folder: Folder
    executor: Executor
    uploads: Turns
    downloads: Turns
    region: str

    async def off(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks on a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, lambda: function(*args, **kwargs))


class Permit(Protocol):
    """Asks whether the caller may."""

    async def __call__(self, action: str, bucket: str, key: str) -> None:
        """Return if so.

        Raises:
            S3Error: AccessDenied.
        """
        ...


class Call(NamedTuple):
    """Who calls, and when (epoch ms of the wall clock: clients compare our dates with theirs).

    ``bounded``: buckets of other accounts are out of reach.
    """

    account: str
    now: Millis
    bounded: bool
    permit: Permit
