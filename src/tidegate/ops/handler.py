"""What an operation declares about itself. Each noun's module ends with its ``HANDLERS``; ``table`` joins them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from tidegate.core import pages
from tidegate.core.audit import Image
from tidegate.ops.call import Call
from tidegate.wire import iot
from tidegate.wire.errors import WireError


class Handler(NamedTuple):
    """An operation: ``run(tx, call, request)``, or ``run(tx, call, request, prepared)`` if it has a ``prepare``.

    ``prepare(call, request)`` is what must not happen inside a transaction (making keys, fetching a document); it
    runs on a thread of its own, before. If the store decides what there is to prepare, ``look(tx, call, request)``
    reads it in a transaction before that and ``prepare(call, request, found)`` gets it; where it finds None, there is
    nothing to prepare, and ``prepared`` is None. By the time of ``run`` the store may say otherwise.

    ``reads`` marks an operation that changes nothing. ``in_parts`` marks one of those that looks at much: ``run(tx,
    call, request, so_far, enough)`` begins with None and, when ``enough()``, answers the ``Unfinished`` with which it
    is called again, in a later transaction, when others have had their turn. ``locks_rows`` marks one that guards
    itself with row locks and version checks instead of relying on running alone. ``at_broker`` marks one about
    messages or connections, which no transaction covers: ``run(broker, call, request)`` (``ops.broker``). ``partial``
    says, for docs/parity.md, what is still missing.

    Whatever does not only read leaves an entry in the audit log (``ops.audit``), unless ``changes(request)`` says that
    this one changes nothing. ``image(tx, call, request)`` is what of the state the entry shows as it was before and as
    it is after.
    """

    run: Callable[..., Any]
    reads: bool = False
    in_parts: bool = False
    locks_rows: bool = False
    prepare: Callable[..., Any] | None = None
    look: Callable[[Any, Call, Any], Any] | None = None
    partial: str | None = None
    at_broker: bool = False
    changes: Callable[[Any], bool] | None = None
    image: Callable[[Any, Call, Any], Image] | None = None


@dataclass(slots=True)
class Unfinished:
    """What an operation ``in_parts`` goes on from.

    What it has found, the name of the last that it looked at, and what is read and not looked at yet.
    """

    found: list[Any] = field(default_factory=list)
    last: str = ""
    ahead: deque[Any] = field(default_factory=deque)
    examined: int = 0


def never() -> bool:
    """For those who want an operation's answer at once, whatever it takes."""
    return False


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


def seconds(instant: int | None) -> float | None:
    """An instant (epoch ms) as the control plane writes it: epoch seconds with milliseconds (control reference 1.3)."""
    return None if instant is None else instant / 1000
