"""What any request may get wrong."""

from __future__ import annotations


def limit_exceeded(what: str, limit: int) -> str:
    """[R] Every quota."""
    return f"The limit of {limit} {what} is reached."


def version_conflict(expected: int, found: int) -> str:
    """[R] CancelJobExecution, after the text of the device plane."""
    return f"Expected version {expected} but found version {found}"


def not_an_arn_of(kind: str, text: str) -> str:
    """[R] ``kind`` is what the member names: a thing or a thing group."""
    return f"{text} is not the ARN of a {kind} of this account and region."


def not_an_arn(text: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"{text} is not an ARN."


def endpoint_type_unknown(kind: str) -> str:
    """[R] DescribeEndpoint."""
    return f"Endpoint type {kind} is not supported."
