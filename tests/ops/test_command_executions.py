"""Executions of commands: reach reference 7.1 to 7.6, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import NOW
from tests.ops.test_commands import SUBSTITUTION, parameter
from tidegate.core import command, command_report
from tidegate.ops import clock_jumps, command_executions, sweeps
from tidegate.ops.call import Call
from tidegate.ops.command_executions import UpdateCommandExecutionRequest
from tidegate.store import events
from tidegate.store.command_executions import Place
from tidegate.store.database import Database, transact
from tidegate.wire import cbor, iot, jobs_data

PREFIX = "arn:aws:iot:eu-west-1:123456789012:"
COMMAND, THING, CLIENT = f"{PREFIX}command/c", f"{PREFIX}thing/lamp", f"{PREFIX}client/a b.c"
SECONDS = NOW / 1000
V = jobs_data.CommandParameterValue

Sent = Callable[[], list[events.Event]]
Start = Callable[..., str]


@pytest.fixture
def outbox(database: Database) -> Sent:
    """Takes what is on its way to subscribers out of the outbox."""

    def take() -> list[events.Event]:
        found = database.read(lambda tx: events.underway(tx, 0, 1000))
        transact(database, lambda tx: events.delete(tx, [each.id for each in found]))
        return found

    return take


@pytest.fixture
def start(run: Any) -> Start:
    """Starts command ``c``, which is there, on thing ``lamp``, which is there; the execution's id."""
    run("CreateThing", thing_name="lamp")
    run("CreateCommand", command_id="c", payload=iot.CommandPayload(content=b"{}", content_type="application/json"))

    def start(**members: Any) -> str:
        wanted = {"target_arn": THING, "command_arn": COMMAND, **members}
        started: str = run("StartCommandExecution", plane="iot-jobs-data", **wanted).execution_id
        return started

    return start


@pytest.fixture
def report(database: Database, call: Call) -> Callable[..., str]:
    """What a device says."""

    def report(execution: str, status: str, call: Call = call, target: str = "lamp", **members: Any) -> str:
        told = command_report.read({"status": status, **members})
        request = UpdateCommandExecutionRequest(target=Place("thing", target), execution_id=execution, report=told)
        return transact(database, command_executions.UPDATE.transaction(call, request))

    return report


def get(run: Any, execution: str, target: str = THING, **members: Any) -> iot.GetCommandExecutionResponse:
    found: iot.GetCommandExecutionResponse = run(
        "GetCommandExecution", execution_id=execution, target_arn=target, **members
    )
    return found


def at(call: Call, milliseconds: int) -> Call:
    return call._replace(now=call.now + milliseconds)


def swept(database: Database, now: int, call: Call) -> int | None:
    return transact(database, lambda tx: sweeps.sweep(tx, now, call.limits))


def test_a_command_goes_to_its_thing(run: Any, start: Start, outbox: Sent) -> None:
    execution = start(execution_timeout_seconds=60)
    request, event = outbox()
    assert request.topic == f"$aws/commands/things/lamp/executions/{execution}/request/json"
    assert (request.payload, request.content_type, request.expires_at) == (b"{}", "application/json", NOW + 60_000)
    assert (request.account, request.region) == ("123456789012", "eu-west-1")
    assert event.topic == "$aws/events/commandExecution/c/CREATED"
    assert json.loads(event.payload or b"") == {
        "executionId": execution,
        "status": "CREATED",
        "eventType": "COMMAND_EXECUTION",
        "commandArn": COMMAND,
        "targetArn": THING,
        "timestamp": NOW,
    }
    assert get(run, execution) == iot.GetCommandExecutionResponse(
        execution_id=execution,
        command_arn=COMMAND,
        target_arn=THING,
        status="CREATED",
        execution_timeout_seconds=60,
        created_at=SECONDS,
        last_updated_at=SECONDS,
        started_at=SECONDS,
        time_to_live=SECONDS + command.RETENTION / 1000,
    )


def test_a_command_goes_to_a_client_that_never_connected(run: Any, start: Start, outbox: Sent) -> None:
    run("CreateCommand", command_id="p", payload=iot.CommandPayload(content=b"x", content_type="text/plain"))
    execution = start(target_arn=CLIENT, command_arn=f"{PREFIX}command/p")
    assert outbox()[0].topic == f"$aws/commands/clients/a b.c/executions/{execution}/request"
    assert get(run, execution, CLIENT).execution_timeout_seconds == command.DEFAULT_TIMEOUT_S
    with pytest.raises(iot.ResourceNotFoundException, match=f"Command execution {execution} cannot be found"):
        get(run, execution)


