"""AWS's managed templates (control reference 4.1): a catalogue that comes with the service and never changes."""

from __future__ import annotations

from tidegate.core import arn, managed, texts
from tidegate.core.managed import ManagedTemplate
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read
from tidegate.ops.paging import following, page
from tidegate.store.database import Tx
from tidegate.wire import iot


def list_managed_job_templates(
    _tx: Tx, call: Call, request: iot.ListManagedJobTemplatesRequest
) -> iot.ListManagedJobTemplatesResponse:
    """The catalogue, or the versions of one name: none if nothing has it."""
    listing = ("ListManagedJobTemplates", call.scope, request.template_name)
    where = page(listing, token=request.next_token, size=request.max_results, start=[0])
    wanted = [one for one in managed.CATALOGUE.values() if request.template_name in (None, one.name)]
    first = int(where.position[0])
    numbered = list(enumerate(wanted, 1))[first : first + where.size + 1]
    return iot.ListManagedJobTemplatesResponse(
        managed_job_templates=[
            iot.ManagedJobTemplateSummary(
                template_arn=_arn(call, one),
                template_name=one.name,
                description=one.description,
                environments=list(managed.ENVIRONMENTS),
                template_version=managed.VERSION,
            )
            for _, one in numbered[: where.size]
        ],
        next_token=following(listing, numbered, where.size, lambda row: [row[0]]),
    )


def describe_managed_job_template(
    _tx: Tx, call: Call, request: iot.DescribeManagedJobTemplateRequest
) -> iot.DescribeManagedJobTemplateResponse:
    """One template, with its parameters and its document as compact JSON.

    Raises:
        ResourceNotFoundException: there is none of this name and version.
    """
    name, version = request.template_name, request.template_version
    found = managed.CATALOGUE.get(name)
    if found is None or version not in (None, managed.VERSION):
        raise iot.ResourceNotFoundException(texts.templates.template_missing(f"{name}:{version}" if version else name))
    return iot.DescribeManagedJobTemplateResponse(
        template_name=found.name,
        template_arn=_arn(call, found),
        description=found.description,
        template_version=managed.VERSION,
        environments=list(managed.ENVIRONMENTS),
        document_parameters=[
            iot.DocumentParameter(
                key=one.key, description=one.description, regex=one.regex, example=one.example, optional=one.optional
            )
            for one in found.parameters
        ],
        document=found.document,
    )


def is_arn(call: Call, text: str | None) -> bool:
    """True for the ARN of a managed template of this region, whether or not there is such a one."""
    parsed = arn.parse(text) if text is not None else None
    return (
        parsed is not None
        and (parsed.partition, parsed.service, parsed.region, parsed.account)
        == (call.partition, "iot", call.region, "")
        and parsed.resource_type == "jobtemplate"
    )


def find(call: Call, text: str | None) -> ManagedTemplate | None:
    """The template an ARN names, version included."""
    if text is None:
        return None
    return next((one for one in managed.CATALOGUE.values() if _arn(call, one) == text), None)


def _arn(call: Call, one: ManagedTemplate) -> str:
    names = arn.Names(call.partition, call.region, call.account)
    return names.managed_job_template(one.name, managed.VERSION)


HANDLERS: Handlers = {
    ("iot", "ListManagedJobTemplates"): Read(list_managed_job_templates),
    ("iot", "DescribeManagedJobTemplate"): Read(describe_managed_job_template),
}
