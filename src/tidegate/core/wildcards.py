"""Patterns with the wildcards ``*`` and ``?``, as policies of devices and of operators have them.

Inside a pattern the wildcards are marks, so that text which was substituted for a variable stays literal. Matched by
hand rather than by ``re``: a pattern with many stars must not be able to backtrack.
"""

from __future__ import annotations

from typing import Final

STAR: Final = "\udc00"
"""Any run of characters, ``/`` and ``:`` included."""
HOLE: Final = "\udc01"
"""Any one character. Lone surrogates, as these marks are, never occur in text decoded from UTF-8 or JSON."""
MARKED: Final = frozenset({STAR, HOLE})


def matches(pattern: str, text: str) -> bool:
    """Whether a text is one of those a pattern stands for. Quadratic at worst, whatever the number of stars."""
    if HOLE in pattern:
        return _walk(pattern, text)
    if STAR not in pattern:
        return pattern == text
    first, *middle, last = pattern.split(STAR)
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for segment in middle:  # the leftmost place of each is enough
        at = text.find(segment, at, end)
        if at < 0:
            return False
        at += len(segment)
    return True


def _walk(pattern: str, text: str) -> bool:
    """Character by character: what a ``?`` stands for cannot be searched for."""
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == STAR:
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in (text[at], HOLE):
            at, place = at + 1, place + 1
        elif star >= 0:  # let the last star take one character more: an earlier one need never be tried again
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return pattern[place:].strip(STAR) == ""
