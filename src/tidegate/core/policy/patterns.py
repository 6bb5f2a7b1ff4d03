"""Text with wildcards: ``*`` is any run of characters, ``/`` and ``:`` included, ``?`` any one.

Matched by hand rather than by ``re``: compiling a regular expression per connection costs more than the connection, and
a pattern with many stars must not be able to backtrack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tidegate.core.wildcards import HOLE, STAR

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


def glob(segments: tuple[str, ...], text: str) -> bool:
    """Match text against segments with any run of characters between them. The leftmost place of each is enough."""
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(text) == len(first) and _fits(first, text, 0)
    at, end = len(first), len(text) - len(last)
    if at > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    for segment in segments[1:-1]:
        at = _find(segment, text, at, end)
        if at < 0:
            return False
        at += len(segment)
    return True


def _fits(segment: str, text: str, at: int) -> bool:
    if HOLE not in segment:
        return text.startswith(segment, at)
    window = text[at : at + len(segment)]
    return len(window) == len(segment) and all(s in (c, HOLE) for s, c in zip(segment, window, strict=True))


def _find(segment: str, text: str, at: int, end: int) -> int:
    if HOLE not in segment:
        return text.find(segment, at, end)
    return next((place for place in range(at, end - len(segment) + 1) if _fits(segment, text, place)), -1)
