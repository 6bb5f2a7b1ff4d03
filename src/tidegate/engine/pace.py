"""How much the engine may take into one transaction.

A large set costs less for each execution, and more for whoever has to wait for it. So the engine takes small ones while
anybody asks anything of the store, and large ones once it has had the store to itself for a while.
"""

from __future__ import annotations

from typing import Final

from tidegate.runtime.unit import Unit

_STEPS: Final = 32
"""Small steps without a neighbour before the large ones begin: about a tenth of a second."""


class Pace:
    """Told of every step of one engine."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._calls = 0
        self._alone = 0

    def alone(self) -> bool:
        """Whether nobody but the engine has called the store during its latest steps; to be asked once in each."""
        calls = self._unit.calls
        self._alone = self._alone + 1 if calls == self._calls + 1 else 0
        self._calls = calls
        return self._alone > _STEPS
