"""What a job does, as values, and why it does no more."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from tidegate.core import lifecycle, retry, rollout
from tidegate.core.events import JobOperation
from tidegate.core.job.state import Job
from tidegate.core.lifecycle import ExecutionStatus


class Show(NamedTuple):
    """Its QUEUED executions appear in their things' lists, or leave them."""


class ForgetWaiting(NamedTuple):
    """Nothing waits for a window any more."""


class QueueWaiting(NamedTuple):
    """Queue what waited for the window: all that was counted."""


class Begin(NamedTuple):
    """The rollout begins: a snapshot is of the members of this instant."""


class Release(NamedTuple):
    """Queue executions for the next things, ``limit`` at most; answered by ``Released``.

    Asked for even if ``limit`` is 0, because a rollout whose last thing is gone is over at once. ``allowance`` is what
    the rate allows now; it may be more than one step does.
    """

    limit: int
    allowance: rollout.Allowance


class TakeAway(NamedTuple):
    """End the next executions as ``acts`` says by status; those of another status stay. Answered by ``TookAway``."""

    acts: Mapping[ExecutionStatus, lifecycle.Act]


class Erase(NamedTuple):
    """Delete the next executions; answered by ``Erased``."""


class Drop(NamedTuple):
    """Delete the job itself."""


class Queue(NamedTuple):
    """Queue an execution for the thing of the event, NOW or AT_NEXT_WINDOW.

    ``attempt`` counts the retries of the thing up to this one, ``after_failed`` those that followed a FAILED one.
    """

    when: retry.Retry
    attempt: int = 0
    after_failed: int = 0


class Renew(NamedTuple):
    """Give the execution of the event's thing all its retries again."""


class Settle(NamedTuple):
    """Once everything that ends together has ended, see whether the job is complete (``Settled``)."""


class Tell(NamedTuple):
    """Say on the event topics what became of the job."""

    operation: JobOperation


class Record(NamedTuple):
    """Leave in the audit log what the engine did of itself, and why."""

    operation: str
    why: str


Act = (
    Show
    | ForgetWaiting
    | QueueWaiting
    | Begin
    | Release
    | TakeAway
    | Erase
    | Drop
    | Queue
    | Renew
    | Settle
    | Tell
    | Record
)


class Reason(StrEnum):
    """Why a job does nothing more now, and what would move it."""

    START = "its startTime has not come"
    HELD = "it is held until somebody lets it go on"
    BLACKOUT = "a blackout lasts"
    WINDOW = "no maintenance window is open"
    RATE = "its rate is used up"
    BATCH = "more is due than one step does"
    EXECUTIONS = "executions of it are QUEUED or IN_PROGRESS"
    GROUPS = "it is continuous and follows its groups"
    KEPT = "it has ended and is kept for a while"


class Wait(NamedTuple):
    """A reason, and when (epoch ms) to look again; None if time alone changes nothing."""

    reason: Reason
    until: int | None


class Step(NamedTuple):
    """What a job does about an event.

    Args:
        job: as it is now.
        acts: what is to be done, in this order. A batch comes last and is answered by an event.
        wait: the job is to be kept as it is now, before a batch, and looked at again at ``until``. None: it need not be
            kept, either because it is unchanged or because the answer of the batch is awaited first.
    """

    job: Job
    acts: tuple[Act, ...] = ()
    wait: Wait | None = None
