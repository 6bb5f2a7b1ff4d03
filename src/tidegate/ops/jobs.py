"""Jobs (control reference 6, 7 and 14): creating, describing, listing, canceling and deleting them."""

from __future__ import annotations

import msgspec

from tidegate.core import arn, texts
from tidegate.core import job as machine
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.timetable import Phase
from tidegate.ops import (
    approvals,
    blackouts,
    configuration,
    documents,
    job_definition,
    job_state,
    sweeps,
    tags,
    templates,
    transitions,
)
from tidegate.ops.call import Call
from tidegate.ops.documents import Fetched
from tidegate.ops.effects import EngineDue
from tidegate.ops.handler import Handlers, Prepared, Read, Report, Write
from tidegate.ops.job_state import Bookmark
from tidegate.ops.paging import following, page
from tidegate.store import executions, groups, jobs, things
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.jobs import Filter, Job, NewJob, Target
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

_NEWEST = 1 << 62


def create_job(
    tx: Tx, call: Call, request: iot.CreateJobRequest, fetched: Fetched | None = None
) -> iot.CreateJobResponse:
    """Create a job from a document or a template. Its document is frozen here (5.1), its first executions come with
    it; the engine rolls out the rest.

    Raises:
        InvalidRequestException: the members do not fit together; every problem is named.
        ResourceNotFoundException: no such template, thing or group.
        ResourceAlreadyExistsException: the id is taken; carries ``resourceId`` and ``resourceArn``.
        LimitExceededException: too many targets or tags, or too many active jobs.
    """
    name = request.job_id
    _check(call, request, fetched)
    definition = job_definition.resolve(tx, call, request, fetched)
    configured, description = definition.configured, definition.description
    if configured.maintenance_windows and request.target_selection != "CONTINUOUS":
        raise iot.InvalidRequestException(texts.settings.WINDOWS_NEED_CONTINUOUS)
    versions = documents.package_versions(tx, call, configured)
    frozen = documents.freeze(definition.text, call, configured, versions, definition.parameters)
    configured = documents.with_versions(configured, versions)
    configured = msgspec.structs.replace(configured, on_abort=_on_abort(call, request))
    targets = _targets(tx, call, request.targets)
    reasons = approvals.demanded(tx, call, configured, targets, tags.as_map(request.tags))
    resource = call.arn(f"job/{name}")
    exists = iot.ResourceAlreadyExistsException(texts.jobs.job_exists(name), resource_id=name, resource_arn=resource)
    if jobs.get(tx, call.scope, name) is not None:
        raise exists
    if jobs.count_active(tx, call.scope) >= call.limits.active_jobs:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("active jobs", call.limits.active_jobs))
    black = blackouts.concerning(tx, call.scope, tags.as_map(request.tags), resource)
    plan = configuration.plan_of(configured)._replace(blackouts=blackouts.windows_of(black) if black else ())
    times = plan.timetable(call.now).at(call.now)
    waits = times.phase == Phase.CLOSED or bool(reasons)
    if not waits and jobs.count_concurrent(tx, call.scope) >= call.limits.concurrent_jobs:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("concurrent jobs", call.limits.concurrent_jobs))
    wake_at = times.changes_at if waits else call.now
    hold = approvals.hold(call, reasons) if reasons else None
    job_id = jobs.insert(
        tx,
        call.scope,
        NewJob(
            name=name,
            status=JobStatus.SCHEDULED if waits else JobStatus.IN_PROGRESS,
            stage=Stage.ROLLOUT,
            target_selection=request.target_selection or "SNAPSHOT",
            namespace=request.namespace_id,
            description=description,
            template_arn=request.job_template_arn,
            document_source=definition.source,
            config=configuration.encode(configured),
            timeout_minutes=configuration.timeout_minutes(configured),
            created_at=call.now,
            wake_at=wake_at,
            hold=job_state.hold_text(hold),
            blackouts=black,
        ),
    )
    if job_id is None:
        raise exists
    jobs.put_document(tx, job_id, frozen.document, before=frozen.before, delivery=frozen.delivery)
    jobs.put_targets(tx, job_id, targets)
    stored_tags.put(tx, call.scope, resource, tags.as_map(request.tags))
    if reasons:
        approvals.ask(tx, call, job_id, reasons)
    _begin(tx, call, job_id, wake_at, waits=waits)
    return iot.CreateJobResponse(job_arn=resource, job_id=name, description=description)


