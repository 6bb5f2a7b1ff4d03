"""Executions of commands (reach reference 7.1 to 7.6): started by operators, reported on by devices.

A command goes to its device as a message among the events, in the outbox, written with the execution: none is lost, and
none is sent of what was undone. Whoever is away and has a session finds it there, until its time is over.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import arn as names
from tidegate.core import command, command_parameters, command_template, texts
from tidegate.core.command import FINAL, MOVES, RUNNING, State
from tidegate.core.command_parameters import Chosen
from tidegate.core.command_report import Report as Told
from tidegate.ops import commands, idempotency, paging
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue, EventsWritten
from tidegate.ops.handler import Handlers, Read, Report, Write
from tidegate.store import command_executions as stored
from tidegate.store import commands as command_store
from tidegate.store import events, things
from tidegate.store.command_executions import Execution, Listed, NewExecution, Place, Wanted
from tidegate.store.commands import Command
from tidegate.store.database import Conflict, Tx
from tidegate.wire import iot, jobs_data, jsontext
from tidegate.wire.errors import WireError
from tidegate.wire.timestamps import seconds

_NEWEST = 1 << 62
_CLIENT: Final = re.compile(r"[^$/+#\x00-\x1f][^/+#\x00-\x1f]{0,127}")
_PLACES: Final = {"thing": "things", "client": "clients"}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_MEMBERS: Final = {"STRING": "s", "BOOLEAN": "b", "INTEGER": "i", "LONG": "l", "DOUBLE": "d", "BINARY": "bin"}


class At(NamedTuple):
    """Where and when something happens to an execution; instants are epoch ms."""

    scope: int
    account: str
    region: str
    partition: str
    now: int

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this scope, ``resource`` being ``type/name``."""
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"


class UpdateCommandExecutionRequest(msgspec.Struct, kw_only=True):
    """What a device reports, which stands in no service model."""

    target: Place
    execution_id: str
    report: Told


def start_command_execution(
    tx: Tx, call: Call, request: jobs_data.StartCommandExecutionRequest
) -> jobs_data.StartCommandExecutionResponse:
    """Send a command to a device; its time begins to run.

    Raises:
        ValidationException: what is named is no command or target, the command is deprecated or pending deletion,
            the time is too long, a parameter is not as it must be; then nothing is begun (7.2).
        ResourceNotFoundException: there is no such command, or no such thing.
        ServiceQuotaExceededException: as many commands of the target run as may.
    """
    target = _target(call, request.target_arn, jobs_data.ValidationException)
    chosen = _command(tx, call, request.command_arn)
    timeout_s = request.execution_timeout_seconds or command.DEFAULT_TIMEOUT_S
    values, payload, content_type = _payload(chosen, request.parameters or {}, timeout_s)
    _require_target(tx, call, target)
    uuid, due = call.ids.uuid(), call.now + 1000 * timeout_s
    text = jsontext.to_json({name: _shown(one) for name, one in values.items()}) if values else None
    new = NewExecution(uuid, chosen.name, chosen.namespace, target.type, target.id, text, timeout_s, due)
    stored.insert(tx, call.scope, new, call.now)
    topic = command.request_topic(_PLACES[target.type], target.id, uuid, content_type)
    events.put_message(tx, call.scope, topic, payload, content_type, due)
    begun = stored.get(tx, call.scope, uuid, target)
    assert begun is not None
    tell(tx, _at(call), begun)
    tx.effects.append(EngineDue(due))
    return jobs_data.StartCommandExecutionResponse(execution_id=uuid)


def _target(call: Call, text: str, error: type[WireError]) -> Place:
    named = names.parse(text)
    if named is not None and call.arn(named.resource) == text:
        if named.resource_type == "client" and _CLIENT.fullmatch(named.resource_id):
            return Place("client", named.resource_id)
        if named.resource_type == "thing" and re.fullmatch(r"[a-zA-Z0-9:_-]{1,128}", named.resource_id):
            return Place("thing", named.resource_id)
    raise error(texts.commands.target_invalid(text))


def _command(tx: Tx, call: Call, text: str) -> Command:
    """The command that a request names, if it may be started."""
    named = names.parse(text)
    if named is None or named.resource_type != "command" or call.arn(named.resource) != text:
        raise jobs_data.ValidationException(texts.commands.command_arn_invalid(text))
    found = command_store.get(tx, call.scope, named.resource_id)
    if found is None:
        raise jobs_data.ResourceNotFoundException(texts.commands.command_missing(named.resource_id))
    if found.delete_at is not None:
        raise jobs_data.ValidationException(texts.commands.command_pending_deletion(found.name))
    if found.deprecated_at is not None:
        raise jobs_data.ValidationException(texts.commands.command_deprecated(found.name))
    if found.namespace == commands.FLEETWISE:
        raise jobs_data.ValidationException(texts.commands.FLEETWISE)
    return found


