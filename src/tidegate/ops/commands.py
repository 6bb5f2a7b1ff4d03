"""Commands (reach reference 7.1): what devices may be told to do, each at once and by itself."""

from __future__ import annotations

from tidegate.core import arn as names
from tidegate.core import checks, command, command_parameters, command_template, texts
from tidegate.ops import paging, tags
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import commands as stored
from tidegate.store import tags as stored_tags
from tidegate.store.commands import Command, Listed, NewCommand, Wanted
from tidegate.store.database import Conflict, Tx
from tidegate.wire import iot, jsontext
from tidegate.wire.timestamps import seconds

LARGEST_PAGE = 100
NAMESPACE = "AWS-IoT"
FLEETWISE = "AWS-IoT-FleetWise"
_NEWEST = 1 << 62
_ACCEPTED, _GONE = 202, 204
_CONTENT_TYPE_BYTES = 256


def create_command(tx: Tx, call: Call, request: iot.CreateCommandRequest) -> iot.CreateCommandResponse:
    """Keep a command.

    Raises:
        ValidationException: payload, template, parameters or tags are not valid; all of what is wrong.
        ConflictException: the name is taken, perhaps by one that is pending deletion.
        ServiceQuotaExceededException: the account has as many commands as it may.
    """
    name = request.command_id
    wrong = _problems(request) + tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    if stored.get(tx, call.scope, name) is not None:
        raise iot.ConflictException(texts.commands.command_exists(name), resource_id=name)
    if stored.count(tx, call.scope) >= call.limits.commands:
        raise iot.ServiceQuotaExceededException(texts.requests.limit_exceeded("commands", call.limits.commands))
    parameters = request.mandatory_parameters or []
    if not stored.insert(tx, call.scope, _new(request), [each.name for each in parameters], call.now):
        raise Conflict
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    return iot.CreateCommandResponse(command_id=name, command_arn=arn(call, name))


def _new(request: iot.CreateCommandRequest) -> NewCommand:
    payload, parameters = request.payload, request.mandatory_parameters
    return NewCommand(
        request.command_id,
        request.namespace or NAMESPACE,
        request.display_name,
        request.description,
        None if payload is None else payload.content,
        None if payload is None else payload.content_type or command.DEFAULT_CONTENT_TYPE,
        request.payload_template,
        _output(request.preprocessor),
        jsontext.to_json(parameters) if parameters else None,
        request.role_arn,
    )


def _output(preprocessor: iot.CommandPreprocessor | None) -> str | None:
    substitution = preprocessor.aws_json_substitution if preprocessor is not None else None
    return None if substitution is None else substitution.output_format


def _problems(request: iot.CreateCommandRequest) -> list[str]:
    if request.namespace == FLEETWISE:
        return _fleetwise_problems(request)
    found = [texts.commands.ROLE_NOT_SUPPORTED] if request.role_arn is not None else []
    if (request.payload is None) == (request.payload_template is None):
        found.append(texts.commands.PAYLOAD_OR_TEMPLATE)
    if request.payload is not None:
        found += _payload_problems(request.payload)
    if request.payload_template is not None:
        return found + _template_problems(request, request.payload_template)
    if request.preprocessor is not None:
        found.append(texts.commands.PREPROCESSOR_ALONE)
    if request.mandatory_parameters is not None:
        found.append(texts.commands.PARAMETERS_ALONE)
    return found


def _fleetwise_problems(request: iot.CreateCommandRequest) -> list[str]:
    found = []
    if request.role_arn is None or not checks.is_role(request.role_arn):
        found.append(texts.commands.ROLE_MISSING)
    if any(given is not None for given in (request.payload, request.payload_template, request.preprocessor)):
        found.append(texts.commands.PAYLOAD_OF_FLEETWISE)
    return found


def _payload_problems(payload: iot.CommandPayload) -> list[str]:
    content, kind = payload.content or b"", payload.content_type
    found = [] if content else [texts.commands.PAYLOAD_EMPTY]
    if len(content) > command.PAYLOAD_BYTES:
        found.append(texts.commands.payload_too_large(len(content), command.PAYLOAD_BYTES))
    if kind is not None and not (kind.isprintable() and len(kind.encode()) <= _CONTENT_TYPE_BYTES):
        found.append(texts.commands.CONTENT_TYPE_INVALID)
    return found


def _template_problems(request: iot.CreateCommandRequest, template: str) -> list[str]:
    parameters = request.mandatory_parameters or []
    found = command_parameters.declaration_problems(parameters)
    output = _output(request.preprocessor)
    if output is None:
        found.append(texts.commands.PREPROCESSOR_MISSING)
    known = {each.name for each in parameters}
    return found + command_template.problems(template, "CBOR" if output == "CBOR" else "JSON", known)


