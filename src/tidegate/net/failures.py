"""How often each address failed to sign: guesses are answered without a look into the store.

A bucket for each address: ``BURST`` failures at once, ``PER_SECOND`` after that. Good signatures are never refused:
behind one address (NAT) there may be others who have the right key.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tidegate.clock import monotonic

BURST: Final = 20
PER_SECOND: Final = 5.0
_MOST: Final = 4096
"""Addresses remembered; past that the one that failed longest ago is forgotten."""
_NETWORK: Final = 64
"""Bits of an IPv6 address that stand for its owner: the rest is free to choose."""


class Failures:
    """The failures of the last seconds, by address."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def too_many(self, address: str) -> bool:
        """Whether the next failure of an address is one too many."""
        return bool(self._left) and self._tokens(_owner(address)) < 1

    def note(self, address: str) -> None:
        """Count a failure."""
        owner = _owner(address)
        tokens = self._tokens(owner)
        self._left[owner] = (tokens - 1 if tokens >= 1 else tokens), self._now()
        self._left.move_to_end(owner)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)

    def _tokens(self, owner: str) -> float:
        tokens, at = self._left.get(owner, (float(BURST), self._now()))
        return min(float(BURST), tokens + (self._now() - at) * PER_SECOND)


def _owner(address: str) -> str:
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or int(found) >> (128 - _NETWORK))
