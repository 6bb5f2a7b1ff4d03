"""Who was refused, added up: the audit log gets one entry a minute for all of them, however many there are."""

from __future__ import annotations

from collections import Counter
from typing import Final

from tidegate.clock import wall_now
from tidegate.core import audit
from tidegate.ops.audit import Entry

_MOST: Final = 16
"""Told one by one; whoever comes after these is only counted."""
_LONGEST: Final = 64
_OTHERS: Final = "others"


class Refusals:
    """Counts refusals. Lives on one event loop."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, source: str, who: str, code: str) -> None:
        """A request of somebody from an address was refused with this code."""
        name = audit.without_secrets(f"{code} {source or 'an unknown address'} {who[:_LONGEST]}")
        self._counts[name if name in self._counts or len(self._counts) < _MOST else _OTHERS] += 1

    def taken(self) -> Entry | None:
        """The entry for what was counted since the last one; None for nothing."""
        if not self._counts:
            return None
        counts, self._counts = self._counts, Counter()
        return Entry(
            time=wall_now(),
            principal="unknown",
            edge="server",
            operation="tidegate:Refuse",
            outcome="refused",
            after={name: str(count) for name, count in counts.most_common()},
        )
