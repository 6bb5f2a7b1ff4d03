"""The documents of jobs: fetched, checked and frozen when a job is created, signed when a device asks.

Three texts of one document are kept (control reference 5.1): what it was *before* substitution; what the control plane
*shows*, which has parameters and attributes of packages in place but never a signed URL; and the pieces from which a
device's own is *delivered*. The last two are left out where they would be the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tidegate.core import arn, checks, location, managed, package_placeholders, presign, texts
from tidegate.core.location import Fault, Location, ObjectFaultError
from tidegate.core.package_placeholders import Named, PackageVersion
from tidegate.core.presign import Execution, Piece, Slot, Upload
from tidegate.ops import configuration
from tidegate.ops import package_versions as catalog
from tidegate.ops.call import Call, Objects
from tidegate.ops.configuration import Configuration
from tidegate.store import jobs
from tidegate.store.database import Tx
from tidegate.store.executions import Pending
from tidegate.store.jobs import Job
from tidegate.wire import iot, jobs_data

log = logging.getLogger("tidegate.documents")


class Fetched(NamedTuple):
    """What came of fetching a ``documentSource``: its text, or what is wrong with it."""

    source: str
    text: str | None
    problem: str | None = None


class Frozen(NamedTuple):
    """A job's document in the forms that are kept."""

    document: str
    before: str | None
    delivery: str | None


class UndeliverableError(jobs_data.ServiceUnavailableException):
    """A document's URLs cannot be signed: the device gets none rather than a raw one. Over MQTT InternalError."""


# --- fetching ---------------------------------------------------------------------------------------------------------


def fetch(call: Call, request: iot.CreateJobRequest | iot.CreateJobTemplateRequest, source: str) -> Fetched:
    """Read the document that a ``documentSource`` names. Blocks; the ``prepare`` of what creates jobs and templates.

    Raises:
        AccessDeniedException: the caller may not read it, though a template that it may use names it.
    """
    found = location.parse(source, hosts=call.endpoints.objects)
    if found is None:
        return Fetched(source, None, texts.documents.document_source_invalid(source))
    call.require(_reading(found.version_id), found.bucket, found.key)
    if call.objects is None:
        return Fetched(source, None, texts.documents.document_source_unreachable(source))
    limit = call.limits.document_bytes
    try:
        if not call.objects.open_to(call.account, found.bucket):
            raise ObjectFaultError(Fault.DENIED, f"{found.bucket} is another account's")
        body = call.objects.fetch(found, limit=limit)
    except ObjectFaultError as error:
        log.warning("documentSource %s cannot be fetched: %s", source, error)
        return Fetched(source, None, _fault(error.fault, source, found, request.presigned_url_config, limit))
    try:
        return Fetched(source, body.decode())
    except UnicodeDecodeError:
        return Fetched(source, None, texts.documents.document_invalid(source))


def _reading(version_id: str | None) -> str:
    return "s3:GetObject" if version_id is None else "s3:GetObjectVersion"


def _fault(fault: Fault, source: str, at: Location, config: iot.PresignedUrlConfig | None, limit: int) -> str:
    if fault is Fault.MISSING:
        missing = texts.documents.document_source_missing(source)
        return missing if at.version_id is None else texts.placeholders.VERSION_MISSING
    if fault is Fault.TOO_LARGE:
        return texts.documents.document_source_too_large(source, limit)
    if fault is Fault.UNREACHABLE:
        return texts.documents.document_source_unread(source)
    role = _role(config)
    denied = texts.documents.document_source_denied(source)
    return texts.placeholders.role_denied(role, at.bucket) if role else denied


# --- checking ---------------------------------------------------------------------------------------------------------


def brought_problems(
    request: iot.CreateJobRequest | iot.CreateJobTemplateRequest, fetched: Fetched | None, call: Call
) -> list[str]:
    """What is wrong with the document that a request brings, inline or by its source, whatever is looked up later.

    Where there may be a template, the role to sign URLs with is left to ``freeze``: either may name it.
    """
    if request.document is not None:
        text, found_at = request.document, texts.documents.INPUT
    elif fetched is None or fetched.source != request.document_source:
        return []
    elif fetched.text is None:
        return [fetched.problem] if fetched.problem else []
    else:
        text, found_at = fetched.text, fetched.source
    found = _own_problems(text, call, found_at)
    if found:
        return found
    found = package_placeholders.problems(text, _listed(request.destination_package_versions))
    reading = presign.read(text, region=call.region, hosts=call.endpoints.objects)
    alone = isinstance(request, iot.CreateJobRequest) and request.job_template_arn is None
    if alone and reading.slots and not _role(request.presigned_url_config):
        found.append(texts.placeholders.ROLE_REQUIRED)
    return found + reading.problems


