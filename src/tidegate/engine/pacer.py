"""Tells a wall clock that runs from one that was set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tidegate.clock import Clock, Millis

TOLERANCE: Final = 1000
"""Milliseconds by which a clock may be off between two looks: time servers slew by far less."""


class Look(NamedTuple):
    """What the clock said, epoch ms, and the beat's seconds at the same moment."""

    wall: Millis
    beat: float


_TRIES = 5
_AT_ONCE_S = 0.01


class Pacer:
    """Compares a clock with a beat that nobody sets. A clock that was never looked at has not kept its pace."""

    def __init__(self, clock: Clock, beat: Callable[[], float]) -> None:
        self._clock = clock
        self._beat = beat
        self._last: Look | None = None

    def look(self) -> Look:
        """Look at both at once: on a busy machine seconds may pass between two lines, and look like a jump."""
        found: tuple[float, Look] | None = None
        for _ in range(_TRIES):
            before = self._beat()
            wall, beat = self._clock.now(), self._beat()
            if found is None or beat - before < found[0]:
                found = beat - before, Look(wall, beat)
            if found[0] <= _AT_ONCE_S:
                break
        assert found is not None
        return found[1]

    def span(self, look: Look) -> tuple[Millis, Millis] | None:
        """When the clock was last looked at, and what it would say now had it gone on; None if it never was.

        A clock that went back did so even if the beat went back with it.
        """
        if self._last is None:
            return None
        wall, beat = self._last
        return wall, wall + max(0, round((look.beat - beat) * 1000))

    def keeps(self, look: Look) -> bool:
        """Whether the clock goes on as it did; if so, it is the new mark."""
        span = self.span(look)
        if span is None or abs(look.wall - span[1]) > TOLERANCE:
            return False
        self.accept(look)
        return True

    def accept(self, look: Look) -> None:
        """Go by the clock as it was, however long ago that is by now."""
        self._last = look
