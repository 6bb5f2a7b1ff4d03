"""Why a job, or its execution on a thing, does not go on: the one true reason, what would move it, and when.

The reason of a job is the one that the job machine itself gives: the step that a look would take now is computed and
not carried out. The reason of an execution is the first of these that holds: it ended; its timer; its job; the device's
list; the device's connection; what the device may do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tidegate.core import job as machine
from tidegate.core import texts
from tidegate.core.job import HoldKind, Reason, Release
from tidegate.core.lifecycle import TERMINAL, ExecutionStatus, JobStatus, Stage
from tidegate.ops import blackouts, job_state, sweeps, why_denied
from tidegate.ops.quotas import Limits
from tidegate.store import approvals, connectivity, executions, jobs, scopes, things
from tidegate.store.database import Tx
from tidegate.store.executions import Execution, Pending
from tidegate.store.jobs import Job
from tidegate.store.things import Thing

_LOOKED_THROUGH: Final = 10_000
"""Members looked through for a thing's place in its queue; what lies further has no place, only a reason."""
_MINUTE: Final = 60_000


class Why(NamedTuple):
    """A reason.

    Args:
        reason: in one word, for programs.
        text: in words, for people.
        until: when (epoch ms) it moves by itself; None if something must happen first.
        place: how many executions the rate lets out before this one.
    """

    reason: str
    text: str
    until: int | None = None
    place: int | None = None


class UnknownError(LookupError):
    """Nothing is meant: the message says what is not there."""


class Asked(NamedTuple):
    """What is asked about, in an account and region; ``thing`` None asks about the job alone."""

    account: str
    region: str
    job: str
    thing: str | None = None


def why(tx: Tx, asked: Asked, now: int, limits: Limits) -> Why:
    """The reason. ``now`` is epoch ms.

    Raises:
        UnknownError: there is no such job or thing.
    """
    scope = scopes.find(tx, asked.account, asked.region)
    row = None if scope is None else jobs.get(tx, scope, asked.job)
    if scope is None or row is None:
        raise UnknownError(texts.jobs.job_missing(asked.job))
    of_job = _of_job(tx, row, now, limits)
    if asked.thing is None:
        return of_job
    thing = things.find(tx, scope, asked.thing)
    if thing is None:
        raise UnknownError(f"Thing {asked.thing} cannot be found.")
    return _of_execution(tx, row, thing, asked, of_job, now)


# --- of a job --------------------------------------------------------------------------------------------------------


def _of_job(tx: Tx, row: Job, now: int, limits: Limits) -> Why:
    if row.stage is Stage.DELETE:
        return Why("DELETING", "The job is being deleted.", now)
    if row.status is JobStatus.CANCELED:
        return _canceled(row)
    if row.status is JobStatus.COMPLETED:
        return Why("COMPLETED", "The job is COMPLETED.")
    job = job_state.of(row)
    facts = sweeps.facts(tx, row, now, limits)
    step = machine.step(job, machine.Look(facts), now)
    if step.acts and isinstance(step.acts[-1], Release):
        allowance = step.acts[-1].allowance
        if allowance.count:
            return Why("RELEASING", "The next executions are about to be released.", now)
        return Why("RATE", "This minute's rate is used up.", allowance.again_at)
    wait = step.wait
    if wait is None or wait.reason is Reason.BATCH:
        return Why("WORKING", "The engine is at work on the job.", now)
    return _waiting(tx, row, wait.reason, wait.until)


def _waiting(tx: Tx, row: Job, reason: Reason, until: int | None) -> Why:
    if reason is Reason.HELD:
        return _held(tx, row, until)
    if reason is Reason.BLACKOUT:
        return Why("BLACKOUT", f"A blackout lasts: {', '.join(blackouts.names(row))}.", until)
    if reason is Reason.START:
        return Why("SCHEDULED", "Its startTime has not come.", until)
    if reason is Reason.WINDOW:
        return Why("WINDOW", "No maintenance window is open; the next change is its opening, or the job's end.", until)
    if reason is Reason.GROUPS:
        return Why("GROUPS", "It is continuous: every execution has ended, and it waits for things that join.", until)
    counts = jobs.counts(tx, row.id)
    queued, running = (counts.get(each, 0) for each in (ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS))
    text = f"Everything is released: {queued} executions are QUEUED and {running} IN_PROGRESS."
    return Why("EXECUTIONS", text, until)


def _held(tx: Tx, row: Job, until: int | None) -> Why:
    hold = job_state.held(row).hold
    assert hold is not None
    said = f": {hold.comment}" if hold.comment else "."
    since = f"since {_told(hold.since)}"
    if hold.kind is HoldKind.CRITERION:
        text = f"An abort criterion was met and holds the job {since}{said}"
    else:
        text = f"{hold.by} paused it {since}{said}"
    if hold.kind is HoldKind.APPROVAL:
        text = f"{hold.comment or 'It waits for an approval.'} {_approvers(tx, row)}"
        return Why(hold.kind, text, until)
    end = "" if until is None else " Its endTime comes all the same."
    return Why(hold.kind, f"{text} ResumeJob lets it go on.{end}", until)


def _approvers(tx: Tx, row: Job) -> str:
    known = approvals.get(tx, row.id)
    asked = " or ".join(known.asked_by) if known is not None else "whoever asked for it"
    return f"Whoever may tidegate:ApproveJob and is not {asked} approves it."


