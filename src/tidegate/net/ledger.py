"""What admission did to whom: counters for the metrics, and a line of the log a minute instead of one for each."""

from __future__ import annotations

import collections
import logging
from typing import Final, NamedTuple

from tidegate.net.tls_failures import Refusal

log = logging.getLogger("tidegate.net")

_ADDRESSES: Final = 1000
"""Remembered in a minute; further ones are counted together."""
_NAMED: Final = 5
_AT_ONCE: Final = 20
"""Failed handshakes told at once in a minute; further ones in the line at its end."""
_OTHERS: Final = "others"

WHY: Final = {
    "silent": "said nothing",
    "waiting": "waited for a place",
    "handshaking": "did not say who they are",
    "address": "too many of one address",
    "account": "more than its share of the room",
    "full": "no room",
    "idle": "rested while room was short",
    "bytes": "held back an unfinished request",
    "proxy": "no PROXY header",
}


class Seen(NamedTuple):
    """What admission has seen, as plain values that another process can be told."""

    sockets: dict[str, int]
    """Connections that nobody knows yet, by what they are."""
    sent_away: list[tuple[str, str, int]]
    """Listener, reason, how many since the start."""
    failed: list[tuple[str, str, int]]
    """TLS handshakes, likewise."""


class Ledger:
    """Counts since the start, and of the present minute."""

    def __init__(self) -> None:
        self.sent_away: collections.Counter[tuple[str, str]] = collections.Counter()
        """By listener and reason, a key of ``WHY``."""
        self.failed: collections.Counter[tuple[str, str]] = collections.Counter()
        """Failed TLS handshakes by listener and cause (``tls_failures``)."""
        self._minute: collections.Counter[tuple[str, str]] = collections.Counter()
        self._failures: collections.Counter[tuple[str, str]] = collections.Counter()

    def refused(self, listener: str, reason: str, address: str) -> None:
        """Somebody was sent away."""
        self.sent_away[listener, reason] += 1
        self._count(self._minute, address, reason)

    def handshake_failed(self, listener: str, why: Refusal, address: str) -> None:
        """A TLS handshake came to nothing."""
        self.failed[listener, why.cause] += 1
        if (address, why.cause) not in self._failures and len(self._failures) < _AT_ONCE:
            log.info("TLS handshake of %s on %s failed: %s", address, listener, why.sentence)
        self._count(self._failures, address, why.cause)

    def _count(self, counter: collections.Counter[tuple[str, str]], address: str, reason: str) -> None:
        known = (address, reason) in counter or len(counter) < _ADDRESSES
        counter[address if known else _OTHERS, reason] += 1

    def seen(self, sockets: dict[str, int]) -> Seen:
        """Everything since the start."""
        return Seen(
            sockets,
            [(*key, count) for key, count in self.sent_away.items()],
            [(*key, count) for key, count in self.failed.items()],
        )

    def tell(self) -> None:
        """Write down what happened since the last time, if anything did."""
        if self._minute:
            log.warning("sent away in the last minute: %s", _listed(self._minute))
        if self._failures.total() > len(self._failures) or len(self._failures) > _AT_ONCE:
            log.info("TLS handshakes failed in the last minute: %s", _listed(self._failures))
        self._minute.clear()
        self._failures.clear()


def _listed(counter: collections.Counter[tuple[str, str]]) -> str:
    """Who had most first."""
    named = [
        f"{count} of {address} ({WHY.get(reason, reason)})" for (address, reason), count in counter.most_common(_NAMED)
    ]
    left = counter.total() - sum(count for _, count in counter.most_common(_NAMED))
    return ", ".join([*named, *([f"{left} more"] if left else [])])
