"""What policies know of how and when somebody calls: one place for the condition keys that every way in has.

The same for policies of devices (``policy``) and of operators (``iam``). Keys of who calls, and of what one request
says, are added by those who know them; docs/operations.md has the table of keys and ways in, which a test compares
with what policies are asked with. What a client may claim at will (its user agent, say) is in no context.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

Values = dict[str, tuple[str, ...]]
"""Condition keys, folded to lower case, with their values."""

TIMES: Final = frozenset({"aws:currenttime", "aws:epochtime"})
"""Keys whose values change while a connection lasts: what they decide is good for a second."""


class Place(NamedTuple):
    """Where a caller comes in; None is what nobody knows, as where a decision is only tried out."""

    region: str | None = None
    address: str | None = None
    tls: bool | None = None


def of(place: Place, now: int) -> Values:
    """The keys of a call from there at an instant (epoch ms, the service's clock)."""
    found = {"aws:sourceip": place.address, "aws:requestedregion": place.region, **moment(now)}
    if place.tls is not None:
        found["aws:securetransport"] = "true" if place.tls else "false"
    return {key: (value,) for key, value in found.items() if value is not None}


def moment(now: int) -> dict[str, str]:
    """The time, in both spellings."""
    seconds = now // 1000
    return {
        "aws:currenttime": datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(seconds),
    }


def passing(keys: Iterable[str]) -> bool:
    """Whether what is decided by some keys (folded) may be different a second later."""
    return not TIMES.isdisjoint(keys)
