"""Commands and their executions (reach reference 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final


def command_missing(name: str) -> str:
    """[R] after the text for packages."""
    return f"Command {name} cannot be found."


def command_exists(name: str) -> str:
    """[R] CreateCommand."""
    return f"Command {name} already exists."


def execution_missing(execution: str) -> str:
    """[R]"""
    return f"Command execution {execution} cannot be found."


# --- CreateCommand ----------------------------------------------------------------------------------------------------

PAYLOAD_OR_TEMPLATE: Final = "A command of namespace AWS-IoT has either a payload or a payloadTemplate."
"""[R] for the rule [D]."""

PAYLOAD_EMPTY: Final = "payload.content must not be empty."
"""[R]"""


def payload_too_large(size: int, limit: int) -> str:
    """[R] for the limit [D]. In bytes."""
    return f"The payload has {size} bytes, more than the limit of {limit}."


CONTENT_TYPE_INVALID: Final = "payload.contentType must be a text without control characters of at most 256 bytes."
"""[R] MQTT 5 carries it."""

PREPROCESSOR_MISSING: Final = "A payloadTemplate needs a preprocessor with awsJsonSubstitution."
"""[R] for the rule [D]."""

PREPROCESSOR_ALONE: Final = "A preprocessor goes with a payloadTemplate."
"""[R]"""

PARAMETERS_ALONE: Final = "mandatoryParameters of namespace AWS-IoT go with a payloadTemplate."
"""[R]"""

ROLE_NOT_SUPPORTED: Final = "roleArn is not supported in namespace AWS-IoT."
"""[R] for the rule [D]."""

ROLE_MISSING: Final = "roleArn, the ARN of an IAM role, is required in namespace AWS-IoT-FleetWise."
"""[R] for the rule [D]."""

PAYLOAD_OF_FLEETWISE: Final = "In namespace AWS-IoT-FleetWise the payload is made by AWS IoT FleetWise."
"""[R] for the rule [D]."""

TEMPLATE_WITHOUT_PLACEHOLDER: Final = "payloadTemplate must have at least one placeholder."
"""[R] for the rule [D]."""


def placeholder_unknown(name: str) -> str:
    """[R]"""
    return f"payloadTemplate has a placeholder for parameter {name}, which mandatoryParameters does not name."


def template_invalid(levels: int) -> str:
    """[R] for the rule [D]."""
    return f"payloadTemplate is not a JSON document, or nests deeper than {levels} levels."


def template_too_deep(levels: int) -> str:
    """[R]"""
    return f"payloadTemplate nests deeper than {levels} levels."


def parameter_twice(name: str) -> str:
    """[R]"""
    return f"mandatoryParameters names parameter {name} more than once."


def parameter_without_type(name: str) -> str:
    """[R]"""
    return f"Parameter {name} needs a type."


def value_of_other_type(where: str, kind: str, member: str) -> str:
    """[R]"""
    return f"The value of {where} must have the member {member} alone, as its type is {kind}."


def unsigned_too_large(where: str) -> str:
    """[R]"""
    return f"The value of {where} is larger than an UNSIGNEDLONG."


def binary_empty(where: str) -> str:
    """[R]"""
    return f"The value of {where} must not be empty."


def operator_not_of_type(name: str, operator: str, kind: str) -> str:
    """[R] for the rule [D]."""
    return f"Parameter {name} of type {kind} cannot have a condition with {operator}."


def operand_of_other_kind(name: str, operator: str, member: str) -> str:
    """[R] for the rule [D]."""
    return f"The condition {operator} of parameter {name} needs an operand with the member {member} alone."


def operand_no_number(name: str, operator: str) -> str:
    """[R]"""
    return f"An operand of the condition {operator} of parameter {name} is not a number."


def range_upside_down(name: str) -> str:
    """[R]"""
    return f"A numberRange of parameter {name} has a min above its max."


# --- DeleteCommandExecution, ListCommandExecutions --------------------------------------------------------------------


def execution_not_final(execution: str, status: str) -> str:
    """[R] for the rule [D]."""
    return f"Command execution {execution} is in status {status} and cannot be deleted."


FILTERS_OF_TIME: Final = "startedTimeFilter and completedTimeFilter cannot be given at the same time."
"""[R] for the rule [D]."""

FILTERS_OF_ARN: Final = "targetArn and commandArn cannot be given at the same time."
"""[R] for the rule [D]."""


def time_invalid(text: str) -> str:
    """[R] for the rule [D]."""
    return f"{text} is not a time written as yyyy-MM-dd'T'HH:mm."


# --- StartCommandExecution --------------------------------------------------------------------------------------------


def target_invalid(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a thing or a client of this account and region."


def command_arn_invalid(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a command of this account and region."


def command_deprecated(name: str) -> str:
    """[R] for the rule [D]."""
    return f"Command {name} is deprecated."


def command_pending_deletion(name: str) -> str:
    """[R] for the rule [D]."""
    return f"Command {name} is pending deletion."


FLEETWISE: Final = (
    "This server does not run AWS IoT FleetWise, which makes the payloads of commands in namespace AWS-IoT-FleetWise."
)
"""[R] Ours."""


def timeout_too_long(seconds: int, limit: int) -> str:
    """[R] for the limit [D]."""
    return f"executionTimeoutSeconds is {seconds}, more than the limit of {limit}."


PARAMETERS_UNWANTED: Final = "The command has no parameters."
"""[R]"""


def parameter_unknown(name: str) -> str:
    """[R]"""
    return f"The command has no parameter {name}."


def parameter_missing(name: str) -> str:
    """[R] for the rule [D]."""
    return f"Parameter {name} has neither a value nor a default value."


def condition_failed(name: str, operator: str) -> str:
    """[R] for the rule [D]."""
    return f"The value of parameter {name} does not meet its condition {operator}."


def payload_made_too_large(limit: int) -> str:
    """[R] In bytes."""
    return f"The payload with its parameters would have more than {limit} bytes."


# --- what devices report (errorMessage) -------------------------------------------------------------------------------

NOT_AN_OPERATION: Final = "The topic does not map to a Commands operation."
"""[R] after the text of Jobs."""

NOT_JSON: Final = "The payload is not valid JSON."
"""[R]"""

NOT_CBOR: Final = "The payload is not valid CBOR."
"""[R]"""

REPORT_NO_OBJECT: Final = "The payload is not an object."
"""[R]"""


def status_unknown(statuses: Iterable[str]) -> str:
    """[R]"""
    return f"status must be one of {', '.join(statuses)}."


REASON_NO_OBJECT: Final = "statusReason must be an object."
"""[R]"""

REASON_CODE_INVALID: Final = "statusReason.reasonCode must be 1 to 64 of A to Z, 0 to 9, _ and -."
"""[R] for the rule [D]."""

REASON_DESCRIPTION_INVALID: Final = (
    "statusReason.reasonDescription must be a text of at most 1024 characters without control characters."
)
"""[R] for the rule [D]."""

RESULT_NO_OBJECT: Final = "result must be an object."
"""[R]"""

RESULT_EMPTY: Final = "At least 1 command execution result is required"
"""Reported by a developer against AWS (reach reference 7.4)."""

RESULT_IS_STRING: Final = "Value cannot be a STRING"
"""Likewise."""

RESULT_NAME_INVALID: Final = "A name in result must be 1 to 32 letters, digits, _ and -."
"""[R] for the rule [D]."""


def result_invalid(name: str, kinds: Mapping[str, str]) -> str:
    """[R] for the rule [D]."""
    wanted = ", ".join(f"{kind} ({what})" for kind, what in kinds.items())
    return f"The result {name} must be an object with one member of {wanted}."


def transition_illegal(before: str, after: str) -> str:
    """[R] after the text of Jobs."""
    return f"The status of command execution cannot be changed from {before} to {after}."


def already_final(status: str) -> str:
    """[R] after the text of Jobs."""
    return f"Command execution has already finished with status {status}"


INTERNAL_FAILURE: Final = "The request could not be processed."
"""[R] as for Jobs."""
