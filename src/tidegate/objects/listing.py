"""Pages of a listing with S3's delimiter rule: keys that share a prefix up to the delimiter count as one entry.

Pure, over a function that gives rows in order, so that a prefix with a million keys below it is passed over, not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar


class Keyed(Protocol):
    """What can be listed."""

    @property
    def key(self) -> str:
        """Where it stands."""
        ...


T = TypeVar("T", bound=Keyed)

Rows = Callable[[str, bool, int], list[T]]
"""``(start, after, limit)``: rows from a key on, or after it, in order."""


class Page(NamedTuple, Generic[T]):
    """What a page shows; ``last`` is the key or prefix it ends with if more follows, else None."""

    found: list[T]
    prefixes: list[str]
    last: str | None
    """None: this is the end."""
    last_row: T | None = None
    """The row the page ends with, if it ends with one and more follows."""


class Question(NamedTuple):
    """What is asked for. ``marker``: after this key or prefix; ``limit`` counts rows and prefixes together."""

    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    limit: int = 1000


def past(prefix: str) -> str | None:
    """The least key above all that begin with a prefix; None if there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if code == 0xD800 else code)
        prefix = prefix[:-1]
    return None


def group(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix a key is shown under, if any."""
    if not delimiter:
        return None
    end = key.find(delimiter, len(prefix))
    return None if end < 0 else key[: end + len(delimiter)]


def page(rows: Rows[T], question: Question, waiting: Iterable[T] = ()) -> Page[T]:
    """One page; ``waiting`` are rows that come before all others and are not given by ``rows``."""
    prefix, delimiter, _, limit = question
    found: list[T] = []
    prefixes: list[str] = []
    if limit <= 0:
        return Page(found, prefixes, None)
    beginning = _beginning(question)
    pending = deque(waiting)
    last: tuple[str, T | None] = ("", None)
    while True:
        count = len(found) + len(prefixes)
        if not pending and beginning is not None:
            pending.extend(rows(*beginning, limit - count + 1))
        if not pending:
            return Page(found, prefixes, None)
        if count == limit:
            return Page(found, prefixes, *last)
        row = pending.popleft()
        common = group(row.key, prefix, delimiter)
        if common is None:
            found.append(row)
            beginning, last = (row.key, True), (row.key, row)
        else:
            prefixes.append(common)
            above = past(common)
            beginning, last = (above, False) if above is not None else None, (common, None)
            pending.clear()


def _beginning(question: Question) -> tuple[str, bool] | None:
    """Where to look first: ``(key, after it)``."""
    prefix, delimiter, marker, _ = question
    if marker < prefix:
        return prefix, False
    if delimiter and group(marker, prefix, delimiter) == marker:  # it is a common prefix itself
        above = past(marker)
        return None if above is None else (above, False)
    return marker, bool(marker)
