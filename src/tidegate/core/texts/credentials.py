"""Role aliases and the credential provider (reach reference 4)."""

from __future__ import annotations

from typing import Final

CERTIFICATE_INVALID: Final = "Certificate is invalid on this endpoint"
THING_NAME_INVALID: Final = "Invalid thing name passed"
ACCESS_DENIED: Final = "Access Denied"
ALIAS_UNKNOWN: Final = "Role alias does not exist"
ROLE_UNUSABLE: Final = "Unable to assume the role, or the role to assume does not exist"
DURATION_EXCEEDED: Final = "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role"
"""Captured from the live service by a third party. The credential provider, in this order."""


def role_invalid(role: str) -> str:
    """[R] ``roleArn``."""
    return f"roleArn {role} is not the ARN of an IAM role."


def alias_exists(name: str) -> str:
    """[R] CreateRoleAlias."""
    return f"Role alias {name} already exists."


def alias_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Role alias {name} cannot be found."