def _on_abort(call: Call, request: iot.CreateJobRequest) -> str | None:
    """What an abort criterion does, where that is not AWS's way."""
    chosen = tags.as_map(request.tags).get(texts.holds.ON_ABORT, call.on_abort)
    return None if chosen == "cancel" else chosen


def _begin(tx: Tx, call: Call, job_id: int, wake_at: int | None, *, waits: bool) -> None:
    """Do a new job's first step unless it waits for its time; the engine is told when to go on."""
    if not waits:
        sweeps.begin(tx, job_id, call.now, call.limits)
    if wake_at is not None:
        tx.effects.append(EngineDue(wake_at))


def _check(call: Call, request: iot.CreateJobRequest, fetched: Fetched | None) -> None:
    """What can be said of a request without looking anything up: every problem at once."""
    configured = configuration.requested(request)
    problems = configuration.request_problems(request, configured, call)
    problems += documents.brought_problems(request, fetched, call)
    if request.job_template_arn is not None and not templates.is_template_arn(call, request.job_template_arn):
        problems.append(texts.templates.not_a_template_arn(request.job_template_arn))
    problems += job_definition.managed_problems(call, request)
    problems += [
        texts.jobs.not_a_target(target) for target in dict.fromkeys(request.targets) if _named_by(call, target) is None
    ]
    if tags.as_map(request.tags).get(texts.holds.ON_ABORT, "cancel") not in ("cancel", "pause"):
        problems.append(texts.holds.ON_ABORT_INVALID)
    if problems:
        raise iot.InvalidRequestException(" ".join(dict.fromkeys(problems)))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    if len(set(request.targets)) > call.limits.targets_per_job:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("targets per job", call.limits.targets_per_job))


def _named_by(call: Call, target: str) -> tuple[str, str] | None:
    """("thing" or "thinggroup", name) of a target of this account and region."""
    parsed = arn.parse(target)
    if parsed is None or parsed.resource_type not in ("thing", "thinggroup"):
        return None
    home = (call.partition, "iot", call.region, call.account)
    if (parsed.partition, parsed.service, parsed.region, parsed.account) != home or not parsed.resource_id:
        return None
    return parsed.resource_type, parsed.resource_id


def _targets(tx: Tx, call: Call, requested: list[str]) -> list[Target]:
    """The things and groups a request is aimed at; one named twice counts once."""
    found = []
    for position, target in enumerate(dict.fromkeys(requested)):
        kind, name = _named_by(call, target) or ("", "")
        if kind == "thing":
            thing = things.find(tx, call.scope, name)
            if thing is None:
                raise iot.ResourceNotFoundException(texts.things.thing_missing(name))
            found.append(Target(position, target, thing.id, None))
        else:
            group = groups.find(tx, call.scope, name)
            if group is None:
                raise iot.ResourceNotFoundException(texts.groups.group_missing(name))
            found.append(Target(position, target, None, group.id))
    return found


