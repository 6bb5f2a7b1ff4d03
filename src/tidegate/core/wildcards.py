"""Patterns with the wildcards ``*`` and ``?``, as policies of devices and of operators and fleet queries have them.

Inside a pattern the wildcards are marks, so that text which was substituted for a variable stays literal. Matched by
hand rather than by ``re``: compiling a regular expression for each connection costs more than the connection, and no
pattern may take much longer than the text it is put to, whatever its stars and question marks.
"""

from __future__ import annotations

import functools
from typing import Final

STAR: str = chr(0xDC00)
"""Any run of characters, ``/`` and ``:`` included."""
HOLE: str = chr(0xDC01)
"""Any one character. Lone surrogates, as these marks are, never occur in text decoded from UTF-8 or JSON. Compiled, a
literal of one, or a ``Final`` of it, would come out as other text (``tools.compiled``)."""
MARKED: Final = frozenset({STAR, HOLE})

_WINDOW: Final = 2048
"""Characters whose places are looked at together; what policies are asked about is shorter."""


def matches(pattern: str, text: str) -> bool:
    """Whether a text is one of those a pattern stands for."""
    return glob(tuple(pattern.split(STAR)), text)


def glob(segments: tuple[str, ...], text: str) -> bool:
    """The same for a pattern that was split at its stars. The leftmost place of each segment is enough."""
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
    """The leftmost place of a segment between two others, or -1."""
    if HOLE not in segment:
        return text.find(segment, at, end)
    last = end - len(segment)
    window = max(_WINDOW, len(segment))
    while at <= last:
        start = at - at % window
        found = _among(segment, _places(text[start : start + 2 * window]), at - start, min(last - start + 1, window))
        if found >= 0:
            return start + found
        at = start + window
    return -1


def _among(segment: str, places: dict[str, int], low: int, high: int) -> int:
    """The first place from ``low`` up to ``high`` where a segment lies, or -1.

    All places are tried at once, a bit for each: what is left of them after every character of the segment is those
    where it lies. A ``?`` costs nothing, where a search for it would have to compare place by place.
    """
    left = (1 << (high - low)) - 1
    for offset, character in enumerate(segment, low):
        if character != HOLE:
            left &= places.get(character, 0) >> offset
            if not left:
                return -1
    return low + (left & -left).bit_length() - 1


@functools.lru_cache(maxsize=2)
def _places(text: str) -> dict[str, int]:
    """Where each character of a text stands, a bit for each place. Kept, since many patterns are put to one text."""
    found: dict[str, int] = {}
    bit = 1
    for character in text:
        found[character] = found.get(character, 0) | bit
        bit <<= 1
    return found
