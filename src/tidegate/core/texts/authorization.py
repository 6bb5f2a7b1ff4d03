"""TestAuthorization and GetEffectivePolicies (device reference 8.2)."""

from __future__ import annotations

from typing import Final

PRINCIPAL_MISSING: Final = "principal must be given: there are no Cognito identity pools here."
"""[R] TestAuthorization."""

NOTHING_NAMED: Final = "At least one of principal and thingName must be given"
"""[R] GetEffectivePolicies."""

NOT_A_PRINCIPAL: Final = "The principal is not the ARN of a certificate, nor the id of a Cognito identity"
"""[R] TestAuthorization."""


def action_type_missing(position: int) -> str:
    """[R] TestAuthorization; ``position`` counts from 1."""
    return f"authInfos.{position}.member.actionType must be given"


def resources_missing(position: int) -> str:
    """[R] TestAuthorization; ``position`` counts from 1."""
    return f"authInfos.{position}.member.resources must name at least one resource"


def too_many(member: str, most: int) -> str:
    """[R] TestAuthorization: AWS names no limits."""
    return f"A request may have at most {most} {member}"


def not_a_resource(position: int, text: str) -> str:
    """[R] TestAuthorization; ``position`` counts from 1."""
    return f"authInfos.{position}.member.resources holds {text}, which is not an ARN"