def describe_job(tx: Tx, call: Call, request: iot.DescribeJobRequest) -> iot.DescribeJobResponse:
    """A job as it stands: effective configuration, counters of attempts, targets still being rolled out.

    ``beforeSubstitution`` shows package versions as they were named, ``$default`` included (control reference 5.1). A
    job that is held says so in its ``reasonCode``.
    """
    job = _job(tx, call, request.job_id)
    hold = job_state.held(job).hold
    configured = configuration.decode(job.config)
    targets = jobs.targets(tx, job.id)
    resolved = None if request.before_substitution else configured.resolved_package_versions
    return iot.DescribeJobResponse(
        document_source=job.document_source,
        job=iot.Job(
            job_arn=call.arn(f"job/{job.name}"),
            job_id=job.name,
            target_selection=job.target_selection,
            status=job.status,
            force_canceled=None if job.force_canceled is None else bool(job.force_canceled),
            reason_code=job.reason_code if hold is None else hold.kind,
            comment=job.comment if hold is None or hold.comment is None else hold.comment,
            targets=[target.arn for target in targets],
            description=job.description,
            presigned_url_config=configured.presigned_url_config or iot.PresignedUrlConfig(),
            job_executions_rollout_config=configured.job_executions_rollout_config or iot.JobExecutionsRolloutConfig(),
            abort_config=configured.abort_config,
            created_at=seconds(job.created_at),
            last_updated_at=seconds(job.updated_at),
            completed_at=seconds(job.completed_at),
            job_process_details=_process_details(tx, job, targets),
            timeout_config=configured.timeout_config or iot.TimeoutConfig(),
            namespace_id=job.namespace,
            job_template_arn=job.template_arn,
            job_executions_retry_config=configured.job_executions_retry_config,
            document_parameters=configured.document_parameters,
            is_concurrent=is_concurrent(job.status, job.stage),
            scheduling_config=configuration.schedule_shown(configured),
            scheduled_job_rollouts=configuration.coming_rollouts(configured, job.created_at, call.now),
            destination_package_versions=resolved or configured.destination_package_versions,
        ),
    )


def _process_details(tx: Tx, job: Job, targets: list[Target]) -> iot.JobProcessDetails:
    counts = jobs.counts(tx, job.id)
    position = Bookmark.read(job).position if job.stage == Stage.ROLLOUT else 0
    return iot.JobProcessDetails(
        processing_targets=[target.arn for target in targets[position:]] if job.stage == Stage.ROLLOUT else None,
        number_of_canceled_things=counts[ExecutionStatus.CANCELED],
        number_of_succeeded_things=counts[ExecutionStatus.SUCCEEDED],
        number_of_failed_things=counts[ExecutionStatus.FAILED],
        number_of_rejected_things=counts[ExecutionStatus.REJECTED],
        number_of_queued_things=counts[ExecutionStatus.QUEUED],
        number_of_in_progress_things=counts[ExecutionStatus.IN_PROGRESS],
        number_of_removed_things=counts[ExecutionStatus.REMOVED],
        number_of_timed_out_things=counts[ExecutionStatus.TIMED_OUT],
    )


def is_concurrent(status: str, stage: str) -> bool:
    """True while executions are being rolled out or canceled (control reference 7)."""
    return status != JobStatus.SCHEDULED and stage in (Stage.ROLLOUT, Stage.CANCEL, Stage.END)


def get_job_document(tx: Tx, call: Call, request: iot.GetJobDocumentRequest) -> iot.GetJobDocumentResponse:
    """The document, byte for byte as it was given but for what was put in place of placeholders at creation.

    ``beforeSubstitution`` gives it without that. Signed URLs are never shown (control reference 5.1).
    """
    job = _job(tx, call, request.job_id)
    text = jobs.document_before(tx, job.id) if request.before_substitution else jobs.document(tx, job.id)
    return iot.GetJobDocumentResponse(document=text)


def list_jobs(tx: Tx, call: Call, request: iot.ListJobsRequest) -> iot.ListJobsResponse:
    """Jobs that match every filter, newest first."""
    group = _group_of(tx, call, request)
    wanted = Filter(request.status, request.target_selection, request.namespace_id, group.id if group else None)
    listing = ("ListJobs", call.scope, *wanted)
    where = page(listing, token=request.next_token, size=request.max_results, start=[_NEWEST])
    if request.thing_group_id is not None and group is None:
        return iot.ListJobsResponse(jobs=[])
    rows = jobs.page(tx, call.scope, wanted, int(where.position[0]), where.size + 1)
    return iot.ListJobsResponse(
        jobs=[
            iot.JobSummary(
                job_arn=call.arn(f"job/{row.name}"),
                job_id=row.name,
                thing_group_id=group.uuid if group else None,
                target_selection=row.target_selection,
                status=row.status,
                created_at=seconds(row.created_at),
                last_updated_at=seconds(row.updated_at),
                completed_at=seconds(row.completed_at),
                is_concurrent=is_concurrent(row.status, row.stage),
            )
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, lambda row: [row.id]),
    )