def _canceled(row: Job) -> Why:
    why = f": {row.comment}" if row.comment else "."
    if row.reason_code == texts.jobs.ABORT_REASON:
        return Why("ABORTED", f"An abort criterion was met{why}")
    return Why("CANCELED", f"The job was canceled{why}")


# --- of an execution -------------------------------------------------------------------------------------------------


def _of_execution(tx: Tx, row: Job, thing: Thing, asked: Asked, of_job: Why, now: int) -> Why:
    found = executions.get(tx, thing.id, row.id)
    if any(each.thing_id == thing.id for each in executions.waiting(tx, row.id, _LOOKED_THROUGH)):
        kind = "retry" if found is not None else "execution"
        if job_state.held(row).hold is not None:
            return Why(of_job.reason, f"Its {kind} is queued when the job goes on. {of_job.text}", of_job.until)
        return Why("WINDOW", f"Its {kind} is queued when the next maintenance window opens.", of_job.until)
    if found is None:
        return _not_released(tx, row, thing, of_job, now)
    if found.status in TERMINAL:
        return Why(found.status.name, f"Execution {found.number} is {found.status.name}.")
    if found.status is ExecutionStatus.IN_PROGRESS:
        return _in_progress(found)
    if row.status is not JobStatus.IN_PROGRESS:
        return of_job
    return _queued(tx, thing, found, row, asked, now)


def _not_released(tx: Tx, row: Job, thing: Thing, of_job: Why, now: int) -> Why:
    if not jobs.covers(tx, row.id, thing.id):
        return Why("NO_TARGET", "The thing is in none of the job's targets.")
    if of_job.reason != "RATE" and row.stage is not Stage.ROLLOUT:
        if row.status is JobStatus.IN_PROGRESS and row.target_selection == "SNAPSHOT":
            return Why("JOINED_LATE", "The thing joined after the snapshot of the targets was taken.")
        return of_job
    place = _place(tx, row, thing)
    if place is None or of_job.reason not in ("RATE", "RELEASING"):
        return of_job
    per_minute = max(1, _per_minute(row))
    until = (of_job.until or now) + place // per_minute * _MINUTE
    return Why("RATE", f"{place} executions are released before it, {per_minute} a minute.", until, place)


def _per_minute(row: Job) -> int:
    job = job_state.of(row)
    return job.slice.per_minute if job.slice is not None else job.plan.per_minute or 1000


def _place(tx: Tx, row: Job, thing: Thing) -> int | None:
    """How many members of the group that is rolled out now come before a thing; None if it is not among the next."""
    bookmark = job_state.Bookmark.read(row)
    if bookmark.group == 0:
        targets = [each.thing_id for each in jobs.targets(tx, row.id) if each.position >= bookmark.position]
        return targets.index(thing.id) if thing.id in targets else None
    joined_by = bookmark.joined_by
    members = executions.group_members(
        tx,
        bookmark.group,
        after=bookmark.thing,
        joined_by=sweeps.EVER if joined_by is None else joined_by,
        limit=_LOOKED_THROUGH,
    )
    return members.index(thing.id) if thing.id in members else None


def _in_progress(found: Execution) -> Why:
    deadlines = {"in-progress timer": found.run_deadline, "step timer": found.step_deadline}
    left = {name: at for name, at in deadlines.items() if at is not None}
    if not left:
        return Why("IN_PROGRESS", "Its device is at work, without a time limit: it ends when the device says so.")
    name = min(left, key=lambda each: left[each])
    return Why("IN_PROGRESS", f"Its device is at work; the {name} ends it if the device does not.", left[name])


def _queued(tx: Tx, thing: Thing, found: Execution, row: Job, asked: Asked, now: int) -> Why:
    ahead = _ahead(executions.pending_by_id(tx, thing.id).visible(row.namespace), found)
    if ahead is not None:
        status = ahead.status.name
        return Why("BEHIND", f"Job {ahead.job_name} is before it on this device, and {status}.")
    state = connectivity.get(tx, thing.id)
    if state is None:
        return Why("NEVER_CONNECTED", "Its device has never connected over MQTT; it may still ask over HTTPS.")
    if not state.connected:
        told = f" ({state.disconnect_reason})" if state.disconnect_reason else ""
        return Why("NOT_CONNECTED", f"Its device is not connected{told}; it left at {_told(state.at)}.")
    denied = _denied(tx, asked, state.client_id or thing.name, now)
    if denied is not None:
        return Why("DENIED", denied)
    return Why("NOT_ASKED", "Its device is connected and may ask for the job, and has not asked yet.")


def _told(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _ahead(visible: Sequence[Pending], found: Execution) -> Pending | None:
    head = visible[0] if visible else None
    return None if head is None or (head.job_id, head.number) == (found.job_id, found.number) else head


def _denied(tx: Tx, asked: Asked, client_id: str, now: int) -> str | None:
    """What a device may not do that it needs to get a job over MQTT."""
    topic = f"$aws/things/{asked.thing}/jobs/start-next"
    question = why_denied.Question(
        action="iot:Publish",
        resource=f"topic/{topic}",
        account=asked.account,
        region=asked.region,
        thing=asked.thing,
        client_id=client_id,
    )
    try:
        answers = why_denied.why(tx, question, now)
    except why_denied.UnknownError:
        return None  # it has no certificate of its own here: a WebSocket, or an authorizer's
    if not answers or any(answer.allowed for answer in answers):
        return None
    return f"No policy of its device lets it publish to {topic}: tidegate why-denied says which statement decides."
