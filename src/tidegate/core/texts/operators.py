"""Refusals of operators (control reference 1.4, 1.11)."""

from __future__ import annotations

from typing import Final

TOKEN_EXPIRED: Final = "The security token included in the request is expired"  # noqa: S105 - a sentence
"""[D] Temporary credentials after their end."""

THROTTLED: Final = "Rate exceeded"
"""[D] Every request above its rate."""


def denied(principal: str, action: str, resource: str, because: str) -> str:
    """[D] IAM's guide; ``because`` is its end: which kind of policy, and whether it denied or did not allow."""
    return f"User: {principal} is not authorized to perform: {action} on resource: {resource} {because}"
