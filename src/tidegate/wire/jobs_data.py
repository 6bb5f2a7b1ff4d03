"""Shapes, errors and operations of AWS IoT Jobs Data Plane (``iot-jobs-data``), version 2017-09-29.

Generated from the service model of botocore 1.44.5 by ``python -m tools.regen``. Do not edit: the tables to change
are at the top of ``tools/generate_wire.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import field

from tidegate.wire.errors import WireError
from tidegate.wire.shapes import MISSING, Integer, Long, Number, Operation, Required, Size, SparseShape, Text
from tidegate.wire.shapes import label, query

ClientRequestTokenV2 = Annotated[str, Text(min=1, max=64, pattern=r"^[\x21-\x7E]+$")]
CommandExecutionId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
CommandExecutionTimeoutInSeconds = Annotated[Long, Number(min=1)]
CommandParameterName = Annotated[str, Text(min=1, max=192, pattern="^[.$a-zA-Z0-9_-]+$")]
DescribeJobExecutionJobId = Annotated[str, Text(pattern=r"[a-zA-Z0-9_-]+|^\$next")]
DetailsKey = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
DetailsValue = Annotated[str, Text(min=1, pattern=r"[^\p{C}]+", max=1024, multiline=True)]
JobDocument = Annotated[str, Text(max=32768)]
JobExecutionStatus = Annotated[str, Text(enum=("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"))]
JobId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
StringParameterValue = Annotated[str, Text(min=1)]
TargetArn = Annotated[str, Text(max=2048)]
ThingName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
UnsignedLongParameterValue = Annotated[str, Text(min=1, max=20, pattern="^[0-9]*$")]


class CommandParameterValue(SparseShape):
    s: StringParameterValue | None = field(default=None, name="S")
    b: bool | None = field(default=None, name="B")
    i: Integer | None = field(default=None, name="I")
    l: Long | None = field(default=None, name="L")
    d: Decimal | None = field(default=None, name="D")
    bin: bytes | None = field(default=None, name="BIN")
    ul: UnsignedLongParameterValue | None = field(default=None, name="UL")


class DescribeJobExecutionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "thing_name")
    job_id: Required[DescribeJobExecutionJobId] = MISSING
    thing_name: Required[ThingName] = MISSING
    include_job_document: bool | None = None
    execution_number: Long | None = None


class DescribeJobExecutionResponse(SparseShape):
    execution: JobExecution | None = None


class GetPendingJobExecutionsRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING


class GetPendingJobExecutionsResponse(SparseShape):
    in_progress_jobs: list[JobExecutionSummary] | None = None
    queued_jobs: list[JobExecutionSummary] | None = None


class JobExecution(SparseShape):
    job_id: JobId | None = None
    thing_name: ThingName | None = None
    status: JobExecutionStatus | None = None
    status_details: DetailsMap | None = None
    queued_at: Long | None = None
    started_at: Long | None = None
    last_updated_at: Long | None = None
    approximate_seconds_before_timed_out: Long | None = None
    version_number: Long | None = None
    execution_number: Long | None = None
    job_document: JobDocument | None = None


class JobExecutionState(SparseShape):
    status: JobExecutionStatus | None = None
    status_details: DetailsMap | None = None
    version_number: Long | None = None


class JobExecutionSummary(SparseShape):
    job_id: JobId | None = None
    queued_at: Long | None = None
    started_at: Long | None = None
    last_updated_at: Long | None = None
    version_number: Long | None = None
    execution_number: Long | None = None


class StartCommandExecutionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("target_arn", "command_arn")
    target_arn: Required[TargetArn] = MISSING
    command_arn: Required[str] = MISSING
    parameters: CommandExecutionParameterMap | None = None
    execution_timeout_seconds: CommandExecutionTimeoutInSeconds | None = None
    client_token: ClientRequestTokenV2 | None = None


class StartCommandExecutionResponse(SparseShape):
    execution_id: CommandExecutionId | None = None


class StartNextPendingJobExecutionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    status_details: DetailsMap | None = None
    step_timeout_in_minutes: Long | None = None


class StartNextPendingJobExecutionResponse(SparseShape):
    execution: JobExecution | None = None


class UpdateJobExecutionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "thing_name", "status")
    job_id: Required[JobId] = MISSING
    thing_name: Required[ThingName] = MISSING
    status: Required[JobExecutionStatus] = MISSING
    status_details: DetailsMap | None = None
    step_timeout_in_minutes: Long | None = None
    expected_version: Long | None = None
    include_job_execution_state: bool | None = None
    include_job_document: bool | None = None
    execution_number: Long | None = None


class UpdateJobExecutionResponse(SparseShape):
    execution_state: JobExecutionState | None = None
    job_document: JobDocument | None = None


CommandExecutionParameterMap = Annotated[dict[CommandParameterName, CommandParameterValue], Size(min=1)]
DetailsMap = Annotated[dict[DetailsKey, DetailsValue], Size(max=10)]


class CertificateValidationException(WireError):
    code = "CertificateValidationException"
    http_status = 400
    plane = "iot-jobs-data"


class ConflictException(WireError):
    code = "ConflictException"
    http_status = 409
    plane = "iot-jobs-data"


class InternalServerException(WireError):
    code = "InternalServerException"
    http_status = 500
    plane = "iot-jobs-data"


class InvalidRequestException(WireError):
    code = "InvalidRequestException"
    http_status = 400
    plane = "iot-jobs-data"


class InvalidStateTransitionException(WireError):
    code = "InvalidStateTransitionException"
    http_status = 409
    plane = "iot-jobs-data"


class ResourceNotFoundException(WireError):
    code = "ResourceNotFoundException"
    http_status = 404
    plane = "iot-jobs-data"


class ServiceQuotaExceededException(WireError):
    code = "ServiceQuotaExceededException"
    http_status = 402
    plane = "iot-jobs-data"


class ServiceUnavailableException(WireError):
    code = "ServiceUnavailableException"
    http_status = 503
    plane = "iot-jobs-data"


class TerminalStateException(WireError):
    code = "TerminalStateException"
    http_status = 410
    plane = "iot-jobs-data"


class ThrottlingException(WireError):
    code = "ThrottlingException"
    http_status = 429
    plane = "iot-jobs-data"


class ValidationException(WireError):
    code = "ValidationException"
    http_status = 400
    plane = "iot-jobs-data"


OPERATIONS: dict[str, Operation] = {
    "GetPendingJobExecutions": Operation(
        name="GetPendingJobExecutions",
        plane="iot-jobs-data",
        method="GET",
        path="/things/{thingName}/jobs",
        request=GetPendingJobExecutionsRequest,
        response=GetPendingJobExecutionsResponse,
        outside=(
            label("thing_name", "thingName"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
            CertificateValidationException,
        ),
        invalid=InvalidRequestException,
    ),
    "StartNextPendingJobExecution": Operation(
        name="StartNextPendingJobExecution",
        plane="iot-jobs-data",
        method="PUT",
        path="/things/{thingName}/jobs/$next",
        request=StartNextPendingJobExecutionRequest,
        response=StartNextPendingJobExecutionResponse,
        outside=(
            label("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
            CertificateValidationException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeJobExecution": Operation(
        name="DescribeJobExecution",
        plane="iot-jobs-data",
        method="GET",
        path="/things/{thingName}/jobs/{jobId}",
        request=DescribeJobExecutionRequest,
        response=DescribeJobExecutionResponse,
        outside=(
            label("job_id", "jobId"),
            label("thing_name", "thingName"),
            query("include_job_document", "includeJobDocument", "bool"),
            query("execution_number", "executionNumber", "long"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
            CertificateValidationException, TerminalStateException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateJobExecution": Operation(
        name="UpdateJobExecution",
        plane="iot-jobs-data",
        method="POST",
        path="/things/{thingName}/jobs/{jobId}",
        request=UpdateJobExecutionRequest,
        response=UpdateJobExecutionResponse,
        outside=(
            label("job_id", "jobId"),
            label("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
            CertificateValidationException, InvalidStateTransitionException,
        ),
        invalid=InvalidRequestException,
    ),
    "StartCommandExecution": Operation(
        name="StartCommandExecution",
        plane="iot-jobs-data",
        method="POST",
        path="/command-executions",
        request=StartCommandExecutionRequest,
        response=StartCommandExecutionResponse,
        has_body=True,
        errors=(
            ValidationException, ResourceNotFoundException, ConflictException, ThrottlingException,
            ServiceQuotaExceededException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
}
