"""Bytes of an object that is there, as a body: what UploadPartCopy copies from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tidegate.objects.versions import Segment
from tidegate.s3.work import Work

_STEP: Final = 1024 * 1024


class Piece(NamedTuple):
    """Part of one segment."""

    segment: int
    start: int
    length: int


def pieces(segments: Sequence[Segment], start: int, length: int) -> Iterator[Piece]:
    """Which parts of which segments make ``length`` bytes from ``start`` on."""
    for index, segment in enumerate(segments):
        if length <= 0:
            return
        if start < segment.size:
            taken = min(length, segment.size - start)
            yield Piece(index, start, taken)
            length -= taken
        start = max(0, start - segment.size)


class Segments:
    """A body that is read from blobs."""

    def __init__(self, work: Work, segments: Sequence[Segment], start: int, length: int) -> None:
        self._work = work
        self._files = work.folder.open(segments)
        self._left = list(pieces(segments, start, length))[::-1]

    async def read(self) -> bytes:
        """Some more; empty at the end."""
        if not self._left:
            return b""
        index, start, length = self._left.pop()
        data = await self._work.off(os.pread, self._files[index], min(length, _STEP), start)
        if len(data) < length:
            self._left.append(Piece(index, start + len(data), length - len(data)))
        return data

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            os.close(file)
