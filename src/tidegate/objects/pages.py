"""The pieces of objects that were read last: a fleet reads the same ones at about the same time.

Objects are read by pages of 128 KiB, so that blocks of whatever size share them. Of those who want a page that is not
there one reads it and the others wait for that. Pages belong to an ETag, so that no other object's bytes pass for its.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final, NamedTuple

from tidegate.clock import monotonic
from tidegate.core.location import Content, Location

SIZE: Final = 128 * 1024
"""Bytes of a page."""
MOST: Final = 128
"""Pages that are kept: 16 MiB."""

Range = Callable[[Location, str, int, int], bytes]
"""Reads (location, ETag, start, size)."""


class _Page(NamedTuple):
    data: bytes
    read_at: float
    """Seconds of the monotonic clock, before it was asked for."""


_Key = tuple[Location, str, int]


class Pages:
    """The pages of one object storage; for any thread."""

    def __init__(self, read: Range, *, trusted_s: float | None = None) -> None:
        """``read`` raises ``ObjectFaultError``. ``trusted_s``: how old a page may become; None: as old as it likes,
        because whoever asks has seen that the object is the same.
        """
        self._read = read
        self._trusted_s = trusted_s
        self._guard = threading.Lock()
        self._kept: OrderedDict[_Key, _Page] = OrderedDict()
        self._coming: dict[_Key, Future[_Page]] = {}
        self.reads = 0

    def held(self, file: Content, start: int, size: int) -> bytes | None:
        """A piece that is here; None if any of it is not."""
        found = []
        for number, begin, end in _pieces(start, size):
            page = self._held((file.location, file.etag, number))
            if page is None:
                return None
            found.append(page.data[begin:end])
        return found[0] if len(found) == 1 else b"".join(found)

    def read(self, file: Content, start: int, size: int) -> bytes:
        """A piece, wherever it is. Blocks.

        Raises:
            ObjectFaultError: it cannot be read, or is another object's by now.
        """
        found = [self._page(file, number).data[begin:end] for number, begin, end in _pieces(start, size)]
        return found[0] if len(found) == 1 else b"".join(found)

    def clear(self) -> None:
        """Keep nothing."""
        with self._guard:
            self._kept.clear()

    def _held(self, key: _Key) -> _Page | None:
        with self._guard:
            return self._current(key)

    def _current(self, key: _Key) -> _Page | None:
        page = self._kept.get(key)
        if page is None:
            return None
        if self._trusted_s is not None and monotonic() - page.read_at > self._trusted_s:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return page

    def _page(self, file: Content, number: int) -> _Page:
        key = (file.location, file.etag, number)
        with self._guard:
            page = self._current(key)
            if page is not None:
                return page
            coming = self._coming.get(key)
            mine = coming is None
            if coming is None:
                coming = self._coming[key] = Future()
        if mine:
            self._fetch(key, file, coming)
        return coming.result()

    def _fetch(self, key: _Key, file: Content, coming: Future[_Page]) -> None:
        """Read a page for all who wait for it; what it failed with is theirs, too."""
        began, start = monotonic(), key[2] * SIZE
        try:
            page = _Page(self._read(file.location, file.etag, start, min(SIZE, file.size - start)), began)
        except BaseException as error:
            with self._guard:
                del self._coming[key]
            coming.set_exception(error)
            raise
        with self._guard:
            del self._coming[key]
            self.reads += 1
            self._kept[key] = page
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        coming.set_result(page)


def _pieces(start: int, size: int) -> Iterator[tuple[int, int, int]]:
    """The pages of a piece: number, and from where to where in it."""
    for number in range(start // SIZE, (start + size - 1) // SIZE + 1):
        yield number, max(0, start - number * SIZE), min(SIZE, start + size - number * SIZE)
