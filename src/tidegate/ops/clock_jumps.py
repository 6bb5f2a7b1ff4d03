"""What is stored by a wall clock that was wrong, or is right only now: what is due, what a rate has used up, timers.

Due instants are stored, not spans. When the clock jumps, what runs is moved with it: a rollout goes on within a minute
and never faster than its rate, and a timer ends when its time has passed.
"""

from __future__ import annotations

from tidegate.clock import Millis
from tidegate.core import rollout
from tidegate.store import command_executions, executions, jobs
from tidegate.store.database import Tx

_EVER = 1 << 62


def began(tx: Tx, now: Millis) -> None:
    """A server starts, and nobody knows what the clock did meanwhile.

    What lies in the future was written by a clock that was ahead, by as much at least as its latest word.
    """
    latest = executions.latest_start(tx)
    if latest is not None and latest > now:
        executions.set_back(tx, latest, now)
    begun = command_executions.latest_start(tx)
    if begun is not None and begun > now:
        command_executions.set_back(tx, begun, now)
    _look_again(tx, now)


def follow(tx: Tx, span: tuple[Millis, Millis], now: Millis, *, alone: bool) -> None:
    """The clock was last seen at the beginning of ``span`` and would be at its end, but says ``now``.

    With other servers on the store (not ``alone``), which may see the same jump or none, only what is done once however
    often it is done: timers that a clock set which was ahead are set back, none is put forward.
    """
    _, before = span
    if alone:
        executions.move_timers(tx, span, now)
        command_executions.move_timers(tx, span, now)
    elif now < before:
        executions.set_back(tx, before, now)
        command_executions.set_back(tx, before, now)
    if before < now:
        jobs.carry_releases(tx, before - rollout.MINUTE, before, now)
    else:
        _look_again(tx, now)


def _look_again(tx: Tx, now: Millis) -> None:
    """Releases in the future count as if they were made now, and jobs that wait for an instant there are looked at."""
    jobs.carry_releases(tx, now, _EVER, now)
    jobs.hasten_active(tx, now)