@pytest.mark.parametrize(
    ("members", "error", "wrong"),
    [
        ({"command_arn": f"{PREFIX}command/no"}, jobs_data.ResourceNotFoundException, "Command no cannot be found"),
        ({"command_arn": "c"}, jobs_data.ValidationException, "c is not the ARN of a command"),
        ({"command_arn": THING}, jobs_data.ValidationException, "not the ARN of a command"),
        ({"target_arn": f"{PREFIX}thing/no"}, jobs_data.ResourceNotFoundException, "Thing no cannot be found"),
        ({"target_arn": COMMAND}, jobs_data.ValidationException, "not the ARN of a thing or a client"),
        ({"target_arn": f"{PREFIX}client/a/b"}, jobs_data.ValidationException, "not the ARN of a thing or a client"),
        ({"target_arn": THING.replace("eu-", "us-")}, jobs_data.ValidationException, "of this account and region"),
        ({"execution_timeout_seconds": 43_201}, jobs_data.ValidationException, "more than the limit of 43200"),
        ({"parameters": {"a": V(s="x")}}, jobs_data.ValidationException, "The command has no parameters"),
    ],
)
def test_what_cannot_be_started(
    run: Any, start: Start, outbox: Sent, members: dict[str, Any], error: type[Exception], wrong: str
) -> None:
    with pytest.raises(error, match=wrong):
        start(**members)
    assert outbox() == []
    assert run("ListCommandExecutions").command_executions == []


def test_the_longest_time(start: Start) -> None:
    start(execution_timeout_seconds=43_200)


def test_a_deprecated_command_is_not_started_but_goes_on(run: Any, start: Start, report: Any) -> None:
    execution = start()
    run("UpdateCommand", command_id="c", deprecated=True)
    with pytest.raises(jobs_data.ValidationException, match="Command c is deprecated"):
        start()
    run("UpdateCommand", command_id="c", deprecated=False)
    start()
    run("DeleteCommand", command_id="c")
    with pytest.raises(jobs_data.ValidationException, match="Command c is pending deletion"):
        start()
    report(execution, "SUCCEEDED")
    assert get(run, execution).status == "SUCCEEDED"


def test_a_command_of_fleetwise_is_not_started(run: Any, start: Start) -> None:
    role = "arn:aws:iam::123456789012:role/fleetwise"
    run("CreateCommand", command_id="f", namespace="AWS-IoT-FleetWise", role_arn=role)
    with pytest.raises(jobs_data.ValidationException, match="does not run AWS IoT FleetWise"):
        start(command_arn=f"{PREFIX}command/f")


def test_the_quota_of_running_commands(start: Start, call: Call, report: Any) -> None:
    few = call._replace(limits=call.limits._replace(running_commands_per_target=1))
    execution = start(call=few)
    start(call=few, target_arn=CLIENT)
    with pytest.raises(jobs_data.ServiceQuotaExceededException, match="limit of 1 running commands"):
        start(call=few)
    report(execution, "FAILED")
    start(call=few)


# --- parameters -----------------------------------------------------------------------------------------------------


def placeholder(name: str) -> str:
    return f"${{aws:iot:commandexecution::parameter:{name}}}"


