"""The input file of bulk registration (reach reference 3.9): a JSON object of parameters on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

LONGEST: Final = 64 * 1024
"""Bytes of a line, and of a piece of the file that is looked at."""
AT_ONCE: Final = 50
"""Lines of a piece: each may want a signature."""


class LineTooLongError(Exception):
    """The first line of a piece does not end in it."""


class Line(NamedTuple):
    """A line: where it begins and the next one does, in bytes of the file; ``number`` counts from 1."""

    number: int
    start: int
    end: int
    text: bytes

    @property
    def empty(self) -> bool:
        """Nothing but white space."""
        return not self.text.strip()

    def parameters(self) -> dict[str, str] | None:
        """What stands there; None if it is no object of strings."""
        try:
            return _DECODE(self.text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


_DECODE = msgspec.json.Decoder(dict[str, str]).decode


def lines(piece: bytes, start: int, number: int, *, last: bool) -> Iterator[Line]:
    """The whole lines of a piece of the file, ``AT_ONCE`` at most.

    Args:
        piece: at most ``LONGEST`` bytes.
        start: where in the file it begins.
        number: how many lines were before it.
        last: whether the file ends with it, be there a line feed or not.

    Raises:
        LineTooLongError: it holds no whole line.
    """
    at = 0
    for count in range(1, AT_ONCE + 1):
        end = piece.find(b"\n", at) + 1
        if not end:
            if last and at < len(piece):
                end = len(piece)
            elif at or last:
                return
            else:
                raise LineTooLongError
        yield Line(number + count, start + at, start + end, piece[at:end])
        at = end