def _payload(
    chosen: Command, given: dict[str, jobs_data.CommandParameterValue], timeout_s: int
) -> tuple[dict[str, Chosen], bytes, str]:
    """The final parameters, the payload that they make, and what it is."""
    wrong = []
    if timeout_s > command.MOST_TIMEOUT_S:
        wrong.append(texts.commands.timeout_too_long(timeout_s, command.MOST_TIMEOUT_S))
    if chosen.template is None and given:
        wrong.append(texts.commands.PARAMETERS_UNWANTED)
    values, problems = command_parameters.chosen(commands.parameters_of(chosen), given)
    if wrong or problems:
        raise jobs_data.ValidationException(" ".join([*wrong, *(problems if chosen.template is not None else [])]))
    if chosen.template is None:
        return {}, chosen.content or b"", chosen.content_type or command.DEFAULT_CONTENT_TYPE
    output: command_template.Format = "CBOR" if chosen.output_format == "CBOR" else "JSON"
    try:
        payload = command_template.payload(chosen.template, output, values, timeout_s)
    except command_template.TooLargeError:
        most = command_template.MOST_BYTES
        raise jobs_data.ValidationException(texts.commands.payload_made_too_large(most)) from None
    return values, payload, command_template.CONTENT_TYPES[output]


def _shown(one: Chosen) -> iot.CommandParameterValue:
    if one.type == "UNSIGNEDLONG":
        return iot.CommandParameterValue(ul=str(one.value))
    members: dict[str, Any] = {_MEMBERS[one.type]: one.value}
    return iot.CommandParameterValue(**members)


def _require_target(tx: Tx, call: Call, target: Place) -> None:
    """A client may never have connected, a thing must be there (7.2)."""
    if target.type == "thing" and things.find(tx, call.scope, target.id) is None:
        raise jobs_data.ResourceNotFoundException(texts.things.thing_missing(target.id))
    most = call.limits.running_commands_per_target
    if stored.running(tx, call.scope, target) >= most:
        raise jobs_data.ServiceQuotaExceededException(texts.requests.limit_exceeded("running commands", most))


def get_command_execution(
    tx: Tx, call: Call, request: iot.GetCommandExecutionRequest
) -> iot.GetCommandExecutionResponse:
    """An execution, with ``includeResult`` also what the device has answered."""
    target = _target(call, request.target_arn, iot.ValidationException)
    found = stored.get(tx, call.scope, request.execution_id, target)
    if found is None:
        raise iot.ResourceNotFoundException(texts.commands.execution_missing(request.execution_id))
    result, parameters = found.result if request.include_result else None, found.parameters
    return iot.GetCommandExecutionResponse(
        execution_id=found.uuid,
        command_arn=commands.arn(call, found.command),
        target_arn=request.target_arn,
        status=found.state.status,
        status_reason=_reason(found),
        result=jsontext.from_json(dict[str, iot.CommandExecutionResult], result) if result else None,
        parameters=jsontext.from_json(dict[str, iot.CommandParameterValue], parameters) if parameters else None,
        execution_timeout_seconds=found.timeout_s,
        created_at=seconds(found.created_at),
        last_updated_at=seconds(found.updated_at),
        started_at=seconds(found.created_at),  # also of one that is never answered (7.4)
        completed_at=seconds(found.completed_at),
        time_to_live=seconds(found.created_at + command.RETENTION),
    )


def _reason(found: Execution) -> iot.StatusReason | None:
    if found.reason_code is None:
        return None
    return iot.StatusReason(reason_code=found.reason_code, reason_description=found.reason_description)


def list_command_executions(
    tx: Tx, call: Call, request: iot.ListCommandExecutionsRequest
) -> iot.ListCommandExecutionsResponse:
    """Executions by age, from new to old unless asked otherwise: those of a command, or of a target, or all.

    Raises:
        ValidationException: filters that exclude each other, a time or an ARN that is none, a token of another list;
            all of what is wrong.
    """
    wanted = _wanted(call, request)
    ascending = request.sort_order == "ASCENDING"
    listing = ("ListCommandExecutions", call.scope, ascending, repr(wanted))
    page = paging.page(
        listing,
        token=request.next_token,
        size=request.max_results or commands.LARGEST_PAGE,
        start=[0 if ascending else _NEWEST],
        error=iot.ValidationException,
    )
    rows = stored.listed(tx, call.scope, wanted, int(page.position[0]), page.size + 1, upward=ascending)
    return iot.ListCommandExecutionsResponse(
        command_executions=[_summary(call, row) for row in rows[: page.size]],
        next_token=paging.following(listing, rows, page.size, lambda row: [row.id]),
    )


def _wanted(call: Call, request: iot.ListCommandExecutionsRequest) -> Wanted:
    wrong = []
    if request.target_arn is not None and request.command_arn is not None:
        wrong.append(texts.commands.FILTERS_OF_ARN)
    if request.started_time_filter is not None and request.completed_time_filter is not None:
        wrong.append(texts.commands.FILTERS_OF_TIME)
    for filters in (request.started_time_filter, request.completed_time_filter):
        given = [] if filters is None else [filters.after, filters.before]
        wrong += [texts.commands.time_invalid(each) for each in given if each is not None and _instant(each) is None]
    name = None
    if request.command_arn is not None:
        named = names.parse(request.command_arn)
        name = named.resource_id if named is not None and named.resource_type == "command" else ""
        if not name or commands.arn(call, name) != request.command_arn:
            wrong.append(texts.commands.command_arn_invalid(request.command_arn))
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    target = None if request.target_arn is None else _target(call, request.target_arn, iot.ValidationException)
    completed = request.completed_time_filter
    states = tuple(each for each in State if each.status == request.status)
    started = _span(request.started_time_filter)
    return Wanted(name, target, request.namespace, states, started, None if completed is None else _span(completed))