def _own_problems(text: str, call: Call, found_at: str) -> list[str]:
    """What no text may be that is not AWS's own."""
    found = checks.job_document(text, limit=call.limits.document_bytes, found_at=found_at)
    if not found and managed.has_parameters(text):
        found.append(texts.documents.DOCUMENT_PARAMETERS_NEED_MANAGED)
    return found


def _role(config: iot.PresignedUrlConfig | None) -> str | None:
    return config.role_arn if config else None


def _listed(arns: Sequence[str] | None) -> list[Named] | None:
    """The (package, version) of ``destinationPackageVersions``, those that can be read; None if it is not given."""
    if arns is None:
        return None
    found = [checks.package_version(text) for text in arns]
    return [(one.package, one.version) for one in found if one is not None]


def fetched_text(source: str | None, fetched: Fetched | None, call: Call) -> str:
    """The text of the source that a job is created from, request's or template's.

    Raises:
        InvalidRequestException: it could not be fetched, or is no document.
        ServiceUnavailableException: another source was fetched: its template was replaced meanwhile.
    """
    if fetched is None or fetched.source != source:
        raise iot.ServiceUnavailableException(texts.documents.SOURCE_CHANGED)
    if fetched.text is None:
        raise iot.InvalidRequestException(fetched.problem or "")
    problems = _own_problems(fetched.text, call, fetched.source)
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    return fetched.text


# --- freezing ---------------------------------------------------------------------------------------------------------


def package_versions(tx: Tx, call: Call, configured: Configuration) -> Mapping[Named, PackageVersion]:
    """What the package catalog knows of a job's ``destinationPackageVersions``, by (package, version) as they name it.

    ``$default`` is looked up here, so that it is frozen with the job; ``$null`` names no version and is left out.

    Raises:
        ResourceNotFoundException: naming the first that does not exist.
        InvalidRequestException: naming all that cannot be deployed.
    """
    return catalog.resolve(tx, call, configured.destination_package_versions or [])


def freeze(
    text: str,
    call: Call,
    configured: Configuration,
    versions: Mapping[Named, PackageVersion],
    parameters: Mapping[str, str] | None = None,
) -> Frozen:
    """A job's document in its three forms.

    Args:
        text: the document, JSON.
        call: the call that creates the job.
        configured: the job's effective configuration.
        versions: what ``package_versions`` found.
        parameters: what a managed template's document is given; None for any other document.

    Raises:
        InvalidRequestException: the document cannot become a job's; every problem is named.
        AccessDeniedException: the caller may not do itself what it would give its devices URLs for.
    """
    filled = text if parameters is None else managed.substituted(text, parameters)
    listed = _listed(configured.destination_package_versions) or []
    known = package_placeholders.resolved(filled, listed, versions)
    hosts = call.endpoints.objects
    reading = presign.read(known.document, region=call.region, hosts=hosts, artifacts=known.artifacts)
    problems = checks.job_document(known.document, limit=call.limits.document_bytes) + known.problems + reading.problems
    if reading.slots and not _role(configured.presigned_url_config):
        others = presign.read(known.document, region=call.region, hosts=hosts).slots
        problems += [texts.placeholders.ROLE_REQUIRED] if others else []
        problems += [texts.placeholders.artifact_role_required(*named) for named in known.packages.values()]
    elif reading.slots and call.objects is None:
        problems.append(texts.documents.NO_OBJECTS)
    elif call.objects is not None:
        _require(call, reading.slots)
        role = _role(configured.presigned_url_config) or ""
        problems += _url_problems(reading.slots, call.objects, call.account, role)
    if problems:
        raise iot.InvalidRequestException(" ".join(dict.fromkeys(problems)))
    before = None if known.document == text else text
    return Frozen(known.document, before, presign.encode(reading.pieces) if reading.slots else None)


def require_permission(call: Call, text: str) -> None:
    """Pass if the caller may do itself what the placeholders of a document have devices do.

    Those whose objects are looked up when a job is created are asked about then, and so is each job's own creator.

    Raises:
        AccessDeniedException: it may not.
    """
    _require(call, presign.read(text, region=call.region, hosts=call.endpoints.objects).slots)


def _require(call: Call, slots: Sequence[Slot]) -> None:
    for slot in slots:
        # A key that devices' names are still to be put into is asked about as it is written: whoever may write only
        # some of the keys that it stands for may not have all of them written.
        action = "s3:PutObject" if isinstance(slot, Upload) else _reading(slot.version_id)
        call.require(action, slot.bucket, slot.key)


