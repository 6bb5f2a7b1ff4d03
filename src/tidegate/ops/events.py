"""Events on ``$aws/events/…`` (device reference 7): what a scope has switched on, and sending one on its way.

An event is a row of the outbox, written in the transaction of what it tells of, so that none is lost and none is told
of what was undone. The device endpoint publishes it afterwards. While a type is off, nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tidegate.core import events as wording
from tidegate.core.events import JobOperation
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops.call import Call
from tidegate.ops.effects import EventsWritten
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import events, executions, jobs
from tidegate.store.database import Tx
from tidegate.store.jobs import Job
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

_DETAILS = msgspec.json.Decoder(dict[str, str])


def update_event_configurations(
    tx: Tx, call: Call, request: iot.UpdateEventConfigurationsRequest
) -> iot.UpdateEventConfigurationsResponse:
    """Switch types of events on or off; those that are not named stay as they are."""
    for event_type, given in sorted((request.event_configurations or {}).items()):
        events.switch(tx, call.scope, event_type, enabled=bool(given.enabled), now=call.now)
    return iot.UpdateEventConfigurationsResponse()


def describe_event_configurations(
    tx: Tx, call: Call, request: iot.DescribeEventConfigurationsRequest
) -> iot.DescribeEventConfigurationsResponse:
    """Every type, off unless it was switched on; dates once something was switched."""
    found = events.switches(tx, call.scope)
    enabled = {one.event_type for one in found if one.enabled}
    return iot.DescribeEventConfigurationsResponse(
        event_configurations={each: iot.Configuration(enabled=each in enabled) for each in wording.EVENT_TYPES},
        creation_date=seconds(min((one.created_at for one in found), default=None)),
        last_modified_date=seconds(max((one.updated_at for one in found), default=None)),
    )


def job_happened(tx: Tx, now: int, job: Job, operation: JobOperation) -> None:
    """Something became of a job."""
    if not events.is_on(tx, job.scope, wording.JOB):
        return
    message = wording.job_message(
        operation,
        job_id=job.name,
        target_selection=job.target_selection,
        targets=[target.arn for target in jobs.targets(tx, job.id)],
        description=job.description,
        comment=job.comment,
        created_at=job.created_at,
        updated_at=job.updated_at,
        completed_at=job.completed_at,
        counts=jobs.counts(tx, job.id),
        now=now,
    )
    events.put(tx, job.scope, wording.job_topic(job.name, operation), message)
    tx.effects.append(EventsWritten(job.scope))


def execution_ended(tx: Tx, now: int, job: Job, key: tuple[int, int, int], status: ExecutionStatus) -> None:
    """An execution (thing, job, number) has ended, in a scope that wants to hear of it."""
    _execution_happened(tx, now, job, key, status, wording.end_operation(status))


def executions_deleted(
    tx: Tx, now: int, job: Job, deleted: Iterable[tuple[tuple[int, int, int], ExecutionStatus]]
) -> None:
    """Executions (thing, job, number) with their last status are about to be deleted. Call it before."""
    if events.is_on(tx, job.scope, wording.JOB_EXECUTION):
        for key, status in deleted:
            _execution_happened(tx, now, job, key, status, wording.DELETED)


def _execution_happened(
    tx: Tx, now: int, job: Job, key: tuple[int, int, int], status: ExecutionStatus, operation: str
) -> None:
    text = executions.details(tx, key)
    details = _DETAILS.decode(text) if text else {}
    message = wording.execution_message(operation, job_id=job.name, status=status, details=details, now=now)
    events.put_of_thing(tx, key[0], wording.execution_topic(job.name, operation), message)
    tx.effects.append(EventsWritten(job.scope))


HANDLERS: Handlers = {
    ("iot", "UpdateEventConfigurations"): Write(update_event_configurations),
    ("iot", "DescribeEventConfigurations"): Read(describe_event_configurations),
}
