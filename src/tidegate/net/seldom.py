"""Log lines that anybody can cause as often as they like: one of each cause now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.clock import monotonic

_EVERY_S: Final = 60.0


class Seldom:
    """Remembers when each cause was told last. Causes are ours, not a caller's: they are kept for good."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._told: dict[str, tuple[float, int]] = {}

    def due(self, cause: str) -> int | None:
        """How often it was held back since it was last told, if it is to be told now; else None."""
        now = self._now()
        last, held = self._told.get(cause, (float("-inf"), 0))
        if now - last < _EVERY_S:
            self._told[cause] = last, held + 1
            return None
        self._told[cause] = now, 0
        return held
