"""The rollout rate: how many executions may be released now, and when to ask again (control reference 9).

The rate is a ceiling on things notified in *any* sixty seconds, not a schedule: what has been released in the last minute is
subtracted from it. So a budget that was missed while the server was down is not caught up, and a clock that is moved by an
hour releases one minute's worth. Not here: which things are released (``ops.sweeps``), and the exponential rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MINUTE = 60_000
DEFAULT_PER_MINUTE = 1000
"""What AWS uses when a job names no rate, and the most it accepts."""


class Allowance(NamedTuple):
    """``count`` may be released at once; ``again_at`` is the first instant (epoch ms) at which more may be."""

    count: int
    again_at: int


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
