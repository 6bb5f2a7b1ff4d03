"""The job machine: what a job does about an event, as a value (control reference 7 to 14).

``step(job, event, now)`` is pure. It returns the job as it is to be kept, what is to be done, in order, and why the job
then does no more and until when. Whoever runs jobs reads what ``asks`` names, takes the step and carries its acts out:
``ops.sweeps`` and ``ops.transitions`` on a store, tests in memory. Work that is spread over many executions comes in
batches: an act asks for one (``Release``, ``TakeAway``, ``Erase``), and an event tells what became of it.

The order of a look at a job is over, held, start, ceiling, pause, release, complete (``looking``); that of an end is
abort before retry before completion (``ends``). Not here: which things a rollout comes to next, and devices' lists.
"""

from tidegate.core.job.acts import (
    Act,
    Begin,
    Drop,
    Erase,
    ForgetWaiting,
    Queue,
    QueueWaiting,
    Reason,
    Record,
    Release,
    Renew,
    Settle,
    Show,
    Step,
    TakeAway,
    Tell,
    Wait,
)
from tidegate.core.job.events import (
    Cancel,
    Delete,
    Ended,
    Erased,
    Event,
    Extended,
    Joined,
    Judged,
    Look,
    Pause,
    Released,
    Resume,
    Settled,
    TookAway,
)
from tidegate.core.job.machine import (
    aborts,
    asks,
    asks_at_end,
    may_cancel,
    may_delete,
    may_pause,
    may_settle,
    missed,
    step,
)
from tidegate.core.job.state import RETENTION, Fact, Facts, Hold, HoldKind, Job, Plan, active

__all__ = [
    "RETENTION",
    "Act",
    "Begin",
    "Cancel",
    "Delete",
    "Drop",
    "Ended",
    "Erase",
    "Erased",
    "Event",
    "Extended",
    "Fact",
    "Facts",
    "ForgetWaiting",
    "Hold",
    "HoldKind",
    "Job",
    "Joined",
    "Judged",
    "Look",
    "Pause",
    "Plan",
    "Queue",
    "QueueWaiting",
    "Reason",
    "Record",
    "Release",
    "Released",
    "Renew",
    "Resume",
    "Settle",
    "Settled",
    "Show",
    "Step",
    "TakeAway",
    "Tell",
    "TookAway",
    "Wait",
    "aborts",
    "active",
    "asks",
    "asks_at_end",
    "may_cancel",
    "may_delete",
    "may_pause",
    "may_settle",
    "missed",
    "step",
]
