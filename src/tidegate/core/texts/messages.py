"""Messages over HTTPS: Publish, retained messages, connections."""

from __future__ import annotations

from typing import Final

TOPIC_INVALID: Final = "topic must have 1 to 256 bytes, at most 7 slashes, no wildcard and no NUL"
"""[R] ``$aws/rules/<rule>/`` does not count."""

TOPIC_RESERVED: Final = "Forbidden"
"""[R] Publish to a topic where only the service speaks: the data planes do not say more (device reference 4)."""

RESPONSE_TOPIC_INVALID: Final = "responseTopic must not be empty and must contain no wildcard"
"""[R] after the member's description in the service model."""

CORRELATION_NOT_BASE64: Final = "correlationData must be base64"
"""[R]"""

PROPERTIES_MALFORMED: Final = "userProperties must be an array of JSON objects whose values are strings without NUL"
"""[R] after the member's description in the service model."""

EXPIRY_NEGATIVE: Final = "messageExpiry must not be negative"
"""[R]"""


def payload_too_large(limit: int) -> str:
    """[R] ``limit`` in bytes."""
    return f"The payload exceeds the maximum size allowed: {limit} bytes."


TIMEOUT_OUT_OF_RANGE: Final = "timeout must be from 1 to 15 seconds"
"""[R] for the range [D]."""

SENT: Final = "Message sent."
"""[R] SendDirectMessage."""

CONFIRMED: Final = "Message delivered."
"""[R] SendDirectMessage with confirmation."""


def not_connected(client_id: str) -> str:
    """[R] SendDirectMessage."""
    return f"Client {client_id} is not connected."


def not_confirmed(seconds: int) -> str:
    """[R] SendDirectMessage."""
    return f"The client did not acknowledge the message within {seconds} seconds."


def nothing_retained(topic: str) -> str:
    """[R] GetRetainedMessage."""
    return f"No retained message exists for topic {topic}."


def connection_missing(client_id: str) -> str:
    """[R] GetConnection, DeleteConnection."""
    return f"No connection or session exists for client {client_id}."