def _group_of(tx: Tx, call: Call, request: iot.ListJobsRequest) -> groups.Group | None:
    """The group a list is filtered by; an unknown name or id is an error, two that do not fit an empty list."""
    if request.thing_group_name is not None:
        group = groups.find(tx, call.scope, request.thing_group_name)
        if group is None:
            raise iot.ResourceNotFoundException(texts.groups.group_missing(request.thing_group_name))
        matches = request.thing_group_id in (None, group.uuid)
        return group if matches else None
    if request.thing_group_id is not None:
        known = groups.find_by_uuid(tx, call.scope, request.thing_group_id)
        if known is None:
            raise iot.ResourceNotFoundException(texts.groups.group_missing(request.thing_group_id))
        return known
    return None


def cancel_job(tx: Tx, call: Call, request: iot.CancelJobRequest) -> iot.CancelJobResponse:
    """Cancel a job: it is CANCELED at once; its QUEUED executions follow, with force those IN_PROGRESS too.

    Raises:
        InvalidRequestException: it has ended already. With force a canceled job may be canceled again, for its running
            executions.
    """
    job = _locked(tx, call, request.job_id)
    force = bool(request.force)
    if not machine.may_cancel(job_state.of(job), force=force):
        raise iot.InvalidRequestException(texts.jobs.job_not_cancelable(job.name, job.status))
    reason = request.reason_code if request.reason_code is not None else job.reason_code
    comment = request.comment if request.comment is not None else job.comment
    # Canceled once more, with force, it begins at its first execution again.
    anew = job._replace(stage_cursor=None)
    canceled = transitions.advance(tx, call.now, anew, machine.Cancel(force, reason, comment))
    sweeps.look(tx, canceled, call.now, call.limits)
    return iot.CancelJobResponse(job_arn=call.arn(f"job/{job.name}"), job_id=job.name, description=job.description)


def update_job(tx: Tx, call: Call, request: iot.UpdateJobRequest) -> None:
    """Change a job that has not ended: each member that is given replaces the stored one as a whole (14.2).

    A new rate applies from the next minute, new abort criteria are judged at once, a new timeout only concerns
    executions that start from now on.

    Raises:
        InvalidRequestException: the job has ended, or a configuration is not valid; retries can only be switched off.
    """
    given = configuration.Configuration(
        presigned_url_config=request.presigned_url_config,
        job_executions_rollout_config=request.job_executions_rollout_config,
        abort_config=request.abort_config,
        timeout_config=request.timeout_config,
        job_executions_retry_config=request.job_executions_retry_config,
    )
    problems = configuration.problems(given, call)
    if any(criterion.retries for criterion in configuration.retry_criteria(given)):
        problems.append(texts.settings.RETRIES_ONLY_TO_ZERO)
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    job = _locked(tx, call, request.job_id)
    _require_namespace(job, request.namespace_id)
    if job.status not in (JobStatus.SCHEDULED, JobStatus.IN_PROGRESS):
        raise iot.InvalidRequestException(texts.jobs.job_not_updatable(job.name, job.status))
    if not documents.keeps_role(tx, job, request.presigned_url_config):
        raise iot.InvalidRequestException(texts.placeholders.ROLE_REQUIRED)
    configured = configuration.updated(configuration.decode(job.config), given)
    description = job.description if request.description is None else request.description
    if description == job.description and configuration.encode(configured) == job.config:
        return
    changed = job._replace(
        description=description,
        config=configuration.encode(configured),
        timeout_minutes=configuration.timeout_minutes(configured),
    )
    jobs.set_config(tx, changed, updated_at=call.now)
    approvals.changed(tx, call, changed)
    if request.job_executions_retry_config is not None:
        executions.stop_waiting_retries(tx, job.id)
    if request.abort_config is None or not transitions.judge(tx, call.now, changed):
        transitions.wake(tx, job.id, call.now)


