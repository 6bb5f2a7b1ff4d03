"""Job templates (control reference 3): what every job made from one starts with. Immutable: there is no update."""

from __future__ import annotations

from tidegate.core import arn, texts
from tidegate.ops import configuration, documents, tags
from tidegate.ops.call import Call
from tidegate.ops.configuration import Configuration
from tidegate.ops.documents import Fetched
from tidegate.ops.handler import Handlers, Prepared, Read, Write
from tidegate.ops.paging import following, page
from tidegate.store import jobs, templates
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.templates import Template
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds


def source_of_template(_tx: Tx, _call: Call, request: iot.CreateJobTemplateRequest) -> str | None:
    """The ``documentSource`` to fetch before a template is created. One made from a job takes over what was fetched."""
    return request.document_source if request.document is None else None


def create_job_template(
    tx: Tx, call: Call, request: iot.CreateJobTemplateRequest, fetched: Fetched | None = None
) -> iot.CreateJobTemplateResponse:
    """Create a template from a document or from a job.

    A ``documentSource`` is only tried here: each job fetches it again.

    Raises:
        InvalidRequestException: the members do not fit together; every problem is named.
        ResourceNotFoundException: ``jobArn`` names no job.
        ConflictException: the id is taken; ``resourceId`` says by what.
        AccessDeniedException: the caller may not do itself what the document's placeholders are for.
        LimitExceededException: the account has as many templates as it may, or there are too many tags.
    """
    name, description = request.job_template_id, request.description
    configured = configuration.requested(request)
    problems = configuration.request_problems(request, configured, call)
    problems += documents.brought_problems(request, fetched, call)
    job_id = _job_of(call, request.job_arn, problems)
    if problems:
        raise iot.InvalidRequestException(" ".join(dict.fromkeys(problems)))
    document, source = request.document, request.document_source
    if job_id is not None:
        job = jobs.get(tx, call.scope, job_id)
        if job is None or job.status == "DELETION_IN_PROGRESS":
            raise iot.ResourceNotFoundException(texts.jobs.job_missing(job_id))
        configured = configuration.over(configured, configuration.decode(job.config))
        if document is None and source is None:
            document, source = documents.origin(tx, job)
    text = document if document is not None else fetched.text if fetched is not None else None
    if text is not None:
        documents.require_permission(call, text)
    template = Template(name, description, document, source, configuration.encode(configured), call.now)
    if templates.get(tx, call.scope, name) is not None:
        raise iot.ConflictException(texts.templates.template_exists(name), resource_id=name)
    if call.limits.job_templates and templates.count(tx, call.scope) >= call.limits.job_templates:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("job templates", call.limits.job_templates))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    if not templates.insert(tx, call.scope, template):
        raise iot.ConflictException(texts.templates.template_exists(name), resource_id=name)
    resource = call.arn(f"jobtemplate/{name}")
    stored_tags.put(tx, call.scope, resource, tags.as_map(request.tags))
    return iot.CreateJobTemplateResponse(job_template_arn=resource, job_template_id=name)


def describe_job_template(
    tx: Tx, call: Call, request: iot.DescribeJobTemplateRequest
) -> iot.DescribeJobTemplateResponse:
    """A template as it was stored; three configurations show as ``{}`` even when never set (control reference 1.2)."""
    template = templates.get(tx, call.scope, request.job_template_id)
    if template is None:
        raise iot.ResourceNotFoundException(texts.templates.template_missing(request.job_template_id))
    configured = configuration.decode(template.config)
    return iot.DescribeJobTemplateResponse(
        job_template_arn=call.arn(f"jobtemplate/{template.name}"),
        job_template_id=template.name,
        description=template.description,
        document_source=template.document_source,
        document=template.document,
        created_at=seconds(template.created_at),
        presigned_url_config=configured.presigned_url_config or iot.PresignedUrlConfig(),
        job_executions_rollout_config=configured.job_executions_rollout_config or iot.JobExecutionsRolloutConfig(),
        abort_config=configured.abort_config,
        timeout_config=configured.timeout_config or iot.TimeoutConfig(),
        job_executions_retry_config=configured.job_executions_retry_config,
        maintenance_windows=configured.maintenance_windows,
        destination_package_versions=configured.destination_package_versions,
    )


def list_job_templates(tx: Tx, call: Call, request: iot.ListJobTemplatesRequest) -> iot.ListJobTemplatesResponse:
    """The account's templates by id."""
    listing = ("ListJobTemplates", call.scope)
    where = page(listing, token=request.next_token, size=request.max_results, start=[""])
    rows = templates.page(tx, call.scope, str(where.position[0]), where.size + 1)
    return iot.ListJobTemplatesResponse(
        job_templates=[
            iot.JobTemplateSummary(
                job_template_arn=call.arn(f"jobtemplate/{row.name}"),
                job_template_id=row.name,
                description=row.description,
                created_at=seconds(row.created_at),
            )
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, lambda row: [row.name]),
    )


def delete_job_template(tx: Tx, call: Call, request: iot.DeleteJobTemplateRequest) -> None:
    """Delete a template and its tags; jobs made from it are not affected."""
    if not templates.delete(tx, call.scope, request.job_template_id):
        raise iot.ResourceNotFoundException(texts.templates.template_missing(request.job_template_id))
    stored_tags.delete_all(tx, call.scope, call.arn(f"jobtemplate/{request.job_template_id}"))


def find(tx: Tx, call: Call, template_arn: str) -> Template | None:
    """A custom template of this scope by its ARN."""
    name = arn.Names(call.partition, call.region, call.account).id_of("jobtemplate", template_arn)
    return templates.get(tx, call.scope, name) if name else None


def inherited(tx: Tx, call: Call, template_arn: str) -> tuple[Template, Configuration]:
    """The custom template a job is created from, and its configuration.

    Raises:
        ResourceNotFoundException: there is none.
    """
    template = find(tx, call, template_arn)
    if template is None:
        raise iot.ResourceNotFoundException(texts.templates.template_missing(template_arn.rpartition("/")[2]))
    return template, configuration.decode(template.config)


def is_template_arn(call: Call, text: str) -> bool:
    """True for a custom template of this account and region, or a managed one of this region."""
    parsed = arn.parse(text)
    return (
        parsed is not None
        and (parsed.partition, parsed.service, parsed.region) == (call.partition, "iot", call.region)
        and parsed.resource_type == "jobtemplate"
        and parsed.account in (call.account, "")
    )


def _job_of(call: Call, job_arn: str | None, problems: list[str]) -> str | None:
    if job_arn is None:
        return None
    job_id = arn.Names(call.partition, call.region, call.account).id_of("job", job_arn)
    if job_id is None:
        problems.append(texts.jobs.not_a_job_arn(job_arn))
    return job_id


HANDLERS: Handlers = {
    ("iot", "CreateJobTemplate"): Prepared(create_job_template, look=source_of_template, prepare=documents.fetch),
    ("iot", "DescribeJobTemplate"): Read(describe_job_template),
    ("iot", "ListJobTemplates"): Read(list_job_templates),
    ("iot", "DeleteJobTemplate"): Write(delete_job_template),
}
TAGGABLE = {"jobtemplate": tags.named(templates.get)}
