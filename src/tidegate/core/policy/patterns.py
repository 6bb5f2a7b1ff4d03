"""Sets of patterns with wildcards, sorted by how they are matched: most have none, or one star at their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tidegate.core.wildcards import HOLE, STAR, glob

_NONE: Final[frozenset[str]] = frozenset()
"""One for all: an empty frozenset takes 216 bytes, and every connection has several."""


class Patterns(NamedTuple):
    """A set of patterns, sorted by how they are matched."""

    exact: frozenset[str] = _NONE
    prefixes: tuple[str, ...] = ()
    globs: tuple[tuple[str, ...], ...] = ()

    def match(self, text: str) -> bool:
        """Whether any of them matches."""
        return (
            text in self.exact
            or (bool(self.prefixes) and text.startswith(self.prefixes))
            or (bool(self.globs) and any(glob(segments, text) for segments in self.globs))
        )


def of(marked: Iterable[str]) -> Patterns:
    """Patterns with marks, ready to match."""
    exact: set[str] = set()
    prefixes: list[str] = []
    globs: list[tuple[str, ...]] = []
    for pattern in marked:
        segments = tuple(pattern.split(STAR))
        if HOLE in pattern or len(segments) > 2 or (len(segments) == 2 and segments[1]):
            globs.append(segments)
        elif len(segments) == 2:
            prefixes.append(segments[0])
        else:
            exact.add(pattern)
    return Patterns(frozenset(exact) if exact else _NONE, tuple(prefixes), tuple(globs))


def union(sets: Sequence[Patterns]) -> Patterns:
    """What any of them matches."""
    if len(sets) == 1:
        return sets[0]
    return Patterns(
        frozenset().union(*[s.exact for s in sets]),
        tuple(prefix for s in sets for prefix in s.prefixes),
        tuple(glob for s in sets for glob in s.globs),
    )
