"""Errors as they leave on the wire.

The generated modules subclass ``WireError`` once per modelled error and plane. The classes below stand in no service
model: the AWS front end answers with them before an operation is reached (control reference 1.4).
"""

# ruff: noqa: N818 - errors bear the names they have on the wire

from __future__ import annotations

from typing import ClassVar


class WireError(Exception):
    """An answer that is an error: raised where the fact is known, encoded once at the edge (``protocol.encode_error``).

    ``members`` are further top-level members of the body by their snake_case name (``resource_arn``, ``resource_id``,
    ``execution_state``): plain values or generated structs. Those that are None stay out of the body.
    """

    code: ClassVar[str] = "InternalFailureException"
    http_status: ClassVar[int] = 500
    plane: ClassVar[str | None] = None
    """The service whose model defines the error; None for those of the front end."""
    retry_after_ms: int = 1000
    """When it is worth trying again, told with 429 and 503: SDKs wait by it (boto3 from 1.44)."""
    by_a_part: bool = False
    """Refused by a part of an operation that is made of others: what the parts before it wrote has to be undone."""

    def __init__(self, message: str = "", **members: object) -> None:
        super().__init__(message)
        self.message = message
        self.members = members


class SerializationException(WireError):
    """The request cannot be read: malformed JSON, a wrong JSON type, an unreadable label or query value."""

    code = "SerializationException"
    http_status = 400


class UnknownOperationException(WireError):
    """No operation answers to this method and path."""

    code = "UnknownOperationException"
    http_status = 404


class AccessDeniedException(WireError):
    """The caller is known and not allowed."""

    code = "AccessDeniedException"
    http_status = 403


class UnrecognizedClientException(WireError):
    """The access key or security token is unknown."""

    code = "UnrecognizedClientException"
    http_status = 403


class ExpiredTokenException(WireError):
    """The session token was good once."""

    code = "ExpiredTokenException"
    http_status = 403


class InvalidSignatureException(WireError):
    """The signature does not match the request."""

    code = "InvalidSignatureException"
    http_status = 403


class MissingAuthenticationTokenException(WireError):
    """The request carries no credentials."""

    code = "MissingAuthenticationTokenException"
    http_status = 403


class IncompleteSignatureException(WireError):
    """The authorization header lacks a part or cannot be parsed."""

    code = "IncompleteSignatureException"
    http_status = 400


class RequestExpired(WireError):
    """The request was signed too long ago or too far ahead."""

    code = "RequestExpired"
    http_status = 400


class RequestEntityTooLargeException(WireError):
    """The body is larger than the service reads."""

    code = "RequestEntityTooLargeException"
    http_status = 413
