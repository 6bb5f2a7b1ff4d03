"""A job that is held: paused, or waiting for an approval.

A hold is a maintenance window that stays closed until somebody opens it: the job is SCHEDULED, what is QUEUED leaves
its things' lists, retries and late joiners wait, what is IN_PROGRESS goes on with its timers, and abort criteria are
judged. Afterwards the rate allows what it would allow then: nothing is caught up. endTime comes all the same; what is
QUEUED at that moment is canceled whatever endBehavior says, for nobody has let it go on. Not here: who may hold a job
or let it go on (``ops.holds``).
"""

from __future__ import annotations

from tidegate.core import abort
from tidegate.core.job.acts import Act, Reason, Show, Step, Wait
from tidegate.core.job.events import Pause, Resume
from tidegate.core.job.state import HoldKind, Job
from tidegate.core.lifecycle import JOB_MOVES, JobAct, JobStatus, Stage


def may_pause(job: Job) -> bool:
    """Whether a job can be held: one that may still release or retry something, and is not held already."""
    alive = job.status in (JobStatus.SCHEDULED, JobStatus.IN_PROGRESS) and job.stage in (Stage.ROLLOUT, Stage.NONE)
    return alive and not job.ended and job.hold is None


def pause(job: Job, event: Pause, now: int) -> Step:
    """Held from now on; the next look hides what is QUEUED."""
    return Step(job._replace(hold=event.hold, updated_at=now), (), Wait(Reason.BATCH, now))


def held(job: Job, now: int) -> Step:
    """What a job does that is held: nothing until its end."""
    acts: tuple[Act, ...] = ()
    if job.status != JobStatus.SCHEDULED:
        job, acts = switch(job, JobAct.PAUSE, now)
    return Step(job, acts, Wait(Reason.HELD, job.plan.ends_at))


def resume(job: Job, event: Resume, now: int) -> Step:
    """Let go on. If a criterion held it, what ended before is forgiven: it would otherwise be met again at once."""
    met = job.hold is not None and job.hold.kind is HoldKind.CRITERION
    forgiven = abort.counts(event.counts) if met else job.forgiven
    return Step(job._replace(hold=None, forgiven=forgiven, updated_at=now), (), Wait(Reason.BATCH, now))


def aborts(before: Job, after: Job) -> bool:
    """Whether a criterion was met in the step from one to the other: the job is canceled, or held."""
    canceled = after.status == JobStatus.CANCELED and before.status != JobStatus.CANCELED
    return canceled or (after.hold is not None and before.hold is None)


def switch(job: Job, act: JobAct, now: int) -> tuple[Job, tuple[Act, ...]]:
    """Start or pause: the QUEUED executions appear in their things' lists, or leave them."""
    shown: tuple[Act, ...] = () if job.began_at is None else (Show(),)
    return job._replace(status=JOB_MOVES[job.status, act], updated_at=now), shown
