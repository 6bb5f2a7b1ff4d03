"""What is linted, compared and told in words: a job, a template, or a request that would make one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidegate.core import texts
from tidegate.ops import configuration, tags, templates
from tidegate.ops.call import Call
from tidegate.ops.configuration import Configuration
from tidegate.store import jobs
from tidegate.store import tags as stored_tags
from tidegate.store import templates as stored_templates
from tidegate.store.database import Tx
from tidegate.wire import iot, protocol
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import SparseShape

_NOBODY = "arn:aws:iot:us-east-1:000000000000:thing/nobody"


class Named(SparseShape):
    """One of them: ``request`` has the members of CreateJob or CreateJobTemplate as JSON has them."""

    request: dict[str, Any] | None = None
    template: str | None = None
    job: str | None = None


class Subject(NamedTuple):
    """What is known of one. ``problems`` is why it would be refused; instants are epoch ms."""

    title: str
    configured: Configuration
    document: str | None = None
    source: str | None = None
    description: str | None = None
    selection: str = "SNAPSHOT"
    targets: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    namespace: str | None = None
    created_at: int | None = None
    problems: tuple[str, ...] = ()


def of(tx: Tx, call: Call, named: Named) -> Subject:
    """What is meant.

    Raises:
        InvalidRequestException: not one of the three was given.
        ResourceNotFoundException: there is no such template or job.
    """
    if sum(each is not None for each in (named.request, named.template, named.job)) != 1:
        raise iot.InvalidRequestException("Give one of request, template and job.")
    if named.request is not None:
        return _of_request(tx, call, named.request)
    return _of_template(tx, call, named.template) if named.template is not None else _of_job(tx, call, named.job or "")


def _of_template(tx: Tx, call: Call, name: str) -> Subject:
    found = stored_templates.get(tx, call.scope, name)
    if found is None:
        raise iot.ResourceNotFoundException(texts.templates.template_missing(name))
    return Subject(
        f"template {name}",
        configuration.decode(found.config),
        found.document,
        found.document_source,
        found.description,
        tags=stored_tags.of(tx, call.scope, call.arn(f"jobtemplate/{name}")),
    )


def _of_job(tx: Tx, call: Call, name: str) -> Subject:
    row = jobs.get(tx, call.scope, name)
    if row is None:
        raise iot.ResourceNotFoundException(texts.jobs.job_missing(name))
    return Subject(
        f"job {name}",
        configuration.decode(row.config),
        jobs.document(tx, row.id),
        row.document_source,
        row.description,
        row.target_selection,
        tuple(each.arn for each in jobs.targets(tx, row.id)),
        stored_tags.of(tx, call.scope, call.arn(f"job/{name}")),
        row.namespace,
        row.created_at,
    )


def _of_request(tx: Tx, call: Call, given: Mapping[str, Any]) -> Subject:
    """A request as it would be read, with everything that CreateJob would refuse it for."""
    body = {**given, "targets": given.get("targets") or [_NOBODY]}
    windows = body.pop("maintenanceWindows", None)
    if windows:
        body["schedulingConfig"] = {**(body.get("schedulingConfig") or {}), "maintenanceWindows": windows}
    name = str(body.pop("jobId", body.pop("jobTemplateId", "request")))
    body.pop("jobTemplateId", None)
    operation = iot.OPERATIONS["CreateJob"]
    try:
        request: iot.CreateJobRequest = protocol.decode(operation, {"jobId": name}, b"", [], json.dumps(body).encode())
    except WireError as error:
        return Subject(f"request {name}", Configuration(), problems=(str(error),))
    configured, description, document = configuration.requested(request), request.description, request.document
    source = request.document_source
    if request.job_template_arn is not None:
        template, base = templates.inherited(tx, call, request.job_template_arn)
        configured = configuration.over(configured, base)
        description = description if description is not None else template.description
        if document is None and source is None:
            document, source = template.document, template.document_source
    return Subject(
        f"request {name}",
        configured,
        document,
        source,
        description,
        request.target_selection or ("CONTINUOUS" if configured.maintenance_windows else "SNAPSHOT"),
        () if request.targets == [_NOBODY] else tuple(request.targets),
        tags.as_map(request.tags),
        request.namespace_id,
        problems=tuple(dict.fromkeys(configuration.problems(configured, call, tags=request.tags))),
    )
