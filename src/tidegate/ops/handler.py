"""What an operation declares about itself. Each noun's module ends with its ``HANDLERS``; ``table`` joins them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tidegate.core import pages
from tidegate.ops.call import Call
from tidegate.wire import iot
from tidegate.wire.errors import WireError


class Handler(NamedTuple):
    """An operation: ``run(tx, call, request)``, or ``run(tx, call, request, prepared)`` if it has a ``prepare``.

    ``prepare(call, request)`` is what must not happen inside a transaction (making keys, fetching a document); it
    runs on a thread of its own, before. ``reads`` marks an operation that changes nothing. ``locks_rows`` marks one
    that guards itself with row locks and version checks instead of relying on running alone. ``partial`` says, for
    docs/parity.md, what is still missing.
    """

    run: Callable[..., Any]
    reads: bool = False
    locks_rows: bool = False
    prepare: Callable[[Call, Any], Any] | None = None
    partial: str | None = None


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


def seconds(instant: int | None) -> float | None:
    """An instant (epoch ms) as the control plane writes it: epoch seconds with milliseconds (control reference 1.3)."""
    return None if instant is None else instant / 1000