def get_command(tx: Tx, call: Call, request: iot.GetCommandRequest) -> iot.GetCommandResponse:
    """A command, one that is pending deletion too."""
    found = _found(tx, call, request.command_id)
    payload = None
    if found.content is not None:
        payload = iot.CommandPayload(content=found.content, content_type=found.content_type)
    preprocessor = None
    if found.output_format is not None:
        chosen = iot.AwsJsonSubstitutionCommandPreprocessorConfig(output_format=found.output_format)
        preprocessor = iot.CommandPreprocessor(aws_json_substitution=chosen)
    return iot.GetCommandResponse(
        command_id=found.name,
        command_arn=arn(call, found.name),
        namespace=found.namespace,
        display_name=found.display_name,
        description=found.description,
        mandatory_parameters=parameters_of(found) or None,
        payload=payload,
        payload_template=found.template,
        preprocessor=preprocessor,
        role_arn=found.role_arn,
        created_at=seconds(found.created_at),
        last_updated_at=seconds(found.updated_at),
        deprecated=found.deprecated_at is not None,
        pending_deletion=found.delete_at is not None,
    )


def parameters_of(found: Command) -> list[iot.CommandParameter]:
    """The parameters that a command declares."""
    return jsontext.from_json(list[iot.CommandParameter], found.parameters) if found.parameters else []


def list_commands(tx: Tx, call: Call, request: iot.ListCommandsRequest) -> iot.ListCommandsResponse:
    """The account's commands by age, from new to old unless asked otherwise; not those pending deletion."""
    ascending = request.sort_order == "ASCENDING"
    wanted = Wanted(request.namespace, request.command_parameter_name)
    listing = ("ListCommands", call.scope, ascending, *wanted)
    page = paging.page(
        listing,
        token=request.next_token,
        size=request.max_results or LARGEST_PAGE,
        start=[0 if ascending else _NEWEST],
        error=iot.ValidationException,
    )
    read = stored.upward if ascending else stored.downward
    rows = read(tx, call.scope, wanted, int(page.position[0]), page.size + 1)
    return iot.ListCommandsResponse(
        commands=[_summary(call, row) for row in rows[: page.size]],
        next_token=paging.following(listing, rows, page.size, lambda row: [row.id]),
    )


def _summary(call: Call, row: Listed) -> iot.CommandSummary:
    return iot.CommandSummary(
        command_arn=arn(call, row.name),
        command_id=row.name,
        display_name=row.display_name,
        deprecated=row.deprecated_at is not None,
        created_at=seconds(row.created_at),
        last_updated_at=seconds(row.updated_at),
        pending_deletion=False,
    )


def update_command(tx: Tx, call: Call, request: iot.UpdateCommandRequest) -> iot.UpdateCommandResponse:
    """Change what a command is called, or whether it is deprecated; its payload never changes.

    Raises:
        ResourceNotFoundException: there is none.
        ConflictException: it is pending deletion.
    """
    found = _found(tx, call, request.command_id)
    if found.delete_at is not None:
        raise iot.ConflictException(texts.commands.command_pending_deletion(found.name), resource_id=found.name)
    deprecated_at = found.deprecated_at
    if request.deprecated is not None:
        deprecated_at = (found.deprecated_at or call.now) if request.deprecated else None
    changed = found._replace(
        display_name=found.display_name if request.display_name is None else request.display_name,
        description=found.description if request.description is None else request.description,
        deprecated_at=deprecated_at,
    )
    stored.update(tx, changed, call.now)
    return iot.UpdateCommandResponse(
        command_id=changed.name,
        display_name=changed.display_name,
        description=changed.description,
        deprecated=changed.deprecated_at is not None,
        last_updated_at=seconds(call.now),
    )


def delete_command(tx: Tx, call: Call, request: iot.DeleteCommandRequest) -> iot.DeleteCommandResponse:
    """Delete a command: at once (204) if it has been deprecated for twelve hours, else (202) when it has been.

    One that is not there is gone: the model has no error for it.
    """
    found = stored.get(tx, call.scope, request.command_id)
    if found is None:
        return iot.DeleteCommandResponse(status_code=_GONE)
    if found.delete_at is not None:
        return iot.DeleteCommandResponse(status_code=_ACCEPTED)
    due = (call.now if found.deprecated_at is None else found.deprecated_at) + command.PROPAGATION
    if due <= call.now:
        stored.delete(tx, found.id)
        stored_tags.delete_all(tx, call.scope, arn(call, found.name))
        return iot.DeleteCommandResponse(status_code=_GONE)
    stored.update(tx, found._replace(delete_at=due), call.now)
    tx.effects.append(EngineDue(due))
    return iot.DeleteCommandResponse(status_code=_ACCEPTED)


def arn(call: Call, name: str) -> str:
    """A command's ARN."""
    return call.arn(f"command/{name}")


def _found(tx: Tx, call: Call, name: str) -> Command:
    found = stored.get(tx, call.scope, name)
    if found is None:
        raise iot.ResourceNotFoundException(texts.commands.command_missing(name))
    return found


def _exists(tx: Tx, scope: int, name: names.Arn) -> bool:
    return stored.get(tx, scope, name.resource_id) is not None


TAGGABLE = {"command": _exists}

HANDLERS: Handlers = {
    ("iot", "CreateCommand"): Write(create_command),
    ("iot", "GetCommand"): Read(get_command),
    ("iot", "ListCommands"): Read(list_commands),
    ("iot", "UpdateCommand"): Write(update_command),
    ("iot", "DeleteCommand"): Write(delete_command),
}