@pytest.mark.parametrize("output", ["JSON", "CBOR"])
def test_parameters_make_the_payload(run: Any, start: Start, outbox: Sent, output: str) -> None:
    declared = [
        parameter("level", "INTEGER", default_value=iot.CommandParameterValue(i=3)),
        parameter("ratio", "DOUBLE"),
        parameter("big", "UNSIGNEDLONG"),
        parameter("on", "BOOLEAN", value=iot.CommandParameterValue(b=True)),
        parameter("who"),
        parameter("raw", "BINARY"),
    ]
    timeout = "${aws:iot:commandexecution::executionTimeoutSec}"
    template = {each.name: placeholder(each.name) for each in declared} | {"t": timeout, "text": f"<{timeout} s>"}
    substitution = iot.CommandPreprocessor(
        aws_json_substitution=iot.AwsJsonSubstitutionCommandPreprocessorConfig(output_format=output)
    )
    run(
        "CreateCommand",
        command_id="set",
        mandatory_parameters=declared,
        payload_template=json.dumps(template),
        preprocessor=substitution,
    )
    given = {"ratio": V(d=Decimal("0.50")), "big": V(ul=str(2**64 - 1)), "who": V(s='a"b'), "raw": V(bin=b"\0\1")}
    execution = start(command_arn=f"{PREFIX}command/set", parameters=given)
    request = outbox()[0]
    assert request.topic.endswith(f"/request/{output.lower()}")
    found = json.loads(request.payload or b"") if output == "JSON" else cbor.decode(request.payload or b"")
    assert found == {
        "level": 3,
        "ratio": 0.5,
        "big": 2**64 - 1,
        "on": True,
        "who": 'a"b',
        "raw": "AAE=" if output == "JSON" else b"\0\1",
        "t": 10,
        "text": "<10 s>",
    }
    assert output == "CBOR" or b'"ratio":0.50' in (request.payload or b"")
    values = get(run, execution).parameters
    assert values is not None
    assert values["level"] == iot.CommandParameterValue(i=3)
    assert values["big"] == iot.CommandParameterValue(ul=str(2**64 - 1))
    assert values["raw"] == iot.CommandParameterValue(bin=b"\0\1")


def test_parameters_that_do_not_fit(run: Any, start: Start, outbox: Sent) -> None:
    operand = iot.CommandParameterValueComparisonOperand(
        number_range=iot.CommandParameterValueNumberRange(min="1", max="5")
    )
    within = iot.CommandParameterValueCondition(comparison_operator="IN_RANGE", operand=operand)
    run(
        "CreateCommand",
        command_id="set",
        mandatory_parameters=[parameter("n", "INTEGER", value_conditions=[within]), parameter("s")],
        payload_template=json.dumps([placeholder("n"), placeholder("s")]),
        preprocessor=SUBSTITUTION,
    )
    set_command = f"{PREFIX}command/set"
    with pytest.raises(jobs_data.ValidationException) as raised:
        start(command_arn=set_command, parameters={"n": V(i=6), "x": V(s="y")}, execution_timeout_seconds=43_201)
    for words in ("no parameter x", "condition IN_RANGE", "s has neither a value", "more than the limit"):
        assert words in raised.value.message
    with pytest.raises(jobs_data.ValidationException, match="must have the member I alone"):
        start(command_arn=set_command, parameters={"n": V(l=3), "s": V(s="y")})
    with pytest.raises(jobs_data.ValidationException, match="must have the member S alone"):
        start(command_arn=set_command, parameters={"n": V(i=3), "s": V(s="y", b=True)})
    with pytest.raises(jobs_data.ValidationException, match="would have more than 131072 bytes"):
        start(command_arn=set_command, parameters={"n": V(i=3), "s": V(s="y" * 131_072)})
    assert outbox() == []
    start(command_arn=set_command, parameters={"n": V(i=5), "s": V(s="y")})


# --- clientToken ----------------------------------------------------------------------------------------------------


def test_a_token_starts_one_execution(start: Start, outbox: Sent) -> None:
    first = start(client_token="t-1")
    assert start(client_token="t-1") == first
    assert len(outbox()) == 2
    assert start(client_token="t-2") != first
    with pytest.raises(jobs_data.ConflictException, match="clientToken was used before"):
        start(client_token="t-1", execution_timeout_seconds=11)


# --- what devices report --------------------------------------------------------------------------------------------


def test_a_device_reports(run: Any, start: Start, report: Any, call: Call, outbox: Sent) -> None:
    execution = start()
    outbox()
    assert report(execution, "IN_PROGRESS", at(call, 1000), result={"step": {"s": "one"}}) == execution
    found = get(run, execution, include_result=True)
    assert (found.status, found.completed_at, found.started_at) == ("IN_PROGRESS", None, SECONDS)
    assert found.result == {"step": iot.CommandExecutionResult(s="one")}
    report(execution, "IN_PROGRESS", at(call, 1500))
    assert get(run, execution, include_result=True).result == found.result
    reason = {"reasonCode": "200", "reasonDescription": "done"}
    result = {"ok": {"b": True}, "log": {"bin": "AAE="}}
    report(execution, "SUCCEEDED", at(call, 2000), statusReason=reason, result=result)
    found = get(run, execution, include_result=True)
    assert (found.status, found.completed_at, found.last_updated_at) == ("SUCCEEDED", SECONDS + 2, SECONDS + 2)
    assert found.status_reason == iot.StatusReason(reason_code="200", reason_description="done")
    assert found.result == {
        "ok": iot.CommandExecutionResult(b=True),
        "log": iot.CommandExecutionResult(bin=b"\0\1"),
    }
    assert get(run, execution).result is None
    told = [json.loads(each.payload or b"") for each in outbox()]
    assert [each["status"] for each in told] == ["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"]
    assert told[-1]["statusReason"] == reason
    with pytest.raises(jobs_data.TerminalStateException, match="already finished with status SUCCEEDED"):
        report(execution, "FAILED")


