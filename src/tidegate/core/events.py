"""Job and execution events: their topics and what they say (device reference 7.2, 7.3).

An event is worded where it happens and completed where it leaves: ``complete`` adds ``eventId`` and ``thingArn``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tidegate.core.lifecycle import TERMINAL, ExecutionStatus

THING = "THING"
THING_GROUP = "THING_GROUP"
THING_TYPE = "THING_TYPE"
THING_GROUP_MEMBERSHIP = "THING_GROUP_MEMBERSHIP"
THING_GROUP_HIERARCHY = "THING_GROUP_HIERARCHY"
THING_TYPE_ASSOCIATION = "THING_TYPE_ASSOCIATION"
JOB = "JOB"
JOB_EXECUTION = "JOB_EXECUTION"
EVENT_TYPES = (
    THING,
    THING_GROUP,
    THING_TYPE,
    THING_GROUP_MEMBERSHIP,
    THING_GROUP_HIERARCHY,
    THING_TYPE_ASSOCIATION,
    JOB,
    JOB_EXECUTION,
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
)
"""Everything that can be switched on (device reference 7.1)."""

_NAMESPACE = uuid.UUID("6f2c1f0e-5d0b-5c57-9a4e-7c1b3f6f1d10")


class JobOperation(StrEnum):
    """What jobs make known; the last level of the topic."""

    COMPLETED = "completed"
    CANCELED = "canceled"
    DELETED = "deleted"
    CANCELLATION_IN_PROGRESS = "cancellation_in_progress"
    DELETION_IN_PROGRESS = "deletion_in_progress"


_WITH_COMMENT = frozenset(
    {JobOperation.DELETED, JobOperation.CANCELLATION_IN_PROGRESS, JobOperation.DELETION_IN_PROGRESS}
)

DELETED = "deleted"
"""What an execution makes known when it is deleted; its other operations are its ends."""


class _Event(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    event_type: str
    event_id: str
    timestamp: int
    operation: str
    job_id: str


class _JobEvent(_Event, kw_only=True):
    status: str
    target_selection: str
    targets: list[str]
    description: str | None = None
    completed_at: int | None = None
    created_at: int
    last_updated_at: int
    job_process_details: dict[str, int] | None = None
    comment: str | None = None


class _ExecutionEvent(_Event, kw_only=True):
    thing_arn: str
    status: str
    status_details: Mapping[str, str] | None = None


def job_topic(job_id: str, operation: JobOperation) -> str:
    """Where a job's event is published."""
    return f"$aws/events/job/{job_id}/{operation}"


def execution_topic(job_id: str, operation: str) -> str:
    """Where an execution's event is published."""
    return f"$aws/events/jobExecution/{job_id}/{operation}"


def job_message(
    operation: JobOperation,
    *,
    job_id: str,
    target_selection: str,
    targets: list[str],
    description: str | None,
    comment: str | None,
    created_at: int,
    updated_at: int,
    completed_at: int | None,
    counts: Mapping[ExecutionStatus, int],
    now: int,
) -> str:
    """What a job's event says. Instants are epoch ms, and all but ``timestamp`` are written so."""
    completed = operation == JobOperation.COMPLETED
    event = _JobEvent(
        event_type=JOB,
        event_id="",
        timestamp=now // 1000,
        operation=operation,
        job_id=job_id,
        status=operation.upper(),
        target_selection=target_selection,
        targets=targets,
        description=description,
        completed_at=completed_at if completed else None,
        created_at=created_at,
        last_updated_at=updated_at,
        job_process_details=_process_details(counts) if completed else None,
        comment=comment if operation in _WITH_COMMENT else None,
    )
    return msgspec.json.encode(event).decode()


def _process_details(counts: Mapping[ExecutionStatus, int]) -> dict[str, int]:
    return {
        "numberOfCanceledThings": counts[ExecutionStatus.CANCELED],
        "numberOfRejectedThings": counts[ExecutionStatus.REJECTED],
        "numberOfFailedThings": counts[ExecutionStatus.FAILED],
        "numberOfRemovedThings": counts[ExecutionStatus.REMOVED],
        "numberOfSucceededThings": counts[ExecutionStatus.SUCCEEDED],
    }


def end_operation(status: ExecutionStatus) -> str:
    """What an execution makes known when it ends."""
    assert status in TERMINAL
    return status.name.lower()


def execution_message(
    operation: str, *, job_id: str, status: ExecutionStatus, details: Mapping[str, str], now: int
) -> str:
    """What an execution's event says; of a deleted one, the status it had."""
    event = _ExecutionEvent(
        event_type=JOB_EXECUTION,
        event_id="",
        timestamp=now // 1000,
        operation=operation,
        job_id=job_id,
        thing_arn="",
        status=status.name,
        status_details=details or None,
    )
    return msgspec.json.encode(event).decode()


def complete(message: str, *, origin: str, thing_arn: str | None) -> bytes:
    """The event as it is published.

    Args:
        message: what the functions above made.
        origin: what tells this event from every other. The same origin gives the same ``eventId``: an event that is
            published twice, because the server died in between, can be recognised.
        thing_arn: the thing it is about, if it is about one.
    """
    event = msgspec.json.decode(message)
    if "eventId" in event:  # all have one but the registration of a certificate
        event["eventId"] = str(uuid.uuid5(_NAMESPACE, f"{origin} {message}"))
    if thing_arn is not None:
        event["thingArn"] = thing_arn
    return msgspec.json.encode(event)