def associate_targets_with_job(
    tx: Tx, call: Call, request: iot.AssociateTargetsWithJobRequest
) -> iot.AssociateTargetsWithJobResponse:
    """Add thing groups to a continuous job in progress; they are rolled out at its rate (14.4).

    Raises:
        InvalidRequestException: the job is not continuous and in progress, or a target is no group of this account.
        LimitExceededException: it would have too many targets.
    """
    named = [(target, _named_by(call, target)) for target in dict.fromkeys(request.targets)]
    problems = [texts.jobs.not_a_group_target(target) for target, name in named if not name or name[0] != "thinggroup"]
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    job = _locked(tx, call, request.job_id)
    _require_namespace(job, request.namespace_id)
    known = jobs.targets(tx, job.id)
    found = _targets(tx, call, [target for target, _ in named])
    if job.target_selection != "CONTINUOUS" or job.status != JobStatus.IN_PROGRESS or job.ended:
        raise iot.InvalidRequestException(texts.jobs.job_not_continuous(job.name))
    new = [target for target in found if target.group_id not in {each.group_id for each in known}]
    if len(known) + len(new) > call.limits.targets_per_job:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("targets per job", call.limits.targets_per_job))
    if new:
        start = len(known)
        jobs.put_targets(tx, job.id, [each._replace(position=start + n) for n, each in enumerate(new)])
        job = approvals.more_targets(tx, call, job, jobs.targets(tx, job.id))
        sweeps.roll_out_more(tx, job, start, call.now, call.limits)
    if new or request.comment is not None:
        jobs.remark(tx, job.id, job.comment if request.comment is None else request.comment, updated_at=call.now)
    return iot.AssociateTargetsWithJobResponse(
        job_arn=call.arn(f"job/{job.name}"), job_id=job.name, description=job.description
    )


def _require_namespace(job: Job, namespace: str | None) -> None:
    """A job of another namespace is as good as none [R]."""
    if namespace is not None and namespace != job.namespace:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(job.name))


def delete_job(tx: Tx, call: Call, request: iot.DeleteJobRequest) -> None:
    """Begin to delete a job; the engine deletes its executions, then the job is gone and its id free.

    Raises:
        InvalidStateTransitionException: it is active and ``force`` is not set, or it is being deleted already.
        LimitExceededException: too many are being deleted.
    """
    job = _locked(tx, call, request.job_id)
    _require_namespace(job, request.namespace_id)
    force = bool(request.force)
    if not machine.may_delete(job_state.of(job), force=force):
        raise iot.InvalidStateTransitionException(texts.jobs.job_not_deletable(job.name, job.status))
    if jobs.count_deleting(tx, call.scope) >= call.limits.deleting_jobs:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("jobs being deleted", call.limits.deleting_jobs))
    transitions.advance(tx, call.now, job, machine.Delete(force))


def find(tx: Tx, call: Call, job_id: str) -> Job | None:
    """A job of the caller's scope."""
    return jobs.get(tx, call.scope, job_id)


def _job(tx: Tx, call: Call, job_id: str) -> Job:
    job = jobs.get(tx, call.scope, job_id)
    if job is None:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(job_id))
    return job


def _locked(tx: Tx, call: Call, job_id: str) -> Job:
    job = jobs.lock(tx, _job(tx, call, job_id).id)
    if job is None:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(job_id or ""))
    return job


HANDLERS: Handlers = {
    ("iot", "CreateJob"): Prepared(
        create_job,
        look=job_definition.source_to_fetch,
        prepare=documents.fetch,
    ),
    ("iot", "DescribeJob"): Read(describe_job),
    ("iot", "GetJobDocument"): Read(get_job_document),
    ("iot", "ListJobs"): Read(list_jobs),
    ("iot", "UpdateJob"): Report(update_job),
    ("iot", "AssociateTargetsWithJob"): Report(associate_targets_with_job),
    ("iot", "CancelJob"): Report(cancel_job),
    ("iot", "DeleteJob"): Write(delete_job),
}
TAGGABLE = {"job": tags.named(jobs.get)}
