"""What a job is created from: its request, over a custom template or one of AWS's (control reference 4.3, 6.2)."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.core import managed, texts
from tidegate.ops import configuration, documents, managed_templates, templates
from tidegate.ops.call import Call
from tidegate.ops.configuration import Configuration
from tidegate.ops.documents import Fetched
from tidegate.store.database import Tx
from tidegate.wire import iot


class JobDefinition(NamedTuple):
    """What a job starts from."""

    text: str
    """Its document, before anything in it is replaced."""
    source: str | None
    description: str | None
    configured: Configuration
    parameters: dict[str, str] | None = None
    """Those of a managed template."""


def source_to_fetch(tx: Tx, call: Call, request: iot.CreateJobRequest) -> str | None:
    """The ``documentSource`` to fetch before a job is created: the request's, or its template's."""
    if request.document is not None or request.document_source is not None or request.job_template_arn is None:
        return request.document_source if request.document is None else None
    template = templates.find(tx, call, request.job_template_arn)
    return template.document_source if template and template.document is None else None


def resolve(tx: Tx, call: Call, request: iot.CreateJobRequest, fetched: Fetched | None) -> JobDefinition:
    """What a job starts from, the request's own members over those of its template.

    Raises:
        ResourceNotFoundException: there is no such template.
        InvalidRequestException: the document could not be fetched, or is none.
    """
    configured = configuration.requested(request)
    document, source, description = request.document, request.document_source, request.description
    known = managed_templates.find(call, request.job_template_arn)
    if known is not None:
        description = description if description is not None else known.description
        return JobDefinition(known.document, None, description, configured, request.document_parameters or {})
    if request.job_template_arn is not None:
        template, base = templates.inherited(tx, call, request.job_template_arn)
        configured = configuration.over(configured, base)
        description = description if description is not None else template.description
        if document is None and source is None:
            document, source = template.document, template.document_source
    text = document if document is not None else documents.fetched_text(source, fetched, call)
    return JobDefinition(text, source, description, configured)


def managed_problems(call: Call, request: iot.CreateJobRequest) -> list[str]:
    """What a request gives to a managed template that it must not, or to another what only a managed one takes."""
    if not managed_templates.is_arn(call, request.job_template_arn):
        given = request.document_parameters  # an empty map is as if not sent
        return [texts.documents.DOCUMENT_PARAMETERS_NEED_MANAGED] if given else []
    brings = request.document is not None or request.document_source is not None
    found = [texts.documents.MANAGED_HAS_DOCUMENT] if brings else []
    known = managed_templates.find(call, request.job_template_arn)
    return found + (managed.problems(known, request.document_parameters or {}) if known else [])