def test_an_execution_belongs_to_its_target(start: Start, report: Any) -> None:
    execution = start()
    with pytest.raises(jobs_data.ResourceNotFoundException, match=f"Command execution {execution} cannot be found"):
        report(execution, "SUCCEEDED", target="other")
    with pytest.raises(jobs_data.ResourceNotFoundException):
        report("no", "SUCCEEDED")


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_device_that_does_not_answer(
    run: Any, start: Start, report: Any, call: Call, database: Database, outbox: Sent
) -> None:
    execution = start()
    report(execution, "IN_PROGRESS", at(call, 9000))
    outbox()
    assert swept(database, NOW + 9_999, call) == NOW + 10_000
    assert swept(database, NOW + 10_000, call) == NOW + command.RETENTION
    found = get(run, execution)
    assert (found.status, found.completed_at, found.last_updated_at) == ("TIMED_OUT", None, SECONDS + 10)
    assert found.status_reason == iot.StatusReason(reason_code="$NO_RESPONSE_FROM_DEVICE")
    (event,) = outbox()
    assert event.topic == "$aws/events/commandExecution/c/TIMED_OUT"
    assert json.loads(event.payload or b"")["statusReason"] == {"reasonCode": "$NO_RESPONSE_FROM_DEVICE"}
    with pytest.raises(jobs_data.InvalidStateTransitionException, match="from TIMED_OUT to IN_PROGRESS"):
        report(execution, "IN_PROGRESS", at(call, 11_000))
    report(execution, "SUCCEEDED", at(call, 12_000))  # late, and it wins
    found = get(run, execution)
    assert (found.status, found.status_reason, found.completed_at) == ("SUCCEEDED", None, SECONDS + 12)


def test_a_device_that_gives_up(run: Any, start: Start, report: Any, call: Call, database: Database) -> None:
    execution = start()
    report(execution, "TIMED_OUT", statusReason={"reasonCode": "SLOW"})
    assert get(run, execution).completed_at == SECONDS
    assert swept(database, NOW + 10_000, call) == NOW + command.RETENTION
    assert get(run, execution).status_reason == iot.StatusReason(reason_code="SLOW")
    with pytest.raises(jobs_data.TerminalStateException, match="finished with status TIMED_OUT"):
        report(execution, "SUCCEEDED")


def test_executions_are_forgotten(run: Any, start: Start, report: Any, call: Call, database: Database) -> None:
    execution = start()
    report(execution, "SUCCEEDED")
    assert swept(database, NOW + command.RETENTION - 1, call) == NOW + command.RETENTION
    assert swept(database, NOW + command.RETENTION, call) is None
    with pytest.raises(iot.ResourceNotFoundException):
        get(run, execution)


def test_many_time_out_in_steps(run: Any, start: Start, call: Call, database: Database) -> None:
    few = 3
    for _ in range(few):
        start()
    assert swept(database, NOW + 10_000, call) == NOW + command.RETENTION
    statuses = [each.status for each in run("ListCommandExecutions").command_executions]
    assert statuses == ["TIMED_OUT"] * few


@pytest.mark.parametrize("jump", [3_600_000, -3_600_000])
def test_a_clock_that_jumps_changes_no_span(start: Start, call: Call, database: Database, jump: int) -> None:
    start()
    seen, before = NOW, NOW + 1000
    transact(database, lambda tx: clock_jumps.follow(tx, (seen, before), before + jump, alone=True))
    assert swept(database, before + jump, call) == NOW + 10_000 + jump


# --- lists ----------------------------------------------------------------------------------------------------------


