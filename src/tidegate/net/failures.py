"""How often each address failed to sign: guesses are answered without a look into the store.

A bucket for each address: ``BURST`` failures at once, ``PER_SECOND`` after that. Good signatures are never refused:
behind one address (NAT) there may be others who have the right key.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tidegate.clock import monotonic
from tidegate.net.addresses import owner
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.access")

BURST: Final = 20
PER_SECOND: Final = 5.0
_MOST: Final = 4096
"""Addresses remembered; past that the one that failed longest ago is forgotten."""


class Failures:
    """The failures of the last seconds, by address."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._limited_log = RateLimitedLog(log)

    def __len__(self) -> int:
        return len(self._left)

    def throttles(self, address: str, *, guessed: bool) -> bool:
        """Whether a failure is one too many for its address; if not, one that a guess makes is counted."""
        if not self.too_many(address):
            if guessed:
                self.note(address)
            return False
        self._limited_log.warning(
            "requests from %s fail to sign too often and are throttled, those with a good signature are not. Look for "
            "a client with an old key, or block the address.",
            address,
        )
        return True

    def too_many(self, address: str) -> bool:
        """Whether the next failure of an address is one too many."""
        return bool(self._left) and self._tokens(owner(address)) < 1

    def note(self, address: str) -> None:
        """Count a failure."""
        who = owner(address)
        tokens = self._tokens(who)
        self._left[who] = (tokens - 1 if tokens >= 1 else tokens), self._now()
        self._left.move_to_end(who)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)

    def _tokens(self, who: str) -> float:
        tokens, at = self._left.get(who, (float(BURST), self._now()))
        return min(float(BURST), tokens + (self._now() - at) * PER_SECOND)
