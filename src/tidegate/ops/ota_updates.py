"""OTA updates (reach reference 6): a stream and a job made together, with the document that FreeRTOS agents read.

AWS makes them step by step, behind CREATE_PENDING. Here they are there, all of them, when the request is answered, so
that whoever polls for CREATE_COMPLETE sees it at once. Files come signed: there is no AWS Signer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tidegate.core import afr_ota, texts
from tidegate.core.afr_ota import HTTP, JOB_PREFIX, MQTT, Signature
from tidegate.core.lifecycle import JOB_MOVES, JobAct, JobStatus
from tidegate.ops import jobs, paging, streams, tags
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Prepared, Read, Write
from tidegate.ops.streams import Pinned
from tidegate.store import ota_updates as stored
from tidegate.store import streams as stored_streams
from tidegate.store import tags as stored_tags
from tidegate.store.database import Conflict, Tx
from tidegate.store.ota_updates import NewUpdate, Update
from tidegate.store.streams import File, Stream
from tidegate.wire import constraints, iot, jsontext
from tidegate.wire.timestamps import seconds

LONGEST_ID: Final = 64 - len(JOB_PREFIX)
_PENDING, _COMPLETE = "CREATE_PENDING", "CREATE_COMPLETE"
_MOST_FILES: Final = 50
"""As of a stream (the model's StreamFiles): each is looked up."""
_PAGE = 250
_NEWEST = 1 << 62


def _pin(call: Call, request: iot.CreateOTAUpdateRequest, _found: None) -> Pinned:
    """Look up the objects that are named by themselves, under the ids that they get in a stream."""
    if len(request.files) > _MOST_FILES:
        return Pinned([], [texts.streams.too_many_files(_MOST_FILES)], [])
    return streams.pin(
        call,
        [
            iot.StreamFile(file_id=position, s3_location=one.file_location.s3_location)
            for position, one in enumerate(request.files)
            if one.file_location is not None and one.file_location.s3_location is not None
        ],
    )


def create_ota_update(
    tx: Tx, call: Call, request: iot.CreateOTAUpdateRequest, pinned: Pinned
) -> iot.CreateOTAUpdateResponse:
    """Make an update with its job, and its stream unless it has one or needs none.

    Raises:
        InvalidRequestException: files, signatures, role, tags or the job's settings are not valid, or an object cannot
            be had.
        LimitExceededException: an object is too large, or there is too much of something.
        ResourceAlreadyExistsException: the id is taken, or that of its job.
        ResourceNotFoundException: no such stream, thing or group.
    """
    job = _job(request)
    problems = _problems(call, request, job)
    streams.require(call, pinned, request.role_arn, problems)
    tags.require_room(request.tags, call.limits.tags_per_resource)
    name, resource = request.ota_update_id, arn(call, request.ota_update_id)
    if stored.get(tx, call.scope, name) is not None:
        message = texts.streams.update_exists(name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=name, resource_arn=resource)
    stream, made, files = _streamed(tx, call, request, pinned.files)
    document = afr_ota.document(_protocols(request), stream, _documented(request, files))
    created = jobs.create_job(tx, call, msgspec.structs.replace(job, document=document))
    if made and not stored_streams.insert(tx, call.scope, stream or "", None, request.role_arn, files, call.now):
        raise Conflict
    new = NewUpdate(name, _COMPLETE, job.job_id, stream, int(made), _kept(request, stream, files))
    if not stored.insert(tx, call.scope, new, call.now):
        raise Conflict
    stored_tags.put(tx, call.scope, resource, tags.as_map(request.tags))
    return iot.CreateOTAUpdateResponse(
        ota_update_id=name,
        aws_iot_job_id=job.job_id,
        ota_update_arn=resource,
        aws_iot_job_arn=created.job_arn,
        ota_update_status=_PENDING,
    )


def _problems(call: Call, request: iot.CreateOTAUpdateRequest, job: iot.CreateJobRequest) -> list[str]:
    """What can be said of a request without looking anything up."""
    found = tags.problems(request.tags, None)
    protocols = request.protocols or []
    if len(set(protocols)) < len(protocols):
        found.append(texts.streams.PROTOCOL_TWICE)
    if len(request.ota_update_id) > LONGEST_ID:
        found.append(texts.streams.update_id_too_long(LONGEST_ID))
    else:
        found += constraints.violations(job, call.limits.ceilings())
    for position, one in enumerate(request.files, 1):
        place = one.file_location or iot.FileLocation()
        if (place.stream is None) == (place.s3_location is None):
            found.append(texts.streams.one_location(position))
        elif place.stream is not None:
            given = {"streamId": place.stream.stream_id, "fileId": place.stream.file_id}
            found += [texts.streams.file_incomplete(position, name) for name, value in given.items() if value is None]
        found += _signing_problems(position, one.code_signing or iot.CodeSigning())
    named = {place.stream.stream_id if place.stream else None for place in _places(request)}
    if len(named) > 1 and MQTT in _protocols(request):
        found.append(texts.streams.STREAMS_DIFFER)
    return found


def _places(request: iot.CreateOTAUpdateRequest) -> list[iot.FileLocation]:
    return [one.file_location or iot.FileLocation() for one in request.files]


def _signing_problems(position: int, signing: iot.CodeSigning) -> list[str]:
    found = [
        texts.streams.no_signer(position, member)
        for member, value in (
            ("awsSignerJobId", signing.aws_signer_job_id),
            ("startSigningJobParameter", signing.start_signing_job_parameter),
        )
        if value is not None
    ]
    custom = signing.custom_code_signing
    if custom is not None:
        given = {
            "signature.inlineDocument": custom.signature and custom.signature.inline_document,
            "hashAlgorithm": custom.hash_algorithm,
            "signatureAlgorithm": custom.signature_algorithm,
        }
        found += [texts.streams.signing_incomplete(position, member) for member, value in given.items() if not value]
    return found


def _protocols(request: iot.CreateOTAUpdateRequest) -> list[str]:
    """MQTT unless others are asked for [R]."""
    return request.protocols or [MQTT]


def _job(request: iot.CreateOTAUpdateRequest) -> iot.CreateJobRequest:
    """The job of an update but for its document, with the update's settings under a job's names."""
    urls = request.aws_job_presigned_url_config or iot.AwsJobPresignedUrlConfig()
    presigned = iot.PresignedUrlConfig(role_arn=request.role_arn, expires_in_sec=urls.expires_in_sec)
    aborts = request.aws_job_abort_config
    return iot.CreateJobRequest(
        job_id=JOB_PREFIX + request.ota_update_id,
        targets=request.targets,
        description=request.description,
        target_selection=request.target_selection,
        presigned_url_config=presigned if HTTP in _protocols(request) else None,
        job_executions_rollout_config=_rollout(request.aws_job_executions_rollout_config),
        abort_config=None if aborts is None else iot.AbortConfig(criteria_list=_criteria(aborts)),
        timeout_config=_timeout(request.aws_job_timeout_config),
    )


def _rollout(given: iot.AwsJobExecutionsRolloutConfig | None) -> iot.JobExecutionsRolloutConfig | None:
    if given is None:
        return None
    rate = given.exponential_rate
    return iot.JobExecutionsRolloutConfig(
        maximum_per_minute=given.maximum_per_minute,
        exponential_rate=None
        if rate is None
        else iot.ExponentialRolloutRate(
            base_rate_per_minute=rate.base_rate_per_minute,
            increment_factor=rate.increment_factor,
            rate_increase_criteria=iot.RateIncreaseCriteria(
                number_of_notified_things=rate.rate_increase_criteria.number_of_notified_things,
                number_of_succeeded_things=rate.rate_increase_criteria.number_of_succeeded_things,
            ),
        ),
    )


def _criteria(given: iot.AwsJobAbortConfig) -> list[iot.AbortCriteria]:
    return [
        iot.AbortCriteria(
            failure_type=one.failure_type,
            action=one.action,
            threshold_percentage=one.threshold_percentage,
            min_number_of_executed_things=one.min_number_of_executed_things,
        )
        for one in given.abort_criteria_list
    ]


def _timeout(given: iot.AwsJobTimeoutConfig | None) -> iot.TimeoutConfig | None:
    return (
        None
        if given is None
        else iot.TimeoutConfig(in_progress_timeout_in_minutes=given.in_progress_timeout_in_minutes)
    )


def _streamed(
    tx: Tx, call: Call, request: iot.CreateOTAUpdateRequest, pinned: Sequence[File]
) -> tuple[str | None, bool, list[File]]:
    """The stream that devices read, whether it is to be made for this, and the files in the order of the request."""
    known: dict[int, File] = {file.file_id: file for file in pinned}
    files, named = [], None
    for position, place in enumerate(_places(request)):
        if place.stream is None:
            files.append(known[position])
            continue
        named = place.stream.stream_id or ""
        stream = streams.found(tx, call, named)
        file = stored_streams.decode(stream.files).get(place.stream.file_id or 0)
        if file is None:
            raise iot.ResourceNotFoundException(texts.streams.file_of_stream_missing(named, place.stream.file_id or 0))
        files.append(file)
    if MQTT not in _protocols(request):
        return None, False, files
    if named is not None:
        return named, False, files
    return JOB_PREFIX + call.ids.uuid(), True, files


def _documented(request: iot.CreateOTAUpdateRequest, files: Sequence[File]) -> list[afr_ota.File]:
    return [
        afr_ota.File(file.file_id, file.size, file.location, one.file_name, one.file_type, _signature(one.code_signing))
        for one, file in zip(request.files, files, strict=True)
    ]


def _signature(signing: iot.CodeSigning | None) -> Signature | None:
    custom = None if signing is None else signing.custom_code_signing
    if custom is None:
        return None
    chain = custom.certificate_chain
    return Signature(
        (custom.signature and custom.signature.inline_document) or b"",
        custom.hash_algorithm or "",
        custom.signature_algorithm or "",
        None if chain is None else chain.certificate_name,
    )


def _kept(request: iot.CreateOTAUpdateRequest, stream: str | None, files: Sequence[File]) -> str:
    """What is shown of a request later: its files tell of the stream that was made for them, too."""
    shown = [
        msgspec.structs.replace(
            one,
            file_location=msgspec.structs.replace(
                one.file_location or iot.FileLocation(),
                stream=None if stream is None else iot.Stream(stream_id=stream, file_id=file.file_id),
            ),
        )
        for one, file in zip(request.files, files, strict=True)
    ]
    return jsontext.to_json(msgspec.structs.replace(request, files=shown if stream else request.files, tags=None))


def get_ota_update(tx: Tx, call: Call, request: iot.GetOTAUpdateRequest) -> iot.GetOTAUpdateResponse:
    """An update, with its job and stream."""
    update = _found(tx, call, request.ota_update_id)
    given = jsontext.from_json(iot.CreateOTAUpdateRequest, update.request)
    return iot.GetOTAUpdateResponse(
        ota_update_info=iot.OTAUpdateInfo(
            ota_update_id=update.name,
            ota_update_arn=arn(call, update.name),
            creation_date=seconds(update.created_at),
            last_modified_date=seconds(update.updated_at),
            description=given.description,
            targets=given.targets,
            protocols=_protocols(given),
            aws_job_executions_rollout_config=given.aws_job_executions_rollout_config,
            aws_job_presigned_url_config=given.aws_job_presigned_url_config,
            target_selection=given.target_selection or "SNAPSHOT",
            ota_update_files=given.files,
            ota_update_status=update.status,
            aws_iot_job_id=update.job_name,
            aws_iot_job_arn=call.arn(f"job/{update.job_name}"),
            additional_parameters=given.additional_parameters,
        )
    )


def list_ota_updates(tx: Tx, call: Call, request: iot.ListOTAUpdatesRequest) -> iot.ListOTAUpdatesResponse:
    """Updates, newest first."""
    listing = ("ListOTAUpdates", call.scope, request.ota_update_status)
    where = paging.page(listing, token=request.next_token, size=request.max_results or _PAGE, start=[_NEWEST])
    rows = stored.page(tx, call.scope, request.ota_update_status, int(where.position[0]), where.size + 1)
    return iot.ListOTAUpdatesResponse(
        ota_updates=[
            iot.OTAUpdateSummary(
                ota_update_id=row.name, ota_update_arn=arn(call, row.name), creation_date=seconds(row.created_at)
            )
            for row in rows[: where.size]
        ],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.id]),
    )


