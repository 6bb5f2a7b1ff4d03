"""From an event to the rule that answers it, and what must be known for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.core.job import ends, events, holding, looking, taking
from tidegate.core.job.acts import Step
from tidegate.core.job.events import Event
from tidegate.core.job.state import Job

asks = looking.asks
asks_at_end = ends.asks
may_cancel = taking.may_cancel
may_delete = taking.may_delete
aborts = holding.aborts
may_pause = holding.may_pause
may_settle = ends.may_settle
missed = looking.missed


def step(job: Job, event: Event, now: int) -> Step:
    """What a job does about an event at an instant (epoch ms).

    Raises:
        KeyError: the move is illegal: ask ``may_cancel``, ``may_delete`` or ``may_pause`` first.
    """
    return _RULES[type(event)](job, event, now)


_RULES: dict[type, Callable[[Job, Any, int], Step]] = {
    events.Look: looking.look,
    events.Extended: looking.extended,
    events.Released: looking.released,
    events.TookAway: taking.took_away,
    events.Erased: taking.erased,
    events.Ended: ends.ended,
    events.Settled: ends.settled,
    events.Judged: ends.judged,
    events.Joined: ends.joined,
    events.Cancel: taking.cancel,
    events.Delete: taking.delete,
    events.Pause: holding.pause,
    events.Resume: holding.resume,
}
