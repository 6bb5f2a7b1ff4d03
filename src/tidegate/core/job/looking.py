"""A look at a job: over, held, start, ceiling, pause, release, complete, in this order (control reference 7 to 9)."""

from __future__ import annotations

from tidegate.core import rollout
from tidegate.core.job import completing, holding, taking
from tidegate.core.job.acts import Act, Begin, QueueWaiting, Reason, Record, Release, Step, Wait
from tidegate.core.job.events import Extended, Look, Released
from tidegate.core.job.state import Fact, Facts, Job
from tidegate.core.lifecycle import JobAct, JobStatus, Stage
from tidegate.core.timetable import Moment, Phase

_NOTHING: frozenset[Fact] = frozenset()


def asks(job: Job, now: int, *, extended: bool = False) -> frozenset[Fact]:
    """What must be counted for a look at a job, or for one that is ``extended``."""
    if job.stage in (Stage.DELETE, Stage.CANCEL) or job.status in (JobStatus.COMPLETED, JobStatus.CANCELED):
        return _NOTHING
    phase = job.moment(now).phase
    if job.stage == Stage.END or (phase == Phase.OVER and not job.ended):
        return frozenset({Fact.COUNTS}) if not taking.at_end(job) else _NOTHING
    if phase == Phase.CLOSED or job.hold is not None:
        return _NOTHING
    asked = {Fact.WAITING, Fact.RELEASES if extended or job.stage == Stage.ROLLOUT else Fact.COUNTS}
    if job.plan.rate is not None and job.plan.rate.succeeded:
        asked.add(Fact.COUNTS)
    if _would_start(job, phase):
        asked.add(Fact.ROOM)
    return frozenset(asked)


def look(job: Job, event: Look, now: int) -> Step:
    """What a job does when its time has come."""
    if job.stage in (Stage.DELETE, Stage.CANCEL, Stage.END):
        return taking.go_on(job, event.facts, now)
    if job.status in (JobStatus.COMPLETED, JobStatus.CANCELED):
        return taking.retire(job, now)
    return _run(job, event.facts, now)


def extended(job: Job, event: Extended, now: int) -> Step:
    """A job that is rolled out goes on with the targets that were added (control reference 14.4)."""
    if job.stage != Stage.NONE:
        return Step(job)
    return _run(job._replace(stage=Stage.ROLLOUT, updated_at=now), event.facts, now)


def released(job: Job, event: Released, now: int) -> Step:
    """A batch of a rollout is done: the rest follows when the rate allows more, or its window closes before."""
    changes_at = job.moment(now).changes_at
    job = job._replace(released=job.released + event.count)
    if event.finished:
        job = job._replace(stage=Stage.NONE, updated_at=now)
        facts = event.facts
        return completing.complete_or_wait(
            job, (), active=facts.active, waiting=facts.waiting, until=changes_at, now=now
        )
    if event.count < event.release.allowance.count:
        return Step(job, (), Wait(Reason.BATCH, now))
    again_at = event.release.allowance.again_at
    return Step(job, (), Wait(Reason.RATE, again_at if changes_at is None else min(again_at, changes_at)))


def missed(job: Job) -> bool:
    """True if a rollout may have passed by a thing that moves within the job's targets (control reference 13)."""
    return job.stage == Stage.ROLLOUT and job.began_at is not None


def _run(job: Job, facts: Facts, now: int) -> Step:
    moment = job.moment(now)
    if moment.phase == Phase.OVER and not job.ended:
        return _end(job, facts, now)
    if job.hold is not None:
        return holding.held(job, now)
    acts: tuple[Act, ...] = ()
    if moment.phase == Phase.OPEN and job.status == JobStatus.SCHEDULED:
        if _would_start(job, moment.phase) and not facts.room:
            canceled = taking.canceled(job, now, force=False, reason_code=None, comment=None)
            why = Record("CancelJob", "as many jobs run at once as may")
            return canceled._replace(acts=(*canceled.acts, why))
        job, acts = holding.switch(job, JobAct.START, now)
    if moment.phase == Phase.CLOSED:
        return _pause(job, moment, now)
    if moment.phase == Phase.OPEN:
        return _release(job, acts, moment, facts, now)
    return completing.complete_or_wait(
        job, acts, active=facts.active, waiting=facts.waiting, until=moment.changes_at, now=now
    )


def _would_start(job: Job, phase: Phase) -> bool:
    """True for the only moment at which a job counts against those that run at once."""
    return phase == Phase.OPEN and job.status == JobStatus.SCHEDULED and job.began_at is None


def _end(job: Job, facts: Facts, now: int) -> Step:
    """endTime has come: nothing is queued any more (control reference 8.2).

    The job is IN_PROGRESS from here on even if it was between windows: what is QUEUED may still be picked up.
    """
    acts: tuple[Act, ...] = ()
    if job.status == JobStatus.SCHEDULED:
        job, acts = holding.switch(job, JobAct.START, now)
    return taking.end(job, acts, facts, now)


def _pause(job: Job, moment: Moment, now: int) -> Step:
    acts: tuple[Act, ...] = ()
    if job.status != JobStatus.SCHEDULED:
        job, acts = holding.switch(job, JobAct.PAUSE, now)
    reason = Reason.BLACKOUT if moment.black else Reason.WINDOW if job.plan.windows else Reason.START
    return Step(job, acts, Wait(reason, moment.changes_at))


def _release(job: Job, acts: tuple[Act, ...], moment: Moment, facts: Facts, now: int) -> Step:
    """Queue what waited for the window, then what the rate allows."""
    if facts.waiting:
        acts = (*acts, QueueWaiting())
    if facts.waiting >= facts.batch:
        return Step(job, acts, Wait(Reason.BATCH, now))
    if job.stage != Stage.ROLLOUT:
        active = facts.active + facts.waiting
        return completing.complete_or_wait(job, acts, active=active, waiting=0, until=moment.changes_at, now=now)
    current = _slice(job, facts, now)
    allowance = rollout.slice_allowance(current, facts.recent, now)
    if job.began_at is None:
        job, acts = job._replace(began_at=now, updated_at=now), (*acts, Begin())
    release = Release(min(allowance.count, facts.chunk), allowance)
    return Step(job._replace(slice=current), (*acts, release))


def _slice(job: Job, facts: Facts, now: int) -> rollout.Slice:
    """The rate of this minute (control reference 9)."""
    ceiling = min(job.plan.per_minute or rollout.DEFAULT_PER_MINUTE, facts.ceiling)
    if job.plan.rate is None:
        return rollout.Slice(now, ceiling)
    return rollout.slice_in_force(
        job.slice,
        job.plan.rate,
        notified=job.released,
        succeeded=taking.succeeded(facts),
        now=now,
        ceiling=ceiling,
    )
