"""Whose turn it is: accounts share the event loop, however many clients each of them has.

Everything a client has done takes the loop's time. While one party works, an account or an address whose account is not
known yet, nothing is held up here. Once another one works, too, each may do a few things in a turn of the loop; what
it wants beyond that waits in a queue of its own, and the queue of the party that has had least of the loop's time goes
first. So a client of an account with little to do waits for a turn, not for everybody of the busy account.

How many things fit into a turn is found out: fewer when turns take the processor long, more when they are short. Only
what begins counts, not what is under way: whoever waits for a locked row holds up neither others nor its account.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from tidegate.clock import busy

LONG_S: Final = 0.005
"""A turn that takes longer had too much in it; one that takes half may have more."""
_LEAST, _MOST = 2, 64
_REMEMBERED_S: Final = 1.0
"""A party that has done nothing for so long does not work at the moment."""

P = TypeVar("P", bound=Hashable)
T = TypeVar("T")


class Queues(Generic[P, T]):
    """What waits, by party: each takes its turn, and of one party what came first."""

    def __init__(self) -> None:
        self._by_party: dict[P, deque[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_party)

    def __contains__(self, party: P) -> bool:
        return party in self._by_party

    @property
    def parties(self) -> list[P]:
        """Who waits, whose turn is next first."""
        return list(self._by_party)

    def put(self, party: P, item: T) -> None:
        """Add something of a party."""
        self._by_party.setdefault(party, deque()).append(item)

    def take(self, party: P | None = None) -> T:
        """The next item, of the party whose turn it is unless one is named, which goes behind the others then."""
        chosen = next(iter(self._by_party)) if party is None else party
        queue = self._by_party.pop(chosen)
        item = queue.popleft()
        if queue:
            self._by_party[chosen] = queue
        return item

    def waiting(self, party: P) -> int:
        """How many items of a party wait."""
        return len(self._by_party.get(party, ()))

    def drop(self, party: P, item: T) -> None:
        """Take an item back, if it still waits."""
        queue = self._by_party.get(party)
        if queue is not None and item in queue:
            queue.remove(item)
            if not queue:
                del self._by_party[party]


class FairScheduler:
    """The turns of one event loop. Made and used on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: Queues[Hashable, Callable[[], object]] = Queues()
        self._seen: dict[Hashable, float] = {}  # who works, and when it last did something
        self._used: dict[Hashable, float] = {}  # seconds of the loop, of those who work
        self._begun: dict[Hashable, int] = {}  # in this turn
        self._least = 0.0  # seconds of whoever had its turn last
        self._size = _LEAST * 4
        self._due = False
        self._at = self._looked = 0.0

    def admits(self, party: Hashable) -> bool:
        """Whether a party may do something at once, which it is to do then; if not it is to ``wait``."""
        now = self._loop.time()
        self._seen[party] = now
        if len(self._seen) == 1:
            return True
        if now > self._looked + _REMEMBERED_S:
            self._forget(now)
        if party in self._waiting or self._begun.get(party, 0) >= self._size:
            return False
        self._begin(party)
        return True

    def wait(self, party: Hashable, act: Callable[[], object]) -> None:
        """Do something of a party when its turn comes."""
        self._waiting.put(party, act)
        self._have_turn()

    def soon(self, party: Hashable, act: Callable[[], object]) -> None:
        """Do something of a party in the loop's next turn, or when its own comes."""
        if self.admits(party):
            self._loop.call_soon(act)
        else:
            self.wait(party, act)

    def _forget(self, now: float) -> None:
        """Forget who does nothing any more."""
        self._looked = now
        for party in [each for each, at in self._seen.items() if at < now - _REMEMBERED_S]:
            if party not in self._waiting:
                del self._seen[party]
                self._used.pop(party, None)

    def _begin(self, party: Hashable) -> None:
        self._begun[party] = self._begun.get(party, 0) + 1
        self._have_turn()

    def _have_turn(self) -> None:
        if not self._due:
            self._due, self._at = True, busy()
            # A hop between: what begins now goes on with the loop's next turn, and that shall count.
            self._loop.call_soon(self._loop.call_soon, self._turn)

    def _turn(self) -> None:
        """A turn is over: charge it to those who had it, and begin what waits."""
        self._due = False
        self._settle(busy() - self._at)
        for _ in range(self._size):
            if not self._waiting:
                return
            party = min(self._waiting.parties, key=self._seconds)
            self._least = max(self._least, self._seconds(party))
            self._begin(party)
            self._waiting.take(party)()

    def _seconds(self, party: Hashable) -> float:
        """What a party has had; who comes anew starts where the others are."""
        return self._used.get(party, self._least)

    def _settle(self, seconds: float) -> None:
        begun = sum(self._begun.values())
        for party, count in self._begun.items():
            self._used[party] = self._seconds(party) + seconds * count / begun
        self._begun.clear()
        if seconds > LONG_S:
            self._size = max(_LEAST, self._size // 2)
        elif seconds < LONG_S / 2:
            self._size = min(_MOST, self._size + 1)
