"""What an observation says: that something else came than was expected, or that it cannot be seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class UnmetError(Exception):
    """Something else came than what was expected."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected, self.came = expected, came


class UnobservedError(Exception):
    """What an observation needs is not there: no clock to move, no MQTT address."""


def same(came: Any, expected: Any, what: str) -> None:
    """Raise ``UnmetError`` unless two values are equal."""
    if came != expected:
        raise UnmetError(f"{what} {expected!r}", shortened(repr(came)))


def holds(condition: object, expected: str, came: Any) -> None:
    """Raise ``UnmetError`` unless a condition is true."""
    if not condition:
        raise UnmetError(expected, shortened(repr(came)))


def absent(members: Any, names: Iterable[str]) -> None:
    """Raise ``UnmetError`` if a structure has one of some members."""
    found = sorted(set(members) & set(names))
    if found:
        raise UnmetError(f"no member {', '.join(found)}", shortened(repr(members)))


def shortened(text: str, most: int = 300) -> str:
    """A text, cut."""
    return text if len(text) <= most else text[: most - 1] + "…"
