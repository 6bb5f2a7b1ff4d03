"""Pages of lists: where one begins, and the token or marker of the next (control reference 1.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from tidegate.core import pages
from tidegate.wire import iot
from tidegate.wire.errors import WireError


class Page(NamedTuple):
    """Where a list begins and how many entries it may show."""

    position: list[str | int]
    size: int


def page(
    listing: Sequence[object],
    *,
    token: str | None,
    size: int | None,
    start: pages.Position,
    error: type[WireError] = iot.InvalidRequestException,
) -> Page:
    """The page a request asks for.

    Args:
        listing: what the token is bound to: operation, scope, filters.
        token: the request's ``nextToken``; the empty text that a loop may begin with is none [R].
        size: its ``maxResults``.
        start: where the first page begins; gives the types of a position's parts.
        error: raised for a token that is not of this listing.
    """
    if not token:
        return Page(list(start), size or pages.LARGEST)
    found = pages.position(listing, token, [type(part) for part in start])
    if found is None:
        raise error("Invalid nextToken")
    return Page(found, size or pages.LARGEST)


def following(
    listing: Sequence[object], rows: Sequence[Any], size: int, key: Callable[[Any], pages.Position]
) -> str | None:
    """The token after a page, given rows fetched with one more than ``size``; None on the last page."""
    return pages.token(listing, key(rows[size - 1])) if len(rows) > size else None


class _Aged(Protocol):
    @property
    def id(self) -> int: ...


class _Marked(Protocol):
    marker: str | None
    page_size: int | None
    ascending_order: bool | None


_Row = TypeVar("_Row", bound=_Aged)
_Read = Callable[[int, int], list[_Row]]
_NEWEST: Final = 1 << 62


def by_age(
    listing: list[str | int], request: _Marked, *, upward: _Read[_Row], downward: _Read[_Row], size: int | None = None
) -> tuple[list[_Row], str | None]:
    """One page of a listing that is ordered by age, and the marker of the next.

    ``upward(after, limit)`` and ``downward(before, limit)`` read it by inner id; without ``ascendingOrder`` it runs
    from new to old. ``size`` is the page of a request that names none. A position that is a number has a token of
    letters and digits only, which is why it passes the pattern of the model's Marker.
    """
    ascending = bool(request.ascending_order)
    bound = [*listing, ascending]
    start = 0 if ascending else _NEWEST
    wanted = page(bound, token=request.marker, size=request.page_size or size, start=[start])
    rows = (upward if ascending else downward)(int(wanted.position[0]), wanted.size + 1)
    return rows[: wanted.size], following(bound, rows, wanted.size, lambda row: [row.id])
