"""Commands: reach reference 7.1, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core import command
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.store.database import Database, transact
from tidegate.wire import iot

ARN = "arn:aws:iot:eu-west-1:123456789012:command/"
ROLE = "arn:aws:iam::123456789012:role/fleetwise"
SECONDS = 1_767_225_600.0
PLAIN = iot.CommandPayload(content=b"reboot", content_type="text/plain")
NAME = "${aws:iot:commandexecution::parameter:name}"
TEMPLATE = f'{{"name": "{NAME}"}}'
SUBSTITUTION = iot.CommandPreprocessor(
    aws_json_substitution=iot.AwsJsonSubstitutionCommandPreprocessorConfig(output_format="JSON")
)


def parameter(name: str = "name", kind: str | None = "STRING", **members: Any) -> iot.CommandParameter:
    return iot.CommandParameter(name=name, type=kind, **members)


def with_template(run: Any, name: str, *parameters: iot.CommandParameter, **members: Any) -> Any:
    chosen = {"payload_template": TEMPLATE, "preprocessor": SUBSTITUTION, **members}
    return run("CreateCommand", command_id=name, mandatory_parameters=list(parameters) or None, **chosen)


def test_create_command(run: Any) -> None:
    tags = [iot.Tag(key="k", value="v")]
    made = run("CreateCommand", command_id="reboot", display_name="Reboot", description="d", payload=PLAIN, tags=tags)
    assert made == iot.CreateCommandResponse(command_id="reboot", command_arn=f"{ARN}reboot")
    assert run("GetCommand", command_id="reboot") == iot.GetCommandResponse(
        command_id="reboot",
        command_arn=f"{ARN}reboot",
        namespace="AWS-IoT",
        display_name="Reboot",
        description="d",
        payload=PLAIN,
        created_at=SECONDS,
        last_updated_at=SECONDS,
        deprecated=False,
        pending_deletion=False,
    )
    assert run("ListTagsForResource", resource_arn=f"{ARN}reboot").tags == tags
    with pytest.raises(iot.ConflictException, match="Command reboot already exists") as raised:
        run("CreateCommand", command_id="reboot", payload=PLAIN)
    assert raised.value.members == {"resource_id": "reboot"}
    with pytest.raises(iot.ResourceNotFoundException, match="Command other cannot be found"):
        run("GetCommand", command_id="other")


def test_a_command_with_a_template(run: Any) -> None:
    number = iot.CommandParameterValue(l=7)
    least = iot.CommandParameterValueCondition(
        comparison_operator="GREATER_THAN_EQUALS", operand=iot.CommandParameterValueComparisonOperand(number="5")
    )
    declared = [parameter(), parameter("n", "LONG", default_value=number, value_conditions=[least], description="d")]
    with_template(run, "set", *declared)
    found = run("GetCommand", command_id="set")
    assert (found.payload_template, found.preprocessor, found.payload) == (TEMPLATE, SUBSTITUTION, None)
    assert found.mandatory_parameters == declared


def test_a_payload_has_a_content_type(run: Any) -> None:
    run("CreateCommand", command_id="raw", payload=iot.CommandPayload(content=b"\0\xff"))
    assert run("GetCommand", command_id="raw").payload.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({}, "either a payload or a payloadTemplate"),
        ({"payload": PLAIN, "payload_template": TEMPLATE}, "either a payload or a payloadTemplate"),
        ({"payload": iot.CommandPayload(content_type="text/plain")}, "payload.content must not be empty"),
        ({"payload": iot.CommandPayload(content=b"x" * 32_769)}, "32769 bytes, more than the limit of 32768"),
        ({"payload": iot.CommandPayload(content=b"x", content_type="a\nb")}, "contentType must be a text"),
        ({"payload": PLAIN, "preprocessor": SUBSTITUTION}, "preprocessor goes with a payloadTemplate"),
        ({"payload": PLAIN, "mandatory_parameters": [parameter()]}, "mandatoryParameters of namespace AWS-IoT go with"),
        ({"payload": PLAIN, "role_arn": ROLE}, "roleArn is not supported"),
        ({"payload": PLAIN, "tags": [iot.Tag(key="aws:x")]}, "aws:x begins with aws:"),
        ({"payload_template": TEMPLATE, "mandatory_parameters": [parameter()]}, "needs a preprocessor"),
        ({"payload_template": "{}", "preprocessor": SUBSTITUTION}, "at least one placeholder"),
        ({"payload_template": "{", "preprocessor": SUBSTITUTION}, "payloadTemplate is not a JSON document"),
        ({"payload_template": TEMPLATE, "preprocessor": SUBSTITUTION}, "placeholder for parameter name"),
        ({"namespace": "AWS-IoT-FleetWise"}, "roleArn, the ARN of an IAM role, is required"),
        ({"namespace": "AWS-IoT-FleetWise", "role_arn": ROLE, "payload": PLAIN}, "made by AWS IoT FleetWise"),
    ],
)
def test_invalid_commands(run: Any, members: dict[str, Any], wrong: str) -> None:
    with pytest.raises(iot.ValidationException, match=wrong):
        run("CreateCommand", command_id="c", **members)
    assert run("ListCommands").commands == []


def test_every_violation_at_once(run: Any) -> None:
    with pytest.raises(iot.ValidationException) as raised:
        run("CreateCommand", command_id="c", role_arn=ROLE, payload=iot.CommandPayload(), preprocessor=SUBSTITUTION)
    assert all(word in raised.value.message for word in ("roleArn", "content", "preprocessor"))


def test_the_largest_payload(run: Any) -> None:
    run("CreateCommand", command_id="c", payload=iot.CommandPayload(content=b"x" * 32_768))


def test_the_quota_of_commands(run: Any, call: Call) -> None:
    few = call._replace(limits=call.limits._replace(commands=1))
    run("CreateCommand", command_id="a", payload=PLAIN, call=few)
    with pytest.raises(iot.ServiceQuotaExceededException, match="limit of 1 commands"):
        run("CreateCommand", command_id="b", payload=PLAIN, call=few)


def test_list_commands(run: Any, call: Call) -> None:
    for number in range(5):
        later = call._replace(now=call.now + number)
        run("CreateCommand", command_id=f"c{number}", payload=PLAIN, call=later)
    with_template(run, "t", parameter())
    run("CreateCommand", command_id="f", namespace="AWS-IoT-FleetWise", role_arn=ROLE)

    def pages(**members: Any) -> tuple[list[str], int]:
        found: list[str] = []
        token, count = None, 0
        while token or not count:
            page = run("ListCommands", max_results=2, next_token=token, **members)
            found += [one.command_id for one in page.commands]
            token, count = page.next_token, count + 1
        return found, count

    oldest = ["c0", "c1", "c2", "c3", "c4", "t", "f"]
    assert pages(sort_order="ASCENDING") == (oldest, 4)
    assert pages() == (oldest[::-1], 4)
    assert pages(namespace="AWS-IoT") == (oldest[-2::-1], 3)
    assert pages(command_parameter_name="name") == (["t"], 1)
    assert pages(command_parameter_name="other") == ([], 1)
    one = run("ListCommands", sort_order="ASCENDING").commands[0]
    assert (one.command_arn, one.deprecated, one.pending_deletion) == (f"{ARN}c0", False, False)
    assert one.created_at == SECONDS
    token = run("ListCommands", max_results=2).next_token
    for members in ({"sort_order": "ASCENDING"}, {"namespace": "AWS-IoT"}, {"command_parameter_name": "name"}):
        with pytest.raises(iot.ValidationException, match="Invalid nextToken"):
            run("ListCommands", next_token=token, **members)


def test_update_command(run: Any, call: Call) -> None:
    run("CreateCommand", command_id="c", display_name="n", payload=PLAIN)
    later = call._replace(now=call.now + 1500)
    updated = run("UpdateCommand", command_id="c", description="d", deprecated=True, call=later)
    assert updated == iot.UpdateCommandResponse(
        command_id="c", display_name="n", description="d", deprecated=True, last_updated_at=SECONDS + 1.5
    )
    assert run("GetCommand", command_id="c").deprecated is True
    assert run("UpdateCommand", command_id="c", display_name="").deprecated is True
    assert run("UpdateCommand", command_id="c", deprecated=False).deprecated is False
    with pytest.raises(iot.ResourceNotFoundException):
        run("UpdateCommand", command_id="no")


def at(call: Call, milliseconds: int) -> Call:
    return call._replace(now=call.now + milliseconds)


def test_delete_command(run: Any, call: Call, database: Database) -> None:
    run("CreateCommand", command_id="c", payload=PLAIN, tags=[iot.Tag(key="k")])
    assert run("DeleteCommand", command_id="c").status_code == 202
    assert run("DeleteCommand", command_id="c", call=at(call, 1000)).status_code == 202
    assert run("GetCommand", command_id="c").pending_deletion is True
    assert run("ListCommands").commands == []
    with pytest.raises(iot.ConflictException, match="pending deletion"):
        run("UpdateCommand", command_id="c", deprecated=False)
    with pytest.raises(iot.ConflictException):
        run("CreateCommand", command_id="c", payload=PLAIN)
    due = call.now + command.PROPAGATION
    assert transact(database, lambda tx: sweeps.sweep(tx, due - 1, call.limits)) == due
    run("GetCommand", command_id="c")
    assert transact(database, lambda tx: sweeps.sweep(tx, due, call.limits)) is None
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetCommand", command_id="c")
    run("CreateCommand", command_id="c", payload=PLAIN)
    assert run("ListTagsForResource", resource_arn=f"{ARN}c").tags == []


def test_delete_a_command_that_was_deprecated_long_ago(run: Any, call: Call) -> None:
    run("CreateCommand", command_id="c", payload=PLAIN, tags=[iot.Tag(key="k")])
    run("UpdateCommand", command_id="c", deprecated=True)
    assert run("DeleteCommand", command_id="c", call=at(call, command.PROPAGATION)).status_code == 204
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetCommand", command_id="c")
    assert run("DeleteCommand", command_id="c").status_code == 204


def test_a_deletion_waits_for_what_is_left_of_the_twelve_hours(run: Any, call: Call, database: Database) -> None:
    run("CreateCommand", command_id="c", payload=PLAIN)
    run("UpdateCommand", command_id="c", deprecated=True)
    assert run("DeleteCommand", command_id="c", call=at(call, command.PROPAGATION - 1)).status_code == 202
    assert transact(database, lambda tx: sweeps.sweep(tx, call.now + command.PROPAGATION, call.limits)) is None
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetCommand", command_id="c")


def test_scopes_do_not_meet(run: Any, call: Call) -> None:
    run("CreateCommand", command_id="c", payload=PLAIN)
    other = call._replace(scope=call.scope + 1, account="210987654321")
    assert run("ListCommands", call=other).commands == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetCommand", command_id="c", call=other)
    run("CreateCommand", command_id="c", payload=PLAIN, call=other)
    run("DeleteCommand", command_id="c", call=other)
    assert run("GetCommand", command_id="c").pending_deletion is False