def delete_ota_update(tx: Tx, call: Call, request: iot.DeleteOTAUpdateRequest) -> iot.DeleteOTAUpdateResponse:
    """Delete an update and its job, with ``deleteStream`` the stream that was made for it, too.

    Raises:
        InvalidRequestException: its job has not ended and ``forceDeleteAWSJob`` is not set, another update uses its
            stream, or too many jobs are being deleted.
        ResourceNotFoundException: no such update.
    """
    update = _found(tx, call, request.ota_update_id)
    stream = _made_for(tx, call, update) if request.delete_stream else None
    job = jobs.find(tx, call, update.job_name)
    force = bool(request.force_delete_aws_job)
    if job is not None and job.status != JobStatus.DELETION_IN_PROGRESS:
        if not force and (job.status, JobAct.DELETE) not in JOB_MOVES:
            raise iot.InvalidRequestException(texts.streams.update_active(update.name, job.name, job.status))
        try:
            jobs.delete_job(tx, call, iot.DeleteJobRequest(job_id=job.name, force=force))
        except iot.LimitExceededException as error:  # which this operation does not have
            raise iot.InvalidRequestException(error.message) from None
    if stream is not None:
        streams.remove(tx, call, stream)
    stored.delete(tx, update.id)
    stored_tags.delete_all(tx, call.scope, arn(call, update.name))
    return iot.DeleteOTAUpdateResponse()


def _made_for(tx: Tx, call: Call, update: Update) -> Stream | None:
    """The stream that was made for an update, if it is there.

    Raises:
        InvalidRequestException: another update uses it.
    """
    name = update.stream_name
    if not update.made_stream or name is None:
        return None
    other = stored.of_stream(tx, call.scope, name, but=update.id)
    if other is not None:
        raise iot.InvalidRequestException(texts.streams.stream_of_others(update.name, name, other))
    return stored_streams.get(tx, call.scope, name)


def arn(call: Call, name: str) -> str:
    """An update's ARN."""
    return call.arn(f"otaupdate/{name}")


def _found(tx: Tx, call: Call, name: str) -> Update:
    update = stored.get(tx, call.scope, name)
    if update is None:
        raise iot.ResourceNotFoundException(texts.streams.update_missing(name))
    return update


TAGGABLE = {"otaupdate": tags.named(stored.get)}

HANDLERS: Handlers = {
    ("iot", "CreateOTAUpdate"): Prepared(create_ota_update, prepare=_pin),
    ("iot", "GetOTAUpdate"): Read(get_ota_update),
    ("iot", "DeleteOTAUpdate"): Write(delete_ota_update),
    ("iot", "ListOTAUpdates"): Read(list_ota_updates),
}
