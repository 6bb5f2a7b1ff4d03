"""What the engine does when nothing is due: it forgets shadows that were deleted long ago, a page a step.

Nobody waits for this, so it has no instant of its own: the engine looks every second by itself.
"""

from __future__ import annotations

from typing import Final

from tidegate.clock import Millis
from tidegate.engine.loop import Step
from tidegate.ops import shadows
from tidegate.store.database import Tx
from tidegate.store.shadows import Key

EVERY: Final = 3_600_000
"""Milliseconds between two passes through all shadows."""
_BEGINNING: Final = Key(0, "", "")


class Tidying:
    """A step that tidies when another has nothing left to do. What a failed step passes over, the next pass finds."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._after: Key | None = None
        self._began_at: Millis | None = None

    def __call__(self, tx: Tx, now: Millis) -> Millis | None:
        due = self._step(tx, now)
        if due is None or due > now:
            self._tidy(tx, now)
        return due

    def _tidy(self, tx: Tx, now: Millis) -> None:
        if self._after is None:
            if self._began_at is not None and 0 <= now - self._began_at < EVERY:
                return
            self._began_at, self._after = now, _BEGINNING
        self._after = shadows.forget(tx, now, self._after)