def _instant(text: str) -> int | None:
    """Epoch ms of a time as filters have it, which is UTC."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return None


def _span(given: iot.TimeFilter | None) -> tuple[int, int]:
    after = _instant(given.after) if given is not None and given.after is not None else None
    before = _instant(given.before) if given is not None and given.before is not None else None
    return (-1 if after is None else after - 1, _NEWEST if before is None else before)


def _summary(call: Call, row: Listed) -> iot.CommandExecutionSummary:
    return iot.CommandExecutionSummary(
        command_arn=commands.arn(call, row.command),
        execution_id=row.uuid,
        target_arn=call.arn(f"{row.target_type}/{row.target}"),
        status=row.state.status,
        created_at=seconds(row.created_at),
        started_at=seconds(row.created_at),
        completed_at=seconds(row.completed_at),
    )


def delete_command_execution(
    tx: Tx, call: Call, request: iot.DeleteCommandExecutionRequest
) -> iot.DeleteCommandExecutionResponse:
    """Forget an execution that has ended or timed out. One that is not there is forgotten: the model has no error.

    Raises:
        ValidationException: the target is none.
        ConflictException: its time still runs.
    """
    target = _target(call, request.target_arn, iot.ValidationException)
    found = stored.get(tx, call.scope, request.execution_id, target)
    if found is not None:
        if found.state in RUNNING:
            told = texts.commands.execution_not_final(found.uuid, found.state.status)
            raise iot.ConflictException(told, resource_id=found.uuid)
        stored.delete(tx, found)
    return iot.DeleteCommandExecutionResponse()


def update_command_execution(tx: Tx, call: Call, request: UpdateCommandExecutionRequest) -> str:
    """Take note of what a device reports; the id of the execution.

    Raises:
        ResourceNotFoundException: the target has no such execution.
        TerminalStateException: it has ended by a report.
        InvalidStateTransitionException: it cannot become what is reported.
    """
    found = stored.get(tx, call.scope, request.execution_id, request.target)
    if found is None:
        raise jobs_data.ResourceNotFoundException(texts.commands.execution_missing(request.execution_id))
    report = request.report
    state = MOVES.get((found.state, report.act))
    if state is None:
        if found.state in FINAL:
            raise jobs_data.TerminalStateException(texts.commands.already_final(found.state.status))
        told = texts.commands.transition_illegal(found.state.status, report.act.value)
        raise jobs_data.InvalidStateTransitionException(told)
    reason, ended = report.reason, state in FINAL
    changed = found._replace(
        state=state,
        reason_code=None if reason is None else reason.reason_code,
        reason_description=None if reason is None else reason.reason_description,
        result=found.result if report.result is None else jsontext.to_json(report.result),
        updated_at=call.now,
        completed_at=call.now if ended else None,
        wake_at=found.created_at + command.RETENTION if ended else found.wake_at,
    )
    if not stored.update(tx, changed):
        raise Conflict
    tell(tx, _at(call), changed)
    return found.uuid


def _at(call: Call) -> At:
    return At(call.scope, call.account, call.region, call.partition, call.now)


def tell(tx: Tx, at: At, execution: Execution) -> None:
    """Make an execution's new state known (7.6); nothing switches this off."""
    event: dict[str, Any] = {"executionId": execution.uuid, "status": execution.state.status}
    if execution.reason_code is not None:
        event["statusReason"] = {"reasonCode": execution.reason_code}
        if execution.reason_description is not None:
            event["statusReason"]["reasonDescription"] = execution.reason_description
    event |= {
        "eventType": "COMMAND_EXECUTION",
        "commandArn": at.arn(f"command/{execution.command}"),
        "targetArn": at.arn(f"{execution.target_type}/{execution.target}"),
        "timestamp": at.now,
    }
    events.put_message(
        tx, at.scope, command.event_topic(execution.command, execution.state), msgspec.json.encode(event)
    )
    tx.effects.append(EventsWritten(at.scope))


UPDATE = Report(update_command_execution)
"""By a message only: it stands in no service model."""

HANDLERS: Handlers = {
    ("iot-jobs-data", "StartCommandExecution"): Write(
        idempotency.once(
            jobs_data.StartCommandExecutionResponse, start_command_execution, conflict=jobs_data.ConflictException
        ),
        partial="commands of AWS-IoT-FleetWise, whose payloads that service makes",
    ),
    ("iot", "GetCommandExecution"): Read(get_command_execution),
    ("iot", "ListCommandExecutions"): Read(list_command_executions),
    ("iot", "DeleteCommandExecution"): Write(delete_command_execution),
}
