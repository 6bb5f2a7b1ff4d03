"""Tells a wall clock that runs from one that was set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.clock import Millis

TOLERANCE: Final = 1000
"""Milliseconds by which a clock may be off between two looks: time servers slew by far less."""


class Pacer:
    """Compares a clock with a beat that nobody sets. A clock that was never looked at has not kept its pace."""

    def __init__(self, beat: Callable[[], float]) -> None:
        self._beat = beat
        self._at: tuple[Millis, float] | None = None

    def span(self) -> tuple[Millis, Millis] | None:
        """When the clock was last looked at, and what it would say had it gone on; None if it never was.

        A clock that went back did so even if the beat went back with it.
        """
        if self._at is None:
            return None
        wall, beat = self._at
        return wall, wall + max(0, round((self._beat() - beat) * 1000))

    def keeps(self, now: Millis) -> bool:
        """Whether the clock goes on as it did; if so, it is the new mark."""
        span = self.span()
        if span is None or abs(now - span[1]) > TOLERANCE:
            return False
        self.accept(now)
        return True

    def accept(self, now: Millis) -> None:
        """Go by the clock as it is."""
        self._at = now, self._beat()
