"""The rollout rate: how many executions may be released now, and when to ask again (control reference 9).

The rate is a ceiling on things notified in *any* sixty seconds, not a schedule: what has been released in the last
minute is subtracted from it. So a budget that was missed while the server was down is not caught up, and a clock that
is moved by an hour releases one minute's worth.

An exponential rate grows with what has been reached in total. It is read once at the start of a minute's slice and
holds for it; otherwise the release that reaches a criterion would raise the rate of its own minute. Not here: which
things are released (``ops.sweeps``).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

MINUTE = 60_000
DEFAULT_PER_MINUTE = 1000
"""What AWS uses when a job names no rate, and the most it accepts."""


class Allowance(NamedTuple):
    """``count`` may be released at once; ``again_at`` is the first instant (epoch ms) at which more may be."""

    count: int  # type: ignore[assignment]  # a field, in the place of tuple.count
    again_at: int


class Exponential(NamedTuple):
    """A rate that starts at ``base`` per minute and is multiplied by ``factor`` at each multiple of a criterion.

    ``notified`` and ``succeeded`` are the two criteria, either of which may be None; ``factor`` is at least 1.1.
    """

    base: int
    factor: Decimal
    notified: int | None
    succeeded: int | None


class Slice(NamedTuple):
    """A minute and the rate that holds in it."""

    began_at: int
    per_minute: int

    @property
    def ends_at(self) -> int:
        """When the rate is read again, epoch ms."""
        return self.began_at + MINUTE


def allowance(per_minute: int, released: Iterable[tuple[int, int]], now: int) -> Allowance:
    """What a constant rate allows now.

    Args:
        per_minute: the ceiling on releases in any sixty seconds; at least 1.
        released: (instant in epoch ms, count) of earlier releases, in any order; those over a minute old are ignored.
        now: epoch ms. Releases later than it (the clock went back) count as if they were made now.
    """
    recent = [(min(instant, now), count) for instant, count in released if instant > now - MINUTE and count > 0]
    count = max(0, per_minute - sum(count for _, count in recent))
    return Allowance(count, min((instant for instant, _ in recent), default=now) + MINUTE)


def increments(rate: Exponential, notified: int, succeeded: int) -> int:
    """How often the rate has been raised, from the totals since the job began (control reference 9.2)."""
    by_notified = notified // rate.notified if rate.notified else 0
    by_succeeded = succeeded // rate.succeeded if rate.succeeded else 0
    return max(by_notified, by_succeeded)


def per_minute(rate: Exponential | None, notified: int, succeeded: int, *, ceiling: int = DEFAULT_PER_MINUTE) -> int:
    """The rate at these totals, exact in decimal and rounded down.

    Args:
        rate: None for a constant rate, which is the ceiling.
        notified: executions released so far.
        succeeded: executions that are SUCCEEDED so far.
        ceiling: the job's ``maximumPerMinute``, or the server's limit if it names none.
    """
    if rate is None:
        return ceiling
    numerator, denominator = rate.factor.as_integer_ratio()
    scaled, divisor = rate.base, 1
    for _ in range(increments(rate, notified, succeeded)):
        if scaled >= ceiling * divisor:
            break
        scaled, divisor = scaled * numerator, divisor * denominator
    return min(ceiling, scaled // divisor)


def slice_in_force(
    current: Slice | None,
    rate: Exponential | None,
    *,
    notified: int,
    succeeded: int,
    now: int,
    ceiling: int = DEFAULT_PER_MINUTE,
) -> Slice:
    """The slice that holds now: the current one until its minute is over, then one that begins now.

    A current slice that lies in the future (the clock went back) is over too.
    """
    if current is not None and current.began_at <= now < current.ends_at:
        return current
    return Slice(now, per_minute(rate, notified, succeeded, ceiling=ceiling))


def slice_allowance(current: Slice, released: Iterable[tuple[int, int]], now: int) -> Allowance:
    """What a slice allows now: ``allowance`` at its rate, with a further look when the rate is next read."""
    count, again_at = allowance(current.per_minute, released, now)
    return Allowance(count, min(again_at, current.ends_at))