def test_list_command_executions(run: Any, start: Start, report: Any, call: Call, database: Database) -> None:
    run("CreateCommand", command_id="d", payload=iot.CommandPayload(content=b"x"))
    other = f"{PREFIX}command/d"
    ids = [start(call=at(call, 60_000 * minute)) for minute in range(5)]
    late = start(call=at(call, 300_000), command_arn=other, target_arn=CLIENT)
    report(ids[0], "SUCCEEDED", at(call, 120_000))
    report(ids[1], "TIMED_OUT")

    def listed(**members: Any) -> list[str]:
        found: list[str] = []
        token, count = None, 0
        while token or not count:
            page = run("ListCommandExecutions", max_results=2, next_token=token, **members)
            found += [each.execution_id for each in page.command_executions]
            token, count = page.next_token, count + 1
        assert count == max(1, -(-len(found) // 2))
        return found

    assert listed() == [late, *ids[::-1]]
    assert listed(command_arn=COMMAND) == ids[::-1]
    assert listed(command_arn=COMMAND, sort_order="ASCENDING") == ids
    assert listed(target_arn=CLIENT) == [late]
    assert listed(target_arn=THING, status="CREATED") == ids[:1:-1]
    assert listed(namespace="AWS-IoT-FleetWise") == []
    assert listed(command_arn=COMMAND, status="SUCCEEDED") == [ids[0]]
    started = iot.TimeFilter(after="2026-01-01T00:01", before="2026-01-01T00:03")
    assert listed(started_time_filter=started, sort_order="ASCENDING") == ids[1:3]
    assert listed(completed_time_filter=iot.TimeFilter(after="2026-01-01T00:01")) == [ids[0]]
    assert listed(completed_time_filter=iot.TimeFilter(before="2026-01-01T00:01")) == [ids[1]]
    transact(database, lambda tx: sweeps.sweep(tx, NOW + 600_000, call.limits))
    assert set(listed(status="TIMED_OUT")) == {late, *ids[1:]}
    one = run("ListCommandExecutions", target_arn=CLIENT).command_executions[0]
    assert (one.command_arn, one.target_arn, one.started_at, one.completed_at) == (other, CLIENT, SECONDS + 300, None)
    token = run("ListCommandExecutions", max_results=2).next_token
    with pytest.raises(iot.ValidationException, match="Invalid nextToken"):
        run("ListCommandExecutions", next_token=token, command_arn=COMMAND)


def test_filters_that_do_not_fit(run: Any) -> None:
    with pytest.raises(iot.ValidationException) as raised:
        run(
            "ListCommandExecutions",
            target_arn=THING,
            command_arn="c",
            started_time_filter=iot.TimeFilter(after="2026-01-01"),
            completed_time_filter=iot.TimeFilter(before="2026-02-30T00:00"),
        )
    for words in ("targetArn and commandArn", "startedTimeFilter and", "2026-01-01 is not", "2026-02-30T00:00 is not"):
        assert words in raised.value.message
    assert "c is not the ARN of a command" in raised.value.message
    with pytest.raises(iot.ValidationException, match="not the ARN of a thing or a client"):
        run("ListCommandExecutions", target_arn=COMMAND)


def test_delete_command_execution(run: Any, start: Start, report: Any, call: Call, database: Database) -> None:
    execution, late = start(), start()

    def delete(which: str) -> None:
        run("DeleteCommandExecution", execution_id=which, target_arn=THING)

    with pytest.raises(iot.ConflictException, match=f"execution {execution} is in status CREATED and cannot be"):
        delete(execution)
    report(execution, "REJECTED")
    delete(execution)
    with pytest.raises(iot.ResourceNotFoundException):
        get(run, execution)
    delete(execution)
    swept(database, NOW + 10_000, call)
    delete(late)
    assert run("ListCommandExecutions").command_executions == []


def test_scopes_do_not_meet(run: Any, start: Start, report: Any, call: Call) -> None:
    execution = start()
    other = call._replace(scope=call.scope + 1, account="210987654321")
    theirs = THING.replace(call.account, other.account)
    assert run("ListCommandExecutions", call=other).command_executions == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetCommandExecution", execution_id=execution, target_arn=theirs, call=other)
    with pytest.raises(iot.ValidationException):
        run("GetCommandExecution", execution_id=execution, target_arn=THING, call=other)
    with pytest.raises(jobs_data.ResourceNotFoundException):
        report(execution, "SUCCEEDED", other)