def _url_problems(slots: Sequence[Slot], objects: Objects, account: str, role: str) -> list[str]:
    """What is known to be wrong with the buckets and versions of a document's URLs (control reference 5.6)."""
    found = []
    for slot in slots:
        upload = isinstance(slot, Upload)
        place = Location(slot.bucket, slot.key, None if isinstance(slot, Upload) else slot.version_id)
        own = objects.open_to(account, slot.bucket)
        fault = objects.fault("PUT" if upload else "GET", place) if own else Fault.DENIED
        if fault is Fault.DENIED:
            found.append(texts.placeholders.role_denied(role, slot.bucket))
        elif fault is Fault.MISSING:
            found.append(texts.placeholders.UPLOAD_WITHOUT_BUCKET if upload else texts.placeholders.VERSION_MISSING)
    return found


def with_versions(configured: Configuration, versions: Mapping[Named, PackageVersion]) -> Configuration:
    """A job's configuration that knows what each ``$default`` of its package versions stood for."""
    arns = configured.destination_package_versions or []
    shown = [_with_version(one, versions) for one in arns]
    return configured if shown == arns else msgspec.structs.replace(configured, resolved_package_versions=shown)


def _with_version(text: str, versions: Mapping[Named, PackageVersion]) -> str:
    named = checks.package_version(text)
    known = versions.get((named.package, named.version)) if named else None
    return text if known is None else f"{text.rpartition('/')[0]}/{known.version}"


def origin(tx: Tx, job: Job) -> tuple[str | None, str | None]:
    """(document, documentSource) that a template made from a job takes (control reference 3.3).

    The source if it has one, else its text: parameters of a managed template in place, since no other template may
    have them, everything else as it was.
    """
    if job.document_source:
        return None, job.document_source
    text = jobs.document_before(tx, job.id)
    template = arn.parse(job.template_arn) if job.template_arn is not None else None
    if template is None or template.account:
        return text, None
    return managed.substituted(text, configuration.decode(job.config).document_parameters or {}), None


def keeps_role(tx: Tx, job: Job, given: iot.PresignedUrlConfig | None) -> bool:
    """Whether a job whose devices get URLs is left a role to sign them with, if this configuration replaces its own."""
    return given is None or bool(_role(given)) or jobs.document_delivery(tx, job.id)[1] is None


# --- delivery ---------------------------------------------------------------------------------------------------------


def delivered(tx: Tx, objects: Objects | None, account: str, one: Pending, thing_name: str, now: int) -> str:
    """The document that a device of an account gets for an execution at an instant (epoch ms).

    To be asked for before anything is written: a document that cannot be delivered must change nothing.

    Raises:
        UndeliverableError: its URLs cannot be signed; the log says why.
    """
    document, delivery = jobs.document_delivery(tx, one.job_id)
    return document if delivery is None else _signed(delivery, objects, account, one, thing_name, now)


def _signed(delivery: str, objects: Objects | None, account: str, one: Pending, thing_name: str, now: int) -> str:
    config = configuration.decode(one.config).presigned_url_config
    expires_s = (config.expires_in_sec if config else None) or presign.DEFAULT_EXPIRES_S
    at = presign.signed_at(one.queued_at, now, expires_s)
    execution = Execution(thing_name, one.job_name, one.number)

    def url_of(slot: Slot) -> str:
        assert objects is not None, "this server has no object storage"
        # Its own when the job was created, a bucket may have been deleted since, and made by somebody else.
        if not objects.open_to(account, slot.bucket):
            raise ObjectFaultError(Fault.DENIED, f"{slot.bucket} is another account's; point a new job elsewhere")
        if isinstance(slot, Upload):
            place = Location(slot.bucket, presign.key_of(slot, execution))
            return objects.presign("PUT", place, signed_at=at, expires_s=expires_s)
        place = Location(slot.bucket, slot.key, slot.version_id)
        return objects.presign("GET", place, signed_at=at, expires_s=expires_s)

    try:
        return presign.joined(_pieces(delivery), url_of)
    except Exception as error:
        trace = None if isinstance(error, ObjectFaultError) else error
        log.error(
            "document of job %s for %s cannot be delivered: %s", *(one.job_name, thing_name, error), exc_info=trace
        )
        raise UndeliverableError(texts.documents.DOCUMENT_UNDELIVERABLE) from error


@lru_cache(maxsize=256)
def _pieces(delivery: str) -> list[Piece]:
    """Stored pieces. Callers share them: they are not to be changed."""
    return presign.decode(delivery)
