"""What a forecast is made from: the job as it would be, or stands; how many things; and what devices did before.

Nothing here changes anything, and nothing is random. Reading is bounded by ``Bounds``; what is left out is said in
docs/forecast.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tidegate.core import arn, texts
from tidegate.core.forecast import run as runs
from tidegate.core.forecast.fleet import Cohort, Fleet, Quantiles
from tidegate.core.forecast.run import Present, Run, Start
from tidegate.core.lifecycle import TERMINAL, ExecutionStatus, JobStatus, Stage
from tidegate.core.rollout import MINUTE
from tidegate.ops import blackouts, configuration, job_state, tags, templates
from tidegate.ops.call import Call
from tidegate.ops.configuration import Configuration
from tidegate.store import executions, groups, jobs
from tidegate.store import templates as stored_templates
from tidegate.store.database import Tx
from tidegate.store.executions import Course
from tidegate.store.jobs import Job
from tidegate.wire import iot, protocol

_DAY: Final = 86_400_000
_MOST_THINGS: Final = 10_000_000
_NOBODY: Final = "arn:aws:iot:us-east-1:000000000000:thing/forecast"
_QUANTILES: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
_EXECUTED: Final = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.REJECTED,
    ExecutionStatus.TIMED_OUT,
)
_REPORTED: Final = (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED)


class RefusedError(ValueError):
    """A forecast cannot be made of what was given; the message says why."""


class Bounds(NamedTuple):
    """How much is read: executions under way of a running job, and executions of a job that is learned from."""

    present: int = 2_000_000
    learned: int = 200_000


class Wanted(NamedTuple):
    """What is to be forecast: one of ``request`` (members of CreateJob as JSON has them), ``template`` and ``job``
    (their names); ``request`` may name a template itself.

    ``things`` or ``group`` say for how many, unless the request's targets or the job do. ``days`` is how far to look.
    """

    request: Mapping[str, Any] | None = None
    template: str | None = None
    job: str | None = None
    things: int | None = None
    group: str | None = None
    days: int = 60


def start(tx: Tx, call: Call, wanted: Wanted, bounds: Bounds) -> Start:
    """Where the forecast begins.

    Raises:
        RefusedError: it is not clear what is meant, or too large.
        WireError: what CreateJob would raise; of a template, job or group there is none.
    """
    if sum(each is not None for each in (wanted.request, wanted.template, wanted.job)) != 1:
        raise RefusedError("Give one of a request, a template and a job.")
    if not 1 <= wanted.days <= 731:
        raise RefusedError("A forecast looks from 1 to 731 days ahead.")
    if wanted.job is not None:
        return _of_job(tx, call, job_named(tx, call, wanted.job), wanted, bounds)
    request = None if wanted.request is None else _decoded(wanted.request)
    configured = _configured(tx, call, wanted, request)
    problems = configuration.problems(configured, call)
    if problems:
        raise iot.InvalidRequestException(" ".join(dict.fromkeys(problems)))
    selection = request.target_selection if request is not None and request.target_selection else "SNAPSHOT"
    if configured.maintenance_windows:
        selection = "CONTINUOUS"
    given = tags.as_map(request.tags if request is not None else None)
    pauses = given.get(texts.holds.ON_ABORT, call.on_abort) == "pause"
    black = blackouts.concerning(tx, call.scope, given, "")
    plan = configuration.plan_of(configured, selection)
    return runs.of_new_job(
        plan._replace(pauses=pauses, blackouts=blackouts.windows_of(black) if black else ()),
        call.now,
        _things(tx, call, wanted, request),
        timeout_minutes=configuration.timeout_minutes(configured),
        ceiling=call.limits.rollout_per_minute,
        chunk=call.limits.release_chunk,
        until=call.now + wanted.days * _DAY,
    )


def _decoded(given: Mapping[str, Any]) -> iot.CreateJobRequest:
    """A request with every constraint checked; a job id, targets and a document need not be there yet."""
    body = {"targets": [_NOBODY], **given}
    operation = iot.OPERATIONS["CreateJob"]
    labels = {"jobId": str(given.get("jobId", "forecast"))}
    decoded: iot.CreateJobRequest = protocol.decode(operation, labels, b"", [], json.dumps(body).encode())
    return decoded


def _configured(tx: Tx, call: Call, wanted: Wanted, request: iot.CreateJobRequest | None) -> Configuration:
    if request is None:
        found = stored_templates.get(tx, call.scope, wanted.template or "")
        if found is None:
            raise iot.ResourceNotFoundException(texts.templates.template_missing(wanted.template or ""))
        return configuration.decode(found.config)
    configured = configuration.requested(request)
    if request.job_template_arn is None:
        return configured
    _, base = templates.inherited(tx, call, request.job_template_arn)
    return configuration.over(configured, base)


def _things(tx: Tx, call: Call, wanted: Wanted, request: iot.CreateJobRequest | None) -> int:
    targets = () if request is None or list(request.targets) == [_NOBODY] else request.targets
    return count(tx, call, wanted.things, wanted.group, targets)


def count(tx: Tx, call: Call, things: int | None, group: str | None, targets: Sequence[str]) -> int:
    """How many things: a number, those of a group, or of targets; what is in several groups counts in each.

    Raises:
        RefusedError: none of them was given, or they are too many.
        ResourceNotFoundException: there is no such group.
    """
    if things is not None:
        found = things
    elif group is not None:
        found = _members(tx, call, group)
    elif targets:
        named = [arn.parse(target) for target in dict.fromkeys(targets)]
        found = sum(
            _members(tx, call, each.resource_id) if each is not None and each.resource_type == "thinggroup" else 1
            for each in named
        )
    else:
        raise RefusedError("Say for how many things: a number, a group, or targets.")
    if not 0 <= found <= _MOST_THINGS:
        raise RefusedError(f"A forecast is of at most {_MOST_THINGS:,} things.")
    return found


def _members(tx: Tx, call: Call, name: str) -> int:
    group = groups.find(tx, call.scope, name)
    if group is None:
        raise iot.ResourceNotFoundException(texts.groups.group_missing(name))
    return _members_below(tx, group.id)


def _members_below(tx: Tx, group_id: int) -> int:
    return sum(groups.member_count(tx, each) for each in groups.descendants(tx, group_id))


# --- jobs that exist ------------------------------------------------------------------------------------------------


def job_named(tx: Tx, call: Call, name: str) -> Job:
    """A job that is not being deleted. Raises ResourceNotFoundException."""
    row = jobs.get(tx, call.scope, name)
    if row is None or row.status == JobStatus.DELETION_IN_PROGRESS:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(name))
    return row


def targeted(tx: Tx, row: Job) -> int:
    """How many things a job is aimed at now, or how many it has reached if that is more."""
    found = jobs.targets(tx, row.id)
    count = sum(1 if one.group_id is None else _members_below(tx, one.group_id) for one in found)
    return max(count, row.released)


def _of_job(tx: Tx, call: Call, row: Job, wanted: Wanted, bounds: Bounds) -> Start:
    """A job as it stands, from now on; one that is held as if it were let go on now."""
    active = executions.active_of_job(tx, row.id, bounds.present + 1)
    if len(active) > bounds.present:
        raise RefusedError(f"More than {bounds.present:,} executions are under way: ask `tidegate forecast`.")
    waiting = executions.waiting(tx, row.id, bounds.present)
    total = targeted(tx, row)
    rolling = row.stage == Stage.ROLLOUT
    present = [
        Present(one.status, one.queued_at, one.attempt, one.after_failed or 0, one.started_at, one.run_deadline)
        for one in active
    ]
    job = job_state.of(row)
    return Start(
        job._replace(hold=None),
        call.now,
        total - row.released if rolling else 0,
        timeout_minutes=row.timeout_minutes,
        present=present,
        waiting=[(one.attempt, one.after_failed or 0) for one in waiting],
        counts=jobs.counts(tx, row.id),
        recent=jobs.releases(tx, row.id, call.now - MINUTE),
        ceiling=call.limits.rollout_per_minute,
        chunk=call.limits.release_chunk,
        until=call.now + wanted.days * _DAY,
        ended_things=max(0, row.released - len(present) - len(waiting)),
        held="" if job.hold is None else job.hold.kind,
    )


def looking_back(tx: Tx, call: Call, row: Job, bounds: Bounds) -> tuple[Start, Run]:
    """A job as it was when it was created, and what came of it: what a back-test compares."""
    course = executions.course_of_job(tx, row.id, bounds.present)
    numbers = {thing: number for number, thing in enumerate(dict.fromkeys(one.thing_id for one in course))}
    begun = runs.of_new_job(
        configuration.plan(row.config, row.target_selection),
        row.created_at,
        max(targeted(tx, row), len(numbers)),
        timeout_minutes=row.timeout_minutes,
        ceiling=call.limits.rollout_per_minute,
        chunk=call.limits.release_chunk,
        until=max(call.now, row.created_at),
    )
    released: dict[int, int] = {}
    for one in course:
        if not one.attempt:
            released[one.queued_at] = released.get(one.queued_at, 0) + 1
    aborted = row.status == JobStatus.CANCELED and row.reason_code == texts.jobs.ABORT_REASON
    return begun, Run(
        begun,
        job_state.of(row),
        sorted(released.items()),
        row.updated_at if aborted else None,
        row.completed_at,
        row.status not in (JobStatus.COMPLETED, JobStatus.CANCELED),
        [numbers[one.thing_id] for one in course],
        [one.attempt for one in course],
        [one.queued_at for one in course],
        [-1 if one.started_at is None else one.started_at for one in course],
        [one.updated_at if one.status in TERMINAL else -1 for one in course],
        [int(one.status) for one in course],
    )


# --- learning -------------------------------------------------------------------------------------------------------


def learned(tx: Tx, call: Call, names: Sequence[str], bounds: Bounds) -> Fleet:
    """A fleet that does what the executions of some jobs did.

    The time to start is from queued to begun, so devices that were away are in it, and the model is always online.
    What timed out is taken for stuck, what still waits for silent; what was canceled or removed says nothing.

    Raises:
        RefusedError: no execution of theirs has ended.
    """
    found: list[Course] = []
    for name in names:
        found += executions.course_of_job(tx, job_named(tx, call, name).id, bounds.learned)
    return Fleet((_cohort(found, call.now),))


def _cohort(found: Sequence[Course], now: int) -> Cohort:
    executed = [one for one in found if one.status in _EXECUTED]
    waits = [one for one in found if one.status == ExecutionStatus.QUEUED]
    if not executed:
        raise RefusedError("There is nothing to learn from: no execution of these jobs has ended.")
    base = Cohort(name="learned")
    starts = [one.started_at - one.queued_at for one in found if one.started_at is not None]
    lasted = [one.updated_at - one.started_at for one in executed if one.started_at and one.status in _REPORTED]
    heard = [one for one in waits if now - one.queued_at > max(starts, default=0)]
    total = len(executed) + len(heard)
    count = {kind: sum(one.status == kind for one in executed) / total for kind in _EXECUTED}
    return base._replace(
        start=quantiles(starts) if starts else base.start,
        run=quantiles(lasted) if lasted else base.run,
        failed=count[ExecutionStatus.FAILED],
        rejected=count[ExecutionStatus.REJECTED],
        stuck=count[ExecutionStatus.TIMED_OUT],
        silent=len(heard) / total,
    )


def quantiles(spans: Sequence[int]) -> Quantiles:
    """The distribution of some spans (ms), at least one."""
    ordered = sorted(max(0, span) for span in spans)
    last = len(ordered) - 1
    values = [float(ordered[round(share * last)]) for share in _QUANTILES]
    return Quantiles(_QUANTILES, tuple(values))


def planned(tx: Tx, call: Call, row: Job) -> Start:
    """A job as it was when it was created, for the release curve that was planned; it is compared with what happens.

    It is aimed at as many things as it is now: who joined or left since is not known.
    """
    return runs.of_new_job(
        configuration.plan(row.config, row.target_selection),
        row.created_at,
        targeted(tx, row),
        timeout_minutes=row.timeout_minutes,
        ceiling=call.limits.rollout_per_minute,
        chunk=call.limits.release_chunk,
        until=row.created_at + 60 * _DAY,
    )
