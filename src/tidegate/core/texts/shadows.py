"""Device shadows (device reference 9.4). All are printed in AWS's guide, but for what is marked."""

from __future__ import annotations

from typing import Final

INVALID_JSON: Final = "Invalid JSON"
"""[D]"""

STATE_MISSING: Final = "Missing required node: state"
"""[D]"""

INVALID_VERSION: Final = "Invalid version"
"""[D]"""

INVALID_CLIENT_TOKEN: Final = "Invalid clientToken"  # noqa: S105 - no secret
"""[D] Longer than 64 bytes."""

TOO_DEEP: Final = "JSON contains too many levels of nesting; maximum is 6"
"""[D]"""

VERSION_CONFLICT: Final = "Version conflict"
"""[D]"""

NULL_IN_ARRAY: Final = "Arrays must not contain null"
"""[R] after the guide, which forbids it without a sentence."""

NOT_UTF_8: Final = "Unsupported documented encoding; supported encoding is UTF-8"
"""[D], typing error included."""

TOO_MANY_REQUESTS: Final = "Too many requests are under way on this connection"
"""[R] The guide prints the code 429 and no sentence."""

INTERNAL_FAILURE: Final = "Internal service failure"
"""[D]"""


def too_large(size: int, limit: int) -> str:
    """[live] Bytes of the state. The guide prints another sentence."""
    return f"Json document too large.  Size is {size}, max allowed: {limit}"


def not_an_object(node: str) -> str:
    """[D] ``node`` is state, desired or reported."""
    return f"{node.capitalize()} node must be an object"


def invalid_node(node: str) -> str:
    """[D] State has a member that is neither desired nor reported."""
    return f"State contains an invalid node: '{node}'"


def shadow_missing(thing_name: str, shadow_name: str) -> str:
    """[D] of a named shadow; of the classic one, whose ``shadow_name`` is empty, captures have the thing's name."""
    return f"No shadow exists with name: '{shadow_name or thing_name}'"
