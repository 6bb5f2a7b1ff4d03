"""A request as operations see it, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tidegate.core.location import Location
from tidegate.objects.versions import Segment


class Body(Protocol):
    """The bytes of a request, as they arrive."""

    async def read(self) -> bytes:
        """Some more; empty at the end.

        Raises:
            S3Error: they are not in order.
            BrokenBodyError, SlowBodyError: they do not arrive.
        """
        ...


class Request(NamedTuple):
    """Head of a request. ``bucket`` and ``key`` are decoded; both may be empty. Header names are lower-case."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Body
    source: Location | None = None
    """What a copy is made of."""

    def flag(self, name: str) -> bool:
        """Whether a query parameter is there, whatever its value."""
        return name in self.query


class Span(NamedTuple):
    """Bytes ``start`` to ``start + length`` of a version's segments."""

    segments: Sequence[Segment]
    start: int
    length: int


class Answer(NamedTuple):
    """What goes back. ``span`` instead of a body streams an object; a HEAD sends neither, but its length."""

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    span: Span | None = None
    length: int | None = None
    """Content-Length where it is not that of the body."""
    owner: str = ""
    """The account whose object is streamed."""
