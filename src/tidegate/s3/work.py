"""What every operation works with: the folder, threads for what blocks, turns, the caller."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, ParamSpec, Protocol, TypeVar

from tidegate.clock import Millis
from tidegate.net.fairness import Queues
from tidegate.objects.folder import Folder
from tidegate.s3.errors import S3Error

P = ParamSpec("P")
T = TypeVar("T")

_SHARE: Final = 2
"""Places an account may have for each that is free: the dynamic threshold of shared buffers."""


class Slots:
    """So many places. No account gets more than twice what it leaves free, so that there is always one for another.

    Others wait, accounts in turn and of one account in the order they came, and are told to come back when that takes
    too long.
    """

    def __init__(self, limit: int, patience_s: float, queue: int) -> None:
        """``queue``: how many of an account may wait."""
        self._free = limit
        self._held: Counter[str] = Counter()
        self._patience = patience_s
        self._queue = queue
        self._waiting: Queues[str, asyncio.Future[None]] = Queues()

    @asynccontextmanager
    async def turn(self, account: str) -> AsyncIterator[None]:
        """Hold a place of an account for the block.

        Raises:
            S3Error: SlowDown.
        """
        await self._take(account)
        try:
            yield
        finally:
            self._give_back(account)

    async def _take(self, account: str) -> None:
        if account not in self._waiting and self._may(account):
            self._have(account)
            return
        if self._waiting.waiting(account) >= self._queue:
            raise S3Error("SlowDown")
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(account, came)
        try:
            async with asyncio.timeout(self._patience):
                await came
        except BaseException as error:
            if came.done() and not came.cancelled():
                self._give_back(account)  # it came as we went
            self._waiting.drop(account, came)
            if isinstance(error, TimeoutError):
                raise S3Error("SlowDown") from None
            raise

    def _may(self, account: str) -> bool:
        return self._held[account] < _SHARE * self._free

    def _have(self, account: str) -> None:
        self._held[account] += 1
        self._free -= 1

    def _give_back(self, account: str) -> None:
        self._free += 1
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        while self._let_one_in():
            pass

    def _let_one_in(self) -> bool:
        for account in self._waiting.parties:
            if self._may(account):
                came = self._waiting.take(account)
                if not came.done():
                    self._have(account)
                    came.set_result(None)
                return True
        return False


class Limits(NamedTuple):
    """What the endpoint takes on at once, and how long it waits for whom."""

    downloads: int = 1500
    """Answers that are being streamed; 1,000 of an account."""
    uploads: int = 24
    """Bodies that are being written to disk; 16 of an account."""
    queue: int = 10_000
    """Requests of an account that may wait for either."""
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
    uploads: Slots
    downloads: Slots
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
